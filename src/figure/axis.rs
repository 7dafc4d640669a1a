//! Axes and where their ticks go.

/// An axis: what it shows, its scale and its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub(super) label: String,
    pub(super) logarithmic: bool,
    range: Option<(f64, f64)>,
    places: Vec<f64>,
}

impl Axis {
    /// A linear axis over all that is drawn.
    pub fn linear(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            logarithmic: false,
            range: None,
            places: Vec::new(),
        }
    }

    /// A logarithmic axis over all positive values that are drawn; others are left out.
    pub fn log(label: impl Into<String>) -> Self {
        Self {
            logarithmic: true,
            ..Self::linear(label)
        }
    }

    /// With this range, whatever is drawn; what lies outside is cut off. Ranges that are empty, not finite
    /// or, on a logarithmic axis, not positive are ignored.
    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        let possible = low < high && self.holds(low) && self.holds(high);
        self.range = possible.then_some((low, high));
        self
    }

    /// With ticks at these places, as far as their labels have room.
    #[must_use]
    pub fn ticks(mut self, places: &[f64]) -> Self {
        self.places = places.to_vec();
        self
    }

    /// Whether a value has a place on this axis; numbers near the ends of the range of `f64` have none.
    pub(super) fn holds(&self, value: f64) -> bool {
        value.abs() <= 1e150 && (value >= 1e-150 || !self.logarithmic)
    }

    /// The scale for values between `low` and `high`, with a margin, on `length` pixels.
    pub(super) fn scale(&self, extent: Option<(f64, f64)>, length: f64) -> Scale {
        let transform = |x: f64| if self.logarithmic { x.log10() } else { x };
        let (low, high) = match (self.range, extent) {
            (Some((low, high)), _) => (transform(low), transform(high)),
            (None, Some((low, high))) => {
                let (low, high) = (transform(low), transform(high));
                let margin = if high > low {
                    0.04 * (high - low)
                } else if self.logarithmic {
                    0.3
                } else {
                    0.5 * low.abs().max(1e-300)
                };
                (low - margin, high + margin)
            }
            (None, None) => (0.0, 1.0),
        };
        Scale {
            logarithmic: self.logarithmic,
            low,
            high,
            length,
        }
    }

    /// Values and labels of the ticks of a scale; `room(label)` is the length that a label needs on it. Taken
    /// is the densest set of round numbers (at most seven) whose labels do not touch.
    pub(super) fn labelled(&self, scale: &Scale, room: impl Fn(&str) -> f64) -> Vec<(f64, String)> {
        let fits = |ticks: &[(f64, String)]| {
            ticks.windows(2).all(|pair| {
                let distance = scale.at(pair[1].0) - scale.at(pair[0].0);
                distance >= 0.5 * (room(&pair[0].1) + room(&pair[1].1))
            })
        };
        let inside = |places: Vec<f64>| -> Vec<f64> {
            let places = places.into_iter();
            places.filter(|place| scale.contains(*place)).collect()
        };
        if !self.places.is_empty() {
            let mut sorted = inside(self.places.clone());
            sorted.sort_by(f64::total_cmp);
            let all = labels(&sorted);
            for step in 1..=all.len().max(1) {
                let some: Vec<_> = all.iter().step_by(step).cloned().collect();
                if fits(&some) {
                    return some;
                }
            }
        }
        let sets = scale.candidates().into_iter();
        let sets: Vec<_> = sets.map(|places| labels(&inside(places))).collect();
        let usable = |ticks: &Vec<(f64, String)>| (2..=7).contains(&ticks.len()) && fits(ticks);
        if let Some(found) = sets.iter().find(|ticks| usable(ticks)) {
            return found.clone();
        }
        // long numbers on a short axis: the first and the last place of a set
        let ends = sets.iter().rev().filter_map(|ticks| match &ticks[..] {
            [first, .., last] => Some(vec![first.clone(), last.clone()]),
            _ => None,
        });
        ends.into_iter()
            .find(|ticks| fits(ticks))
            .unwrap_or_default()
    }
}

/// A range of an axis, in logarithms if it is logarithmic, on so many pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    logarithmic: bool,
    low: f64,
    high: f64,
    length: f64,
}

