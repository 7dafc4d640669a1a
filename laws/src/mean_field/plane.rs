//! The Fokker–Planck equation of the joint law at two inputs.

use super::MeanField;
use super::heat::Heat;
use super::joint::{JointConvolution, JointLaw};
use super::lattice::Lattice;
use super::weights::{each_point, lagrange, spread};
use crate::error;
use crate::{Error, Result};

/// The shares of the time, one after the other, that are left to the convolution while components are
/// narrower than [`NARROW`].
const STARTS: [f64; 3] = [1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0];
const NARROW: f64 = 0.3;

/// Deviations beyond which a component is left out.
const REACH: f64 = 7.5;

/// A component as wide as this share of the widest, in the lattice's units, needs too many nodes.
const NARROWEST: f64 = 1e-2;

/// The most nodes of a lattice, and the most work on it: nodes times steps.
const NODES: f64 = 4e6;
const WORK: f64 = 5e9;

/// How often the spacing is reduced to reach the tolerance.
const ROUNDS: usize = 5;

/// Steps in time of the coarse solution for a unit of time and of $\sigma_w^2$, at the tolerance 1e-4.
const PACE: f64 = 2.0;

/// The joint density of a neuron at two inputs on a lattice, by the Fokker–Planck equation
///
/// $$\partial_\tau p = \tfrac12 \sum_{ij} A_{ij}(\tau) \partial_i \partial_j p, \qquad
///   A_{ij} = \sigma_w^2 \int \varphi(x_i) \varphi(x_j) p\, dx + \sigma_b^2,$$
///
/// from [`MeanField::joint_fokker_planck`].
///
/// The lattice is sheared, so that the law is about as wide in all directions. $A$ is a sum of squares of
/// integer vectors with non-negative weights (Selling's reduction), whatever its correlation: a step is three
/// one-dimensional diffusions, which commute. Each is the positive and conservative scheme of
/// [`FokkerPlanck`](super::FokkerPlanck), of order 6 in space; in time the method of Runge and Kutta of order
/// 4 chooses what to add.
#[derive(Debug, Clone)]
pub struct JointFokkerPlanck {
    lattice: Lattice,
    values: Vec<f64>,
    added: [f64; 3],
    error: f64,
}

impl JointFokkerPlanck {
    pub(super) fn new(
        mean_field: &MeanField,
        initial: &JointLaw,
        clock: f64,
        tolerance: f64,
    ) -> Result<Self> {
        error::non_negative("clock", clock)?;
        if !(1e-8..=1e-1).contains(&tolerance) {
            let expected = "a number in [1e-8, 1e-1]";
            return Err(Error::invalid("tolerance", tolerance, expected));
        }
        if initial.inputs() != 2 {
            let found = format!("{} inputs", initial.inputs());
            return Err(Error::shape("the joint law", found, "two inputs"));
        }
        let plan = Plan::new(mean_field, initial, clock)?;
        let rate = mean_field.initialization.weight_variance().max(0.25);
        let steps = PACE * (clock - plan.start.0) * rate * (1e-4 / tolerance).powf(0.25);
        let mut steps = steps.ceil().clamp(1.0, 1e5) as usize;
        let mut spacing = plan.narrowest * (0.8 * tolerance.powf(1.0 / 6.0)).min(0.25);
        let mut reached = f64::INFINITY;
        for _ in 0..ROUNDS {
            let Some(lattice) = plan.lattice(spacing) else {
                break;
            };
            let coarse = plan.march(lattice.coarser(), steps)?;
            let fine = plan.march(lattice, 2 * steps)?;
            let compared = every_second(&fine.values, fine.lattice.shape);
            let pairs = compared.iter().zip(&coarse.values);
            let difference: f64 = pairs.map(|(a, b)| (a - b).abs()).sum();
            reached = 0.5 * difference * coarse.lattice.cell();
            if reached <= tolerance {
                return Ok(Self {
                    lattice: fine.lattice,
                    values: fine.values,
                    added: fine.added,
                    error: reached,
                });
            }
            spacing *= 0.7;
            steps *= 2;
        }
        Err(Error::NotConverged {
            what: "the joint density of a neuron".to_owned(),
            reached,
            tolerance,
        })
    }

    /// The points of the lattice and the density there.
    pub fn nodes(&self) -> impl Iterator<Item = ([f64; 2], f64)> {
        let columns = self.lattice.shape[1];
        self.values.iter().enumerate().map(move |(k, &value)| {
            let place = [(k / columns) as f64, (k % columns) as f64];
            (self.lattice.point(place), value)
        })
    }

