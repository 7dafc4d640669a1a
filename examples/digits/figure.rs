//! Learning curves as SVG.

use std::path::Path;

use neural_limits::Error;
use neural_limits::figure::{Axis, Figure, Panel, Series, Style};

/// The share of errors after so many training points.
pub struct Curve {
    pub name: String,
    pub points: Vec<(usize, f64)>,
}

/// One line a curve; no error at all has no logarithm, and is left out.
pub fn write(path: &Path, name: &str, curves: &[Curve]) -> Result<(), Error> {
    let sizes = curves.iter().flat_map(|curve| &curve.points);
    let mut sizes: Vec<f64> = sizes.map(|(size, _)| *size as f64).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let x = Axis::log("points to train on").ticks(&sizes);
    let mut panel = Panel::new(name, x, Axis::log("test errors, %"));
    for (i, curve) in curves.iter().enumerate() {
        let points = curve.points.iter();
        let points = points.map(|(size, error)| (*size as f64, 100.0 * error));
        panel = panel.with(Series::connected(
            &curve.name,
            Style::nth(i),
            points.collect(),
        ));
    }
    Figure::new("").with(panel).write(path)
}
