//! The tables, checked between their nodes.

use std::ops::Range;
use std::sync::Arc;

use super::axes::{BoxIndex, Cells, Place, geometric};
use super::economy::{self, Economy};
use super::patch::{Patch, Section};
use super::plan::{
    MOST_POWERS, MOST_TERMS, MOST_TERMS_OF_BOXES, Plan, PlannedBox, Sample, samples,
};
use super::probe::{Probe, Values};
use super::{Diagonal, Surface, Tables};
use crate::activation::pair_cost;
use crate::kernel::product::InputPairs;
use crate::network::{Layer, Network};
use crate::numerics::chebyshev;
use crate::{Result, Scalar, parallel};

/// The error between the nodes that a table is built to: of networks of closed forms, and of a layer whose
/// activation has a table of its own or goes by quadrature, and errs by that itself. Twice as much is
/// accepted where more terms do not help.
pub(super) const CLOSED_FORMS: f64 = 5e-14;
pub(super) const QUADRATURE: f64 = 3e-13;

/// What the terms of a table leave out, relative: of closed forms, as a part of the error of flows, and of
/// the error that the table is built to.
const ROUNDING: f64 = 1e-15;
const NEGLIGIBLE: f64 = 0.2;
const OF_NOISE: f64 = 0.1;

/// Coefficients of a table that are smaller than this part of what its terms leave out are left out one by
/// one: most of them are rounding of the network.
const SINGLE: f64 = 0.2;

/// The error of Θ is held below that of 1 - c, in which the rounding of deep networks shows first.
const TANGENT: f64 = 0.4;

/// Rows of nodes that are evaluated together, of symmetric boxes where rows share next to nothing, and where
/// an evaluation takes long.
const ROWS: usize = 4;
const ROWS_OF_HALVES: usize = 2;
const ROWS_OF_FLOWS: usize = 6;

/// Nanoseconds for a pair from which on an activation goes pair by pair.
const PAIRWISE: f64 = 300.0;

/// And from which on a flow does, whose branch has no table of its own.
const LONG_FLOW: f64 = 2e4;

/// How often a box is tried, each time with more terms, and the part that this must leave of the error.
const TRIALS: usize = 4;
const WORTH_MORE: f64 = 0.2;

/// How often cells are halved where functions are not smooth enough.
const CELL_HALVINGS: u32 = 3;

impl Surface {
    /// The tables of a network for inputs, if they are worth it; it is given as it is, and with the tables
    /// of its activations.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow) of a variance at the output.
    pub(crate) fn new<T: Scalar>(
        (open, network): (&Network, &Network),
        pairs: &InputPairs<'_, T>,
        with_tangent: bool,
    ) -> Result<Option<Self>> {
        let cost = network.pair_cost();
        let size = pairs.rows() as f64 * pairs.columns() as f64;
        let count = if pairs.is_symmetric() {
            0.5 * size
        } else {
            size
        };
        let of_flows = network.relative_error();
        let adapts = of_flows > 0.0;
        let is_pairwise = network.structure().activation_cost() > PAIRWISE;
        let kind = (network.has_tables(), adapts, is_pairwise);
        let economy = Economy::new(count, cost, kind);
        if !economy.may_pay() {
            return Ok(None);
        }
        let variances = pairs.variances();
        let is_absolute = network.has_tables() || economy.is_slow();
        let of_activations = if is_absolute {
            let cost = open.pair_cost();
            let layer = pair_cost::without_closed_form(!pair_cost::is_slow(cost));
            QUADRATURE * (cost / layer).max(1.0)
        } else {
            CLOSED_FORMS
        };
        let noise = of_activations.max(of_flows);
        let probe = Probe {
            network,
            width: Some(pairs.dimension() as f64),
            with_tangent,
            is_slow: economy.is_slow(),
            noise,
            resolution: ROUNDING.max(NEGLIGIBLE * of_flows).max(OF_NOISE * noise),
            is_absolute,
            is_pairwise,
            adapts,
            has_far_steps: adapts && !network.structure().is_analytic(),
        };
        let tables = Tables::new(&probe, &samples(pairs)?, &variances, economy)?;
        tables
            .map(|tables| {
                let outputs = probe.variances(&variances)?;
                Ok(Self::of(Arc::new(tables), variances, outputs))
            })
            .transpose()
    }
}

