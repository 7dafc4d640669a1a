//! One or two neurons: equations that close.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use nalgebra::{DMatrix, DVector};

use crate::activation::Slopes;
use crate::numerics::{matrix_exponential, matrix_product};
use crate::{Error, Result, error};

/// $\mathbb E \hat q_\tau / q_0$ of the [diffusion](super::Diffusion) of width 1 with positively homogeneous
/// $\varphi$, no biases and $Y_0 \sim \mathcal N(0, q_0)$, at $t = \sigma_w^2 \tau$: $\tfrac12 (e^{s_-^2 t} +
/// e^{s_+^2 t})$.
///
/// The neuron keeps its sign, and is a geometric Brownian motion: $Y_\tau = Y_0 e^{s \beta_t - s^2 t/2}$ with
/// the slope $s$ on its side. For ReLU, $(1 + e^t)/2$.
///
/// # Errors
/// [`Error::Invalid`] for a negative time or one that is not finite; [`Error::Overflow`].
///
/// ```
/// use neural_limits::{activation::Slopes, diffusion::one_neuron_growth};
/// let relu = Slopes { negative: 0.0, positive: 1.0 };
/// assert_eq!(one_neuron_growth(relu, 1.0)?, 0.5 * (1.0 + 1.0_f64.exp()));
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn one_neuron_growth(slopes: Slopes, time: f64) -> Result<f64> {
    error::non_negative("time", time)?;
    let growth = |slope: f64| (slope * slope * time).exp();
    let mean = 0.5 * (growth(slopes.negative) + growth(slopes.positive));
    if mean.is_finite() {
        Ok(mean)
    } else {
        Err(Error::overflow("the variance of one neuron"))
    }
}

/// The ReLU [diffusion](super::Diffusion) of width 2 without biases, at $t = \sigma_w^2 \tau$, through its
/// equations in one angle.
///
/// With $x = r (\cos\alpha, \sin\alpha)$ and $w = \lVert \varphi(\cos\alpha, \sin\alpha) \rVert^2$, the
/// generator is $\tfrac14 r^2 w \Delta$. So $\mathbb E_x \lVert Y_t \rVert^2 = r^2 g(t, \alpha)$ and
/// $\ell(t, \alpha) = \mathbb E_x \log(\lVert \varphi(Y_t) \rVert/\lVert \varphi(x) \rVert)$ obey
///
/// $$\partial_t g = \tfrac w4 (g^{\prime\prime} + 4 g), \quad g(0) = 1, \qquad \partial_t \ell = \tfrac w4
/// \ell^{\prime\prime} + \tfrac12 (\tfrac12 N_+ - 1), \quad \ell(0) = 0.$$
///
/// They are symmetric about $\pi/4$. On $[\pi/4, \pi/2]$ $w = 1$; on $[\pi/2, \pi)$ $w = \sin^2\alpha$, and
/// $y = \log\tan(\alpha/2)$ makes of $w \partial_\alpha^2$ the regular operator $\partial_y^2 + \tanh(y)
/// \partial_y$, with data that vanish at infinity. Chebyshev collocation on both pieces, joined in value and
/// slope, gives linear equations, and a matrix exponential solves them in time.
///
/// Error for $1/10 \le t \le 40$: below 1e-10 in the mean of $\ell$, and 1e-9 in $\ell$ and (relative) in
/// $g$.
///
/// ```
/// use neural_limits::diffusion::TwoNeurons;
/// let two = TwoNeurons::relu(1.0)?;
/// assert!((two.variance_growth() - 1.7508893662).abs() < 1e-9);
/// assert!((two.log_norm_growth() + 0.1696413021).abs() < 1e-9);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TwoNeurons {
    time: f64,
    inner: Piece,
    outer: Piece,
    /// $g - 1$ on both pieces.
    variance: DVector<f64>,
    /// $\ell + t/4$ on both pieces.
    log_norm: DVector<f64>,
}

impl TwoNeurons {
    /// At the time $t = \sigma_w^2 \tau$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 40]$.
    pub fn relu(time: f64) -> Result<Self> {
        if !(0.0..=40.0).contains(&time) {
            return Err(Error::invalid("time", time, "a number in [0, 40]"));
        }
        // y drifts by t/4 and spreads by √(t/2)
        let reach = 6.0 + 0.25 * time + 6.0 * time.sqrt();
        Self::resolved(time, reach, (24, 2 * (20.0 + 1.5 * reach) as usize))
    }

