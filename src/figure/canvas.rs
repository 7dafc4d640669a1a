//! Where a figure is drawn: lines, areas, markers and text by `plotters`, in pixels, cut off where a panel
//! ends.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor, Rectangle,
    SVGBackend, ShapeStyle, Text, WHITE,
};
use plotters::style::Color as _;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{Color, Marker, Style};

/// `plotters` counts in whole units: so many of them are a pixel.
const UNITS: f64 = 10.0;

const FONT: &str = "Helvetica, Arial, 'DejaVu Sans', sans-serif";
const INK: Color = Color(34, 34, 34);

type Point = (f64, f64);

/// The width of a text in pixels, from above: fonts differ, and the widest common one (DejaVu Sans, Verdana)
/// counts.
pub(super) fn width_of(text: &str, size: f64) -> f64 {
    let narrow = |c: char| " .,:;|il!'()[]·".contains(c) || ('⁰'..='⁹').contains(&c);
    let widths = text.chars().map(|c| if narrow(c) { 0.42 } else { 0.64 });
    size * widths.sum::<f64>()
}

/// A text in as few lines of at most `width` pixels as it takes, broken at spaces, and of about equal length.
pub(super) fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let fewest = broken(text, size, width);
    let narrower = (1..40).map(|i| broken(text, size, width * (1.0 - f64::from(i) / 40.0)));
    narrower
        .take_while(|lines| lines.len() == fewest.len())
        .last()
        .unwrap_or(fewest)
}

fn broken(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width_of(line, size) + width_of(word, size) + size <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The horizontal place of a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing, or the part of it that a panel may draw on. What `plotters` says of errors is dropped: drawing
/// into a string has none.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    /// Left upper and right lower corner.
    bounds: (Point, Point),
}

