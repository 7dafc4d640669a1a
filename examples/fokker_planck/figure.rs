//! Densities and histograms as SVG.

use std::path::Path;

use nalgebra::DMatrix;
use neural_limits::Error;
use neural_limits::law::Density;
use neural_limits::mean_field::JointFokkerPlanck;
use plotters::coord::Shift;
use plotters::prelude::*;

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// One time.
pub struct Panel {
    pub time: f64,
    pub density: Density,
    pub neurons: Vec<f64>,
}

/// Bars of a histogram, and cells along each axis of a map.
const BARS: usize = 90;
const CELLS: usize = 60;

const NEURONS: RGBColor = RGBColor(158, 188, 218);
const EQUATION: RGBColor = RGBColor(129, 15, 124);

fn failed(path: &Path, reason: impl ToString) -> Error {
    Error::Io {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

pub fn line(path: &Path, activation: &str, panels: &[Panel]) -> Result<(), Error> {
    let area = SVGBackend::new(path, (1080, 380)).into_drawing_area();
    let result = draw_line(&area, activation, panels);
    result.map_err(|error| failed(path, error))
}

fn draw_line<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    activation: &str,
    panels: &[Panel],
) -> Drawn<B> {
    area.fill(&WHITE)?;
    let title =
        format!("{activation}: neurons of one network (bars), Fokker–Planck equation (line)");
    let area = area.titled(&title, ("sans-serif", 18))?;
    let (low, high) = (-5.0, 6.0);
    let width = (high - low) / BARS as f64;
    for (area, panel) in area.split_evenly((1, panels.len())).iter().zip(panels) {
        let mut counts = [0.0; BARS];
        for x in panel.neurons.iter().filter(|x| (low..high).contains(*x)) {
            counts[((x - low) / width) as usize] += 1.0 / (width * panel.neurons.len() as f64);
        }
        let places = (0..=500).map(|i| low + (high - low) * f64::from(i) / 500.0);
        let curve: Vec<(f64, f64)> = places.map(|x| (x, panel.density.at(x))).collect();
        let top = 1.15 * curve.iter().fold(0.0_f64, |top, (_, p)| top.max(*p));
        let mut chart = ChartBuilder::on(area)
            .caption(format!("t = {}", panel.time), ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(44)
            .build_cartesian_2d(low..high, 0.0..top)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(6)
            .y_labels(6)
            .x_desc("neuron")
            .draw()?;
        chart.draw_series(counts.iter().enumerate().map(|(i, &count)| {
            let left = low + width * i as f64;
            Rectangle::new(
                [(left, 0.0), (left + width, count.min(top))],
                NEURONS.filled(),
            )
        }))?;
        chart.draw_series(LineSeries::new(curve, EQUATION.stroke_width(2)))?;
    }
    area.present()
}

pub fn plane(
    path: &Path,
    title: &str,
    solution: &JointFokkerPlanck,
    neurons: &DMatrix<f64>,
) -> Result<(), Error> {
    let area = SVGBackend::new(path, (960, 500)).into_drawing_area();
    let result = draw_plane(&area, title, solution, neurons);
    result.map_err(|error| failed(path, error))
}

fn draw_plane<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    solution: &JointFokkerPlanck,
    neurons: &DMatrix<f64>,
) -> Drawn<B> {
    area.fill(&WHITE)?;
    let area = area.titled(title, ("sans-serif", 18))?;
    let (low, high) = (-4.5, 4.5);
    let width = (high - low) / CELLS as f64;
    let mut sampled = vec![0.0; CELLS * CELLS];
    let inside = |x: &f64| (low..high).contains(x);
    for (a, b) in neurons.column(0).iter().zip(&neurons.column(1)) {
        if inside(a) && inside(b) {
            let cell = |x: f64| ((x - low) / width) as usize;
            sampled[cell(*a) * CELLS + cell(*b)] += 1.0 / (width * width * neurons.nrows() as f64);
        }
    }
    let center = |i: usize| low + width * (i as f64 + 0.5);
    let computed: Vec<f64> = (0..CELLS * CELLS)
        .map(|k| solution.density([center(k / CELLS), center(k % CELLS)]))
        .collect();
    let top = computed.iter().fold(0.0_f64, |top, p| top.max(*p));
    let halves = area.split_evenly((1, 2));
    let panels = [
        ("neurons of one network", sampled),
        ("Fokker–Planck equation", computed),
    ];
    for (area, (caption, density)) in halves.iter().zip(panels) {
        let mut chart = ChartBuilder::on(area)
            .caption(caption, ("sans-serif", 16))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(44)
            .build_cartesian_2d(low..high, low..high)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(5)
            .y_labels(5)
            .x_desc("at input a")
            .y_desc("at input b")
            .draw()?;
        chart.draw_series(density.iter().enumerate().map(|(k, p)| {
            let (left, below) = (
                center(k / CELLS) - 0.5 * width,
                center(k % CELLS) - 0.5 * width,
            );
            let share = (p / top).clamp(0.0, 1.0);
            let mix = |pale: f64, dark: f64| (pale + share * (dark - pale)) as u8;
            let color = RGBColor(mix(255.0, 77.0), mix(255.0, 0.0), mix(255.0, 75.0));
            Rectangle::new(
                [(left, below), (left + width, below + width)],
                color.filled(),
            )
        }))?;
    }
    area.present()
}
