//! Files of lines, of which the last may be cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Shard, io_error, replace, sync_folder};
use crate::{Error, Result};

/// How long another process may hold a file before it counts as running.
const PATIENCE: Duration = Duration::from_secs(2);

/// A cell in a file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Row<C, R> {
    /// Its number.
    pub cell: usize,
    /// What it is.
    pub parameters: C,
    /// What was computed, if there was no error.
    pub result: Option<R>,
    /// Why there is no result.
    pub error: Option<Error>,
}

/// What tells one line from another.
#[derive(Deserialize)]
struct Numbered {
    cell: usize,
}

/// What is read of a header.
#[derive(Deserialize)]
struct Known {
    cells: usize,
    shard: Option<Shard>,
}

/// The whole lines of a file.
struct Lines<'a> {
    header: &'a str,
    cells: BTreeMap<usize, &'a str>,
    in_order: bool,
    /// The length of the header and these lines, in bytes.
    length: usize,
}

impl<'a> Lines<'a> {
    /// `None` if there is not even a header.
    fn of(path: &Path, bytes: &'a [u8]) -> Result<Option<Self>> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let Some(end) = whole else {
            return Ok(None);
        };
        let damaged =
            |line: usize, what: &str| io_error(path, &format!("line {line} is damaged: {what}"));
        let mut lines = bytes[..end].split(|byte| *byte == b'\n').enumerate();
        let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).ok();
        let header = lines.next().and_then(|(_, header)| text(header));
        let header = header.ok_or_else(|| damaged(1, "no text"))?;
        let mut found = Self {
            header,
            cells: BTreeMap::new(),
            in_order: true,
            length: header.len() + 1,
        };
        let mut previous = None;
        for (i, line) in lines {
            let numbered = serde_json::from_slice::<Numbered>(line);
            let (Ok(Numbered { cell }), Some(line)) = (numbered, text(line)) else {
                // what a system that crashed has left of the end
                if found.length + line.len() == end {
                    break;
                }
                return Err(damaged(i + 1, "no cell"));
            };
            if found.cells.insert(cell, line).is_some() {
                return Err(damaged(i + 1, &format!("cell {cell} again")));
            }
            found.in_order &= previous < Some(cell);
            previous = Some(cell);
            found.length += line.len() + 1;
        }
        Ok(Some(found))
    }

    fn in_order(&self, header: &str) -> Vec<u8> {
        let lines = std::iter::once(&header).chain(self.cells.values());
        let lines = lines.flat_map(|line| [line.as_bytes(), b"\n"]);
        lines.flatten().copied().collect()
    }
}

/// The file, locked and ready for the next line, and the cells that it has: what is not whole behind them is
/// cut off. The line of a cell must have the given start.
pub(super) fn open(
    path: &Path,
    header: &str,
    own: &[usize],
    start: &dyn Fn(usize) -> Result<String>,
) -> Result<(File, BTreeSet<usize>)> {
    let io = |error: std::io::Error| io_error(path, &error);
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(path).map_err(io)?;
    lock(path, &file)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io)?;
    let of_another = |found: &str| {
        let argument = format!("the header of {}", path.display());
        Err(Error::invalid(argument, found, header))
    };
    let Some(lines) = Lines::of(path, &bytes)? else {
        // a header that was cut off, or nothing
        let text = String::from_utf8_lossy(&bytes);
        if !header.starts_with(text.trim_end_matches('\0')) {
            return of_another(&text);
        }
        cut(&mut file, 0).map_err(io)?;
        file.write_all(format!("{header}\n").as_bytes())
            .map_err(io)?;
        if bytes.is_empty() {
            sync_folder(path).map_err(io)?;
        }
        return Ok((file, BTreeSet::new()));
    };
    if lines.header != header {
        return of_another(lines.header);
    }
    let found: BTreeSet<usize> = lines.cells.keys().copied().collect();
    let foreign = found.iter().find(|cell| own.binary_search(cell).is_err());
    if let Some(cell) = foreign {
        return Err(of_another_shard(path, *cell));
    }
    for (cell, line) in &lines.cells {
        let start = start(*cell)?;
        if !line.starts_with(&start) {
            let argument = format!("cell {cell} of {}", path.display());
            return Err(Error::invalid(argument, line, format!("{start}…")));
        }
    }
    cut(&mut file, lines.length as u64).map_err(io)?;
    Ok((file, found))
}

/// One more line, or nothing: half a line on a full disk would spoil those that are written behind it.
pub(super) fn append(file: &mut File, line: &str) -> std::io::Result<()> {
    let length = file.stream_position()?;
    file.write_all(line.as_bytes()).or_else(|error| {
        cut(file, length)?;
        Err(error)
    })
}

fn of_another_shard(path: &Path, cell: usize) -> Error {
    io_error(path, &format!("cell {cell} is not of this shard"))
}

