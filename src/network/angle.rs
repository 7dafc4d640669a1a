//! Positively homogeneous layers: all that they do to a pair depends on its angle alone.

use std::sync::{Arc, Mutex, PoisonError};

use super::angle_table::AngleTable;
use crate::Result;
use crate::activation::{Slopes, arc_cosine};
use crate::covariance::AnglePiece;
use crate::numerics::Magnitude;
use crate::vectorized::vectorized;

/// Pairs of points of equal variance through homogeneous layers.
///
/// Such layers map $K = q (1-\varepsilon)$ to $g q (1 - \varepsilon^\prime)$ and $\Theta = q T$ to
/// $g q (P T + S)$, where $\varepsilon^\prime$, $P$, $S$ depend on $\varepsilon$ only. Kept are numbers that
/// lose no digits to 1 when a layer does little: $\varepsilon$ itself, the relative loss $x$ of all layers
/// together, $\varepsilon = \varepsilon_0 (1-x)$, and $1 - P$.
#[derive(Debug, Clone)]
pub struct AngleState {
    complement: Vec<f64>,
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
    /// The inputs of given complements $1 - c$, with tangent kernel 0.
    pub(crate) fn new(complement: Vec<f64>, with_tangent: bool, width: Option<f64>) -> Self {
        let zeros = vec![0.0; complement.len()];
        Self {
            complement,
            shrink: zeros.clone(),
            loss: zeros.clone(),
            tangent: zeros,
            with_tangent,
            growth: Magnitude::ONE,
            width,
        }
    }

    /// $\varepsilon$ after the layers so far.
    pub fn complement(&self) -> &[f64] {
        &self.complement
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

    /// A dense layer without biases: variances times `weight`, $T \mapsto T + \text{gain} (1 - \varepsilon)$.
    pub fn dense(&mut self, weight: f64, gain: f64) {
        self.scale(weight);
        if gain != 0.0 {
            for (tangent, epsilon) in self.tangent.iter_mut().zip(&self.complement) {
                *tangent += gain * (1.0 - epsilon);
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
        let weight = slopes.curvature_weight() / slopes.second_moment();
        let even = slopes.negative == -slopes.positive;
        let (complement, shrink) = (&mut self.complement[..], &mut self.shrink[..]);
        let (loss, tangent) = (&mut self.loss[..], &mut self.tangent[..]);
        vectorized(
            #[inline(always)]
            || {
                let state = complement.iter_mut().zip(shrink.iter_mut());
                let state = state.zip(loss.iter_mut().zip(tangent.iter_mut()));
                for ((complement, shrink), (loss, tangent)) in state {
                    let epsilon = *complement;
                    let near = epsilon <= 1.0;
                    let delta = if near { epsilon } else { 2.0 - epsilon };
                    let root = delta.sqrt();
                    // κ₁(c) − c = δ^(3/2) h(δ) for c ≥ 0
                    let factor = arc_cosine::analytic_factor(delta);
                    let folded = weight * root * factor;
                    let far = if even {
                        1.0 - delta * (1.0 - folded) / epsilon
                    } else {
                        weight * ((epsilon - 1.0) + delta * root * factor) / epsilon
                    };
                    let own = if near { folded } else { far };
                    let after = if even && !near {
                        delta * (1.0 - folded)
                    } else {
                        epsilon * (1.0 - own)
                    };
                    let lost = weight * arc_cosine::one_minus_kappa0_unchecked(epsilon);
                    *complement = if after > 0.0 { after } else { 0.0 };
                    *shrink += own - *shrink * own;
                    *loss += lost - *loss * lost;
                    *tangent *= 1.0 - lost;
                }
            },
        );
        self.scale(slopes.second_moment());
    }

    fn step(&mut self, i: usize, complement: f64, shrink: f64, loss: f64, gain: f64) {
        self.complement[i] = complement.max(0.0);
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
        for (mine, others) in [
            (&mut self.complement, &other.complement),
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
            |epsilon: &[f64]| {
                let mut state = AngleState::new(epsilon.to_vec(), true, width);
                homogeneous &= map(&mut state)?;
                growth = state.growth;
                Ok((0..epsilon.len())
                    .map(|i| {
                        let (x, root) = (state.shrink[i], epsilon[i].sqrt());
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
                    |epsilon: &[f64]| {
                        Ok(epsilon
                            .iter()
                            .map(|&epsilon| {
                                let [d1, l1, s1] = power.at(epsilon);
                                let root = epsilon.sqrt();
                                let next = root / (1.0 + root * d1);
                                let [d2, l2, s2] = power.at(next * next);
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
            for i in 0..state.complement.len() {
                let epsilon = state.complement[i];
                let [distance, loss, gain] = power.at(epsilon);
                let root = epsilon.sqrt();
                let far = root * distance;
                let next = root / (1.0 + far);
                let shrink = far * (2.0 + far) / ((1.0 + far) * (1.0 + far));
                state.step(i, next * next, shrink, root * loss, gain);
            }
        }
        state.growth = state.growth.times(self.growth);
    }
}

/// Whether a block leaves pairs beyond the near side of an [`AngleTable`].
fn map_reaches_far_side(width: Option<f64>, map: AngleMap<'_>) -> Result<bool> {
    let probes = (0..=32).map(|i| 2.0 * f64::from(i) / 32.0).collect();
    let mut state = AngleState::new(probes, false, width);
    map(&mut state)?;
    let reached = state.complement.iter().copied().fold(0.0, f64::max);
    Ok(reached > 0.95 * AnglePiece::NEAR_SIDE)
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
            let complements: Vec<f64> = (0..40).map(|i| 1.9 * 0.6_f64.powi(i)).collect();
            let mut slow = AngleState::new(complements.clone(), true, None);
            let mut fast = slow.clone();
            assert!(slow.one_by_one(times, &map).unwrap());
            assert!(fast.repeat(times, &map, &Doublings::default()).unwrap());
            assert_eq!(slow.growth.parts().1, fast.growth.parts().1);
            // of nearly parallel inputs: what tangent kernels are measured by, since they change sign
            let diagonal = slow.tangent[complements.len() - 1];
            for i in 0..complements.len() {
                let error = (fast.complement[i] / slow.complement[i] - 1.0).abs();
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
