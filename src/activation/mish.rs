//! Mish.

use super::Activation;
use super::pair_form::dual_from_pair_form;
use super::sigmoid::logistic;
use super::softplus::log_one_plus_exp;
use super::tanh::sech_squared;

/// $\varphi(x) = x \tanh(\log(1 + e^x))$ (D. Misra 2019, arXiv 1908.08681).
///
/// The dual has no closed form: Mehler's formula, and nested quadrature where $\varphi(\sqrt q z)$ is steep;
/// the error is below 1e-12 of $\sqrt{V_a V_b}$ (`tests/it/dual_oracle.rs` prints what is found).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mish;

impl Activation for Mish {
    fn name(&self) -> String {
        "Mish".to_owned()
    }

    fn value(&self, x: f64) -> f64 {
        x * log_one_plus_exp(x).tanh()
    }

    fn derivative(&self, x: f64) -> f64 {
        let softplus = log_one_plus_exp(x);
        softplus.tanh() + x * logistic(x) * sech_squared(softplus)
    }
}

dual_from_pair_form!(Mish, pair_cost::MIXTURE);
