//! The problem, and how its solution is found, kept and written: the same for one process and for the ranks
//! of `mpi/src/bin/conjugate_gradients.rs`.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use nalgebra::DMatrix;
use neural_limits::inference::{
    ConjugateGradients, Iterate, KernelOperator, PivotedCholesky, Progress,
};
use neural_limits::prelude::*;
use neural_limits::sweep::replace;

/// A neural tangent kernel, points and targets.
#[derive(Debug, Args)]
pub struct Problem {
    /// Points to train on.
    #[arg(long, default_value_t = 20_000)]
    pub points: usize,
    /// Their dimension.
    #[arg(long, default_value_t = 10)]
    pub dimension: usize,
    /// Outputs, solved for together.
    #[arg(long, default_value_t = 2)]
    pub outputs: usize,
    /// Points to predict.
    #[arg(long, default_value_t = 1000)]
    pub test: usize,
    /// Hidden layers of the network, whose tangent kernel it is.
    #[arg(long, default_value_t = 3)]
    pub depth: usize,
    /// Points to a side of a tile.
    #[arg(long, default_value_t = 1024)]
    pub side: usize,
    /// Megabytes of a process for tiles that it keeps, in single precision.
    #[arg(long, default_value_t = 1000)]
    pub budget: usize,
    /// Pivots of the preconditioner.
    #[arg(long, default_value_t = 300)]
    pub pivots: usize,
    /// The noise, as a multiple of the mean of the diagonal.
    #[arg(long, default_value_t = 1e-3)]
    pub noise: f64,
    /// The largest relative residual.
    #[arg(long, default_value_t = 1e-6)]
    pub tolerance: f64,
    /// A file that keeps the iterate on its way; if it is there, it is gone on with.
    #[arg(long)]
    pub keep: Option<PathBuf>,
    /// Iterations after which it is written.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,
    /// A file for the weights: doubles, the least byte first, one output after the other.
    #[arg(long)]
    pub weights: Option<PathBuf>,
}

impl Problem {
    /// Points without structure, the same in every run, and targets that are smooth functions of them.
    fn data(&self, first: usize, count: usize) -> (DMatrix<f64>, DMatrix<f64>) {
        let d = self.dimension;
        let x = DMatrix::from_fn(count, d, |i, j| {
            let phase =
                (0.754_877_666 * (first + i) as f64 + 0.569_840_291 * (j * j) as f64).fract();
            (1.0e3 * (phase + 0.1 * j as f64)).sin()
        });
        let y = DMatrix::from_fn(count, self.outputs, |i, c| {
            let sum: f64 = (0..d).map(|j| x[(i, j)] * ((j + c) as f64).cos()).sum();
            sum.sin()
        });
        (x, y)
    }

    pub fn training_data(&self) -> (DMatrix<f64>, DMatrix<f64>) {
        self.data(0, self.points)
    }

    pub fn test_data(&self) -> (DMatrix<f64>, DMatrix<f64>) {
        self.data(self.points, self.test)
    }

    pub fn kernel(&self) -> Result<NetworkKernel, neural_limits::Error> {
        let net = Mlp::new(Relu).initialized_by(Initialization::new(2.0, 0.1)?);
        NetworkKernel::ntk(&net.infinite_width(self.depth)?)
    }

    pub fn noise(&self) -> Noise {
        Noise::RelativeToMeanDiagonal(self.noise)
    }

    pub fn preconditioner(
        &self,
        kernel: &dyn KernelOperator,
    ) -> Result<PivotedCholesky, neural_limits::Error> {
        PivotedCholesky::new(kernel, self.pivots, self.noise())
    }

    /// The content of the file that keeps the iterate, nothing if there is none.
    pub fn kept(&self) -> Result<Vec<u8>, neural_limits::Error> {
        let Some(path) = self.keep.as_deref().filter(|path| path.exists()) else {
            return Ok(Vec::new());
        };
        std::fs::read(path).map_err(|error| io_error(path, &error))
    }

    /// The solution from what was kept on, with a preconditioner. The process that `writes` keeps it on its
    /// way.
    pub fn solve(
        &self,
        kernel: &dyn KernelOperator,
        preconditioner: PivotedCholesky,
        kept: &[u8],
        writes: bool,
        mut report: impl FnMut(Progress),
    ) -> Result<Iterate, Box<dyn Error>> {
        let solver = ConjugateGradients::new(kernel, self.noise())?
            .with_preconditioner(preconditioner)?
            .with_tolerance(self.tolerance)?;
        let mut iterate = match self.read(kept)? {
            Some(iterate) => iterate,
            None => solver.start(&self.training_data().1)?,
        };
        while !iterate.is_solved() {
            solver.run(&mut iterate, |progress| {
                report(progress);
                if self.keep.is_some() && progress.iterations.is_multiple_of(self.every as usize) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            if let Some(path) = self.keep.as_deref().filter(|_| writes) {
                let iterate = serde_json::to_string(&iterate)?;
                replace(path, format!("{}\n{iterate}\n", self.header()).as_bytes())?;
            }
        }
        Ok(iterate)
    }

    /// What decides the bits of an iterate.
    fn header(&self) -> String {
        serde_json::json!({
            "problem": "beyond_memory",
            "points": self.points,
            "dimension": self.dimension,
            "outputs": self.outputs,
            "depth": self.depth,
            "side": self.side,
            "pivots": self.pivots,
            "noise": self.noise,
            "tolerance": self.tolerance,
        })
        .to_string()
    }

    fn read(&self, kept: &[u8]) -> Result<Option<Iterate>, neural_limits::Error> {
        let Some(path) = self.keep.as_deref().filter(|_| !kept.is_empty()) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(kept).map_err(|error| io_error(path, &error))?;
        let (header, iterate) = text.split_once('\n').unwrap_or((text, ""));
        if header != self.header() {
            let argument = format!("the header of {}", path.display());
            return Err(neural_limits::Error::invalid(
                argument,
                header,
                self.header(),
            ));
        }
        serde_json::from_str(iterate)
            .map(Some)
            .map_err(|error| io_error(path, &error))
    }

    pub fn write_weights(&self, weights: &DMatrix<f64>) -> Result<(), neural_limits::Error> {
        let Some(path) = &self.weights else {
            return Ok(());
        };
        let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        replace(path, &bytes)
    }
}

fn io_error(path: &Path, reason: &dyn std::fmt::Display) -> neural_limits::Error {
    neural_limits::Error::Io {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// The root of the mean of all squares of a difference.
pub fn rms(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    (a - b).norm() / (b.len() as f64).sqrt()
}
