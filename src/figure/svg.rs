//! The strings of an SVG, and how much room text takes.

use super::style::{Color, Marker, Style};

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

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The horizontal place of a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// What has been drawn so far.
#[derive(Debug, Default)]
pub(super) struct Svg(pub(super) String);

impl Svg {
    pub(super) fn push(&mut self, element: impl AsRef<str>) {
        self.0.push_str(element.as_ref());
        self.0.push('\n');
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), size: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.push(format!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    pub(super) fn segment(&mut self, from: (f64, f64), to: (f64, f64), color: Color, width: f64) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let color = color.hex();
        self.push(format!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{color}" stroke-width="{width}"/>"#
        ));
    }

    pub(super) fn path(&mut self, points: &[(f64, f64)], style: &Style) {
        if points.len() < 2 {
            return;
        }
        let (color, width) = (style.color.hex(), style.width);
        let dash = if style.dash.is_empty() {
            String::new()
        } else {
            format!(r#" stroke-dasharray="{}""#, style.dash)
        };
        let points = joined(points.iter().copied());
        self.push(format!(
            r#"<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}"{dash}/>"#
        ));
    }

    pub(super) fn area(&mut self, points: impl Iterator<Item = (f64, f64)>, color: Color) {
        let (points, color) = (joined(points), color.hex());
        self.push(format!(
            r#"<polygon points="{points}" fill="{color}" fill-opacity="0.2"/>"#
        ));
    }

    pub(super) fn rectangle(&mut self, corner: (f64, f64), size: (f64, f64), color: Color) {
        let ((x, y), (width, height), color) = (corner, size, color.hex());
        self.push(format!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{color}"/>"#
        ));
    }

    pub(super) fn marker(&mut self, (x, y): (f64, f64), style: &Style) {
        let color = style.color.hex();
        let polygon = |corners: &[(f64, f64)]| {
            let corners = joined(corners.iter().map(|(dx, dy)| (x + dx, y + dy)));
            format!(r#"<polygon points="{corners}" fill="{color}"/>"#)
        };
        let element = match style.marker {
            Marker::Disc => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.4" fill="{color}"/>"#),
            Marker::Circle => format!(
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.2" fill="white" stroke="{color}" stroke-width="1.5"/>"#
            ),
            Marker::Square => polygon(&[(-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0)]),
            Marker::Triangle => polygon(&[(0.0, -4.2), (3.8, 2.8), (-3.8, 2.8)]),
            Marker::Wedge => polygon(&[(0.0, 4.2), (3.8, -2.8), (-3.8, -2.8)]),
            Marker::Diamond => polygon(&[(0.0, -4.4), (4.0, 0.0), (0.0, 4.4), (-4.0, 0.0)]),
            Marker::Cross => format!(
                r#"<path d="M{:.1},{:.1}l6.4,6.4m0,-6.4l-6.4,6.4" stroke="{color}" stroke-width="1.8"/>"#,
                x - 3.2,
                y - 3.2
            ),
        };
        self.push(element);
    }
}

fn joined(points: impl Iterator<Item = (f64, f64)>) -> String {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    points.join(" ")
}
