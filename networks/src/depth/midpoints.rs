//! All columns of an extrapolated step at once, for one pair and a homogeneous activation with biases.
//!
//! The columns of `extrapolation` do not need each other, so those of a pair that goes by itself take their
//! substeps beside each other, in lanes. With $\varphi(x) = s_- \min(x, 0) + s_+ \max(x, 0)$,
//! $g = \sigma_w^2 (s_-^2 + s_+^2)/2$, $m = \sqrt{q_a q_b}$ and $c^\prime$ what $\varphi$ makes of $c$, a
//! rate is few operations,
//!
//! $$\dot q = g q + \sigma_b^2, \qquad \frac{d}{d\tau} m (1 \mp c) =
//! g m (1 \mp c^\prime) + \frac{\sigma_b^2}{2m} (\sqrt{q_a} \mp \sqrt{q_b})^2,$$
//!
//! $$\dot \Theta = g m c^\prime + \sigma_b^2 + \sigma_w^2 \mathbb E[\varphi^\prime \varphi^\prime] \Theta,$$
//!
//! with terms of one sign, so that $1 \mp c$ has the relative accuracy that it has in `covariance_flow`.

use super::extrapolation::{COLUMNS, Step};
use crate::activation::arc_cosine::kappa0_of;
use crate::activation::{AngleImage, Slopes};
use crate::covariance::PairCorrelation;
use crate::network::Network;

/// Columns that go beside each other: whole registers of any width.
const LANES: usize = COLUMNS.next_power_of_two();

/// What a midpoint rule's value is made of: $q_a$ and $q_b$ less a [`Line`], $m (1 \mp c)$ and $\Theta$.
pub(super) type Midpoint = [f64; 4];

/// An activation of two slopes, and the plain dense layer behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct HomogeneousBranch {
    slopes: Slopes,
    weight: f64,
    bias: f64,
    /// Whether $\Theta$ moves.
    has_tangent: bool,
    /// Whether pairs are followed as $(u, -v)$.
    is_mirrored: bool,
}

/// The time of a flow, and the growth that its variances are followed beside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// $q_a, q_b$ at the start, and the rates there.
    pub(super) variances: [f64; 2],
    pub(super) rates: [f64; 2],
    /// The time at the start.
    pub(super) start: f64,
    /// Whether time is $\sqrt{\tau + \tau_0}$ instead of $\tau$.
    pub(super) in_root: bool,
}

impl HomogeneousBranch {
    /// What a branch is, if it is one of these, for pairs with tangent kernels or without.
    pub(super) fn of(branch: &Network, has_tangent: bool) -> Option<Self> {
        let (phi, initialization) = branch.plain_branch()?;
        Some(Self {
            slopes: phi.slopes()?,
            weight: initialization.weight_variance(),
            bias: initialization.bias_variance(),
            has_tangent,
            is_mirrored: false,
        })
    }

    /// For pairs that are followed as $(u, -v)$.
    pub(super) fn mirrored(self) -> Self {
        Self {
            is_mirrored: !self.is_mirrored,
            ..self
        }
    }

