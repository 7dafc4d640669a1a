//! What the neurons of two inputs add to their clocks, by Hermite coefficients.

use crate::activation::Activation;
use crate::numerics::dot;
use crate::numerics::gauss_legendre::{NODES, WEIGHTS};
use crate::numerics::normal;
use crate::vectorized::vectorized;

use super::tensors::{count, index};

/// Deviations from 0 at which a normal law is cut off.
const REACH: f64 = 10.5;

/// The longest panel, in deviations: Hermite polynomials of degree 160 turn some four times in it.
const LENGTH: f64 = 2.1;

/// The shortest panels beside a feature of $\varphi$, in its widths.
const FINEST: f64 = 0.7;

/// Slopes of lines in the plane of $(z_1, z_2)$ below which they count as parallel to the first axis.
const FLAT: f64 = 0.05;

/// Arguments that are multiplied at once.
const LANES: usize = 16;

/// $(y_a, y_b) = L z \sim \mathcal N(0, K)$ for a standard normal $z$ and the triangular $L$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// $\sqrt{K_{aa}}$ and $\sqrt{K_{bb}}$.
    pub(super) roots: [f64; 2],
    /// $c$.
    pub(super) cosine: f64,
    /// $\sqrt{1 - c^2}$.
    pub(super) sine: f64,
}

impl Frame {
    /// From $K_{aa}$, $K_{ab}$, $K_{bb}$.
    pub(super) fn new([a, ab, b]: [f64; 3]) -> Self {
        let roots = [a.sqrt(), b.sqrt()];
        let cosine = (ab / (roots[0] * roots[1])).clamp(-1.0, 1.0);
        Self {
            roots,
            cosine,
            sine: ((1.0 - cosine) * (1.0 + cosine)).sqrt(),
        }
    }

    /// $\mathbb E[z_u z_s^\top] = L_u^{-1} L_s$ of this frame at $u$ and an earlier one, for a martingale:
    /// its entries 11, 21 and 22.
    pub(super) fn memory(self, earlier: Self) -> [f64; 3] {
        let [first, second] = [0, 1].map(|i| earlier.roots[i] / self.roots[i]);
        [
            first,
            (second * earlier.cosine - first * self.cosine) / self.sine,
            second * earlier.sine / self.sine,
        ]
    }

    /// $\tfrac12 \partial_a^2$, $\partial_a \partial_b$, $\tfrac12 \partial_b^2$ from $\partial_1^2$,
    /// $\partial_1 \partial_2$, $\partial_2^2$.
    pub(super) fn slopes(self, second: [f64; 3]) -> [f64; 3] {
        // ∂_a = a₁∂₁ + a₂∂₂ and ∂_b = b₂∂₂
        let a1 = 1.0 / self.roots[0];
        let a2 = -self.cosine / (self.roots[0] * self.sine);
        let b2 = 1.0 / (self.roots[1] * self.sine);
        let [d11, d12, d22] = second;
        [
            0.5 * (a1 * a1 * d11 + 2.0 * a1 * a2 * d12 + a2 * a2 * d22),
            b2 * (a1 * d12 + a2 * d22),
            0.5 * b2 * b2 * d22,
        ]
    }
}

/// Coefficients of $\varphi(y_a)^2$ in $h_p(y_a/\sqrt{K_{aa}})$, of $\varphi(y_b)^2$ in
/// $h_p(y_b/\sqrt{K_{bb}})$, and of $\varphi(y_a) \varphi(y_b)$ in $h_i(z_1) h_j(z_2)$.
#[derive(Debug, Clone)]
pub(super) struct Products {
    pub(super) squares: [Vec<f64>; 2],
    pub(super) mixed: Vec<f64>,
}

