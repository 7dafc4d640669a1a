//! Phases and depth scales over a grid.

use indicatif::{ParallelProgressIterator, ProgressBar};
use neural_limits::activation::Dual;
use neural_limits::prelude::*;
use neural_limits::propagation::{
    DepthScale, Phase, Propagation, VarianceFixedPoints, edge_of_chaos,
};
use rayon::prelude::*;

/// What happens at one initialisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// The phase and ξ_c, infinite at criticality.
    Deep(Phase, f64),
    /// The variance has no stable fixed point.
    Unstable,
}

/// Cells by rows of equal σ_b², both axes ascending.
pub struct Diagram {
    pub weights: (f64, f64),
    pub biases: (f64, f64),
    pub resolution: usize,
    pub cells: Vec<Cell>,
}

impl Diagram {
    /// The middle of cell `i` of `resolution` in a range.
    fn center((low, high): (f64, f64), i: usize, resolution: usize) -> f64 {
        low + (high - low) * (i as f64 + 0.5) / resolution as f64
    }
}

pub fn evaluate(
    phi: &dyn Dual,
    weights: (f64, f64),
    biases: (f64, f64),
    resolution: usize,
) -> Result<Diagram, Error> {
    if !(1..=1000).contains(&resolution) {
        return Err(Error::Invalid {
            argument: "--resolution".to_owned(),
            value: resolution.to_string(),
            expected: "an integer from 1 to 1000".to_owned(),
        });
    }
    let bar = ProgressBar::new((resolution * resolution) as u64);
    let cells: Result<Vec<Cell>, Error> = (0..resolution * resolution)
        .into_par_iter()
        .progress_with(bar)
        .map(|i| {
            let weight = Diagram::center(weights, i % resolution, resolution);
            let bias = Diagram::center(biases, i / resolution, resolution);
            cell(phi, Initialization::new(weight, bias)?)
        })
        .collect();
    Ok(Diagram {
        weights,
        biases,
        resolution,
        cells: cells?,
    })
}

fn cell(phi: &dyn Dual, initialization: Initialization) -> Result<Cell, Error> {
    let map = Propagation::new(phi, initialization)?;
    let points = map.variance_fixed_points()?;
    let variance = match &points {
        VarianceFixedPoints::Every => 1.0,
        VarianceFixedPoints::Isolated { .. } => match points.stable().next() {
            Some(point) => point.variance,
            None => return Ok(Cell::Unstable),
        },
    };
    let deep = map.deep_limit(variance)?;
    Ok(Cell::Deep(
        deep.phase,
        match deep.correlation_scale {
            DepthScale::Exponential { depth } => depth,
            _ => f64::INFINITY,
        },
    ))
}

/// Points (σ_w², σ_b²) of the edge of chaos.
pub fn edge(
    phi: &dyn Dual,
    (low, high): (f64, f64),
    resolution: usize,
) -> Result<Vec<(f64, f64)>, Error> {
    let mut curve = Vec::new();
    for i in 0..=4 * resolution {
        let bias = low + (high - low) * i as f64 / (4 * resolution) as f64;
        for point in edge_of_chaos(phi, bias)? {
            curve.push((point.initialization.weight_variance(), bias));
        }
    }
    Ok(curve)
}

#[cfg(test)]
mod tests {
    use neural_limits::activation::Tanh;

    use super::*;

    #[test]
    fn tanh_is_ordered_left_of_its_edge_and_chaotic_right_of_it() {
        let diagram = evaluate(&Tanh, (0.5, 4.0), (0.01, 0.1), 4).unwrap();
        for (i, cell) in diagram.cells.iter().enumerate() {
            let weight = Diagram::center(diagram.weights, i % 4, 4);
            let bias = Diagram::center(diagram.biases, i / 4, 4);
            let critical = edge_of_chaos(&Tanh, bias).unwrap()[0].initialization;
            let phase = if weight < critical.weight_variance() {
                Phase::Ordered
            } else {
                Phase::Chaotic
            };
            assert!(
                matches!(cell, Cell::Deep(found, _) if *found == phase),
                "{weight}: {cell:?}"
            );
        }
        assert_eq!(edge(&Tanh, (0.05, 0.1), 1).unwrap().len(), 5);
    }
}