    /// The numbers of nodes in the two directions.
    pub fn shape(&self) -> [usize; 2] {
        self.lattice.shape
    }

    /// The density at a point by interpolation of degree 5 in both directions, not below 0; 0 outside.
    pub fn density(&self, point: [f64; 2]) -> f64 {
        let place = self.lattice.place(point);
        let shape = self.lattice.shape;
        let inside = |k: usize| place[k] >= 0.0 && place[k] <= (shape[k] - 1) as f64;
        if !(inside(0) && inside(1)) {
            return 0.0;
        }
        let cells = place.map(|place| place as usize);
        let across = lagrange(place[0] - cells[0] as f64);
        let along = lagrange(place[1] - cells[1] as f64);
        let at = |i: usize, j: usize| {
            let row = (cells[0] + i)
                .checked_sub(2)
                .filter(|row| *row < shape[0])?;
            let column = (cells[1] + j)
                .checked_sub(2)
                .filter(|column| *column < shape[1])?;
            self.values.get(row * shape[1] + column)
        };
        let mut density = 0.0;
        for (i, across) in across.iter().enumerate() {
            for (j, along) in along.iter().enumerate() {
                density += across * along * at(i, j).copied().unwrap_or(0.0);
            }
        }
        density.max(0.0)
    }

    /// $\mathbb E f(X)$ of a smooth function: the sum over the nodes.
    pub fn expectation(&self, f: impl Fn([f64; 2]) -> f64) -> f64 {
        let sum: f64 = self.nodes().map(|(x, p)| f(x) * p).sum();
        sum * self.lattice.cell()
    }

    /// $(\operatorname{Var} X_a, \operatorname{Var} X_b, \operatorname{Cov})$.
    pub fn covariance(&self) -> [f64; 3] {
        let mean = [0, 1].map(|k| self.expectation(|x| x[k]));
        let second = |i: usize, j: usize| self.expectation(|x| (x[i] - mean[i]) * (x[j] - mean[j]));
        [second(0, 0), second(1, 1), second(0, 1)]
    }

    /// $\int_0^\tau A$, the covariance $(T_{aa}, T_{bb}, T_{ab})$ that was added.
    pub fn added_covariance(&self) -> [f64; 3] {
        self.added
    }

    /// The estimated error $\int \lvert p - p_\text{exact} \rvert$: half of the difference from the solution
    /// with twice the spacing and half the steps.
    pub fn error(&self) -> f64 {
        self.error
    }
}

/// A solution on a lattice.
struct March {
    lattice: Lattice,
    values: Vec<f64>,
    added: [f64; 3],
}

/// The values at every second node in both directions.
fn every_second(values: &[f64], [_, columns]: [usize; 2]) -> Vec<f64> {
    let rows = values.chunks_exact(columns).step_by(2);
    rows.flat_map(|row| row.iter().step_by(2))
        .copied()
        .collect()
}

/// What is known before a lattice is chosen.
struct Plan<'a> {
    mean_field: &'a MeanField,
    /// The time at which the lattice begins, and the law there.
    start: (f64, JointConvolution),
    clock: f64,
    /// The Cholesky factor that makes the law round.
    factor: [f64; 3],
    /// The box in its coordinates that holds the law.
    low: [f64; 2],
    high: [f64; 2],
    /// The least deviation at the start, in its coordinates, and the variance added since.
    narrowest: f64,
    added: f64,
    /// How often the spacing can be doubled on the way, while the narrowest component widens.
    doublings: usize,
}

/// The least deviation of a component with an added covariance, in the units of a lattice.
fn narrowest(law: &JointLaw, unit: &Lattice, added: [f64; 3]) -> f64 {
    let least = law.parts().iter().map(|part| {
        let [a, b, ab] = unit.in_units(plus(entries(&part.covariance), added, 1.0));
        0.5 * (a + b) - (0.25 * (a - b) * (a - b) + ab * ab).sqrt()
    });
    least.fold(f64::INFINITY, f64::min).max(0.0).sqrt()
}

fn entries(matrix: &nalgebra::DMatrix<f64>) -> [f64; 3] {
    [matrix[(0, 0)], matrix[(1, 1)], matrix[(0, 1)]]
}

fn plus(a: [f64; 3], b: [f64; 3], times: f64) -> [f64; 3] {
    std::array::from_fn(|k| a[k] + times * b[k])
}