impl Tables {
    /// The tables of a network for points of some variances and pairs like the samples, if they are worth it.
    ///
    /// # Errors
    /// As [`Plan::built`].
    pub(super) fn new(
        probe: &Probe<'_>,
        samples: &[Sample],
        variances: &[f64],
        economy: Economy,
    ) -> Result<Option<Self>> {
        let mut best: Option<(f64, Self)> = None;
        for halvings in 0..=CELL_HALVINGS {
            let Some(cells) = Cells::new(variances, halvings) else {
                break;
            };
            let Some(plan) = Plan::new(probe, samples, cells, economy) else {
                continue;
            };
            let wanted: f64 = plan.boxes.iter().map(|planned| planned.share).sum();
            if plan.boxes.is_empty() {
                break;
            }
            let (reached, evaluation, tables) = plan.built(probe, economy)?;
            let left = (1.0 - reached).max(0.0) * economy.count;
            let is_gained = economy.is_gained(left, evaluation);
            if is_gained && best.as_ref().is_none_or(|(share, _)| reached > *share) {
                best = Some((reached, tables));
            }
            if reached >= 0.9 * wanted {
                break;
            }
        }
        let best = best.filter(|(share, _)| economy.suffices(*share));
        Ok(best.map(|(_, tables)| tables))
    }
}

impl Plan {
    /// The tables, the share of all pairs that they hold, and nanoseconds for each of these.
    ///
    /// # Errors
    /// None of the network's: where it overflows, there is no table.
    fn built(self, probe: &Probe<'_>, economy: Economy) -> Result<(f64, f64, Tables)> {
        let (cells, pieces) = (self.cells.len(), self.pieces.len());
        let diagonals = parallel::try_map(cells, |cell| Ok(self.diagonal(probe, cell)))?;
        let mut patches = vec![None; cells * cells * pieces];
        let mut terms = vec![1; cells];
        let mut reached = 0.0;
        let ends = parallel::try_map(cells, |cell| {
            let is_known = diagonals[cell].is_some() || !probe.with_tangent;
            let units = self.tangents.ends.get(cell);
            let ends = || units.map_or_else(|| self.tangents_at_ends(probe, cell), |ends| *ends);
            Ok((!is_known).then(ends))
        })?;
        let scale = |place: Place| match (&diagonals[place.cell], ends[place.cell]) {
            (Some(all), _) => chebyshev::sum(&all.two[1], place.x).abs(),
            (None, Some(ends)) => geometric(ends, place.x),
            (None, None) => 0.0,
        };
        let tables = parallel::try_map(self.boxes.len(), |index| {
            let planned = &self.boxes[index];
            let pays = |nodes: f64| economy.pays(nodes, planned.share * economy.count);
            Ok(self.patch(probe, planned, scale, pays))
        })?;
        let mut held = Vec::with_capacity(self.boxes.len());
        for (&PlannedBox { index, share, .. }, table) in self.boxes.iter().zip(tables) {
            if let Some([patch, mirrored]) = table {
                for (cell, size) in [index.row, index.column].into_iter().zip(patch.sizes()) {
                    terms[cell] = terms[cell].max(size);
                }
                held.push((index, share, patch.numbers() as f64));
                patches[index.position(cells, pieces)] = Some(patch);
                patches[index.mirrored().position(cells, pieces)] = Some(mirrored);
                reached += share;
            }
        }
        let tables = Tables {
            width: probe.width,
            with_tangent: probe.with_tangent,
            alone: economy.alone,
            one_by_one: probe.adapts && !probe.network.has_tables(),
            start: self.start,
            cells: self.cells,
            pieces: self.pieces,
            tangents: self.tangents,
            terms,
            patches,
            diagonals,
        };
        let evaluation = economy::evaluation(&held, cells);
        Ok((reached, evaluation, tables))
    }

    /// $|\Theta|$ of parallel points at the ends of a cell that has no [`Diagonal`]: what errors are
    /// relative to. 0 where the network has none.
    pub(super) fn tangents_at_ends(&self, probe: &Probe<'_>, cell: usize) -> [f64; 2] {
        [-1.0, 1.0].map(|x| {
            let q = self.cells.variance(Place { cell, x });
            let values = probe.row(q, std::iter::once((q, 0.0)), None);
            values.map_or(0.0, |values| values[0][1].abs())
        })
    }

