//! Positively homogeneous layers: all that they do to a pair depends on its angle alone.

use std::sync::{Arc, Mutex, PoisonError};

use super::angle_table::AngleTable;
use crate::Result;
use crate::activation::{AngleImage, Slopes, arc_cosine};
use crate::covariance::{AnglePiece, PairCorrelation};
use crate::numerics::Magnitude;
use crate::vectorized::vectorized;

/// Pairs of points of equal variance through homogeneous layers.
///
/// Such layers map $K = q (1-\varepsilon)$ to $g q (1 - \varepsilon^\prime)$ and $\Theta = q T$ to
/// $g q (P T + S)$, where $\varepsilon^\prime$, $P$, $S$ depend on $\varepsilon = 1 - c$ only. Kept are
/// numbers that lose no digits to 1 when a layer does little: $c$ with its distance from $\pm 1$, the
/// relative loss $x$ of all layers together, $\varepsilon = \varepsilon_0 (1-x)$, and $1 - P$.
#[derive(Debug, Clone)]
pub struct AngleState {
    correlation: Vec<PairCorrelation>,
    /// $x$.
    shrink: Vec<f64>,
    /// $1 - P$.
    loss: Vec<f64>,
    /// $T$.
    tangent: Vec<f64>,
    with_tangent: bool,
    growth: Magnitude,
    width: Option<f64>,
}

/// A homogeneous map of [`AngleState`]; `false` if it turns out not to be one.
pub(crate) type AngleMap<'a> = &'a dyn Fn(&mut AngleState) -> Result<bool>;

impl AngleState {
    /// The inputs of given correlations, with tangent kernel 0.
    pub(crate) fn new(
        correlation: Vec<PairCorrelation>,
        with_tangent: bool,
        width: Option<f64>,
    ) -> Self {
        let zeros = vec![0.0; correlation.len()];
        Self {
            correlation,
            shrink: zeros.clone(),
            loss: zeros.clone(),
            tangent: zeros,
            with_tangent,
            growth: Magnitude::ONE,
            width,
        }
    }

    /// $c$ after the layers so far.
    pub fn correlation(&self) -> &[PairCorrelation] {
        &self.correlation
    }

    /// $\Theta$ in units of the variance.
    pub fn tangent(&self) -> &[f64] {
        &self.tangent
    }

    /// Whether $\Theta$ is asked for.
    pub fn has_tangent(&self) -> bool {
        self.with_tangent
    }

    /// The number of neurons of the layer before, where it was declared.
    pub fn width(&self) -> Option<f64> {
        self.width
    }

    /// Declares the number of neurons.
    pub fn set_width(&mut self, width: Option<f64>) {
        self.width = width;
    }

    /// What variances have been multiplied by.
    pub(crate) fn growth(&self) -> Magnitude {
        self.growth
    }

    /// A dense layer without biases: variances times `weight`, $T \mapsto T + \text{gain}\, c$.
    pub fn dense(&mut self, weight: f64, gain: f64) {
        self.scale(weight);
        if gain != 0.0 {
            for (tangent, c) in self.tangent.iter_mut().zip(&self.correlation) {
                *tangent += gain * c.value();
            }
        }
    }

    /// All variances (and $\Theta$) times a factor.
    pub fn scale(&mut self, factor: f64) {
        self.growth = self.growth.times(Magnitude::of(factor));
    }

