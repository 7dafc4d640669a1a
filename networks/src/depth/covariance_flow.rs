//! The flow of one pair, with steps of its own: $dK/d\tau = B(K)$ and $d\Theta/d\tau = B_\Theta(K, \Theta)$.

use super::extrapolation::{Extrapolation, Progress};
use crate::{Error, PairCovariance, Result};

/// The share of the duration that one Euler step takes first: it leaves variances of 0 behind, and its error
/// is of the order of its square.
const FIRST: f64 = 1e-20;

/// What grows by more than this factor flows in $\sqrt{\tau + \tau_0}$.
const GROWING: f64 = 0.25;

/// By so much in one step.
const STEEP: f64 = 8.0;

/// What the difference of two numbers near 1 errs by.
pub(super) const ROUNDING: f64 = 5e-17;

/// The difference of the last two columns at which a step is taken, in units of the tolerance: the better one
/// errs by a tenth to a thousandth of it.
pub(super) const SLACK: f64 = 30.0;

/// The error of rates, relative to the variances, below which no progress is expected.
pub(super) const NOISE: f64 = 1e-12;

/// The first step from small variances, as a share of the way.
const FIRST_STEP: f64 = 0.25;

/// Steps, at most.
const STEPS: usize = 10_000;

/// $K$ and $\Theta$, or their rates.
pub(super) type State = (PairCovariance, f64);

/// $(K, \Theta) \mapsto (B(K), B_\Theta(K, \Theta))$.
pub(super) type Rate<'a> = &'a dyn Fn(State) -> Result<State>;

/// How long the rate at the start takes to add as much as is there.
pub(super) fn doubling_time(q: f64, rate: f64) -> f64 {
    if rate > 0.0 { q / rate } else { f64::INFINITY }
}

/// Integrates from $(K_0, \Theta_0)$ for the duration `clock`, by extrapolated steps.
///
/// The state is what $q_a$ and $q_b$ have beyond a growth at the first rate, the defect
/// $D = \sqrt{q_a q_b} (1 - c)$, and $\Theta$. With $B$'s entries $r_a, r_b$ and complement
/// $\varepsilon^\prime$,
///
/// $$\dot D = \tfrac12 \left( \sqrt{r_a \sqrt{q_b/q_a}} - \sqrt{r_b \sqrt{q_a/q_b}} \right)^2 +
/// \sqrt{r_a r_b} \varepsilon^\prime \ge 0,$$
///
/// so that $D$ never falls, and the relative accuracy of $1 - c$ is that of $D$; where $c$ stays negative,
/// $1 + c$ takes the place of $1 - c$ in both. Since $q_a \approx r_a (\tau + \tau_0)$, $\sqrt{q_a}$ and
/// $D$ are singular at $-\tau_0$, like square roots: unless that is far away, the flow runs in
/// $\sqrt{\tau + \tau_0}$, in which it is smooth.
pub(super) fn integrate(
    rate: Rate<'_>,
    (k, tangent): State,
    clock: f64,
    tolerance: f64,
) -> Result<State> {
    if clock == 0.0 {
        return Ok((k, tangent));
    }
    let velocity = rate((k, tangent))?;
    let rough = k.plus(velocity.0.times(clock));
    if !rough.pair_correlation().is_positive() {
        // (u, -v) instead of (u, v), so that the defect is that of 1 + c
        let mirrored = |(k, tangent): State| {
            rate((k.opposite(), tangent)).map(|(k, tangent)| (k.opposite(), tangent))
        };
        let velocity = (velocity.0.opposite(), velocity.1);
        let start = ((k.opposite(), tangent), velocity, rough.opposite());
        return integrate_near_one(&mirrored, start, clock, tolerance)
            .map(|(k, tangent)| (k.opposite(), tangent));
    }
    integrate_near_one(rate, ((k, tangent), velocity, rough), clock, tolerance)
}

