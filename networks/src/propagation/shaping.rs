//! Activations shaped so that a layer's maps have prescribed slopes or curvatures.

use nalgebra::{Matrix2, Vector2};

use super::{Propagation, pointwise};
use crate::activation::expectation::Quadrature;
use crate::activation::{Activation, Affine, Dual};
use crate::{Error, Initialization, Result};

/// What the correlation map $R$ of the shaped activation is given at $c = 1$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// $R^\prime(1)$, above 1.
    Slope(f64),
    /// $R^{\prime\prime}(1)$, above 0; for activations without kinks.
    Curvature(f64),
}

/// Shaping by affine maps before and after an activation (*deep kernel shaping*; J. Martens et al. 2021,
/// arXiv 2110.01765, section 6): $\hat\varphi(x) = \gamma(\varphi(\alpha x + \beta) + \delta)$ such that with
/// $\sigma_w^2 = 1$, $\sigma_b^2 = 0$
///
/// $$V(1) = 1, \qquad V^\prime(1) = 1, \qquad R(0) = 0, \qquad R^\prime(1) \text{ or } R^{\prime\prime}(1) =
/// \text{target}.$$
///
/// ```
/// use neural_limits::{prelude::*, propagation::Shaping};
/// let shaped = Shaping::slope(1.5)?.for_depth(50)?.of(Tanh)?;
/// // 50 layers together have the slope 1.5 at c = 1
/// assert!((shaped.correlation_slope.powi(50) - 1.5).abs() < 1e-9);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shaping {
    target: Target,
}

/// A shaped activation and what it achieves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shaped<A> {
    /// $\hat\varphi$.
    pub activation: Affine<A>,
    /// $V(1)$.
    pub variance: f64,
    /// $V^\prime(1)$.
    pub variance_slope: f64,
    /// $R(0)$.
    pub correlation_at_zero: f64,
    /// $R^\prime(1)$.
    pub correlation_slope: f64,
    /// $R^{\prime\prime}(1)$; $+\infty$ with kinks.
    pub correlation_curvature: f64,
}

/// The residuals that are left, at most.
const TOLERANCE: f64 = 1e-10;

impl Shaping {
    /// To the slope $R^\prime(1) = \zeta > 1$ of one layer. (Since $R(0) = 0$ and $R$ is convex on $[0, 1]$,
    /// slopes below 1 do not exist, and 1 is a linear function's.)
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is finite and above 1.
    pub fn slope(slope: f64) -> Result<Self> {
        if slope.is_finite() && slope > 1.0 {
            Ok(Self {
                target: Target::Slope(slope),
            })
        } else {
            Err(Error::invalid("slope", slope, "a finite number > 1"))
        }
    }

    /// To the curvature $R^{\prime\prime}(1) > 0$ of one layer.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is finite and positive.
    pub fn curvature(curvature: f64) -> Result<Self> {
        if curvature.is_finite() && curvature > 0.0 {
            Ok(Self {
                target: Target::Curvature(curvature),
            })
        } else {
            Err(Error::invalid(
                "curvature",
                curvature,
                "a finite number > 0",
            ))
        }
    }

    /// The target of one layer of an MLP of depth $L$ whose layers together have this one: slopes multiply,
    /// $\zeta^{1/L}$ (Martens et al. 2021, section 5.3); curvatures add to first order, $1/L$ of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for depth 0.
    pub fn for_depth(self, depth: usize) -> Result<Self> {
        let depth = crate::error::size("depth", depth)? as f64;
        Ok(Self {
            target: match self.target {
                Target::Slope(slope) => Target::Slope((slope.ln() / depth).exp()),
                Target::Curvature(curvature) => Target::Curvature(curvature / depth),
            },
        })
    }

    /// What is asked of one layer.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Solves for $\alpha, \beta, \gamma, \delta$: the last two from $V(1) = 1$ and $R(0) = 0$, the first two
    /// by Newton's method from several starts.
    ///
    /// # Errors
    /// [`Error::Undefined`] if $\varphi$ is linear or has kinks (curvature); [`Error::NotConverged`] if no
    /// start leads to a solution within 1e-10 (there may be none: for a positively homogeneous $\varphi$ only
    /// $\alpha/\beta$ matters, one unknown for two conditions); [`Error::Unsupported`] for maps of kernels.
    pub fn of<A: Dual + Clone>(&self, phi: A) -> Result<Shaped<A>> {
        pointwise(&phi)?;
        if matches!(self.target, Target::Curvature(_)) && !phi.kinks().is_empty() {
            return Err(Error::undefined(
                "the curvature of the correlation map",
                format!("{} has kinks", phi.name()),
            ));
        }
        let mut best = f64::INFINITY;
        for start in STARTS {
            let (point, residual) = self.newton(&phi, Vector2::from(start));
            best = best.min(residual);
            if residual <= TOLERANCE {
                return shaped(affine(phi, point)?);
            }
        }
        Err(Error::NotConverged {
            what: format!("the shaping of {}", phi.name()),
            reached: best,
            tolerance: TOLERANCE,
        })
    }

