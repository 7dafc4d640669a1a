//! The flow of one pair, with steps of its own: $dK/d\tau = B(K)$ and $d\Theta/d\tau = B_\Theta(K, \Theta)$.

use super::collocation::{COARSE_SETS, RULES, Rule};
use super::extrapolation::{COLUMNS, Errors, Extrapolation, Progress, Step};
use super::midpoints::{HomogeneousBranch, Line, Midpoint};
use crate::activation::Dual;
use crate::vectorized::vectorized;
use crate::{Error, Initialization, PairCovariance, Result};

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

/// The same for the defect in units of $\sqrt{q_a q_b}$: it has the square of a difference of such rates,
/// and $1 - c^\prime$ with a relative error and one by rounding.
pub(super) fn noise_of_defect(defect: f64) -> f64 {
    NOISE * defect.sqrt() + 1e-11 * defect + 4e-15
}

/// The first step from small variances, as a share of the way.
const FIRST_STEP: f64 = 0.25;

/// And where $\det K$ vanished before the variances: in units of the root of the time since these did.
const FROM_ROOT: f64 = 0.7;

/// Where it did so by as much later, as a share of this time, it is all that shows at the start.
const SMOOTH: f64 = 0.5;

/// What grows exponentially is followed as such if it has more than so many factors of $e$ to go.
const FAR: f64 = 2.0;

/// In steps of at most so many of them: $e^{\pm}$ of it is a number.
const LONGEST: f64 = 300.0;

/// The rules of a collocation, each from the one before, as long as two of them do not agree.
const CHAIN: [usize; 4] = [0, 2, 4, 6];

/// Sets at each of them, and the relative change after which there are no more: the next one is its square.
const MOST_SETS: usize = 4;
const SQUARED: f64 = 1e-7;

/// The same of the first rule, which errs by more.
const ROUGH: f64 = 1e-3;

/// The last Legendre coefficients of a rate, relative, at which it is resolved: ends err by their square.
const TAIL: f64 = 3e-5;

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

/// What is asked of a flow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demands<'a> {
    pub(super) tolerance: f64,
    /// Whether $B$ is singular where $\det K$ vanishes.
    pub(super) has_kinks: bool,
    /// The branch, if all columns of a step can be taken at once.
    pub(super) homogeneous: Option<HomogeneousBranch>,
    /// The branch, if steps can be collocations.
    pub(super) plain: Option<PlainBranch<'a>>,
}

/// An activation, and the plain dense layer behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainBranch<'a> {
    pub(super) activation: &'a dyn Dual,
    pub(super) dense: Initialization,
    /// Whether $\Theta$ moves.
    pub(super) has_tangent: bool,
    /// Whether pairs are followed as $(u, -v)$.
    pub(super) is_mirrored: bool,
}

impl PlainBranch<'_> {
    /// For pairs that are followed as $(u, -v)$.
    fn mirrored(self) -> Self {
        Self {
            is_mirrored: !self.is_mirrored,
            ..self
        }
    }

    /// $B(K)$ and $\partial B/\partial K$.
    fn rate(self, k: PairCovariance) -> Result<(PairCovariance, f64)> {
        let own = if self.is_mirrored { k.opposite() } else { k };
        let (dual, slope) = self.activation.duals(own)?;
        let rate = self.dense.dense(dual);
        let rate = if self.is_mirrored {
            rate.opposite()
        } else {
            rate
        };
        Ok((rate, self.dense.weight_variance() * slope))
    }

    /// $B$ of two variances.
    fn variances(self, q: [f64; 2]) -> Result<[f64; 2]> {
        let mut moments = [0.0; 2];
        if q[0] == q[1] {
            self.activation.moments(&q[..1], &mut moments[..1])?;
            moments[1] = moments[0];
        } else {
            self.activation.moments(&q, &mut moments)?;
        }
        Ok(moments.map(|v| self.dense.weight_variance() * v + self.dense.bias_variance()))
    }
}