/// [`integrate`] from the start, the rates there, and what $K$ becomes at these rates.
fn integrate_near_one(
    rate: Rate<'_>,
    ((k, tangent), velocity, rough): (State, State, PairCovariance),
    clock: f64,
    tolerance: f64,
) -> Result<State> {
    let shift = doubling_time(k.variance_a(), velocity.0.variance_a())
        .min(doubling_time(k.variance_b(), velocity.0.variance_b()));
    let in_root = shift * GROWING < clock;
    let (first, start, end) = if in_root {
        let first = FIRST * clock;
        let root = |time: f64| (shift + time).sqrt();
        (first, root(first), root(clock))
    } else {
        (0.0, 0.0, clock)
    };
    let flow = Flow {
        rate,
        start,
        k: k.plus(velocity.0.times(first)),
        velocity: velocity.0,
        in_root,
    };
    let defect = |k: PairCovariance| k.geometric_mean() * k.one_minus_correlation();
    // the roots of relative rates differ by their rounding, and the defect has the square of the difference
    let rounding = if k.variance_a() == k.variance_b() {
        0.0
    } else {
        ROUNDING * (rough.geometric_mean() * defect(rough)).sqrt()
    };
    let floors = [
        SLACK * tolerance * rough.variance_a(),
        SLACK * tolerance * rough.variance_b(),
        (3e-3 * tolerance * defect(rough)).max(rounding),
        SLACK * tolerance * rough.geometric_mean(),
    ];
    let noise = NOISE * rough.geometric_mean();
    let mut state = vec![0.0, 0.0, defect(flow.k), tangent + first * velocity.1];
    let mut time = start;
    let is_steep = shift * STEEP < clock;
    let mut step = (end - start) * if is_steep { FIRST_STEP } else { 1.0 };
    let mut is_first = true;
    for _ in 0..STEPS {
        let rest = end - time;
        let is_last = step >= rest;
        step = step.min(rest);
        let errors = (floors, SLACK * tolerance, noise);
        match flow.step((time, step), &state, errors, is_first) {
            Ok(Some((next, columns))) => {
                is_first = false;
                state = next;
                if is_last {
                    return flow.end(end, &state, k);
                }
                time += step;
                step *= match columns {
                    ..=5 => 4.0,
                    6 => 2.0,
                    7 => 1.5,
                    _ => 1.0,
                };
            }
            refused => {
                step *= 0.5;
                if time + step == time || step < f64::MIN_POSITIVE {
                    refused?;
                    break;
                }
            }
        }
    }
    // no step is small enough
    Err(Error::overflow(
        "the covariance flow, or the number of its steps",
    ))
}

struct Flow<'a> {
    rate: Rate<'a>,
    /// The time at the start.
    start: f64,
    /// $K$ there.
    k: PairCovariance,
    /// $B(K)$ there.
    velocity: PairCovariance,
    /// Whether time is $\sqrt{\tau + \tau_0}$ instead of $\tau$.
    in_root: bool,
}

