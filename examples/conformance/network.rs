//! From the file's networks to the crate's.

use neural_limits::activation::{Named, entries, named};
use neural_limits::network::{Description, LayerDescription, Parametrization};
use serde_json::Value;

/// Why a network cannot be had.
pub enum Refusal {
    /// The crate has no such layer, activation or parametrisation.
    Unsupported(String),
    /// The description does not make sense.
    Malformed(String),
}

type Result<T> = std::result::Result<T, Refusal>;

fn malformed<T>(what: impl Into<String>) -> Result<T> {
    Err(Refusal::Malformed(what.into()))
}

fn unsupported<T>(what: impl Into<String>) -> Result<T> {
    Err(Refusal::Unsupported(what.into()))
}

fn number(value: &Value, field: &str) -> Result<f64> {
    match value[field].as_f64() {
        Some(number) => Ok(number),
        None => malformed(format!("no number {field}")),
    }
}

fn number_or(value: &Value, field: &str, default: f64) -> Result<f64> {
    if value[field].is_null() {
        Ok(default)
    } else {
        number(value, field)
    }
}

fn count(value: &Value, field: &str) -> Result<usize> {
    match value[field].as_u64() {
        Some(count) => Ok(count as usize),
        None => malformed(format!("no count {field}")),
    }
}

/// The peer's activation as one of [`named`].
fn activation(value: &Value) -> Result<String> {
    if let Some(text) = value.as_str() {
        return Ok(with_our_name(text));
    }
    let Some(name) = value["name"].as_str().map(our_name) else {
        return malformed("no activation");
    };
    let parameters = if name == "polynomial" {
        let coefficients = value["coef"].as_array().into_iter().flatten();
        coefficients
            .map(|c| c.as_f64().unwrap_or(f64::NAN))
            .collect()
    } else {
        let entry = entries().find(|entry| entry.name() == name);
        let fields = entry.map_or(&[][..], Named::parameters).iter();
        fields
            .map(|(field, default)| match (name, *field) {
                // the peer's is a ReLU
                ("ab_relu", "a") => number_or(value, field, 0.0),
                ("ab_relu", "b") => number_or(value, field, 1.0),
                _ => number_or(value, field, *default),
            })
            .collect::<Result<Vec<f64>>>()?
    };
    Ok(if parameters.is_empty() {
        name.to_owned()
    } else {
        let list: Vec<String> = parameters.iter().map(f64::to_string).collect();
        format!("{name}({})", list.join(", "))
    })
}

/// The crate's name for the peer's. Its `Hermite` maps K to its power, whatever the variances.
fn our_name(name: &str) -> &str {
    match name {
        "hermite" => "power_kernel",
        "logistic" => "sigmoid",
        "swish" => "silu",
        _ => name,
    }
}

/// The peer's name(parameters) with the crate's name.
pub fn with_our_name(text: &str) -> String {
    let name = text.split('(').next().unwrap_or(text);
    text.replacen(name, our_name(name), 1)
}

fn known(name: &str) -> Result<LayerDescription> {
    match named(name) {
        Ok(_) => Ok(LayerDescription::Activation(name.to_owned())),
        Err(_) => unsupported(format!("activation {name}")),
    }
}

/// A dense layer in the network's parametrisation.
fn dense(network: &Value, weight_std: f64, bias_std: f64) -> Result<LayerDescription> {
    let parametrization = match network["parameterization"].as_str() {
        None | Some("ntk") => Parametrization::Ntk,
        Some("standard") => Parametrization::Standard,
        Some(other) => return unsupported(format!("parametrisation {other}")),
    };
    let width = network["width"].as_u64().map(|width| width as usize);
    if parametrization == Parametrization::Standard && width.is_none() {
        return unsupported("standard parametrisation without a width");
    }
    Ok(LayerDescription::Dense {
        weight_variance: weight_std * weight_std,
        bias_variance: bias_std * bias_std,
        weights: Default::default(),
        parametrization,
        width,
        relative_width: None,
        train_weights: true,
        train_biases: true,
    })
}

