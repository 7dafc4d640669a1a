# List the recipes.
default:
    @just --list

# Everything that must pass before a change lands.
ci:
    bash .ci/run

# Do width and depth commute, on real data?
commute *arguments:
    cargo run --release --example commute -- {{arguments}}

# All tests.
test:
    cargo test

# Benchmarks, each beside its floor.
bench *filter:
    cargo bench -- {{filter}}

# Documentation with rendered formulas.
doc:
    RUSTDOCFLAGS="--html-in-header docs/katex-header.html" cargo doc --no-deps --all-features --open