impl Products {
    /// Gauss's rule on panels that end at kinks of $\varphi$ and are short beside them, up to a degree.
    pub(super) fn new(phi: &dyn Activation, frame: Frame, degree: usize) -> Self {
        let Frame {
            roots,
            cosine,
            sine,
        } = frame;
        let kinks = phi.kinks();
        let smooth = kinks.is_empty();
        let features = if smooth { vec![0.0] } else { kinks };
        let values = |x: Vec<f64>| {
            let mut out = vec![0.0; x.len()];
            phi.value_slice(&x, &mut out);
            out
        };
        let squares = roots.map(|root| {
            let places = features.iter().map(|x| (x / root, FINEST / root));
            let (z, weights) = rule(places, !smooth);
            let phi = values(z.iter().map(|z| root * z).collect());
            let products = weights.iter().zip(&phi).map(|(w, phi)| w * phi * phi);
            coefficients(&z, &products.collect::<Vec<_>>(), degree)
        });
        // along z₁ the mean over z₂ has the features of φ(y_b), as wide as φ or the noise makes them
        let slope = cosine.abs().max(FLAT).copysign(cosine);
        let noise = sine / slope.abs();
        let width = if smooth {
            noise.max(1.0 / (roots[1] * slope.abs()))
        } else {
            noise
        };
        let own = features.iter().map(|x| (x / roots[0], FINEST / roots[0]));
        let other = features
            .iter()
            .map(|x| (x / (roots[1] * slope), FINEST * width));
        let (first, weights) = rule(own.chain(other), !smooth);
        let phi_a = values(first.iter().map(|z| roots[0] * z).collect());
        let inner: Vec<Vec<f64>> = first
            .iter()
            .map(|z| {
                let width = FINEST / (roots[1] * sine);
                let places = features
                    .iter()
                    .map(|x| ((x / roots[1] - cosine * z) / sine, width));
                let (second, weights) = rule(places, !smooth);
                let y = second
                    .iter()
                    .map(|second| roots[1] * (cosine * z + sine * second));
                let phi_b = values(y.collect());
                let products = weights.iter().zip(&phi_b).map(|(w, phi)| w * phi);
                coefficients(&second, &products.collect::<Vec<_>>(), degree)
            })
            .collect();
        let mut mixed = vec![0.0; count(degree)];
        let mut column = vec![0.0; first.len()];
        for j in 0..=degree {
            for (k, entry) in column.iter_mut().enumerate() {
                *entry = weights[k] * phi_a[k] * inner[k][j];
            }
            let sums = coefficients(&first, &column, degree - j);
            for (i, sum) in sums.into_iter().enumerate() {
                mixed[index(i + j, j)] = sum;
            }
        }
        Self { squares, mixed }
    }
}

/// $\sum_k v_k h_p(z_k)$ for $p \le$ `degree`.
fn coefficients(z: &[f64], v: &[f64], degree: usize) -> Vec<f64> {
    let steps: Vec<(f64, f64)> = (0..=degree)
        .map(|p| ((p as f64).sqrt(), 1.0 / (p as f64 + 1.0).sqrt()))
        .collect();
    let mut sums = vec![[0.0; LANES]; degree + 1];
    vectorized(
        #[inline(always)]
        || {
            for (z, v) in z.chunks(LANES).zip(v.chunks(LANES)) {
                let (mut before, mut now, mut at) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
                now[..v.len()].copy_from_slice(v);
                at[..z.len()].copy_from_slice(z);
                for (sum, &(root, inverse)) in sums.iter_mut().zip(&steps) {
                    for lane in 0..LANES {
                        sum[lane] += now[lane];
                        let next = (at[lane] * now[lane] - root * before[lane]) * inverse;
                        before[lane] = now[lane];
                        now[lane] = next;
                    }
                }
            }
        },
    );
    let ones = [1.0; LANES];
    sums.iter().map(|lanes| dot(lanes, &ones)).collect()
}

/// Nodes and weights for a standard normal variable, on panels that are short beside features at some places
/// and of some widths, and end at them if they are kinks.
fn rule(features: impl Iterator<Item = (f64, f64)>, kinked: bool) -> (Vec<f64>, Vec<f64>) {
    let mut ends = vec![-REACH, REACH];
    for (place, width) in features {
        let mut distance = width;
        while distance < LENGTH {
            ends.extend([place - distance, place + distance]);
            distance *= 2.0;
        }
        if kinked {
            ends.push(place);
        }
    }
    ends.retain(|x| x.abs() <= REACH);
    ends.sort_by(f64::total_cmp);
    let (mut z, mut weights) = (Vec::new(), Vec::new());
    for pair in ends.windows(2) {
        let pieces = ((pair[1] - pair[0]) / LENGTH).ceil();
        let length = (pair[1] - pair[0]) / pieces.max(1.0);
        for piece in 0..pieces as usize {
            for (node, weight) in NODES.iter().zip(&WEIGHTS) {
                let x = pair[0] + length * (piece as f64 + node);
                z.push(x);
                weights.push(length * weight * normal::density(x));
            }
        }
    }
    (z, weights)
}
