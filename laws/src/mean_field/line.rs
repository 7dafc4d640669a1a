//! The Fokker–Planck equation of one neuron.

use std::cell::RefCell;

use super::convolution::{self, Convolution, REACH};
use super::heat::{Heat, Steps};
use super::{InitialLaw, MeanField, UniformGrid, weights};
use crate::law::{Density, Law};
use crate::{Error, Result};

/// What is added before the grid begins, as a share of all that is added, where the initial law has atoms or
/// kinks.
const START: f64 = 1.0 / 16.0;

/// Steps in time of the coarse solution for a unit of time and of $\sigma_w^2$, at the tolerance 1e-6.
const PACE: f64 = 4.0;

/// The most nodes of a grid, and the most work on it: nodes times steps.
const NODES: f64 = 1e6;
const WORK: f64 = 5e9;

/// How often the spacing is halved to reach the tolerance.
const ROUNDS: usize = 4;

/// What may lie outside of a grid, or be lost on it.
const LOST: f64 = 1e-8;

/// The density of a neuron on a grid, by the Fokker–Planck equation
///
/// $$\partial_\tau p = \tfrac12 B(\tau) \partial_x^2 p, \qquad B = \sigma_w^2 \int \varphi^2 p\, dx +
/// \sigma_b^2,$$
///
/// from [`MeanField::fokker_planck`] or [`fokker_planck_on`](MeanField::fokker_planck_on) a grid.
///
/// In time it is the method of Runge and Kutta of order 4, whose stages are solutions of the heat equation
/// ($B$ depends on time alone, so that variances add up in the exponent); in space the compact scheme of
/// Crandall, of order 6 for steps of the best length and 4 for others. Both keep densities positive, and mass
/// and mean to rounding. $B$ is read off the grid by a rule that knows the kinks of $\varphi$. While the law
/// widens the spacing is doubled: [`grid`](Self::grid) is the last one.
#[derive(Debug, Clone)]
pub struct FokkerPlanck {
    grid: UniformGrid,
    values: Vec<f64>,
    density: Density,
    added: f64,
    rate: f64,
    error: f64,
}

impl FokkerPlanck {
    /// The density.
    pub fn density(&self) -> &Density {
        &self.density
    }

    /// The density as a [`Law`].
    pub fn law(&self) -> Law {
        Law::Density(self.density.clone())
    }

    /// The nodes.
    pub fn grid(&self) -> UniformGrid {
        self.grid
    }

    /// The density at the nodes, where it is most accurate.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// $\int_0^\tau B$, the variance that was added.
    pub fn added_variance(&self) -> f64 {
        self.added
    }

    /// $B$ at the end.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The estimated error $\int \lvert p - p_\text{exact} \rvert$: an eighth of the difference from the
    /// solution with twice the spacing and half the steps, of which the scheme would leave a sixteenth.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// To a tolerance, on a grid that follows from it.
    pub(super) fn to_tolerance(
        mean_field: &MeanField,
        initial: &InitialLaw,
        clock: f64,
        tolerance: f64,
    ) -> Result<Self> {
        if !(1e-10..=1e-1).contains(&tolerance) {
            let expected = "a number in [1e-10, 1e-1]";
            return Err(Error::invalid("tolerance", tolerance, expected));
        }
        let plan = Plan::new(mean_field, initial, clock)?;
        let mut steps = plan.steps(tolerance);
        // of sixth order in the spacing against the narrowest deviation
        let mut spacing = plan.narrowest * tolerance.powf(1.0 / 6.0).min(0.3);
        let doublings = plan.doublings();
        let unit = (2 << doublings) as f64;
        let mut reached = f64::INFINITY;
        for _ in 0..ROUNDS {
            let (low, high) = plan.range;
            let intervals = unit * ((high - low) / (unit * spacing)).ceil();
            if intervals > NODES || intervals * plan.work(spacing) > WORK {
                break;
            }
            let grid = UniformGrid::new(low, high, intervals as usize + 1)?;
            let solution = plan.solve(grid, steps, doublings)?;
            reached = solution.error;
            if reached <= tolerance {
                return Ok(solution);
            }
            spacing *= 0.5;
            steps *= 2;
        }
        Err(Error::NotConverged {
            what: format!("the density of a neuron between {:?}", plan.range),
            reached,
            tolerance,
        })
    }