/// How long ago $\det K$ vanished on the line through $K$ along $B(K)$, $\tau_0$.
pub(super) fn singular_since(k: PairCovariance, rate: PairCovariance) -> f64 {
    // relative rates
    let (a, b) = (
        rate.variance_a() / k.variance_a(),
        rate.variance_b() / k.variance_b(),
    );
    let difference = a.sqrt() - b.sqrt();
    let (near, rate_near) = (k.one_minus_correlation(), rate.one_minus_correlation());
    let mixed = near + rate_near - near * rate_near;
    let half = 0.5 * (difference * difference) + (a * b).sqrt() * mixed;
    let constant = k.pair_correlation().sine_squared();
    let square = a * b * rate.pair_correlation().sine_squared();
    let root = (half * half - constant * square).max(0.0).sqrt();
    if half + root == 0.0 {
        // det K = 0 at all times
        f64::INFINITY
    } else {
        // not a number without a variance
        (constant / (half + root)).max(0.0)
    }
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
///
/// Where variances have been seen to grow exponentially and have far to go, at the rate $\lambda$, the state
/// is $e^{-\lambda \tau} (q_a, q_b, D, \Theta)$, which hardly moves: a growth by $e^{500}$ then takes some
/// hundred evaluations, not thirty thousand.
pub(super) fn integrate(
    rate: Rate<'_>,
    start: State,
    clock: f64,
    demands: Demands<'_>,
) -> Result<State> {
    match follow(rate, start, clock, demands) {
        // where collocations end in steps too short, extrapolations need not
        Err(_) if demands.plain.is_some() => {
            let plain = None;
            follow(rate, start, clock, Demands { plain, ..demands })
        }
        end => end,
    }
}

/// [`integrate`], by one of both.
fn follow(rate: Rate<'_>, (k, tangent): State, clock: f64, demands: Demands<'_>) -> Result<State> {
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
        let start = (k.opposite(), tangent);
        let demands = Demands {
            homogeneous: demands.homogeneous.map(HomogeneousBranch::mirrored),
            plain: demands.plain.map(PlainBranch::mirrored),
            ..demands
        };
        return integrate_near_one(&mirrored, start, velocity, clock, demands)
            .map(|(k, tangent)| (k.opposite(), tangent));
    }
    integrate_near_one(rate, (k, tangent), velocity, clock, demands)
}

/// [`integrate`] from the start and the rates there.
fn integrate_near_one(
    rate: Rate<'_>,
    start: State,
    velocity: State,
    clock: f64,
    demands: Demands<'_>,
) -> Result<State> {
    let (mut flow, mut step) = match growth_at_start(rate, start, velocity, clock)? {
        Some(growth) => {
            let (flow, longest) =
                Flow::growing((rate, demands), start.0, velocity.0, growth, clock);
            // correlations move before they are slow
            (flow, longest.min(STEEP / growth))
        }
        None => Flow::evenly((rate, demands), start, velocity.0, clock),
    };
    let tangent = start.1 + flow.first * velocity.1;
    let (mut time, mut state) = (flow.start, flow.state(tangent));
    let mut here = if flow.first > 0.0 {
        (flow.k, rate((flow.k, tangent))?)
    } else {
        (flow.k, velocity)
    };
    let mut is_first = true;
    for _ in 0..STEPS {
        let rest = flow.end - time;
        // equal steps may leave what is rounding
        let is_last = step >= rest * (1.0 - 8.0 * f64::EPSILON);
        step = if is_last { rest } else { step };
        match flow.step((time, step), &state, here, is_first) {
            Ok(Some((next, columns))) => {
                if is_last {
                    return flow.end(&next, start.0);
                }
                is_first = false;
                state = next;
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
                continue;
            }
        }
        let (k, tangent) = flow.at(time, &state);
        let next = (k, rate((k, tangent))?);
        let growth = exponential_growth((here.0, here.1.0), (k, next.1.0));
        here = next;
        let left = flow.left(time);
        if growth * left > FAR {
            let before = step * flow.speed(time);
            (flow, step) = Flow::growing((rate, demands), k, here.1.0, growth, left);
            step = step.min(before);
        } else if flow.growth > 0.0 {
            (flow, step) = Flow::evenly((rate, demands), (k, tangent), here.1.0, left);
            here = (flow.k, rate((flow.k, tangent))?);
        } else {
            continue;
        }
        (time, state, is_first) = (flow.start, flow.state(tangent), true);
    }
    // no step is small enough
    Err(Error::overflow(
        "the covariance flow, or the number of its steps",
    ))
}

