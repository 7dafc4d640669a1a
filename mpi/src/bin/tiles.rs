//! The tiles of a neural tangent kernel over ranks, into one file.
//!
//! ```sh
//! cargo build --release -p neural-limits-mpi
//! mpirun -n 4 target/release/tiles kernel.bin --points 20000
//! cargo run --release --example out_of_core -- check kernel.bin
//! ```
//!
//! The file has the bytes of the example `out_of_core`: a header, then the tiles on and below the diagonal,
//! each with a checksum. The place of a tile is known before any is computed, so each rank writes its own
//! where they belong; a job that died goes on with the tiles whose checksums are missing, on any number of
//! ranks.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use flate2::Crc;
use indicatif::{ProgressBar, ProgressStyle};
use neural_limits::kernel::KernelKind;
use neural_limits::prelude::*;
use neural_limits::ranks::Ranks;

#[derive(Parser)]
#[command(about = "Write a neural tangent kernel tile by tile, over the ranks of MPI")]
struct Arguments {
    path: PathBuf,
    #[arg(long, default_value_t = 20_000)]
    points: usize,
    #[arg(long, default_value_t = 64)]
    dimension: usize,
    /// Points to a side of a tile.
    #[arg(long, default_value_t = 1024)]
    side: usize,
    #[arg(long, default_value_t = 3)]
    depth: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    Ranks::join()?.run(|ranks| run(&arguments, ranks));
    Ok(())
}

/// Points on a spiral, the same in every run.
fn points(count: usize, dimension: usize) -> Vec<f64> {
    (0..count * dimension)
        .map(|i| (0.618_033_988_749_895 * i as f64).fract() - 0.5 + (i as f64).sin() * 0.1)
        .collect()
}

fn run(arguments: &Arguments, ranks: &Ranks) -> Result<(), Box<dyn Error>> {
    let data = points(arguments.points, arguments.dimension);
    let x = Inputs::from_slice(&data, arguments.dimension)?;
    let net = Mlp::new(Relu).initialized_by(Initialization::new(2.0, 0.1)?);
    let kernel = net.infinite_width(arguments.depth)?;
    let tiles = kernel.tiles(&x, KernelKind::Ntk, arguments.side)?;
    let header = header(arguments);
    let mut places = vec![header.len() as u64];
    for index in 0..tiles.len() {
        let (rows, columns) = tiles.ranges(index)?;
        places.push(places[index] + (8 * rows.len() * columns.len() + 4) as u64);
    }
    if ranks.rank() == 0 {
        make(&arguments.path, &header, places[tiles.len()])?;
    }
    ranks.wait();
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).open(&arguments.path)?;
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} tiles of the first rank")?;
    let bar = if ranks.rank() == 0 {
        ProgressBar::new(ranks.own(tiles.len()).count() as u64).with_style(style)
    } else {
        ProgressBar::hidden()
    };
    for index in ranks.own(tiles.len()) {
        if !is_whole(&mut file, places[index]..places[index + 1])? {
            let tile: Vec<u8> = tiles
                .get(index)?
                .ntk
                .iter()
                .flat_map(|x| x.to_le_bytes())
                .collect();
            file.seek(SeekFrom::Start(places[index]))?;
            file.write_all(&[&tile[..], &checksum(&tile).to_le_bytes()].concat())?;
        }
        bar.inc(1);
    }
    bar.finish();
    ranks.wait();
    Ok(())
}

fn header(arguments: &Arguments) -> Vec<u8> {
    let Arguments {
        points,
        dimension,
        side,
        depth,
        ..
    } = arguments;
    let numbers = [points, dimension, side, depth].map(|number| (*number as u64).to_le_bytes());
    [&b"NTKTILES"[..], &numbers.concat()].concat()
}

/// A file of this length, with this header, and with the tiles that it has.
fn make(path: &Path, header: &[u8], length: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(path)?;
    let mut found = Vec::new();
    (&mut file)
        .take(header.len() as u64)
        .read_to_end(&mut found)?;
    if !header.starts_with(&found) {
        let message = format!("{} is of another kernel", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header)?;
    file.set_len(length)
}

fn is_whole(file: &mut File, place: std::ops::Range<u64>) -> io::Result<bool> {
    file.seek(SeekFrom::Start(place.start))?;
    let mut bytes = vec![0; (place.end - place.start) as usize];
    file.read_exact(&mut bytes)?;
    let (tile, sum) = bytes.split_at(bytes.len() - 4);
    Ok(checksum(tile).to_le_bytes() == sum)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
