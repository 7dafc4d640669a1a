//! A branch of a flow by tables.
//!
//! A flow asks its branch a hundred times for a pair, at variances that change all the way. Where duals are
//! slow it pays to tabulate the branch itself, over all variances that the flow may meet: $1 - c^\prime$ by
//! two norms and the angle, and the variances by one norm.
//!
//! Tables hold $1 - c^\prime$ with a relative error of 1e-13 (or 2e-15) where $c \ge 0$. Where $c < 0$, flows
//! follow $(u, -v)$ and want that of $1 + c^\prime$: it has tables of its own, the same for odd functions of
//! $c$. Pairs where this is not the nearer end after all go by the layers, and so do variances and angles
//! beyond the tables.
//!
//! An activation and a plain dense layer make $\Theta^\prime = K^\prime + P \Theta$, with $P$ (an even
//! function of $c$ where $K^\prime$ is odd) for one more table. Tangent kernels of other branches go by the
//! layers.

use std::sync::Arc;

use super::axes::{BoxIndex, Place};
use super::build::{CLOSED_FORMS, QUADRATURE};
use super::economy::Economy;
use super::patch::Section;
use super::plan::Sample;
use super::probe::{Probe, Values};
use super::{Surface, Tables};
use crate::kernel::product::Room;
use crate::network::{KernelBlock, Layer, Network, Outline, Structure};
use crate::numerics::chebyshev;
use crate::vectorized::vectorized;
use crate::{PairCorrelation, PairCovariance, Result, parallel};

/// Pairs that stand for all that a flow meets.
const SAMPLES: usize = 4096;

/// What the terms of tables leave out, as a part of their error.
const NEGLIGIBLE: f64 = 0.1;

/// Terms of the variances in $\log q$, and what they may err by.
const TERMS: usize = 22;
const ERROR: f64 = 1e-14;

/// The other end of $c^\prime$ has its digits as long as it is farther away than that.
const LEAST: f64 = 0.25;

/// Nanoseconds for a pair in a block.
const PAIR_COST: f64 = 60.0;

/// A branch by tables where these hold a pair, and by its layers otherwise.
#[derive(Debug)]
pub(crate) struct TabulatedBranch {
    branch: Network,
    /// By whether $c \ge 0$.
    halves: [Half; 2],
    /// Variances at the output, by Chebyshev coefficients in each cell.
    variances: Vec<Vec<f64>>,
    room: Room,
}

/// The tables of a half of all angles, and what they hold.
#[derive(Debug, Clone)]
struct Half {
    network: Network,
    tables: Arc<Tables>,
}

/// A branch of $(u, v)$ or, mirrored, of $(u, -v)$, whose $c$ have the opposite signs; its tangent kernel is
/// $P$.
#[derive(Debug)]
struct Tabulated {
    branch: [Network; 1],
    is_mirrored: bool,
}

/// $c^\prime$ of a pair and $P$.
type Image = (PairCorrelation, f64);

impl TabulatedBranch {
    /// The tables for variances between two numbers and so many evaluations, if these are worth it.
    ///
    /// # Errors
    /// As [`Tables::new`].
    pub(crate) fn new(
        branch: &Network,
        range: (f64, f64),
        points: &KernelBlock,
        evaluations: f64,
    ) -> Result<Option<Self>> {
        let with_tangent = points.tangent().is_some();
        if with_tangent && branch.plain_branch().is_none() {
            return Ok(None);
        }
        let is_odd = branch.structure().is_odd();
        let half = if is_odd { 1.0 } else { 0.5 };
        let economy = Economy::of_single_pairs(half * evaluations, branch.pair_cost());
        let noise = if economy.is_slow() {
            QUADRATURE
        } else {
            CLOSED_FORMS
        };
        let probe = Probe {
            network: branch,
            width: points.width(),
            with_tangent,
            is_slow: economy.is_slow(),
            noise,
            resolution: NEGLIGIBLE * noise,
            is_absolute: false,
            is_pairwise: true,
            adapts: false,
            has_far_steps: false,
        };
        let samples = Sample::spread(SAMPLES, range);
        let half = |is_mirrored: bool| -> Result<Option<Half>> {
            let network = Network::new().then(Tabulated {
                branch: [branch.clone()],
                is_mirrored,
            });
            let variances = [range.0, range.1];
            let tables = Tables::new(&probe.of(&network), &samples, &variances, economy)?;
            Ok(tables.map(Arc::new).map(|tables| Half { network, tables }))
        };
        let Some(near) = half(false)? else {
            return Ok(None);
        };
        let far = if is_odd {
            Some(near.clone())
        } else {
            half(true)?
        };
        let tables = &near.tables;
        let variances =
            parallel::try_map(
                tables.cells.len(),
                |cell| Ok(tables.variances(&probe, cell)),
            )?;
        let variances: Option<Vec<_>> = variances.into_iter().collect();
        Ok(far.zip(variances).map(|(far, variances)| Self {
            branch: branch.clone(),
            halves: [far, near],
            variances,
            room: Room::default(),
        }))
    }

