//! One pair of axes and what is drawn between them.

use super::axis::{Axis, Scale};
use super::canvas::{Anchor, Canvas, width_of, wrapped};
use super::style::{Color, Style};

/// Sizes of text in pixels at a figure's width of 900.
pub(super) const TICK: f64 = 12.0;
pub(super) const LABEL: f64 = 13.0;
pub(super) const TITLE: f64 = 14.0;

/// Neighbouring rectangles lie so many pixels over each other, or a pale line would show between them.
const LAP: f64 = 0.4;

/// How the points of a series are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Line,
    Markers,
    Both,
    /// From one point's abscissa to the next one's, down to zero.
    Bars,
}

/// Points of one style, with what they are known up to.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    label: String,
    style: Style,
    form: Form,
    points: Vec<(f64, f64)>,
    bars: Vec<(f64, f64)>,
    band: Vec<(f64, f64)>,
}

type Points = Vec<(f64, f64)>;

impl Series {
    fn new(label: impl Into<String>, style: Style, form: Form, points: Points) -> Self {
        Self {
            label: label.into(),
            style,
            form,
            points,
            bars: Vec::new(),
            band: Vec::new(),
        }
    }

    /// A line. A series whose label is empty has no entry in the legend.
    pub fn line(label: impl Into<String>, style: Style, points: Points) -> Self {
        Self::new(label, style, Form::Line, points)
    }

    /// Markers.
    pub fn markers(label: impl Into<String>, style: Style, points: Points) -> Self {
        Self::new(label, style, Form::Markers, points)
    }

    /// Markers joined by a line.
    pub fn connected(label: impl Into<String>, style: Style, points: Points) -> Self {
        Self::new(label, style, Form::Both, points)
    }

    /// A histogram: bar `i` has the height `heights[i]` $\ge 0$ and stands between `edges[i]` and
    /// `edges[i + 1]`.
    pub fn histogram(
        label: impl Into<String>,
        style: Style,
        edges: &[f64],
        heights: &[f64],
    ) -> Self {
        let ends = heights.iter().copied().chain([0.0]);
        let points = edges.iter().copied().zip(ends).collect();
        Self::new(label, style, Form::Bars, points)
    }

    /// With an interval (low, high) for every point, as bars.
    #[must_use]
    pub fn with_intervals(mut self, intervals: Points) -> Self {
        self.bars = intervals;
        self
    }

    /// With an interval (low, high) for every point, as a band.
    #[must_use]
    pub fn with_band(mut self, band: Points) -> Self {
        self.band = band;
        self
    }
}

/// A rectangle of cells, each of a colour.
#[derive(Debug, Clone, PartialEq)]
struct Cells {
    x: (f64, f64),
    y: (f64, f64),
    columns: usize,
    colors: Vec<Color>,
}

/// What a legend says of one style.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    label: String,
    style: Style,
    form: Form,
}

impl Entry {
    const SAMPLE: f64 = 30.0;

    pub(super) fn width(&self) -> f64 {
        Self::SAMPLE + 6.0 + width_of(&self.label, TICK)
    }

    pub(super) fn draw(&self, canvas: &Canvas<'_>, (x, y): (f64, f64)) {
        let ends = [(x, y), (x + Self::SAMPLE, y)];
        match self.form {
            Form::Bars => canvas.rectangle((x + 8.0, y - 6.0), (14.0, 12.0), self.style.color),
            Form::Line => canvas.path(&ends, &self.style),
            Form::Markers => canvas.marker((x + 0.5 * Self::SAMPLE, y), &self.style),
            Form::Both => {
                canvas.path(&ends, &self.style);
                canvas.marker((x + 0.5 * Self::SAMPLE, y), &self.style);
            }
        }
        let start = (x + Self::SAMPLE + 6.0, y + 0.35 * TICK);
        canvas.text(start, TICK, Anchor::Start, &self.label);
    }
}

/// One pair of axes, a title that says what is to be seen, and series.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    title: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    cells: Option<Cells>,
    levels: Vec<(String, Style, f64)>,
    swatches: Vec<Entry>,
}

