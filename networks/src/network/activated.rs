//! The activation as a layer.

use std::sync::Arc;

use super::{
    AngleState, ConditionalLaw, Drawn, GradientSink, KernelBlock, Layer, Outline, Signal, Site,
    Structure, conditioned,
};
use crate::activation::expectation::{SeriesTable, TablePoints, distinct};
use crate::activation::{Dual, DualRow, DualTable, SMALL, Slopes, pair_cost, slopes_at_zero};
use crate::vectorized::vectorized;
use crate::{Error, PairCorrelation, Result};

/// An activation, applied to every neuron: $K^\prime = \mathbb E[\varphi(u)\varphi(v)]$,
/// $\Theta^\prime = \mathbb E[\varphi^\prime(u)\varphi^\prime(v)] \Theta$.
///
/// Its inputs must be Gaussian: it stands behind a [`Dense`](super::Dense) layer.
#[derive(Debug, Clone)]
pub struct Activated {
    activation: Arc<dyn Dual>,
}

impl Activated {
    /// The layer of an activation.
    pub fn new(activation: impl Dual + 'static) -> Self {
        Self::sharing(Arc::new(activation))
    }

    /// The layer of an activation that others have as well.
    pub fn sharing(activation: Arc<dyn Dual>) -> Self {
        Self { activation }
    }

    /// $\varphi$.
    pub fn activation(&self) -> &Arc<dyn Dual> {
        &self.activation
    }
}

/// [`Activated`], through a table or not.
fn apply(phi: &dyn Dual, table: Option<&DualTable>, block: &mut KernelBlock) -> Result<()> {
    let mut slope = vec![
        0.0;
        if block.tangent().is_some() {
            block.columns()
        } else {
            0
        }
    ];
    // variances alone need no coefficients
    let pairs = !block.correlation().is_empty();
    let with_slope = block.tangent().is_some();
    let points = table.filter(|_| pairs).map(|table| {
        (
            table.points(block.variance_a(), with_slope),
            table.points(block.variance_b(), with_slope),
        )
    });
    let shared = (pair_cost::is_slow(phi.pair_cost()) && table.is_none())
        .then(|| SharedSeries::new(phi, block))
        .flatten();
    // below, variances leave the range, and correlations have a limit
    let small = |q: f64| q < SMALL;
    let slopes = if block.variance_a().iter().any(|&q| small(q)) && phi.slopes().is_none() {
        slopes_at_zero(phi)
    } else {
        None
    };
    let read: Vec<usize> = (0..block.rows()).map(|i| block.columns_read(i)).collect();
    let mut index = 0;
    block.map(
        |q, out| moments(phi, table, q, out),
        |row, moments| {
            let tangent = row.tangent;
            let mut dual_row = DualRow {
                variance_a: row.variance_a,
                moment_a: moments.moment_a,
                variance_b: row.variance_b,
                moment_b: moments.moment_b,
                inverse_b: moments.inverse_b,
                correlation: row.correlation,
                slope: tangent.is_some().then_some(&mut slope[..]),
            };
            match (table, &points) {
                _ if slopes.is_some() && small(row.variance_a) => {
                    small_row(phi, slopes, dual_row)?;
                }
                (Some(table), Some((rows, columns))) if table.holds(row.variance_a) => {
                    by_table(phi, table, ((rows, index), columns), dual_row)?;
                }
                _ => {
                    let dual_row = dual_row.columns(0..read[index]);
                    match &shared {
                        Some(shared) => shared.row(phi, dual_row)?,
                        None => phi.dual_row(dual_row)?,
                    }
                }
            }
            index += 1;
            if let Some(tangent) = tangent {
                let slope = &slope[..];
                vectorized(
                    #[inline(always)]
                    || {
                        for (tangent, slope) in tangent.iter_mut().zip(slope) {
                            *tangent *= slope;
                        }
                    },
                );
            }
            Ok(())
        },
    )
}

/// $V(q)$, of neighbours that are equal, as at the nodes of tables, once.
fn moments(phi: &dyn Dual, table: Option<&DualTable>, q: &[f64], out: &mut [f64]) -> Result<()> {
    let mut distinct = q.to_vec();
    distinct.dedup();
    let mut values = vec![0.0; distinct.len()];
    match table {
        Some(table) => {
            table.moments(&distinct, &mut values);
            for (q, value) in distinct.iter().zip(&mut values) {
                if !table.holds(*q) {
                    phi.moments(&[*q], std::slice::from_mut(value))?;
                }
            }
        }
        None => phi.moments(&distinct, &mut values)?,
    }
    let mut rest = out;
    for (run, value) in q.chunk_by(|a, b| a == b).zip(values) {
        let (equal, others) = rest.split_at_mut(run.len());
        equal.fill(value);
        rest = others;
    }
    Ok(())
}

