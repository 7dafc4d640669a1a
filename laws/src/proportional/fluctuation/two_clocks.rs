//! The clocks of two inputs at infinite depth: what their noise does to the covariances.
//!
//! With the propagator $P$ from the start and one neuron's $\eta_t = \int_0^t P_s^{-1} (\sigma_w^2
//! \varphi\varphi(y_s) - F(K_s)) ds$, covariances are moved by $\delta = P \eta$, and what
//! [`ClockFluctuations::pair_at`](super::ClockFluctuations::pair_at) integrates are its covariances with
//! functions of $y_t$: with $\varphi\varphi$, with its second derivatives, and with $yy^\top$. They need
//! $\mathbb E[\eta_t | y_t]$ only. Of a function of $y_s = L_s z_s$ with Hermite coefficients $f_p$ this
//! leaves $T^{\otimes p} f_p$ with $T = L_t^{-1} L_s$, since $y$ is a martingale.

use nalgebra::{Matrix3, Vector3};

use super::panel::{Panel, SIZE, interpolation};
use super::products::{Frame, Products};
use super::summation::{DEGREE, ENDS, Sums};
use super::tensors::{add_second_derivatives, count, curvatures_of_means, index, slopes_of_means};
use crate::network::Branch;
use crate::numerics::gauss_legendre::{NODES, WEIGHTS};
use crate::{Error, PairCorrelation, PairCovariance, Result, parallel};

/// Iterations of a flow within a panel, and their tolerance.
const ITERATIONS: usize = 200;
const TOLERANCE: f64 = 4e-15;

/// The rates that the slopes of a flow may have, times the length of a panel.
const STEEPEST: f64 = 3.0;

/// The growth of the logarithm of a rate in a panel.
const FASTEST: f64 = 2.0;

/// The estimated error of covariances, in units of the variances, beyond which they are refused.
const WORST: f64 = 1e-3;

/// What values at the nodes of a panel count for in integrals to each of them and to its end.
type Weights = [[f64; SIZE]; SIZE + 1];

/// Absolute fluctuations of $\hat q_{aa}$, $\hat q_{ab}$, $\hat q_{bb}$.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fluctuation {
    pub(super) covariance: Matrix3<f64>,
    pub(super) bias: Vector3<f64>,
}

/// From the covariances at the start to a time of the clock of the scaling.
pub(super) fn fluctuation(
    branch: &Branch,
    start: PairCovariance,
    end: PairCovariance,
    time: f64,
) -> Result<Fluctuation> {
    let flow = Flow { branch };
    let first = entries(start);
    let rate = flow.rate(first)?;
    let panels = if time > 0.0 {
        flow.panels([start, end], rate, time)?
    } else {
        0
    };
    let shift = resolved_from(first, rate);
    let mut state = State {
        k: first,
        propagator: Matrix3::identity(),
        memory: vec![[0.0; 3]; count(DEGREE)],
        response: Matrix3::zeros(),
        noise: [Matrix3::zeros(); ENDS.len()],
        bias: [Vector3::zeros(); ENDS.len()],
    };
    let sums = Sums::new(&**branch.activation());
    for i in 0..panels {
        state = flow.through(state, Panel::new(shift, time, i, panels), i == 0, &sums)?;
    }
    state.read()
}

/// $K_{aa}$, $K_{ab}$, $K_{bb}$.
fn entries(k: PairCovariance) -> [f64; 3] {
    [k.variance_a(), k.covariance(), k.variance_b()]
}

/// $\tau_0$: variances and their determinant are some multiples of $\tau + \tau_0$ at first.
fn resolved_from([a, ab, b]: [f64; 3], rate: [f64; 3]) -> f64 {
    let determinant = (a * b - ab * ab).max(0.0);
    let growth = a * rate[2] + b * rate[0] - 2.0 * ab * rate[1];
    let ages = [(a, rate[0]), (b, rate[2]), (determinant, growth)];
    let ages = ages.iter().filter(|(_, rate)| *rate > 0.0);
    let youngest = ages.map(|(q, rate)| q / rate).fold(f64::INFINITY, f64::min);
    if youngest.is_finite() { youngest } else { 1.0 }
}

/// The covariance matrix of $y_a^2$, $y_a y_b$, $y_b^2$.
fn of_products([a, ab, b]: [f64; 3]) -> Matrix3<f64> {
    Matrix3::new(
        2.0 * a * a,
        2.0 * a * ab,
        2.0 * ab * ab,
        2.0 * a * ab,
        a * b + ab * ab,
        2.0 * ab * b,
        2.0 * ab * ab,
        2.0 * ab * b,
        2.0 * b * b,
    )
}