/// [`exponential_growth`] from the start on, where there is far to go.
fn growth_at_start(
    rate: Rate<'_>,
    (k, tangent): State,
    velocity: State,
    clock: f64,
) -> Result<Option<f64>> {
    let slower = doubling_time(k.variance_a(), velocity.0.variance_a())
        .max(doubling_time(k.variance_b(), velocity.0.variance_b()));
    if !(slower > 0.0 && slower * FAR < clock) {
        return Ok(None);
    }
    let later = (
        k.plus(velocity.0.times(slower)),
        tangent + slower * velocity.1,
    );
    let growth = exponential_growth((k, velocity.0), (later.0, rate(later)?.0));
    Ok((growth * clock > FAR).then_some(growth))
}

/// The rate at which both variances grow relative to themselves, if they do so exponentially; 0 otherwise.
fn exponential_growth(
    before: (PairCovariance, PairCovariance),
    now: (PairCovariance, PairCovariance),
) -> f64 {
    let a = |(k, rate): (PairCovariance, PairCovariance)| [k.variance_a(), rate.variance_a()];
    let b = |(k, rate): (PairCovariance, PairCovariance)| [k.variance_b(), rate.variance_b()];
    if grows_exponentially(a(before), a(now)) && grows_exponentially(b(before), b(now)) {
        let least = (a(now)[1] / a(now)[0]).min(b(now)[1] / b(now)[0]);
        if least.is_finite() { least } else { 0.0 }
    } else {
        0.0
    }
}

/// Whether the relative rate of a variance, from $q$ and $\dot q$ at two places of its way, falls with it
/// less than its square root does.
pub(super) fn grows_exponentially([old_q, old_rate]: [f64; 2], [q, rate]: [f64; 2]) -> bool {
    let (growth, old) = (rate / q, old_rate / old_q);
    q > old_q && growth * growth * q >= old * old * old_q
}

/// $\sqrt{q_a q_b} (1 - c)$.
fn defect(k: PairCovariance) -> f64 {
    k.geometric_mean() * k.one_minus_correlation()
}

/// The flow from a place on, in variables in which it is smooth.
struct Flow<'a> {
    rate: Rate<'a>,
    demands: Demands<'a>,
    /// The time at the start and at the end.
    start: f64,
    end: f64,
    /// $K$ at the start.
    k: PairCovariance,
    /// $B(K)$ there, or 0 for an exponential growth.
    velocity: PairCovariance,
    /// Whether time is $\sqrt{\tau + \tau_0}$ instead of $\tau$.
    in_root: bool,
    /// Whether the defect starts as $\tau$ does: where a variance is almost 0, it starts like its root.
    has_smooth_start: bool,
    /// What one Euler step has taken of $\tau$ before the start.
    first: f64,
    /// $\lambda$.
    growth: f64,
    /// By component, errors that do not matter.
    floors: [f64; 4],
    /// What is below may be rounding of the rates, but for the defect's.
    noise: f64,
}

impl<'a> Flow<'a> {
    /// In $\tau$ or $\sqrt{\tau + \tau_0}$; and a first step.
    fn evenly(
        (rate, demands): (Rate<'a>, Demands<'a>),
        (k, _): State,
        velocity: PairCovariance,
        clock: f64,
    ) -> (Self, f64) {
        let doubling = doubling_time(k.variance_a(), velocity.variance_a())
            .min(doubling_time(k.variance_b(), velocity.variance_b()));
        let shift = if demands.has_kinks {
            doubling.min(singular_since(k, velocity))
        } else {
            doubling
        };
        let in_root = shift * GROWING < clock;
        let (first, start, end) = if in_root {
            let root = |time: f64| (shift + time).sqrt();
            let first = FIRST * clock;
            (first, root(first), root(clock))
        } else {
            (0.0, 0.0, clock)
        };
        let rough = k.plus(velocity.times(clock));
        let flow = Self {
            rate,
            demands,
            start,
            end,
            k: k.plus(velocity.times(first)),
            velocity,
            in_root,
            has_smooth_start: in_root && shift < SMOOTH * doubling,
            first,
            growth: 0.0,
            floors: floors(rough, k.variance_a() == k.variance_b(), demands.tolerance),
            noise: NOISE * rough.geometric_mean(),
        };
        let way = end - start;
        let step = if demands.plain.is_some() && demands.homogeneous.is_none() {
            // collocations look after the start by their nodes
            way
        } else if in_root && shift < doubling {
            // roots of variances are singular where these vanished
            way.min(FROM_ROOT * doubling.sqrt())
        } else if shift * STEEP < clock {
            FIRST_STEP * way
        } else {
            way
        };
        (flow, step)
    }

