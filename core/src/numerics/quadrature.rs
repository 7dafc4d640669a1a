//! Adaptive Gauss–Kronrod integration of one variable.

/// Abscissae of the 21-point Kronrod rule on $[-1, 1]$, outermost first, 0 last (R. Piessens et
/// al., *QUADPACK*, 1983).
const NODES: [f64; 11] = [
    0.995_657_163_025_808_1,
    0.973_906_528_517_171_7,
    0.930_157_491_355_708_2,
    0.865_063_366_688_984_5,
    0.780_817_726_586_416_9,
    0.679_409_568_299_024_4,
    0.562_757_134_668_604_7,
    0.433_395_394_129_247_2,
    0.294_392_862_701_460_2,
    0.148_874_338_981_631_22,
    0.0,
];

/// Weights of the Kronrod rule.
const KRONROD: [f64; 11] = [
    0.011_694_638_867_371_874,
    0.032_558_162_307_964_725,
    0.054_755_896_574_351_995,
    0.075_039_674_810_919_96,
    0.093_125_454_583_697_6,
    0.109_387_158_802_297_64,
    0.123_491_976_262_065_84,
    0.134_709_217_311_473_34,
    0.142_775_938_577_060_09,
    0.147_739_104_901_338_49,
    0.149_445_554_002_916_9,
];

/// Weights of the Gauss rule at every second node.
const GAUSS: [f64; 5] = [
    0.066_671_344_308_688_14,
    0.149_451_349_150_580_6,
    0.219_086_362_515_982_04,
    0.269_266_719_309_996_35,
    0.295_524_224_714_752_87,
];

/// Nodes of a panel.
pub(crate) const POINTS: usize = 21;

/// Rounds of bisection.
const ROUNDS: usize = 64;

/// Panels beyond which [`integrate`] gives up.
const PANELS: usize = 4000;

/// An integral, the estimate of its error, and the integral of the absolute value.
#[derive(Debug, Clone, Copy, Default)]
pub struct Integral {
    /// The integral.
    pub value: f64,
    /// What it errs by, as estimated.
    pub error: f64,
    /// The integral of the absolute value.
    pub magnitude: f64,
}

impl Integral {
    fn add(&mut self, other: Integral) {
        self.value += other.value;
        self.error += other.error;
        self.magnitude += other.magnitude;
    }
}

struct Panel {
    low: f64,
    high: f64,
    integral: Integral,
}

/// An integral and the panels on which its integrand is resolved.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) integral: Integral,
    /// Where the panels start and end, ascending.
    pub(crate) breaks: Vec<f64>,
}

/// An integrand at the nodes of a panel.
type Integrand<'a> = &'a mut dyn FnMut(&[f64; POINTS], &mut [f64; POINTS]);

impl Panel {
    fn new(f: Integrand<'_>, low: f64, high: f64) -> Self {
        let (center, half) = (0.5 * (low + high), 0.5 * (high - low));
        // the middle, then pairs from the ends inwards
        let mut points = [center; POINTS];
        for (pair, node) in points[1..].chunks_exact_mut(2).zip(NODES) {
            pair[0] = center - half * node;
            pair[1] = center + half * node;
        }
        let mut values = [0.0; POINTS];
        f(&points, &mut values);
        let middle = values[0];
        let (mut kronrod, mut gauss) = (KRONROD[10] * middle, 0.0);
        let mut magnitude = KRONROD[10] * middle.abs();
        let pairs = || values[1..].chunks_exact(2).enumerate();
        for (i, value) in pairs() {
            let (left, right) = (value[0], value[1]);
            kronrod += KRONROD[i] * (left + right);
            magnitude += KRONROD[i] * (left.abs() + right.abs());
            if i % 2 == 1 {
                gauss += GAUSS[i / 2] * (left + right);
            }
        }
        // QUADPACK's estimate: the difference of the rules, sharpened where it is far below the integrand's
        // spread
        let mean = 0.5 * kronrod;
        let spread = half
            * pairs().fold(KRONROD[10] * (middle - mean).abs(), |sum, (i, value)| {
                sum + KRONROD[i] * ((value[0] - mean).abs() + (value[1] - mean).abs())
            });
        let difference = (half * (kronrod - gauss)).abs();
        let error = if spread > 0.0 {
            spread * (200.0 * difference / spread).powf(1.5).min(1.0)
        } else {
            difference
        };
        Self {
            low,
            high,
            integral: Integral {
                value: half * kronrod,
                error,
                magnitude: half * magnitude,
            },
        }
    }
}

