//! Flows at many times from one integration.

use nalgebra::DMatrix;

use super::block_flow::BlockFlow;
use super::covariance_flow::doubling_time;
use super::infinite_stack::{ERROR, clock_at, closed, homogeneous};
use crate::covariance::PairCorrelation;
use crate::kernel::{Kernels, TangentKernel};
use crate::network::scaling::ScalingClass;
use crate::network::{KernelBlock, Layer, Network, Stack};
use crate::numerics::chebyshev;
use crate::{Error, PairCovariance, Result, Scalar, error};

/// Nodes of a piece.
const NODES: usize = 16;

/// What grows by more than this factor is interpolated in $\sqrt{\tau + \tau_0}$.
const GROWING: f64 = 2.0;

/// What grows exponentially by more factors of $e$ in a piece is interpolated relative to its growth.
const EXPONENTIAL: f64 = 1.0;

/// What may grow by more factors of $e$ starts with so many pieces.
const FAST: f64 = 30.0;
const PARTS: usize = 8;

/// How often a piece is halved: what is then left out is the rounding of the flow, or counts as an error.
const HALVINGS: usize = 12;

/// What a state that is interpolated errs by at least.
const ROUNDING: f64 = 2e-15;

/// $K_t$ (and $\Theta_t$) of some pairs of points at all times $t \in [0, 1]$, from one integration of the
/// flow $dK/d\tau = B(K)$, $d\Theta/d\tau = B_\Theta(K, \Theta)$ (S. Hayou and G. Yang 2023, arXiv
/// 2302.00453, theorem 2; S. Hayou 2023, arXiv 2310.01683).
///
/// Homogeneous branches have closed forms. Others are integrated to the Chebyshev points of a few pieces of
/// $\tau$ (or of $\sqrt{\tau + \tau_0}$ from small variances), with the variances of all points once for all
/// of their pairs, and interpolated in $q$, in $\sqrt{q_a q_b} (1 \mp c)$ and in $\Theta$, where variances
/// grow exponentially as multiples of $e^{\lambda \tau}$. These have an absolute error, of some 1e-13 of
/// their largest values in a piece (the [tolerance](super::InfiniteDepth::with_tolerance)); single times by
/// [`propagate`](super::InfiniteDepth::propagate) have a relative one also where they start from 0.
///
/// From [`InfiniteDepth::trajectory_of`](super::InfiniteDepth::trajectory_of) and its relatives.
#[derive(Debug, Clone)]
pub struct Trajectory {
    stack: Stack,
    after: Network,
    start: KernelBlock,
    path: Path,
}

#[derive(Debug, Clone)]
enum Path {
    /// Of a homogeneous branch.
    Closed,
    Pieces {
        pieces: Vec<Piece>,
        /// $\tau_0$, where pieces are in $\sqrt{\tau + \tau_0}$.
        shift: Option<f64>,
        error: f64,
    },
}

/// Polynomials on an interval.
#[derive(Debug, Clone)]
struct Piece {
    start: f64,
    end: f64,
    /// $\lambda$ by component.
    growth: Vec<f64>,
    /// By component, of [`NODES`] Chebyshev polynomials: $e^{\lambda (\tau_1 - \tau)}$ times it, with the
    /// end at $\tau_1$.
    coefficients: Vec<Vec<f64>>,
    /// Whether a pair is held by $1 + c$.
    mirrored: Vec<bool>,
}

impl Trajectory {
    /// Of a stack from given pairs, with layers after it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a stack that is no flow; those of the flow.
    pub(super) fn new(
        stack: &Stack,
        after: Network,
        start: KernelBlock,
        tolerance: f64,
    ) -> Result<Self> {
        let unsupported = || {
            Error::unsupported(
                format!("a trajectory of {}", stack.name()),
                "only residual stacks of skip coefficient 1 and normalised scaling flow",
            )
        };
        let (skip, scaling) = stack.residual_rule().ok_or_else(unsupported)?;
        if skip != 1.0 || scaling.class() != ScalingClass::Normalised {
            return Err(unsupported());
        }
        let clock = clock_at(scaling, 1.0)?;
        let path = if homogeneous(stack, clock).is_some() || clock == 0.0 {
            Path::Closed
        } else {
            integrate(stack, &start, clock, tolerance)?
        };
        Ok(Self {
            stack: stack.clone(),
            after,
            start,
            path,
        })
    }