/// The Hermite series of $\varphi$ and $\varphi^\prime$ at the variances of a block: pairs that are neither
/// nearly parallel nor nearly opposite need no more.
struct SharedSeries {
    value: SeriesTable,
    slope: Option<SeriesTable>,
}

impl SharedSeries {
    /// `None` where there are too few pairs for each variance.
    fn new(phi: &dyn Dual, block: &KernelBlock) -> Option<Self> {
        let all = || block.variance_a().iter().chain(block.variance_b()).copied();
        let pairs: usize = (0..block.rows()).map(|i| block.columns_read(i)).sum();
        let series = 4.0 * distinct(all()).len() as f64 * pair_cost::QUADRATURE;
        if pairs as f64 * phi.direct_cost() < series {
            return None;
        }
        let (kinks, parity) = (phi.kinks(), phi.parity());
        let slope = |x: &[f64], out: &mut [f64]| phi.derivative_slice(x, out);
        let slope = match block.tangent() {
            Some(_) => Some(SeriesTable::new(
                &slope,
                &kinks,
                parity.of_derivative(),
                all(),
            )?),
            None => None,
        };
        Some(Self {
            value: SeriesTable::new(&|x, out| phi.value_slice(x, out), &kinks, parity, all())?,
            slope,
        })
    }

    fn row(&self, phi: &dyn Dual, mut row: DualRow<'_>) -> Result<()> {
        let own = self.value.at(row.variance_a);
        let own_slope = self
            .slope
            .as_ref()
            .and_then(|slope| slope.at(row.variance_a));
        for j in 0..row.correlation.len() {
            let (correlation, q) = (row.correlation[j], row.variance_b[j]);
            let series = own.zip(self.value.at(q));
            let Some((a, b)) = series.filter(|_| self.value.reaches(correlation.one_minus()))
            else {
                phi.dual_row(row.columns(j..j + 1))?;
                continue;
            };
            let c = correlation.value();
            if let (Some(slope), Some(a), Some(table)) = (&mut row.slope, own_slope, &self.slope) {
                let b = table.at(q).unwrap_or(a);
                slope[j] = a.covariance(b, c);
            }
            let scale = row.moment_a.sqrt() * row.moment_b[j].sqrt();
            row.correlation[j] = PairCorrelation::rounded(a.covariance(b, c) / scale);
        }
        Ok(())
    }
}

/// A row of a small variance: by the slopes at 0 with columns of small variances, as ever with others.
fn small_row(phi: &dyn Dual, slopes: Option<Slopes>, mut row: DualRow<'_>) -> Result<()> {
    for j in 0..row.correlation.len() {
        match slopes.filter(|_| row.variance_b[j] < SMALL) {
            Some(slopes) => slopes.dual_row(row.columns(j..j + 1)),
            None => phi.dual_row(row.columns(j..j + 1))?,
        }
    }
    Ok(())
}

/// A row through the table, and one by one where columns are beyond it.
fn by_table(
    phi: &dyn Dual,
    table: &DualTable,
    (own, columns): ((&TablePoints, usize), &TablePoints),
    mut row: DualRow<'_>,
) -> Result<()> {
    let beyond: Vec<(usize, PairCorrelation)> = row
        .variance_b
        .iter()
        .enumerate()
        .filter(|(_, q)| !table.holds(**q))
        .map(|(j, _)| (j, row.correlation[j]))
        .collect();
    table.row(own, columns, row.reborrow());
    for (j, correlation) in beyond {
        row.correlation[j] = correlation;
        phi.dual_row(row.columns(j..j + 1))?;
    }
    Ok(())
}

impl Layer for Activated {
    fn name(&self) -> String {
        self.activation.name()
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        if !input.gaussian {
            return Err(Error::unsupported(
                format!(
                    "the kernel of {} on inputs that are not Gaussian",
                    self.name()
                ),
                "an activation needs a dense layer before it",
            ));
        }
        Ok(Outline {
            gaussian: false,
            fresh: false,
        })
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        apply(&*self.activation, None, block)
    }

