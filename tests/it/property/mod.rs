//! How much is tried: the same cases and samples in every run, and more of them when asked for.

use proptest::test_runner::{Config, RngSeed};

/// `cases` cases from a fixed seed. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` explore further:
/// `PROPTEST_RNG_SEED=3 PROPTEST_CASES=100000 cargo test --test it bad_input`.
pub fn config(cases: u32) -> Config {
    let set = |variable: &str| std::env::var_os(variable).is_some();
    let mut config = Config::default();
    if !set("PROPTEST_CASES") {
        config.cases = cases;
    }
    if !set("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(7);
    }
    config.failure_persistence = None;
    config
}

/// `count` samples or cases, a quarter of what the same test takes when asked to be thorough:
/// `THOROUGH=1 cargo test --test it`. The bounds of a test hold for both.
pub fn samples(count: usize) -> usize {
    let factor = if std::env::var_os("THOROUGH").is_some() {
        4
    } else {
        1
    };
    factor * count
}
