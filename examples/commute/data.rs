//! Points from a CSV file, or the digits that come with the crate.

use std::io::{BufRead, BufReader, Read};

use flate2::read::GzDecoder;

use crate::arguments::Arguments;

/// UCI "Optical Recognition of Handwritten Digits"; source and licence in `data/README.md`.
static DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");

pub fn load(arguments: &Arguments) -> Result<Vec<Vec<f64>>, String> {
    match &arguments.input {
        None => {
            let mut points = parse("digits", GzDecoder::new(DIGITS), true)?;
            for entry in points.iter_mut().flatten() {
                *entry /= 16.0;
            }
            Ok(points)
        }
        Some(path) => {
            let name = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|error| format!("{name}: {error}"))?;
            parse(&name, file, arguments.labelled)
        }
    }
}

/// The rows of a file of comma-separated numbers; a first line without any number is a heading.
fn parse(name: &str, source: impl Read, labelled: bool) -> Result<Vec<Vec<f64>>, String> {
    let mut points: Vec<Vec<f64>> = Vec::new();
    for (i, line) in BufReader::new(source).lines().enumerate() {
        let place = format!("{name}, line {}", i + 1);
        let line = line.map_err(|error| format!("{place}: {error}"))?;
        if line.trim().is_empty() {
            continue;
        }
        let mut fields: Vec<&str> = line
            .split(',')
            .map(|f| f.trim().trim_matches('"'))
            .collect();
        if labelled {
            fields.pop();
        }
        if i == 0 && fields.iter().all(|field| field.parse::<f64>().is_err()) {
            continue;
        }
        let point = fields
            .iter()
            .enumerate()
            .map(|(j, field)| match field.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ => Err(format!(
                    "{place}, column {}: {field:?} is not a finite number",
                    j + 1
                )),
            })
            .collect::<Result<Vec<f64>, String>>()?;
        if let Some(first) = points.first().filter(|first| first.len() != point.len()) {
            return Err(format!(
                "{place}: {} columns, but the lines before have {}",
                point.len(),
                first.len()
            ));
        }
        points.push(point);
    }
    if points.is_empty() || points[0].is_empty() {
        return Err(format!("{name}: no points"));
    }
    Ok(points)
}

/// The two points to compare.
pub fn pair<'a>(points: &'a [Vec<f64>], rows: &[usize]) -> Result<[&'a [f64]; 2], String> {
    let [i, j] = rows else {
        return Err(format!("--rows takes two numbers, not {}", rows.len()));
    };
    let point = |i: usize| {
        points.get(i).map(Vec::as_slice).ok_or_else(|| {
            format!(
                "--rows: there is no row {i}, the last is {}",
                points.len() - 1
            )
        })
    };
    Ok([point(*i)?, point(*j)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str, labelled: bool) -> Result<Vec<Vec<f64>>, String> {
        parse("points.csv", text.as_bytes(), labelled)
    }

    #[test]
    fn the_digits_are_1797_points_of_dimension_64() {
        let points = parse("digits", GzDecoder::new(DIGITS), true).unwrap();
        assert_eq!((points.len(), points[0].len()), (1797, 64));
        assert!(
            points
                .iter()
                .flatten()
                .all(|entry| (0.0..=16.0).contains(entry))
        );
    }

    #[test]
    fn a_heading_and_labels_are_left_out() {
        let points = csv("x,y,label\n1, 2.5,7\n-3,4e-1,8\n", true).unwrap();
        assert_eq!(points, [[1.0, 2.5], [-3.0, 0.4]]);
    }

    #[test]
    fn a_bad_row_is_named_with_its_line_and_column() {
        for (text, expected) in [
            (
                "1,2\n3,abc\n",
                "points.csv, line 2, column 2: \"abc\" is not a finite number",
            ),
            (
                "1,2\n3,NaN\n",
                "points.csv, line 2, column 2: \"NaN\" is not a finite number",
            ),
            (
                "1,2\n\n3\n",
                "points.csv, line 3: 1 columns, but the lines before have 2",
            ),
            (
                "1,inf\n",
                "points.csv, line 1, column 2: \"inf\" is not a finite number",
            ),
            (
                "1,\n",
                "points.csv, line 1, column 2: \"\" is not a finite number",
            ),
            ("x,y\n", "points.csv: no points"),
            ("", "points.csv: no points"),
        ] {
            assert_eq!(csv(text, false).unwrap_err(), expected);
        }
        assert_eq!(csv("1\n", true).unwrap_err(), "points.csv: no points");
    }

    #[test]
    fn two_rows_that_exist_are_needed() {
        let points = csv("1\n2\n", false).unwrap();
        assert_eq!(pair(&points, &[0, 1]).unwrap(), [[1.0], [2.0]]);
        assert!(
            pair(&points, &[0, 2])
                .unwrap_err()
                .contains("no row 2, the last is 1")
        );
        assert!(pair(&points, &[0]).unwrap_err().contains("two numbers"));
    }
}