impl<'a> Plan<'a> {
    fn new(mean_field: &'a MeanField, initial: &JointLaw, clock: f64) -> Result<Self> {
        let end = JointConvolution::new(mean_field, initial, clock)?;
        // what the law looks like on average over the time
        let mut middle = entries(end.added_covariance()).map(|added| 0.5 * added);
        for part in initial.parts() {
            middle = plus(middle, entries(&part.covariance), part.weight);
        }
        let [a, b, ab] = middle;
        let rest = b - ab * (ab / a);
        // NaN where there is no variance
        if !(a > 0.0 && rest > 1e-10 * b) {
            return Err(Error::undefined(
                "the joint density of a neuron",
                "its values at the two inputs determine each other (parallel inputs): \
                 solve for one of them",
            ));
        }
        let factor = [a.sqrt(), ab / a.sqrt(), rest.sqrt()];
        let unit = Lattice {
            origin: [0.0; 2],
            factor,
            shape: [1, 1],
        };
        let narrowest =
            |law: &JointConvolution| narrowest(initial, &unit, entries(law.added_covariance()));
        let mut time = 0.0;
        let mut law = JointConvolution::new(mean_field, initial, 0.0)?;
        for share in STARTS {
            if narrowest(&law) < NARROW {
                time = share * clock;
                law = JointConvolution::new(mean_field, initial, time)?;
            }
        }
        let least = narrowest(&law);
        if least < NARROWEST {
            return Err(Error::undefined(
                "the joint density of a neuron on a lattice",
                format!(
                    "at the time {time} a component is {least:.1e} of its later width: take a longer time, \
                     or the convolution"
                ),
            ));
        }
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        let added = entries(end.added_covariance());
        for part in initial.parts() {
            let [a, b, _] = unit.in_units(plus(entries(&part.covariance), added, 1.0));
            let mean = unit.place([part.mean[0], part.mean[1]]);
            for (k, variance) in [a, b].into_iter().enumerate() {
                low[k] = low[k].min(mean[k] - REACH * variance.sqrt());
                high[k] = high[k].max(mean[k] + REACH * variance.sqrt());
            }
        }
        let doublings = (narrowest(&end) / least).log2().floor().clamp(0.0, 20.0);
        let since = plus(added, entries(law.added_covariance()), -1.0);
        let [a, b, ab] = unit.in_units(since);
        Ok(Self {
            mean_field,
            start: (time, law),
            clock,
            factor,
            low,
            high,
            narrowest: least,
            doublings: doublings as usize,
            added: a + b + ab.abs(),
        })
    }

    /// A lattice of this spacing, if it is not too large.
    fn lattice(&self, spacing: f64) -> Option<Lattice> {
        let unit = (2 << self.doublings) as f64;
        let intervals =
            [0, 1].map(|k| unit * ((self.high[k] - self.low[k]) / (unit * spacing)).ceil());
        let nodes = intervals[0] * intervals[1];
        if nodes > NODES || nodes * 8.0 * self.added / (spacing * spacing) > WORK {
            return None;
        }
        let unit = Lattice {
            origin: [0.0; 2],
            factor: self.factor,
            shape: [1, 1],
        };
        Some(Lattice {
            origin: unit.point(self.low),
            factor: self.factor.map(|entry| entry * spacing),
            shape: intervals.map(|count| count as usize + 1),
        })
    }

    fn march(&self, mut lattice: Lattice, count: usize) -> Result<March> {
        let columns = lattice.shape[1];
        let mut p = Vec::with_capacity(lattice.shape[0] * columns);
        for k in 0..lattice.shape[0] * columns {
            let place = [(k / columns) as f64, (k % columns) as f64];
            p.push(self.start.1.density(&lattice.point(place))?);
        }
        let mut weights = Weights::new(self.mean_field, &lattice);
        let mut heat = Heat::default();
        let time = (self.clock - self.start.0) / count as f64;
        let mut added = entries(self.start.1.added_covariance());
        let unit = Lattice {
            factor: self.factor,
            ..lattice
        };
        let mut doubled = 0;
        // what has been added, but not yet to p
        let mut owed = [0.0; 3];
        for step in 1..=count {
            let mut rates = |more: [f64; 3], time: f64| {
                let mut stage = p.clone();
                lattice.diffuse(&mut heat, &mut stage, plus(owed, more, time));
                weights.rates(&stage)
            };
            let first = rates([0.0; 3], 0.0)?;
            let second = rates(first, 0.5 * time)?;
            let third = rates(second, 0.5 * time)?;
            let fourth = rates(third, time)?;
            let mean: [f64; 3] = std::array::from_fn(|k| {
                (first[k] + 2.0 * (second[k] + third[k]) + fourth[k]) / 6.0
            });
            owed = lattice.diffuse_long(&mut heat, &mut p, plus(owed, mean, time));
            if step == count {
                lattice.diffuse(&mut heat, &mut p, owed);
            }
            added = plus(added, mean, time);
            let wider = narrowest(self.start.1.initial(), &unit, added) / self.narrowest;
            while doubled < self.doublings
                && (step == count || wider >= 2_f64.powi(doubled as i32 + 1))
            {
                p = every_second(&p, lattice.shape);
                lattice = lattice.coarser();
                weights = Weights::new(self.mean_field, &lattice);
                doubled += 1;
            }
        }
        Ok(March {
            lattice,
            values: p,
            added,
        })
    }
}

