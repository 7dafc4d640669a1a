//! The catapult: two linear layers, trained at a learning rate beyond the kernel regime.

use super::rule::LearningRate;
use crate::{Error, Result, error};

/// What becomes of training as the width grows, by $\eta \lambda_0$.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CatapultPhase {
    /// $\eta \lambda_0 < 2$: the loss falls, the curvature stays.
    Lazy,
    /// $2 \le \eta \lambda_0 < 4$: the loss grows to the order of the width, the curvature falls until
    /// $\eta\lambda < 2$, and the loss falls: a flatter minimum.
    Catapult,
    /// $\eta \lambda_0 \ge 4$: the loss grows without bound.
    Divergent,
}

/// A network of two linear layers and width $n$ at one point, $f = n^{-1/2} v \cdot u$, trained by gradient
/// descent on $f^2/2$ (A. Lewkowycz et al. 2020, arXiv 2003.02218, section 3): with the curvature (the
/// tangent kernel, the Hessian's largest eigenvalue at $f = 0$) $\lambda = (|u|^2 + |v|^2)/n$, exactly
///
/// $$f \leftarrow f \Bigl(1 - \eta\lambda + \frac{\eta^2 f^2}{n}\Bigr), \qquad
/// \lambda \leftarrow \lambda + \frac{\eta f^2}{n} (\eta\lambda - 4),$$
///
/// so that nothing else of the weights matters. As $n \to \infty$ there are three
/// [phases](CatapultPhase).
///
/// ```
/// use neural_limits::training::{Catapult, CatapultPhase, LearningRate};
/// let start = Catapult::new(0.5, 2.0, 1_000_000)?;
/// let rate = LearningRate::new(1.25)?; // ηλ₀ = 2.5
/// assert_eq!(start.phase(rate), CatapultPhase::Catapult);
/// let end = start.after(rate, 500)?;
/// assert!(end.output().abs() < 1e-6); // trained
/// assert!((rate.value() * end.curvature() - 1.282333).abs() < 1e-5); // and flatter
/// assert!(start.after(LearningRate::new(2.05)?, 10_000).is_err()); // ηλ₀ = 4.1
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Catapult {
    output: f64,
    curvature: f64,
    width: usize,
}

impl Catapult {
    /// Of $f$, $\lambda$ and $n$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $f$ is finite, $1 \le n \le 10^9$ and $\lambda \ge 2|f|/\sqrt n$, which
    /// Cauchy and Schwarz ask for.
    pub fn new(output: f64, curvature: f64, width: usize) -> Result<Self> {
        error::finite("the output", output)?;
        error::non_negative("the curvature", curvature)?;
        error::size("the width", width)?;
        let least = 2.0 * output.abs() / (width as f64).sqrt();
        if curvature < least {
            return Err(Error::invalid(
                "the curvature",
                curvature,
                format!("a number >= 2|f|/sqrt(n) = {least}"),
            ));
        }
        Ok(Self {
            output,
            curvature,
            width,
        })
    }

    /// $f$.
    pub fn output(&self) -> f64 {
        self.output
    }

    /// $\lambda$.
    pub fn curvature(&self) -> f64 {
        self.curvature
    }

    /// $f^2/2$.
    pub fn loss(&self) -> f64 {
        0.5 * self.output * self.output
    }

    /// What becomes of it as the width grows.
    pub fn phase(&self, rate: LearningRate) -> CatapultPhase {
        match rate.value() * self.curvature {
            sharpness if sharpness < 2.0 => CatapultPhase::Lazy,
            sharpness if sharpness < 4.0 => CatapultPhase::Catapult,
            _ => CatapultPhase::Divergent,
        }
    }

    /// One step of gradient descent.
    ///
    /// # Errors
    /// [`Error::Overflow`] where training has diverged beyond the range of `f64`.
    pub fn step(&self, rate: LearningRate) -> Result<Self> {
        let (eta, f, lambda) = (rate.value(), self.output, self.curvature);
        let share = eta * f * f / self.width as f64;
        let next = Self {
            output: f * (1.0 - eta * lambda + eta * share),
            curvature: lambda + share * (eta * lambda - 4.0),
            width: self.width,
        };
        if next.output.is_finite() && next.curvature.is_finite() {
            Ok(next)
        } else {
            Err(Error::overflow(
                "the output of a network whose training diverges",
            ))
        }
    }

