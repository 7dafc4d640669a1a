//! Control variates of covariances from infinite width.

use super::Ensemble;
use crate::architecture::Architecture;
use crate::network::{
    Branch, Dense, Layer, Network, Residual, Sampler, Signal, Site, Stack, Structure,
};
use crate::neural_function::{Need, NeuralFunction, distinct_points};
use crate::random::{Seed, Stream};
use crate::sample::{Draw, Record};
use crate::{Error, Inputs, PairCovariance, Result, error};

use nalgebra::DMatrix;

/// Relative steps of the differences behind derivatives of the kernel map: any would keep the mean at 0.
const STEP: f64 = 1e-4;

/// $q_a$, $k$ and $q_b$.
type Entries = [f64; 3];

/// Neural functions of covariances on random chains, with control variates: how far the covariances of a
/// network are from infinite width, to first order in what is random in each layer.
///
/// Given the covariance $A_l$ of the neurons of layer $l$, independent $\mathcal N(0, A_l)$, that of the next
/// layer of an MLP is an average with the mean $B(A_l)$, at every width, so that $A_{l+1} - B(A_l)$ has mean
/// exactly 0. So has every sum with fixed coefficients, and the best ones are those of infinite width,
/// $K_{l+1} = B(K_l)$:
///
/// $$\delta_{l+1} = B^\prime(K_l)\, \delta_l + A_{l+1} - B(A_l), \qquad \delta_0 = 0, \qquad
/// c = \delta_L + \hat q_L - A_L .$$
///
/// What is left of $\hat q_L$ is of second order: its variance falls from order $1/n$ to $1/n^2$. In a
/// residual network, $\delta_l = (s^2 + \alpha^2 B^\prime(K_{l-1})) \delta_{l-1} + \hat q_l - s^2 \hat
/// q_{l-1} - \alpha^2 \hat B(Y_{l-1})$ leaves what $\hat B$ has of its own. Derived here.
///
/// ```
/// use neural_limits::ensemble::LinearResponse;
/// use neural_limits::prelude::*;
/// let net = Mlp::new(Tanh).initialized_by(Initialization::new(1.5, 0.1)?);
/// let covariance = Covariance::between(&[1.0, 0.0], &[0.6, 0.8])?;
/// let response = LinearResponse::new(&net, 256, 4, &[&covariance])?;
/// let controlled = response.ensemble(7)?.run(300)?.controlled(0)?;
/// assert!(controlled.reduction > 1000.0); // 300 networks are worth more than 300 000
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct LinearResponse<'a> {
    functions: Vec<&'a dyn NeuralFunction>,
    points: Vec<Vec<usize>>,
    inputs: Inputs<'static>,
    width: usize,
    stem: Dense,
    branch: Branch,
    skip: f64,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    layer: Network,
    /// $\alpha$.
    scale: f64,
    /// Of $K \mapsto s^2 K + \alpha^2 B(K)$ at infinite width.
    derivative: [Entries; 3],
}

fn refused(reason: &str) -> Error {
    Error::unsupported("control variates from infinite width", reason)
}

impl<'a> LinearResponse<'a> {
    /// Of functions of covariances and neurons at one or two inputs, on networks of given width and depth.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the network is a [chain](Network::chain) with Gaussian weights and an
    /// activation that does not depend on the width, and the functions read nothing else; [`Error::Invalid`]
    /// for no functions, a width or depth of 0 or above 10⁹; as [`Branch::covariance`].
    pub fn new<N: Architecture + ?Sized>(
        net: &N,
        width: usize,
        depth: usize,
        functions: &[&'a dyn NeuralFunction],
    ) -> Result<Self> {
        error::size("width", width)?;
        error::size("depth", depth)?;
        if functions.is_empty() {
            return Err(Error::invalid("functions", "[]", "at least one function"));
        }
        let readable = |need: &Need| matches!(need, Need::Covariances | Need::Neurons);
        if !functions.iter().all(|f| f.needs().iter().all(readable)) {
            return Err(refused(
                "a function reads more than covariances and neurons",
            ));
        }
        let (inputs, points) = distinct_points(functions)?;
        if inputs.len() > 2 {
            return Err(refused("the functions have more than two inputs together"));
        }
        let network = net.network();
        // what is not finite is refused there
        network.at_depth(depth)?;
        let layers = network.flat();
        let not_a_chain = || refused("the network is no chain of activations and dense layers");
        let [stem, stack] = &layers[..] else {
            return Err(not_a_chain());
        };
        let (Structure::Dense(stem), Structure::Stack(stack)) =
            (stem.structure(), stack.structure())
        else {
            return Err(not_a_chain());
        };
        let (_, chain) = network.chain().ok_or_else(not_a_chain)?;
        if !is_fixed(stack) {
            return Err(refused("its activation depends on the width"));
        }
        let mut response = Self {
            functions: functions.to_vec(),
            points,
            inputs,
            width,
            stem: *stem,
            branch: chain.branch,
            skip: chain.skip,
            blocks: Vec::with_capacity(depth),
        };
        let mut k = response.start(&mut Seed::new(0).stream(0))?.0;
        for scale in chain.scaling.coefficients(depth) {
            let branch = stack.branch().clone();
            let layer = if response.skip == 0.0 && scale == 1.0 {
                branch
            } else {
                Network::new().then(Residual::new(response.skip, scale, branch)?)
            };
            let derivative = response.derivative(scale, k)?;
            k = response.next(scale, k)?;
            response.blocks.push(Block {
                layer,
                scale,
                derivative,
            });
        }
        Ok(response)
    }

    /// The ensemble of the functions' values, in order, and of the control variates behind them.
    ///
    /// Sample $k$ is that of an [`Ensemble::of`] the same networks and functions with the same seed.
    ///
    /// # Errors
    /// As [`Ensemble::new`].
    pub fn ensemble(&self, seed: impl Into<Seed>) -> Result<Ensemble<'_>> {
        let controls = if self.inputs.len() == 1 { 1 } else { 3 };
        let numbers = self.functions.len() + controls;
        Ensemble::new((numbers, controls), seed, move |rng| {
            let (record, response) = self.sample(rng)?;
            let all = self.functions.iter().zip(&self.points);
            let values = all.map(|(f, points)| f.of_network(&record, points));
            values
                .chain(response[..controls].iter().copied().map(Ok))
                .collect()
        })
    }

