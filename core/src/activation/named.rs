//! The list of activations: by name and with named parameters, for command lines, files and tests.

use std::fmt;
use std::sync::Arc;

use super::*;
use crate::{Error, error};

/// An activation that has a name: an entry of the list that [`entries`] goes through.
///
/// ```
/// use neural_limits::activation::entries;
/// let entry = entries().find(|entry| entry.name() == "gaussian").unwrap();
/// assert_eq!(entry.parameters(), [("a", 1.0), ("b", -1.0)]);
/// assert_eq!(entry.to_string(), "gaussian(a = 1, b = -1)");
/// assert_eq!(entry.route(), "Gaussian integrals");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Named {
    name: &'static str,
    parameters: &'static [(&'static str, f64)],
    route: &'static str,
    make: Make,
}

/// A constructor; `None` for a wrong number of parameters.
type Make = fn(&[f64]) -> Option<Result<Arc<dyn Dual>>>;

impl Named {
    /// The name that [`named`] knows.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The names of the parameters, in order, and what they are by default. Of `polynomial`, which takes any
    /// number of coefficients, the first three.
    pub fn parameters(&self) -> &'static [(&'static str, f64)] {
        self.parameters
    }

    /// How its duals are computed, in a few words.
    pub fn route(&self) -> &'static str {
        self.route
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = self.parameters.iter();
        let list: Vec<String> = list.map(|(name, x)| format!("{name} = {x}")).collect();
        if list.is_empty() {
            f.pad(self.name)
        } else {
            f.pad(&format!("{}({})", self.name, list.join(", ")))
        }
    }
}

const SLOPES: &str = "arc-cosine maps";
const ARC_COSINE: &str = "arc cosine";
const FAMILY: &str = "arc-cosine family";
const ARC_SINE: &str = "arc sine";
const INTEGRALS: &str = "Gaussian integrals";
const FINITE_SUM: &str = "finite Mehler sum";
const MAP: &str = "map of kernels";
const MIXTURE: &str = "Gaussian mixture";
const ANGLE: &str = "Price's theorem in the angle";

macro_rules! entry {
    ($name:ident($($parameter:ident = $default:literal),*); $route:ident; $made:expr) => {
        Named {
            name: stringify!($name),
            parameters: &[$((stringify!($parameter), $default)),*],
            route: $route,
            make: |values| match *values {
                [$($parameter),*] => Some(shared($made)),
                _ => None,
            },
        }
    };
}