/// $\int f$ over the panels between consecutive `breaks` (ascending), bisected until the estimated error is
/// below `tolerance` times $\int |f|$, or rounding forbids more: the caller compares [`Integral::error`] with
/// what it needs.
pub fn integrate(mut f: impl FnMut(f64) -> f64, breaks: &[f64], tolerance: f64) -> Integral {
    let mut at_nodes = |points: &[f64; POINTS], values: &mut [f64; POINTS]| {
        for (value, &point) in values.iter_mut().zip(points) {
            *value = f(point);
        }
    };
    resolve(&mut at_nodes, breaks, (tolerance, 0.0), PANELS).integral
}

/// [`integrate`] of an integrand that is given the nodes of a panel at once, on about `most` panels, and
/// these panels. The tolerance is relative to $\int |f|$ or to `scale`, whichever is larger.
pub(crate) fn resolve(
    f: Integrand<'_>,
    breaks: &[f64],
    (tolerance, scale): (f64, f64),
    most: usize,
) -> Resolved {
    let mut panels: Vec<Panel> = breaks
        .windows(2)
        .filter(|pair| pair[1] > pair[0])
        .map(|pair| Panel::new(f, pair[0], pair[1]))
        .collect();
    let mut refined = Vec::new();
    for _ in 0..ROUNDS {
        let total = sum(&panels);
        let target = tolerance * total.magnitude.max(scale);
        if total.error <= target || panels.len() > most || !total.error.is_finite() {
            break;
        }
        let share = 0.5 * target / panels.len() as f64;
        let mut moved = false;
        for panel in panels.drain(..) {
            let center = 0.5 * (panel.low + panel.high);
            let splits = panel.low < center && center < panel.high;
            let rounding = 4.0 * f64::EPSILON * panel.integral.magnitude;
            if panel.integral.error <= share.max(rounding) || !splits {
                refined.push(panel);
            } else {
                moved = true;
                refined.push(Panel::new(f, panel.low, center));
                refined.push(Panel::new(f, center, panel.high));
            }
        }
        std::mem::swap(&mut panels, &mut refined);
        if !moved {
            break;
        }
    }
    let mut integral = sum(&panels);
    integral.error += 2.0 * f64::EPSILON * integral.magnitude;
    let ends = panels.last().map(|panel| panel.high);
    Resolved {
        integral,
        breaks: panels.iter().map(|panel| panel.low).chain(ends).collect(),
    }
}

fn sum(panels: &[Panel]) -> Integral {
    let mut total = Integral::default();
    for panel in panels {
        total.add(panel.integral);
    }
    total
}

/// Nodes, ascending, and weights of the rule on every panel between ascending `breaks`.
pub fn composite_rule(breaks: &[f64]) -> Vec<(f64, f64)> {
    let mut rule = Vec::with_capacity(POINTS * breaks.len());
    for pair in breaks.windows(2).filter(|pair| pair[1] > pair[0]) {
        let (center, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
        let left = NODES
            .iter()
            .zip(KRONROD)
            .map(|(x, w)| (center - half * x, half * w));
        let right = NODES.iter().zip(KRONROD).rev().skip(1);
        rule.extend(left.chain(right.map(|(x, w)| (center + half * x, half * w))));
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_exact_for_polynomials_of_degree_31() {
        for degree in 0..=31 {
            let exact = if degree % 2 == 0 {
                2.0 / f64::from(degree + 1)
            } else {
                0.0
            };
            let sum: f64 = composite_rule(&[-1.0, 1.0])
                .iter()
                .map(|(x, w)| w * x.powi(degree))
                .sum();
            assert!((sum - exact).abs() < 8e-16, "degree {degree}");
        }
    }

    #[test]
    fn singular_integrands_are_refined_until_the_error_is_what_it_says() {
        let root = integrate(f64::sqrt, &[0.0, 1.0], 1e-13);
        assert!((root.value - 2.0 / 3.0).abs() <= root.error && root.error < 1e-13);
        let step = integrate(|x| f64::from(x > 0.3), &[0.0, 1.0], 1e-10);
        assert!((step.value - 0.7).abs() <= step.error && step.error < 1e-9);
    }
}
