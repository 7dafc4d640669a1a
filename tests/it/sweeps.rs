//! Sweeps: killed at any moment and gone on with, sharded, cut off anywhere, a file has the bytes of one run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use neural_limits::network::{Description, WeightLaw};
use neural_limits::prelude::*;
use neural_limits::sweep::{
    Cell, FunctionDescription, Plan, Progress, Row, Shard, Summary, Sweep, merge, read,
};
use rand::RngExt;

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn plan(samples: u64) -> Plan {
    let json = r#"{"layers": [{"dense": {"weight_variance": 1.0}},
        {"stack": {"layers": [{"activation": "relu"}, {"dense": {"weight_variance": 1.0}}]}}]}"#;
    let resnet: Description = serde_json::from_str(json).unwrap();
    let (a, b) = (vec![1.0, 0.0], vec![0.6, 0.8]);
    Plan {
        networks: BTreeMap::from([("resnet".to_owned(), resnet)]),
        weights: vec![
            WeightLaw::gaussian(),
            WeightLaw::rademacher().pruned(0.5).unwrap(),
        ],
        widths: vec![2, 3, 4, 5, 6, 7, 8],
        depths: vec![1, 2, 4, 8],
        functions: vec![
            FunctionDescription::Correlation { a: a.clone(), b },
            FunctionDescription::Neuron { a },
        ],
        quantiles: vec![0.5],
        samples,
        seed: 7,
    }
}

const SAMPLES: u64 = 600;

const KILLED: &str = "NEURAL_LIMITS_KILLED_SWEEP";
const KILLED_TEST: &str = "sweeps::a_sweep_that_is_killed_twenty_times_has_the_bytes_of_one_run";

#[test]
fn a_sweep_that_is_killed_twenty_times_has_the_bytes_of_one_run() {
    // what is killed: this binary again, which runs this test alone
    if let Some(path) = std::env::var_os(KILLED) {
        plan(SAMPLES)
            .run(Shard::whole(), Path::new(&path), |_| ())
            .unwrap();
        return;
    }
    let folder = Folder::new("killed");
    let (whole, killed) = (folder.file("whole.jsonl"), folder.file("killed.jsonl"));
    plan(SAMPLES).run(Shard::whole(), &whole, |_| ()).unwrap();
    let mut rng = Seed::new(7).stream(0);
    let mut lines: Vec<String> = Vec::new();
    for i in 0..20 {
        let size = || fs::metadata(&killed).map_or(0, |file| file.len());
        let (before, start) = (size(), Instant::now());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", KILLED_TEST, "--test-threads=1"])
            .env(KILLED, &killed)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // every other time not before it has written something, or has nothing left to write
        while i % 2 == 0
            && size() == before
            && start.elapsed() < Duration::from_millis(300)
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_micros(100));
        }
        std::thread::sleep(Duration::from_micros(rng.random_range(0..6000)));
        child.kill().unwrap();
        child.wait().unwrap();
        // nothing that was finished is lost, and nothing is there twice
        let text = fs::read_to_string(&killed).unwrap_or_default();
        let now = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let now: Vec<String> = now.map(str::to_owned).collect();
        assert!(lines.iter().all(|line| now.contains(line)));
        let distinct: BTreeSet<&String> = now.iter().collect();
        assert_eq!(distinct.len(), now.len());
        lines = now;
    }
    let found = AtomicUsize::new(usize::MAX);
    let observer = |progress: Progress| {
        found.fetch_min(progress.finished, Ordering::Relaxed);
    };
    plan(SAMPLES)
        .run(Shard::whole(), &killed, observer)
        .unwrap();
    let found = found.into_inner();
    println!("{found} of 56 cells after 20 kills");
    assert_eq!(found, lines.len().saturating_sub(1));
    assert!(fs::read(&killed).unwrap() == fs::read(&whole).unwrap());
}

/// A sweep whose cells cost nothing.
fn squares() -> Sweep<u32> {
    Sweep::new(
        "squares",
        &BTreeMap::from([("of", "numbers")]),
        7,
        (0..5).collect(),
    )
    .unwrap()
}

fn square(x: &u32, _: Seed) -> Result<f64, Error> {
    Ok(f64::from(*x).powi(2) / 3.0)
}

