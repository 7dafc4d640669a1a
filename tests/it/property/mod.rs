//! The configuration of property tests: the same cases in every run, unless asked otherwise.

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