    /// In variables that grow at the rate `growth`; and the longest step.
    fn growing(
        (rate, demands): (Rate<'a>, Demands<'a>),
        k: PairCovariance,
        velocity: PairCovariance,
        growth: f64,
        clock: f64,
    ) -> (Self, f64) {
        // the mean of two that are alike
        let rough = k.plus(velocity.times(1.0 / growth)).times(0.5);
        let flow = Self {
            rate,
            demands,
            start: 0.0,
            end: clock,
            k,
            velocity: PairCovariance::diagonal(0.0),
            in_root: false,
            has_smooth_start: false,
            first: 0.0,
            growth,
            floors: floors(rough, k.variance_a() == k.variance_b(), demands.tolerance),
            noise: NOISE * rough.geometric_mean(),
        };
        (flow, LONGEST / growth)
    }

    /// The state at the start.
    fn state(&self, tangent: f64) -> Vec<f64> {
        vec![0.0, 0.0, defect(self.k), tangent]
    }

    /// One step from a place with its rates, and how many columns it took; `None` if it is too long.
    fn step(
        &self,
        (time, length): (f64, f64),
        state: &[f64],
        (k, rate): (PairCovariance, State),
        is_first: bool,
    ) -> Result<Option<(Vec<f64>, usize)>> {
        let step = Step {
            time,
            length,
            in_root: self.has_smooth_start,
        };
        let mut velocity = vec![0.0; state.len()];
        self.velocities(time, state, (k, rate), &mut velocity);
        let plain = self
            .demands
            .plain
            .filter(|_| self.growth == 0.0 && self.demands.homogeneous.is_none());
        if let Some(plain) = plain {
            return self.collocate(plain, step, state, (k, rate), &velocity, is_first);
        }
        let mut rates = |time: f64, state: &[f64], out: &mut [f64]| self.rates(time, state, out);
        let mut table = Extrapolation::default();
        let mut errors = [Errors::NONE; 4];
        let at_once = self.columns(step, state, &velocity);
        loop {
            match &at_once {
                Some(all) => table.push(step, state, &velocity, all[table.columns()].to_vec()),
                None => table.add(&mut rates, step, state, &velocity)?,
            }
            let end = self.at(time + length, table.values()).0.geometric_mean();
            let end = end / self.factor(time + length);
            let limits = |i: usize| self.limits(i, table.value(i), end);
            let exceeds = |i: usize, hidden: f64| {
                let (allowed, noise) = limits(i);
                hidden > allowed.max(noise)
            };
            if is_first && table.columns() == 1 {
                // the defect is smooth in the root of time, the others are so in time
                let speed = |i: usize, time: f64| match i {
                    2 => 1.0,
                    _ => self.speed(time),
                };
                let hidden = table.initial_layer(&mut rates, step, state, &velocity, &speed)?;
                if (0..4).any(|i| exceeds(i, hidden[i])) {
                    return Ok(None);
                }
            }
            let mut worst = Progress::Settled;
            for (i, errors) in errors.iter_mut().enumerate() {
                errors.push(table.error(i));
                let (allowed, noise) = limits(i);
                match errors.progress(table.columns(), allowed, noise) {
                    Progress::Settled => {}
                    Progress::Pending => worst = Progress::Pending,
                    Progress::Failed => return Ok(None),
                }
            }
            if worst == Progress::Settled {
                // what grows may leave what it is near 0 at the very end of the step
                if self.growth > 0.0 {
                    let hidden = table.final_layer(&mut rates, step, state, &|_, _| 1.0)?;
                    if (0..4).any(|i| exceeds(i, hidden[i])) {
                        return Ok(None);
                    }
                }
                let next = (0..4).map(|i| table.value(i)).collect();
                return Ok(Some((next, table.columns())));
            }
        }
    }