#[test]
fn wherever_a_file_is_cut_off_the_rest_is_computed_again() {
    let folder = Folder::new("cut");
    let (whole, cut) = (folder.file("whole.jsonl"), folder.file("cut.jsonl"));
    squares()
        .run(Shard::whole(), &whole, square, |_| ())
        .unwrap();
    let bytes = fs::read(&whole).unwrap();
    // one thread writes in order, so that no file needs to be written again and brought to the disk
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    for length in 0..=bytes.len() {
        // cut off, or followed by what a crash of the system leaves
        for tail in [&b""[..], b"\0\0\0\0"] {
            let _ = fs::remove_file(&cut);
            fs::write(&cut, [&bytes[..length], tail].concat()).unwrap();
            let computed = AtomicUsize::new(0);
            let counted = |x: &u32, seed: Seed| {
                computed.fetch_add(1, Ordering::Relaxed);
                square(x, seed)
            };
            let run = || squares().run(Shard::whole(), &cut, counted, |_| ());
            pool.install(run).unwrap();
            assert_eq!(fs::read(&cut).unwrap(), bytes, "{length}");
            let lines = bytes[..length]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            assert_eq!(computed.into_inner(), 5 - lines.saturating_sub(1));
        }
    }
    let rows: Vec<Row<u32, f64>> = read(&whole).unwrap();
    assert!(
        rows.iter()
            .all(|row| row.result == square(&row.parameters, Seed::new(0)).ok())
    );
}

