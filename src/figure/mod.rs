//! Figures as SVG, in one style: legends below the axes they explain, never over data; ticks whose labels
//! do not touch; colours that every kind of vision tells apart, each with a dash and a marker of its own.
//!
//! ```
//! use neural_limits::figure::{Axis, Figure, Panel, Series, Style};
//! let points = [8.0_f64, 64.0, 512.0].map(|n| (n, n.powf(-0.5)));
//! let errors = Panel::new("the error falls with the width", Axis::log("width n"), Axis::log("error"))
//!     .with(Series::connected("networks", Style::nth(0), points.to_vec()));
//! let svg = Figure::new("Width matters").with(errors).svg();
//! assert!(svg.contains("width n"));
//! ```

mod axis;
mod canvas;
mod panel;
mod style;

use std::path::Path;

use crate::{Error, Result};
pub use axis::Axis;
use canvas::{Anchor, Canvas, wrapped};
use panel::{Entry, TICK, TITLE};
pub use panel::{Panel, Series};
pub use style::{Color, Marker, Style};

/// The width of every figure in pixels: that of a page on which its text has its true size.
const WIDTH: f64 = 900.0;
const HEADING: f64 = 17.0;

/// Panels under one heading, in rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    title: String,
    columns: usize,
    height: Option<f64>,
    panels: Vec<Panel>,
}

impl Figure {
    /// Without panels; the title says what is to be seen, and may be empty.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            columns: 3,
            height: None,
            panels: Vec::new(),
        }
    }

    /// With at most so many panels side by side (3 if nothing is said).
    #[must_use]
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns.max(1);
        self
    }

    /// With rows of this height in pixels (at least 160), without their legends, at a figure's width of 900.
    #[must_use]
    pub fn row_height(mut self, height: f64) -> Self {
        self.height = Some(height.max(160.0));
        self
    }

    /// With one more panel.
    #[must_use]
    pub fn with(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The figure as SVG. Values that are not finite, or not positive on a logarithmic axis, are left out,
    /// and lines end there.
    pub fn svg(&self) -> String {
        // the height is known when all has its place
        let mut height = 0.0;
        canvas::svg((WIDTH, 1.0), |canvas| height = self.draw(canvas));
        canvas::svg((WIDTH, height), |canvas| {
            self.draw(canvas);
        })
    }

    /// Draws from above; the height that it took.
    fn draw(&self, canvas: &Canvas<'_>) -> f64 {
        let columns = self.columns.min(self.panels.len()).max(1);
        let width = WIDTH / columns as f64;
        let height = self.height.unwrap_or((0.8 * width).clamp(240.0, 420.0));
        let mut y = 8.0;
        for line in wrapped(&self.title, HEADING, WIDTH - 24.0) {
            y += 1.3 * HEADING;
            canvas.text((0.5 * WIDTH, y), HEADING, Anchor::Middle, &line);
        }
        y += 8.0;
        for (row, panels) in self.panels.chunks(columns).enumerate() {
            let lines = panels.iter().map(|panel| panel.title_lines(width).len());
            let title = lines.max().unwrap_or(0) as f64 * 1.25 * TITLE;
            for (column, panel) in panels.iter().enumerate() {
                let corner = (column as f64 * width, y);
                panel.draw(canvas, corner, (width, height + title), title);
            }
            y += height + title + 8.0;
            let next = (row + 1) * columns;
            let next = self.panels.get(next..).unwrap_or_default();
            if !repeated(panels, &next[..columns.min(next.len())]) {
                y += legends(canvas, panels, y, width);
            }
        }
        y
    }

    /// Writes the [SVG](Self::svg).
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.svg()).map_err(|error| Error::Io {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }
}

/// Whether a row's legend is that of the next row too, which then has it for both.
fn repeated(row: &[Panel], next: &[Panel]) -> bool {
    let entries = |panels: &[Panel]| panels.iter().map(Panel::entries).collect::<Vec<_>>();
    let one = entries(row);
    !next.is_empty() && entries(next) == one && one.windows(2).all(|pair| pair[0] == pair[1])
}