    /// Damped Newton steps in $(\log\alpha, \beta)$ from a start; the point and the largest residual there.
    fn newton<A: Dual + Clone>(&self, phi: &A, start: Vector2<f64>) -> (Vector2<f64>, f64) {
        const STEPS: usize = 60;
        const DIFFERENCE: f64 = 1e-5;
        let mut point = start;
        let Some(mut residual) = self.residual(phi, point) else {
            return (point, f64::INFINITY);
        };
        for _ in 0..STEPS {
            if residual.amax() < 1e-14 {
                break;
            }
            let column = |direction: Vector2<f64>| {
                let up = self.residual(phi, point + DIFFERENCE * direction)?;
                let down = self.residual(phi, point - DIFFERENCE * direction)?;
                Some((up - down) / (2.0 * DIFFERENCE))
            };
            let (Some(x), Some(y)) = (column(Vector2::x()), column(Vector2::y())) else {
                break;
            };
            let Some(step) = Matrix2::from_columns(&[x, y]).lu().solve(&residual) else {
                break;
            };
            // no more than a factor of e at a time, halved until the residual falls
            let mut damping = (1.0 / step.amax()).min(1.0);
            let next = loop {
                let next = point - damping * step;
                match self.residual(phi, next) {
                    Some(r) if r.amax() < residual.amax() => break Some((next, r)),
                    _ if damping < 1e-4 => break None,
                    _ => damping *= 0.5,
                }
            };
            match next {
                Some((next, r)) => (point, residual) = (next, r),
                None => break,
            }
        }
        (point, residual.amax())
    }

    /// $(V^\prime(1) - 1, \text{relative excess over the target})$; `None` where it cannot be computed.
    fn residual<A: Dual + Clone>(&self, phi: &A, point: Vector2<f64>) -> Option<Vector2<f64>> {
        let hat = affine(phi.clone(), point).ok()?;
        let map = unit(hat).ok()?;
        let variance = map.variance_slope(1.0).ok()? - 1.0;
        let second = match self.target {
            // relative to the distance from a linear function's slope
            Target::Slope(slope) => (map.correlation_slope(1.0, 0.0).ok()? - slope) / (slope - 1.0),
            Target::Curvature(curvature) => map.correlation_curvature(1.0).ok()? / curvature - 1.0,
        };
        let residual = Vector2::new(variance, second);
        residual.iter().all(|x| x.is_finite()).then_some(residual)
    }
}

/// Starting points $(\log \alpha, \beta)$.
const STARTS: [[f64; 2]; 12] = [
    [0.0, 0.5],
    [-1.0, 0.5],
    [-2.0, 0.5],
    [-3.0, 0.5],
    [0.0, 1.0],
    [-1.0, 1.0],
    [-2.0, 1.0],
    [0.0, -0.5],
    [-1.0, -0.5],
    [-2.0, -1.0],
    [-1.0, 2.0],
    [-1.0, -2.0],
];

/// The shaped activation at $(\log\alpha, \beta)$, with $\gamma$, $\delta$ from $V(1) = 1$ and $R(0) = 0$: a
/// mean of 0 and a variance of 1.
fn affine<A: Dual>(phi: A, point: Vector2<f64>) -> Result<Affine<A>> {
    let (alpha, beta) = (point.x.exp(), point.y);
    let inner = Affine::new(phi, alpha, beta, 1.0, 0.0)?;
    let kinks = inner.kinks();
    let quadrature = Quadrature::default();
    let mean = quadrature
        .expectation(|x| inner.value(x), &kinks, 1.0)?
        .value;
    let square = |x: f64| (inner.value(x) - mean).powi(2);
    let variance = quadrature.expectation(square, &kinks, 1.0)?.value;
    if variance <= 0.0 {
        return Err(Error::undefined("a shaped activation", "it is constant"));
    }
    let gamma = 1.0 / variance.sqrt();
    Affine::new(inner.into_activation(), alpha, beta, gamma, -mean)
}

/// One layer with $\sigma_w^2 = 1$, $\sigma_b^2 = 0$.
fn unit<'a>(phi: impl Dual + 'a) -> Result<Propagation<'a>> {
    Propagation::new(phi, Initialization::lecun())
}

fn shaped<A: Dual + Clone>(activation: Affine<A>) -> Result<Shaped<A>> {
    let map = unit(activation.clone())?;
    Ok(Shaped {
        variance: map.variance(1.0)?,
        variance_slope: map.variance_slope(1.0)?,
        correlation_at_zero: map.correlation(1.0, 0.0)?,
        correlation_slope: map.correlation_slope(1.0, 0.0)?,
        correlation_curvature: map.correlation_curvature(1.0)?,
        activation,
    })
}
