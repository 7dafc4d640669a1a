//! Random cases, each from its seed and index alone.

use neural_limits::activation::{Named, entries, named};
use neural_limits::network::{LayerDescription, Parametrization, ScalingDescription};
use neural_limits::sample::{Sampler, Seed, Stream};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::case::{Case, Problem, Reference};

/// Pairs of points times layers, beyond which a case is made shallower: the time of a case.
const WORK: usize = 1200;

/// Where cases come from.
#[derive(Debug, Clone)]
pub struct Source {
    pub seed: u64,
    /// Those that occur.
    pub activations: Vec<&'static Named>,
}

impl Source {
    /// All activations that have a name.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            activations: entries().collect(),
        }
    }

    /// Case number `index`.
    pub fn case(&self, index: u64) -> Case {
        let stream = Seed::new(self.seed).stream(index);
        case(Dice {
            stream,
            activations: &self.activations,
            is_standard: false,
        })
    }
}

fn case(mut dice: Dice<'_>) -> Case {
    match dice.below(100) {
        0..50 => {
            let reference = dice.one_of(&[
                Reference::Pairs,
                Reference::Rectangle,
                Reference::HalfOfThePoints,
                Reference::LayerByLayer,
                Reference::EachAlone,
                Reference::Correlations,
                Reference::SinglePrecision,
            ]);
            Case::Kernels(dice.problem(WORK), reference)
        }
        50..62 => {
            let time = dice.one_of(&[1.0, 1.0, 0.5, 0.25, 0.0]);
            let mut problem = dice.problem(WORK);
            let is_open =
                |layer: &LayerDescription| matches!(layer, LayerDescription::Stack { .. });
            if !problem.layers.iter().any(is_open) {
                problem.layers.push(dice.residual_stack());
            }
            // flows and fixed points cost hundreds of layers
            problem.points.truncate(3);
            Case::Depth(problem, time)
        }
        62..77 => {
            let width = dice.one_of(&[1, 2, 3, 8, 12]);
            let sampler = dice.one_of(&[Sampler::Conditional, Sampler::Dense]);
            Case::Samples(dice.problem(WORK / 4), width, sampler)
        }
        77..80 => Case::Propagation {
            activation: dice.activation(),
            weight: dice.weight(),
            bias: dice.bias(),
        },
        _ => Case::Dual {
            activation: dice.activation(),
            variances: dice.variances(),
            complement: dice.complement(),
        },
    }
}

struct Dice<'a> {
    stream: Stream,
    activations: &'a [&'static Named],
    /// Whether dense layers are in the standard parametrisation.
    is_standard: bool,
}

