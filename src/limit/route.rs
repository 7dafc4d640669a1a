//! The routes along which width and depth go to infinity.

use std::fmt;
use std::str::FromStr;

use super::Regime;
use crate::{Error, Result};

/// How $n$ and $L$ grow together, or one after the other.
///
/// At scale $s$ a route of finite sizes has $nL = s^2$, so that its networks cost as much as those of any
/// other. It reads and writes as text:
///
/// ```
/// use neural_limits::limit::{Regime, Route};
/// for (text, regime) in [
///     ("n first", Regime::InfiniteWidth { depth: 64 }),
///     ("L first", Regime::InfiniteDepth { width: 64 }),
///     ("n = L", Regime::Finite { width: 64, depth: 64 }),
///     ("n = L^0.5", Regime::Finite { width: 16, depth: 256 }),
///     ("n/L = 0.25", Regime::Finite { width: 32, depth: 128 }),
/// ] {
///     let route: Route = text.parse()?;
///     assert_eq!((route.at(64), route.to_string().as_str()), (regime, text));
/// }
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Route {
    /// $n \to \infty$, then $L \to \infty$.
    WidthFirst,
    /// $L \to \infty$, then $n \to \infty$.
    DepthFirst,
    /// $n = L$.
    Diagonal,
    /// $n = L^\gamma$.
    Power {
        /// $\gamma > 0$.
        exponent: f64,
    },
    /// $n = rL$.
    Ratio {
        /// $r > 0$.
        width_over_depth: f64,
    },
}

impl Route {
    /// $n = L^\gamma$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $\gamma > 0$ is finite.
    pub fn power(exponent: f64) -> Result<Self> {
        positive("exponent", exponent)?;
        Ok(Self::Power { exponent })
    }

    /// $n = rL$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $r > 0$ is finite.
    pub fn ratio(width_over_depth: f64) -> Result<Self> {
        positive("width_over_depth", width_over_depth)?;
        Ok(Self::Ratio { width_over_depth })
    }

    /// The sizes at scale $s$, rounded to integers from 1 to 10⁹: $nL = s^2$, or $L = s$ with infinite width,
    /// or $n = s$ with infinite depth.
    pub fn at(self, scale: usize) -> Regime {
        let s = scale as f64;
        let size = |x: f64| x.round().clamp(1.0, 1e9) as usize;
        let (width, depth) = match self {
            Self::WidthFirst => return Regime::InfiniteWidth { depth: scale },
            Self::DepthFirst => return Regime::InfiniteDepth { width: scale },
            Self::Diagonal => (s, s),
            Self::Power { exponent } => {
                let depth = size(s.powf(2.0 / (1.0 + exponent))) as f64;
                (depth.powf(exponent), depth)
            }
            // the smaller size first: the ratio is then met as well as integers can
            Self::Ratio { width_over_depth } if width_over_depth >= 1.0 => {
                let depth = size(s / width_over_depth.sqrt()) as f64;
                (width_over_depth * depth, depth)
            }
            Self::Ratio { width_over_depth } => {
                let width = size(s * width_over_depth.sqrt()) as f64;
                (width, width / width_over_depth)
            }
        };
        Regime::Finite {
            width: size(width),
            depth: size(depth),
        }
    }

    /// Whether its number is one that [`power`](Self::power) or [`ratio`](Self::ratio) takes.
    pub(super) fn checked(self) -> Result<Self> {
        match self {
            Self::Power { exponent } => Self::power(exponent),
            Self::Ratio { width_over_depth } => Self::ratio(width_over_depth),
            other => Ok(other),
        }
    }

    /// $\lim L/n$, if it is positive and finite.
    pub(super) fn depth_over_width(self) -> Option<f64> {
        match self {
            Self::Diagonal => Some(1.0),
            Self::Power { exponent: 1.0 } => Some(1.0),
            Self::Ratio { width_over_depth } => Some(width_over_depth.recip()),
            _ => None,
        }
    }
}

fn positive(argument: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(Error::invalid(argument, value, "a finite number > 0"))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::WidthFirst => "n first".to_owned(),
            Self::DepthFirst => "L first".to_owned(),
            Self::Diagonal => "n = L".to_owned(),
            Self::Power { exponent } => format!("n = L^{exponent}"),
            Self::Ratio { width_over_depth } => format!("n/L = {width_over_depth}"),
        };
        f.pad(&text)
    }
}

impl FromStr for Route {
    type Err = Error;

    /// From `n first`, `L first`, `n = L`, `n = L^0.5` or `n/L = 0.25`, with any number of spaces.
    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            let expected = "one of: n first, L first, n = L, n = L^0.5, n/L = 0.25";
            Error::invalid("route", text, expected)
        };
        let plain: String = text.split_whitespace().collect();
        let number = |text: &str| text.parse::<f64>().map_err(|_| refused());
        match plain.as_str() {
            "nfirst" => Ok(Self::WidthFirst),
            "Lfirst" => Ok(Self::DepthFirst),
            "n=L" => Ok(Self::Diagonal),
            plain => {
                if let Some(exponent) = plain.strip_prefix("n=L^") {
                    Self::power(number(exponent)?)
                } else if let Some(ratio) = plain.strip_prefix("n/L=") {
                    Self::ratio(number(ratio)?)
                } else {
                    Err(refused())
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_finite_sizes_have_one_area() {
        for route in [
            Route::Diagonal,
            Route::power(0.5).unwrap(),
            Route::power(2.0).unwrap(),
            Route::ratio(0.25).unwrap(),
            Route::ratio(8.0).unwrap(),
        ] {
            for scale in [16, 64, 256] {
                let Regime::Finite { width, depth } = route.at(scale) else {
                    panic!("finite sizes");
                };
                let area = (width * depth) as f64 / (scale * scale) as f64;
                // six layers instead of 6.35
                assert!((area - 1.0).abs() < 0.2, "{route}: {width} {depth}");
            }
        }
    }

    #[test]
    fn what_is_no_route_is_refused_by_name() {
        for text in [
            "",
            "n",
            "n = L^",
            "n = L^-1",
            "n/L = 0",
            "n/L = inf",
            "L = n",
        ] {
            assert!(text.parse::<Route>().is_err(), "{text}");
        }
        let error = "sideways".parse::<Route>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("route = sideways: expected one of: n first")
        );
    }
}
