//! The flow $dK/d\tau = B(K)$ for any map $B$: three coupled scalars per pair of inputs.

use std::cell::RefCell;

use differential_equations::prelude::{ExplicitRungeKutta, IVP, ODE};

use crate::{Error, PairCovariance, Result};

/// Integrates from $K_0$ for the duration `clock` by an adaptive Dormand–Prince method of order 8(5,3).
///
/// The state is $(q_a, q_b, \varepsilon = 1 - c)$, in which inputs that are nearly parallel stay apart; if a
/// variance starts at 0, where $\varepsilon$ has no meaning, it is $(q_a, q_b, k)$.
pub(super) fn integrate(
    rate: &dyn Fn(PairCovariance) -> Result<PairCovariance>,
    k: PairCovariance,
    clock: f64,
    tolerance: f64,
) -> Result<PairCovariance> {
    if clock == 0.0 {
        return Ok(k);
    }
    let scale = k.variance_a().max(k.variance_b()).max(f64::MIN_POSITIVE);
    let by_correlation = k.geometric_mean() > 0.0;
    let (third, third_floor) = if by_correlation {
        (k.one_minus_correlation(), 1e-18)
    } else {
        (k.covariance(), 1e-6 * tolerance * scale)
    };
    let flow = Flow {
        rate,
        by_correlation,
        failure: RefCell::new(None),
    };
    let start = [k.variance_a(), k.variance_b(), third];
    let floor = 1e-6 * tolerance * scale;
    let solution = IVP::ode(&flow, 0.0, clock, start)
        .method(
            ExplicitRungeKutta::dop853()
                .rtol(tolerance)
                .atol([floor, floor, third_floor])
                .max_steps(100_000),
        )
        .solve()
        .map_err(|_| Error::NotConverged {
            what: "the covariance flow".to_owned(),
            reached: f64::INFINITY,
            tolerance,
        });
    if let Some(error) = flow.failure.borrow_mut().take() {
        return Err(error);
    }
    let solution = solution?;
    let end = solution.y.last().copied().unwrap_or(start);
    if !end.iter().all(|x| x.is_finite()) {
        return Err(Error::overflow("the covariance flow"));
    }
    Ok(flow.pair(&end))
}

struct Flow<'a> {
    /// $B$.
    rate: &'a dyn Fn(PairCovariance) -> Result<PairCovariance>,
    by_correlation: bool,
    /// The first error of a dual; the integrator sees it as velocities that are not finite.
    failure: RefCell<Option<Error>>,
}

impl Flow<'_> {
    fn pair(&self, state: &[f64; 3]) -> PairCovariance {
        let [a, b, third] = *state;
        let (a, b) = (a.max(0.0), b.max(0.0));
        if self.by_correlation {
            PairCovariance::from_parts(a, b, third.clamp(0.0, 2.0))
        } else {
            PairCovariance::from_entries(a, b, third)
        }
    }
}

impl ODE<f64, [f64; 3]> for Flow<'_> {
    fn diff(&self, _time: f64, state: &[f64; 3], velocity: &mut [f64; 3]) {
        let k = self.pair(state);
        *velocity = match (self.rate)(k) {
            Ok(rate) if self.by_correlation => k.velocity(rate),
            Ok(rate) => [rate.variance_a(), rate.variance_b(), rate.covariance()],
            Err(error) => {
                self.failure.borrow_mut().get_or_insert(error);
                [f64::NAN; 3]
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Initialization;
    use crate::activation::Relu;
    use crate::network::Branch;

    /// ReLU with a bias: q' = σ_w² q/2 + σ_b² has a closed form for the variances, and the covariance of
    /// parallel inputs of equal norm is their variance.
    #[test]
    fn variances_with_a_bias_follow_their_closed_form() {
        let branch = Branch::new(Relu, Initialization::new(1.5, 0.3).unwrap());
        let k = PairCovariance::new(0.7, 2.0, 0.2).unwrap();
        let end = integrate(&|k| branch.covariance(k), k, 1.3, 1e-13).unwrap();
        let exact = |q: f64| (q + 0.4) * (0.75_f64 * 1.3).exp() - 0.4;
        assert!((end.variance_a() / exact(0.7) - 1.0).abs() < 1e-12);
        assert!((end.variance_b() / exact(2.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn without_a_bias_it_agrees_with_the_flow_in_closed_form() {
        let branch = Branch::new(Relu, Initialization::new(1.0, 0.0).unwrap());
        for epsilon in [2.0, 1.7, 1.0, 0.3, 1e-3, 1e-9] {
            let k = PairCovariance::with_complement(0.3, 4.0, epsilon).unwrap();
            let end = integrate(&|k| branch.covariance(k), k, 1.0, 1e-13).unwrap();
            let exact = super::super::CorrelationFlow::shared()
                .complement_at(epsilon, 1.0)
                .unwrap();
            assert!(
                (end.one_minus_correlation() / exact - 1.0).abs() < 1e-11,
                "ε = {epsilon}: {} against {exact}",
                end.one_minus_correlation()
            );
        }
    }

    #[test]
    fn it_starts_from_zero_variance() {
        let branch = Branch::new(Relu, Initialization::new(1.5, 0.3).unwrap());
        let k = PairCovariance::new(0.0, 2.0, 0.0).unwrap();
        let end = integrate(&|k| branch.covariance(k), k, 1.3, 1e-13).unwrap();
        let exact = 0.4 * (0.75_f64 * 1.3).exp() - 0.4;
        assert!((end.variance_a() / exact - 1.0).abs() < 1e-12);
    }
}