    /// $T_{1,1}, T_{2,1}, \ldots$ of a step from `start`, where the rates are `velocity`: numbers of a lane
    /// in one piece of code, which vectorises.
    #[inline(always)]
    pub(super) fn columns(
        self,
        line: Line,
        step: Step,
        start: Midpoint,
        velocity: Midpoint,
    ) -> [Midpoint; COLUMNS] {
        let growth = self.weight * self.slopes.second_moment();
        let curvature = self.weight * self.slopes.curvature_weight();
        let linear = self.weight * (self.slopes.negative * self.slopes.positive);
        let map = AngleImage::new(self.slopes);
        let mut ends = [start; COLUMNS];
        let mut lengths = [0.0; LANES];
        let mut before = start.map(|y| [y; LANES]);
        let mut now = before;
        for lane in 0..LANES {
            let h = step.length / (2 * (lane + 1)) as f64;
            lengths[lane] = h;
            let reach = step.reach(h);
            for i in 0..4 {
                now[i][lane] += reach * velocity[i];
            }
        }
        for l in 1..2 * COLUMNS {
            let steps = l as f64;
            for lane in 0..LANES {
                let h = lengths[lane];
                let time = step.time + steps * h;
                let since = time - line.start;
                let elapsed = if line.in_root {
                    since * (time + line.start)
                } else {
                    since
                };
                let twice = if line.in_root {
                    4.0 * time * h
                } else {
                    2.0 * h
                };
                let a = line.variances[0] + line.rates[0] * elapsed + now[0][lane];
                let b = line.variances[1] + line.rates[1] * elapsed + now[1][lane];
                let (a, b) = (if a > 0.0 { a } else { 0.0 }, if b > 0.0 { b } else { 0.0 });
                let (root_a, root_b) = (a.sqrt(), b.sqrt());
                let mean = root_a * root_b;
                let unit = if mean >= f64::MIN_POSITIVE {
                    1.0 / mean
                } else {
                    0.0
                };
                let distance = now[2][lane] * unit;
                let distance = if distance > 0.0 { distance } else { 0.0 };
                let distance = if distance < 2.0 { distance } else { 2.0 };
                let near = PairCorrelation::of_one_minus(distance);
                let c = if self.is_mirrored {
                    near.opposite()
                } else {
                    near
                };
                let image = map.image(c);
                let (near, root_b) = if self.is_mirrored {
                    (image.one_plus(), -root_b)
                } else {
                    (image.one_minus(), root_b)
                };
                let difference = root_a - root_b;
                let deficit = self.bias * (0.5 * unit * difference * difference);
                let next = before[0][lane] + twice * (growth * a + self.bias - line.rates[0]);
                before[0][lane] = now[0][lane];
                now[0][lane] = next;
                let next = before[1][lane] + twice * (growth * b + self.bias - line.rates[1]);
                before[1][lane] = now[1][lane];
                now[1][lane] = next;
                let next = before[2][lane] + twice * (growth * mean * near + deficit);
                before[2][lane] = now[2][lane];
                now[2][lane] = next;
                if self.has_tangent {
                    let slope = curvature * kappa0_of(c) + linear;
                    let covariance = growth * mean * image.value() + self.bias;
                    let next = before[3][lane] + twice * (covariance + slope * now[3][lane]);
                    before[3][lane] = now[3][lane];
                    now[3][lane] = next;
                }
            }
            if l % 2 == 1 {
                for i in 0..4 {
                    ends[l / 2][i] = now[i][l / 2];
                }
            }
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Initialization;
    use crate::activation::{Abs, Dual, LeakyRelu, Relu};
    use crate::depth::block_flow::BlockFlow;
    use crate::network::{Activated, Dense, KernelBlock};

    /// $1 \mp c$ and $\Theta$ are those of columns one after the other, whose rates come from the layers.
    #[test]
    fn all_columns_at_once_lead_where_they_do_one_by_one() {
        compare(Relu);
        compare(LeakyRelu::new(0.3).unwrap());
        compare(Abs);
    }

    fn compare(phi: impl Dual + 'static) {
        let phi = Activated::new(phi);
        let dense = || Dense::new(Initialization::new(1.5, 0.1).unwrap());
        let plain = Network::new().then(phi.clone()).then(dense());
        let nested = Network::new().then(Network::new().then(phi)).then(dense());
        assert!(HomogeneousBranch::of(&plain, true).is_some());
        assert!(HomogeneousBranch::of(&nested, true).is_none());
        for (qa, qb) in [(0.3, 0.3), (0.02, 0.7), (0.0, 2.0)] {
            for distance in [1e-12, 1e-4, 0.02, 0.5] {
                let near = PairCorrelation::of_one_minus(distance);
                for (c, has_tangent) in [(near, false), (near.opposite(), true)] {
                    let pair = KernelBlock::new(vec![qa], vec![qb], vec![c], has_tangent);
                    let [at_once, one_by_one] = [&plain, &nested].map(|branch| {
                        let mut pair = pair.clone().unwrap();
                        let flow = BlockFlow::new(branch, 1e-13);
                        flow.run_alone(&mut pair, 1.0).unwrap();
                        let c = pair.correlation()[0];
                        let theta = pair.tangent().map_or(1.0, |all| all[0]);
                        [c.one_minus(), c.one_plus(), pair.variance_b()[0], theta]
                    });
                    for (at_once, one_by_one) in at_once.iter().zip(one_by_one) {
                        let error = (at_once / one_by_one - 1.0).abs();
                        assert!(error < 2e-12, "{qa} {qb} {c:?}: {error:e}");
                    }
                }
            }
        }
    }
}