/// The legends of a row of panels and their height: one for all of them if they say the same, one below each
/// otherwise.
fn legends(canvas: &Canvas<'_>, panels: &[Panel], y: f64, width: f64) -> f64 {
    let all: Vec<Vec<Entry>> = panels.iter().map(Panel::entries).collect();
    let longest = all.iter().max_by_key(|entries| entries.len());
    let Some(longest) = longest.filter(|entries| !entries.is_empty()) else {
        return 0.0;
    };
    let shared = |entries: &Vec<Entry>| entries.iter().all(|entry| longest.contains(entry));
    let height = if all.iter().all(shared) {
        legend(
            canvas,
            longest,
            (12.0, y),
            width * panels.len() as f64 - 24.0,
        )
    } else {
        let each = all.iter().enumerate().map(|(i, entries)| {
            let corner = (i as f64 * width + 12.0, y);
            legend(canvas, entries, corner, width - 20.0)
        });
        each.fold(0.0, f64::max)
    };
    height + 8.0
}

/// Entries in centred lines; the height of them.
fn legend(canvas: &Canvas<'_>, entries: &[Entry], corner: (f64, f64), width: f64) -> f64 {
    const GAP: f64 = 18.0;
    let mut lines: Vec<(f64, Vec<&Entry>)> = Vec::new();
    for entry in entries {
        match lines.last_mut() {
            Some((filled, line)) if *filled + GAP + entry.width() <= width => {
                *filled += GAP + entry.width();
                line.push(entry);
            }
            _ => lines.push((entry.width(), vec![entry])),
        }
    }
    let step = 1.6 * TICK;
    for (i, (filled, line)) in lines.iter().enumerate() {
        let mut x = corner.0 + 0.5 * (width - filled).max(0.0);
        let y = corner.1 + (i as f64 + 0.5) * step;
        for entry in line {
            entry.draw(canvas, (x, y));
            x += entry.width() + GAP;
        }
    }
    lines.len() as f64 * step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(label: &str, points: Vec<(f64, f64)>) -> Panel {
        Panel::new("a title", Axis::log("width"), Axis::log("error")).with(Series::connected(
            label,
            Style::nth(0),
            points,
        ))
    }

    #[test]
    fn a_legend_that_all_panels_share_is_drawn_once() {
        let points = vec![(1.0, 1.0), (10.0, 0.1)];
        let both = |second: &str| {
            let figure = Figure::new("a & b").with(panel("first <", points.clone()));
            figure.with(panel(second, points.clone())).svg()
        };
        assert_eq!(both("first <").matches("\nfirst &lt;\n").count(), 1);
        assert_eq!(both("second").matches("\nsecond\n").count(), 1);
        assert!(both("second").contains("a &amp; b"));
    }

    #[test]
    fn rows_of_one_legend_have_it_below_the_last() {
        let figure = |second: &str| {
            let row = |label: &str| panel(label, vec![(1.0, 1.0), (2.0, 2.0)]);
            let figure = Figure::new("").columns(1).with(row("first"));
            figure.with(row(second)).svg()
        };
        assert_eq!(figure("first").matches("\nfirst\n").count(), 1);
        assert_eq!(figure("second").matches("\nfirst\n").count(), 1);
    }

    #[test]
    fn what_has_no_place_on_an_axis_is_left_out() {
        for points in [
            vec![],
            vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, f64::INFINITY)],
            vec![(1.0, 1.0), (2.0, -1.0), (1e300, 1e-300)],
        ] {
            let svg = Figure::new("").with(panel("x", points)).svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let error = Figure::new("").write("/nowhere/figure.svg").unwrap_err();
        assert!(matches!(error, Error::Io { path, .. } if path == "/nowhere/figure.svg"));
    }
}