    /// With polynomials of two degrees, the outer piece up to $y$ = `reach`.
    fn resolved(time: f64, reach: f64, degrees: (usize, usize)) -> Result<Self> {
        let inner = Piece::new(FRAC_PI_4, FRAC_PI_2, degrees.0);
        let outer = Piece::new(0.0, reach, degrees.1);
        let (first, second) = (inner.nodes.len(), outer.nodes.len());
        let size = first + second;
        let weight = |i: usize| match i.checked_sub(first) {
            None => 1.0,
            Some(i) => outer.nodes[i].cosh().powi(-2),
        };
        let mut generator = DMatrix::zeros(size, size);
        let laplacian = matrix_product(&inner.derivative, &inner.derivative);
        let mut part = generator.view_mut((0, 0), (first, first));
        part.copy_from(&(0.25 * laplacian));
        let mut laplacian = matrix_product(&outer.derivative, &outer.derivative);
        for (i, mut row) in laplacian.row_iter_mut().enumerate() {
            row += outer.derivative.row(i) * outer.nodes[i].tanh();
        }
        let mut part = generator.view_mut((first, first), (second, second));
        part.copy_from(&(0.25 * laplacian));
        let growth = DVector::from_fn(size, |i, _| weight(i));
        let active = DVector::from_fn(size, |i, _| if i < first { 0.25 } else { 0.0 });

        // symmetry at π/4, value and slope at π/2, 0 at infinity
        let mut conditions = DMatrix::zeros(4, size);
        for j in 0..first {
            conditions[(0, j)] = inner.derivative[(0, j)];
            conditions[(2, j)] = inner.derivative[(first - 1, j)];
        }
        for j in 0..second {
            conditions[(2, first + j)] = -outer.derivative[(0, j)];
        }
        conditions[(1, first - 1)] = 1.0;
        conditions[(1, first)] = -1.0;
        conditions[(3, size - 1)] = 1.0;
        let ends = [0, first - 1, first, size - 1];
        let free: Vec<usize> = (0..size).filter(|i| !ends.contains(i)).collect();
        let bound = conditions.select_columns(&ends).lu();
        let bound = bound.solve(&conditions.select_columns(&free));
        let bound = bound.ok_or_else(|| Error::undefined("an angle equation", "no joint"))?;
        let mut extension = DMatrix::zeros(size, free.len());
        for (j, &i) in free.iter().enumerate() {
            extension[(i, j)] = 1.0;
        }
        for (row, &i) in bound.row_iter().zip(&ends) {
            extension.row_mut(i).copy_from(&-row);
        }

        // u' = A u + s from u = 0, as the exponential of one matrix
        let solve = |generator: &DMatrix<f64>, source: &DVector<f64>| -> Result<DVector<f64>> {
            let count = free.len();
            let mut matrix = DMatrix::zeros(count + 1, count + 1);
            let mut part = matrix.view_mut((0, 0), (count, count));
            part.copy_from(&matrix_product(generator, &extension).select_rows(&free));
            for (j, &i) in free.iter().enumerate() {
                matrix[(j, count)] = source[i];
            }
            let exponential = matrix_exponential(&(matrix * time))?;
            Ok(&extension * exponential.view((0, count), (count, 1)).column(0))
        };
        let log_norm = solve(&generator, &active)?;
        generator += DMatrix::from_diagonal(&growth);
        let variance = solve(&generator, &growth)?;
        Ok(Self {
            time,
            inner,
            outer,
            variance,
            log_norm,
        })
    }

    /// $\mathbb E \hat q_t/q_0$ for $Y_0 \sim \mathcal N(0, q_0)$, as behind a dense layer.
    pub fn variance_growth(&self) -> f64 {
        1.0 + self.integral(&self.variance) / PI
    }

    /// $\mathbb E \log(\lVert \varphi(Y_t) \rVert / \lVert \varphi(Y_0) \rVert)$ for $Y_0 \sim \mathcal N(0,
    /// q_0)$, given $\varphi(Y_0) \ne 0$.
    pub fn log_norm_growth(&self) -> f64 {
        self.integral(&self.log_norm) / (0.75 * PI) - 0.25 * self.time
    }

    /// $g(t, \alpha) = \mathbb E_x \lVert Y_t \rVert^2 / \lVert x \rVert^2$.
    ///
    /// # Errors
    /// [`Error::ZeroVector`]; [`Error::Invalid`] unless both entries are finite.
    pub fn variance_growth_from(&self, x: [f64; 2]) -> Result<f64> {
        let angle = angle(x)?;
        Ok(1.0 + angle.map_or(0.0, |angle| self.at(&self.variance, angle)))
    }

    /// $\ell(t, \alpha) = \mathbb E_x \log(\lVert \varphi(Y_t) \rVert/\lVert \varphi(x) \rVert)$.
    ///
    /// # Errors
    /// As [`variance_growth_from`](Self::variance_growth_from); [`Error::Undefined`] if $\varphi(x) = 0$.
    pub fn log_norm_growth_from(&self, x: [f64; 2]) -> Result<f64> {
        let angle = angle(x)?
            .ok_or_else(|| Error::undefined("the logarithm of a norm", "no neuron is positive"))?;
        Ok(self.at(&self.log_norm, angle) - 0.25 * self.time)
    }

    /// The integral over $\alpha \in [\pi/4, \pi]$.
    fn integral(&self, values: &DVector<f64>) -> f64 {
        let first = self.inner.nodes.len();
        let inner = self.inner.weights.dot(&values.rows(0, first));
        let outer = self.outer.nodes.iter().zip(self.outer.weights.iter());
        let outer = outer.enumerate();
        // dα = dy / cosh y
        inner
            + outer
                .map(|(i, (y, w))| w * values[first + i] / y.cosh())
                .sum::<f64>()
    }