    /// On a given grid.
    pub(super) fn on_grid(
        mean_field: &MeanField,
        initial: &InitialLaw,
        clock: f64,
        grid: UniformGrid,
    ) -> Result<Self> {
        let plan = Plan::new(mean_field, initial, clock)?;
        plan.check(grid)?;
        // steps whose error is below that of the spacing, of fourth order at worst
        let tolerance = 1e-4 * (grid.spacing() / plan.narrowest).powi(4);
        plan.solve(grid, plan.steps(tolerance.clamp(1e-10, 1e-1)), 0)
    }
}

/// What is known before a grid is chosen.
struct Plan<'a> {
    mean_field: &'a MeanField,
    initial: &'a InitialLaw,
    /// The time at which the grid begins, and the variance added until then.
    start: (f64, f64),
    clock: f64,
    /// The variance added in all.
    added: f64,
    range: (f64, f64),
    narrowest: f64,
}

impl<'a> Plan<'a> {
    fn new(mean_field: &'a MeanField, initial: &'a InitialLaw, clock: f64) -> Result<Self> {
        let added = Convolution::new(mean_field, initial, clock)?.added_variance();
        let narrowest = initial.narrowest();
        let start = if narrowest > START.sqrt() * added.sqrt() || narrowest > 0.0 && added == 0.0 {
            (0.0, 0.0)
        } else if added > 0.0 {
            let variance = START * added;
            // the time, and the variance that has been added
            let pace = |state: &[f64; 2]| Ok([mean_field.rate(initial, state[1])?.recip(), 1.0]);
            let [time, _] = convolution::integrate(&pace, variance, convolution::TOLERANCE)?;
            (time, variance)
        } else {
            return Err(Error::undefined(
                "the density of a neuron",
                "its law has atoms or jumps that nothing smooths",
            ));
        };
        Ok(Self {
            mean_field,
            initial,
            start,
            clock,
            added,
            range: initial.range(added, REACH),
            narrowest: (narrowest * narrowest + start.1).sqrt(),
        })
    }

    /// Steps of the heat equation on a grid of this spacing, in all stages.
    fn work(&self, spacing: f64) -> f64 {
        8.0 * self.added / (spacing * spacing)
    }

    fn check(&self, grid: UniformGrid) -> Result<()> {
        let (low, high) = self.range;
        let finest = 0.5 * self.narrowest;
        let inside = self.initial.cdf(grid.high(), self.added)?
            - self.initial.cdf(grid.low(), self.added)?;
        if 1.0 - inside > LOST || grid.spacing() > finest {
            let nodes = ((high - low) / (0.25 * self.narrowest)).ceil() + 1.0;
            let what = if grid.spacing() > finest {
                "coarse"
            } else {
                "narrow"
            };
            return Err(Error::invalid(
                "grid",
                grid,
                format!(
                    "one that is not too {what} for the law: [{low:.6}, {high:.6}] with at least {nodes} nodes"
                ),
            ));
        }
        if grid.nodes() as f64 > NODES || grid.nodes() as f64 * self.work(grid.spacing()) > WORK {
            let expected = "a grid with less work than 5e9 steps of a node";
            return Err(Error::invalid("grid", grid, expected));
        }
        Ok(())
    }

    /// Steps of the coarse solution.
    fn steps(&self, tolerance: f64) -> usize {
        let rate = self.mean_field.initialization.weight_variance().max(0.25);
        let steps = PACE * (self.clock - self.start.0) * rate * (1e-6 / tolerance).powf(0.25);
        steps.ceil().clamp(1.0, 1e5) as usize
    }

    /// The solution on a grid and, with twice its spacing and half the steps, its error.
    fn solve(&self, grid: UniformGrid, steps: usize, doublings: usize) -> Result<FokkerPlanck> {
        let coarse = self.march(grid.coarser(), steps, doublings)?.values;
        let march = self.march(grid, 2 * steps, doublings)?;
        let (grid, values) = (march.grid, march.values);
        let pairs = values.iter().step_by(2).zip(&coarse);
        let difference: f64 = pairs.map(|(fine, coarse)| (fine - coarse).abs()).sum();
        Ok(FokkerPlanck {
            grid,
            density: Density::of_nodes(grid.low(), grid.spacing(), &values)?,
            values,
            added: march.added,
            rate: march.rate,
            error: difference * 2.0 * grid.spacing() / 8.0,
        })
    }