static LIST: [Named; 35] = [
    entry! { ab_relu(a = -0.3, b = 1.4); SLOPES; AbRelu::new(a, b) },
    entry! { abs(); SLOPES; Ok(Abs) },
    entry! { celu(alpha = 1.0); ANGLE; Celu::new(alpha) },
    entry! { cos(a = 1.0, b = 1.0, c = 0.0); INTEGRALS; Cosine::new(a, b, c) },
    entry! { elu(alpha = 1.0); ANGLE; Elu::new(alpha) },
    entry! { erf(a = 1.0, b = 1.0, c = 0.0); ARC_SINE; Erf::new(a, b, c) },
    entry! { exp(a = 1.0, b = 1.0); INTEGRALS; Exponential::new(a, b) },
    entry! { exp_normalized(gamma = 1.0, shift = -1.0); MAP; ExpNormalized::new(gamma, shift) },
    entry! { gabor(); INTEGRALS; Ok(Gabor) },
    entry! { gaussian(a = 1.0, b = -1.0); INTEGRALS; Gaussian::new(a, b) },
    entry! { gelu(); ARC_SINE; Ok(Gelu) },
    entry! { hard_sigmoid(); ANGLE; Ok(HardSigmoid) },
    entry! { hard_tanh(); ANGLE; Ok(HardTanh) },
    entry! { hermite(degree = 2.0); FINITE_SUM; power(degree).and_then(Polynomial::hermite) },
    entry! { identity(); SLOPES; Ok(Identity) },
    entry! { leaky_relu(alpha = 0.01); SLOPES; LeakyRelu::new(alpha) },
    entry! { mish(); MIXTURE; Ok(Mish) },
    entry! { monomial(degree = 2.0); FINITE_SUM; power(degree).and_then(Polynomial::monomial) },
    Named {
        name: "polynomial",
        parameters: &[("c0", 0.0), ("c1", 0.0), ("c2", 1.0)],
        route: FINITE_SUM,
        make: |coefficients| Some(shared(Polynomial::new(coefficients))),
    },
    entry! { power_kernel(degree = 2.0); MAP; power(degree).and_then(PowerKernel::new) },
    entry! { rbf(gamma = 1.0); INTEGRALS; RandomFourier::new(gamma) },
    entry! { rectified_monomial(degree = 2.0); FAMILY; power(degree).and_then(RectifiedMonomial::new) },
    entry! { relu(); SLOPES; Ok(Relu) },
    entry! { relu6(); ANGLE; Ok(Relu6) },
    entry! { selu(); ANGLE; Ok(Selu) },
    entry! {
        shaped_relu(negative = -1.0, positive = 0.0, width = 100.0);
        SLOPES;
        integer("width", width, error::LARGEST_SIZE)
            .and_then(|width| ShapedRelu::new(negative, positive, width))
    },
    entry! { sigmoid(); MIXTURE; Ok(Sigmoid) },
    entry! { sigmoid_like(); ARC_SINE; Ok(SigmoidLike::default()) },
    entry! { sign(); ARC_COSINE; Ok(Sign) },
    entry! { silu(); MIXTURE; Ok(Silu) },
    entry! { sin(a = 1.0, b = 1.0, c = 0.0); INTEGRALS; Sine::new(a, b, c) },
    entry! { softplus(); MIXTURE; Ok(Softplus) },
    entry! { softsign(); MIXTURE; Ok(Softsign) },
    entry! { step(); ARC_COSINE; Ok(Step) },
    entry! { tanh(); MIXTURE; Ok(Tanh) },
];

fn shared<D: Dual + 'static>(made: Result<D>) -> Result<Arc<dyn Dual>> {
    made.map(|phi| Arc::new(phi) as Arc<dyn Dual>)
}

fn power(degree: f64) -> Result<usize> {
    integer("degree", degree, 150)
}

fn integer(argument: &str, x: f64, largest: usize) -> Result<usize> {
    if x.fract() == 0.0 && (0.0..=largest as f64).contains(&x) {
        Ok(x as usize)
    } else {
        let expected = format!("an integer from 0 to {largest}");
        Err(Error::invalid(argument, x, expected))
    }
}

/// Every activation that has a name, in alphabetic order.
pub fn entries() -> impl ExactSizeIterator<Item = &'static Named> {
    LIST.iter()
}

/// The names that [`named`] knows, in alphabetic order.
pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
    entries().map(Named::name)
}

/// The entry of a name, wanted for `description`.
fn find(name: &str, description: &str) -> Result<&'static Named> {
    entries().find(|entry| entry.name == name).ok_or_else(|| {
        let known: Vec<&str> = names().collect();
        let expected = format!("one of {}", known.join(", "));
        Error::invalid("activation", description, expected)
    })
}

/// The activation of a name with its parameters, or the default ones: `tanh`, `leaky_relu(0.2)`,
/// `erf(1.2, 0.7, 0.1)`; `polynomial(0.2, 1, -0.1)` takes any number of coefficients. [`entries`] lists them.
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
    let Some((name, list)) = trimmed.split_once('(') else {
        return with_parameters(trimmed, |_| None);
    };
    let entry = find(name.trim_end(), description)?;
    let values = values(entry.name, list.strip_suffix(')').unwrap_or(list))?;
    entry.of(&values, description)
}