    /// The states after each step, computed as they are asked for; it ends with the first error.
    pub fn trajectory(self, rate: LearningRate) -> impl Iterator<Item = Result<Self>> {
        let mut state = Some(self);
        std::iter::from_fn(move || {
            let next = state?.step(rate);
            state = next.as_ref().ok().copied();
            Some(next)
        })
    }

    /// The state after some steps.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn after(self, rate: LearningRate, steps: usize) -> Result<Self> {
        (0..steps).try_fold(self, |state, _| state.step(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(eta: f64) -> LearningRate {
        LearningRate::new(eta).unwrap()
    }

    /// Gradient descent on the weights themselves.
    #[test]
    fn it_is_gradient_descent_on_the_weights() {
        let n = 16;
        let mut u: Vec<f64> = (0..n).map(|i| (i as f64).sin() * 1.3).collect();
        let mut v: Vec<f64> = (0..n).map(|i| (1.7 * i as f64).cos()).collect();
        let root = (n as f64).sqrt();
        let of = |u: &[f64], v: &[f64]| {
            let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            (dot(u, v) / root, (dot(u, u) + dot(v, v)) / n as f64)
        };
        let (f, lambda) = of(&u, &v);
        let mut state = Catapult::new(f, lambda, n).unwrap();
        let eta = 3.0 / lambda;
        for _ in 0..10 {
            let (f, _) = of(&u, &v);
            let moved = eta * f / root;
            (u, v) = (
                u.iter().zip(&v).map(|(u, v)| u - moved * v).collect(),
                v.iter().zip(&u).map(|(v, u)| v - moved * u).collect(),
            );
            state = state.step(rate(eta)).unwrap();
            let (f, lambda) = of(&u, &v);
            assert!((state.output() - f).abs() < 1e-12 * f.abs().max(1.0));
            assert!((state.curvature() / lambda - 1.0).abs() < 1e-12);
        }
    }

    /// 60 digits, rounded: n = 16, f₀ = 0.5, λ₀ = 2.
    #[test]
    fn trajectories_of_sixty_digits() {
        let start = Catapult::new(0.5, 2.0, 16).unwrap();
        for (eta, steps, f, lambda) in [
            (
                0.75,
                10,
                0.000_284_492_876_000_655_2,
                1.961_489_304_902_378_4,
            ),
            (1.5, 3, -2.462_305_987_301_26, 1.526_996_524_249_421),
            (1.5, 10, 0.098_786_895_414_911_55, 0.118_133_184_455_322_66),
            (2.25, 4, 229.176_018_968_524_7, 116.905_941_498_155_16),
        ] {
            let end = start.after(rate(eta), steps).unwrap();
            let close = |found: f64, exact: f64| (found / exact - 1.0).abs() < 1e-9;
            assert!(close(end.curvature(), lambda), "{eta} {steps} {end:?}");
            assert!(close(end.output(), f), "{eta} {steps} {end:?}");
        }
        assert!(start.after(rate(2.25), 8).is_ok());
        assert!(
            start.after(rate(2.25), 9).is_err(),
            "it overflows at step 9"
        );
    }

    #[test]
    fn three_phases() {
        for (n, end) in [(16, [1.471_117, 1.227_331]), (1_000_000, [1.5, 1.282_333])] {
            let start = Catapult::new(0.5, 2.0, n).unwrap();
            for (eta, end) in [0.75, 1.25].into_iter().zip(end) {
                let found = eta * start.after(rate(eta), 2000).unwrap().curvature();
                assert!((found - end).abs() < 2e-6, "{n} {eta} {found}");
            }
            // the loss first grows to the order of the width
            let peak = start
                .trajectory(rate(1.25))
                .take(100)
                .map(|state| state.unwrap().output().abs())
                .fold(0.0, f64::max);
            assert!(n == 16 || (peak / 1000.0 - 0.3249).abs() < 1e-4, "{peak}");
            assert_eq!(start.phase(rate(0.9)), CatapultPhase::Lazy);
            assert_eq!(start.phase(rate(1.5)), CatapultPhase::Catapult);
            assert_eq!(start.phase(rate(2.1)), CatapultPhase::Divergent);
        }
    }

    #[test]
    fn a_curvature_below_what_the_output_needs_is_refused() {
        assert!(Catapult::new(4.0, 1.9, 16).is_err());
        assert!(Catapult::new(f64::NAN, 1.0, 16).is_err());
        assert!(Catapult::new(0.5, 2.0, 0).is_err());
    }
}
