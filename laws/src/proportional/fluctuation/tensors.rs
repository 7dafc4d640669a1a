//! Functions of two Gaussian variables by their Hermite coefficients: degree by degree, symmetric tensors.
//!
//! $f(Lz) = \sum_{i,j} f_{ij} h_i(z_1) h_j(z_2)$ with normalised Hermite polynomials $h_i$.

use super::products::Frame;
use crate::vectorized::vectorized;

/// Where $f_{ij}$ of degree $p = i + j$ is.
pub(super) fn index(degree: usize, second: usize) -> usize {
    degree * (degree + 1) / 2 + second
}

/// How many coefficients there are up to a degree.
pub(super) fn count(degree: usize) -> usize {
    index(degree + 1, 0)
}

/// What linear maps of $(z_1, z_2)$ do to coefficients up to a degree.
#[derive(Debug, Clone)]
pub(super) struct SymmetricPowers {
    degree: usize,
    /// $\sqrt{k!}$.
    roots: Vec<f64>,
}

/// $1, x, x^2, \ldots$
fn powers(x: f64, degree: usize) -> Vec<f64> {
    let mut power = 1.0;
    let next = |_| {
        let this = power;
        power *= x;
        this
    };
    (0..=degree).map(next).collect()
}

impl SymmetricPowers {
    pub(super) fn new(degree: usize) -> Self {
        let mut roots = vec![1.0_f64];
        for k in 1..=degree {
            roots.push(roots[k - 1] * (k as f64).sqrt());
        }
        Self { degree, roots }
    }

    /// The coefficients $\binom{p}{j}^{1/2} x^{p-j} y^j g_p$ of $g(x z_1 + y z_2)$ by those of $g$, times
    /// `factors`, in addition to what there is.
    pub(super) fn add_line(
        &self,
        line: [f64; 2],
        g: &[f64],
        factors: [f64; 3],
        out: &mut [[f64; 3]],
    ) {
        let [x, y] = line.map(|x| powers(x, self.degree));
        for p in 0..=self.degree {
            let row = &mut out[index(p, 0)..index(p + 1, 0)];
            for (j, entry) in row.iter_mut().enumerate() {
                let binomial = self.roots[p] / (self.roots[j] * self.roots[p - j]);
                let value = binomial * x[p - j] * y[j] * g[p];
                for (entry, factor) in entry.iter_mut().zip(factors) {
                    *entry += factor * value;
                }
            }
        }
    }

    /// $T^{\otimes p}$ applied to every degree, with $T = \begin{pmatrix} \alpha & 0 \\ \gamma & \delta
    /// \end{pmatrix}$: what is left, seen from $z_u$, of a function of $z_s$ if
    /// $\mathbb E[z_u z_s^\top] = T$. In monomials scaled by $\sqrt{j!/i!}$ it is a convolution:
    ///
    /// $$f_{ij} \mapsto \sum_m \sqrt{\tbinom{i+m}{m} \tbinom{j}{m}} \alpha^i \gamma^m \delta^{j-m}
    /// f_{i+m,j-m} .$$
    pub(super) fn moved(&self, map: [f64; 3], f: &[f64]) -> Vec<f64> {
        let [alpha, mut gamma, delta] = map.map(|x| powers(x, self.degree));
        for (power, root) in gamma.iter_mut().zip(&self.roots) {
            *power /= root * root;
        }
        let mut out = vec![0.0; count(self.degree)];
        let mut scaled = vec![0.0; self.degree + 1];
        for p in 0..=self.degree {
            let row = index(p, 0)..index(p + 1, 0);
            for (j, f) in f[row.clone()].iter().enumerate() {
                scaled[j] = f * delta[j] * self.roots[p - j] / self.roots[j];
            }
            let row = &mut out[row];
            convolve(&gamma[..=p], &scaled[..=p], row);
            for (j, entry) in row.iter_mut().enumerate() {
                *entry *= alpha[p - j] * self.roots[j] / self.roots[p - j];
            }
        }
        out
    }
}

