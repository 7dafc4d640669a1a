//! The conditional sampler: exact in law without weights.
//!
//! Given the pre-activations $Y \in \mathbb R^{n \times m}$ of $m$ inputs, the rows of $W\varphi(Y) + b$ are independent
//! $\mathcal N(0, \hat B(Y))$ for Gaussian weights. So a layer is $Z \hat B(Y)^{1/2}$ with $n \times m$ fresh normals $Z$:
//! $O(n m^2)$ work and no weight matrix, where dense sampling needs $O(n^2 m)$.

use nalgebra::DMatrix;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::factor::semidefinite_cholesky;

/// Adds to each row of `y` (n × m) `scale` times an independent $\mathcal N(0, A)$ vector, with `covariance` = $A$ (overwritten by
/// its factor) and `normals` (n × m) as scratch space.
pub(super) fn add_rows<R: Rng>(
    y: &mut DMatrix<f64>,
    scale: f64,
    covariance: &mut DMatrix<f64>,
    normals: &mut DMatrix<f64>,
    rng: &mut R,
) {
    semidefinite_cholesky(covariance);
    for z in normals.as_mut_slice() {
        *z = StandardNormal.sample(rng);
    }
    let (width, points) = y.shape();
    for j in 0..points {
        let column = &mut y.as_mut_slice()[j * width..(j + 1) * width];
        for k in 0..=j {
            let factor = scale * covariance[(j, k)];
            if factor == 0.0 {
                continue;
            }
            let z = &normals.as_slice()[k * width..(k + 1) * width];
            for (y, z) in column.iter_mut().zip(z) {
                *y += factor * z;
            }
        }
    }
}
