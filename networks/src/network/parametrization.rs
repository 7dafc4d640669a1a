//! Parametrisations: what is drawn, what multiplies it, and how fast it is trained.

use crate::Initialization;

/// Where a layer stands, for [`Parametrization::MaximalUpdate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Role {
    /// It reads the inputs: fan-in $d$, $n$ neurons.
    Input,
    /// $n$ neurons from $n$.
    Hidden,
    /// The outputs: a fixed number of neurons from $n$.
    Output,
}

/// Which numbers are trained, and with what share in the tangent kernel.
///
/// Weights are $W = m\,\omega$ with trained $\omega$ of variance $\sigma_w^2 v$, and a gradient step of rate
/// $\eta$ takes $\omega$ by $\eta r$ times its gradient:
///
/// | | variance $v$ | multiplier $m$ | rate $r$ |
/// |---|---|---|---|
/// | [`Standard`](Self::Standard) | $1/n$ | 1 | 1 |
/// | [`Ntk`](Self::Ntk) | 1 | $n^{-1/2}$ | 1 |
/// | [`MeanField`](Self::MeanField) | 1 | $1/n$ | $n$ |
/// | [`MaximalUpdate`](Self::MaximalUpdate), input | $1/d$ | 1 | $n^\prime$ |
/// | hidden | $1/n$ | 1 | 1 |
/// | output | $1/n^2$ | 1 | $1/n$ |
///
/// $n$ is the number of neurons before the layer, $n^\prime$ that of the layer itself. With $(v, m, r)$
/// replaced by $(cv, m/\sqrt c, cr)$ training is the same, so all that a network shows is the law of $W$ and
/// $g = r m^2$: one step takes $W$ by $\eta g \Delta H^\top$ (G. Yang and E. Hu 2020, arXiv 2011.14522; SGD
/// column of G. Yang et al. 2022, arXiv 2203.03466, table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Parametrization {
    /// Weights $\sigma_w \omega_{ij}/\sqrt{n}$ and biases $\sigma_b \beta_i$ with trained standard normal
    /// $\omega$, $\beta$ ($n$ the number of inputs of the layer):
    /// $\Theta^\prime = \sigma_w^2 K + \sigma_b^2 + \sigma_w^2 \Theta$ (A. Jacot, F. Gabriel and C. Hongler
    /// 2018, arXiv 1806.07572).
    #[default]
    Ntk,
    /// Trained weights $W_{ij} \sim \mathcal N(0, \sigma_w^2/n)$ and biases
    /// $b_i \sim \mathcal N(0, \sigma_b^2)$: $\Theta^\prime = n K + 1 + \sigma_w^2 \Theta$, which grows with
    /// the width (J. Sohl-Dickstein et al. 2020, arXiv 2001.07301). Without biases ($\sigma_b = 0$) there is
    /// no 1.
    Standard,
    /// A mean over neurons, $W_{ij} = a_{ij}/n$ with trained $a_{ij}$ of variance $\sigma_w^2$, each at the
    /// rate $n$ (S. Mei, A. Montanari and P.-M. Nguyen 2018, arXiv 1804.06561): outputs of variance
    /// $\sigma_w^2 K/n$, which vanish with the width. For the last layer; the first one of two is
    /// [`MaximalUpdate`](Self::MaximalUpdate) of [`Role::Input`].
    MeanField,
    /// Features of every layer move as much as they can at any width (maximal update, µP). Outputs have the
    /// variance $\sigma_w^2 K/n$. Biases of $n$ neurons move at the rate $n$, as input weights do.
    MaximalUpdate(Role),
}

impl Parametrization {
    /// Whether outputs vanish with the width.
    pub(super) fn vanishes(self) -> bool {
        matches!(self, Self::MeanField | Self::MaximalUpdate(Role::Output))
    }

    /// The variance of outputs, in units of $\sigma_w^2 K$.
    pub(super) fn share(self, fan_in: usize) -> f64 {
        if self.vanishes() {
            1.0 / fan_in as f64
        } else {
            1.0
        }
    }

    /// $g = r m^2$ of weights and of biases, by which a step of rate 1 takes $W$ and $b$.
    pub(super) fn rates(self, law: Initialization, fan_in: usize, width: usize) -> (f64, f64) {
        let (n, width) = (fan_in as f64, width as f64);
        let has_biases = f64::from(u8::from(law.bias_variance() > 0.0));
        match self {
            Self::Ntk => (law.weight_variance() / n, law.bias_variance()),
            Self::Standard => (1.0, has_biases),
            Self::MeanField | Self::MaximalUpdate(Role::Output) => (1.0 / n, has_biases),
            Self::MaximalUpdate(Role::Input) => (width, width * has_biases),
            Self::MaximalUpdate(Role::Hidden) => (1.0, width * has_biases),
        }
    }
}
