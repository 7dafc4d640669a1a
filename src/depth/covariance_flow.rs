//! The flow $dK/d\tau = B(K)$ for any map $B$: three coupled scalars per pair of inputs.

use std::cell::RefCell;

use differential_equations::prelude::{ExplicitRungeKutta, IVP, ODE};

use crate::{Error, PairCovariance, Result};

/// The share of the duration that one Euler step takes first: it leaves variances of 0 behind, and its error
/// is of the order of its square.
const FIRST: f64 = 1e-20;

/// What grows by more than this factor starts like $\sqrt\tau$, or nearly so.
const STEEP: f64 = 30.0;

/// What the difference of two numbers near 1 errs by.
const ROUNDING: f64 = 5e-17;

/// The integrator's first step in $\sqrt\tau$, as a share of the way.
const FIRST_STEP: f64 = 0.005;

/// The integrator's tolerance of a step, in those of the caller, where the flow is smooth from the start:
/// there a step errs by less than a tenth of what it is estimated at.
const SLACK: f64 = 10.0;

/// The share of what a component grows to, as estimated at the start, below which its error does not count.
const FLOOR: f64 = 3.0;

/// Integrates from $K_0$ for the duration `clock` by an adaptive Dormand–Prince method of order 8(5,3).
///
/// The state is what $q_a$ and $q_b$ have beyond a growth at the first rate, and the defect
/// $D = \sqrt{q_a q_b} (1 - c)$. With $B$'s entries $r_a, r_b$ and complement $\varepsilon^\prime$,
///
/// $$\dot D = \tfrac12 \left( \sqrt{r_a \sqrt{q_b/q_a}} - \sqrt{r_b \sqrt{q_a/q_b}} \right)^2 +
/// \sqrt{r_a r_b} \varepsilon^\prime \ge 0,$$
///
/// so that $D$ never falls, and the relative accuracy of $1 - c$ is that of $D$; where $c$ stays negative,
/// $1 + c$ takes the place of $1 - c$ in both. From a variance of
/// (nearly) 0, $q_a \approx r_a (\tau + \tau_0)$, and $\sqrt{q_a}$ and $D$ start like square roots: there the
/// flow runs in $\sqrt{\tau + \tau_0}$, in which it is smooth.
pub(super) fn integrate(
    rate: &dyn Fn(PairCovariance) -> Result<PairCovariance>,
    k: PairCovariance,
    clock: f64,
    tolerance: f64,
) -> Result<PairCovariance> {
    if clock == 0.0 {
        return Ok(k);
    }
    let velocity = rate(k)?;
    let rough = k.plus(velocity.times(clock));
    if !rough.pair_correlation().is_positive() {
        // (u, -v) instead of (u, v), so that the defect is that of 1 + c
        let mirrored = |k: PairCovariance| rate(k.opposite()).map(PairCovariance::opposite);
        let start = (k.opposite(), velocity.opposite(), rough.opposite());
        return integrate_near_one(&mirrored, start, clock, tolerance)
            .map(PairCovariance::opposite);
    }
    integrate_near_one(rate, (k, velocity, rough), clock, tolerance)
}