impl Flow<'_> {
    /// One step, and how many columns it took; `None` if it is too long.
    fn step(
        &self,
        (time, step): (f64, f64),
        state: &[f64],
        (floors, tolerance, noise): ([f64; 4], f64, f64),
        is_first: bool,
    ) -> Result<Option<(Vec<f64>, usize)>> {
        let mut velocity = vec![0.0; state.len()];
        let mut rates = |time: f64, state: &[f64], out: &mut [f64]| self.rates(time, state, out);
        rates(time, state, &mut velocity)?;
        let mut table = Extrapolation::default();
        let mut before = [f64::INFINITY; 4];
        loop {
            table.add(&mut rates, (time, step), state, &velocity)?;
            let allowed = |i: usize| tolerance * table.value(i).abs() + floors[i];
            if is_first && table.columns() == 1 {
                // the defect is smooth in the root of time, the others are so in time
                let speed = |i: usize, time: f64| match i {
                    2 => 1.0,
                    _ => self.speed(time),
                };
                let hidden =
                    table.initial_layer(&mut rates, (time, step), state, &velocity, &speed)?;
                if (0..4).any(|i| hidden[i] > allowed(i).max(noise)) {
                    return Ok(None);
                }
            }
            let mut worst = Progress::Settled;
            for (i, before) in before.iter_mut().enumerate() {
                let error = table.error(i);
                match Progress::of(table.columns(), error, *before, allowed(i), noise) {
                    Progress::Settled => {}
                    Progress::Pending => worst = Progress::Pending,
                    Progress::Failed => return Ok(None),
                }
                *before = error;
            }
            if worst == Progress::Settled {
                let next = (0..4).map(|i| table.value(i)).collect();
                return Ok(Some((next, table.columns())));
            }
        }
    }

    fn pair(&self, time: f64, state: &[f64]) -> PairCovariance {
        let elapsed = if self.in_root {
            (time - self.start) * (time + self.start)
        } else {
            time - self.start
        };
        let variance = |q: f64, rate: f64, rest: f64| (q + rate * elapsed + rest).max(0.0);
        let a = variance(self.k.variance_a(), self.velocity.variance_a(), state[0]);
        let b = variance(self.k.variance_b(), self.velocity.variance_b(), state[1]);
        let mean = PairCovariance::from_parts(a, b, 0.0).geometric_mean();
        let epsilon = if mean > 0.0 { state[2] / mean } else { 0.0 };
        PairCovariance::from_parts(a, b, epsilon.clamp(0.0, 2.0))
    }

    /// $d\tau$ of the time.
    fn speed(&self, time: f64) -> f64 {
        if self.in_root { 2.0 * time } else { 1.0 }
    }

    fn rates(&self, time: f64, state: &[f64], out: &mut [f64]) -> Result<()> {
        let k = self.pair(time, state);
        if !(k.variance_a().is_finite() && k.variance_b().is_finite()) {
            return Err(Error::overflow("the covariance flow"));
        }
        let (rate, tangent) = (self.rate)((k, state[3]))?;
        let speed = self.speed(time);
        out[0] = speed * (rate.variance_a() - self.velocity.variance_a());
        out[1] = speed * (rate.variance_b() - self.velocity.variance_b());
        out[2] = speed * k.defect_velocity(rate);
        out[3] = speed * tangent;
        Ok(())
    }

    /// The state at the end of the way that began at `start`.
    fn end(&self, time: f64, state: &[f64], start: PairCovariance) -> Result<State> {
        if !state.iter().all(|x| x.is_finite()) {
            return Err(Error::overflow("the covariance flow"));
        }
        let end = self.pair(time, state);
        let k = if end.geometric_mean() > 0.0 {
            end
        } else {
            // without a variance there is no correlation to follow
            PairCovariance::of(end.variance_a(), end.variance_b(), start.pair_correlation())
        };
        Ok((k, state[3]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Initialization;
    use crate::activation::Relu;
    use crate::network::Branch;

    fn flow(weight: f64, bias: f64, k: PairCovariance, clock: f64) -> PairCovariance {
        let branch = Branch::new(Relu, Initialization::new(weight, bias).unwrap());
        let rate = |(k, _): State| Ok((branch.covariance(k)?, 0.0));
        integrate(&rate, (k, 0.0), clock, 1e-13).unwrap().0
    }

    /// ReLU with a bias: q' = σ_w² q/2 + σ_b² has a closed form for the variances, and the covariance of
    /// parallel inputs of equal norm is their variance.
    #[test]
    fn variances_with_a_bias_follow_their_closed_form() {
        let end = flow(1.5, 0.3, PairCovariance::new(0.7, 2.0, 0.2).unwrap(), 1.3);
        let exact = |q: f64| (q + 0.4) * (0.75_f64 * 1.3).exp() - 0.4;
        assert!((end.variance_a() / exact(0.7) - 1.0).abs() < 1e-12);
        assert!((end.variance_b() / exact(2.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn without_a_bias_it_agrees_with_the_flow_in_closed_form() {
        for epsilon in [2.0, 1.7, 1.0, 0.3, 1e-3, 1e-9] {
            let k = PairCovariance::with_complement(0.3, 4.0, epsilon).unwrap();
            let end = flow(1.0, 0.0, k, 1.0);
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
        let end = flow(1.5, 0.3, PairCovariance::new(0.0, 2.0, 0.0).unwrap(), 1.3);
        let exact = 0.4 * (0.75_f64 * 1.3).exp() - 0.4;
        assert!((end.variance_a() / exact - 1.0).abs() < 1e-12);
    }
}