/// Weights for $\int \varphi(x_a)^2 p$, $\int \varphi(x_b)^2 p$ and $\int \varphi(x_a)\varphi(x_b) p$.
struct Weights<'a> {
    mean_field: &'a MeanField,
    cell: f64,
    weights: [Vec<f64>; 3],
}

impl<'a> Weights<'a> {
    /// $x_a$ depends on the row alone: rows are integrated by the rule of a line, and at each of its points
    /// the columns are, with the kinks of $x_b$ there. Without kinks the sum over the nodes will do.
    fn new(mean_field: &'a MeanField, lattice: &Lattice) -> Self {
        let [rows, columns] = lattice.shape;
        let phi = mean_field.moments.activation();
        let kinks = mean_field.moments.kinks();
        let mut weights = [0, 1, 2].map(|_| vec![0.0; rows * columns]);
        if kinks.is_empty() {
            for k in 0..rows * columns {
                let place = [(k / columns) as f64, (k % columns) as f64];
                let [a, b] = lattice.point(place).map(|x| phi.value(x));
                for (weights, value) in weights.iter_mut().zip([a * a, b * b, a * b]) {
                    weights[k] = value;
                }
            }
        }
        let across: Vec<f64> = kinks
            .iter()
            .map(|&kink| lattice.place([kink, 0.0])[0])
            .collect();
        let (mut plain, mut square) = (vec![0.0; columns], vec![0.0; columns]);
        let rows_with_kinks = if kinks.is_empty() { 0 } else { rows };
        each_point(rows_with_kinks, &across, |outer| {
            let x = lattice.point([outer.place, 0.0])[0];
            let value = phi.value(x);
            plain.fill(0.0);
            square.fill(0.0);
            let along: Vec<f64> = kinks
                .iter()
                .map(|&kink| lattice.place([x, kink])[1])
                .collect();
            each_point(columns, &along, |inner| {
                let value = phi.value(lattice.point([outer.place, inner.place])[1]);
                spread(&mut plain, &inner, inner.weight * value);
                spread(&mut square, &inner, inner.weight * value * value);
            });
            for (i, polynomial) in outer.polynomials.iter().enumerate() {
                let Some(row) = (outer.interval + i)
                    .checked_sub(2)
                    .filter(|row| *row < rows)
                else {
                    continue;
                };
                let here = row * columns..(row + 1) * columns;
                let factor = outer.weight * polynomial;
                let [first, second, mixed] = &mut weights;
                let out = first[here.clone()]
                    .iter_mut()
                    .zip(&mut second[here.clone()]);
                for (k, (first, second)) in out.enumerate() {
                    *first += factor * value * value;
                    *second += factor * square[k];
                }
                for (mixed, plain) in mixed[here].iter_mut().zip(&plain) {
                    *mixed += factor * value * plain;
                }
            }
        });
        Self {
            mean_field,
            cell: lattice.cell(),
            weights,
        }
    }

    /// $A$, positive semi-definite.
    fn rates(&self, p: &[f64]) -> Result<[f64; 3]> {
        let integral = |weights: &[f64]| {
            let sum: f64 = weights.iter().zip(p).map(|(w, p)| w * p).sum();
            self.cell * sum
        };
        let [a, b, ab] = [0, 1, 2].map(|k| integral(&self.weights[k]));
        let (a, b) = (a.max(0.0), b.max(0.0));
        let largest = (a * b).sqrt();
        let rates = [a, b, ab.clamp(-largest, largest)].map(|x| self.mean_field.dense(x));
        if rates.iter().all(|rate| rate.is_finite()) {
            Ok(rates)
        } else {
            Err(Error::overflow(
                "the activation's second moment on the lattice",
            ))
        }
    }
}