impl Panel {
    /// Without anything between the axes.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            x,
            y,
            series: Vec::new(),
            cells: None,
            levels: Vec::new(),
            swatches: Vec::new(),
        }
    }

    /// With a series, drawn over those before it.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// With a horizontal line through the whole panel.
    #[must_use]
    pub fn with_level(mut self, label: impl Into<String>, style: Style, height: f64) -> Self {
        self.levels.push((label.into(), style, height));
        self
    }

    /// With a rectangle of equal cells behind everything: rows of `columns` colours from below, over the
    /// ranges of both axes.
    #[must_use]
    pub fn with_cells(
        mut self,
        x: (f64, f64),
        y: (f64, f64),
        columns: usize,
        colors: Vec<Color>,
    ) -> Self {
        self.cells = (columns > 0 && !colors.is_empty()).then_some(Cells {
            x,
            y,
            columns,
            colors,
        });
        self
    }

    /// With an entry of the legend for a colour of cells.
    #[must_use]
    pub fn with_swatch(mut self, label: impl Into<String>, color: Color) -> Self {
        self.swatches.push(Entry {
            label: label.into(),
            style: Style::nth(0).in_color(color),
            form: Form::Bars,
        });
        self
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let series = self.series.iter().map(|series| Entry {
            label: series.label.clone(),
            style: series.style,
            form: series.form,
        });
        let levels = self.levels.iter().map(|(label, style, _)| Entry {
            label: label.clone(),
            style: *style,
            form: Form::Line,
        });
        let all = self.swatches.iter().cloned().chain(series).chain(levels);
        let mut entries: Vec<Entry> = Vec::new();
        for entry in all.filter(|entry| !entry.label.is_empty()) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        entries
    }

    pub(super) fn title_lines(&self, width: f64) -> Vec<String> {
        wrapped(&self.title, TITLE, width - 16.0)
    }

    /// The least and the largest value of all that is drawn, along one axis.
    fn extent(&self, axis: &Axis, vertical: bool) -> Option<(f64, f64)> {
        let mut values: Vec<f64> = Vec::new();
        for series in &self.series {
            let drawn = series
                .points
                .iter()
                .filter(|(x, y)| self.x.holds(*x) && self.y.holds(*y));
            values.extend(drawn.map(|&(x, y)| if vertical { y } else { x }));
            if vertical {
                values.extend(
                    series
                        .bars
                        .iter()
                        .chain(&series.band)
                        .flat_map(|b| [b.0, b.1]),
                );
            }
        }
        if vertical {
            values.extend(self.levels.iter().map(|level| level.2));
        }
        if let Some(cells) = &self.cells {
            let (low, high) = if vertical { cells.y } else { cells.x };
            values.extend([low, high]);
        }
        values.retain(|value| axis.holds(*value));
        let low = values.iter().copied().reduce(f64::min)?;
        Some((low, values.into_iter().fold(low, f64::max)))
    }

    /// Draws into the rectangle at `corner`: titles above, axes left and below. `title` is the height kept
    /// for titles.
    pub(super) fn draw(
        &self,
        canvas: &Canvas<'_>,
        corner: (f64, f64),
        size: (f64, f64),
        title: f64,
    ) {
        let top = corner.1 + title + 12.0;
        let bottom = corner.1 + size.1 - 42.0;
        let vertical = self.y.scale(self.extent(&self.y, true), bottom - top);
        let bars = self.series.iter().any(|series| series.form == Form::Bars);
        let vertical = if bars { vertical.on_zero() } else { vertical };
        let heights = self.y.labelled(&vertical, |_| 1.6 * TICK);
        let widest = heights
            .iter()
            .map(|(_, label)| width_of(label, TICK))
            .fold(0.0, f64::max);
        let left = corner.0 + 26.0 + widest + 8.0;
        let right = corner.0 + size.0 - 16.0;
        let horizontal = self.x.scale(self.extent(&self.x, false), right - left);
        let places = self
            .x
            .labelled(&horizontal, |label| width_of(label, TICK) + 10.0);
        let frame = Frame {
            panel: self,
            horizontal,
            vertical,
            left,
            right,
            top,
            bottom,
        };
        for (i, line) in self.title_lines(size.0).iter().rev().enumerate() {
            let y = corner.1 + title - i as f64 * 1.25 * TITLE;
            let middle = (corner.0 + 0.5 * size.0, y);
            canvas.text(middle, TITLE, Anchor::Middle, line);
        }
        let pale = Color(228, 228, 228);
        let grey = Color(90, 90, 90);
        if self.cells.is_none() {
            for (value, _) in &places {
                let x = frame.x(*value);
                canvas.segment((x, top), (x, bottom), pale, 1.0);
            }
            for (value, _) in &heights {
                let y = frame.y(*value);
                canvas.segment((left, y), (right, y), pale, 1.0);
            }
        }
        let inside = canvas.within((left, top - 4.0), (right + 4.0, bottom));
        if let Some(cells) = &self.cells {
            frame.cells(&inside, cells);
        }
        for series in &self.series {
            frame.series(&inside, series);
        }
        for (_, style, height) in &self.levels {
            if self.y.holds(*height) {
                let y = frame.y(*height);
                inside.path(&[(left, y), (right, y)], style);
            }
        }
        canvas.segment((left, bottom), (right, bottom), grey, 1.0);
        canvas.segment((left, top), (left, bottom), grey, 1.0);
        for value in horizontal.minor() {
            let x = frame.x(value);
            canvas.segment((x, bottom), (x, bottom + 3.0), grey, 1.0);
        }
        for value in vertical.minor() {
            let y = frame.y(value);
            canvas.segment((left - 3.0, y), (left, y), grey, 1.0);
        }
        for (value, label) in &places {
            let x = frame.x(*value);
            canvas.segment((x, bottom), (x, bottom + 5.0), grey, 1.0);
            canvas.text((x, bottom + 6.0 + TICK), TICK, Anchor::Middle, label);
        }
        for (value, label) in &heights {
            let y = frame.y(*value);
            canvas.segment((left - 5.0, y), (left, y), grey, 1.0);
            canvas.text((left - 8.0, y + 0.35 * TICK), TICK, Anchor::End, label);
        }
        let middle = (0.5 * (left + right), bottom + 36.0);
        canvas.text(middle, LABEL, Anchor::Middle, &self.x.label);
        let (x, y) = (corner.0 + 16.0, 0.5 * (top + bottom));
        canvas.rising_text((x, y), LABEL, &self.y.label);
    }
}