/// The activation of a name with the parameters that `parameter` gives for their names, and the default ones
/// where it gives `None`: for files with a field for each parameter. Names of parameters are those of
/// [`Named::parameters`].
///
/// # Errors
/// [`Error::Invalid`] for an unknown name, a parameter that is not finite, or what the constructor refuses.
///
/// ```
/// use neural_limits::activation::{Activation, with_parameters};
/// let phi = with_parameters("ab_relu", |parameter| (parameter == "a").then_some(0.5))?;
/// assert_eq!((phi.value(-1.0), phi.value(1.0)), (-0.5, 1.4));
/// let error = with_parameters("elu", |_| Some(f64::NAN)).unwrap_err();
/// assert_eq!(error.to_string(), "alpha of elu = NaN: expected a finite number");
/// # Ok::<(), neural_limits::Error>(())
/// ```
pub fn with_parameters(
    name: &str,
    parameter: impl Fn(&str) -> Option<f64>,
) -> Result<Arc<dyn Dual>> {
    let entry = find(name, name)?;
    let parameters = entry.parameters.iter();
    let values = parameters
        .map(|(field, default)| {
            let argument = format!("{field} of {name}");
            error::finite(&argument, parameter(field).unwrap_or(*default))
        })
        .collect::<Result<Vec<f64>>>()?;
    entry.of(&values, name)
}

impl Named {
    /// Of parameters in order, wanted for `description`.
    fn of(&self, values: &[f64], description: &str) -> Result<Arc<dyn Dual>> {
        (self.make)(values).unwrap_or_else(|| {
            let fields: Vec<&str> = self.parameters.iter().map(|(field, _)| *field).collect();
            let expected = match fields[..] {
                [] => format!("{} without parameters", self.name),
                _ => format!("{}({})", self.name, fields.join(", ")),
            };
            Err(Error::invalid("activation", description, expected))
        })
    }
}

fn values(name: &str, list: &str) -> Result<Vec<f64>> {
    let argument = format!("a parameter of {name}");
    let value = |text: &str| match text.trim().parse() {
        Ok(value) => error::finite(&argument, value),
        Err(_) => Err(Error::invalid(&argument, text.trim(), "a finite number")),
    };
    list.split(',').map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_the_same_by_name_by_text_and_by_its_parameters() {
        for entry in entries() {
            let list = entry.parameters().iter();
            let list: Vec<String> = list.map(|(_, default)| default.to_string()).collect();
            let text = match list[..] {
                [] => entry.name().to_owned(),
                _ => format!("{}({})", entry.name(), list.join(", ")),
            };
            let plain = named(entry.name()).unwrap();
            let field = |parameter: &str| {
                let mut parameters = entry.parameters().iter();
                parameters.find(|(name, _)| *name == parameter).map(|p| p.1)
            };
            for other in [named(&text), with_parameters(entry.name(), field)] {
                assert_eq!(format!("{:?}", other.unwrap()), format!("{plain:?}"));
            }
        }
    }

    #[test]
    fn names_are_in_alphabetic_order() {
        assert!(names().is_sorted());
    }

    #[test]
    fn what_is_refused_is_named() {
        for (text, expected) in [
            (
                "tanh(1)",
                "activation = tanh(1): expected tanh without parameters",
            ),
            (
                "leaky_relu(1, 2)",
                "activation = leaky_relu(1, 2): expected leaky_relu(alpha)",
            ),
            ("elu(x)", "a parameter of elu = x: expected a finite number"),
            (
                "monomial(1.5)",
                "degree = 1.5: expected an integer from 0 to 150",
            ),
            (
                "shaped_relu(0, 0, 0)",
                "width = 0: expected an integer >= 1",
            ),
        ] {
            assert_eq!(named(text).unwrap_err().to_string(), expected);
        }
        let error = with_parameters("relo", |_| None).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("activation = relo: expected one of ab_relu, abs, celu")
        );
    }
}
