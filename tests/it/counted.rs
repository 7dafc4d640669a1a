//! What an evaluation costs, in duals.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use neural_limits::activation::Parity;
use neural_limits::prelude::*;

/// An activation that counts how often it is asked for its dual.
#[derive(Debug)]
pub struct Counted(Arc<dyn Dual>, AtomicUsize);

impl Counted {
    pub fn new(phi: &Arc<dyn Dual>) -> Self {
        Self(Arc::clone(phi), AtomicUsize::new(0))
    }

    pub fn count(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

impl Activation for Counted {
    fn name(&self) -> String {
        self.0.name()
    }

    fn value(&self, x: f64) -> f64 {
        self.0.value(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.0.derivative(x)
    }

    fn parity(&self) -> Parity {
        self.0.parity()
    }
}

impl Dual for Counted {
    fn dual(&self, k: PairCovariance) -> Result<PairCovariance, Error> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.dual(k)
    }

    fn derivative_dual(&self, k: PairCovariance) -> Result<f64, Error> {
        self.0.derivative_dual(k)
    }
}
