//! Sweeps: many cells, each computed by itself, appended to a file as they finish (feature `sweep`).
//!
//! | file | content |
//! |---|---|
//! | [`Sweep`] | numbered cells, and a run of them that can be killed at any moment and gone on with |
//! | [`Shard`] | part $i$ of $k$ of the cells |
//! | [`merge`], [`read`] | shards as the file of one run; what a file holds |
//! | [`replace`] | a file with another content, in one step |
//! | `finite` | whether a value has numbers that JSON cannot hold |
//! | [`Plan`] | random networks on a grid of sizes and laws of weights, as data |
//!
//! A file has lines of JSON. The first says what is swept: the version of the crate, the seed, all
//! parameters, the number of cells. Every other line is a cell, written when it has finished, and the last
//! step puts them in order, so that the bytes of a finished file do not depend on threads, shards or
//! interruptions.

mod file;
mod finite;
mod plan;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde::Serialize;
use serde_json::Value;

pub use file::{Row, merge, read};
use finite::NotFinite;
pub use plan::{Cell, FunctionDescription, Plan, Summary};

use crate::random::Seed;
use crate::{Error, Result, error, parallel};

/// Numbered cells, what they are parameters of, and a seed.
///
/// ```
/// use neural_limits::prelude::*;
/// use neural_limits::sweep::{Shard, Sweep, merge, read};
/// let folder = std::env::temp_dir().join(format!("sweep-{}", std::process::id()));
/// std::fs::create_dir_all(&folder).unwrap();
/// let file = |name: &str| folder.join(name);
///
/// let depths: Vec<usize> = (1..8).collect();
/// let sweep = Sweep::new("the variance of one network", &"ReLU, n = 32", 7, depths)?;
/// let variance = |depth: &usize, seed: Seed| {
///     let networks = ResNet::new(Relu).finite(32, *depth)?;
///     let x = Inputs::from_rows(&[[1.0, 0.5]])?;
///     networks.draw(&x, &mut seed.stream(0))?.covariance(0, 0)
/// };
/// sweep.run(Shard::whole(), &file("all.jsonl"), variance, |_| ())?;
/// let parts = [file("0.jsonl"), file("1.jsonl")];
/// for (i, part) in parts.iter().enumerate() {
///     sweep.run(Shard::new(i, 2)?, part, variance, |_| ())?;
/// }
/// merge(&parts, &file("merged.jsonl"))?;
/// let bytes = |name: &str| std::fs::read(file(name)).unwrap();
/// assert_eq!(bytes("merged.jsonl"), bytes("all.jsonl"));
/// let rows = read::<usize, f64>(&file("all.jsonl"))?;
/// assert_eq!((rows.len(), rows[3].parameters), (7, 4));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sweep<C> {
    header: Header,
    cells: Vec<C>,
}

/// The first line.
#[derive(Debug, Clone, Serialize)]
struct Header {
    sweep: String,
    version: &'static str,
    seed: u64,
    parameters: Value,
    cells: usize,
    /// The last entry, which is not there in a file of all cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<Shard>,
}

/// The cells whose number is $i$ modulo $k$.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(try_from = "Part")]
pub struct Shard {
    index: usize,
    of: usize,
}

/// A shard as it is read, unchecked.
#[derive(serde::Deserialize)]
struct Part {
    index: usize,
    of: usize,
}

impl TryFrom<Part> for Shard {
    type Error = Error;

    fn try_from(part: Part) -> Result<Self> {
        Self::new(part.index, part.of)
    }
}

impl Shard {
    /// $i$ of $k$: all $k$ shards are disjoint and have all cells.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless $i < k$.
    pub fn new(index: usize, of: usize) -> Result<Self> {
        if index < error::size("of", of)? {
            Ok(Self { index, of })
        } else {
            let expected = format!("less than the number of shards, {of}");
            Err(Error::invalid("index", index, expected))
        }
    }

    /// All cells.
    pub fn whole() -> Self {
        Self { index: 0, of: 1 }
    }

    /// $i$.
    pub fn index(&self) -> usize {
        self.index
    }

    /// $k$.
    pub fn of(&self) -> usize {
        self.of
    }