/// [`integrate`] from $K_0$, $B(K_0)$ and what $K$ becomes at this velocity.
fn integrate_near_one(
    rate: &dyn Fn(PairCovariance) -> Result<PairCovariance>,
    (k, velocity, rough): (PairCovariance, PairCovariance, PairCovariance),
    clock: f64,
    tolerance: f64,
) -> Result<PairCovariance> {
    // how long the rate at the start takes to add as much as is there
    let doubling = |rate: f64, q: f64| if rate > 0.0 { q / rate } else { f64::INFINITY };
    let (a, b) = (
        doubling(velocity.variance_a(), k.variance_a()),
        doubling(velocity.variance_b(), k.variance_b()),
    );
    let shift = a.min(b);
    let steep = shift * STEEP < clock;
    let (first, start, end_time) = if steep {
        let first = FIRST * clock;
        let root = |time: f64| (shift + time).sqrt();
        (first, root(first), root(clock))
    } else {
        (0.0, 0.0, clock)
    };
    let k = k.plus(velocity.times(first));
    let flow = Flow {
        rate,
        start,
        k,
        velocity,
        in_root: steep,
        failure: RefCell::new(None),
    };
    let floor = |x: f64| (FLOOR * tolerance * x).clamp(f64::MIN_POSITIVE, f64::MAX);
    let defect = |k: PairCovariance| k.geometric_mean() * k.one_minus_correlation();
    // the roots of relative rates differ by their rounding, and the defect has the square of the difference
    let rounding = if k.variance_a() == k.variance_b() {
        0.0
    } else {
        ROUNDING * (rough.geometric_mean() * defect(rough)).sqrt()
    };
    let floors = [
        floor(rough.variance_a()),
        floor(rough.variance_b()),
        floor(1e-3 * defect(rough)).max(rounding),
    ];
    let solution = IVP::ode(&flow, start, end_time, [0.0, 0.0, defect(k)])
        .method(
            ExplicitRungeKutta::dop853()
                .h0(if steep {
                    FIRST_STEP * (end_time - start)
                } else {
                    0.0
                })
                .rtol(if steep { tolerance } else { SLACK * tolerance })
                .atol(floors)
                .max_steps(10_000),
        )
        .solve();
    if let Some(error) = flow.failure.borrow_mut().take() {
        return Err(error);
    }
    let reached = solution
        .ok()
        .and_then(|solution| solution.y.last().copied());
    match reached {
        Some(end) if end.iter().all(|x| x.is_finite()) => {
            let end = flow.pair(end_time, &end);
            Ok(if end.geometric_mean() > 0.0 {
                end
            } else {
                // without a variance there is no correlation to follow
                let c = k.pair_correlation();
                PairCovariance::of(end.variance_a(), end.variance_b(), c)
            })
        }
        Some(_) => Err(Error::overflow("the covariance flow")),
        // no step is small enough
        None => Err(Error::overflow(
            "the covariance flow, or the number of its steps",
        )),
    }
}

struct Flow<'a> {
    /// $B$.
    rate: &'a dyn Fn(PairCovariance) -> Result<PairCovariance>,
    /// The time at the start.
    start: f64,
    /// $K$ there.
    k: PairCovariance,
    /// $B(K)$ there.
    velocity: PairCovariance,
    /// Whether time is $\sqrt{\tau + \tau_0}$ instead of $\tau$.
    in_root: bool,
    /// The first error of a dual; the integrator sees it as velocities that are not finite.
    failure: RefCell<Option<Error>>,
}

impl Flow<'_> {
    fn pair(&self, time: f64, state: &[f64; 3]) -> PairCovariance {
        let elapsed = if self.in_root {
            (time - self.start) * (time + self.start)
        } else {
            time - self.start
        };
        let variance = |q: f64, rate: f64, rest: f64| (q + rate * elapsed + rest).max(0.0);
        let [a, b, defect] = *state;
        let a = variance(self.k.variance_a(), self.velocity.variance_a(), a);
        let b = variance(self.k.variance_b(), self.velocity.variance_b(), b);
        let mean = PairCovariance::from_parts(a, b, 0.0).geometric_mean();
        let epsilon = if mean > 0.0 { defect / mean } else { 0.0 };
        PairCovariance::from_parts(a, b, epsilon.clamp(0.0, 2.0))
    }
}

impl ODE<f64, [f64; 3]> for Flow<'_> {
    fn diff(&self, time: f64, state: &[f64; 3], velocity: &mut [f64; 3]) {
        *velocity = [f64::NAN; 3];
        if self.failure.borrow().is_some() || !state.iter().all(|x| x.is_finite()) {
            return;
        }
        let k = self.pair(time, state);
        match (self.rate)(k) {
            Ok(rate) => {
                let speed = if self.in_root { 2.0 * time } else { 1.0 };
                let velocities = [
                    rate.variance_a() - self.velocity.variance_a(),
                    rate.variance_b() - self.velocity.variance_b(),
                    k.defect_velocity(rate),
                ];
                *velocity = velocities.map(|velocity| speed * velocity);
            }
            Err(error) => *self.failure.borrow_mut() = Some(error),
        }
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
