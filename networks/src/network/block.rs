//! What a layer maps at infinite width: the covariances and tangent kernels of a block of pairs.

use crate::numerics::inverse_root;
use crate::vectorized::vectorized;
use crate::{Error, PairCorrelation, Result, error};

/// The state of all pairs of some points (rows) with others (columns) after a layer.
///
/// As in [`PairCovariance`](crate::PairCovariance), a covariance is held as
/// $K_{ij} = \sqrt{q_i q^\prime_j} c_{ij}$: the variances belong to the points, the [`PairCorrelation`] $c$
/// (row by row) to the pair. With it goes the tangent kernel $\Theta_{ij}$, where it is
/// asked for, and the number of neurons of the layer, where it was declared (the standard parametrisation
/// needs it). A spatial kernel is the same state with a pair of positions in each row and column.
#[derive(Debug, Clone)]
pub struct KernelBlock {
    variance_a: Vec<f64>,
    variance_b: Vec<f64>,
    correlation: Vec<PairCorrelation>,
    tangent: Option<Vec<f64>>,
    /// Entry $(i, i + \text{shift})$ pairs a point with itself.
    same_point: Option<isize>,
    /// Whether what is above these pairs is a mirror image that nobody reads.
    is_lower: bool,
    width: Option<f64>,
    /// How many pairs are going to pass, of a block that stands for all points.
    expected_pairs: f64,
    /// Buffers for copies.
    spare: Vec<Vec<f64>>,
    spare_correlations: Vec<Vec<PairCorrelation>>,
}

/// The state of a block.
#[derive(Debug)]
pub(crate) struct StateMut<'a> {
    pub(crate) variance_a: &'a mut [f64],
    pub(crate) variance_b: &'a mut [f64],
    pub(crate) correlation: &'a mut [PairCorrelation],
    pub(crate) tangent: Option<&'a mut [f64]>,
}

/// One row of a block.
#[derive(Debug)]
pub struct KernelRow<'a> {
    /// $q$ of the row's point.
    pub variance_a: f64,
    /// $q^\prime$ of the columns' points.
    pub variance_b: &'a [f64],
    /// $c$.
    pub correlation: &'a mut [PairCorrelation],
    /// $\Theta$.
    pub tangent: Option<&'a mut [f64]>,
}

impl KernelBlock {
    /// A block of given variances and correlations (row by row), with tangent kernel 0 if one is wanted: the
    /// state of the inputs themselves.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are rows × columns correlations; [`Error::Invalid`] for variances that
    /// are not finite and $\ge 0$.
    pub fn new(
        variance_a: Vec<f64>,
        variance_b: Vec<f64>,
        correlation: Vec<PairCorrelation>,
        with_tangent: bool,
    ) -> Result<Self> {
        if correlation.len() != variance_a.len() * variance_b.len() {
            return Err(Error::shape(
                "correlation",
                format!("length {}", correlation.len()),
                format!("{} rows x {} columns", variance_a.len(), variance_b.len()),
            ));
        }
        for (name, values) in [("variance_a", &variance_a), ("variance_b", &variance_b)] {
            if let Some(i) = error::first_outside(values, 0.0, f64::MAX) {
                return Err(Error::invalid(
                    format!("{name}[{i}]"),
                    values[i],
                    "a finite number >= 0",
                ));
            }
        }
        Ok(Self {
            tangent: with_tangent.then(|| vec![0.0; correlation.len()]),
            correlation,
            variance_b,
            ..Self::of_points(variance_a)
        })
    }

    /// Whether all entries of another block are these, bit for bit.
    pub(crate) fn is_same_state(&self, other: &Self) -> bool {
        self.variance_a == other.variance_a
            && self.variance_b == other.variance_b
            && self.tangent == other.tangent
            && self.correlation == other.correlation
    }

    /// The variances of points without a pair among them.
    pub(crate) fn of_points(variances: Vec<f64>) -> Self {
        let points = variances.len() as f64;
        Self {
            expected_pairs: 0.5 * points * points,
            variance_a: variances,
            variance_b: Vec::new(),
            correlation: Vec::new(),
            tangent: None,
            same_point: None,
            is_lower: false,
            width: None,
            spare: Vec::new(),
            spare_correlations: Vec::new(),
        }
    }