    /// The activation of given slopes, with $w$ its [weight](Slopes::curvature_weight) of $\kappa_1$ over its
    /// [second moment](Slopes::second_moment): $\varepsilon^\prime = \varepsilon - w (\kappa_1(c) - c)$,
    /// $T^\prime = (1 - w (1 - \kappa_0(c))) T$.
    pub fn activate(&mut self, slopes: Slopes) {
        let angle = AngleImage::new(slopes);
        let weight = angle.weight();
        let (correlation, shrink) = (&mut self.correlation[..], &mut self.shrink[..]);
        let (loss, tangent) = (&mut self.loss[..], &mut self.tangent[..]);
        vectorized(
            #[inline(always)]
            || {
                let state = correlation.iter_mut().zip(shrink.iter_mut());
                let state = state.zip(loss.iter_mut().zip(tangent.iter_mut()));
                for ((c, shrink), (loss, tangent)) in state {
                    let delta = c.distance();
                    let root = delta.sqrt();
                    // κ₁(c) − max(c, 0) = δ^(3/2) h(δ)
                    let factor = root * arc_cosine::analytic_factor(delta);
                    let remainder = delta * factor;
                    let own = if c.is_positive() {
                        weight * factor
                    } else {
                        weight * ((1.0 - delta) + remainder) / (2.0 - delta)
                    };
                    let lost = weight * arc_cosine::kappa0_of(c.opposite());
                    *c = angle.image_from(*c, remainder);
                    *shrink += own - *shrink * own;
                    *loss += lost - *loss * lost;
                    *tangent *= 1.0 - lost;
                }
            },
        );
        self.scale(slopes.second_moment());
    }

    /// A homogeneous map that multiplies variances by `growth`, and whose `image` of $c$ is $c^\prime$,
    /// $1 - P$ and $S$.
    pub(crate) fn map(
        &mut self,
        growth: Magnitude,
        image: impl Fn(PairCorrelation) -> (PairCorrelation, f64, f64),
    ) {
        for i in 0..self.correlation.len() {
            let c = self.correlation[i];
            let (after, loss, gain) = image(c);
            let before = c.one_minus();
            let shrink = if before > 0.0 {
                1.0 - after.one_minus() / before
            } else {
                0.0
            };
            self.correlation[i] = after;
            self.step(i, shrink, loss, gain);
        }
        self.growth = self.growth.times(growth);
    }

    fn step(&mut self, i: usize, shrink: f64, loss: f64, gain: f64) {
        self.shrink[i] += shrink - self.shrink[i] * shrink;
        self.loss[i] += loss - self.loss[i] * loss;
        self.tangent[i] = self.tangent[i] * (1.0 - loss) + gain;
    }

    /// $s K_1 + t K_2$ of two branches of the same state; `false` if both variances are 0.
    pub fn add(&mut self, s: f64, other: Self, t: f64) -> bool {
        let first = self.growth.times(Magnitude::of(s));
        let second = other.growth.times(Magnitude::of(t));
        let Some((growth, a, b)) = first.plus(second) else {
            return false;
        };
        self.growth = growth;
        for (mine, other) in self.correlation.iter_mut().zip(&other.correlation) {
            *mine = PairCorrelation::from_ends(
                a * mine.one_minus() + b * other.one_minus(),
                a * mine.one_plus() + b * other.one_plus(),
            );
        }
        for (mine, others) in [
            (&mut self.shrink, &other.shrink),
            (&mut self.loss, &other.loss),
            (&mut self.tangent, &other.tangent),
        ] {
            let (mine, others) = (&mut mine[..], &others[..]);
            vectorized(
                #[inline(always)]
                || {
                    for (mine, other) in mine.iter_mut().zip(others) {
                        *mine = a * *mine + b * other;
                    }
                },
            );
        }
        true
    }

    /// The same homogeneous map many times: by doubling, where that is faster. `false` if the map is not
    /// homogeneous.
    ///
    /// # Errors
    /// As the map's.
    pub(crate) fn repeat(
        &mut self,
        times: usize,
        map: AngleMap<'_>,
        cache: &Doublings,
    ) -> Result<bool> {
        if times > Doubling::WORTHWHILE {
            // the first block may have another width before it, and moves the opposite end c = -1
            if !map(self)? {
                return Ok(false);
            }
            if let Some(doubling) = cache.get(self.width, times - 1, map)? {
                doubling.apply(self);
                return Ok(true);
            }
            return self.one_by_one(times - 1, map);
        }
        self.one_by_one(times, map)
    }

