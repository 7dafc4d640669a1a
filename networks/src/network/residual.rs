//! The residual block.

use std::sync::Arc;

use super::conditioned::ConditionedResidual;
use super::drawn::DrawnResidual;
use super::{
    ActivationAndDense, AngleState, ConditionalLaw, Conditioned, Drawn, FeatureProducts,
    KernelBlock, Layer, Network, Outline, Signal, Site, Structure,
};
use crate::{Error, Result, error};

/// A residual block $s Y + \alpha F(Y)$ with a random branch $F$: $K^\prime = s^2 K + \alpha^2 F(K)$, and the
/// same for tangent kernels.
///
/// The branch must end in fresh weights (a dense layer), so that it is uncorrelated with the skip connection.
#[derive(Debug, Clone)]
pub struct Residual {
    skip: f64,
    scale: f64,
    branch: Arc<Network>,
}

impl Residual {
    /// Of the skip coefficient $s$, the branch coefficient $\alpha$ and the branch.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless both coefficients have finite squares.
    pub fn new(skip: f64, scale: f64, branch: Network) -> Result<Self> {
        Self::sharing(skip, scale, Arc::new(branch))
    }

    /// [`new`](Self::new) of a branch whose description is shared with other blocks.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn sharing(skip: f64, scale: f64, branch: Arc<Network>) -> Result<Self> {
        for (name, value) in [("skip", skip), ("scale", scale)] {
            error::finite_square(name, value)?;
        }
        Ok(Self {
            skip,
            scale,
            branch,
        })
    }
}

/// One draw of the outputs of blocks $s Y + \alpha_l W_l \varphi(Y)$ in a row, whose coefficients these are:
/// each is one pass over the neurons, which sums the products that the next one needs. The bits are those of
/// one [`Residual`] after the other.
pub(super) fn sample_chain(
    (phi, dense): ActivationAndDense<'_>,
    skip: f64,
    scales: impl ExactSizeIterator<Item = f64>,
    mut signal: Signal,
    site: &mut Site<'_>,
) -> Result<Signal> {
    let is_homogeneous = phi.slopes().is_some();
    let mut products: Option<FeatureProducts> = None;
    let mut left = scales.len();
    for scale in scales {
        left -= 1;
        let known = products.as_ref();
        let law = match known.filter(|_| signal.exponent() == 0 || is_homogeneous) {
            Some(products) => dense.conditional_given(products.sums().clone(), &signal, site)?,
            None => dense.conditional_after(phi, &signal, site)?,
        };
        let (width, points) = (law.width(), law.points());
        if left == 0 || width != signal.width() {
            products = None;
        } else if products.is_none() {
            products = Some(FeatureProducts::unknown(phi, width, points));
        }
        let law = law.scaled(scale);
        signal = law.added_to(skip, signal, site, products.as_mut())?;
    }
    Ok(signal)
}

impl Layer for Residual {
    fn name(&self) -> String {
        format!("{} Y + {} ({})", self.skip, self.scale, self.branch.name())
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        // the skip connection shares what came before
        let branch = self.branch.outline(Outline {
            fresh: self.skip == 0.0 && input.fresh,
            ..input
        })?;
        if !branch.fresh && self.skip != 0.0 {
            return Err(Error::unsupported(
                format!("the kernel of {}", self.name()),
                "a residual branch must end in a dense layer, to be uncorrelated with the skip connection",
            ));
        }
        Ok(if self.skip == 0.0 {
            branch
        } else {
            Outline {
                gaussian: input.gaussian && branch.gaussian,
                fresh: input.fresh,
            }
        })
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        let mut branch = block.copy();
        self.branch.apply(&mut branch)?;
        let width = block.width();
        block.add(self.skip * self.skip, branch, self.scale * self.scale)?;
        block.set_width(width);
        Ok(())
    }

    fn has_tables(&self) -> bool {
        self.branch.has_tables()
    }

    fn wants_variances(&self) -> bool {
        self.branch.wants_variances()
    }

    fn prepare(&self, points: &KernelBlock) -> Result<Option<Arc<dyn Layer>>> {
        Ok(Some(Arc::new(Residual {
            skip: self.skip,
            scale: self.scale,
            branch: Arc::new(self.branch.prepared(points)?),
        })))
    }

    fn pair_cost(&self) -> f64 {
        3.0 + self.branch.pair_cost()
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        let branch = self.branch.conditional(signal, site)?.scaled(self.scale);
        if self.skip == 0.0 {
            return Ok(branch);
        }
        let skipped = ConditionalLaw::determined(signal.clone()).scaled(self.skip);
        skipped.plus(branch)
    }

    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        Ok(Box::new(DrawnResidual {
            skip: self.skip,
            scale: self.scale,
            branch: self.branch.draw(fan_in, site)?,
        }))
    }

    fn sample(&self, signal: Signal, site: &mut Site<'_>) -> Result<Signal> {
        if site.is_conditional() {
            let branch = self.branch.conditional(&signal, site)?.scaled(self.scale);
            return branch.added_to(self.skip, signal, site, None);
        }
        let branch = self.branch.sample(signal.clone(), site)?;
        if self.skip == 0.0 {
            return Ok(branch.times(self.scale));
        }
        signal.combined(self.skip, branch, self.scale)
    }

    fn condition(
        &self,
        signal: Signal,
        site: &mut Site<'_>,
    ) -> Result<(Signal, Box<dyn Conditioned>)> {
        let (branch, conditioned) = self.branch.condition(signal.clone(), site)?;
        let out = if self.skip == 0.0 {
            branch.times(self.scale)
        } else {
            signal.combined(self.skip, branch, self.scale)?
        };
        let conditioned = ConditionedResidual {
            skip: self.skip,
            scale: self.scale,
            branch: conditioned,
        };
        Ok((out, Box::new(conditioned)))
    }

    fn at_depth(&self, depth: usize, time: f64) -> Result<Option<Arc<dyn Layer>>> {
        let branch = Layer::at_depth(&*self.branch, depth, time)?;
        Ok(branch.map(|branch| -> Arc<dyn Layer> {
            Arc::new(Self {
                branch: Arc::new(Network::new().then_shared(branch)),
                ..self.clone()
            })
        }))
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Residual {
            skip: self.skip,
            scales: std::slice::from_ref(&self.scale),
            branch: &self.branch,
        }
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        let mut branch = state.clone();
        if !self.branch.map_angles(&mut branch)? {
            return Ok(false);
        }
        Ok(state.add(self.skip * self.skip, branch, self.scale * self.scale))
    }
}