impl Scale {
    /// The distance in pixels of a value from the lower end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.logarithmic {
            value.log10()
        } else {
            value
        };
        self.length * (value - self.low) / (self.high - self.low)
    }

    /// With its lower end at 0, where bars stand, instead of a margin below.
    pub(super) fn on_zero(self) -> Self {
        let low = if self.logarithmic { self.low } else { 0.0 };
        Self { low, ..self }
    }

    /// The ends as values.
    pub(super) fn ends(&self) -> (f64, f64) {
        if self.logarithmic {
            (10f64.powf(self.low), 10f64.powf(self.high))
        } else {
            (self.low, self.high)
        }
    }

    fn contains(&self, value: f64) -> bool {
        let place = self.at(value);
        place >= -0.01 && place <= self.length + 0.01
    }

    /// Sets of round numbers, the densest first.
    fn candidates(&self) -> Vec<Vec<f64>> {
        let (low, high) = self.ends();
        let mut sets = Vec::new();
        if self.logarithmic {
            let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
            let digits: [&[f64]; 3] = [&[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
            if self.high - self.low < 0.7 {
                sets.extend(multiples(low, high));
            }
            for digits in digits {
                let decades = first..=last;
                sets.push(
                    decades
                        .flat_map(|k| digits.iter().map(move |d| d * 10f64.powi(k)))
                        .collect(),
                );
            }
            for step in [2, 3, 4, 5, 10, 20, 50, 100] {
                let decades = (first..=last).filter(|k| k.rem_euclid(step) == 0);
                sets.push(decades.map(|k| 10f64.powi(k)).collect());
            }
        }
        sets.extend(multiples(low, high));
        sets
    }

    /// Places of the lines between decades.
    pub(super) fn minor(&self) -> Vec<f64> {
        if !self.logarithmic || self.high - self.low > 6.0 {
            return Vec::new();
        }
        let decades = self.low.floor() as i32..=self.high.ceil() as i32;
        let all = decades.flat_map(|k| (1..10).map(move |d| f64::from(d) * 10f64.powi(k)));
        all.filter(|value| self.contains(*value)).collect()
    }
}

/// Multiples of 1, 2 and 5 times powers of ten in a range, the densest set first.
fn multiples(low: f64, high: f64) -> Vec<Vec<f64>> {
    let power = ((high - low) / 8.0).log10().floor() as i32;
    let steps = (power..power + 3).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| (digit, power)));
    steps
        .map(|(digit, power)| {
            // k digit 10^power, rounded once: 3 * 0.1 would not be 0.3
            let unit = 10f64.powi(power.abs());
            let value = |k: f64| {
                if power < 0 {
                    k * digit / unit
                } else {
                    k * digit * unit
                }
            };
            let step = value(1.0);
            let first = (low / step).ceil();
            let count = ((high / step).floor() - first).clamp(-1.0, 100.0) as i64;
            (0..=count).map(|k| value(first + k as f64)).collect()
        })
        .collect()
}

/// Values with labels of one form: plain numbers if all of them are short, powers of ten otherwise.
fn labels(places: &[f64]) -> Vec<(f64, String)> {
    let plain = places
        .iter()
        .all(|x| *x == 0.0 || (1e-3..1e5).contains(&x.abs()));
    let places = places.iter();
    places
        .map(|&x| (x, if plain { decimal(x) } else { power(x) }))
        .collect()
}

fn decimal(x: f64) -> String {
    let text = format!("{x:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.replace('-', "−")
}

fn power(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{x:.3e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let raised: String = exponent
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            digit => {
                let index = digit.to_digit(10).unwrap_or(0) as usize;
                ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][index]
            }
        })
        .collect();
    match (mantissa, exponent) {
        (mantissa, "0") => mantissa.replace('-', "−"),
        ("1", "1") => "10".to_owned(),
        ("1", _) => format!("10{raised}"),
        ("-1", _) => format!("−10{raised}"),
        (mantissa, _) => format!("{}·10{raised}", mantissa.replace('-', "−")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_never_touch_and_there_are_at_least_two() {
        for logarithmic in [false, true] {
            for decades in [0.05, 0.2, 0.5, 1.0, 2.0, 3.3, 7.0, 40.0] {
                for length in [120.0, 200.0, 800.0] {
                    for start in [1e-9, 0.37, 8.0, 12_345.0] {
                        let axis = if logarithmic {
                            Axis::log("x")
                        } else {
                            Axis::linear("x")
                        };
                        let high = start * 10f64.powf(decades);
                        let scale = axis.scale(Some((start, high)), length);
                        let room = |label: &str| 8.0 * label.chars().count() as f64 + 8.0;
                        let ticks = axis.labelled(&scale, room);
                        assert!(ticks.len() >= 2, "{start} {high} {length}: {ticks:?}");
                        for pair in ticks.windows(2) {
                            let distance = scale.at(pair[1].0) - scale.at(pair[0].0);
                            assert!(distance >= 0.5 * (room(&pair[0].1) + room(&pair[1].1)));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn labels_are_numbers_as_one_writes_them() {
        let texts = |places: &[f64]| -> Vec<String> {
            labels(places).into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(texts(&[-0.5, 0.0, 20_000.0]), ["−0.5", "0", "20000"]);
        assert_eq!(texts(&[1e-6, 1.0, 10.0, 2e6]), ["10⁻⁶", "1", "10", "2·10⁶"]);
    }
}