/// A process that has just been killed keeps its lock for another moment.
fn lock(path: &Path, file: &File) -> Result<()> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                thread::sleep(PATIENCE / 200);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io_error(path, &"another process writes to it"));
            }
            Err(TryLockError::Error(error)) => return Err(io_error(path, &error)),
        }
    }
}

fn cut(file: &mut File, length: u64) -> std::io::Result<()> {
    if file.metadata()?.len() > length {
        file.set_len(length)?;
    }
    file.seek(SeekFrom::Start(length)).map(|_| ())
}

/// The lines of a file by the number of their cells.
pub(super) fn put_in_order(path: &Path) -> Result<()> {
    let bytes = fs::read(path).map_err(|error| io_error(path, &error))?;
    match Lines::of(path, &bytes)? {
        Some(lines) if !lines.in_order => replace(path, &lines.in_order(lines.header)),
        _ => Ok(()),
    }
}

/// All shards of a sweep as one file, with the bytes of a run of all cells. A file that is there already is
/// replaced if it holds nothing else than some of these cells.
///
/// # Errors
/// [`Error::Shape`] for shards or cells that are missing; [`Error::Invalid`] for files of different sweeps or
/// the same shard twice; [`Error::Io`], also for a file that would be lost.
pub fn merge(shards: &[impl AsRef<Path>], path: &Path) -> Result<()> {
    let mut files = Vec::new();
    for shard in shards {
        let shard = shard.as_ref();
        files.push((
            shard,
            fs::read(shard).map_err(|error| io_error(shard, &error))?,
        ));
    }
    let (mut all, mut seen): (Option<Lines<'_>>, BTreeSet<usize>) = (None, BTreeSet::new());
    let mut cells = 0;
    for (shard, bytes) in &files {
        let no_header = || io_error(shard, &"no header of a sweep");
        let lines = Lines::of(shard, bytes)?.ok_or_else(no_header)?;
        let known: Known = serde_json::from_str(lines.header).map_err(|_| no_header())?;
        let own = known.shard.unwrap_or(Shard::whole());
        let (part, of) = (own.index, own.of);
        let is_own = |cell: &usize| *cell < known.cells && own.has(*cell);
        if let Some(cell) = lines.cells.keys().find(|cell| !is_own(cell)) {
            return Err(of_another_shard(shard, *cell));
        }
        if of != files.len() {
            let expected = format!("{of} of them, as {} says", shard.display());
            return Err(Error::shape(
                "shards",
                format!("length {}", files.len()),
                expected,
            ));
        }
        if !seen.insert(part) {
            let expected = format!("every shard once ({})", shard.display());
            return Err(Error::invalid("shard", part, expected));
        }
        // the shard is the last entry of a header
        let header = match lines.header.rfind(",\"shard\":") {
            Some(at) if known.shard.is_some() => &lines.header[..at],
            _ => lines.header.strip_suffix('}').unwrap_or(lines.header),
        };
        cells = known.cells;
        match &mut all {
            None => all = Some(Lines { header, ..lines }),
            Some(all) if all.header == header => all.cells.extend(lines.cells),
            Some(all) => {
                let argument = format!("the header of {}", shard.display());
                return Err(Error::invalid(argument, header, all.header));
            }
        }
    }
    let all = all.ok_or_else(|| Error::shape("shards", "length 0", "at least one file"))?;
    let missing = (0..cells).find(|cell| !all.cells.contains_key(cell));
    if let Some(cell) = missing {
        let expected = format!("all {cells}, among them cell {cell}: run the shards to their end");
        return Err(Error::shape(
            "the sweep",
            format!("{} cells", all.cells.len()),
            expected,
        ));
    }
    let header = format!("{}}}", all.header);
    check_replaced(path, &header, &all)?;
    replace(path, &all.in_order(&header))
}

/// Whether a file is not there, or has nothing that other lines do not have.
fn check_replaced(path: &Path, header: &str, by: &Lines<'_>) -> Result<()> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        bytes => bytes.map_err(|error| io_error(path, &error))?,
    };
    let is_part = |lines: Lines<'_>| {
        let mut cells = lines.cells.iter();
        lines.header == header && cells.all(|(cell, line)| by.cells.get(cell) == Some(line))
    };
    if bytes.is_empty() || Lines::of(path, &bytes).is_ok_and(|found| found.is_some_and(is_part)) {
        return Ok(());
    }
    let reason = "is there, and not a part of this sweep: remove it or choose another name";
    Err(io_error(path, &reason))
}

/// The cells of a file, in order; those that are not there yet are left out.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read or holds other types.
pub fn read<C: DeserializeOwned, R: DeserializeOwned>(path: &Path) -> Result<Vec<Row<C, R>>> {
    let bytes = fs::read(path).map_err(|error| io_error(path, &error))?;
    let Some(lines) = Lines::of(path, &bytes)? else {
        return Ok(Vec::new());
    };
    let rows = lines.cells.values().map(|line| serde_json::from_str(line));
    rows.collect::<std::result::Result<_, _>>()
        .map_err(|error| io_error(path, &error))
}
