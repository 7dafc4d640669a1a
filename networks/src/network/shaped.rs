//! The shaped activation, whose slopes depend on the width.

use super::{
    Activated, AngleState, ConditionalLaw, Drawn, KernelBlock, Layer, Outline, Signal, Site,
    Structure,
};
use crate::activation::{AbRelu, Identity};
use crate::{Error, Result, error};

/// Shaped ReLU of unit second moment, $\varphi_n(x) = (s_- \min(x, 0) + s_+ \max(x, 0))/\sqrt{(s_-^2 +
/// s_+^2)/2}$ with $s_\pm = 1 + c_\pm/\sqrt n$ in a network of width $n$ (M. Li, M. Nica and D. Roy 2022,
/// arXiv 2206.02768): at infinite width the identity.
///
/// [`ShapedRelu`](crate::activation::ShapedRelu) is the activation at one width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shaped {
    negative: f64,
    positive: f64,
}

impl Shaped {
    /// Of $c_-$ and $c_+$.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless they have finite squares.
    pub fn new(negative: f64, positive: f64) -> Result<Self> {
        Ok(Self {
            negative: error::finite_square("negative", negative)?,
            positive: error::finite_square("positive", positive)?,
        })
    }

    /// $c_-$.
    pub fn negative(&self) -> f64 {
        self.negative
    }

    /// $c_+$.
    pub fn positive(&self) -> f64 {
        self.positive
    }

    /// $\varphi_n$.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a width that is not a size; [`Error::Undefined`] if both slopes are 0.
    pub fn at_width(&self, width: usize) -> Result<AbRelu> {
        let root = (error::size("width", width)? as f64).sqrt();
        let slopes = [1.0 + self.negative / root, 1.0 + self.positive / root];
        let moment = 0.5 * (slopes[0] * slopes[0] + slopes[1] * slopes[1]);
        if moment == 0.0 {
            let reason = format!("at width {width} both of its slopes are 0");
            return Err(Error::undefined(self.name(), reason));
        }
        AbRelu::new(slopes[0] / moment.sqrt(), slopes[1] / moment.sqrt())
    }
}

impl Layer for Shaped {
    fn name(&self) -> String {
        format!(
            "shaped ReLU(1{:+}/√n, 1{:+}/√n)",
            self.negative, self.positive
        )
    }

    fn outline(&self, input: Outline) -> Result<Outline> {
        Activated::new(Identity).outline(input)
    }

    fn apply(&self, block: &mut KernelBlock) -> Result<()> {
        Activated::new(Identity).apply(block)
    }

    fn conditional(&self, signal: &Signal, site: &mut Site<'_>) -> Result<ConditionalLaw> {
        Activated::new(self.at_width(signal.width())?).conditional(signal, site)
    }

    fn draw(&self, fan_in: usize, site: &mut Site<'_>) -> Result<Box<dyn Drawn>> {
        Activated::new(self.at_width(fan_in)?).draw(fan_in, site)
    }

    fn structure(&self) -> Structure<'_> {
        Structure::Shaped(self)
    }

    fn map_angles(&self, state: &mut AngleState) -> Result<bool> {
        Activated::new(Identity).map_angles(state)
    }
}
