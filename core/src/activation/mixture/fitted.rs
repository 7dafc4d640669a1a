//! A mixture for any smooth activation, by least squares.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_PI_2};
use std::sync::{Arc, LazyLock};

use nalgebra::{DMatrix, DVector, Dyn, SVD};

use super::Mixture;
use super::pairs::{Components, Pieces};
use super::profile::{Leading, Profile};
use crate::activation::pair_form::dual_from_pair_form;
use crate::activation::{Activation, Parity};
use crate::{Error, Result};

/// An activation whose Gaussian duals are closed forms, because
///
/// $$\varphi^\prime(x) = a + \sum_{j=1}^{34} a_j e^{-x^2/2s_j^2} + \sum_{j=1}^{34} e_j
/// \operatorname{erf}\frac x{s_j\sqrt2}$$
///
/// holds to rounding, with $s_j$ from 0.14 to 9 units of length. The coefficients are found by least squares
/// on 400 points, and $\varphi^\prime$ and $\varphi$ are compared with the sums on others, up to $|x| =
/// 10^6$; the unit of length is a power of two between 1/16 and 16.
///
/// It works where the even and the odd part of $\varphi$, as functions of $x^2$, are Laplace transforms with
/// a limit (or a slope) at infinity: where the singularities $x + iy$ of $\varphi$ have $|y| > |x|$, and
/// $\varphi^\prime$ tends to its limits exponentially fast. So it does for tanh, softplus, SiLU,
/// Mish and $\log\cosh$. It does not for $\tanh(x-1)$ (singularities at $1 \pm i\pi/2$ lie too near the
/// diagonal), $\arctan$ (an algebraic tail) or ELU (a kink): these are refused.
///
/// [`Custom`](crate::activation::Custom) activations without kinks are fitted by themselves.
///
/// Against the named mixtures both moments have errors below 1e-12 (of $\sqrt{V_aV_b}$ and of
/// $\sup|\varphi^\prime|^2$). The relative error of $1-c^\prime$ is of that size as well, except that what
/// parallel inputs of different norms lose, $p = 1-c^\prime$ at $c = 1$, has a relative error of about
/// $10^{-16}/\sqrt p$.
#[derive(Debug, Clone)]
pub struct Fitted<A> {
    activation: A,
    fit: Arc<Fit>,
}

/// The coefficients: $a$, $s_j^2$, $o_j = a_j s_j \sqrt{\pi/2}$ and $e_j$.
#[derive(Debug)]
pub(crate) struct Fit {
    unit: f64,
    slope: f64,
    variance: Vec<f64>,
    odd: Vec<f64>,
    even: Vec<f64>,
    near: Leading,
    far: Leading,
    residual: f64,
}

/// Components of each parity.
const SIZE: usize = 34;

/// The least and the largest $s_j$, in units of length.
const SCALES: (f64, f64) = (0.14, 9.0);

/// $\varphi^\prime$ has reached its limits here, in units of length.
const LIMIT: f64 = 45.0;

/// Singular values below this share of the largest one are rounding.
const SINGULAR: f64 = 1e-15;

/// The largest residual that is accepted.
const TOLERANCE: f64 = 5e-14;

/// Units of length that are tried, by their logarithm to base 2.
const UNITS: [i32; 9] = [0, -1, 1, -2, 2, -3, 3, -4, 4];

/// `count` numbers from `from` to `to` in geometric progression.
fn geometric(from: f64, to: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = (to / from).ln() / (count - 1) as f64;
    (0..count).map(move |i| from * libm::exp(step * i as f64))
}

/// `count` numbers from `from` to `to` in arithmetic progression.
fn arithmetic(from: f64, to: f64, count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| from + (to - from) * i as f64 / (count - 1) as f64)
}

/// $M = QR$ and $R = U \Sigma V^T$, for least squares with many right-hand sides.
struct LeastSquares {
    q: DMatrix<f64>,
    r: SVD<f64, Dyn, Dyn>,
}

impl LeastSquares {
    fn new(points: &[f64], component: impl Fn(f64) -> f64) -> Self {
        let scales = scales();
        let matrix = DMatrix::from_fn(points.len(), SIZE, |i, j| component(points[i] / scales[j]));
        let qr = matrix.qr();
        Self {
            q: qr.q(),
            r: qr.r().svd(true, true),
        }
    }

    /// The coefficients, unless the mean square of what no coefficients reach is above `most` squared.
    fn solve(&self, right: Vec<f64>, most: f64) -> std::result::Result<Vec<f64>, f64> {
        let right = DVector::from_vec(right);
        let projected = self.q.tr_mul(&right);
        let rest = (&right - &self.q * &projected).norm() / (right.len() as f64).sqrt();
        if rest.is_nan() || rest > most {
            return Err(rest);
        }
        let least = SINGULAR * self.r.singular_values.max();
        let solution = self.r.solve(&projected, least);
        let solution = solution.expect("both factors were computed");
        Ok(solution.as_slice().to_vec())
    }
}