    /// What a cell has at $\varepsilon = 0$; `None` if it is not smooth enough.
    fn diagonal(&self, probe: &Probe<'_>, cell: usize) -> Option<Diagonal> {
        let is_point = self.cells.are_equal();
        // where there is Θ = 0 alone, what is parallel mostly remains so
        let few = (is_point || !probe.with_tangent).then(|| self.diagonal_of(probe, cell, 1));
        match few.flatten() {
            None if !is_point => self.diagonal_of(probe, cell, MOST_TERMS + 4),
            few => few,
        }
    }

    /// By so many terms.
    fn diagonal_of(&self, probe: &Probe<'_>, cell: usize, n: usize) -> Option<Diagonal> {
        const CHECKS: [f64; 3] = [-0.97, 0.03, 0.89];
        let at: Vec<f64> = chebyshev::nodes(n).chain(CHECKS).collect();
        let ends = [-1.0, 1.0].map(|x| Place { cell, x });
        let smooth = if n > 1 || probe.with_tangent {
            self.smoothed(probe, [&ends, &ends], &[0.0]).ok()?
        } else {
            None
        };
        let smooth = &probe.of(smooth.as_ref().unwrap_or(probe.network));
        let rows = probe
            .rows(at.len(), |j| {
                let probe = if j < n { smooth } else { probe };
                let q = self.cells.variance(Place { cell, x: at[j] });
                let pair = || std::iter::once((q, 0.0));
                let mut both = probe.row(q, pair(), Some(0))?;
                both.extend(probe.row(q, pair(), None)?);
                Ok(both)
            })
            .ok()?;
        let values = rows.iter().map(|row| [row[0][1], row[1][0], row[1][1]]);
        let values: Vec<[f64; 3]> = values.collect();
        let fits = chebyshev::fit(&values[..n]);
        let good = at[n..].iter().zip(&values[n..]).all(|(&x, values)| {
            fits.iter().zip(values).all(|(fit, value)| {
                (chebyshev::sum(fit, x) - value).abs() <= 2.0 * probe.noise * value.abs()
            })
        });
        // a point with itself keeps its correlation 1
        let parallel = rows.iter().all(|row| row[0][0] == 0.0);
        let [own, complement, tangent] = fits.try_into().ok()?;
        (good && parallel).then_some(Diagonal {
            own,
            two: [complement, tangent],
        })
    }

    /// The table of a box and the one with rows and columns exchanged, as long as so many nodes pay.
    fn patch(
        &self,
        probe: &Probe<'_>,
        &PlannedBox { index, sizes, .. }: &PlannedBox,
        scale: impl Fn(Place) -> f64,
        pays: impl Fn(f64) -> bool,
    ) -> Option<[Patch; 2]> {
        let ends =
            [index.row, index.column].map(|cell| [-1.0, 0.0, 1.0].map(|x| Place { cell, x }));
        let piece = &self.pieces[index.piece];
        let angles = [-1.0, 0.0, 1.0].map(|r| piece.epsilon(r));
        let smooth = self.smoothed(probe, [&ends[0], &ends[1]], &angles).ok()?;
        let smooth = &probe.of(smooth.as_ref().unwrap_or(probe.network));
        let mut sizes = sizes;
        // what a node costs in the box, and what all trials have cost
        let cost = smooth.network.pair_cost() / probe.network.pair_cost();
        let mut nodes = 0.0;
        let (mut best, mut least) = (None, f64::INFINITY);
        let checks = self.checks(probe, index)?;
        for _ in 0..TRIALS {
            let before = least;
            nodes += cost * sizes.iter().product::<usize>() as f64;
            if !pays(nodes) {
                break;
            }
            let patches = self.fit(smooth, index, sizes).ok()?;
            let error = self.error(probe, &checks, (index, &patches[0], sizes), &scale)?;
            let tails = patches[0].tails();
            if error < least {
                (best, least) = (Some(patches), error);
            }
            let more = self.foretold(sizes, tails, NEGLIGIBLE * probe.noise);
            // where terms leave out so little, more of them do not help
            let is_whole = tails.iter().all(|&tail| tail <= probe.noise);
            let enough = if is_whole { 2.0 } else { 1.0 } * probe.noise;
            if error <= enough || error > WORTH_MORE * before || more == sizes {
                break;
            }
            sizes = more;
        }
        best.filter(|_| least <= 2.0 * probe.noise)
    }

