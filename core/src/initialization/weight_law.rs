//! The laws of weights of variance 1.

use crate::error::{self, Error, Result};

/// What a weight is drawn from, before it is scaled: mean 0, variance 1.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum WeightDistribution {
    /// $\mathcal N(0, 1)$.
    Gaussian,
    /// Uniform on $[-\sqrt 3, \sqrt 3]$.
    Uniform,
    /// $\pm 1$ with equal probabilities.
    Rademacher,
    /// $\sqrt{(\nu - 2)/\nu}\, t_\nu$.
    StudentT {
        /// $\nu > 2$.
        freedom: f64,
    },
    /// A normal number given that it is not beyond `cutoff` standard deviations, divided by its own.
    TruncatedNormal {
        /// In standard deviations of the normal law.
        cutoff: f64,
    },
    /// $\sqrt{\max(n, n^\prime)}\, Q$ with a Haar-distributed $n^\prime \times n$ matrix $Q$ of orthonormal
    /// rows or columns, whichever are fewer: a square layer is an isometry times $\sigma_w$.
    Orthogonal,
}

/// The law of a layer's weights: a distribution of variance 1, and how many of them are kept.
///
/// ```
/// use neural_limits::network::WeightLaw;
/// assert!(WeightLaw::gaussian().is_gaussian());
/// assert!(!WeightLaw::gaussian().pruned(0.25)?.is_gaussian());
/// let error = WeightLaw::student_t(2.0).unwrap_err();
/// assert_eq!(error.to_string(), "freedom = 2: expected a finite number > 2, for a variance");
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Unchecked"))]
pub struct WeightLaw {
    distribution: WeightDistribution,
    keep: f64,
}

/// A law as it is read.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    distribution: WeightDistribution,
    #[serde(default)]
    keep: Option<f64>,
}

#[cfg(feature = "serde")]
impl TryFrom<Unchecked> for WeightLaw {
    type Error = Error;

    fn try_from(read: Unchecked) -> Result<Self> {
        let law = match read.distribution {
            WeightDistribution::StudentT { freedom } => Self::student_t(freedom)?,
            WeightDistribution::TruncatedNormal { cutoff } => Self::truncated_normal(cutoff)?,
            distribution => Self::of(distribution),
        };
        law.pruned(read.keep.unwrap_or(1.0))
    }
}

impl Default for WeightLaw {
    /// [`WeightLaw::gaussian`].
    fn default() -> Self {
        Self::gaussian()
    }
}

impl WeightLaw {
    const fn of(distribution: WeightDistribution) -> Self {
        Self {
            distribution,
            keep: 1.0,
        }
    }

    /// $\mathcal N(0, 1)$.
    pub const fn gaussian() -> Self {
        Self::of(WeightDistribution::Gaussian)
    }

    /// Uniform on $[-\sqrt 3, \sqrt 3]$.
    pub const fn uniform() -> Self {
        Self::of(WeightDistribution::Uniform)
    }

    /// $\pm 1$.
    pub const fn rademacher() -> Self {
        Self::of(WeightDistribution::Rademacher)
    }

    /// Student's law with $\nu$ degrees of freedom, divided by its standard deviation.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $\nu > 2$ is finite.
    pub fn student_t(freedom: f64) -> Result<Self> {
        if freedom > 2.0 && freedom.is_finite() {
            Ok(Self::of(WeightDistribution::StudentT { freedom }))
        } else {
            let expected = "a finite number > 2, for a variance";
            Err(Error::invalid("freedom", freedom, expected))
        }
    }

    /// The normal law cut at `cutoff` standard deviations (2 is common), divided by its standard deviation.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the cutoff lies in $[0.1, 100]$.
    pub fn truncated_normal(cutoff: f64) -> Result<Self> {
        if (0.1..=100.0).contains(&cutoff) {
            Ok(Self::of(WeightDistribution::TruncatedNormal { cutoff }))
        } else {
            Err(Error::invalid("cutoff", cutoff, "a number in [0.1, 100]"))
        }
    }

    /// Orthonormal rows or columns, Haar-distributed (A. Saxe, J. McClelland and S. Ganguli 2013,
    /// arXiv 1312.6120).
    pub const fn orthogonal() -> Self {
        Self::of(WeightDistribution::Orthogonal)
    }

    /// Pruned at initialisation: each weight is kept with probability $p$ and divided by $\sqrt p$, otherwise
    /// it is 0 and stays so in training (J. Yang and Z. Wang 2022, arXiv 2203.14328).
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < p \le 1$.
    pub fn pruned(self, keep: f64) -> Result<Self> {
        if error::unit_interval("keep", keep)? == 0.0 {
            return Err(Error::invalid("keep", keep, "a probability in (0, 1]"));
        }
        Ok(Self { keep, ..self })
    }

    /// The distribution of a weight that is kept, times $\sqrt p$.
    pub fn distribution(&self) -> WeightDistribution {
        self.distribution
    }

    /// $p$.
    pub fn keep(&self) -> f64 {
        self.keep
    }

    /// Whether weights are independent standard normal numbers, all of them kept.
    pub fn is_gaussian(&self) -> bool {
        self.distribution == WeightDistribution::Gaussian && self.keep == 1.0
    }

    /// The law in words.
    pub fn name(&self) -> String {
        let name = match self.distribution {
            WeightDistribution::Gaussian => "Gaussian".to_owned(),
            WeightDistribution::Uniform => "uniform".to_owned(),
            WeightDistribution::Rademacher => "Rademacher".to_owned(),
            WeightDistribution::StudentT { freedom } => format!("Student-t({freedom})"),
            WeightDistribution::TruncatedNormal { cutoff } => {
                format!("truncated normal({cutoff})")
            }
            WeightDistribution::Orthogonal => "orthogonal".to_owned(),
        };
        if self.keep == 1.0 {
            name
        } else {
            format!("{name}, {} kept", self.keep)
        }
    }
}
