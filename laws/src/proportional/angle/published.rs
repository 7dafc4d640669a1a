//! The published prediction of angles, for comparison.

use super::layer::checked;
use crate::error::{Error, Result};

/// The mean and variance of $\log\sin^2\theta$ after one layer of width $n$ as published by C. Jakub and M.
/// Nica (2023, arXiv 2302.09712, and their notebook), and the algorithm of arXiv 2306.01513 that follows
/// angles from layer to layer with them.
///
/// With $J_{ab} = \mathbb E[\varphi(x)^a\varphi(y)^b]$, $k = 2J_{11}$ and
/// $M = 8J_{11}^2J_{22} - 8J_{11}^4 + 4J_{11}^2 - 8J_{11}J_{31} + J_{22} + 1$,
///
/// $$\mu = \log\frac{(n-1)(1-k^2)}{4J_{22}-1+n} + \frac{4(J_{22}+1)}{n(1+(4J_{22}-1)/n)^2} -
/// \frac{4M}{n(1-1/n)^2(1-k^2)^2} .$$
///
/// It agrees with [`AngleLayer::first_order`](super::AngleLayer::first_order) as $n \to \infty$, but its
/// terms of order $n^{-2}$ are not those of the network: at $n = 100$, $\theta = 0.5$ it gives $-1.60262$ and
/// a standard deviation of 0.22775, where sampled networks have $-1.59583(24)$ and 0.24087, the first order
/// $-1.59519$ and 0.23693 and the hybrid $-1.59603$ and 0.24188. Use it to compare with the publication.
///
/// `M` and `1 - k^2` are differences of nearly equal numbers for small angles; the mean keeps 8 digits down
/// to $\theta = 0.01$.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublishedAngle {
    width: usize,
}

impl PublishedAngle {
    /// Of a width.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width below 2 or above 10⁹.
    pub fn new(width: usize) -> Result<Self> {
        if crate::error::size("width", width)? < 2 {
            return Err(Error::invalid("width", width, "an integer >= 2"));
        }
        Ok(Self { width })
    }

    /// $\mu(\theta, n)$ and $\sigma^2(\theta, n)$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $0 < \theta < \pi$.
    pub fn layer(&self, theta: f64) -> Result<(f64, f64)> {
        Ok(self.of_angle(checked(theta)?))
    }

    fn of_angle(&self, theta: f64) -> (f64, f64) {
        use std::f64::consts::PI;
        let n = self.width as f64;
        let (sine, cosine, rest) = (theta.sin(), theta.cos(), PI - theta);
        let j11 = (sine + rest * cosine) / (2.0 * PI);
        let squared = cosine * cosine;
        let j22 = (rest * (1.0 + 2.0 * squared) + 3.0 * sine * cosine) / (2.0 * PI);
        let j31 = (3.0 * rest * cosine + sine * squared + 2.0 * sine) / (2.0 * PI);
        let k = j11 * j11;
        let m = 8.0 * k * j22 - 8.0 * k * k + 4.0 * k - 8.0 * j11 * j31 + j22 + 1.0;
        let lost = (1.0 - 1.0 / n) * (1.0 - 4.0 * k);
        let norm = 1.0 + (4.0 * j22 - 1.0) / n;
        let of_norm = (j22 + 1.0) / (n * norm * norm);
        let of_sine = m / (n * lost * lost);
        let cross = (2.0 * k - 4.0 * j11 * j31 + j22 + 1.0) / (n * lost * norm);
        (
            (lost / norm).ln() + 4.0 * of_norm - 4.0 * of_sine,
            8.0 * of_sine + 8.0 * of_norm - 16.0 * cross,
        )
    }

    /// The algorithm of arXiv 2306.01513, $\theta \leftarrow \arcsin e^{\mu(\theta, n)/2}$: the predicted
    /// means of $\log\sin^2\theta_l$ for $l = 1, \ldots, L$ from the angle of the inputs, and their variances
    /// by linear propagation, $V_l = \mu^{\prime 2} V_{l-1} + \sigma^2$ with the slope of $\mu$ in
    /// $\log\sin^2\theta$. ($n$ is the width of the layer that is produced.)
    ///
    /// # Errors
    /// As [`layer`](Self::layer); [`Error::Invalid`] for a depth that is not a size.
    pub fn predict(&self, theta: f64, depth: usize) -> Result<Vec<(f64, f64)>> {
        crate::error::size("depth", depth)?;
        let mut predictions = Vec::with_capacity(depth);
        let (mut theta, mut spread) = (checked(theta)?, 0.0);
        for _ in 0..depth {
            let (mean, variance) = self.of_angle(theta);
            // d log sin² θ = 2 cot θ dθ
            let step = 1e-4 * theta;
            let rise = self.of_angle(theta + step).0 - self.of_angle(theta - step).0;
            let slope = if spread > 0.0 {
                rise / (2.0 * step) * theta.tan() / 2.0
            } else {
                0.0
            };
            spread = slope * slope * spread + variance;
            predictions.push((mean, spread));
            theta = (0.5 * mean).exp().min(1.0).asin();
        }
        Ok(predictions)
    }
}
