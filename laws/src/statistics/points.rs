//! Samples of points in space.

use crate::error::{self, Error, Result};

/// Points, coordinate by coordinate, divided by the largest entry so that squares stay in range.
pub(super) struct Points {
    coordinates: Vec<Vec<f64>>,
    /// What they were divided by.
    pub(super) scale: f64,
    count: usize,
}

impl Points {
    pub(super) fn new<P: AsRef<[f64]>>(argument: &str, points: &[P]) -> Result<Self> {
        let Some(first) = points.first() else {
            return Err(Error::shape(argument, "no points", "at least one point"));
        };
        let dimension = error::size("the dimension", first.as_ref().len())?;
        let mut coordinates = vec![Vec::with_capacity(points.len()); dimension];
        let mut scale = 0.0_f64;
        for (i, point) in points.iter().enumerate() {
            let point = point.as_ref();
            if point.len() != dimension {
                return Err(Error::shape(
                    format!("{argument}[{i}]"),
                    format!("{} coordinates", point.len()),
                    format!("{dimension} as {argument}[0]"),
                ));
            }
            for (k, (&x, coordinate)) in point.iter().zip(&mut coordinates).enumerate() {
                scale = scale.max(error::finite(&format!("{argument}[{i}][{k}]"), x)?.abs());
                coordinate.push(x);
            }
        }
        if scale > 0.0 {
            for x in coordinates.iter_mut().flatten() {
                *x /= scale;
            }
        }
        Ok(Self {
            coordinates,
            scale,
            count: points.len(),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Euclidean distances of all points from one of them.
    pub(super) fn distances(&self, from: usize, distances: &mut [f64]) {
        distances.fill(0.0);
        for coordinate in &self.coordinates {
            let origin = coordinate[from];
            for (square, x) in distances.iter_mut().zip(coordinate) {
                *square += (x - origin) * (x - origin);
            }
        }
        for distance in distances {
            *distance = distance.sqrt();
        }
    }
}