    /// How often the spacing can be doubled on the way, while the narrowest part widens.
    fn doublings(&self) -> usize {
        let wider = 1.0 + (self.added - self.start.1) / (self.narrowest * self.narrowest);
        wider.log(4.0).floor().clamp(0.0, 20.0) as usize
    }

    fn march(&self, grid: UniformGrid, count: usize, doublings: usize) -> Result<March> {
        let nodes = (0..grid.nodes()).map(|i| grid.low() + grid.spacing() * i as f64);
        let values = nodes.map(|x| self.initial.density_at(x, self.start.1));
        let mut p: Vec<f64> = values.collect::<Result<_>>()?;
        let mut space = Space::new(self.mean_field, grid);
        let time = (self.clock - self.start.0) / count as f64;
        let mut added = self.start.1;
        let mut doubled = 0;
        // what has been added, but not yet to p
        let mut owed = 0.0;
        for step in 1..=count {
            let stage = |variance: f64| space.rate(&space.diffused(&p, owed + variance));
            let first = stage(0.0)?;
            let second = stage(0.5 * time * first)?;
            let third = stage(0.5 * time * second)?;
            let fourth = stage(time * third)?;
            let variance = time * (first + 2.0 * (second + third) + fourth) / 6.0;
            owed += variance;
            if step == count || !space.steps(owed).are_short() {
                p = space.diffused(&p, owed);
                owed = 0.0;
            }
            added += variance;
            let wider = 1.0 + (added - self.start.1) / (self.narrowest * self.narrowest);
            while doubled < doublings && (step == count || wider >= 4_f64.powi(doubled as i32 + 1))
            {
                space = Space::new(self.mean_field, space.grid.coarser());
                p = p.into_iter().step_by(2).collect();
                doubled += 1;
            }
        }
        Ok(March {
            rate: space.rate(&p)?,
            grid: space.grid,
            values: p,
            added,
        })
    }
}

/// A solution on a grid.
struct March {
    grid: UniformGrid,
    values: Vec<f64>,
    added: f64,
    rate: f64,
}

/// A grid and what is done on it.
struct Space<'a> {
    mean_field: &'a MeanField,
    grid: UniformGrid,
    weights: Vec<f64>,
    heat: RefCell<Heat>,
}

impl<'a> Space<'a> {
    fn new(mean_field: &'a MeanField, grid: UniformGrid) -> Self {
        let (low, spacing) = (grid.low(), grid.spacing());
        let moments = &mean_field.moments;
        let kinks = moments.kinks().iter();
        let places: Vec<f64> = kinks.map(|kink| (kink - low) / spacing).collect();
        let square = |place: f64| moments.activation().value(low + spacing * place).powi(2);
        Self {
            mean_field,
            grid,
            weights: weights::on_line(grid.nodes(), &places, square),
            heat: RefCell::default(),
        }
    }

    /// $B$.
    fn rate(&self, p: &[f64]) -> Result<f64> {
        let square: f64 = self.weights.iter().zip(p).map(|(w, p)| w * p).sum();
        let rate = self.mean_field.dense(self.grid.spacing() * square.max(0.0));
        if rate.is_finite() {
            Ok(rate)
        } else {
            Err(Error::overflow(
                "the activation's second moment on the grid",
            ))
        }
    }

    fn steps(&self, variance: f64) -> Steps {
        Steps::of(0.5 * variance / (self.grid.spacing() * self.grid.spacing()))
    }

    /// $p$ with an independent Gaussian of this variance added.
    fn diffused(&self, p: &[f64], variance: f64) -> Vec<f64> {
        let mut diffused = p.to_vec();
        let line = (0, 1, p.len());
        let mut heat = self.heat.borrow_mut();
        heat.advance(&mut diffused, line, self.steps(variance));
        diffused
    }
}