    /// [`step`](Self::step) by collocation, with as many nodes as it takes; the number of columns that would
    /// have taken as long.
    fn collocate(
        &self,
        plain: PlainBranch<'_>,
        step: Step,
        state: &[f64],
        (k, rate): (PairCovariance, State),
        velocity: &[f64],
        is_first: bool,
    ) -> Result<Option<(Vec<f64>, usize)>> {
        if is_first {
            let mut rates =
                |time: f64, state: &[f64], out: &mut [f64]| self.rates(time, state, out);
            let mut table = Extrapolation::default();
            table.add(&mut rates, step, state, velocity)?;
            let speed = |i: usize, time: f64| match i {
                2 => 1.0,
                _ => self.speed(time),
            };
            let hidden = table.initial_layer(&mut rates, step, state, velocity, &speed)?;
            let end = self.at(step.time + step.length, table.values()).0;
            for (i, hidden) in hidden.into_iter().enumerate() {
                let (allowed, noise) = self.limits(i, table.value(i), end.geometric_mean());
                if hidden > allowed.max(noise) {
                    return Ok(None);
                }
            }
        }
        let variances = [k.variance_a(), k.variance_b()];
        let rates = [rate.0.variance_a(), rate.0.variance_b()];
        let Some((number, points)) = self.points(plain, step, variances, rates)? else {
            return Ok(None);
        };
        let start = [state[2]];
        let mut values = nodes(&RULES[0], step, |x| [start[0] + x * velocity[2]]);
        let mut before: Option<(f64, f64)> = None;
        let mut last = 0;
        for (trial, &next) in CHAIN.iter().enumerate() {
            let rule = &RULES[next];
            let own = rule.interpolated(number, &variances, &points);
            if trial > 0 {
                values = rule.interpolated(last, &start, &values);
            }
            last = next;
            let mut found = None;
            let sets = if trial == 0 { COARSE_SETS } else { MOST_SETS };
            for number in 1..=sets {
                let set = self.defects(plain, step, rule, (&own, &values))?;
                let old = values.clone();
                rule.correct(step.length, &start, &mut values, (&set.rates, &set.slopes));
                let is_near = |near: f64, with_noise: bool| {
                    let mut changed = values.iter().zip(&old).zip(&own).take(rule.size());
                    changed.all(|((new, old), q)| {
                        let noise = || self.limits(2, new[0], q[0].sqrt() * q[1].sqrt()).1;
                        let change = (new[0] - old[0]).abs();
                        change <= near * new[0] || (with_noise && change <= noise())
                    })
                };
                // what is left after the last set may be rounding of the rates
                if is_near(SQUARED, number == sets) {
                    found = Some(set);
                    break;
                }
                if trial == 0 && is_near(ROUGH, false) {
                    break;
                }
            }
            if trial == 0 {
                continue;
            }
            let Some(set) = found else {
                return Ok(None);
            };
            let m = rule.size();
            let theta = if plain.has_tangent {
                let set = self.defects(plain, step, rule, (&own, &values))?;
                rule.linear(step.length, &state[3..], (&set.covariances, &set.slopes))[0]
            } else {
                state[3]
            };
            let (defect, ends) = (values[m][0], [own[m][0], own[m][1]]);
            let mean = ends[0].sqrt() * ends[1].sqrt();
            if let Some((other, other_theta)) = before {
                let errors = [(2, defect, other), (3, theta, other_theta)];
                let is_good = errors.into_iter().all(|(i, value, other)| {
                    let (allowed, noise) = self.limits(i, value, mean);
                    let is_last = trial + 1 == CHAIN.len();
                    (value - other).abs() <= if is_last { allowed.max(noise) } else { allowed }
                });
                let rough = rule.tail(&set.rates, 0) * step.length;
                let is_smooth = rough <= TAIL * defect || rough <= self.limits(2, defect, mean).1;
                if is_good && is_smooth {
                    let elapsed = self.elapsed(step.time + step.length);
                    let rest = |i: usize, q: f64, rate: f64| ends[i] - (q + rate * elapsed);
                    let next = vec![
                        rest(0, self.k.variance_a(), self.velocity.variance_a()),
                        rest(1, self.k.variance_b(), self.velocity.variance_b()),
                        defect,
                        theta,
                    ];
                    return Ok(Some((next, 3 + 2 * trial)));
                }
            }
            before = Some((defect, theta));
        }
        Ok(None)
    }

