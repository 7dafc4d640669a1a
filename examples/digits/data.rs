//! Points with classes, from files or the digits that come with the crate.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use flate2::read::GzDecoder;
use nalgebra::DMatrix;
use neural_limits::Inputs;

/// UCI "Optical Recognition of Handwritten Digits"; source and licence in `data/README.md`.
static DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Points as rows and the class of each.
pub struct Part {
    pub inputs: Inputs<'static>,
    pub labels: Vec<usize>,
}

impl Part {
    /// One column for each class: 1 for its points and 0 for others, minus the share of the class.
    pub fn targets(&self, classes: usize) -> DMatrix<f64> {
        let count = self.labels.len();
        let mut share = vec![0.0; classes];
        for &label in &self.labels {
            share[label] += 1.0 / count as f64;
        }
        DMatrix::from_fn(count, classes, |i, class| {
            f64::from(u8::from(self.labels[i] == class)) - share[class]
        })
    }

    /// The first points.
    pub fn first(&self, count: usize) -> Result<Self, String> {
        let points: Vec<&[f64]> = self.inputs.points().take(count).collect();
        Ok(Self {
            inputs: Inputs::from_rows(&points).map_err(|error| error.to_string())?,
            labels: self.labels[..count.min(self.labels.len())].to_vec(),
        })
    }
}

/// What is learnt and what it is tested on, in units of the training part: its mean is 0, the mean square of
/// its entries 1.
pub struct Data {
    pub name: String,
    pub classes: Vec<String>,
    pub train: Part,
    pub test: Part,
}

type Rows = Vec<(Vec<f64>, String)>;

impl Data {
    /// The digits that come with the crate, the first of them to train on.
    pub fn digits(train: usize) -> Result<Self, String> {
        let mut rows = parse("digits", GzDecoder::new(DIGITS))?;
        if !(1..rows.len()).contains(&train) {
            return Err(format!(
                "--train {train}: expected a number of digits from 1 to {}",
                rows.len() - 1
            ));
        }
        let test = rows.split_off(train);
        Self::of("UCI handwritten digits".to_owned(), &rows, &test)
    }

    pub fn of_files(train: &Path, test: &Path) -> Result<Self, String> {
        let name = format!("{}, tested on {}", train.display(), test.display());
        Self::of(name, &of_file(train)?, &of_file(test)?)
    }

    fn of(name: String, train: &Rows, test: &Rows) -> Result<Self, String> {
        let mut classes = BTreeMap::new();
        for (_, label) in train {
            classes.insert(label.clone(), 0);
        }
        if classes.len() < 2 {
            return Err(format!("{name}: expected at least two classes to train on"));
        }
        for (place, class) in classes.values_mut().enumerate() {
            *class = place;
        }
        let dimension = train[0].0.len();
        let count = train.len() as f64;
        let mut mean = vec![0.0; dimension];
        for (point, _) in train {
            for (mean, x) in mean.iter_mut().zip(point) {
                *mean += x / count;
            }
        }
        let squares = |point: &[f64]| -> f64 {
            let deviations = point.iter().zip(&mean);
            deviations.map(|(x, mean)| (x - mean).powi(2)).sum()
        };
        let total: f64 = train.iter().map(|(point, _)| squares(point)).sum();
        let unit = (total / (count * dimension as f64)).sqrt();
        if !(unit > 0.0 && unit.is_finite()) {
            return Err(format!(
                "{name}: expected points that differ, within the range of numbers"
            ));
        }
        let part = |rows: &Rows| -> Result<Part, String> {
            let mut points = Vec::with_capacity(rows.len());
            let mut labels = Vec::with_capacity(rows.len());
            for (i, (point, label)) in rows.iter().enumerate() {
                if point.len() != dimension {
                    return Err(format!(
                        "{name}: point {i} to test has {} numbers, but those to train on have {dimension}",
                        point.len()
                    ));
                }
                let entries = point.iter().zip(&mean);
                points.push(
                    entries
                        .map(|(x, mean)| (x - mean) / unit)
                        .collect::<Vec<f64>>(),
                );
                let class = classes.get(label);
                labels.push(*class.ok_or_else(|| {
                    format!("{name}: the class {label:?} of point {i} to test is none to train on")
                })?);
            }
            Ok(Part {
                inputs: Inputs::from_rows(&points).map_err(|error| format!("{name}: {error}"))?,
                labels,
            })
        };
        let (train, test) = (part(train)?, part(test)?);
        let classes = classes.into_keys().collect();
        Ok(Self {
            name,
            classes,
            train,
            test,
        })
    }
}

