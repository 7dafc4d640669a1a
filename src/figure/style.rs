//! Colours, dashes and markers of series.

/// A colour of eight bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Black, of what is compared with.
    pub const BLACK: Self = Self(0, 0, 0);

    /// The mixture of two colours, `share` of it from `other`; shares outside of $[0, 1]$ are clamped.
    pub fn mixed(self, other: Self, share: f64) -> Self {
        let share = share.clamp(0.0, 1.0);
        let mix = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round();
        Self(
            mix(self.0, other.0) as u8,
            mix(self.1, other.1) as u8,
            mix(self.2, other.2) as u8,
        )
    }
}

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Disc,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
    /// ○
    Circle,
    /// ×
    Cross,
    /// ▼
    Wedge,
}

/// How a series is told from the others: a colour, a dash and a marker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    pub(super) color: Color,
    /// Lengths of strokes and gaps in pixels; none for a solid line.
    pub(super) dash: Option<(f64, f64)>,
    pub(super) marker: Marker,
    pub(super) width: f64,
}

/// Okabe and Ito's colours (2008), told apart by every common kind of vision; yellow is too pale on white and
/// black is kept for what is compared with, so that grey is the seventh.
const COLORS: [Color; 7] = [
    Color(0, 114, 178),
    Color(213, 94, 0),
    Color(0, 158, 115),
    Color(204, 121, 167),
    Color(230, 159, 0),
    Color(86, 180, 233),
    Color(95, 95, 95),
];

const DASHES: [Option<(f64, f64)>; 7] = [
    None,
    Some((8.0, 3.0)),
    Some((2.0, 3.0)),
    Some((14.0, 4.0)),
    Some((5.0, 2.0)),
    Some((4.0, 7.0)),
    Some((10.0, 8.0)),
];

const MARKERS: [Marker; 7] = [
    Marker::Disc,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Circle,
    Marker::Cross,
    Marker::Wedge,
];

impl Style {
    /// The style of series `index`; styles come again after seven.
    pub fn nth(index: usize) -> Self {
        Self {
            color: COLORS[index % COLORS.len()],
            dash: DASHES[index % DASHES.len()],
            marker: MARKERS[index % MARKERS.len()],
            width: 1.8,
        }
    }

    /// The style of series `index` of `count` that have an order (depths, widths): from pale orange to dark
    /// blue, so that the order survives without colours.
    pub fn shade(index: usize, count: usize) -> Self {
        let share = index as f64 / (count.max(2) - 1) as f64;
        let (pale, middle, dark) = (Color(242, 169, 59), Color(190, 90, 90), Color(18, 38, 110));
        Self {
            color: if share < 0.5 {
                pale.mixed(middle, 2.0 * share)
            } else {
                middle.mixed(dark, 2.0 * share - 1.0)
            },
            ..Self::nth(index)
        }
    }

    /// The style of what others are compared with: black and dashed.
    pub fn reference() -> Self {
        Self {
            color: Color::BLACK,
            dash: Some((6.0, 4.0)),
            marker: Marker::Cross,
            width: 1.5,
        }
    }

    /// Without a dash.
    #[must_use]
    pub fn solid(self) -> Self {
        Self { dash: None, ..self }
    }

    /// With short dashes, whatever the series' own are.
    #[must_use]
    pub fn dashed(self) -> Self {
        Self {
            dash: Some((4.0, 4.0)),
            ..self
        }
    }

    /// With another width of the line, in pixels.
    #[must_use]
    pub fn wide(self, width: f64) -> Self {
        Self { width, ..self }
    }

    /// In another colour.
    #[must_use]
    pub fn in_color(self, color: Color) -> Self {
        Self { color, ..self }
    }
}