    /// At an angle in $[\pi/4, \pi)$.
    fn at(&self, values: &DVector<f64>, angle: f64) -> f64 {
        let first = self.inner.nodes.len();
        if angle <= FRAC_PI_2 {
            return self.inner.interpolated(&values.as_slice()[..first], angle);
        }
        let y = (0.5 * angle).tan().ln();
        let reach = self.outer.nodes[self.outer.nodes.len() - 1];
        if y < reach {
            self.outer.interpolated(&values.as_slice()[first..], y)
        } else {
            0.0
        }
    }
}

/// The angle of a point, mirrored into $[\pi/4, \pi)$; `None` if no coordinate is positive.
fn angle(x: [f64; 2]) -> Result<Option<f64>> {
    for (i, value) in x.into_iter().enumerate() {
        error::finite(&format!("x[{i}]"), value)?;
    }
    if x == [0.0, 0.0] {
        return Err(Error::ZeroVector {
            argument: "x".to_owned(),
        });
    }
    let (low, high) = (x[0].min(x[1]), x[0].max(x[1]));
    Ok((high > 0.0).then(|| high.atan2(low)))
}

/// Polynomials on an interval by their values at Chebyshev's points.
#[derive(Debug, Clone)]
struct Piece {
    /// Increasing.
    nodes: DVector<f64>,
    derivative: DMatrix<f64>,
    /// Of Clenshaw and Curtis's quadrature.
    weights: DVector<f64>,
}

impl Piece {
    /// Of an even degree.
    fn new(low: f64, high: f64, degree: usize) -> Self {
        let n = degree as f64;
        let half = 0.5 * (high - low);
        let angle = |i: usize| PI * i as f64 / n;
        let end = |i: usize| i == 0 || i == degree;
        let mut derivative = DMatrix::from_fn(degree + 1, degree + 1, |i, j| {
            if i == j {
                return 0.0;
            }
            // x_i - x_j without a difference of cosines
            let (sum, difference) = (angle(i) + angle(j), angle(i) - angle(j));
            let distance = 2.0 * (0.5 * sum).sin() * (0.5 * difference).sin();
            barycentric(i, degree).recip() * barycentric(j, degree) / (half * distance)
        });
        for i in 0..=degree {
            derivative[(i, i)] = -derivative.row(i).sum();
        }
        let weights = DVector::from_fn(degree + 1, |i, _| {
            let terms = (1..=degree / 2).map(|k| {
                let share = if 2 * k == degree { 1.0 } else { 2.0 };
                share * (2.0 * k as f64 * angle(i)).cos() / (4 * k * k - 1) as f64
            });
            let share = if end(i) { 1.0 } else { 2.0 };
            half * share * (1.0 - terms.sum::<f64>()) / n
        });
        Self {
            nodes: DVector::from_fn(degree + 1, |i, _| low + half * (1.0 - angle(i).cos())),
            derivative,
            weights,
        }
    }

    /// The polynomial at a point, in barycentric form.
    fn interpolated(&self, values: &[f64], x: f64) -> f64 {
        let degree = values.len() - 1;
        let (mut above, mut below) = (0.0, 0.0);
        for (i, (&node, &value)) in self.nodes.iter().zip(values).enumerate() {
            if x == node {
                return value;
            }
            let share = barycentric(i, degree) / (x - node);
            above += share * value;
            below += share;
        }
        above / below
    }
}

/// The weight of node `i` in barycentric interpolation, up to a common factor.
fn barycentric(i: usize, degree: usize) -> f64 {
    let sign = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
    if i == 0 || i == degree {
        0.5 * sign
    } else {
        sign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_resolutions_agree_within_the_stated_error() {
        for (time, reach, degrees) in [
            (0.1, 10.0, (32, 96)),
            (1.0, 14.0, (32, 112)),
            (40.0, 60.0, (32, 240)),
        ] {
            let (two, finer) = (
                TwoNeurons::relu(time).unwrap(),
                TwoNeurons::resolved(time, reach, degrees).unwrap(),
            );
            let relative = two.variance_growth() / finer.variance_growth() - 1.0;
            assert!(relative.abs() < 1e-9, "{time}: {relative:e}");
            let difference = two.log_norm_growth() - finer.log_norm_growth();
            assert!(difference.abs() < 1e-10, "{time}: {difference:e}");
            for x in [[1.0, 1.0], [0.3, 2.0], [2.0, -0.5], [-4.0, 0.1]] {
                let [a, b] = [&two, &finer].map(|two| two.log_norm_growth_from(x).unwrap());
                assert!((a - b).abs() < 1e-9, "{time} {x:?}: {:e}", a - b);
                let [a, b] = [&two, &finer].map(|two| two.variance_growth_from(x).unwrap());
                assert!(
                    (a / b - 1.0).abs() < 1e-9,
                    "{time} {x:?}: {:e}",
                    a / b - 1.0
                );
            }
        }
    }
}