    /// Both variances at the nodes of a rule and at the end of a step, and the number of the rule.
    fn points(
        &self,
        plain: PlainBranch<'_>,
        step: Step,
        start: [f64; 2],
        rates: [f64; 2],
    ) -> Result<Option<(usize, Vec<[f64; 2]>)>> {
        let speed = self.speed(step.time);
        let mut values = nodes(&RULES[0], step, |x| {
            let at = |i: usize| start[i] + x * speed * rates[i];
            [at(0), at(1)]
        });
        let mut before: Option<[f64; 2]> = None;
        let mut last = 0;
        for (trial, &next) in CHAIN.iter().enumerate() {
            let rule = &RULES[next];
            if trial > 0 {
                values = rule.interpolated(last, &start, &values);
            }
            last = next;
            let m = rule.size();
            let sets = if trial == 0 { COARSE_SETS } else { MOST_SETS };
            for _ in 0..sets {
                let mut rates = Vec::with_capacity(m);
                for q in &values[..m] {
                    let q = [q[0].max(0.0), q[1].max(0.0)];
                    rates.push(plain.variances(q)?);
                }
                let mut slopes = rule.slopes_along(&start, &values, &rates);
                for (x, all) in rule.nodes.iter().zip(rates.iter_mut().zip(&mut slopes)) {
                    let speed = self.speed(step.time + step.length * x);
                    all.0
                        .iter_mut()
                        .chain(all.1)
                        .for_each(|rate| *rate *= speed);
                }
                let old = values.clone();
                rule.correct(step.length, &start, &mut values, (&rates, &slopes));
                let near = if trial == 0 { ROUGH } else { SQUARED };
                let is_near = |i: usize| {
                    let mut both = values.iter().zip(&old);
                    both.all(|(new, old)| (new[i] - old[i]).abs() <= near * new[i])
                };
                if is_near(0) && is_near(1) {
                    break;
                }
            }
            let ends = [values[m][0], values[m][1]];
            if let Some(other) = before {
                let is_good = (0..2).all(|i| {
                    (ends[i] - other[i]).abs() <= SLACK * self.demands.tolerance * ends[i]
                });
                if is_good {
                    return Ok(Some((next, values)));
                }
            }
            if trial > 0 {
                before = Some(ends);
            }
        }
        Ok(None)
    }

    /// Rates and slopes of the defect at the nodes of a rule.
    fn defects(
        &self,
        plain: PlainBranch<'_>,
        step: Step,
        rule: &Rule,
        (points, values): (&[[f64; 2]], &[[f64; 1]]),
    ) -> Result<Set> {
        let mut set = Set::default();
        for (k, x) in rule.nodes[..rule.size()].iter().enumerate() {
            let speed = self.speed(step.time + step.length * x);
            let (a, b) = (points[k][0].max(0.0), points[k][1].max(0.0));
            let mean = if a == b { a } else { a.sqrt() * b.sqrt() };
            let epsilon = if mean > 0.0 { values[k][0] / mean } else { 0.0 };
            let pair = PairCovariance::from_parts(a, b, epsilon.clamp(0.0, 2.0));
            let (rate, slope) = plain.rate(pair)?;
            set.rates.push([speed * pair.defect_velocity(rate)]);
            set.slopes.push([speed * slope]);
            let own = if plain.is_mirrored {
                -rate.covariance()
            } else {
                rate.covariance()
            };
            set.covariances.push([speed * own]);
        }
        Ok(set)
    }

    /// What a component may err by, and the errors that may be those of the rates.
    fn limits(&self, i: usize, value: f64, mean: f64) -> (f64, f64) {
        let allowed = SLACK * self.demands.tolerance * value.abs() + self.floors[i];
        let noise = match value.abs() {
            defect if i == 2 && mean > 0.0 => mean * noise_of_defect(defect / mean),
            _ => self.noise,
        };
        (allowed, noise)
    }