    fn has_tables(&self) -> bool {
        self.activation.is_tabulated()
    }

    fn prepare(&self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        let positive = |q: &&f64| **q > 0.0;
        let variances = points.variance_a().iter().filter(positive);
        let (low, high) = variances.fold((f64::INFINITY, 0.0), |(low, high), &q| {
            (q.min(low), q.max(high))
        });
        if !self.has_tables() || low > high {
            return Ok(None);
        }
        let direct = self.activation.direct_cost();
        let work = points.expected_pairs() * direct;
        let table = (work >= pair_cost::TABLE * DualTable::pieces(low, high))
            .then(|| self.activation.table(low, high))
            .flatten();
        // the rest goes pair by pair
        let held = table
            .as_ref()
            .map_or(0.0, |table| share(table.range(), (low, high)));
        let cost = table.as_ref().map_or(0.0, DualTable::pair_cost);
        Ok(Some(Arc::new(Prepared {
            activation: Arc::clone(&self.activation),
            table,
            pair_cost: held * held * cost + (1.0 - held * held) * direct,
        })))
    }

    fn pair_cost(&self) -> f64 {
        self.activation.pair_cost()
    }

    fn conditional(&self, signal: &Signal, _: &mut Site<'_>) -> Result<ConditionalLaw> {
        self.forward(signal).map(ConditionalLaw::determined)
    }

    fn draw(&self, _: usize, _: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        Ok(Box::new(self.clone()))
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Activation(&self.activation)
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        match self.activation.slopes() {
            Some(slopes) if slopes.second_moment() > 0.0 => {
                state.activate(slopes);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl Drawn for Activated {
    fn width(&self, fan_in: usize) -> usize {
        fan_in
    }

    fn takes_inputs_alone(&self) -> bool {
        true
    }

    fn forward(&self, signal: &Signal) -> Result<Signal> {
        if !self.activation.is_pointwise() {
            return Err(Error::unsupported(
                format!("a finite network of {}", self.activation.name()),
                "it is a map of kernels that no pointwise function realises",
            ));
        }
        // φ(λy) = λφ(y) for homogeneous ones, whatever the power of two
        if signal.exponent() != 0 && self.activation.slopes().is_none() {
            return self.forward(&signal.clone().unscaled()?);
        }
        Ok(signal.mapped(|y, out| self.activation.value_slice(y, out)))
    }

    /// $\varphi^\prime(Y) \circ \Delta$.
    fn backward(
        &self,
        signal: &Signal,
        mut deltas: Signal,
        _: &mut dyn GradientSink,
    ) -> Result<Signal> {
        let unscaled;
        let signal = if signal.exponent() != 0 && self.activation.slopes().is_none() {
            unscaled = signal.clone().unscaled()?;
            &unscaled
        } else {
            signal
        };
        conditioned::check_deltas(&deltas, signal.width(), signal.points())?;
        let points = signal.points();
        let mut slopes = vec![0.0; signal.width()];
        for a in 0..points {
            self.activation
                .derivative_slice(signal.column(a), &mut slopes);
            for c in (a..deltas.points()).step_by(points) {
                for (delta, slope) in deltas.column_mut(c).iter_mut().zip(&slopes) {
                    *delta *= slope;
                }
            }
        }
        Ok(deltas)
    }
}

/// How much of an interval another one holds, on a logarithmic scale.
fn share((low, high): (f64, f64), whole: (f64, f64)) -> f64 {
    let length = (whole.1 / whole.0).ln();
    if length > 0.0 {
        ((high.min(whole.1) / low.max(whole.0)).ln() / length).clamp(0.0, 1.0)
    } else {
        1.0
    }
}

/// An activation for the variances at hand, with the table of its dual if that is worth it.
#[derive(Debug)]
struct Prepared {
    activation: Arc<dyn Dual>,
    table: Option<DualTable>,
    pair_cost: f64,
}

impl Layer for Prepared {
    fn name(&self) -> String {
        self.activation.name()
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        Activated::sharing(Arc::clone(&self.activation)).outline(input)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        apply(&*self.activation, self.table.as_ref(), block)
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Activation(&self.activation)
    }

    fn has_tables(&self) -> bool {
        self.table.is_some()
    }

    fn pair_cost(&self) -> f64 {
        self.pair_cost
    }
}
