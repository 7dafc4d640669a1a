//! Activations by name, for command lines and configuration files.

use std::sync::Arc;

use super::*;
use crate::{Error, error};

/// A constructor from its parameters, as many as the defaults.
type Make = fn(&[f64]) -> Result<Arc<dyn Dual>>;

/// (name, default parameters, constructor).
type Entry = (&'static str, &'static [f64], Make);

const TABLE: [Entry; 33] = [
    ("abs", &[], |_| Ok(Arc::new(Abs))),
    ("ab_relu", &[-0.3, 1.4], |p| {
        Ok(Arc::new(AbRelu::new(p[0], p[1])?))
    }),
    ("celu", &[1.0], |p| Ok(Arc::new(Celu::new(p[0])?))),
    ("cos", &[1.0, 1.0, 0.0], |p| {
        Ok(Arc::new(Cosine::new(p[0], p[1], p[2])?))
    }),
    ("elu", &[1.0], |p| Ok(Arc::new(Elu::new(p[0])?))),
    ("erf", &[1.0, 1.0, 0.0], |p| {
        Ok(Arc::new(Erf::new(p[0], p[1], p[2])?))
    }),
    ("exp", &[1.0, 1.0], |p| {
        Ok(Arc::new(Exponential::new(p[0], p[1])?))
    }),
    ("exp_normalized", &[1.0, -1.0], |p| {
        Ok(Arc::new(ExpNormalized::new(p[0], p[1])?))
    }),
    ("gabor", &[], |_| Ok(Arc::new(Gabor))),
    ("gaussian", &[1.0, -1.0], |p| {
        Ok(Arc::new(Gaussian::new(p[0], p[1])?))
    }),
    ("gelu", &[], |_| Ok(Arc::new(Gelu))),
    ("hard_sigmoid", &[], |_| Ok(Arc::new(HardSigmoid))),
    ("hard_tanh", &[], |_| Ok(Arc::new(HardTanh))),
    ("hermite", &[2.0], |p| {
        Ok(Arc::new(Polynomial::hermite(degree(p[0])?)?))
    }),
    ("identity", &[], |_| Ok(Arc::new(Identity))),
    ("leaky_relu", &[0.01], |p| {
        Ok(Arc::new(LeakyRelu::new(p[0])?))
    }),
    ("mish", &[], |_| Ok(Arc::new(Mish))),
    ("monomial", &[2.0], |p| {
        Ok(Arc::new(Polynomial::monomial(degree(p[0])?)?))
    }),
    ("power_kernel", &[2.0], |p| {
        Ok(Arc::new(PowerKernel::new(degree(p[0])?)?))
    }),
    ("rbf", &[1.0], |p| Ok(Arc::new(RandomFourier::new(p[0])?))),
    ("rectified_monomial", &[2.0], |p| {
        Ok(Arc::new(RectifiedMonomial::new(degree(p[0])?)?))
    }),
    ("relu", &[], |_| Ok(Arc::new(Relu))),
    ("relu6", &[], |_| Ok(Arc::new(Relu6))),
    ("selu", &[], |_| Ok(Arc::new(Selu))),
    ("sigmoid", &[], |_| Ok(Arc::new(Sigmoid))),
    ("sigmoid_like", &[], |_| {
        Ok(Arc::new(SigmoidLike::default()))
    }),
    ("sign", &[], |_| Ok(Arc::new(Sign))),
    ("silu", &[], |_| Ok(Arc::new(Silu))),
    ("sin", &[1.0, 1.0, 0.0], |p| {
        Ok(Arc::new(Sine::new(p[0], p[1], p[2])?))
    }),
    ("softplus", &[], |_| Ok(Arc::new(Softplus))),
    ("softsign", &[], |_| Ok(Arc::new(Softsign))),
    ("step", &[], |_| Ok(Arc::new(Step))),
    ("tanh", &[], |_| Ok(Arc::new(Tanh))),
];

fn degree(x: f64) -> Result<usize> {
    if x.fract() == 0.0 && (0.0..=150.0).contains(&x) {
        Ok(x as usize)
    } else {
        Err(Error::invalid("degree", x, "an integer from 0 to 150"))
    }
}

/// The names that [`named`] knows, in alphabetic order.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _, _)| *name)
}

/// The activation of a name with its parameters, or the default ones: `tanh`, `leaky_relu(0.2)`,
/// `erf(1.2, 0.7, 0.1)`; `polynomial(0.2, 1, -0.1)` takes any number of coefficients.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name, a wrong number of parameters, or what the constructor refuses.
///
/// ```
/// use neural_limits::activation::{Activation, named};
/// assert_eq!(named("leaky_relu(0.2)")?.value(-1.0), -0.2);
/// assert!(named("leaky_relu(0.2, 1)").is_err());
/// assert!(named("relo").unwrap_err().to_string().contains("relu6"));
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn named(description: &str) -> Result<Arc<dyn Dual>> {
    let trimmed = description.trim();
    let (name, list) = match trimmed.split_once('(') {
        None => (trimmed, None),
        Some((name, rest)) => (
            name.trim_end(),
            Some(rest.strip_suffix(')').unwrap_or(rest)),
        ),
    };
    if let ("polynomial", Some(list)) = (name, list) {
        return Ok(Arc::new(Polynomial::new(&parameters(name, list)?)?));
    }
    let Some((_, defaults, make)) = TABLE.iter().find(|(known, _, _)| *known == name) else {
        let known: Vec<&str> = names().collect();
        let expected = format!("one of {}", known.join(", "));
        return Err(Error::invalid("activation", description, expected));
    };
    let Some(list) = list else {
        return make(defaults);
    };
    let parameters = parameters(name, list)?;
    if parameters.len() == defaults.len() {
        make(&parameters)
    } else {
        let expected = format!("{} parameters for {name}", defaults.len());
        Err(Error::invalid("activation", description, expected))
    }
}

fn parameters(name: &str, list: &str) -> Result<Vec<f64>> {
    list.split(',')
        .map(|text| {
            let text = text.trim();
            let value = text.parse().map_err(|_| {
                Error::invalid(format!("a parameter of {name}"), text, "a finite number")
            })?;
            error::finite(&format!("a parameter of {name}"), value)
        })
        .collect()
}