/// A dense layer of the network's `weight_std`, `bias_std`.
fn common_dense(network: &Value) -> Result<LayerDescription> {
    let bias = number_or(network, "bias_std", 0.0)?;
    dense(network, number(network, "weight_std")?, bias)
}

/// The network of a case.
pub fn describe(network: &Value) -> Result<Description> {
    let layers = match network["kind"].as_str() {
        Some("mlp") => {
            let block = vec![
                known(&activation(&network["activation"])?)?,
                common_dense(network)?,
            ];
            let times = count(network, "hidden_layers")?;
            let mut layers = vec![common_dense(network)?];
            if times > 0 {
                layers.push(LayerDescription::Repeat {
                    times,
                    layers: block,
                });
            }
            layers
        }
        Some("resnet") => {
            let stem = dense(
                network,
                number_or(network, "input_weight_std", 1.0)?,
                number_or(network, "input_bias_std", 0.0)?,
            )?;
            let branch = vec![
                known(&activation(&network["activation"])?)?,
                common_dense(network)?,
            ];
            let Some(alphas) = network["alphas"].as_array() else {
                return malformed("no alphas");
            };
            let mut layers = vec![stem];
            for alpha in alphas {
                let Some(scale) = alpha.as_f64() else {
                    return malformed("alphas are not numbers");
                };
                layers.push(LayerDescription::Residual {
                    skip: 1.0,
                    scale,
                    layers: branch.clone(),
                });
            }
            layers
        }
        Some("serial") => serial(network, &network["layers"])?,
        Some(kind) => return unsupported(format!("network {kind}")),
        None => return malformed("no kind of network"),
    };
    Ok(Description { layers })
}

fn serial(network: &Value, layers: &Value) -> Result<Vec<LayerDescription>> {
    let Some(layers) = layers.as_array() else {
        return malformed("layers are not a list");
    };
    layers.iter().map(|value| layer(network, value)).collect()
}

fn branches(network: &Value, value: &Value) -> Result<Vec<Vec<LayerDescription>>> {
    let Some(branches) = value.as_array() else {
        return malformed("branches are not a list");
    };
    branches
        .iter()
        .map(|branch| serial(network, branch))
        .collect()
}

fn layer(network: &Value, value: &Value) -> Result<LayerDescription> {
    if let Some(name) = value.as_str() {
        let kind = name.split('(').next().unwrap_or(name);
        return match kind {
            "dense" => common_dense(network),
            "layer_norm" => Ok(LayerDescription::LayerNorm { epsilon: 1e-12 }),
            "identity" => Ok(LayerDescription::Sum(vec![Vec::new()])),
            "dropout" => match name
                .trim_start_matches("dropout(")
                .trim_end_matches(')')
                .parse()
            {
                Ok(keep) => Ok(LayerDescription::Dropout(keep)),
                Err(_) => malformed(format!("{name}: no probability")),
            },
            _ if kind.starts_with("conv") => unsupported("convolution"),
            _ if kind.contains("attention") => unsupported("attention"),
            "gap" | "flatten" => unsupported("convolution"),
            _ if kind.contains("pool") => unsupported("pooling"),
            _ => known(&with_our_name(name)),
        };
    }
    let Some((kind, inner)) = value.as_object().and_then(|object| object.iter().next()) else {
        return malformed("a layer is neither a name nor an object");
    };
    match kind.as_str() {
        "fan_in_sum" => Ok(LayerDescription::Sum(branches(network, inner)?)),
        "fan_in_prod" => Ok(LayerDescription::Product(branches(network, inner)?)),
        "fan_in_concat" => Ok(LayerDescription::Concatenation {
            branches: branches(network, inner)?,
            shares: None,
        }),
        "serial" => Ok(LayerDescription::Sum(vec![serial(network, inner)?])),
        "name" => known(&activation(value)?),
        "dense" => {
            let bias = number_or(inner, "bias_std", 0.0)?;
            dense(network, number(inner, "weight_std")?, bias)
        }
        "dropout" => match inner.as_f64() {
            Some(keep) => Ok(LayerDescription::Dropout(keep)),
            None => malformed("dropout without a probability"),
        },
        other => unsupported(format!("layer {other}")),
    }
}
