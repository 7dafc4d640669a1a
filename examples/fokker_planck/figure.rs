//! Densities and histograms as SVG.

use std::path::Path;

use nalgebra::DMatrix;
use neural_limits::Error;
use neural_limits::figure::{Axis, Color, Figure, Panel, Series, Style};
use neural_limits::law::Density;
use neural_limits::mean_field::JointFokkerPlanck;

/// One time.
pub struct AtTime {
    pub time: f64,
    pub density: Density,
    pub neurons: Vec<f64>,
}

/// Bars of a histogram, cells along each axis of a map, and its shades.
const BARS: usize = 66;
const CELLS: usize = 60;
const SHADES: f64 = 16.0;

pub fn line(path: &Path, activation: &str, times: &[AtTime]) -> Result<(), Error> {
    let heading = format!(
        "{activation}: neurons of one network follow the Fokker–Planck equation from two atoms"
    );
    let mut figure = Figure::new(heading);
    let (low, high) = (-5.0, 6.0);
    let width = (high - low) / BARS as f64;
    let edges: Vec<f64> = (0..=BARS).map(|i| low + width * i as f64).collect();
    for at in times {
        let mut heights = [0.0; BARS];
        for x in at.neurons.iter().filter(|x| (low..high).contains(*x)) {
            heights[((x - low) / width) as usize] += 1.0 / (width * at.neurons.len() as f64);
        }
        let places = (0..=500).map(|i| low + (high - low) * f64::from(i) / 500.0);
        let curve: Vec<(f64, f64)> = places.map(|x| (x, at.density.at(x))).collect();
        let panel = Panel::new(
            format!("t = {}", at.time),
            Axis::linear("neuron").range(low, high),
            Axis::linear("density"),
        );
        let bars = Style::nth(5);
        let panel = panel
            .with(Series::histogram(
                "neurons of one network",
                bars,
                &edges,
                &heights,
            ))
            .with(Series::line(
                "Fokker–Planck equation",
                Style::nth(1).solid(),
                curve,
            ));
        figure = figure.with(panel);
    }
    figure.write(path)
}

pub fn plane(
    path: &Path,
    title: &str,
    solution: &JointFokkerPlanck,
    neurons: &DMatrix<f64>,
) -> Result<(), Error> {
    let (low, high) = (-4.5, 4.5);
    let width = (high - low) / CELLS as f64;
    // rows from below: b fixes the row, a the column
    let mut sampled = vec![0.0; CELLS * CELLS];
    let inside = |x: &f64| (low..high).contains(x);
    for (a, b) in neurons.column(0).iter().zip(&neurons.column(1)) {
        if inside(a) && inside(b) {
            let cell = |x: f64| ((x - low) / width) as usize;
            sampled[cell(*b) * CELLS + cell(*a)] += 1.0 / (width * width * neurons.nrows() as f64);
        }
    }
    let center = |i: usize| low + width * (i as f64 + 0.5);
    let computed: Vec<f64> = (0..CELLS * CELLS)
        .map(|k| solution.density([center(k % CELLS), center(k / CELLS)]))
        .collect();
    let top = computed.iter().fold(0.0_f64, |top, p| top.max(*p));
    let panels = [
        ("neurons of one network", sampled),
        ("Fokker–Planck equation", computed),
    ];
    let mut figure = Figure::new(title);
    for (caption, density) in panels {
        let shades = density.iter().map(|p| (SHADES * p / top).round() / SHADES);
        let colors = shades.map(|share| Color(255, 255, 255).mixed(Color(8, 48, 107), share));
        let panel = Panel::new(
            caption,
            Axis::linear("at input a"),
            Axis::linear("at input b"),
        );
        figure = figure.with(panel.with_cells((low, high), (low, high), CELLS, colors.collect()));
    }
    figure.write(path)
}