#[test]
fn shards_merge_to_the_bytes_of_one_run() {
    let folder = Folder::new("shards");
    let (whole, merged) = (folder.file("whole.jsonl"), folder.file("merged.jsonl"));
    let plan = plan(8);
    plan.run(Shard::whole(), &whole, |_| ()).unwrap();
    for count in [1, 2, 5] {
        let parts: Vec<PathBuf> = (0..count).map(|i| folder.file(&format!("{i}"))).collect();
        for (i, part) in parts.iter().enumerate() {
            let _ = fs::remove_file(part);
            plan.run(Shard::new(i, count).unwrap(), part, |_| ())
                .unwrap();
        }
        let backwards: Vec<&PathBuf> = parts.iter().rev().collect();
        merge(&backwards, &merged).unwrap();
        assert!(
            fs::read(&merged).unwrap() == fs::read(&whole).unwrap(),
            "{count} shards"
        );
    }
    // the file says what it holds
    let rows: Vec<Row<Cell, Summary>> = read(&merged).unwrap();
    assert_eq!(rows.len(), 56);
    let [first, last] = [&rows[0], &rows[55]];
    assert!(first.parameters.weights.is_gaussian() && !last.parameters.weights.is_gaussian());
    assert_eq!(first.result.as_ref().unwrap().samples, 8);
    let header = fs::read_to_string(&merged).unwrap();
    let header: serde_json::Value = serde_json::from_str(header.lines().next().unwrap()).unwrap();
    assert_eq!(header["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(header["seed"], 7);
    assert_eq!(header["parameters"], serde_json::to_value(&plan).unwrap());
}

#[test]
fn a_file_of_another_sweep_is_left_alone() {
    let folder = Folder::new("other");
    let path = folder.file("squares.jsonl");
    squares()
        .run(Shard::whole(), &path, square, |_| ())
        .unwrap();
    let bytes = fs::read(&path).unwrap();
    let other = Sweep::new("squares", "of others", 7, vec![1, 2]).unwrap();
    let error = other
        .run(Shard::whole(), &path, square, |_| ())
        .unwrap_err();
    assert!(matches!(&error, Error::Invalid { argument, .. } if argument.contains("header")));
    // a header does not tell cells apart, their lines do
    let of = BTreeMap::from([("of", "numbers")]);
    let other = Sweep::new("squares", &of, 7, (1..6).collect()).unwrap();
    let error = other
        .run(Shard::whole(), &path, square, |_| ())
        .unwrap_err();
    assert!(matches!(&error, Error::Invalid { argument, .. } if argument.contains("cell 0")));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let part = Shard::new(1, 2).unwrap();
    assert!(serde_json::from_str::<Shard>(r#"{"index": 0, "of": 0}"#).is_err());
    assert!(squares().run(part, &path, square, |_| ()).is_err());
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] = b'\n';
    fs::write(&path, &damaged).unwrap();
    let error = squares()
        .run(Shard::whole(), &path, square, |_| ())
        .unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), damaged);
    // shards that are missing, there twice, or unfinished
    let merged = folder.file("merged.jsonl");
    let parts = [folder.file("0"), folder.file("1")];
    squares().run(part, &parts[1], square, |_| ()).unwrap();
    assert!(matches!(
        merge(&parts[1..], &merged),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(
        merge(&[&parts[1]; 2], &merged),
        Err(Error::Invalid { .. })
    ));
    let stopped = |x: &u32, _: Seed| match x {
        2 => Err(Error::Io {
            path: "a disk".to_owned(),
            reason: "full".to_owned(),
        }),
        _ => Ok(*x),
    };
    let error = squares().run(Shard::new(0, 2).unwrap(), &parts[0], stopped, |_| ());
    assert!(matches!(error, Err(Error::Io { .. })));
    assert!(matches!(merge(&parts, &merged), Err(Error::Shape { .. })));
    let mut strange = fs::read_to_string(&parts[1]).unwrap();
    strange.push_str("{\"cell\":2,\"parameters\":2,\"result\":0.0}\n");
    fs::write(&parts[1], strange).unwrap();
    let error = merge(&parts, &merged).unwrap_err();
    assert!(
        error.to_string().contains("cell 2 is not of this shard"),
        "{error}"
    );
    assert!(!merged.exists());
}

/// An error that a cell would have again is its result.
#[test]
fn errors_of_cells_are_results() {
    let folder = Folder::new("errors");
    let path = folder.file("squares.jsonl");
    let only_even = |x: &u32, _: Seed| {
        if x.is_multiple_of(2) {
            Ok(*x)
        } else if *x == 3 {
            Err(Error::overflow("an infinite logarithm is no JSON"))
        } else {
            Err(Error::undefined("half", "the number is odd"))
        }
    };
    squares()
        .run(Shard::whole(), &path, only_even, |_| ())
        .unwrap();
    let rows: Vec<Row<u32, u32>> = read(&path).unwrap();
    assert!(
        rows.iter()
            .all(|row| row.result.is_some() == row.cell.is_multiple_of(2))
    );
    assert!(matches!(rows[1].error, Some(Error::Undefined { .. })));
    assert_eq!(rows[3].error, only_even(&3, Seed::new(0)).err());
}

/// JSON would write null for them, and say nothing.
#[test]
fn numbers_that_json_cannot_hold_are_errors_of_their_cells() {
    let folder = Folder::new("not_finite");
    let path = folder.file("roots.jsonl");
    let sweep = Sweep::new("roots", "of some numbers", 7, vec![4, -1, 0]).unwrap();
    let roots = |x: &i32, _: Seed| {
        let root = f64::from(*x).sqrt();
        Ok(BTreeMap::from([(
            "root",
            vec![Some(root), None, Some(1.0 / root)],
        )]))
    };
    sweep.run(Shard::whole(), &path, roots, |_| ()).unwrap();
    type Roots = BTreeMap<String, Vec<Option<f64>>>;
    let rows: Vec<Row<i32, Roots>> = read(&path).unwrap();
    let [four, less, zero] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!(
        four.result.as_ref().unwrap()["root"],
        [Some(2.0), None, Some(0.5)]
    );
    for (row, number, is) in [(less, 0, "NaN"), (zero, 2, "inf")] {
        let expected = format!("result[\"root\"][{number}] is undefined: it is {is}");
        assert_eq!(row.error.as_ref().unwrap().to_string(), expected);
    }
    for error in [
        Sweep::new("numbers", &[f64::NAN], 7, vec![0.0]).unwrap_err(),
        Sweep::new("numbers", "of cells", 7, vec![0.0, f64::INFINITY]).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    }
}

#[test]
fn shards_replace_no_file_but_a_part_of_them() {
    let folder = Folder::new("replaced");
    let (part, merged) = (folder.file("part.jsonl"), folder.file("merged.jsonl"));
    squares()
        .run(Shard::whole(), &part, square, |_| ())
        .unwrap();
    let whole = fs::read_to_string(&part).unwrap();
    let two_lines = whole.split_inclusive('\n').take(2).collect::<String>();
    for old in ["", &two_lines, &whole] {
        fs::write(&merged, old).unwrap();
        merge(&[&part], &merged).unwrap();
        assert_eq!(fs::read_to_string(&merged).unwrap(), whole);
    }
    let other_result = whole.replace("\"result\":3.0", "\"result\":4.0");
    assert!(other_result != whole);
    for old in [
        "notes of mine\n",
        &whole.replace("squares", "cubes"),
        &other_result,
    ] {
        fs::write(&merged, old).unwrap();
        let error = merge(&[&part], &merged).unwrap_err();
        assert!(
            error.to_string().contains("not a part of this sweep"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&merged).unwrap(), old);
    }
}