/// $\sum_m a_m b_{j-m}$.
fn convolve(a: &[f64], b: &[f64], out: &mut [f64]) {
    vectorized(
        #[inline(always)]
        || {
            for (m, a) in a.iter().enumerate() {
                for (out, b) in out[m..].iter_mut().zip(b) {
                    *out += a * b;
                }
            }
        },
    );
}

/// $\mathbb E$ of the product of a function and $\partial_k \partial_l$ of another, from what the one has in
/// a degree and the other two above, for $(k, l) = (1, 1), (1, 2), (2, 2)$: `out[e][a][kl]`.
pub(super) fn add_second_derivatives(
    degree: usize,
    f: &[[f64; 3]],
    g: &[[f64; 3]],
    out: &mut [[[f64; 3]; 3]; 3],
) {
    for j in 0..=degree {
        let f = &f[index(degree, j)];
        let (i, second) = ((degree - j) as f64, j as f64);
        let roots = [
            ((i + 1.0) * (i + 2.0)).sqrt(),
            ((i + 1.0) * (second + 1.0)).sqrt(),
            ((second + 1.0) * (second + 2.0)).sqrt(),
        ];
        for (kl, root) in roots.into_iter().enumerate() {
            let g = &g[index(degree + 2, j + kl)];
            for (out, f) in out.iter_mut().zip(f) {
                for (out, g) in out.iter_mut().zip(g) {
                    out[kl] += root * f * g;
                }
            }
        }
    }
}

/// By $K_{aa}$, $K_{ab}$, $K_{bb}$, the first and the second derivatives of the means of three functions of
/// $y \sim \mathcal N(0, K)$: those of the functions, $\tfrac12 \partial_a^2$, $\partial_a \partial_b$ and
/// $\tfrac12 \partial_b^2$, are degrees 2 and 4 of their coefficients.
pub(super) fn slopes_of_means(frame: Frame, f: &[[f64; 3]], function: usize) -> [f64; 3] {
    let root = std::f64::consts::SQRT_2;
    let at = |j: usize| f[index(2, j)][function];
    frame.slopes([root * at(0), at(1), root * at(2)])
}

/// See [`slopes_of_means`].
pub(super) fn curvatures_of_means(frame: Frame, f: &[[f64; 3]], function: usize) -> [[f64; 3]; 3] {
    // E ∂₁^i ∂₂^j f = √(i! j!) f_ij
    let roots = [
        24.0_f64.sqrt(),
        6.0_f64.sqrt(),
        2.0,
        6.0_f64.sqrt(),
        24.0_f64.sqrt(),
    ];
    let at = |j: usize| roots[j] * f[index(4, j)][function];
    let rows = [0, 1, 2].map(|j| frame.slopes([at(j), at(j + 1), at(j + 2)]));
    [0, 1, 2].map(|c| frame.slopes([rows[0][c], rows[1][c], rows[2][c]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// $T^{\otimes p}$ of the coefficients of $g(v \cdot z)$ are those of $g(Tv \cdot z)$.
    #[test]
    fn a_function_of_one_direction_stays_one() {
        let powers = SymmetricPowers::new(20);
        let g: Vec<f64> = (0..=20).map(|p| (f64::from(p) + 0.3).sin()).collect();
        let (line, map) = ([0.6, -0.8], [0.9, -0.2, 0.7]);
        let mut f = vec![[0.0; 3]; count(20)];
        powers.add_line(line, &g, [1.0, 0.0, 0.0], &mut f);
        let f: Vec<f64> = f.iter().map(|f| f[0]).collect();
        let moved = powers.moved(map, &f);
        let image = [map[0] * line[0], map[1] * line[0] + map[2] * line[1]];
        let mut expected = vec![[0.0; 3]; count(20)];
        powers.add_line(image, &g, [1.0, 0.0, 0.0], &mut expected);
        for (moved, expected) in moved.iter().zip(&expected) {
            assert!((moved - expected[0]).abs() < 1e-14);
        }
    }
}
