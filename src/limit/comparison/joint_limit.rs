//! The joint law of neurons at infinite width and depth, and how far networks are from it.

use nalgebra::{DMatrix, SymmetricEigen};
use rand_distr::{Distribution, StandardNormal};

use super::distance::{Measured, Tails};
use super::report::Step;
use crate::law::Law;
use crate::limit::{Limit, Regime};
use crate::neural_function::{JointNeurons, NeuralFunction, NeuronVector};
use crate::numerics::normal;
use crate::random::Seed;
use crate::statistics::energy_distance_with_error;
use crate::{Error, Result};

/// A Gaussian vector of mean 0.
///
/// Points are compared in the unit of its margins: $x$ becomes $u_r = \Phi(x_r/\sigma_r)/\sqrt d$, in a cube
/// of diameter 1, where a law has one energy distance whatever the units and however heavy its tails.
#[derive(Debug)]
pub(super) struct JointLimit {
    covariance: DMatrix<f64>,
    /// $A$ with $A A^\top$ the covariance.
    root: DMatrix<f64>,
    seed: Seed,
}

impl JointLimit {
    /// Of a vector of neurons in a regime in which they are Gaussian; draws are from streams of `seed`.
    pub(super) fn new(
        limit: &dyn Limit,
        vector: &NeuronVector,
        time: f64,
        seed: Seed,
    ) -> Result<Self> {
        let d = vector.dimension();
        let inputs: Vec<&[f64]> = vector.inputs().collect();
        let neurons = vector.neurons();
        // a covariance from the variance of a sum
        let mut pairs: Vec<(usize, usize, JointNeurons)> = Vec::new();
        for r in 0..d {
            for s in 0..r {
                if neurons[r] == neurons[s] {
                    let [i, a, b] = [neurons[r], r, s];
                    let sum = JointNeurons::of([i, i], [inputs[a], inputs[b]], [1.0, 1.0])?;
                    pairs.push((r, s, sum));
                }
            }
        }
        let single = vector.coordinates().iter();
        let functions: Vec<&dyn NeuralFunction> = single
            .chain(pairs.iter().map(|(_, _, sum)| sum))
            .map(|function| function as _)
            .collect();
        let variances = limit.laws(&functions, time).into_iter();
        let variances = variances.map(|law| match law? {
            Law::Gaussian { variance, .. } => Ok(variance),
            Law::Deterministic(_) => Ok(0.0),
            other => Err(Error::unsupported(
                format!("the joint law of {}", vector.name()),
                format!("a neuron has the law {other}, not a Gaussian one"),
            )),
        });
        let variances: Vec<f64> = variances.collect::<Result<_>>()?;
        let mut covariance = DMatrix::zeros(d, d);
        for r in 0..d {
            if variances[r] == 0.0 {
                return Err(Error::unsupported(
                    format!("the joint law of {}", vector.name()),
                    format!("coordinate {r} is 0 in the limit, which has no continuous law"),
                ));
            }
            covariance[(r, r)] = variances[r];
        }
        for ((r, s, _), sum) in pairs.iter().zip(&variances[d..]) {
            let entry = 0.5 * (sum - variances[*r] - variances[*s]);
            (covariance[(*r, *s)], covariance[(*s, *r)]) = (entry, entry);
        }
        // rounding may leave the positive semi-definite matrices
        let eigen = SymmetricEigen::new(covariance.clone());
        let roots = eigen.eigenvalues.map(|value| value.max(0.0).sqrt());
        Ok(Self {
            root: eigen.eigenvectors * DMatrix::from_diagonal(&roots),
            covariance,
            seed,
        })
    }

    pub(super) fn covariance(&self) -> Vec<Vec<f64>> {
        let rows = self.covariance.row_iter();
        rows.map(|row| row.iter().copied().collect()).collect()
    }

    /// A point in the cube; a network without a value is in its farthest corner.
    pub(super) fn in_cube(&self, point: Option<&[f64]>) -> Vec<f64> {
        let d = self.covariance.nrows();
        let coordinate = |r: usize| {
            let u = point.map_or(1.0, |x| {
                normal::distribution(x[r] / self.covariance[(r, r)].sqrt())
            });
            u / (d as f64).sqrt()
        };
        (0..d).map(coordinate).collect()
    }

    /// Draw `i` of the limit, in the cube.
    fn draw(&self, i: usize) -> Vec<f64> {
        let d = self.covariance.nrows();
        let mut stream = self.seed.stream(i as u64);
        let normals = DMatrix::from_fn(d, 1, |_, _| -> f64 { StandardNormal.sample(&mut stream) });
        self.in_cube(Some((&self.root * normals).as_slice()))
    }

    pub(super) fn draws(&self, count: usize) -> Vec<Vec<f64>> {
        (0..count).map(|i| self.draw(i)).collect()
    }

    /// All networks of a size in the cube.
    pub(super) fn all_in_cube(&self, points: &[Vec<f64>], without: usize) -> Vec<Vec<f64>> {
        let valued = points.iter().map(|point| self.in_cube(Some(point)));
        let without = (0..without).map(|_| self.in_cube(None));
        valued.chain(without).collect()
    }

    /// The energy distance of the networks of a size.
    pub(super) fn distance(
        &self,
        (points, without): (&[Vec<f64>], usize),
        regime: Regime,
        tolerance: f64,
    ) -> Result<Measured> {
        let networks = self.all_in_cube(points, without);
        let limit = self.draws(networks.len());
        let (distance, standard_error) = energy_distance_with_error(&networks, &limit)?;
        Ok(Measured {
            step: Step {
                regime,
                networks: networks.len(),
                distance,
                // of equal laws the delta method's is too small
                standard_error: standard_error.max(0.2 / (networks.len() as f64).sqrt()),
            },
            tails: Tails::of_energy(distance, tolerance, networks.len()),
        })
    }
}