    /// How many terms leave out no more than `tolerance`, where coefficients go on falling geometrically from
    /// 1 to these tails.
    fn foretold(&self, sizes: [usize; 3], tails: [f64; 3], tolerance: f64) -> [usize; 3] {
        let most = [MOST_TERMS_OF_BOXES, MOST_TERMS_OF_BOXES, MOST_POWERS];
        std::array::from_fn(|axis| {
            let (size, tail) = (sizes[axis], tails[axis]);
            if tail <= tolerance || (axis < 2 && self.cells.are_equal()) {
                return size;
            }
            let factor = tolerance.ln() / tail.min(0.1).ln();
            ((size as f64 * factor).ceil() as usize + 1).clamp(size, most[axis].max(size))
        })
    }

    fn fit(
        &self,
        probe: &Probe<'_>,
        index: BoxIndex,
        [na, nb, nr]: [usize; 3],
    ) -> Result<[Patch; 2]> {
        let (a, b, piece) = (index.row, index.column, &self.pieces[index.piece]);
        let place = |cell: usize, j: usize, n: usize| Place {
            cell,
            x: chebyshev::node(j, n),
        };
        let functions = if probe.with_tangent { 2 } else { 1 };
        let together = match probe.adapts {
            true if a == b && probe.network.pair_cost() > LONG_FLOW => ROWS_OF_HALVES,
            true => ROWS_OF_FLOWS,
            false if a == b && probe.is_pairwise => 1,
            false if a == b && !probe.network.has_tables() => ROWS_OF_HALVES,
            false => ROWS,
        };
        // some rows at a time, which share what layers know of their columns; of a symmetric box half
        let groups: Vec<Range<usize>> = (0..na)
            .step_by(together)
            .map(|start| start..(start + together).min(na))
            .collect();
        let angles: Vec<f64> = chebyshev::nodes(nr).map(|x| piece.epsilon(x)).collect();
        // rows of closed forms take small angles by longer ways, all others each variance by itself
        let by_angle = !(probe.is_absolute || probe.is_pairwise);
        let rows = probe.rows(groups.len(), |group| {
            let rows = groups[group].clone();
            let columns = if a == b { rows.end } else { nb };
            let qa = rows.map(|i| self.cells.variance(place(a, i, na)));
            let qb = (0..columns).map(|j| self.cells.variance(place(b, j, nb)));
            let qb: Vec<f64> = qb.collect();
            let pairs = (0..columns * nr).map(|at| {
                let (j, k) = if by_angle {
                    (at % columns, at / columns)
                } else {
                    (at / nr, at % nr)
                };
                (qb[j], angles[k])
            });
            let pairs: Vec<(f64, f64)> = pairs.collect();
            let mut values = probe.block(qa.collect(), pairs.iter().copied())?;
            for (value, &(_, epsilon)) in values.iter_mut().zip(pairs.iter().cycle()) {
                value[0] /= self.cells.unit(epsilon);
            }
            Ok(values)
        })?;
        let units = [(a, na), (b, nb)].map(|(cell, n)| -> Vec<f64> {
            let places = (0..n).map(|j| place(cell, j, n));
            places.map(|place| self.tangents.at(place)).collect()
        });
        let value = |f: usize, i: usize, j: usize, k: usize| {
            let (i, j) = if a == b { (i.max(j), i.min(j)) } else { (i, j) };
            let group = &rows[i / together];
            let width = group.len() / groups[i / together].len();
            let at = if by_angle {
                k * (width / nr) + j
            } else {
                j * nr + k
            };
            let value = group[i % together * width + at];
            if f == 0 {
                value[0]
            } else {
                value[1] / (units[0][i] * units[1][j])
            }
        };
        let (mut values, mut mirrored) = (Vec::new(), Vec::new());
        for f in 0..functions {
            for i in 0..na {
                for j in 0..nb {
                    values.extend((0..nr).map(|k| value(f, i, j, k)));
                }
            }
            for j in 0..nb {
                for i in 0..na {
                    mirrored.extend((0..nr).map(|k| value(f, i, j, k)));
                }
            }
        }
        let negligible = SINGLE * probe.resolution;
        // as errors are, where what is tabulated is small; flows err by their own part of it
        let least = if probe.adapts {
            [0.0; 2]
        } else {
            self.least(probe, piece.end())
        };
        let patch = Patch::fit(&values, functions, [na, nb, nr], (negligible, least));
        let mirrored = if a == b {
            patch.clone()
        } else {
            Patch::fit(&mirrored, functions, [nb, na, nr], (negligible, least))
        };
        Ok([patch, mirrored])
    }

