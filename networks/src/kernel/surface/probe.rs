//! A network asked for its values at chosen norms and angles.

use crate::network::{KernelBlock, Layer, Network};
use crate::numerics::chebyshev::{self, Tail};
use crate::{Error, PairCorrelation, Result, parallel};

/// Evaluates pairs layer by layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe<'a> {
    pub(super) network: &'a Network,
    /// The declared number of neurons before the network.
    pub(super) width: Option<f64>,
    pub(super) with_tangent: bool,
    /// Whether layers go pair by pair.
    pub(super) is_slow: bool,
    /// Chebyshev coefficients that stay below this, relative to the largest value, are taken for rounding.
    pub(super) noise: f64,
    /// What the terms of a table leave out, relative.
    pub(super) resolution: f64,
    /// Whether some layers err by an absolute amount of $c$.
    pub(super) is_absolute: bool,
    /// Whether some activations go pair by pair.
    pub(super) is_pairwise: bool,
    /// Whether some layers adapt to each pair, so that the network is smooth only between given ones.
    pub(super) adapts: bool,
    /// Whether these need ever more steps towards $c = -1$.
    pub(super) has_far_steps: bool,
}

/// $\varepsilon^\prime$ and $\Theta$ of a pair.
pub(super) type Values = [f64; 2];

fn values(pairs: Vec<(PairCorrelation, f64)>) -> Vec<Values> {
    let pairs = pairs.into_iter();
    pairs.map(|(c, theta)| [c.one_minus(), theta]).collect()
}

impl Probe<'_> {
    /// The network as a smooth function of the pairs between those of some points with others, at some
    /// $\varepsilon$; `None` if it is one anyway, or cannot be.
    pub(super) fn smoothed(&self, [a, b]: [&[f64]; 2], epsilon: &[f64]) -> Result<Option<Network>> {
        if !self.adapts {
            return Ok(None);
        }
        let columns = b.iter().flat_map(|&b| epsilon.iter().map(move |_| b));
        let row = epsilon.iter().map(|&e| PairCorrelation::of_one_minus(e));
        let row: Vec<PairCorrelation> = row.collect();
        let correlation = row.repeat(a.len() * b.len());
        let columns = columns.collect();
        let mut pairs = KernelBlock::new(a.to_vec(), columns, correlation, self.with_tangent)?;
        pairs.set_width(self.width);
        self.network.smoothed(pairs).map(Some)
    }

    /// Of another network.
    pub(super) fn of<'b>(&self, network: &'b Network) -> Probe<'b>
    where
        Self: 'b,
    {
        Probe { network, ..*self }
    }

    /// The pairs of one point with others, of given variances and $\varepsilon$; with the one of index `own`
    /// it is the same point.
    pub(super) fn row(
        &self,
        qa: f64,
        columns: impl Iterator<Item = (f64, f64)>,
        own: Option<usize>,
    ) -> Result<Vec<Values>> {
        let columns = columns.map(|(q, epsilon)| (q, PairCorrelation::of_one_minus(epsilon)));
        self.pairs(vec![qa], columns, own).map(values)
    }

    /// The pairs of some points with others, all at the same $\varepsilon$ in a column; row by row.
    pub(super) fn block(
        &self,
        qa: Vec<f64>,
        columns: impl Iterator<Item = (f64, f64)>,
    ) -> Result<Vec<Values>> {
        let columns = columns.map(|(q, epsilon)| (q, PairCorrelation::of_one_minus(epsilon)));
        self.pairs(qa, columns, None).map(values)
    }

    /// $c^\prime$ and $\Theta$ of some points with others, row by row.
    pub(super) fn pairs(
        &self,
        qa: Vec<f64>,
        columns: impl Iterator<Item = (f64, PairCorrelation)>,
        own: Option<usize>,
    ) -> Result<Vec<(PairCorrelation, f64)>> {
        let (variances, row): (Vec<f64>, Vec<PairCorrelation>) = columns.unzip();
        let correlation = row.repeat(qa.len());
        let mut block = KernelBlock::new(qa, variances, correlation, self.with_tangent)?;
        block.set_width(self.width);
        if let Some(own) = own {
            block = block.with_same_points(own as isize);
        }
        self.network.apply(&mut block)?;
        let pair = |(i, &c): (usize, &PairCorrelation)| {
            (c, block.tangent().map_or(0.0, |tangent| tangent[i]))
        };
        Ok(block.correlation().iter().enumerate().map(pair).collect())
    }

    /// $c^\prime$ and $\Theta$ of a pair that goes alone.
    pub(super) fn alone(
        &self,
        (qa, qb): (f64, f64),
        c: PairCorrelation,
        is_own: bool,
    ) -> Result<(PairCorrelation, f64)> {
        let mut pair = KernelBlock::new(vec![qa], vec![qb], vec![c], self.with_tangent)?;
        pair.set_width(self.width);
        if is_own {
            pair = pair.with_same_points(0);
        }
        self.network.apply_alone(&mut pair)?;
        let theta = pair.tangent().map_or(0.0, |tangent| tangent[0]);
        Ok((pair.correlation()[0], theta))
    }

    /// Variances at the output, in parallel.
    pub(super) fn variances(&self, inputs: &[f64]) -> Result<Vec<f64>> {
        const POINTS: usize = 64;
        let parts = parallel::try_map(inputs.len().div_ceil(POINTS), |i| {
            let part = &inputs[i * POINTS..((i + 1) * POINTS).min(inputs.len())];
            let mut points = KernelBlock::of_points(part.to_vec());
            points.set_width(self.width);
            self.network.apply(&mut points)?;
            Ok(points.variance_a().to_vec())
        })?;
        Ok(parts.concat())
    }

    /// How many Chebyshev polynomials hold both functions to `tolerance` of their largest values, which are
    /// at least `least`, of at most `most`; `None` if these do not suffice. Asked for are the pairs at
    /// Chebyshev's points, all at once.
    pub(super) fn terms(
        &self,
        most: usize,
        (tolerance, least): (f64, [f64; 2]),
        values: impl Fn(&[f64]) -> Result<Vec<Values>>,
    ) -> Option<usize> {
        let nodes: Vec<f64> = chebyshev::nodes(most).collect();
        let values = values(&nodes).ok()?;
        let mut needed = 1;
        for (f, coefficients) in chebyshev::fit(&values).iter().enumerate() {
            let largest = values
                .iter()
                .fold(least[f], |m, value| m.max(value[f].abs()));
            if !largest.is_finite() {
                return None;
            }
            // where coefficients have stopped to fall they are noise of the network
            let last = Tail::of(coefficients).largest;
            if last > self.noise * largest {
                return None;
            }
            let least = (tolerance * largest).max(2.0 * last);
            if let Some(k) = coefficients.iter().rposition(|a| a.abs() > least) {
                needed = needed.max(k + 1);
            }
        }
        Some(needed)
    }

    /// Some rows, in parallel.
    pub(super) fn rows(
        &self,
        count: usize,
        row: impl Fn(usize) -> Result<Vec<Values>> + Sync + Send,
    ) -> Result<Vec<Vec<Values>>> {
        let finite = |values: &Vec<Values>| values.iter().flatten().all(|value| value.is_finite());
        let rows = parallel::try_map(count, row)?;
        if rows.iter().all(finite) {
            Ok(rows)
        } else {
            Err(Error::overflow("the kernel"))
        }
    }
}