    /// The variances at the output.
    fn variances(&self, block: &KernelBlock) -> Result<[Vec<f64>; 2]> {
        let cells = &self.halves[1].tables.cells;
        let mut beyond = Vec::new();
        let mut of_points = |variances: &[f64]| -> Vec<f64> {
            let mut last = (f64::NAN, 0.0);
            let variances = variances.iter().map(|&q| {
                // columns of the same point follow each other
                if q != last.0 {
                    let place = cells.place(q);
                    if place.is_none() {
                        beyond.push(q);
                    }
                    let sum = |place: Place| chebyshev::sum(&self.variances[place.cell], place.x);
                    last = (q, place.map_or(f64::NAN, sum));
                }
                last.1
            });
            variances.collect()
        };
        let mut all = [block.variance_a(), block.variance_b()].map(&mut of_points);
        if beyond.is_empty() {
            return Ok(all);
        }
        let mut points = KernelBlock::of_points(beyond.clone());
        points.set_width(block.width());
        self.branch.apply(&mut points)?;
        for (after, before) in all.iter_mut().zip([block.variance_a(), block.variance_b()]) {
            for (out, q) in after.iter_mut().zip(before).filter(|(out, _)| out.is_nan()) {
                let at = beyond.iter().position(|beyond| beyond == q);
                *out = at.map_or(f64::NAN, |at| points.variance_a()[at]);
            }
        }
        Ok(all)
    }

    /// All pairs of a block; `None` for those that go by the layers.
    fn images(&self, block: &KernelBlock) -> Result<Vec<Option<Image>>> {
        if let (&[qa], &[qb]) = (block.variance_a(), block.variance_b()) {
            let c = block.correlation()[0];
            let is_same = block.same_point(0).is_some();
            let half = &self.halves[usize::from(c.is_positive())];
            return Ok(vec![half.image([qa, qb], (c, is_same), block.width())?]);
        }
        let before = block.correlation();
        let count = before.iter().filter(|c| c.is_positive()).count();
        let mut images = vec![None; before.len()];
        for (half, is_near) in self.halves.iter().zip([false, true]) {
            if count != if is_near { 0 } else { before.len() } {
                half.images(block, is_near, &self.room, &mut images)?;
            }
        }
        Ok(images)
    }

    /// A pair by the layers.
    fn directly(&self, block: &KernelBlock, at: usize) -> Result<(PairCorrelation, f64)> {
        let width = block.columns();
        let mut pair = block.with_state(
            vec![block.variance_a()[at / width]],
            vec![block.variance_b()[at % width]],
            vec![block.correlation()[at]],
            block.tangent().map(|tangent| vec![tangent[at]]),
        );
        let own = block.same_point(at / width).filter(|&j| j == at % width);
        pair = pair.with_same_point(own.map(|_| 0));
        self.branch.apply(&mut pair)?;
        let tangent = pair.tangent().map_or(0.0, |tangent| tangent[0]);
        Ok((pair.correlation()[0], tangent))
    }
}