/// A panel's place in the figure.
struct Frame<'a> {
    panel: &'a Panel,
    horizontal: Scale,
    vertical: Scale,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame<'_> {
    /// Far outside of a panel all places are alike.
    fn x(&self, value: f64) -> f64 {
        (self.left + self.horizontal.at(value)).clamp(self.left - 1e4, self.right + 1e4)
    }

    fn y(&self, value: f64) -> f64 {
        (self.bottom - self.vertical.at(value)).clamp(self.top - 1e4, self.bottom + 1e4)
    }

    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let held = self.panel.x.holds(x) && self.panel.y.holds(y);
        held.then(|| (self.x(x), self.y(y)))
    }

    /// A height, or the lower end of the panel for one that has no place on a logarithmic axis.
    fn height(&self, value: f64) -> f64 {
        if self.panel.y.holds(value) {
            self.y(value)
        } else {
            self.bottom
        }
    }

    fn series(&self, canvas: &Canvas<'_>, series: &Series) {
        if series.form == Form::Bars {
            for pair in series.points.windows(2) {
                let (x, y) = (self.x(pair[0].0), self.height(pair[0].1));
                let size = (self.x(pair[1].0) - x + LAP, self.bottom - y);
                canvas.rectangle((x, y), size, series.style.color);
            }
            return;
        }
        let places: Vec<Option<(f64, f64)>> = series
            .points
            .iter()
            .map(|point| self.place(*point))
            .collect();
        if !series.band.is_empty() {
            let along = places.iter().zip(&series.band);
            let along: Vec<(f64, (f64, f64))> = along
                .filter_map(|(place, band)| Some((place.as_ref()?.0, *band)))
                .collect();
            let above = along.iter().map(|&(x, (_, high))| (x, self.height(high)));
            let below = along.iter().rev();
            let below = below.map(|&(x, (low, _))| (x, self.height(low)));
            canvas.area(above.chain(below), series.style.color);
        }
        for (place, &(low, high)) in places.iter().zip(&series.bars) {
            if let Some((x, _)) = *place {
                let (low, high) = (self.height(low), self.height(high));
                let color = series.style.color;
                canvas.segment((x, low), (x, high), color, 1.2);
                canvas.segment((x - 3.0, low), (x + 3.0, low), color, 1.2);
                canvas.segment((x - 3.0, high), (x + 3.0, high), color, 1.2);
            }
        }
        if matches!(series.form, Form::Line | Form::Both) {
            for part in places.split(Option::is_none) {
                let part: Vec<(f64, f64)> = part.iter().flatten().copied().collect();
                canvas.path(&part, &series.style);
            }
        }
        if matches!(series.form, Form::Markers | Form::Both) {
            for place in places.iter().flatten() {
                canvas.marker(*place, &series.style);
            }
        }
    }

    /// Equal neighbours of a row are one rectangle.
    fn cells(&self, canvas: &Canvas<'_>, cells: &Cells) {
        let rows = cells.colors.len().div_ceil(cells.columns);
        let step = |(low, high): (f64, f64), i: usize, count: usize| {
            low + (high - low) * i as f64 / count as f64
        };
        for (row, colors) in cells.colors.chunks(cells.columns).enumerate() {
            let (high, low) = (step(cells.y, row + 1, rows), step(cells.y, row, rows));
            let (above, below) = (self.y(high), self.y(low));
            let mut start = 0;
            for run in colors.chunk_by(|a, b| a == b) {
                let x = self.x(step(cells.x, start, cells.columns));
                start += run.len();
                let end = self.x(step(cells.x, start, cells.columns));
                canvas.rectangle(
                    (x, above - LAP),
                    (end - x + LAP, below - above + LAP),
                    run[0],
                );
            }
        }
    }
}