fn scales() -> Vec<f64> {
    geometric(SCALES.0, SCALES.1, SIZE).collect()
}

fn bump(x: f64) -> f64 {
    libm::exp(-0.5 * x * x)
}

fn sigmoid(x: f64) -> f64 {
    libm::erf(FRAC_1_SQRT_2 * x)
}

/// The points and both factorisations, which all activations share.
struct Frame {
    points: Vec<f64>,
    even: LeastSquares,
    odd: LeastSquares,
}

static FRAME: LazyLock<Frame> = LazyLock::new(|| {
    let points = geometric(1e-6, 0.1, 40).chain(arithmetic(0.1, 14.0, 280));
    let points: Vec<f64> = points.chain(geometric(14.0, LIMIT, 80)).collect();
    Frame {
        even: LeastSquares::new(&points, bump),
        odd: LeastSquares::new(&points, sigmoid),
        points,
    }
});

/// The even and the odd part of $f$ at $x$.
fn parts(f: impl Fn(f64) -> f64, x: f64) -> (f64, f64) {
    let (plus, minus) = (f(x), f(-x));
    (0.5 * (plus + minus), 0.5 * (plus - minus))
}

impl Fit {
    /// The fit of an activation.
    ///
    /// # Errors
    /// [`Error::NotConverged`] with the residual reached.
    pub(crate) fn new(activation: &dyn Activation) -> Result<Self> {
        let mut least = f64::INFINITY;
        for unit in UNITS {
            match Self::in_units(activation, 2f64.powi(unit)) {
                Ok(fit) => return Ok(fit),
                Err(residual) => least = least.min(residual),
            }
        }
        Err(Error::NotConverged {
            what: format!("the fit of {} by a mixture", activation.name()),
            reached: least,
            tolerance: TOLERANCE,
        })
    }

    /// The fit with a unit of length, or its residual.
    fn in_units(activation: &dyn Activation, unit: f64) -> std::result::Result<Self, f64> {
        let derivative = |x: f64| parts(|x| activation.derivative(unit * x), x);
        let (limit, _) = derivative(LIMIT);
        let all: Vec<(f64, f64)> = FRAME.points.iter().map(|&x| derivative(x)).collect();
        let mut largest = all.iter().fold(f64::MIN_POSITIVE, |largest, (even, odd)| {
            largest.max(even.abs()).max(odd.abs())
        });
        let (bumps, sigmoids) = all.iter().map(|(even, odd)| (even - limit, odd)).unzip();
        let solved = |which: &LeastSquares, right: Vec<f64>| {
            let solution = which.solve(right, TOLERANCE * largest);
            solution.map_err(|rest| rest / largest)
        };
        let (bumps, even) = (solved(&FRAME.even, bumps)?, solved(&FRAME.odd, sigmoids)?);
        let scales = scales();
        let amplitude = |(a, s): (&f64, &f64)| a * (unit * s) * FRAC_PI_2.sqrt();
        let (near, far) = leading(activation, unit, limit, even.iter().sum());
        let fit = Self {
            unit,
            slope: limit,
            odd: bumps.iter().zip(&scales).map(amplitude).collect(),
            variance: scales.iter().map(|s| (unit * s) * (unit * s)).collect(),
            even,
            near,
            far,
            residual: f64::NAN,
        };
        let (at_zero, _) = parts(|x| activation.value(x), 0.0);
        let mut worst = 0.0_f64;
        for x in geometric(1e-7, 1e6, 200).chain(arithmetic(0.015, 15.0, 700)) {
            let (even, odd) = derivative(x);
            let (value_even, value_odd) = parts(|x| activation.value(unit * x), x);
            let sums = fit.at(unit * x);
            largest = even.abs().max(odd.abs()).max(largest);
            let length = unit * (1.0 + x);
            for error in [
                even - sums.slope_even,
                odd - sums.slope_odd,
                0.1 * (value_even - at_zero - sums.even) / length,
                0.1 * (value_odd - sums.odd) / length,
            ] {
                // NaN is the worst of all
                worst = if error.is_nan() {
                    error
                } else {
                    worst.max(error.abs())
                };
            }
        }
        let residual = worst / largest;
        if residual <= TOLERANCE {
            Ok(Self { residual, ..fit })
        } else {
            Err(residual)
        }
    }

    /// The largest difference between $\varphi^\prime$ and its sum that was found, relative to the largest
    /// $|\varphi^\prime|$.
    pub(crate) fn residual(&self) -> f64 {
        self.residual
    }

