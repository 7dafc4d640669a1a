//! One step of an ordinary differential equation by extrapolation: columns of the midpoint rule.
//!
//! W. Gragg (1965) and R. Bulirsch and J. Stoer (1966); E. Hairer, S. Nørsett and G. Wanner, *Solving
//! Ordinary Differential Equations I*, II.9. The midpoint rule with $n$ substeps errs by a series in
//! $n^{-2}$, so $k$ of its values with $n = 2, 4, \ldots, 2k$ give the order $2k$ for $k^2 + 1$ evaluations.
//! A step can be as long as the whole way: a smooth flow of a residual network is done in 19 to 103
//! evaluations, two of which look for a layer at the start, and every component says by itself when it has
//! settled.

use crate::Result;
use crate::vectorized::vectorized;

/// Columns, at most: more of them lose digits (ten enlarge rounding 550 times at worst).
pub(super) const COLUMNS: usize = 10;

/// Where in a step rates are probed, and how much of their change up to its middle they may have made there:
/// some times what a rate that changes evenly has.
const PROBES: [(f64, f64); 2] = [(1e-3, 0.02), (0.05, 0.25)];

/// The share of the noise of rates that is the rounding of the best of them.
const ROUNDING: f64 = 1e-2;

/// A step of the time $t$: $\tau$ itself, or its root up to a constant, $t^2 = \tau + \tau_0$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) time: f64,
    pub(super) length: f64,
    /// Whether it is a root of $\tau$ and the state starts smoothly in $\tau$.
    pub(super) in_root: bool,
}

impl Step {
    /// What the rates at the start are multiplied by to move by `length`: as if they were constant in
    /// $\tau$. Near $t = 0$ rates in $t$ are not, and what starts as $t^2$ would start too late by much.
    #[inline(always)]
    pub(super) fn reach(self, length: f64) -> f64 {
        if self.in_root {
            length * (1.0 + 0.5 * length / self.time)
        } else {
            length
        }
    }
}

/// $f(t, y)$, written into the last argument.
pub(super) type Rates<'a> = &'a mut dyn FnMut(f64, &[f64], &mut [f64]) -> Result<()>;

/// The extrapolation table of one step; of every row the last one is kept.
#[derive(Debug, Default)]
pub(super) struct Extrapolation {
    /// $T_{k,1}, \ldots, T_{k,k}$.
    row: Vec<Vec<f64>>,
    /// $T_{k-1,k-1}$.
    before: Vec<f64>,
}

impl Extrapolation {
    /// $k$.
    pub(super) fn columns(&self) -> usize {
        self.row.len()
    }

    /// $T_{k,k}$.
    pub(super) fn values(&self) -> &[f64] {
        self.row.last().map_or(&[], Vec::as_slice)
    }

    /// [`values`](Self::values), without the rest.
    pub(super) fn into_values(mut self) -> Vec<f64> {
        self.row.pop().unwrap_or_default()
    }

    /// A component of [`values`](Self::values).
    pub(super) fn value(&self, i: usize) -> f64 {
        self.row[self.row.len() - 1][i]
    }

    /// $|T_{k,k} - T_{k-1,k-1}|$, the error of the second, which is that of the first at most unless both
    /// agree by chance; $T_{0,0}$ is Euler's step.
    pub(super) fn error(&self, i: usize) -> f64 {
        (self.value(i) - self.before[i]).abs()
    }

    /// The next $k$, for a step from `start`, where the rates are `velocity`.
    ///
    /// # Errors
    /// Those of `rates`.
    pub(super) fn add(
        &mut self,
        rates: Rates<'_>,
        step: Step,
        start: &[f64],
        velocity: &[f64],
    ) -> Result<()> {
        let k = self.row.len();
        let substeps = 2 * (k + 1);
        let h = step.length / substeps as f64;
        let mut before = start.to_vec();
        let mut now = start.to_vec();
        add_multiple(&mut now, step.reach(h), velocity);
        let mut rate = vec![0.0; start.len()];
        for l in 1..substeps {
            rates(step.time + l as f64 * h, &now, &mut rate)?;
            add_multiple(&mut before, 2.0 * h, &rate);
            std::mem::swap(&mut before, &mut now);
        }
        self.push(step, start, velocity, now);
        Ok(())
    }

    /// The next $k$ from its $T_{k,1}$, for a step from `start`, where the rates are `velocity`.
    pub(super) fn push(&mut self, step: Step, start: &[f64], velocity: &[f64], mut now: Vec<f64>) {
        let k = self.row.len();
        self.before = match self.row.last() {
            Some(last) => last.clone(),
            None => {
                let mut euler = start.to_vec();
                add_multiple(&mut euler, step.reach(step.length), velocity);
                euler
            }
        };
        // T_{k,m+1} = T_{k,m} + (T_{k,m} - T_{k-1,m})/((n_k/n_{k-m})² - 1)
        for m in 0..k {
            let ratio = (k + 1) as f64 / (k - m) as f64;
            let weight = 1.0 / (ratio * ratio - 1.0);
            let old = &mut self.row[m][..];
            let value = &mut now[..];
            vectorized(
                #[inline(always)]
                || {
                    for (old, value) in old.iter_mut().zip(value.iter_mut()) {
                        let new = *value + (*value - *old) * weight;
                        *old = *value;
                        *value = new;
                    }
                },
            );
        }
        self.row.push(now);
    }