impl Half {
    /// Those pairs of a block that belong to it.
    fn images(
        &self,
        block: &KernelBlock,
        is_near: bool,
        room: &Room,
        images: &mut [Option<Image>],
    ) -> Result<()> {
        let variances = [block.variance_a(), block.variance_b()].concat();
        let (rows, all) = (block.rows(), variances.len());
        let surface = Surface::of(Arc::clone(&self.tables), variances, Vec::new());
        let mut own = block.clone();
        for c in own.state_mut().correlation {
            *c = folded(*c);
        }
        let mapped = surface.map(&self.network, own, (&(0..rows), &(rows..all)), room)?;
        let before = block.correlation().iter();
        for (at, (image, &c)) in images.iter_mut().zip(before).enumerate() {
            if c.is_positive() == is_near {
                let kept = mapped.tangent.as_ref().map_or(0.0, |kept| kept[at]);
                *image = unfolded(mapped.correlation[at], c).map(|after| (after, kept));
            }
        }
        room.correlations.give_back(mapped.correlation);
        Ok(())
    }

    /// One pair, which may be one of a point with itself.
    fn image(
        &self,
        [qa, qb]: [f64; 2],
        (c, is_same): (PairCorrelation, bool),
        width: Option<f64>,
    ) -> Result<Option<Image>> {
        let before = folded(c);
        let (after, kept) = match self.tables.pair([qa, qb], before.one_minus(), is_same) {
            Some([after, kept]) => (PairCorrelation::of_one_minus(after), kept),
            None => {
                let with_tangent = self.tables.with_tangent;
                let mut pair = KernelBlock::new(vec![qa], vec![qb], vec![before], with_tangent)?;
                pair.set_width(width);
                if is_same {
                    pair = pair.with_same_points(0);
                }
                self.network.apply(&mut pair)?;
                let kept = pair.tangent().map_or(0.0, |kept| kept[0]);
                (pair.correlation()[0], kept)
            }
        };
        Ok(unfolded(after, c).map(|after| (after, kept)))
    }
}

/// $|c|$.
fn folded(c: PairCorrelation) -> PairCorrelation {
    if c.is_positive() { c } else { c.opposite() }
}

/// What a folded pair has become, of a pair that was $c$; `None` where the other end is too near.
fn unfolded(after: PairCorrelation, c: PairCorrelation) -> Option<PairCorrelation> {
    let unfolded = if c.is_positive() {
        after
    } else {
        after.opposite()
    };
    (after.one_plus() >= LEAST).then_some(unfolded)
}

impl Tables {
    /// $\varepsilon^\prime$ and $P$ of a pair, if it has a table.
    fn pair(&self, [qa, qb]: [f64; 2], epsilon: f64, is_same: bool) -> Option<Values> {
        if epsilon == 0.0 {
            return self.parallel([qa, qb], is_same);
        }
        let (a, b) = (self.cells.place(qa)?, self.cells.place(qb)?);
        let is_inside = epsilon >= self.start;
        let mut pieces = self.pieces.iter().filter(|_| is_inside);
        let index = BoxIndex {
            row: a.cell,
            column: b.cell,
            piece: pieces.position(|piece| epsilon <= piece.end())?,
        };
        let patch = &self.patches[index.position(self.cells.len(), self.pieces.len())];
        let patch = patch.as_ref()?;
        let [na, nb] = patch.sizes();
        let basis_a = chebyshev::basis(a.x, na);
        let basis = chebyshev::basis(b.x, nb);
        let mut section = Section::default();
        vectorized(
            #[inline(always)]
            || patch.section(&basis_a, &mut section),
        );
        let x = self.pieces[index.piece].places(&[epsilon])[0];
        let [after, kept] = if self.with_tangent {
            section.at::<2>(&basis, x)
        } else {
            [section.at::<1>(&basis, x)[0], 0.0]
        };
        let kept = kept * self.tangents.of_pair(a, b);
        Some([self.complement(after, epsilon), kept])
    }

