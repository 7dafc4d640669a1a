//! Points from a CSV file, or the digits that come with the crate.

use std::io::Read;

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

/// The rows of a CSV file; a first line without any number is a heading.
fn parse(name: &str, source: impl Read, labelled: bool) -> Result<Vec<Vec<f64>>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(source);
    let mut points: Vec<Vec<f64>> = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(|error| format!("{name}: {error}"))?;
        let line = record.position().map_or(i as u64 + 1, csv::Position::line);
        let kept = record.len() - usize::from(labelled && !record.is_empty());
        let fields = || record.iter().take(kept);
        if i == 0 && fields().all(|field| field.parse::<f64>().is_err()) {
            continue;
        }
        let point = fields()
            .enumerate()
            .map(|(j, field)| match field.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ => Err(format!(
                    "{name}, line {line}, column {}: {field:?} is not a finite number",
                    j + 1
                )),
            })
            .collect::<Result<Vec<f64>, String>>()?;
        if let Some(first) = points.first().filter(|first| first.len() != point.len()) {
            return Err(format!(
                "{name}, line {line}: {} columns, but the lines before have {}",
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