/// What is known at a time. With $P$ the propagator from the start, the clocks' noise has moved $K$ by
/// $P \eta$, where $\eta = \int P^{-1} (\sigma_w^2 \varphi\varphi - F) ds$ is a sum over neurons.
struct State {
    k: [f64; 3],
    propagator: Matrix3<f64>,
    /// $\mathbb E[\eta | y]$ of one neuron, by its coefficients.
    memory: Vec<[f64; 3]>,
    /// $\int P^{-1} F^\prime \operatorname{Cov}(yy) ds$, which is $\operatorname{Cov}(\eta, yy)$.
    response: Matrix3<f64>,
    /// $\operatorname{Cov}(\eta, \eta)$.
    noise: [Matrix3<f64>; ENDS.len()],
    /// $P^{-1}$ times the bias.
    bias: [Vector3<f64>; ENDS.len()],
}

impl State {
    fn read(&self) -> Result<Fluctuation> {
        let covariance = |noise: &Matrix3<f64>| {
            let response = self.propagator * self.response;
            let clocks = self.propagator * noise * self.propagator.transpose();
            of_products(self.k) + response + response.transpose() + clocks
        };
        let (covariance, estimate) = (covariance(&self.noise[0]), covariance(&self.noise[1]));
        let bias = self.propagator * self.bias[0];
        if !(covariance.iter().chain(bias.iter())).all(|x| x.is_finite()) {
            return Err(Error::overflow("the covariance of two covariances"));
        }
        let scales = covariance.diagonal().map(f64::sqrt);
        let error = (covariance - estimate).component_div(&(scales * scales.transpose()));
        let reached = error.amax();
        if reached <= WORST {
            Ok(Fluctuation { covariance, bias })
        } else {
            Err(Error::NotConverged {
                what: "the memory of neurons in Hermite polynomials".to_owned(),
                reached,
                tolerance: WORST,
            })
        }
    }
}

/// A node of a panel.
struct Node {
    k: [f64; 3],
    frame: Frame,
    /// $\sigma_w^2 \varphi\varphi$ by parts, and as three tensors.
    products: Products,
    tensors: Vec<[f64; 3]>,
    /// $F^\prime$.
    slope: Matrix3<f64>,
    propagator: Matrix3<f64>,
    inverse: Matrix3<f64>,
}

/// $dK/d\tau = F(K)$.
struct Flow<'a> {
    branch: &'a Branch,
}

