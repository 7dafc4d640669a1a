//! The file: a header, then the tiles on and below the diagonal in order, each as little-endian doubles and a
//! checksum.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Error, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Crc;

const MAGIC: &[u8; 8] = b"NTKTILES";

/// What the file is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub points: u64,
    pub dimension: u64,
    pub side: u64,
    pub depth: u64,
}

const HEADER_BYTES: u64 = 40;

/// What a file holds.
pub enum State {
    Whole(Header),
    Partial {
        header: Header,
        /// Tiles that are there and undamaged, from the first on.
        good: usize,
        reason: String,
    },
}

impl Header {
    fn bands(&self) -> u64 {
        self.points.div_ceil(self.side)
    }

    pub fn tiles(&self) -> usize {
        (self.bands() * (self.bands() + 1) / 2) as usize
    }

    /// The numbers of entries of all tiles, in order.
    fn entries(self) -> impl Iterator<Item = u64> {
        let size = move |band: u64| self.side.min(self.points - band * self.side);
        (0..self.bands()).flat_map(move |row| (0..=row).map(move |column| size(row) * size(column)))
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        for number in [self.points, self.dimension, self.side, self.depth] {
            out.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut magic = [0; 8];
        input.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "not a file of kernel tiles",
            ));
        }
        let mut number = || -> io::Result<u64> {
            let mut bytes = [0; 8];
            input.read_exact(&mut bytes)?;
            Ok(u64::from_le_bytes(bytes))
        };
        let header = Self {
            points: number()?,
            dimension: number()?,
            side: number()?,
            depth: number()?,
        };
        let sensible = 1..=1 << 32;
        if sensible.contains(&header.points) && sensible.contains(&header.side) {
            Ok(header)
        } else {
            Err(Error::new(ErrorKind::InvalidData, "a damaged header"))
        }
    }
}

/// Reads the whole file and its checksums.
pub fn check(path: &Path) -> io::Result<State> {
    let mut input = BufReader::new(File::open(path)?);
    let header = Header::read(&mut input)?;
    let mut buffer = Vec::new();
    for (good, entries) in header.entries().enumerate() {
        buffer.clear();
        let bytes = 8 * entries + 4;
        (&mut input).take(bytes).read_to_end(&mut buffer)?;
        let reason = if buffer.is_empty() {
            Some("the file ends")
        } else if (buffer.len() as u64) < bytes {
            Some("a tile is cut off: the file is truncated")
        } else {
            let (numbers, checksum) = buffer.split_at(buffer.len() - 4);
            (checksum_of(numbers).to_le_bytes() != checksum).then_some("a tile is damaged")
        };
        if let Some(reason) = reason {
            let reason = reason.to_owned();
            return Ok(State::Partial {
                header,
                good,
                reason,
            });
        }
    }
    if input.read(&mut [0])? > 0 {
        return Ok(State::Partial {
            header,
            good: header.tiles(),
            reason: "the file goes on".to_owned(),
        });
    }
    Ok(State::Whole(header))
}

fn checksum_of(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The file, ready for the next tile, and the number of tiles that it has: what is not whole behind them is
/// cut off.
pub fn open(path: &Path, header: Header) -> io::Result<(BufWriter<File>, usize)> {
    let mut good = 0;
    if path.exists() {
        let (found, tiles) = match check(path)? {
            State::Whole(found) => (found, found.tiles()),
            State::Partial { header, good, .. } => (header, good),
        };
        if found != header {
            let message = format!("{} is of another kernel: {found:?}", path.display());
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
        good = tiles;
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let entries = header.entries().take(good);
    let end = HEADER_BYTES + entries.map(|entries| 8 * entries + 4).sum::<u64>();
    if good == 0 {
        header.write(&mut file)?;
    }
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok((BufWriter::new(file), good))
}

/// Hands a tile to the system: what is killed afterwards has not lost it.
pub fn append(out: &mut BufWriter<File>, tile: &[f64]) -> io::Result<()> {
    let bytes: Vec<u8> = tile.iter().flat_map(|x| x.to_le_bytes()).collect();
    out.write_all(&bytes)?;
    out.write_all(&checksum_of(&bytes).to_le_bytes())?;
    out.flush()
}