    /// What an initial layer of the step may hide, by component, after the first column; 0 without one.
    ///
    /// # Errors
    /// Those of `rates`.
    pub(super) fn initial_layer(
        &self,
        rates: Rates<'_>,
        step: Step,
        start: &[f64],
        velocity: &[f64],
        speed: &dyn Fn(usize, f64) -> f64,
    ) -> Result<Vec<f64>> {
        hidden_layer(rates, step, [start, self.values()], velocity, speed)
    }

    /// What a layer at the end of the step may hide, which no column sees either: that of the way back.
    ///
    /// # Errors
    /// Those of `rates`.
    pub(super) fn final_layer(
        &self,
        rates: Rates<'_>,
        step: Step,
        start: &[f64],
        speed: &dyn Fn(usize, f64) -> f64,
    ) -> Result<Vec<f64>> {
        let end = self.values();
        let mut velocity = vec![0.0; start.len()];
        let back = Step {
            time: step.time + step.length,
            length: -step.length,
            ..step
        };
        rates(back.time, end, &mut velocity)?;
        hidden_layer(rates, back, [end, start], &velocity, speed)
    }
}

/// What a layer may hide where a step begins, at the first of both `ends`.
///
/// The midpoint rule hardly sees the rates there: if they are constant behind a layer that is shorter than
/// all substeps, all columns agree on what is wrong by the layer. Component $i$ is probed as $f_i/s_i(t)$,
/// with $s$ in `speed`.
fn hidden_layer(
    rates: Rates<'_>,
    step: Step,
    [start, end]: [&[f64]; 2],
    velocity: &[f64],
    speed: &dyn Fn(usize, f64) -> f64,
) -> Result<Vec<f64>> {
    let mut hidden = vec![0.0_f64; start.len()];
    let mut rate = vec![0.0; start.len()];
    let (time, length) = (step.time, step.length);
    let middle = time + 0.5 * length;
    for (share, bound) in PROBES {
        let probe = time + share * length;
        let mut state = start.to_vec();
        add_multiple(&mut state, step.reach(share * length), velocity);
        rates(probe, &state, &mut rate)?;
        for (i, hidden) in hidden.iter_mut().enumerate() {
            let first = velocity[i] / speed(i, time);
            let change = (rate[i] / speed(i, probe) - first).abs();
            let whole = (end[i] - start[i]) / (length * speed(i, middle)) - first;
            if change > bound * whole.abs() {
                *hidden = hidden.max(PROBES[1].0 * change * length.abs() * speed(i, middle));
            }
        }
    }
    Ok(hidden)
}

fn add_multiple(y: &mut [f64], h: f64, rate: &[f64]) {
    vectorized(
        #[inline(always)]
        || {
            for (y, rate) in y.iter_mut().zip(rate) {
                *y += h * rate;
            }
        },
    );
}

/// What is known of a component of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More columns may do.
    Pending,
    /// The error is below the tolerance.
    Settled,
    /// No number of columns will do.
    Failed,
}

/// A column may agree with the last one by chance, where its error changes sign with time or with the pair:
/// its error counts as no less than this part of what the two before foretell, which is at least a tenth of
/// the last of them, since what is singular nearby falls slowly after what is smooth.
const FORETOLD: f64 = 0.5;
const FASTEST: f64 = 0.1;

/// The [errors](Extrapolation::error) of a component, the last one first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errors([f64; 3]);

impl Errors {
    pub(super) const NONE: Self = Self([f64::INFINITY; 3]);

    /// After one more column.
    pub(super) fn push(&mut self, error: f64) {
        let [last, before, _] = self.0;
        self.0 = [error, last, before];
    }

    /// The error of the last column but one, at least.
    pub(super) fn estimate(self) -> f64 {
        let [last, before, first] = self.0;
        let foretold = before * (before / first).clamp(FASTEST, 1.0);
        if foretold > 0.0 {
            last.max(FORETOLD * foretold)
        } else {
            last
        }
    }

    /// What becomes of the component. Errors below `noise` that do not fall any more are those of the rates.
    pub(super) fn progress(self, columns: usize, tolerance: f64, noise: f64) -> Progress {
        let [error, before, _] = self.0;
        if columns < 3 {
            Progress::Pending
        } else if self.estimate() <= tolerance
            || (columns > 5 && error <= noise && error >= 0.3 * before)
        {
            Progress::Settled
        } else if columns >= COLUMNS || !error.is_finite() {
            Progress::Failed
        } else if columns > 3 {
            // at the present rate, which improves
            let left = (COLUMNS - columns) as i32;
            let expected = error * (error / before).powi(left);
            // what is rounding already does not fall
            if expected <= 1e3 * tolerance || error <= ROUNDING * noise {
                Progress::Pending
            } else {
                Progress::Failed
            }
        } else {
            Progress::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// $y^\prime = y$: one step of length 1, with $k^2 + 1$ evaluations for the order $2k$.
    #[test]
    fn every_column_adds_two_orders() {
        let mut evaluations = 1;
        let step = Step {
            time: 0.0,
            length: 1.0,
            in_root: false,
        };
        let mut table = Extrapolation::default();
        let expected = [0.3, 0.02, 4e-4, 7e-6, 6e-8, 6e-10];
        for (k, bound) in expected.into_iter().enumerate() {
            let mut rates = |_: f64, y: &[f64], out: &mut [f64]| {
                evaluations += 1;
                out[0] = y[0];
                Ok(())
            };
            table.add(&mut rates, step, &[1.0], &[1.0]).unwrap();
            let error = (table.value(0) - 1f64.exp()).abs();
            assert!(error < bound, "{k}: {error:e}");
            assert!(table.error(0) > error, "{k}");
        }
        assert_eq!(evaluations, 37);
    }
}