    /// The midpoint rules of a step, where they can be taken at once.
    fn columns(&self, step: Step, state: &[f64], velocity: &[f64]) -> Option<[Midpoint; COLUMNS]> {
        let branch = self.demands.homogeneous.filter(|_| self.growth == 0.0)?;
        let line = Line {
            variances: [self.k.variance_a(), self.k.variance_b()],
            rates: [self.velocity.variance_a(), self.velocity.variance_b()],
            start: self.start,
            in_root: self.in_root,
        };
        let [start, velocity] = [state, velocity].map(|all| Midpoint::try_from(all).ok());
        let (start, velocity) = (start?, velocity?);
        Some(vectorized(
            #[inline(always)]
            move || branch.columns(line, step, start, velocity),
        ))
    }

    /// $\tau$ since the start.
    fn elapsed(&self, time: f64) -> f64 {
        if self.in_root {
            (time - self.start) * (time + self.start)
        } else {
            time - self.start
        }
    }

    /// $\tau$ to the end.
    fn left(&self, time: f64) -> f64 {
        if self.in_root {
            (self.end - time) * (self.end + time)
        } else {
            self.end - time
        }
    }

    /// $e^{\lambda \tau}$.
    fn factor(&self, time: f64) -> f64 {
        if self.growth > 0.0 {
            (self.growth * self.elapsed(time)).exp()
        } else {
            1.0
        }
    }

    fn at(&self, time: f64, state: &[f64]) -> State {
        let elapsed = self.elapsed(time);
        let factor = self.factor(time);
        let variance = |q: f64, rate: f64, rest: f64| factor * (q + rate * elapsed + rest).max(0.0);
        let a = variance(self.k.variance_a(), self.velocity.variance_a(), state[0]);
        let b = variance(self.k.variance_b(), self.velocity.variance_b(), state[1]);
        let mean = PairCovariance::from_parts(a, b, 0.0).geometric_mean();
        let epsilon = if mean > 0.0 {
            factor * state[2] / mean
        } else {
            0.0
        };
        let k = PairCovariance::from_parts(a, b, epsilon.clamp(0.0, 2.0));
        (k, factor * state[3])
    }

    /// $d\tau$ of the time.
    fn speed(&self, time: f64) -> f64 {
        if self.in_root { 2.0 * time } else { 1.0 }
    }

    fn rates(&self, time: f64, state: &[f64], out: &mut [f64]) -> Result<()> {
        let (k, tangent) = self.at(time, state);
        if !(k.variance_a().is_finite() && k.variance_b().is_finite()) {
            return Err(Error::overflow("the covariance flow"));
        }
        let rate = (self.rate)((k, tangent))?;
        self.velocities(time, state, (k, rate), out);
        Ok(())
    }

    /// What the rates at $K$ are of the state.
    fn velocities(
        &self,
        time: f64,
        state: &[f64],
        (k, (rate, tangent)): (PairCovariance, State),
        out: &mut [f64],
    ) {
        let shrink = 1.0 / self.factor(time);
        let rates = [
            rate.variance_a(),
            rate.variance_b(),
            k.defect_velocity(rate),
            tangent,
        ];
        let whole = [
            self.k.variance_a() + state[0],
            self.k.variance_b() + state[1],
            state[2],
            state[3],
        ];
        let even = [self.velocity.variance_a(), self.velocity.variance_b()];
        let speed = self.speed(time);
        for (i, out) in out.iter_mut().enumerate() {
            let rest = shrink * rates[i] - self.growth * whole[i];
            *out = speed * (rest - even.get(i).unwrap_or(&0.0));
        }
    }

    /// The state at the end of the way that began at `start`.
    fn end(&self, state: &[f64], start: PairCovariance) -> Result<State> {
        let (end, tangent) = self.at(self.end, state);
        let numbers = [end.variance_a(), end.variance_b(), tangent];
        if !state.iter().chain(&numbers).all(|x| x.is_finite()) {
            return Err(Error::overflow("the covariance flow"));
        }
        let k = if end.geometric_mean() > 0.0 {
            end
        } else {
            // without a variance there is no correlation to follow
            PairCovariance::of(end.variance_a(), end.variance_b(), start.pair_correlation())
        };
        Ok((k, tangent))
    }
}