    /// Whether a cell belongs to it.
    pub fn has(&self, cell: usize) -> bool {
        cell % self.of == self.index
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Cells in the file, those of earlier runs among them.
    pub finished: usize,
    /// Cells of the shard.
    pub cells: usize,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a, C, R> {
    cell: usize,
    parameters: &'a C,
    #[serde(flatten)]
    outcome: Outcome<'a, R>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome<'a, R> {
    Result(R),
    Error(&'a Error),
}

impl<C: Serialize + Sync> Sweep<C> {
    /// Of cells, with a name and whatever else they depend on as parameters, for the header.
    ///
    /// # Errors
    /// [`Error::Shape`] for no cells; [`Error::Invalid`] for parameters or cells that are no JSON, as NaN is
    /// not.
    pub fn new(
        name: &str,
        parameters: &(impl Serialize + ?Sized),
        seed: u64,
        cells: Vec<C>,
    ) -> Result<Self> {
        if cells.is_empty() {
            return Err(Error::shape("cells", "length 0", "at least one cell"));
        }
        let not_json = |argument: String, error: &dyn std::fmt::Display| {
            Error::invalid(argument, error, "data that JSON can hold")
        };
        let check = |argument: &str, found: std::result::Result<(), NotFinite>| {
            found.map_err(|error| not_json(format!("{argument}{}", error.place), &error.found))
        };
        check("parameters", finite::check(parameters))?;
        for (i, cell) in cells.iter().enumerate() {
            check(&format!("cells[{i}]"), finite::check(cell))?;
        }
        let parameters = serde_json::to_value(parameters)
            .map_err(|error| not_json("parameters".to_owned(), &error))?;
        Ok(Self {
            header: Header {
                sweep: name.to_owned(),
                version: env!("CARGO_PKG_VERSION"),
                seed,
                parameters,
                cells: cells.len(),
                shard: None,
            },
            cells,
        })
    }

    /// The cells.
    pub fn cells(&self) -> &[C] {
        &self.cells
    }

    fn header(&self, shard: Shard) -> Result<String> {
        let header = Header {
            shard: (shard.of > 1).then_some(shard),
            ..self.header.clone()
        };
        to_json(&header)
    }

    /// Computes the cells of a shard that a file does not have yet, in parallel, and appends each to it as it
    /// finishes; in the end the lines are put in order. Cell number $c$ gets child $c$ of the seed. The
    /// observer is called before the first and after each of them, one call at a time, while the file is
    /// held: it must not start parallel work itself.
    ///
    /// A run that was killed, at whatever moment, is gone on with by the same call: a last line that was cut
    /// off is computed again, nothing else is. An error of `compute` is the result of its cell, as it would
    /// be every time, except for [`Error::OutOfMemory`] and [`Error::Io`]. A result with a number that is NaN
    /// or infinite, for which JSON has no word, is an [`Error::Undefined`] that names it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written, is damaged, or another process writes to it;
    /// [`Error::Invalid`] if it is of another sweep, other cells, another shard or another version of the
    /// crate. Errors of one cell are returned when all others have been computed.
    pub fn run<R: Serialize>(
        &self,
        shard: Shard,
        path: &Path,
        compute: impl Fn(&C, Seed) -> Result<R> + Sync,
        observer: impl Fn(Progress) + Sync,
    ) -> Result<()> {
        let own: Vec<usize> = (0..self.cells.len()).filter(|c| shard.has(*c)).collect();
        let header = self.header(shard)?;
        let start = |cell: usize| {
            let parameters = to_json(&self.cells[cell])?;
            Ok(format!("{{\"cell\":{cell},\"parameters\":{parameters},"))
        };
        let (file, found) = file::open(path, &header, &own, &start)?;
        let missing: Vec<usize> = own.iter().copied().filter(|c| !found.contains(c)).collect();
        let progress = |finished: usize| Progress {
            finished,
            cells: own.len(),
        };
        observer(progress(found.len()));
        let seed = Seed::new(self.header.seed);
        let state = Mutex::new((file, found.len()));
        parallel::try_map(missing.len(), |i| {
            let (cell, parameters) = (missing[i], &self.cells[missing[i]]);
            let outcome = compute(parameters, seed.split(cell as u64)).and_then(|result| {
                let not_finite = |NotFinite { place, found }| {
                    Error::undefined(format!("result{place}"), format!("it is {found}"))
                };
                finite::check(&result).map_err(not_finite)?;
                Ok(result)
            });
            let outcome = match &outcome {
                Ok(result) => Outcome::Result(result),
                Err(error @ (Error::OutOfMemory { .. } | Error::Io { .. })) => {
                    return Err(error.clone());
                }
                Err(error) => Outcome::Error(error),
            };
            let mut line = to_json(&Line {
                cell,
                parameters,
                outcome,
            })?;
            line.push('\n');
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            file::append(&mut state.0, &line).map_err(|error| io_error(path, &error))?;
            state.1 += 1;
            observer(progress(state.1));
            Ok(())
        })?;
        file::put_in_order(path)
    }
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::invalid("a cell", error, "data that JSON can hold"))
}

fn io_error(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Io {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// Replaces a file by another content in one step: whenever the process or the system dies, the file has the
/// old content or the new one, and after the call the new one. Until then that is in a file beside it, with
/// `.new` behind its name; one process at a time.
///
/// # Errors
/// [`Error::Io`].
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    let write = || {
        let mut file = File::create(new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(new, path)?;
        sync_folder(path)
    };
    write().map_err(|error| io_error(path, &error))
}

/// Brings the name of a file to the disk, where the system can.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    match folder.sync_all().map_err(|error| (error.kind(), error)) {
        Err((io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported, _)) | Ok(()) => Ok(()),
        Err((_, error)) => Err(error),
    }
}
