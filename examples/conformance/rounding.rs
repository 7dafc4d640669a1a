//! How far a peer's entry may be off by its own rounding.
//!
//! A peer in doubles holds a pair as $k$, $q_a$, $q_b$ and takes $c = k/\sqrt{q_a q_b}$ of them in every layer, so
//! that $1 - c$ has an absolute error of a few units of rounding, however small it is. What becomes of this is
//! derived layer by layer: with $\varepsilon_l$ from this crate and a bound $e_l$ of the peer's error,
//!
//! $$e_{l+1} = \max_\pm |F_l(\varepsilon_l \pm e_l) - F_l(\varepsilon_l)| + 8u,$$
//!
//! $F_l$ the layer's map and $u$ = 2⁻⁵²: $k$ is formed by at most five operations (the activation's formula and the
//! dense layer), $c$ of it by three. A map is monotone over so short an interval, so that its ends are the
//! envelope. The tangent kernel goes along in the same way, at the four corners of $(\varepsilon_l \pm e_l,
//! \Theta_l \pm t_l)$.

use neural_limits::network::{Description, KernelBlock, Layer, LayerDescription, Network};
use neural_limits::{Error, Inputs};

/// Roundings of a layer.
const ROUNDINGS: f64 = 8.0 * f64::EPSILON;

/// The state itself, and the corners of the errors, as columns of a block.
const CORNERS: [(f64, f64); 5] = [
    (0.0, 0.0),
    (1.0, 1.0),
    (1.0, -1.0),
    (-1.0, 1.0),
    (-1.0, -1.0),
];

/// The bounds for both kernels at a pair of inputs.
pub fn of_the_peer(
    description: &Description,
    (x, i): (&Inputs<'_>, usize),
    (y, j): (&Inputs<'_>, usize),
) -> Result<[f64; 2], Error> {
    let (Some(a), Some(b)) = (x.point(i), y.point(j)) else {
        return Ok([0.0; 2]);
    };
    let Some([qa, qb, epsilon]) = state(a, b) else {
        return Ok([0.0; 2]);
    };
    let dimension = a.len() as f64;
    let columns = CORNERS.len();
    let mut block = KernelBlock::new(vec![qa], vec![qb; columns], vec![epsilon; columns], true)?;
    block.set_width(Some(dimension));
    // a scalar product has as many roundings as terms
    let mut errors = [ROUNDINGS + dimension * f64::EPSILON, 0.0];
    for layer in unrolled(&description.layers) {
        spread(&mut block, errors)?;
        Description {
            layers: vec![layer.clone()],
        }
        .build()?
        .apply(&mut block)?;
        errors = envelope(&block, ROUNDINGS * inner(&layer) as f64);
    }
    let scale = (block.variance_a()[0] * block.variance_b()[0]).sqrt();
    Ok([scale * errors[0], errors[1]])
}

/// $q_a$, $q_b$ and $1 - c$ of two inputs, from the network that has no layer; `None` for a zero vector.
fn state(a: &[f64], b: &[f64]) -> Option<[f64; 3]> {
    use neural_limits::kernel::InInfiniteWidth;
    let identity = Network::new().infinite_width(1).ok()?;
    let pair = identity.pair(a, b).ok()?.pair().ok()?;
    let [qa, qb] = [pair.variance_a(), pair.variance_b()];
    (qa > 0.0 && qb > 0.0).then(|| [qa, qb, pair.one_minus_correlation()])
}

/// Repeated layers one by one.
fn unrolled(layers: &[LayerDescription]) -> Vec<LayerDescription> {
    let mut all = Vec::new();
    for layer in layers {
        match layer {
            LayerDescription::Repeat { times, layers } => {
                let block = unrolled(layers);
                for _ in 0..*times {
                    all.extend_from_slice(&block);
                }
            }
            other => all.push(other.clone()),
        }
    }
    all
}

/// The layers in a layer, those of its branches among them.
fn inner(layer: &LayerDescription) -> usize {
    let all = |layers: &[LayerDescription]| layers.iter().map(inner).sum::<usize>();
    match layer {
        LayerDescription::Residual { layers, .. } => 1 + all(layers),
        LayerDescription::Repeat { times, layers } => times * all(layers),
        LayerDescription::Sum(branches)
        | LayerDescription::Product(branches)
        | LayerDescription::Concatenation { branches, .. } => {
            1 + branches.iter().map(|layers| all(layers)).sum::<usize>()
        }
        _ => 1,
    }
}

/// Moves the columns of a block from the first of them to the corners.
fn spread(block: &mut KernelBlock, [epsilon, tangent]: [f64; 2]) -> Result<(), Error> {
    block.map(
        |q, out| {
            out.copy_from_slice(q);
            Ok(())
        },
        |row, _| {
            let here = row.complement[0];
            for (complement, (sign, _)) in row.complement.iter_mut().zip(CORNERS) {
                *complement = (here + sign * epsilon).clamp(0.0, 2.0);
            }
            if let Some(tangents) = row.tangent {
                let here = tangents[0];
                for (theta, (_, sign)) in tangents.iter_mut().zip(CORNERS) {
                    *theta = here + sign * tangent;
                }
            }
            Ok(())
        },
    )
}

/// How far the corners are from the state, and another layer's rounding.
fn envelope(block: &KernelBlock, rounding: f64) -> [f64; 2] {
    let largest = |values: &[f64]| {
        let apart = values.iter().map(|value| (value - values[0]).abs());
        apart.fold(0.0, f64::max)
    };
    let tangent = block.tangent().unwrap_or(&[0.0]);
    [
        largest(block.complement()) + rounding,
        largest(tangent) + rounding * tangent[0].abs(),
    ]
}