    /// An estimate of the largest error of variances, of $\sqrt{q_a q_b} (1 \mp c)$ and of $\Theta$ over all
    /// times, each relative to the largest value that it takes: the sum of the differences of the last two
    /// columns of every extrapolated step (the error of the worse one), and what the last coefficients of the
    /// worst interpolant leave out. 0 for closed forms, which err by rounding.
    pub fn error_estimate(&self) -> f64 {
        match self.path {
            Path::Closed => 0.0,
            Path::Pieces { error, .. } => error,
        }
    }

    /// All pairs at a time.
    fn block_at(&self, time: f64) -> Result<KernelBlock> {
        error::unit_interval("time", time)?;
        let clock = match self.stack.residual_rule() {
            Some((_, scaling)) => clock_at(scaling, time)?,
            None => 0.0,
        };
        let mut block = if clock == 0.0 {
            self.start.clone()
        } else {
            match (&self.path, homogeneous(&self.stack, clock)) {
                (Path::Pieces { pieces, shift, .. }, _) => {
                    interpolated(&self.start, pieces, place(clock, *shift), *shift)
                }
                (Path::Closed, Some(flow)) => {
                    let mut block = self.start.clone();
                    closed(flow, &mut block)?;
                    block
                }
                (Path::Closed, None) => self.start.clone(),
            }
        };
        self.after.apply(&mut block)?;
        Ok(block)
    }

    /// $K_t$ of the first pair: of a trajectory of one pair, its covariance.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a time outside of $[0, 1]$; those of layers after the stack;
    /// [`Error::Overflow`].
    pub fn at(&self, time: f64) -> Result<PairCovariance> {
        let block = self.block_at(time)?;
        PairCovariance::with_correlation(
            block.variance_a()[0],
            block.variance_b()[0],
            block.correlation()[0],
        )
    }

    /// $K_t$ and $\Theta_t$ of the first pair.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn tangent_at(&self, time: f64) -> Result<TangentKernel> {
        let block = self.block_at(time)?;
        let k = PairCovariance::with_correlation(
            block.variance_a()[0],
            block.variance_b()[0],
            block.correlation()[0],
        )?;
        let theta = block.tangent().map_or(0.0, |tangent| tangent[0]);
        Ok(TangentKernel::of(k, theta))
    }

    /// Both kernels of all pairs: rows by columns of the points that the trajectory was made of.
    ///
    /// # Errors
    /// As [`at`](Self::at); [`Error::Overflow`] for entries beyond the range of `T`.
    pub fn kernels_at<T: Scalar>(&self, time: f64) -> Result<Kernels<T>> {
        let block = self.block_at(time)?;
        let columns = block.columns();
        let nngp = |i: usize, j: usize| {
            let (a, b) = (block.variance_a()[i], block.variance_b()[j]);
            PairCovariance::of(a, b, block.correlation()[i * columns + j]).covariance()
        };
        let ntk = |i: usize, j: usize| block.tangent().map_or(0.0, |all| all[i * columns + j]);
        Ok(Kernels {
            nngp: matrix("the covariance", &block, nngp)?,
            ntk: matrix("the neural tangent kernel", &block, ntk)?,
        })
    }
}

fn matrix<T: Scalar>(
    quantity: &str,
    block: &KernelBlock,
    entry: impl Fn(usize, usize) -> f64,
) -> Result<DMatrix<T>> {
    let (rows, columns) = (block.rows(), block.columns());
    let mut all = Vec::with_capacity(rows * columns);
    for j in 0..columns {
        for i in 0..rows {
            all.push(T::narrow(quantity, entry(i, j))?);
        }
    }
    Ok(DMatrix::from_vec(rows, columns, all))
}

/// The variable of pieces.
fn place(clock: f64, shift: Option<f64>) -> f64 {
    shift.map_or(clock, |shift| (clock + shift).sqrt())
}