    fn one_by_one(&mut self, times: usize, map: AngleMap<'_>) -> Result<bool> {
        let mut growth = self.growth;
        for i in 0..times {
            self.growth = Magnitude::ONE;
            if !map(self)? {
                return Ok(false);
            }
            if i == 0 {
                growth = growth.times(self.growth.power(times));
            }
        }
        self.growth = growth;
        Ok(true)
    }
}

/// A doubling and the number of neurons before it.
type Known = (Option<f64>, Arc<Doubling>);

/// The doublings of a repeated block that have been computed, by the number of neurons before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doublings {
    known: Arc<Mutex<Vec<Known>>>,
}

impl Doublings {
    fn get(
        &self,
        width: Option<f64>,
        times: usize,
        map: AngleMap<'_>,
    ) -> Result<Option<Arc<Doubling>>> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = lock().iter().find(|(key, _)| *key == width) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(doubling) = Doubling::new(width, times, map)?.map(Arc::new) else {
            return Ok(None);
        };
        lock().push((width, Arc::clone(&doubling)));
        Ok(Some(doubling))
    }
}

/// $2^k$ blocks for the binary digits of a number of blocks, each a table.
///
/// In $1/\rho = \varepsilon^{-1/2}$ a block moves every pair by nearly the same distance $D$, and so do many:
/// with $f$ the map of $m$ blocks,
///
/// $$D_{2m} = D_m + D_m \circ f, \qquad 1 - P_{2m} = (1-P_m) + (1 - P_m \circ f) P_m, \qquad S_{2m} = (P_m
/// \circ f) S_m + S_m \circ f ,$$
///
/// sums of terms of one sign, so that relative errors do not double with the number of blocks.
#[derive(Debug)]
pub(crate) struct Doubling {
    powers: Vec<AngleTable<3>>,
    growth: Magnitude,
}

impl Doubling {
    /// Beyond this number of blocks doubling is faster.
    const WORTHWHILE: usize = 48;

    /// The relative error that each table is built to.
    const TOLERANCE: f64 = 6e-15;

    fn new(width: Option<f64>, times: usize, map: AngleMap<'_>) -> Result<Option<Self>> {
        let mut growth = Magnitude::ONE;
        let mut homogeneous = true;
        let mut first = AngleTable::build(
            Self::TOLERANCE,
            |c: &[PairCorrelation]| {
                let mut state = AngleState::new(c.to_vec(), true, width);
                homogeneous &= map(&mut state)?;
                growth = state.growth;
                Ok((0..c.len())
                    .map(|i| {
                        let (x, root) = (state.shrink[i], c[i].one_minus().sqrt());
                        let rest = (1.0 - x).max(0.0).sqrt();
                        let distance = x / (root * rest * (1.0 + rest));
                        [distance, state.loss[i] / root, state.tangent[i]]
                    })
                    .collect())
            },
            map_reaches_far_side(width, map)?,
        )?;
        if !homogeneous {
            return Ok(None);
        }
        let mut powers = Vec::new();
        let mut rest = times;
        loop {
            let Some(power) = first else {
                return Ok(None);
            };
            let last = rest <= 1;
            first = if last {
                None
            } else {
                AngleTable::build(
                    Self::TOLERANCE,
                    |c: &[PairCorrelation]| {
                        Ok(c.iter()
                            .map(|&c| {
                                let [d1, l1, s1] = power.at(c);
                                let root = c.one_minus().sqrt();
                                let (after, next) = moved(c, root, d1);
                                let [d2, l2, s2] = power.at(after);
                                let (loss1, loss2) = (root * l1, next * l2);
                                let loss = loss1 + loss2 * (1.0 - loss1);
                                [d1 + d2, loss / root, (1.0 - loss2) * s1 + s2]
                            })
                            .collect())
                    },
                    power.has_far_side(),
                )?
            };
            if rest % 2 == 1 {
                powers.push(power);
            }
            rest /= 2;
            if last {
                break;
            }
        }
        Ok(Some(Self {
            powers,
            growth: growth.power(times),
        }))
    }

