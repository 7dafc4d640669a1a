//! Points from a file of numbers, or the digits that come with the crate.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::arguments::Arguments;

/// UCI "Optical Recognition of Handwritten Digits"; source and licence in `data/README.md`.
static DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// What the points are called in messages.
pub fn name(arguments: &Arguments) -> String {
    arguments.input.as_ref().map_or_else(
        || "UCI handwritten digits, pixels in [0, 1]".to_owned(),
        |path| path.display().to_string(),
    )
}

pub fn load(arguments: &Arguments) -> Result<Vec<Vec<f64>>, String> {
    let name = name(arguments);
    match &arguments.input {
        None => {
            let mut points = parse(&name, GzDecoder::new(DIGITS), true)?;
            for entry in points.iter_mut().flatten() {
                *entry /= 16.0;
            }
            Ok(points)
        }
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| format!("{name}: {error}"))?;
            parse(&name, file, arguments.labelled)
        }
    }
}

/// The rows of a file of numbers; a first line without any number is a heading.
fn parse(name: &str, mut source: impl Read, labelled: bool) -> Result<Vec<Vec<f64>>, String> {
    let mut text = Vec::new();
    source
        .read_to_end(&mut text)
        .map_err(|error| format!("{name}: {error}"))?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut points: Vec<Vec<f64>> = Vec::new();
    let mut heading_may_come = true;
    for record in reader.byte_records() {
        let record = record.map_err(|error| format!("{name}: {error}"))?;
        let mut fields: Vec<Cow<str>> = record.iter().map(String::from_utf8_lossy).collect();
        if fields.len() == 1 && fields[0].trim().is_empty() {
            continue;
        }
        if labelled {
            fields.pop();
        }
        let number = |field: &str| field.trim().trim_matches('"').parse::<f64>();
        if std::mem::take(&mut heading_may_come) && fields.iter().all(|f| number(f).is_err()) {
            continue;
        }
        let place = || format!("{name}, line {}", line(text, &record));
        let point = fields
            .iter()
            .enumerate()
            .map(|(j, field)| match number(field) {
                Ok(value) if value.is_finite() => Ok(value),
                _ => Err(format!(
                    "{}, column {}: {:?} is not a finite number",
                    place(),
                    j + 1,
                    shortened(field)
                )),
            })
            .collect::<Result<Vec<f64>, String>>()?;
        if let Some(first) = points.first().filter(|first| first.len() != point.len()) {
            return Err(format!(
                "{}: {} columns, but the lines before have {}",
                place(),
                point.len(),
                first.len()
            ));
        }
        points.push(point);
    }
    if points.first().is_none_or(Vec::is_empty) {
        return Err(format!("{name}: no points"));
    }
    Ok(points)
}

/// The comma, semicolon or tab that the first line has most of, outside of quotes.
fn delimiter(text: &[u8]) -> u8 {
    let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    let first = lines.find(|line| !line.trim_ascii().is_empty());
    let unquoted = first.unwrap_or_default().split(|byte| *byte == b'"');
    let bytes: Vec<u8> = unquoted.step_by(2).flatten().copied().collect();
    let count = |delimiter: &u8| bytes.iter().filter(|byte| *byte == delimiter).count();
    // of equals the last
    let candidates = [b'\t', b';', b','].into_iter();
    candidates.max_by_key(count).unwrap_or(b',')
}

/// The line of a record. The reader's own count is that of the line end before, blank lines included.
fn line(text: &[u8], record: &csv::ByteRecord) -> usize {
    let start = record.position().map_or(0, |position| position.byte()) as usize;
    let (before, rest) = text.split_at(start.min(text.len()));
    let ends = rest.iter().take_while(|byte| b"\r\n".contains(byte));
    1 + before
        .iter()
        .chain(ends)
        .filter(|byte| **byte == b'\n')
        .count()
}

/// The start of a field: one whose quote is never closed goes on to the end of the file.
fn shortened(field: &str) -> String {
    let field = field.trim().trim_matches('"');
    match field.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &field[..end]),
        None => field.to_owned(),
    }
}

/// The two points to compare, which need a direction.
pub fn pair<'a>(
    name: &str,
    points: &'a [Vec<f64>],
    rows: &[usize],
) -> Result<[&'a [f64]; 2], String> {
    let [i, j] = rows else {
        return Err(format!("--rows takes two numbers, not {}", rows.len()));
    };
    let point = |i: usize| match points.get(i) {
        None => Err(format!(
            "--rows: there is no row {i}, the last is {}",
            points.len() - 1
        )),
        Some(point) if point.iter().all(|entry| *entry == 0.0) => Err(format!(
            "row {i} of {name} is the zero vector: expected a vector with a direction"
        )),
        Some(point) => Ok(point.as_slice()),
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
        let pair = |rows: &[usize]| pair("points.csv", &points, rows);
        assert_eq!(pair(&[0, 1]).unwrap(), [[1.0], [2.0]]);
        assert!(
            pair(&[0, 2])
                .unwrap_err()
                .contains("no row 2, the last is 1")
        );
        assert!(pair(&[0]).unwrap_err().contains("two numbers"));
    }

    #[test]
    fn a_row_of_zeros_is_named_with_its_file() {
        let points = csv("1,0\n2,1\n0,-0\n", false).unwrap();
        assert_eq!(
            pair("points.csv", &points, &[0, 2]).unwrap_err(),
            "row 2 of points.csv is the zero vector: expected a vector with a direction"
        );
    }

    #[test]
    fn fields_end_at_commas_semicolons_or_tabs_and_lines_as_on_any_system() {
        for delimiter in [",", ";", "\t", " ; "] {
            for end in ["\n", "\r\n", "\n\n", "\r\n \r\n"] {
                for start in ["", "\u{feff}", "x,y,label\n", "\u{feff}x,y,label\n"] {
                    let text = format!("{start}1,2.5,7\n-3,4e-1,8\n");
                    let text = text.replace(',', delimiter).replace('\n', end);
                    let points = csv(&text, true).unwrap_or_else(|e| panic!("{text:?}: {e}"));
                    assert_eq!(points, [[1.0, 2.5], [-3.0, 0.4]], "{text:?}");
                }
            }
        }
        // no end of the last line; delimiters within quotes
        assert_eq!(csv("1;2\n3;4", false).unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
        let quoted = "\"x, in m\";\"a, b, c\"\n\"1\";\"cat, black\"\n 2 ;dog\n";
        assert_eq!(csv(quoted, true).unwrap(), [[1.0], [2.0]]);
    }

    #[test]
    fn a_bad_row_is_named_whatever_ends_lines_and_fields() {
        for (text, line, column) in [
            ("\u{feff}1;2\r\n3;x\r\n", 2, 2),
            ("a\tb\r\n\r\n1\t2\r\n\r\nx\t2\r\n", 5, 1),
            ("\n\n1,2\n3,x\n", 4, 2),
            ("1,\"2\"\n\"3\",\"x\"\n", 2, 2),
            ("1;2\n1,5;2,5\n", 2, 1),
        ] {
            let error = csv(text, false).unwrap_err();
            let place = format!("points.csv, line {line}, column {column}: ");
            assert!(error.starts_with(&place), "{text:?}: {error}");
        }
        let error = csv(&format!("1\n\"2\n{}", "3\n".repeat(1000)), false).unwrap_err();
        assert!(error.len() < 200, "{error}");
        assert_eq!(
            csv("1;2\r\n3\r\n", false).unwrap_err(),
            "points.csv, line 2: 1 columns, but the lines before have 2"
        );
    }
}