    /// The variances after the network of a cell's points, by Chebyshev coefficients; `None` where these are
    /// not smooth enough.
    fn variances(&self, probe: &Probe<'_>, cell: usize) -> Option<Vec<f64>> {
        const CHECKS: [f64; 4] = [-1.0, -0.83, 0.11, 0.97];
        let at: Vec<f64> = chebyshev::nodes(TERMS).chain(CHECKS).collect();
        let q = at.iter().map(|&x| self.cells.variance(Place { cell, x }));
        let values = probe.variances(&q.collect::<Vec<f64>>()).ok()?;
        let nodes: Vec<[f64; 1]> = values[..TERMS].iter().map(|&q| [q]).collect();
        let coefficients = chebyshev::fit(&nodes).concat();
        let mut checks = at[TERMS..].iter().zip(&values[TERMS..]);
        checks
            .all(|(&x, &q)| (chebyshev::sum(&coefficients, x) - q).abs() <= ERROR * q)
            .then_some(coefficients)
    }
}

impl Layer for TabulatedBranch {
    fn name(&self) -> String {
        self.branch.name()
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        self.branch.outline(input)
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Branches(std::slice::from_ref(&self.branch))
    }

    fn pair_cost(&self) -> f64 {
        PAIR_COST
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        if block.tangent().is_some() && !self.halves[1].tables.with_tangent {
            return self.branch.apply(block);
        }
        let [a, b] = self.variances(block)?;
        let size = block.correlation().len();
        let mut correlation = Vec::with_capacity(size);
        let mut tangent = block.tangent().map(|_| Vec::with_capacity(size));
        let images = if size == 0 {
            Vec::new()
        } else {
            self.images(block)?
        };
        for (at, image) in images.into_iter().enumerate() {
            let (c, theta) = match image {
                Some((c, kept)) => {
                    let theta = block.tangent().map_or(0.0, |tangent| {
                        let (qa, qb) = (a[at / b.len()], b[at % b.len()]);
                        PairCovariance::of(qa, qb, c).covariance() + kept * tangent[at]
                    });
                    (c, theta)
                }
                None => self.directly(block, at)?,
            };
            correlation.push(c);
            if let Some(tangent) = &mut tangent {
                tangent.push(theta);
            }
        }
        *block = block.with_state(a, b, correlation, tangent);
        Ok(())
    }
}

impl Layer for Tabulated {
    fn name(&self) -> String {
        self.branch[0].name()
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        self.branch[0].outline(input)
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Branches(&self.branch)
    }

