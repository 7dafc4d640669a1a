# List the recipes.
default:
    @just --list

# Everything that must pass before a change lands.
ci:
    bash .ci/run

# Do width and depth commute, on real data?
commute *arguments:
    cargo run --release --example commute -- {{arguments}}

# Order and chaos of an activation over (σ_w², σ_b²): just phase_diagram --activation gelu
phase_diagram *arguments:
    cargo run --release --example phase_diagram -- {{arguments}}

# How long correlations survive.
depth_scales *arguments:
    cargo run --release --example depth_scales -- {{arguments}}

# Kernels against files of reference values: just conformance FILE.json
conformance *files:
    cargo run --release --features serde --example conformance -- {{files}}

# Random networks in every regime until one fails: just soak --seconds 60 --seed 1
soak *arguments:
    cargo run --release --example soak -- {{arguments}}

# Published statements, measured: docs/reproduction.md
reproduce *arguments:
    cargo run --release --example reproduce -- {{arguments}}

# Handwritten digits by networks of infinite width, or points of your own: just digits --input TRAIN.csv --test TEST.csv
digits *arguments:
    cargo run --release --example digits -- {{arguments}}

# What both duals of one pair cost, for every activation.
dual_grid *arguments:
    cargo run --release --example dual_grid -- {{arguments}}

# What kernels, flows and phases cost, for every activation.
regime_cost *arguments:
    cargo run --release --example regime_cost -- {{arguments}}

# What kernels cost, as a table and a figure.
kernel_cost *arguments:
    cargo run --release --example kernel_cost -- {{arguments}}

# Statistics of random networks on a grid, to a file that can be gone on with: just sweep --plan plan.json --out sweep.jsonl
sweep *arguments:
    cargo run --release --example sweep -- {{arguments}}

# The same over ranks of MPI (which must be installed): just ranks 4 sweep --plan plan.json --out sweep.jsonl
ranks number program *arguments:
    cargo build --release -p neural-limits-mpi
    mpirun -n {{number}} target/release/{{program}} {{arguments}}

# All tests.
test:
    cargo test

# Benchmarks, each beside its floor.
bench *filter:
    cargo bench -p benches -- {{filter}}

# Documentation with rendered formulas.
doc:
    RUSTDOCFLAGS="--html-in-header docs/katex-header.html" cargo doc --no-deps --features approx,plot,proptest,selection,serde,sweep --open