impl Dice<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.stream.random_range(0..bound)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.stream.random::<f64>()
    }

    /// Uniform in the exponent of ten.
    fn power_of_ten(&mut self, low: f64, high: f64) -> f64 {
        libm::pow(10.0, self.uniform(low, high))
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.stream)
    }

    /// From 1 to `most`, small ones more often.
    fn count(&mut self, most: usize) -> usize {
        let x = libm::pow(most as f64 + 1.0, self.uniform(0.0, 1.0));
        (x as usize).clamp(1, most)
    }

    /// A name, with its own parameters or others.
    fn activation(&mut self) -> String {
        let entry = self.one_of(self.activations);
        if entry.parameters().is_empty() || self.chance(60) {
            return entry.name().to_owned();
        }
        let parameters: Vec<String> = entry
            .parameters()
            .iter()
            .map(|(name, default)| {
                let value = match *name {
                    "degree" => self.count(6) as f64,
                    "width" => self.one_of(&[1.0, 10.0, 1e4]),
                    _ => default * self.one_of(&[1.0, 0.3, 0.01, 1.7, -1.0]),
                };
                value.to_string()
            })
            .collect();
        let description = format!("{}({})", entry.name(), parameters.join(", "));
        match named(&description) {
            Ok(_) => description,
            Err(_) => entry.name().to_owned(),
        }
    }

    /// $\sigma_w^2$.
    fn weight(&mut self) -> f64 {
        match self.below(20) {
            0 => 0.0,
            1 => self.power_of_ten(-8.0, 6.0),
            2..8 => self.one_of(&[1.0, 2.0]),
            _ => self.power_of_ten(-1.0, 1.0),
        }
    }

    /// $\sigma_b^2$.
    fn bias(&mut self) -> f64 {
        match self.below(20) {
            0..10 => 0.0,
            10 => self.power_of_ten(-16.0, 4.0),
            _ => self.power_of_ten(-3.0, 0.5),
        }
    }

    fn variances(&mut self) -> [f64; 2] {
        let a = match self.below(20) {
            0 => 0.0,
            1..8 => self.power_of_ten(-16.0, 16.0),
            _ => self.power_of_ten(-2.0, 2.0),
        };
        let b = match self.below(10) {
            0..5 => a,
            5..7 => a * (1.0 + self.power_of_ten(-16.0, -1.0)),
            7 => self.power_of_ten(-16.0, 16.0),
            _ => a * self.power_of_ten(-1.0, 1.0),
        };
        [a, b]
    }

    /// $1 - c$.
    fn complement(&mut self) -> f64 {
        match self.below(10) {
            0 => 0.0,
            1 => 2.0,
            2..5 => self.power_of_ten(-32.0, 0.0),
            5 => 2.0 - self.power_of_ten(-16.0, 0.0),
            _ => self.uniform(0.0, 2.0),
        }
    }

    fn problem(&mut self, work: usize) -> Problem {
        let points = self.points();
        let pairs = points.len() * (points.len() + 1) / 2;
        let layers = self.network();
        let most = (work / (pairs * size(&layers))).clamp(1, 100);
        Problem {
            layers,
            depth: self.count(most),
            points,
        }
    }

    fn points(&mut self) -> Vec<Vec<f64>> {
        let (count, dimension) = (self.count(12), self.count(8));
        let scale = match self.below(10) {
            0..6 => 1.0,
            _ => self.power_of_ten(-8.0, 8.0),
        };
        let many_scales = self.chance(20);
        let mut points: Vec<Vec<f64>> = Vec::new();
        for _ in 0..count {
            let earlier = match points.len() {
                0 => None,
                already => {
                    let i = self.below(already);
                    Some(points[i].clone())
                }
            };
            let near = self.power_of_ten(-17.0, -1.0);
            let moved = |dice: &mut Self, x: Vec<f64>, factor: f64, distance: f64| {
                let x = x.iter();
                x.map(|x| factor * x * (1.0 + distance * dice.normal()))
                    .collect()
            };
            let point = match (self.below(20), earlier) {
                (0..2, Some(x)) => x,
                (2..4, Some(x)) => moved(self, x, 1.0, near),
                (4, Some(x)) => moved(self, x, -1.0, 0.0),
                (5, Some(x)) => moved(self, x, -1.0, near),
                (6, Some(x)) => {
                    let factor = self.one_of(&[2.0, 1e-3, -0.7, 1.1]);
                    moved(self, x, factor, 0.0)
                }
                (7, _) => vec![0.0; dimension],
                (8, _) => {
                    let axis = self.below(dimension);
                    (0..dimension)
                        .map(|i| if i == axis { scale } else { 0.0 })
                        .collect()
                }
                _ => {
                    let own = if many_scales {
                        self.power_of_ten(-8.0, 8.0)
                    } else {
                        scale
                    };
                    (0..dimension).map(|_| own * self.normal()).collect()
                }
            };
            points.push(point);
        }
        points
    }

    fn network(&mut self) -> Vec<LayerDescription> {
        self.is_standard = self.chance(5);
        let stem = self.dense();
        match self.below(20) {
            // an MLP
            0..6 => {
                let stack = LayerDescription::Stack {
                    skip: 0.0,
                    scaling: ScalingDescription::Constant(1.0),
                    layers: self.activated_dense(),
                };
                vec![stem, stack]
            }
            // a ResNet
            6..11 => vec![stem, self.residual_stack()],
            // a DenseNet
            11..13 => {
                let growth_ratio = self.one_of(&[0.25, 0.5, 1.0, 2.0]);
                let mut layers = self.activated_dense();
                if let Some(LayerDescription::Dense {
                    relative_width,
                    width: None,
                    ..
                }) = layers.last_mut()
                {
                    *relative_width = Some(growth_ratio);
                }
                vec![
                    stem,
                    LayerDescription::DenselyConnected {
                        growth_ratio,
                        layers,
                    },
                ]
            }
            _ => {
                let mut layers = vec![stem];
                for _ in 0..self.count(4) {
                    layers.extend(self.part(2));
                }
                layers
            }
        }
    }

    fn residual_stack(&mut self) -> LayerDescription {
        let scaling = match self.below(8) {
            0..4 => ScalingDescription::InverseSqrtDepth,
            4..6 => ScalingDescription::PowerLaw(self.one_of(&[0.25, 0.4, -0.5, 0.1])),
            6 => ScalingDescription::ConvergentSeries {
                factor: self.one_of(&[1.0, 0.5]),
                exponent: self.one_of(&[0.75, 1.0, 2.0]),
            },
            _ => ScalingDescription::Constant(self.one_of(&[1.0, 0.5, 0.1])),
        };
        let skip = if self.chance(85) {
            1.0
        } else {
            self.uniform(0.0, 1.0)
        };
        LayerDescription::Stack {
            skip,
            scaling,
            layers: self.branch(0),
        }
    }

    fn dense(&mut self) -> LayerDescription {
        LayerDescription::Dense {
            weight_variance: self.weight(),
            bias_variance: self.bias(),
            weights: Default::default(),
            parametrization: if self.is_standard {
                Parametrization::Standard
            } else {
                Parametrization::Ntk
            },
            width: self.is_standard.then_some(64),
            relative_width: None,
            train_weights: !self.chance(4),
            train_biases: !self.chance(4),
        }
    }

    fn activated_dense(&mut self) -> Vec<LayerDescription> {
        vec![
            LayerDescription::Activation(self.activation()),
            self.dense(),
        ]
    }

    /// Layers from Gaussian to Gaussian neurons.
    fn branch(&mut self, nested: usize) -> Vec<LayerDescription> {
        let mut layers = Vec::new();
        if self.chance(25) {
            let epsilon = self.one_of(&[1e-12, 1e-12, 1e-3, 0.0]);
            layers.push(LayerDescription::LayerNorm { epsilon });
        }
        layers.push(LayerDescription::Activation(self.activation()));
        if self.chance(15) {
            layers.push(LayerDescription::Dropout(self.one_of(&[0.9, 0.5, 1.0])));
        }
        layers.push(self.dense());
        if nested > 0 && self.chance(30) {
            layers.extend(self.part(nested - 1));
        }
        layers
    }

    /// One more part of a composition.
    fn part(&mut self, nested: usize) -> Vec<LayerDescription> {
        vec![match self.below(8) {
            0 => return self.branch(nested),
            1 => self.residual_stack(),
            2 => LayerDescription::Stack {
                skip: 0.0,
                scaling: ScalingDescription::Constant(1.0),
                layers: self.branch(0),
            },
            3 => LayerDescription::Residual {
                skip: self.one_of(&[1.0, 1.0, 0.7, 0.0]),
                scale: self.one_of(&[1.0, 0.5, 0.1, 0.0]),
                layers: self.branch(nested),
            },
            4 => LayerDescription::Repeat {
                times: self.count(5),
                layers: self.branch(nested),
            },
            5 => {
                let skip = if self.chance(50) {
                    Vec::new()
                } else {
                    self.branch(nested)
                };
                LayerDescription::Sum(vec![skip, self.branch(nested)])
            }
            // neither products nor concatenations are Gaussian
            6 => {
                let branches = vec![self.branch(nested), self.branch(nested)];
                return vec![LayerDescription::Product(branches), self.dense()];
            }
            _ => {
                let concatenation = LayerDescription::Concatenation {
                    branches: vec![Vec::new(), self.branch(nested)],
                    shares: self.chance(30).then(|| vec![1.0, 2.0]),
                };
                return vec![concatenation, self.dense()];
            }
        }]
    }
}

/// Layers with an activation, stacks counted once.
fn size(layers: &[LayerDescription]) -> usize {
    let one = |layer: &LayerDescription| match layer {
        LayerDescription::Activation(_) => 1,
        LayerDescription::Repeat { times, layers } => times * size(layers),
        other => {
            let branches = crate::case::branches(other);
            branches.into_iter().map(|layers| size(layers)).sum()
        }
    };
    layers.iter().map(one).sum::<usize>().max(1)
}