    fn pair_cost(&self) -> f64 {
        self.branch[0].pair_cost()
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        let mirror = |block: &mut KernelBlock| {
            if self.is_mirrored {
                for c in block.state_mut().correlation {
                    *c = c.opposite();
                }
            }
        };
        mirror(block);
        if let Some(tangent) = block.state_mut().tangent {
            tangent.fill(1.0);
        }
        self.branch[0].apply(block)?;
        let width = block.columns().max(1);
        let own = block.state_mut();
        for (at, kept) in own.tangent.into_iter().flatten().enumerate() {
            let (qa, qb) = (own.variance_a[at / width], own.variance_b[at % width]);
            *kept -= PairCovariance::of(qa, qb, own.correlation[at]).covariance();
        }
        mirror(block);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Initialization;
    use crate::activation::named;
    use crate::network::{Activated, Dense};

    const RANGE: (f64, f64) = (0.05, 2.0);

    fn branch(name: &str, bias: f64) -> Network {
        Network::new()
            .then(Activated::sharing(named(name).unwrap()))
            .then(Dense::new(Initialization::new(1.5, bias).unwrap()))
    }

    fn tabulated(branch: &Network) -> TabulatedBranch {
        let points = KernelBlock::of_points(Vec::new()).with_tangent();
        let tables = TabulatedBranch::new(branch, RANGE, &points, 1e9);
        tables.unwrap().unwrap()
    }

    /// Pairs of all angles between points of variances inside of the range and beyond it.
    fn pairs() -> KernelBlock {
        let (a, b) = (vec![0.05, 0.3, 1.7, 5.0], vec![1.9, 0.7, 0.06, 0.0]);
        let epsilon = [1e-9, 0.003, 0.11, 0.6, 0.99, 1.03, 1.5, 1.999, 1.0, 2.0];
        let columns = b.iter().flat_map(|&b| epsilon.map(|_| b)).collect();
        let row = b.iter().flat_map(|_| epsilon);
        let row: Vec<PairCorrelation> = row.map(PairCorrelation::of_one_minus).collect();
        let correlation = row.repeat(a.len());
        let mut pairs = KernelBlock::new(a, columns, correlation, true).unwrap();
        pairs.state_mut().tangent.unwrap().fill(1.3);
        pairs
    }

    /// Variances err by less than 2e-14, the nearer of $1 \mp c^\prime$ by less than 2e-13 where it is the
    /// one that was nearer before, and $\Theta^\prime$ by less than 2e-13 of what points with themselves
    /// have; mixtures of many scales by three times as much.
    #[test]
    fn a_branch_by_tables_is_the_branch() {
        for (name, bias, allowed) in [("elu", 0.1, 2e-13), ("softsign", 0.0, 6e-13)] {
            let branch = branch(name, bias);
            let [mut exact, mut found] = [pairs(), pairs()];
            branch.apply(&mut exact).unwrap();
            tabulated(&branch).apply(&mut found).unwrap();
            let variances = |block: &KernelBlock| [block.variance_a(), block.variance_b()].concat();
            for (found, exact) in variances(&found).iter().zip(variances(&exact)) {
                assert!((found - exact).abs() <= 2e-14 * exact, "{name} {found}");
            }
            let before = pairs();
            let width = before.columns();
            for (at, c) in before.correlation().iter().enumerate() {
                let (found_c, exact_c) = (found.correlation()[at], exact.correlation()[at]);
                let nearer = |image: PairCorrelation| {
                    let end = if c.is_positive() {
                        image
                    } else {
                        image.opposite()
                    };
                    end.one_minus()
                };
                let error = (nearer(found_c) - nearer(exact_c)).abs();
                assert!(
                    error <= allowed * nearer(exact_c),
                    "{name} {c:?}: {error:e}"
                );
                let scale = exact.variance_a()[at / width] * exact.variance_b()[at % width];
                let theta = |block: &KernelBlock| block.tangent().unwrap()[at];
                let error = (theta(&found) - theta(&exact)).abs();
                assert!(
                    error <= allowed * (1.0 + scale.sqrt()),
                    "{name} {c:?}: {error:e}"
                );
            }
        }
    }

    /// Any part of a block has the bits of the whole.
    #[test]
    fn pairs_do_not_depend_on_their_company() {
        let tables = tabulated(&branch("elu", 0.0));
        let mut whole = pairs();
        tables.apply(&mut whole).unwrap();
        let before = pairs();
        for at in 0..before.correlation().len() {
            let (i, j) = (at / before.columns(), at % before.columns());
            let mut pair = before.with_state(
                vec![before.variance_a()[i]],
                vec![before.variance_b()[j]],
                vec![before.correlation()[at]],
                Some(vec![before.tangent().unwrap()[at]]),
            );
            tables.apply(&mut pair).unwrap();
            assert_eq!(pair.correlation()[0], whole.correlation()[at]);
            assert_eq!(pair.tangent().unwrap()[0], whole.tangent().unwrap()[at]);
            assert_eq!(pair.variance_b()[0], whole.variance_b()[j]);
        }
    }

    /// Where the farther end before is the nearer one after, tables have no digits for it.
    #[test]
    fn pairs_that_change_their_side_go_by_the_layers() {
        let [near, far] = [0.3, 1.9].map(PairCorrelation::of_one_minus);
        assert_eq!(unfolded(near, near), Some(near));
        assert_eq!(unfolded(near, far), Some(near.opposite()));
        assert_eq!(unfolded(far, near), None);
        assert_eq!(unfolded(far, far), None);
    }
}