    /// $s^2 K + \alpha^2 B(K)$.
    fn next(&self, scale: f64, [qa, k, qb]: Entries) -> Result<Entries> {
        let largest = qa.sqrt() * qb.sqrt();
        let pair = PairCovariance::new(qa, qb, k.clamp(-largest, largest))?;
        let b = self.branch.covariance(pair)?;
        let (s, a) = (self.skip * self.skip, scale * scale);
        Ok([
            s * qa + a * b.variance_a(),
            s * k + a * b.covariance(),
            s * qb + a * b.variance_b(),
        ])
    }

    fn derivative(&self, scale: f64, k: Entries) -> Result<[Entries; 3]> {
        let mut columns = [[0.0; 3]; 3];
        for (i, column) in columns.iter_mut().enumerate() {
            let step = STEP * [k[0], k[0].sqrt() * k[2].sqrt(), k[2]][i];
            if step == 0.0 {
                continue;
            }
            let moved = |step: f64| {
                let mut moved = k;
                moved[i] += step;
                self.next(scale, moved)
            };
            let (more, less) = (moved(step)?, moved(-step)?);
            *column = [0, 1, 2].map(|j| (more[j] - less[j]) / (2.0 * step));
        }
        Ok([0, 1, 2].map(|j| [0, 1, 2].map(|i| columns[i][j])))
    }

    /// $K_0$ and $Y_0$.
    fn start(&self, rng: &mut Stream) -> Result<(Entries, Signal)> {
        let mut site = Site::new(self.width, Sampler::Conditional, rng)?;
        let law = self
            .stem
            .conditional(&Signal::of_inputs(&self.inputs), &mut site)?;
        Ok((entries(&law.covariance()?), law.draw(&mut site)?))
    }

    /// One network and its $c$; with one input, all entries are those of its variance.
    fn sample(&self, rng: &mut Stream) -> Result<(Record, Entries)> {
        let (mut known, mut y) = self.start(rng)?;
        let mut response = [0.0; 3];
        if self.skip != 0.0 {
            let q = covariances(&y)?;
            response = difference(q, known);
            known = q;
        }
        let mut site = Site::new(self.width, Sampler::Conditional, rng)?;
        for block in &self.blocks {
            let law = block.layer.conditional(&y, &mut site)?;
            let a = entries(&law.covariance()?);
            y = law.draw(&mut site)?;
            let (next, innovation) = if self.skip == 0.0 {
                (a, difference(a, self.next(block.scale, known)?))
            } else {
                let q = covariances(&y)?;
                let s = self.skip * self.skip;
                (q, [0, 1, 2].map(|i| q[i] - s * known[i] - a[i]))
            };
            known = next;
            response = [0, 1, 2].map(|i| {
                let row = block.derivative[i].iter().zip(&response);
                innovation[i] + row.map(|(d, r)| d * r).sum::<f64>()
            });
        }
        if self.skip == 0.0 {
            let last = difference(covariances(&y)?, known);
            response = [0, 1, 2].map(|i| response[i] + last[i]);
        }
        Ok((Record::new(y, None), response))
    }
}

fn is_fixed(stack: &Stack) -> bool {
    let layers = stack.branch().flat();
    let shaped = layers.iter().map(|layer| layer.structure());
    !shaped
        .into_iter()
        .any(|s| matches!(s, Structure::Shaped(_)))
}

fn difference(x: Entries, y: Entries) -> Entries {
    [0, 1, 2].map(|i| x[i] - y[i])
}

/// Of the first and the last input; 0 where there is no covariance.
fn entries(covariance: &Option<DMatrix<f64>>) -> Entries {
    covariance.as_ref().map_or([0.0; 3], |matrix| {
        let last = matrix.ncols() - 1;
        [matrix[(0, 0)], matrix[(0, last)], matrix[(last, last)]]
    })
}

fn covariances(y: &Signal) -> Result<Entries> {
    Ok(entries(&Some(Draw::new(y).covariances()?)))
}