impl Flow<'_> {
    fn rate(&self, [a, ab, b]: [f64; 3]) -> Result<[f64; 3]> {
        let scale = a.sqrt() * b.sqrt();
        let correlation = if scale > 0.0 { ab / scale } else { 0.0 };
        let correlation = PairCorrelation::rounded(correlation);
        let k = PairCovariance::with_correlation(a, b, correlation)?;
        Ok(entries(self.branch.covariance(k)?))
    }

    /// As many as its slopes and the growth of its rate need.
    fn panels(&self, ends: [PairCovariance; 2], first: [f64; 3], time: f64) -> Result<usize> {
        let weight = self.branch.initialization().weight_variance();
        let last = self.rate(entries(ends[1]))?;
        let mut needed: f64 = 1.0;
        for i in [0, 2] {
            needed = needed.max((last[i] / first[i]).ln() / FASTEST);
            for k in ends {
                let q = entries(k)[i];
                let slopes = self
                    .branch
                    .activation()
                    .derivative_dual(PairCovariance::diagonal(q))?;
                needed = needed.max(weight * slopes * time / STEEPEST);
            }
        }
        let most = 100.0;
        if needed > most {
            return Err(Error::NotConverged {
                what: "the number of panels of a flow of two covariances".to_owned(),
                reached: needed,
                tolerance: most,
            });
        }
        Ok(needed.ceil() as usize)
    }

    /// $K$ at the nodes and at the end of a panel: fixed points of $K_0 + \int F(K)$.
    fn covariances(&self, start: [f64; 3], weights: &Weights) -> Result<[[f64; 3]; SIZE + 1]> {
        let (mut k, mut reached) = ([start; SIZE + 1], f64::INFINITY);
        for _ in 0..ITERATIONS {
            let rates = (0..SIZE).map(|i| self.rate(k[i]));
            let rates: Vec<[f64; 3]> = rates.collect::<Result<_>>()?;
            let next = weights.map(|weights| {
                std::array::from_fn(|e| {
                    let terms = weights.iter().zip(&rates).map(|(w, rate)| w * rate[e]);
                    start[e] + terms.sum::<f64>()
                })
            });
            if !next.iter().flatten().all(|entry| entry.is_finite()) {
                return Err(Error::overflow("the flow of two covariances"));
            }
            let scale = next[SIZE][0].max(next[SIZE][2]);
            let change = k.iter().flatten().zip(next.iter().flatten());
            reached = change.fold(0.0, |most, (old, new)| (old - new).abs().max(most)) / scale;
            k = next;
            if reached <= TOLERANCE {
                return Ok(k);
            }
        }
        Err(Error::NotConverged {
            what: "the flow of two covariances".to_owned(),
            reached,
            tolerance: TOLERANCE,
        })
    }

    /// All but the propagators.
    fn nodes(&self, k: &[[f64; 3]; SIZE + 1], sums: &Sums) -> Result<Vec<Node>> {
        let weight = self.branch.initialization().weight_variance();
        parallel::try_map(SIZE, |i| {
            let frame = Frame::new(k[i]);
            let mut products = Products::new(&**self.branch.activation(), frame, DEGREE + 2);
            let [a, b] = &mut products.squares;
            for entry in a.iter_mut().chain(b).chain(&mut products.mixed) {
                *entry *= weight;
            }
            let mut tensors: Vec<[f64; 3]> =
                products.mixed.iter().map(|ab| [0.0, *ab, 0.0]).collect();
            let powers = &sums.more_powers;
            let [a, b] = &products.squares;
            let line = [frame.cosine, frame.sine];
            powers.add_line([1.0, 0.0], a, [1.0, 0.0, 0.0], &mut tensors);
            powers.add_line(line, b, [0.0, 0.0, 1.0], &mut tensors);
            let rows = [0, 1, 2].map(|of| slopes_of_means(frame, &tensors, of));
            Ok(Node {
                k: k[i],
                frame,
                products,
                tensors,
                slope: Matrix3::from_fn(|i, j| rows[i][j]),
                propagator: Matrix3::identity(),
                inverse: Matrix3::identity(),
            })
        })
    }

    fn through(&self, state: State, panel: Panel, first: bool, sums: &Sums) -> Result<State> {
        let weights = ends().map(|x| panel.weights(x));
        let k = self.covariances(state.k, &weights)?;
        let mut nodes = self.nodes(&k, sums)?;
        let propagator = propagate(&mut nodes, state.propagator, &weights)?;
        let before = (!first).then_some(&state);
        let mut memories = parallel::try_map(SIZE + 1, |i| {
            let frame = Frame::new(k[i]);
            Ok(memory(before, &nodes, panel, ends()[i], frame, sums))
        })?;
        let drives: Vec<[Drive; ENDS.len()]> = nodes
            .iter()
            .zip(&memories)
            .map(|(node, memory)| drives(node, memory, sums))
            .collect();
        let noise = |end: usize, to: usize| {
            let terms = weights[to].iter().zip(&drives);
            state.noise[end]
                + terms
                    .map(|(w, drive)| drive[end].noise * *w)
                    .sum::<Matrix3<f64>>()
        };
        let mut bias = state.bias;
        let mut response = state.response;
        for (i, node) in nodes.iter().enumerate() {
            let weight = weights[SIZE][i];
            response += node.inverse * node.slope * of_products(node.k) * weight;
            let curvatures = [0, 1, 2].map(|of| curvatures_of_means(node.frame, &node.tensors, of));
            for (end, bias) in bias.iter_mut().enumerate() {
                let spread = node.propagator * noise(end, i) * node.propagator.transpose();
                let curved = Vector3::from_fn(|of, _| {
                    let curvature = Matrix3::from_fn(|i, j| curvatures[of][i][j]);
                    0.5 * curvature.component_mul(&spread).sum()
                });
                *bias += node.inverse * (curved + drives[i][end].bias) * weight;
            }
        }
        let noise = [0, 1].map(|end| noise(end, SIZE));
        Ok(State {
            k: k[SIZE],
            propagator,
            memory: memories.pop().unwrap_or_default(),
            response,
            noise,
            bias,
        })
    }
}

/// $P$ at the nodes, with its inverse, and at the end of a panel: fixed points of $P_0 + \int F^\prime P$.
fn propagate(nodes: &mut [Node], start: Matrix3<f64>, weights: &Weights) -> Result<Matrix3<f64>> {
    let mut propagators = [start; SIZE + 1];
    let mut reached = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let rates = nodes.iter().zip(&propagators);
        let rates: Vec<Matrix3<f64>> = rates.map(|(node, p)| node.slope * p).collect();
        let next = weights.map(|weights| {
            let terms = weights.iter().zip(&rates).map(|(w, rate)| rate * *w);
            start + terms.sum::<Matrix3<f64>>()
        });
        let change = propagators.iter().zip(&next);
        let change = change.map(|(old, new)| (old - new).amax());
        reached = change.fold(0.0, f64::max) / next[SIZE].amax();
        propagators = next;
        if reached <= TOLERANCE {
            break;
        }
    }
    if reached.is_nan() || reached > TOLERANCE {
        return Err(Error::NotConverged {
            what: "the propagator of a flow of two covariances".to_owned(),
            reached,
            tolerance: TOLERANCE,
        });
    }
    for (node, propagator) in nodes.iter_mut().zip(propagators) {
        node.propagator = propagator;
        let inverse = propagator.try_inverse();
        node.inverse = inverse.ok_or_else(|| Error::overflow("the propagator of a flow"))?;
    }
    Ok(propagators[SIZE])
}