/// From one place to another, in the clock.
fn duration(from: f64, to: f64, shift: Option<f64>) -> f64 {
    match shift {
        Some(_) => (to - from) * (to + from),
        None => to - from,
    }
}

/// The node of a number in a piece.
fn node((start, end): (f64, f64), number: usize) -> f64 {
    0.5 * ((start + end) + (end - start) * chebyshev::node(number, NODES))
}

fn integrate(stack: &Stack, start: &KernelBlock, clock: f64, tolerance: f64) -> Result<Path> {
    let mut rate = start.clone();
    stack.branch().apply(&mut rate)?;
    let points = start.variance_a().iter().chain(start.variance_b());
    let rates = rate.variance_a().iter().chain(rate.variance_b());
    let doubling = points.zip(rates).map(|(&q, &rate)| doubling_time(q, rate));
    let least = doubling.fold(f64::INFINITY, f64::min);
    let shift = (least * GROWING < clock).then_some(least);
    let flow = BlockFlow::new(stack.branch(), tolerance);
    let (first, last) = (place(0.0, shift), place(clock, shift));
    let is_fast = clock > FAST * least;
    let parts = if is_fast { PARTS } else { 1 };
    let end = |part: usize| first + (last - first) * (part as f64 / parts as f64);
    let mut pending = vec![(last, 0)];
    pending.extend((1..parts).rev().map(|part| (end(part), 0)));
    // of one pair that grows fast, its variances belong to it
    let is_alone = is_fast && start.correlation().len() == 1;
    let run = |block: &mut KernelBlock, clock: f64| {
        if is_alone {
            flow.run_alone(block, clock).map(|()| ERROR * tolerance)
        } else {
            flow.run(block, clock)
        }
    };
    let (mut pieces, mut error, mut worst) = (Vec::new(), 0.0, 0.0_f64);
    let (mut from, mut state) = (first, start.clone());
    let mut growth = relative_rates(&state, &rate);
    while let Some((to, halvings)) = pending.pop() {
        let mut block = state.clone();
        let (mut at, mut own, mut nodes) = (from, 0.0, Vec::with_capacity(NODES));
        // nodes fall with their number
        for j in (0..NODES).rev() {
            let node = node((from, to), j);
            own += run(&mut block, duration(at, node, shift))?;
            at = node;
            nodes.push(block.clone());
        }
        own += run(&mut block, duration(at, to, shift))?;
        nodes.reverse();
        let mut rate = block.clone();
        stack.branch().apply(&mut rate)?;
        let growth_here = relative_rates(&block, &rate);
        let least = growth.iter().zip(&growth_here).map(|(a, b)| a.min(*b));
        let (piece, left_out) = Piece::fit((from, to), shift, least.collect(), &nodes);
        // below the errors of steps, nodes are not smooth
        let is_short = left_out <= (ERROR * tolerance).max(ROUNDING);
        if !is_short && halvings < HALVINGS {
            pending.push((to, halvings + 1));
            pending.push((0.5 * (from + to), halvings + 1));
            continue;
        }
        pieces.push(piece);
        // steps hand their errors on, interpolants do not
        error += own;
        worst = worst.max(left_out);
        (from, state, growth) = (to, block, growth_here);
    }
    Ok(Path::Pieces {
        pieces,
        shift,
        error: error + NODES as f64 * worst + ROUNDING,
    })
}

/// $\dot q/q$ of all points; 0 for those without a variance.
fn relative_rates(state: &KernelBlock, rate: &KernelBlock) -> Vec<f64> {
    let points = state.variance_a().iter().chain(state.variance_b());
    let rates = rate.variance_a().iter().chain(rate.variance_b());
    let relative = points.zip(rates).map(|(q, rate)| rate / q);
    relative
        .map(|rate| if rate.is_finite() { rate } else { 0.0 })
        .collect()
}