/// A set of rates at the nodes of a rule: of the defect, their slopes, and of the covariance.
#[derive(Debug, Default)]
struct Set {
    rates: Vec<[f64; 1]>,
    slopes: Vec<[f64; 1]>,
    covariances: Vec<[f64; 1]>,
}

/// Something at the nodes of a rule and at the end, given how far the rate at the start moves it.
fn nodes<R>(rule: &Rule, step: Step, value: impl Fn(f64) -> R) -> Vec<R> {
    let nodes = rule.nodes.iter();
    nodes.map(|x| value(step.reach(x * step.length))).collect()
}

/// Errors that do not matter beside `rough`.
fn floors(rough: PairCovariance, are_equal: bool, tolerance: f64) -> [f64; 4] {
    // the roots of relative rates differ by their rounding, and the defect has the square of the difference
    let rounding = if are_equal {
        0.0
    } else {
        ROUNDING * rough.geometric_mean().sqrt() * defect(rough).sqrt()
    };
    [
        SLACK * tolerance * rough.variance_a(),
        SLACK * tolerance * rough.variance_b(),
        (3e-3 * tolerance * defect(rough)).max(rounding),
        SLACK * tolerance * rough.geometric_mean(),
    ]
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::activation::{Relu, named};
    use crate::network::Branch;
    use crate::{Initialization, PairCorrelation};

    fn flow(weight: f64, bias: f64, k: PairCovariance, clock: f64) -> PairCovariance {
        let branch = Branch::new(Relu, Initialization::new(weight, bias).unwrap());
        let rate = |(k, _): State| Ok((branch.covariance(k)?, 0.0));
        let demands = Demands {
            tolerance: 1e-13,
            has_kinks: true,
            homogeneous: None,
            plain: None,
        };
        integrate(&rate, (k, 0.0), clock, demands).unwrap().0
    }

    /// Points that differ by rounding: their defect is that of the rates, and shorter steps do not help.
    #[test]
    fn rounding_of_the_defect_is_no_reason_for_short_steps() {
        let phi = named("relu6").unwrap();
        let plain = PlainBranch {
            activation: &*phi,
            dense: Initialization::new(1.6, 0.0).unwrap(),
            has_tangent: false,
            is_mirrored: false,
        };
        let steps = Cell::new(0);
        let rate = |(k, _): State| {
            steps.set(steps.get() + 1);
            Ok((plain.rate(k)?.0, 0.0))
        };
        let demands = Demands {
            tolerance: 1e-13,
            has_kinks: true,
            homogeneous: None,
            plain: Some(plain),
        };
        for (a, b) in [
            (1.025_851_393_593_921_5_f64, 1.025_851_393_593_676_2_f64),
            (2_729_591.381_221_545_4, 2_729_591.381_221_512),
        ] {
            let k = PairCovariance::from_parts(a * a, b * b, 0.0);
            let (end, _) = integrate(&rate, (k, 0.0), 0.25, demands).unwrap();
            assert!(end.one_minus_correlation() < 1e-15);
        }
        assert!(steps.get() < 100, "{}", steps.get());
    }

    /// A pair that collocations cannot follow goes by extrapolation.
    #[test]
    fn opposite_points_of_very_different_variances_have_a_flow() {
        let phi = named("hard_tanh").unwrap();
        let plain = PlainBranch {
            activation: &*phi,
            dense: Initialization::new(20.0, 0.0).unwrap(),
            has_tangent: false,
            is_mirrored: false,
        };
        let rate = |(k, _): State| Ok((plain.rate(k)?.0, 0.0));
        let demands = |plain| Demands {
            tolerance: 1e-13,
            has_kinks: true,
            homogeneous: None,
            plain,
        };
        for distance in [1e-9, 1e-12] {
            let c = PairCorrelation::of_one_minus(2.0 - distance);
            let k = PairCovariance::of(1e12, 1e-12, c);
            let [end, other] = [Some(plain), None]
                .map(|plain| integrate(&rate, (k, 0.0), 1.0, demands(plain)).unwrap().0);
            assert!((end.variance_b() / other.variance_b() - 1.0).abs() < 1e-11);
            let difference = (end.covariance() - other.covariance()).abs();
            assert!(difference < 1e-11 * end.geometric_mean(), "{difference:e}");
        }
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
