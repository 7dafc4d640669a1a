//! Roots of functions that may fail.

use crate::Result;

/// Sign changes of `f` over an ascending grid, each refined to rounding; values within `noise` of 0 have no
/// sign. `None` if no value on the grid has one.
pub fn on_grid(
    grid: &[f64],
    noise: f64,
    mut f: impl FnMut(f64) -> Result<f64>,
) -> Result<Option<Vec<f64>>> {
    let mut roots = Vec::new();
    let mut last: Option<(f64, f64)> = None;
    for &x in grid {
        let value = f(x)?;
        if value.abs() <= noise {
            continue;
        }
        if let Some((before, sign)) = last
            && sign * value < 0.0
        {
            roots.push(bracketed(&mut f, (before, sign), (x, value))?);
        }
        last = Some((x, value));
    }
    Ok(last.map(|_| roots))
}

/// The root between two points of opposite sign, by the Illinois variant of regula falsi with bisection where
/// that is slow.
pub fn bracketed(
    f: &mut impl FnMut(f64) -> Result<f64>,
    low: (f64, f64),
    high: (f64, f64),
) -> Result<f64> {
    let (mut low, mut high) = (low, high);
    let mut width = (high.0 - low.0).abs();
    for step in 0..200 {
        let secant = (low.0 * high.1 - high.0 * low.1) / (high.1 - low.1);
        let middle = 0.5 * (low.0 + high.0);
        let inside = secant > low.0.min(high.0) && secant < low.0.max(high.0);
        let x = if inside && step % 3 != 2 {
            secant
        } else {
            middle
        };
        if x == low.0 || x == high.0 {
            break;
        }
        let value = f(x)?;
        if value == 0.0 {
            return Ok(x);
        }
        if value * high.1 < 0.0 {
            low = high;
        } else {
            low.1 *= 0.5;
        }
        high = (x, value);
        let now = (high.0 - low.0).abs();
        if now <= 2.0 * f64::EPSILON * x.abs() || now == width {
            break;
        }
        width = now;
    }
    Ok(if low.1.abs() < high.1.abs() {
        low.0
    } else {
        high.0
    })
}

/// `count` points from `low` to `high` in equal ratios.
pub fn geometric(low: f64, high: f64, count: usize) -> Vec<f64> {
    let step = (high / low).ln() / (count - 1) as f64;
    (0..count).map(|i| low * (step * i as f64).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_roots_on_a_grid_are_found_to_rounding() {
        let grid: Vec<f64> = (0..=20).map(f64::from).collect();
        let roots = on_grid(&grid, 0.0, |x| Ok(x.sin())).unwrap().unwrap();
        assert_eq!(roots.len(), 6);
        for (i, root) in roots.iter().enumerate() {
            let exact = (i + 1) as f64 * std::f64::consts::PI;
            assert!((root / exact - 1.0).abs() < 1e-15, "{root}");
        }
        assert!(on_grid(&grid, 1e-3, |_| Ok(1e-4)).unwrap().is_none());
    }
}