    /// The least of what is tabulated that errors are relative to, beside the largest.
    pub(super) fn least(&self, probe: &Probe<'_>, epsilon: f64) -> [f64; 2] {
        // in units of the diagonal's, where these are known
        let has_units = !self.tangents.ends.is_empty();
        let tangent = if has_units { TANGENT } else { 0.0 };
        [self.floor(probe, epsilon), tangent]
    }

    /// The least of what is tabulated for $\varepsilon^\prime$ that errors are relative to: activations with
    /// tables err by an absolute amount, and so do layers whose inputs have different norms, by the rounding
    /// of $c$.
    pub(super) fn floor(&self, probe: &Probe<'_>, epsilon: f64) -> f64 {
        let least = match (probe.is_absolute, self.cells.are_equal()) {
            (true, _) => 0.1,
            (false, true) => 0.0,
            (false, false) => 0.02,
        };
        least / self.cells.unit(epsilon)
    }

    /// Four rows of pairs between the nodes, the corners of the box among them.
    fn checks(&self, probe: &Probe<'_>, index: BoxIndex) -> Option<Vec<Check>> {
        const COLUMNS: usize = 8;
        let piece = &self.pieces[index.piece];
        let inner = |step: f64, i: usize| 2.0 * (step * (i as f64 + 0.5)).fract() - 1.0;
        let end = |i: usize, bit: usize| if i >> bit & 1 == 0 { -1.0 } else { 1.0 };
        let rows = [0, 1, 2, 3].map(|i: usize| Place {
            cell: index.row,
            x: if i < 2 {
                end(i, 0)
            } else {
                inner(0.819_173, i)
            },
        });
        let columns: [(Place, f64); COLUMNS] = std::array::from_fn(|j| {
            let corner = j < 4;
            let x = if corner {
                end(j, 0)
            } else {
                inner(0.671_044, j)
            };
            let r = if corner {
                end(j, 1)
            } else {
                inner(0.549_700, j)
            };
            let place = Place {
                cell: index.column,
                x,
            };
            (place, 0.999 * r)
        });
        let qa = rows.map(|a| self.cells.variance(a)).to_vec();
        let pairs = columns.map(|(b, r)| (self.cells.variance(b), piece.epsilon(r)));
        let exact = probe.block(qa, pairs.into_iter()).ok()?;
        let checks = exact.into_iter().enumerate().map(|(i, exact)| {
            let (b, r) = columns[i % COLUMNS];
            let (_, epsilon) = pairs[i % COLUMNS];
            let a = rows[i / COLUMNS];
            let unit = self.tangents.of_pair(a, b);
            Check {
                a,
                b,
                r,
                exact: [exact[0] / self.cells.unit(epsilon), exact[1] / unit],
            }
        });
        Some(checks.collect())
    }

    /// The largest error between the nodes.
    fn error(
        &self,
        probe: &Probe<'_>,
        checks: &[Check],
        (index, patch, [na, nb, _]): (BoxIndex, &Patch, [usize; 3]),
        scale: impl Fn(Place) -> f64,
    ) -> Option<f64> {
        let piece = &self.pieces[index.piece];
        let mut section = Section::default();
        let mut worst = 0.0_f64;
        for &Check { a, b, r, exact } in checks {
            patch.section(&chebyshev::basis(a.x, na), &mut section);
            let basis = chebyshev::basis(b.x, nb);
            let found = if probe.with_tangent {
                section.at::<2>(&basis, r)
            } else {
                [section.at::<1>(&basis, r)[0], 0.0]
            };
            let absolute = self.floor(probe, piece.epsilon(r));
            let unit = self.tangents.of_pair(a, b);
            let diagonal = (scale(a) * scale(b)).sqrt() / unit;
            let diagonal = diagonal.max(exact[1].abs());
            let scales = [exact[0].abs().max(absolute), TANGENT * diagonal];
            for f in 0..2 {
                let error = (found[f] - exact[f]).abs();
                if error.is_nan() {
                    return None;
                }
                if error > 0.0 {
                    worst = worst.max(error / scales[f]);
                }
            }
        }
        worst.is_finite().then_some(worst)
    }
}

/// A pair between the nodes of a box, and what the network makes of it.
#[derive(Debug, Clone, Copy)]
struct Check {
    a: Place,
    b: Place,
    /// Of the angle, in the piece.
    r: f64,
    exact: Values,
}