    /// The same points and pairs with other variances, correlations and tangent kernels.
    pub(crate) fn with_state(
        &self,
        variance_a: Vec<f64>,
        variance_b: Vec<f64>,
        correlation: Vec<PairCorrelation>,
        tangent: Option<Vec<f64>>,
    ) -> Self {
        Self {
            variance_b,
            correlation,
            tangent,
            same_point: self.same_point,
            width: self.width,
            expected_pairs: self.expected_pairs,
            ..Self::of_points(variance_a)
        }
    }

    /// Everything that [`with_state`](Self::with_state) replaces, in place.
    pub(crate) fn state_mut(&mut self) -> StateMut<'_> {
        StateMut {
            variance_a: &mut self.variance_a,
            variance_b: &mut self.variance_b,
            correlation: &mut self.correlation,
            tangent: self.tangent.as_deref_mut(),
        }
    }

    /// Says that row $i$ and column $i + \text{shift}$ are the same point, not only equal ones.
    pub(crate) fn with_same_points(mut self, shift: isize) -> Self {
        self.same_point = Some(shift);
        self
    }

    /// Says that of a block on the diagonal the entries above are not read: layers may leave them anything.
    pub(crate) fn with_lower_half(mut self) -> Self {
        self.is_lower = true;
        self
    }

    /// The columns of row `i` that are read, from the first on.
    pub(crate) fn columns_read(&self, i: usize) -> usize {
        let own = self.same_point(i).filter(|_| self.is_lower);
        own.map_or(self.columns(), |own| own + 1)
    }

    /// Says which column is the same point as the one row, if one is.
    pub(crate) fn with_same_point(mut self, column: Option<usize>) -> Self {
        self.same_point = column.map(|column| column as isize);
        self
    }

    /// Says how many pairs are going to pass.
    pub(crate) fn with_expected_pairs(self, expected_pairs: f64) -> Self {
        Self {
            expected_pairs,
            ..self
        }
    }

    /// How many pairs of the points are going to pass, roughly: what tables are weighed by in
    /// [`Layer::prepare`](super::Layer::prepare).
    pub fn expected_pairs(&self) -> f64 {
        self.expected_pairs
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.variance_a.len()
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.variance_b.len()
    }

    /// $q_i$ of the rows.
    pub fn variance_a(&self) -> &[f64] {
        &self.variance_a
    }

    /// $q^\prime_j$ of the columns.
    pub fn variance_b(&self) -> &[f64] {
        &self.variance_b
    }

    /// The largest of all variances.
    pub(crate) fn largest_variance(&self) -> f64 {
        let all = self.variance_a.iter().chain(&self.variance_b);
        all.fold(0.0, |largest, &q| q.max(largest))
    }

    /// $c_{ij}$, row by row.
    pub fn correlation(&self) -> &[PairCorrelation] {
        &self.correlation
    }

    /// $\Theta_{ij}$, row by row, if it is wanted.
    pub fn tangent(&self) -> Option<&[f64]> {
        self.tangent.as_deref()
    }

    /// $c_{ij}$ and $\Theta_{ij}$.
    pub(crate) fn into_pairs(self) -> (Vec<PairCorrelation>, Option<Vec<f64>>) {
        (self.correlation, self.tangent)
    }

    /// With tangent kernel 0, if there is none yet.
    pub(crate) fn with_tangent(mut self) -> Self {
        let size = self.correlation.len();
        self.tangent.get_or_insert_with(|| vec![0.0; size]);
        self
    }

    /// The number of neurons of the layer before, where it was declared; the dimension at the inputs.
    pub fn width(&self) -> Option<f64> {
        self.width
    }

    /// Declares the number of neurons.
    pub fn set_width(&mut self, width: Option<f64>) {
        self.width = width;
    }

    /// The column of the same point as row `i`, if it is in the block.
    pub fn same_point(&self, i: usize) -> Option<usize> {
        let column = i.checked_add_signed(self.same_point?)?;
        (column < self.columns()).then_some(column)
    }

    /// Maps every variance of a point by `map` (all rows, then all columns), and then every row by `row`,
    /// which is given the variances *before*. Variances below 2.3e-308 become 0.
    ///
    /// # Errors
    /// The first error of `map` or `row`; [`Error::Overflow`] if a variance is not finite afterwards.
    pub fn map(
        &mut self,
        mut map: impl FnMut(&[f64], &mut [f64]) -> Result<()>,
        mut row: impl FnMut(KernelRow<'_>, RowMoments<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut mapped = [self.take(self.rows()), self.take(self.columns())];
        map(&self.variance_a, &mut mapped[0])?;
        map(&self.variance_b, &mut mapped[1])?;
        for q in mapped.iter_mut().flatten() {
            // products of roots of smaller numbers are not normal, and factors may leave them where they are
            *q = if *q < f64::MIN_POSITIVE { 0.0 } else { *q };
        }
        if mapped.iter().flatten().any(|q| !q.is_finite()) {
            return Err(Error::overflow("the variance"));
        }
        let [moment_a, moment_b] = &mapped;
        let inverse_b: Vec<f64> = moment_b.iter().map(|&q| inverse_root(q)).collect();
        let columns = self.columns();
        if columns > 0 {
            let mut tangents = self.tangent.as_mut().map(|all| all.chunks_mut(columns));
            for (i, correlation) in self.correlation.chunks_mut(columns).enumerate() {
                let tangent = tangents.as_mut().and_then(Iterator::next);
                row(
                    KernelRow {
                        variance_a: self.variance_a[i],
                        variance_b: &self.variance_b,
                        correlation,
                        tangent,
                    },
                    RowMoments {
                        moment_a: moment_a[i],
                        moment_b,
                        inverse_b: &inverse_b,
                    },
                )?;
            }
        }
        let [a, b] = mapped;
        let a = std::mem::replace(&mut self.variance_a, a);
        let b = std::mem::replace(&mut self.variance_b, b);
        self.spare.extend([a, b]);
        Ok(())
    }

    /// $w K + \beta$ for covariances and $w \Theta + f K + b$ for tangent kernels.
    pub(crate) fn dense(&mut self, weight: f64, bias: f64, gain: f64, shift: f64) -> Result<()> {
        let roots_b: Vec<f64> = self.variance_b.iter().map(|q| q.sqrt()).collect();
        let weighted = |q: &[f64], out: &mut [f64]| {
            for (out, q) in out.iter_mut().zip(q) {
                *out = weight * q + bias;
            }
            Ok(())
        };
        let new_roots: Vec<f64> = self
            .variance_b
            .iter()
            .map(|q| (weight * q + bias).sqrt())
            .collect();
        let root_bias = bias.sqrt();
        let root_weight = weight.sqrt();
        self.map(weighted, |row, moments| {
            let (root_a, new_root_a) = (row.variance_a.sqrt(), moments.moment_a.sqrt());
            let (roots_b, new_roots) = (&roots_b[..], &new_roots[..]);
            let correlation = row.correlation;
            if let Some(tangent) = row.tangent {
                vectorized(
                    #[inline(always)]
                    || {
                        let entries = tangent.iter_mut().zip(correlation.iter()).zip(roots_b);
                        for ((tangent, c), root_b) in entries {
                            let k = root_a * root_b * c.value();
                            *tangent = weight * *tangent + (gain * k + shift);
                        }
                    },
                );
            }
            if bias > 0.0 {
                vectorized(
                    #[inline(always)]
                    || {
                        let entries = correlation.iter_mut().zip(roots_b).zip(new_roots);
                        for ((c, root_b), new_root_b) in entries {
                            // ratios first: products of two variances may leave the range
                            let before = (root_weight * root_a) * (root_weight * root_b);
                            let after = new_root_a * new_root_b;
                            let unit = 1.0 / after;
                            let difference = root_bias * (root_weight * (root_a - root_b));
                            let sum = after + before + bias;
                            let deficit = (difference * unit) * (difference / sum);
                            let (share, bias) = (before * unit, bias * unit);
                            *c = PairCorrelation::from_ends(
                                deficit + share * c.one_minus(),
                                deficit + share * c.one_plus() + 2.0 * bias,
                            );
                        }
                    },
                );
            }
            Ok(())
        })?;
        self.check_tangent()
    }

    /// $s K_1 + t K_2$, and the same for tangent kernels.
    pub(crate) fn add(&mut self, s: f64, mut other: Self, t: f64) -> Result<()> {
        let roots = |q: &[f64], factor: f64| -> Vec<f64> {
            q.iter().map(|q| (factor * q).sqrt()).collect()
        };
        let (first_b, second_b) = (roots(&self.variance_b, s), roots(&other.variance_b, t));
        let (first_a, second_a) = (roots(&self.variance_a, s), roots(&other.variance_a, t));
        for (mine, others) in [
            (&mut self.variance_a, &other.variance_a),
            (&mut self.variance_b, &other.variance_b),
        ] {
            for (mine, other) in mine.iter_mut().zip(others) {
                *mine = s * *mine + t * other;
                if !mine.is_finite() {
                    return Err(Error::overflow("the variance"));
                }
            }
        }
        // 1/√q, 0 where q = 0
        let inverse_b: Vec<f64> = self.variance_b.iter().map(|&q| inverse_root(q)).collect();
        let columns = self.columns().max(1);
        let rows = self
            .correlation
            .chunks_mut(columns)
            .zip(other.correlation.chunks(columns));
        for (i, (mine, others)) in rows.enumerate() {
            let (a1, a2) = (first_a[i], second_a[i]);
            let (root, inverse) = (self.variance_a[i].sqrt(), inverse_root(self.variance_a[i]));
            let (first_b, second_b, inverse_b) = (&first_b[..], &second_b[..], &inverse_b[..]);
            let variance_b = &self.variance_b[..];
            vectorized(
                #[inline(always)]
                || {
                    let entries = mine.iter_mut().zip(others).zip(first_b).zip(second_b);
                    let entries = entries.zip(inverse_b).zip(variance_b);
                    for (((((mine, other), b1), b2), inverse_b), q) in entries {
                        let (p1, p2) = (a1 * b1, a2 * b2);
                        let scale = inverse * inverse_b;
                        let difference = a1 * b2 - a2 * b1;
                        let sum = root * q.sqrt() + p1 + p2;
                        let deficit = if sum > 0.0 {
                            (difference * scale) * (difference / sum)
                        } else {
                            0.0
                        };
                        let (s1, s2) = (p1 * scale, p2 * scale);
                        let added = PairCorrelation::from_ends(
                            deficit + s1 * mine.one_minus() + s2 * other.one_minus(),
                            deficit + s1 * mine.one_plus() + s2 * other.one_plus(),
                        );
                        // a variance of 0 has no correlation to change
                        *mine = if scale > 0.0 { added } else { *mine };
                    }
                },
            );
        }
        if let (Some(mine), Some(others)) = (&mut self.tangent, &other.tangent) {
            vectorized(
                #[inline(always)]
                || {
                    for (mine, other) in mine.iter_mut().zip(others) {
                        *mine = s * *mine + t * other;
                    }
                },
            );
        }
        self.recycle(&mut other);
        self.check_tangent()
    }

    /// $s K$ and $s \Theta$.
    pub(crate) fn scale(&mut self, s: f64) -> Result<()> {
        for q in self.variance_a.iter_mut().chain(&mut self.variance_b) {
            *q *= s;
        }
        for tangent in self.tangent.iter_mut().flatten() {
            *tangent *= s;
        }
        self.check_tangent()
    }

    /// Multiplies every variance of a point, every entry of $c$ and of $\Theta$ by what `other`
    /// holds, as independent factors do: $K = K_1 K_2$, $\Theta = \Theta_1 K_2 + \Theta_2 K_1$.
    pub(crate) fn multiply(&mut self, mut other: Self) -> Result<()> {
        let columns = self.columns().max(1);
        if let (Some(mine), Some(others)) = (&mut self.tangent, &other.tangent) {
            let rows = mine.chunks_mut(columns).zip(others.chunks(columns));
            for (i, (mine, others)) in rows.enumerate() {
                let at = i * columns;
                for (j, (mine, theirs)) in mine.iter_mut().zip(others).enumerate() {
                    let k = |block: (&[f64], &[f64], &[PairCorrelation])| {
                        block.0[i].sqrt() * block.1[j].sqrt() * block.2[at + j].value()
                    };
                    let first = k((&self.variance_a, &self.variance_b, &self.correlation));
                    let second = k((&other.variance_a, &other.variance_b, &other.correlation));
                    *mine = *mine * second + theirs * first;
                }
            }
        }
        for (mine, other) in self.correlation.iter_mut().zip(&other.correlation) {
            *mine = mine.times(*other);
        }
        for (mine, others) in [
            (&mut self.variance_a, &other.variance_a),
            (&mut self.variance_b, &other.variance_b),
        ] {
            for (mine, other) in mine.iter_mut().zip(others) {
                *mine *= other;
                if !mine.is_finite() {
                    return Err(Error::overflow("the variance"));
                }
            }
        }
        self.recycle(&mut other);
        self.check_tangent()
    }

    /// Multiplies $\Theta$ by `factor`.
    pub(crate) fn scale_tangent_at(&mut self, i: usize, j: usize, factor: f64) {
        let columns = self.columns();
        if let Some(tangent) = &mut self.tangent {
            tangent[i * columns + j] *= factor;
        }
    }

    /// A copy for a branch of the network, to be returned by [`add`](Self::add), [`multiply`](Self::multiply)
    /// or [`recycle`](Self::recycle).
    pub(crate) fn copy(&mut self) -> Self {
        let mut correlation = self.spare_correlations.pop().unwrap_or_default();
        correlation.clear();
        correlation.extend_from_slice(&self.correlation);
        let mut copy_of = |values: &[f64]| {
            let mut buffer = self.spare.pop().unwrap_or_default();
            buffer.clear();
            buffer.extend_from_slice(values);
            buffer
        };
        Self {
            correlation,
            tangent: self.tangent.as_deref().map(&mut copy_of),
            variance_a: copy_of(&self.variance_a),
            variance_b: copy_of(&self.variance_b),
            same_point: self.same_point,
            is_lower: self.is_lower,
            width: self.width,
            expected_pairs: self.expected_pairs,
            spare: std::mem::take(&mut self.spare),
            spare_correlations: std::mem::take(&mut self.spare_correlations),
        }
    }

    /// Keeps the buffers of a copy that is done with.
    pub(crate) fn recycle(&mut self, other: &mut Self) {
        self.spare.append(&mut other.spare);
        self.spare_correlations
            .append(&mut other.spare_correlations);
        self.spare_correlations
            .push(std::mem::take(&mut other.correlation));
        for buffer in [&mut other.variance_a, &mut other.variance_b] {
            self.spare.push(std::mem::take(buffer));
        }
        self.spare.extend(other.tangent.take());
        // small buffers are worth nothing, and large ones are wanted first
        self.spare.sort_unstable_by_key(Vec::capacity);
    }

    fn take(&mut self, size: usize) -> Vec<f64> {
        let fit = self
            .spare
            .iter()
            .position(|buffer| buffer.capacity() >= size);
        let mut buffer = fit.map_or_else(Vec::new, |i| self.spare.remove(i));
        buffer.clear();
        buffer.resize(size, 0.0);
        buffer
    }

    fn check_tangent(&self) -> Result<()> {
        match &self.tangent {
            Some(tangent) if error::first_outside(tangent, -f64::MAX, f64::MAX).is_some() => {
                Err(Error::overflow("the neural tangent kernel"))
            }
            _ => Ok(()),
        }
    }
}

/// The variances of a row's pairs after the map.
#[derive(Debug, Clone, Copy)]
pub struct RowMoments<'a> {
    /// Of the row's point.
    pub moment_a: f64,
    /// Of the columns' points.
    pub moment_b: &'a [f64],
    /// $1/\sqrt{\cdot}$ of them, 0 where it is not finite.
    pub inverse_b: &'a [f64],
}