impl Piece {
    /// Through the nodes, and what the interpolants leave out, relative to the largest value of each; the
    /// relative rates of points are at least `growth`.
    fn fit(
        (start, end): (f64, f64),
        shift: Option<f64>,
        growth: Vec<f64>,
        nodes: &[KernelBlock],
    ) -> (Self, f64) {
        let last = &nodes[0];
        let whole = duration(start, end, shift);
        let growth = growth.into_iter();
        let growth = growth.map(|rate| {
            if rate * whole > EXPONENTIAL {
                rate
            } else {
                0.0
            }
        });
        let growth = of_components(last, growth.collect());
        let mirrored: Vec<bool> = last
            .correlation()
            .iter()
            .map(|c| !c.is_positive())
            .collect();
        let values = nodes.iter().enumerate().map(|(j, block)| {
            let node = node((start, end), j);
            let left = duration(node, end, shift);
            let all = components(block, &mirrored).into_iter().zip(&growth);
            all.map(|(value, rate)| value * (rate * left).exp())
                .collect()
        });
        let values: Vec<Vec<f64>> = values.collect();
        let coefficients = chebyshev::fit(&values);
        let mut left_out = 0.0_f64;
        for (f, coefficients) in coefficients.iter().enumerate() {
            let largest = values
                .iter()
                .fold(0.0, |most: f64, all| most.max(all[f].abs()));
            let tail = chebyshev::Tail::of(coefficients).largest;
            if largest > 0.0 {
                left_out = left_out.max(tail / largest);
            }
        }
        let piece = Self {
            start,
            end,
            growth,
            coefficients,
            mirrored,
        };
        (piece, left_out)
    }
}

/// $q$ of rows and columns, $\sqrt{q_a q_b} (1 \mp c)$ and $\Theta$ of pairs.
fn components(block: &KernelBlock, mirrored: &[bool]) -> Vec<f64> {
    let columns = block.columns();
    let mut all = [block.variance_a(), block.variance_b()].concat();
    for (at, (c, &mirrored)) in block.correlation().iter().zip(mirrored).enumerate() {
        let (a, b) = (
            block.variance_a()[at / columns],
            block.variance_b()[at % columns],
        );
        let distance = if mirrored {
            c.one_plus()
        } else {
            c.one_minus()
        };
        all.push(a.sqrt() * b.sqrt() * distance);
    }
    all.extend(block.tangent().into_iter().flatten());
    all
}

/// Growth rates of the components, from those of points.
fn of_components(block: &KernelBlock, growth: Vec<f64>) -> Vec<f64> {
    let (a, b) = growth.split_at(block.rows());
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| 0.5 * (a + b)));
    let pairs: Vec<f64> = pairs.collect();
    let tangents: &[f64] = if block.tangent().is_some() {
        &pairs
    } else {
        &[]
    };
    [&growth, &pairs, tangents].concat()
}

fn interpolated(
    start: &KernelBlock,
    pieces: &[Piece],
    place: f64,
    shift: Option<f64>,
) -> KernelBlock {
    let within = pieces.iter().position(|piece| place <= piece.end);
    let piece = &pieces[within.unwrap_or(pieces.len() - 1)];
    let x = (2.0 * place - piece.start - piece.end) / (piece.end - piece.start);
    let x = x.clamp(-1.0, 1.0);
    let left = duration(place, piece.end, shift);
    let values = piece.coefficients.iter().zip(&piece.growth);
    let values = values.map(|(all, rate)| chebyshev::sum(all, x) * (-rate * left).exp());
    let values: Vec<f64> = values.collect();
    let (rows, columns) = (start.rows(), start.columns());
    let (variances, pairs) = values.split_at(rows + columns);
    let (defects, tangent) = pairs.split_at(rows * columns);
    let variances: Vec<f64> = variances.iter().map(|q| q.max(0.0)).collect();
    let (a, b) = variances.split_at(rows);
    let correlation = defects.iter().zip(&piece.mirrored).enumerate();
    let correlation = correlation.map(|(at, (defect, &mirrored))| {
        let mean = a[at / columns].sqrt() * b[at % columns].sqrt();
        if mean == 0.0 {
            return start.correlation()[at];
        }
        let near = defect / mean;
        let c = PairCorrelation::from_ends(near, 2.0 - near);
        if mirrored { c.opposite() } else { c }
    });
    let tangent = start.tangent().map(|_| tangent.to_vec());
    start.with_state(a.to_vec(), b.to_vec(), correlation.collect(), tangent)
}