/// The nodes of a panel and its end.
fn ends() -> [f64; SIZE + 1] {
    std::array::from_fn(|i| NODES.get(i).copied().unwrap_or(1.0))
}

/// $\mathbb E[\eta | y]$ at a share $x$ of a panel: a sum over nodes before, where all but the memory itself
/// is interpolated.
fn memory(
    before: Option<&State>,
    nodes: &[Node],
    panel: Panel,
    x: f64,
    frame: Frame,
    sums: &Sums,
) -> Vec<[f64; 3]> {
    let mut out = vec![[0.0; 3]; count(DEGREE)];
    if let Some(state) = before {
        let map = frame.memory(Frame::new(state.k));
        for e in 0..3 {
            let column: Vec<f64> = state.memory.iter().map(|row| row[e]).collect();
            let moved = sums.powers.moved(map, &column);
            for (out, moved) in out.iter_mut().zip(moved) {
                out[e] = moved;
            }
        }
    }
    for (node, weight) in NODES.iter().zip(&WEIGHTS) {
        let at = x * node;
        let shares = interpolation(at);
        let mix = |f: &dyn Fn(&Node) -> f64| {
            let terms = shares
                .iter()
                .zip(nodes)
                .map(|(share, node)| share * f(node));
            terms.sum::<f64>()
        };
        let mixed = |part: &dyn Fn(&Node) -> &[f64], size: usize| {
            let mut sum = vec![0.0; size];
            for (share, node) in shares.iter().zip(nodes) {
                for (sum, value) in sum.iter_mut().zip(part(node)) {
                    *sum += share * value;
                }
            }
            sum
        };
        let earlier = Frame::new([0, 1, 2].map(|e| mix(&|node| node.k[e])));
        let map = frame.memory(earlier);
        let weight = x * weight * panel.rate(at);
        let columns =
            [0, 1, 2].map(|d| [0, 1, 2].map(|e| weight * mix(&|node| node.inverse[(e, d)])));
        let product = mixed(&|node| &node.products.mixed, count(DEGREE));
        let [a, b] = [0, 1].map(|i| mixed(&|node| &node.products.squares[i], DEGREE + 1));
        let moved = sums.powers.moved(map, &product);
        for (out, moved) in out.iter_mut().zip(moved) {
            for (out, factor) in out.iter_mut().zip(columns[1]) {
                *out += factor * moved;
            }
        }
        let line = [
            map[0] * earlier.cosine,
            map[1] * earlier.cosine + map[2] * earlier.sine,
        ];
        sums.powers
            .add_line([map[0], map[1]], &a, columns[0], &mut out);
        sums.powers.add_line(line, &b, columns[2], &mut out);
    }
    // means do not fluctuate
    out[0] = [0.0; 3];
    out
}

/// What drives the noise and the bias at a node.
#[derive(Debug, Clone, Copy)]
struct Drive {
    noise: Matrix3<f64>,
    bias: Vector3<f64>,
}

fn drives(node: &Node, memory: &[[f64; 3]], sums: &Sums) -> [Drive; ENDS.len()] {
    let mut drives = [Drive {
        noise: Matrix3::zeros(),
        bias: Vector3::zeros(),
    }; ENDS.len()];
    for degree in 1..=DEGREE {
        // of η with φφ, and with its second derivatives
        let mut covariance = Matrix3::zeros();
        for at in index(degree, 0)..index(degree + 1, 0) {
            let (memory, own) = (Vector3::from(memory[at]), Vector3::from(node.tensors[at]));
            covariance += memory * own.transpose();
        }
        let mut second = [[[0.0; 3]; 3]; 3];
        add_second_derivatives(degree, memory, &node.tensors, &mut second);
        let bias = Vector3::from_fn(|of, _| {
            let slopes = [0, 1, 2].map(|e| node.frame.slopes(second[e][of]));
            let slopes = Matrix3::from_fn(|e, c| slopes[e][c]);
            (node.propagator * slopes).trace()
        });
        let noise = covariance * node.inverse.transpose();
        for (drive, weights) in drives.iter_mut().zip(&sums.weights) {
            if let (Some(first), Some(second)) = (weights[0].get(degree), weights[1].get(degree)) {
                drive.noise += (noise + noise.transpose()) * *first;
                drive.bias += bias * *second;
            }
        }
    }
    drives
}