    /// The sums at $x$.
    fn at(&self, x: f64) -> Sums {
        let mut sums = Sums {
            odd: self.slope * x,
            even: 0.0,
            slope_odd: 0.0,
            slope_even: self.slope,
        };
        let weights = self.odd.iter().zip(&self.even);
        for (variance, (odd, even)) in self.variance.iter().zip(weights) {
            let s = variance.sqrt();
            let (bump, sigmoid) = (bump(x / s), sigmoid(x / s));
            sums.odd += odd * sigmoid;
            sums.even += even * (x * sigmoid - s * FRAC_2_PI.sqrt() * (1.0 - bump));
            sums.slope_even += odd * FRAC_2_PI.sqrt() / s * bump;
            sums.slope_odd += even * sigmoid;
        }
        sums
    }
}

/// The odd and the even part of $\varphi - \varphi(0)$, and those of $\varphi^\prime$.
struct Sums {
    odd: f64,
    even: f64,
    slope_odd: f64,
    slope_even: f64,
}

/// What $\varphi$ tends to near 0 and far from it, where its slopes are `limit` of the odd part and
/// `even_slope` of the even one.
fn leading(
    activation: &dyn Activation,
    unit: f64,
    limit: f64,
    even_slope: f64,
) -> (Leading, Leading) {
    let at_zero = activation.value(0.0);
    let through_zero = at_zero == 0.0;
    let near = Leading {
        linear: through_zero,
        odd: if through_zero {
            activation.derivative(0.0)
        } else {
            0.0
        },
        even: at_zero,
    };
    let linear = limit.abs() + even_slope.abs() > TOLERANCE;
    let (odd, even) = if linear {
        (limit, even_slope)
    } else {
        let (even, odd) = parts(|x| activation.value(x), unit * LIMIT);
        (odd, even)
    };
    (near, Leading { linear, odd, even })
}

impl<A: Activation> Fitted<A> {
    /// The fit of `activation`.
    ///
    /// # Errors
    /// [`Error::NotConverged`] with the residual reached, if $\varphi^\prime$ is not such a sum to 5e-14 of
    /// its largest value, or $\varphi$ not its integral.
    pub fn new(activation: A) -> Result<Self> {
        let fit = Fit::new(&activation)?;
        Ok(Self::with_fit(activation, Arc::new(fit)))
    }

    pub(crate) fn with_fit(activation: A, fit: Arc<Fit>) -> Self {
        Self { activation, fit }
    }

    /// The largest difference between $\varphi^\prime$ and its sum that was found, relative to the largest
    /// $|\varphi^\prime|$.
    pub fn residual(&self) -> f64 {
        self.fit.residual()
    }

    /// ($\varphi_\text{odd}$, $\varphi_\text{even}$) without `leading`.
    fn rest(&self, leading: Leading, x: f64) -> (f64, f64) {
        let (even, odd) = parts(|x| self.activation.value(x), x);
        let base = if leading.linear { x } else { 1.0 };
        (odd - leading.odd * base, even - leading.even * base)
    }
}

impl<A: Activation> Activation for Fitted<A> {
    fn name(&self) -> String {
        self.activation.name()
    }

    fn value(&self, x: f64) -> f64 {
        self.activation.value(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.activation.derivative(x)
    }

    fn parity(&self) -> Parity {
        self.activation.parity()
    }

    fn value_slice(&self, x: &[f64], out: &mut [f64]) {
        self.activation.value_slice(x, out);
    }

    fn derivative_slice(&self, x: &[f64], out: &mut [f64]) {
        self.activation.derivative_slice(x, out);
    }
}

impl<A: Activation> Profile for Fitted<A> {
    const RESTS: [bool; 2] = [true, true];
    const REACH: f64 = f64::INFINITY;

    fn unit(&self) -> f64 {
        self.fit.unit
    }

    fn leading_near(&self) -> Leading {
        self.fit.near
    }

    fn leading_far(&self) -> Leading {
        self.fit.far
    }

    fn near(&self, x: f64) -> (f64, f64) {
        self.rest(self.fit.near, x)
    }

    fn far(&self, x: f64) -> (f64, f64) {
        self.rest(self.fit.far, x)
    }

    fn near_slope(&self, x: f64) -> f64 {
        parts(|x| self.activation.derivative(x), x).1
    }

    fn far_slope(&self, x: f64) -> f64 {
        let far = self.fit.far;
        let limit = if far.linear { far.even } else { 0.0 };
        self.near_slope(x) - limit
    }
}

impl<A: Activation> Mixture for Fitted<A> {
    const ODD: bool = true;
    const EVEN: bool = true;

    fn slope(&self) -> f64 {
        self.fit.slope
    }

    fn components(&self, _: f64, _: f64) -> Pieces<'_> {
        Components {
            variance: &self.fit.variance,
            odd: &self.fit.odd,
            even: &self.fit.even,
        }
        .alone()
    }
}

dual_from_pair_form!(Fitted<A>, pair_cost::LONG_MIXTURE, A: Activation);
