//! Summable scalings: the infinite recursion $K_l = K_{l-1} + \zeta_l^2 B(K_{l-1})$.

use crate::network::scaling::BranchScaling;
use crate::network::{Layer, Stack};
use crate::{Error, Result};

/// Layers that are iterated before the rest is taken together, at most.
pub(super) const LAYERS: usize = 1 << 11;

/// And at least; their number is a multiple of it.
const FEWEST: usize = 64;

/// Layers that stand for the rest.
const REPRESENTATIVES: usize = 16;

/// The largest estimated error that is returned as a result.
const TOLERANCE: f64 = 1e-9;

/// Layers are iterated until the estimated error is below this, a hundredth of what is stated.
const ENOUGH: f64 = 1e-11;

/// How an infinite recursion is computed (S. Hayou 2023, arXiv 2310.01683, convergent series).
///
/// The layers after $l = N$ are Euler steps of the flow $dK/d\tau = B(K)$ of lengths $\zeta_l^2$, and differ
/// from the flow by $-\frac12 \sum_{l>N} \zeta_l^4 B^\prime B$. So do fewer Euler steps of the same sum of
/// squares between parts of the flow: $m = 16$ of them, at the places that divide $\sum \zeta_l^4$ into equal
/// parts, leave $O(S_4^{3/2}/\sqrt m)$ and $O(S_4 S_2^2/m^2)$ with $S_2 = \sum_{l>N} \zeta_l^2$,
/// $S_4 = \sum_{l>N} \zeta_l^4$.
#[derive(Debug, Clone)]
pub(super) struct Recursion {
    /// $N$.
    pub(super) layers: usize,
    /// The flow before each representative, and the length of its Euler step; the flow after the last.
    steps: Vec<f64>,
    step: f64,
    rest: f64,
    name: String,
    /// The error, for a branch that moves variances at rate 1, by powers 3 and 4 of this rate.
    error: [f64; 2],
}

impl Recursion {
    /// Parts of the flow in the rest.
    pub(super) const FLOWS: usize = REPRESENTATIVES + 1;

    /// The recursion of a stack; `rate` bounds how fast its branch moves variances relative to themselves,
    /// if that is known.
    pub(super) fn new(stack: &Stack, scaling: &dyn BranchScaling, rate: Option<f64>) -> Self {
        let mut multiples = (1..=LAYERS / FEWEST).map(|multiple| multiple * FEWEST);
        let rate = rate.unwrap_or(f64::INFINITY);
        let enough = multiples.find(|&layers| size(errors(scaling, layers), rate) <= ENOUGH);
        let layers = enough.unwrap_or(LAYERS);
        let (squares, fourth_powers) = scaling.tail(layers);
        let count = REPRESENTATIVES as f64;
        let step = (fourth_powers / count).sqrt();
        let mut elapsed = 0.0;
        let mut steps = Vec::new();
        for i in 0..REPRESENTATIVES {
            // the layer that has so large a share of the sum before it
            let share = 1.0 - (i as f64 + 0.5) / count;
            let place = squares - squares_after(scaling, layers, share * fourth_powers);
            steps.push((place - 0.5 * step - elapsed).max(0.0));
            elapsed = (place - 0.5 * step).max(elapsed) + step;
        }
        Self {
            layers,
            steps,
            step,
            rest: (squares - elapsed).max(0.0),
            name: stack.name(),
            error: errors(scaling, layers),
        }
    }

    /// The rest of the recursion from the state after $N$ layers, by Euler steps and the flow of given
    /// lengths.
    ///
    /// # Errors
    /// Those of the two.
    pub(super) fn finish<S>(
        &self,
        state: S,
        mut euler: impl FnMut(S, f64) -> Result<S>,
        mut flow: impl FnMut(S, f64) -> Result<S>,
    ) -> Result<S> {
        let mut state = state;
        for &before in &self.steps {
            state = flow(state, before)?;
            state = euler(state, self.step)?;
        }
        flow(state, self.rest)
    }

    /// Refuses a branch that moves variances so fast that the result errs by more than 1e-9.
    ///
    /// # Errors
    /// [`Error::NotConverged`].
    pub(super) fn check(&self, rate: f64) -> Result<()> {
        let reached = size(self.error, rate);
        if reached <= TOLERANCE {
            return Ok(());
        }
        Err(Error::NotConverged {
            what: format!("the infinite recursion of {}", self.name),
            reached,
            tolerance: TOLERANCE,
        })
    }
}

/// The estimated error by powers 3 and 4 of the rate: of the steps' third order, and of their places.
fn errors(scaling: &dyn BranchScaling, layers: usize) -> [f64; 2] {
    let (squares, fourth_powers) = scaling.tail(layers);
    let count = REPRESENTATIVES as f64;
    let third = fourth_powers.powf(1.5) / (6.0 * count.sqrt());
    let places = fourth_powers * squares * squares / (24.0 * count * count);
    [third, places]
}

fn size([third, places]: [f64; 2], rate: f64) -> f64 {
    let sum = (third + places * rate) * rate.powi(3);
    if sum.is_nan() { f64::INFINITY } else { sum }
}

/// $S_2$ where $S_4$ has fallen to a value: of whole layers, linear between them.
fn squares_after(scaling: &dyn BranchScaling, layers: usize, fourth_powers: f64) -> f64 {
    let (mut low, mut high) = (layers, 2 * layers);
    while scaling.tail(high).1 > fourth_powers && high < usize::MAX / 4 {
        (low, high) = (high, 2 * high);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if scaling.tail(middle).1 > fourth_powers {
            low = middle;
        } else {
            high = middle;
        }
    }
    let (before, after) = (scaling.tail(low), scaling.tail(high));
    let share = (before.1 - fourth_powers) / (before.1 - after.1);
    if share.is_finite() {
        before.0 + share.clamp(0.0, 1.0) * (after.0 - before.0)
    } else {
        before.0
    }
}