fn of_file(path: &Path) -> Result<Rows, String> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|error| format!("{name}: {error}"))?;
    parse(&name, file)
}

/// Rows of numbers and a last column of any text; a first row without any number is a heading.
fn parse(name: &str, source: impl Read) -> Result<Rows, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(source);
    let mut rows: Rows = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let record: StringRecord = record.map_err(|error| format!("{name}: {error}"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<&str> = record.iter().collect();
        let Some((label, numbers)) = fields
            .split_last()
            .filter(|(_, numbers)| !numbers.is_empty())
        else {
            return Err(format!(
                "{name}, line {line}: expected numbers, then a class"
            ));
        };
        if i == 0 && numbers.iter().all(|field| field.parse::<f64>().is_err()) {
            continue;
        }
        let parsed = numbers.iter().enumerate().map(|(column, field)| {
            let value = field.parse().ok().filter(|x: &f64| x.is_finite());
            value.ok_or_else(|| {
                let column = column + 1;
                format!("{name}, line {line}, column {column}: {field:?} is not a finite number")
            })
        });
        rows.push((parsed.collect::<Result<_, _>>()?, (*label).to_owned()));
    }
    if rows.is_empty() {
        return Err(format!("{name}: no points"));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> Result<Rows, String> {
        parse("points.csv", text.as_bytes())
    }

    #[test]
    fn points_have_a_mean_of_0_and_a_mean_square_of_1() {
        let rows = csv("x,y,class\n1, 2,a\n3,4,b\n5,9,a\n").unwrap();
        let data = Data::of("points".to_owned(), &rows, &rows).unwrap();
        let points: Vec<f64> = data.train.inputs.points().flatten().copied().collect();
        let mean = |power: i32| points.iter().map(|x| x.powi(power)).sum::<f64>() / 6.0;
        assert!(mean(1).abs() < 1e-15 && (mean(2) - 1.0).abs() < 1e-15);
        assert_eq!(data.classes, ["a", "b"]);
        assert_eq!(data.train.labels, [0, 1, 0]);
        assert!((data.train.targets(2)[(1, 1)] - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn bad_rows_are_named() {
        for (text, expected) in [
            (
                "1,2,a\n1,x,b\n",
                "points.csv, line 2, column 2: \"x\" is not a finite number",
            ),
            (
                "1,inf,a\n",
                "points.csv, line 1, column 2: \"inf\" is not a finite number",
            ),
            (
                "a\nb\n",
                "points.csv, line 1: expected numbers, then a class",
            ),
            ("x,y,class\n", "points.csv: no points"),
            ("", "points.csv: no points"),
        ] {
            assert_eq!(csv(text).unwrap_err(), expected);
        }
        assert!(csv("1,2,a\n1,b\n").unwrap_err().contains("line: 2"));
    }

    #[test]
    fn classes_and_numbers_of_the_test_are_those_of_training() {
        let of = |train: &str, test: &str| {
            let [train, test] = [train, test].map(|text| csv(text).unwrap());
            Data::of("points".to_owned(), &train, &test).err().unwrap()
        };
        assert!(of("1,a\n2,b\n", "1,c\n").contains("the class \"c\" of point 0 to test"));
        assert!(of("1,a\n2,b\n", "1,2,a\n").contains("point 0 to test has 2 numbers"));
        assert!(of("1,a\n2,a\n", "1,a\n").contains("at least two classes"));
        assert!(of("1,a\n1,b\n", "1,a\n").contains("points that differ"));
    }
}