/// What `draw` puts on a white canvas of this size in pixels, as SVG.
pub(super) fn svg(size: Point, draw: impl FnOnce(&mut Canvas<'_>)) -> String {
    let (width, height) = (
        (UNITS * size.0).ceil() as u32,
        (UNITS * size.1).ceil() as u32,
    );
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
    let bounds = ((0.0, 0.0), size);
    let mut canvas = Canvas { area, bounds };
    canvas.rectangle((0.0, 0.0), size, Color(255, 255, 255));
    draw(&mut canvas);
    drop(canvas);
    // units are for drawing; who opens the file sees pixels
    let drawn = format!("width=\"{width}\" height=\"{height}\"");
    let seen = format!("width=\"{:.0}\" height=\"{:.0}\"", size.0, size.1);
    text.replacen(&drawn, &seen, 1)
}

impl Canvas<'_> {
    /// The canvas on which nothing is drawn outside of a rectangle (text and markers whose place lies inside
    /// are whole).
    pub(super) fn within(&self, corner: Point, end: Point) -> Self {
        Canvas {
            area: self.area.clone(),
            bounds: (corner, end),
        }
    }

    fn holds(&self, (x, y): Point) -> bool {
        let ((left, top), (right, bottom)) = self.bounds;
        (left..=right).contains(&x) && (top..=bottom).contains(&y)
    }

    /// A point moved into the bounds.
    fn clamped(&self, (x, y): Point) -> Point {
        let ((left, top), (right, bottom)) = self.bounds;
        (x.clamp(left, right), y.clamp(top, bottom))
    }

    /// The part of a segment within the bounds (Liang and Barsky 1984).
    fn cut(&self, from: Point, to: Point) -> Option<(Point, Point)> {
        let ((left, top), (right, bottom)) = self.bounds;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let (mut enters, mut leaves) = (0.0_f64, 1.0_f64);
        for (step, room) in [
            (-dx, from.0 - left),
            (dx, right - from.0),
            (-dy, from.1 - top),
            (dy, bottom - from.1),
        ] {
            if step == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if step < 0.0 {
                enters = enters.max(room / step);
            } else {
                leaves = leaves.min(room / step);
            }
        }
        let at = |share: f64| (from.0 + share * dx, from.1 + share * dy);
        (enters <= leaves).then(|| (at(enters), at(leaves)))
    }

    pub(super) fn text(&self, place: Point, size: f64, anchor: Anchor, text: &str) {
        self.write(place, size, anchor, FontTransform::None, text);
    }

    /// A text that is read from below, centred.
    pub(super) fn rising_text(&self, place: Point, size: f64, text: &str) {
        self.write(place, size, Anchor::Middle, FontTransform::Rotate270, text);
    }

    fn write(&self, place: Point, size: f64, anchor: Anchor, turn: FontTransform, text: &str) {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // the backend divides sizes by 1.24, and sets a text half an ex above its place
        let font = (FONT, 1.24 * UNITS * size)
            .into_font()
            .transform(turn.clone());
        let style = font
            .color(&rgb(INK))
            .pos(Pos::new(horizontal, VPos::Bottom));
        let (x, y) = place;
        let place = match turn {
            FontTransform::None => (x, y + 0.26 * size),
            _ => (x + 0.26 * size, y),
        };
        self.area
            .draw(&Text::new(text.to_owned(), units(place), style))
            .ok();
    }

    pub(super) fn segment(&self, from: Point, to: Point, color: Color, width: f64) {
        if let Some((from, to)) = self.cut(from, to) {
            let ends = [units(from), units(to)];
            self.area
                .draw(&PathElement::new(ends, stroke(color, width)))
                .ok();
        }
    }

    pub(super) fn path(&self, points: &[Point], style: &Style) {
        let mut part: Vec<Point> = Vec::new();
        for pair in points.windows(2) {
            let Some((from, to)) = self.cut(pair[0], pair[1]) else {
                continue;
            };
            if part.last() != Some(&from) {
                self.whole_path(&std::mem::take(&mut part), style);
                part.push(from);
            }
            part.push(to);
        }
        self.whole_path(&part, style);
    }

    fn whole_path(&self, points: &[Point], style: &Style) {
        if points.len() < 2 {
            return;
        }
        let points: Vec<(i32, i32)> = points.iter().copied().map(units).collect();
        let stroke = stroke(style.color, style.width);
        match style.dash.map(|(dash, gap)| (UNITS * dash, UNITS * gap)) {
            None => self.area.draw(&PathElement::new(points, stroke)).ok(),
            Some((dash, gap)) => {
                let dashed = DashedPathElement::new(points, dash as i32, gap as i32, stroke);
                self.area.draw(&dashed).ok()
            }
        };
    }

    pub(super) fn area(&self, points: impl Iterator<Item = Point>, color: Color) {
        let corners: Vec<_> = points.map(|point| units(self.clamped(point))).collect();
        self.area
            .draw(&Polygon::new(corners, rgb(color).mix(0.2)))
            .ok();
    }

    pub(super) fn rectangle(&self, corner: Point, size: Point, color: Color) {
        let end = self.clamped((corner.0 + size.0, corner.1 + size.1));
        let ends = [units(self.clamped(corner)), units(end)];
        self.area
            .draw(&Rectangle::new(ends, rgb(color).filled()))
            .ok();
    }

    pub(super) fn marker(&self, place: Point, style: &Style) {
        if !self.holds(place) {
            return;
        }
        let (x, y) = place;
        let color = rgb(style.color);
        let polygon = |corners: &[Point]| {
            let corners = corners.iter().map(|(dx, dy)| units((x + dx, y + dy)));
            self.area
                .draw(&Polygon::new(corners.collect::<Vec<_>>(), color))
                .ok();
        };
        let disc = |radius: f64, style: ShapeStyle| {
            let radius = (UNITS * radius).round() as i32;
            self.area
                .draw(&Circle::new(units(place), radius, style))
                .ok();
        };
        match style.marker {
            Marker::Disc => disc(3.4, color.filled()),
            Marker::Circle => {
                disc(3.2, WHITE.filled());
                disc(3.2, stroke(style.color, 1.5));
            }
            Marker::Square => polygon(&[(-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0)]),
            Marker::Triangle => polygon(&[(0.0, -4.2), (3.8, 2.8), (-3.8, 2.8)]),
            Marker::Wedge => polygon(&[(0.0, 4.2), (3.8, -2.8), (-3.8, -2.8)]),
            Marker::Diamond => polygon(&[(0.0, -4.4), (4.0, 0.0), (0.0, 4.4), (-4.0, 0.0)]),
            Marker::Cross => {
                for side in [-3.2, 3.2] {
                    let ends = [units((x - side, y - 3.2)), units((x + side, y + 3.2))];
                    self.area
                        .draw(&PathElement::new(ends, stroke(style.color, 1.8)))
                        .ok();
                }
            }
        }
    }
}

fn units((x, y): Point) -> (i32, i32) {
    ((UNITS * x).round() as i32, (UNITS * y).round() as i32)
}

fn rgb(Color(red, green, blue): Color) -> RGBColor {
    RGBColor(red, green, blue)
}

fn stroke(color: Color, width: f64) -> ShapeStyle {
    rgb(color).stroke_width((UNITS * width).round() as u32)
}