    fn apply(&self, state: &mut AngleState) {
        for power in &self.powers {
            for i in 0..state.correlation.len() {
                let c = state.correlation[i];
                let [distance, loss, gain] = power.at(c);
                let root = c.one_minus().sqrt();
                let far = root * distance;
                let shrink = far * (2.0 + far) / ((1.0 + far) * (1.0 + far));
                (state.correlation[i], _) = moved(c, root, distance);
                state.step(i, shrink, root * loss, gain);
            }
        }
        state.growth = state.growth.times(self.growth);
    }
}

/// $c$ and $\sqrt{1 - c}$ after a move by a distance in $1/\sqrt{1 - c}$.
fn moved(c: PairCorrelation, root: f64, distance: f64) -> (PairCorrelation, f64) {
    if distance == 0.0 {
        return (c, root);
    }
    let next = root / (1.0 + root * distance);
    (PairCorrelation::of_one_minus(next * next), next)
}

/// Whether a block leaves pairs beyond the near side of an [`AngleTable`].
fn map_reaches_far_side(width: Option<f64>, map: AngleMap<'_>) -> Result<bool> {
    let probes = (0..=32).map(|i| PairCorrelation::of(1.0 - f64::from(i) / 16.0));
    let mut state = AngleState::new(probes.collect(), false, width);
    map(&mut state)?;
    let mut reached = state.correlation.iter().map(|c| c.one_minus());
    Ok(reached.any(|epsilon| epsilon > 0.95 * AnglePiece::NEAR_SIDE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Initialization;
    use crate::activation::Relu;
    use crate::network::{Activated, Dense, Layer, Network, Residual};

    /// A block of an MLP, and one of a residual network.
    fn blocks() -> [Network; 2] {
        let layers = Network::new()
            .then(Activated::new(Relu))
            .then(Dense::new(Initialization::lecun()));
        let residual = Residual::new(1.0, 0.03, layers.clone()).unwrap();
        [layers, Network::new().then(residual)]
    }

    /// Doubling against the blocks one by one, where those have not lost digits yet.
    #[test]
    fn doubling_is_repeating() {
        for block in blocks() {
            let map = |state: &mut AngleState| block.map_angles(state);
            let times = 777;
            let correlations =
                (0..40).map(|i| PairCorrelation::of_one_minus(1.9 * 0.6_f64.powi(i)));
            let correlations: Vec<PairCorrelation> = correlations.collect();
            let mut slow = AngleState::new(correlations.clone(), true, None);
            let mut fast = slow.clone();
            assert!(slow.one_by_one(times, &map).unwrap());
            assert!(fast.repeat(times, &map, &Doublings::default()).unwrap());
            assert_eq!(slow.growth.parts().1, fast.growth.parts().1);
            // of nearly parallel inputs: what tangent kernels are measured by, since they change sign
            let diagonal = slow.tangent[correlations.len() - 1];
            for i in 0..correlations.len() {
                let [fast_one, slow_one] =
                    [&fast, &slow].map(|state| state.correlation[i].one_minus());
                let error = (fast_one / slow_one - 1.0).abs();
                assert!(error < 1e-13, "{error:e}");
                let error = (fast.tangent[i] - slow.tangent[i]).abs() / diagonal;
                assert!(error < 1e-13, "{error:e}");
            }
        }
    }

    #[test]
    fn few_pieces_suffice_at_any_depth() {
        let [_, block] = blocks();
        let map = |state: &mut AngleState| block.map_angles(state);
        let doubling = Doubling::new(None, 1_000_000, &map).unwrap().unwrap();
        assert!(doubling.powers.iter().all(|power| power.len() < 40));
    }
}
