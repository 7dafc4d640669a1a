//! Posteriors by conjugate gradients are those of the Cholesky factor, whatever is kept in memory.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use neural_limits::activation;
use neural_limits::inference::{
    ConjugateGradients, CovarianceFunction, Iterate, KernelOperator, PivotedCholesky, Regression,
    Scaled, TiledKernel,
};
use neural_limits::prelude::*;

const POINTS: usize = 150;
const NOISE: Noise = Noise::Variance(1e-2);

fn points(first: usize, count: usize) -> Inputs<'static> {
    Inputs::from_matrix(&DMatrix::from_fn(count, 3, |i, j| {
        (1.7 * (first + i) as f64 + 2.3 * (j * j) as f64 + ((first + i) * j) as f64).sin()
    }))
    .unwrap()
}

/// Three outputs, of which the second is 0.
fn targets() -> DMatrix<f64> {
    DMatrix::from_fn(POINTS, 3, |i, c| match c {
        1 => 0.0,
        _ => (0.1 * (i * (c + 1)) as f64).cos(),
    })
}

fn kernel() -> NetworkKernel {
    let net = Mlp::new(Relu).initialized_by(Initialization::new(2.0, 0.1).unwrap());
    NetworkKernel::ntk(&net.infinite_width(2).unwrap()).unwrap()
}

fn go_on(_: neural_limits::inference::Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Blocks of any size come from one plan, which is that of the whole matrix.
#[test]
fn blocks_have_the_bits_of_the_whole_matrix() {
    let (x, other) = (points(0, 300), points(300, 20));
    for (phi, tangent) in [("relu", true), ("gelu", false), ("gelu", true)] {
        let net = Mlp::new(activation::named(phi).unwrap())
            .initialized_by(Initialization::new(2.0, 0.1).unwrap())
            .infinite_width(2)
            .unwrap();
        let kernel = if tangent {
            NetworkKernel::ntk(&net)
        } else {
            NetworkKernel::nngp(&net)
        };
        let kernel = Scaled::new(3.0, kernel.unwrap()).unwrap();
        let whole = kernel.gram(&x).unwrap();
        let blocks = kernel.blocks(&x, None).unwrap();
        assert_eq!(blocks(0..300, 0..300).unwrap(), whole);
        for (rows, columns) in [(0..280, 0..280), (270..300, 0..256), (299..300, 0..299)] {
            let part = whole.view((rows.start, columns.start), (rows.len(), columns.len()));
            let found = blocks(rows, columns).unwrap();
            assert!((&found - part).amax() <= 4e-16 * whole.amax());
        }
        assert!(blocks(0..0, 0..1).is_err() && blocks(0..1, 299..301).is_err());
        let cross = kernel.cross(&x, &other).unwrap();
        let blocks = kernel.blocks(&x, Some(&other)).unwrap();
        assert_eq!(blocks(0..300, 0..20).unwrap(), cross);
    }
}

#[test]
fn weights_and_means_are_those_of_the_factor() {
    let (kernel, x, test, y) = (kernel(), points(0, POINTS), points(POINTS, 40), targets());
    let regression = Regression::new(&kernel.gram(&x).unwrap(), &y, NOISE).unwrap();
    let exact = regression.mean(&kernel.cross(&test, &x).unwrap()).unwrap();
    for budget in [0, 50_000, 1 << 20] {
        let tiles = TiledKernel::<f64>::with_side(&kernel, &x, budget, 32).unwrap();
        assert_eq!(tiles.count(), 15);
        assert_eq!(
            tiles.kept(),
            [0, 6, 15][usize::from(budget > 0) + usize::from(budget > 50_000)]
        );
        let solver = ConjugateGradients::new(&tiles, NOISE)
            .unwrap()
            .with_preconditioner(PivotedCholesky::new(&tiles, 20, NOISE).unwrap())
            .unwrap()
            .with_tolerance(1e-9)
            .unwrap();
        let weights = solver.solve(&y).unwrap();
        // an error of the weights is a residual over the noise
        let scale = y.amax() * (POINTS as f64).sqrt() / 1e-2;
        assert!((&weights - regression.weights()).amax() < 2e-9 * scale);
        assert!(weights.column(1).iter().all(|weight| *weight == 0.0));
        let mean = tiles.mean(&test, &weights).unwrap();
        assert!((mean - &exact).amax() < 1e-7);
    }
}

/// A perturbation E of K changes the weights by at most ‖E‖/σ² of their size.
#[test]
fn single_precision_errs_as_its_rounding_allows() {
    let (kernel, x, y) = (kernel(), points(0, POINTS), targets());
    let gram = kernel.gram(&x).unwrap();
    let regression = Regression::new(&gram, &y, NOISE).unwrap();
    let tiles = TiledKernel::<f32>::with_side(&kernel, &x, 1 << 20, 64).unwrap();
    // three blocks, of 64, 64 and 22 points
    assert_eq!(tiles.bytes(), 4 * (3 * 64 * 64 + 2 * 22 * 64 + 22 * 22));
    let solver = ConjugateGradients::new(&tiles, NOISE)
        .unwrap()
        .with_tolerance(1e-9)
        .unwrap();
    let weights = solver.solve(&y).unwrap();
    let perturbation = 2f64.powi(-24) * gram.norm();
    let change = (&weights - regression.weights()).norm();
    assert!(change < 2.0 * perturbation / 1e-2 * weights.norm());
}

#[test]
fn neither_the_budget_nor_a_break_changes_a_bit() {
    let (kernel, x, y) = (kernel(), points(0, POINTS), targets());
    let whole = TiledKernel::<f32>::with_side(&kernel, &x, 1 << 20, 32).unwrap();
    let none = TiledKernel::<f32>::with_side(&kernel, &x, 0, 32).unwrap();
    let weights = ConjugateGradients::new(&whole, NOISE)
        .unwrap()
        .solve(&y)
        .unwrap();
    let solver = ConjugateGradients::new(&none, NOISE).unwrap();
    let mut iterate = solver.start(&y).unwrap();
    solver
        .run(&mut iterate, |progress| match progress.iterations {
            4 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .unwrap();
    assert!(iterate.iterations() == 4 && !iterate.is_solved());
    let kept = serde_json::to_string(&iterate).unwrap();
    let mut read: Iterate = serde_json::from_str(&kept).unwrap();
    assert_eq!(read, iterate);
    // one whose parts do not fit
    let damaged = kept.replace("\"open\":[", "\"open\":[7,");
    let mut damaged: Iterate = serde_json::from_str(&damaged).unwrap();
    assert!(matches!(
        solver.run(&mut damaged, go_on),
        Err(Error::Shape { .. })
    ));
    solver.run(&mut read, go_on).unwrap();
    assert!(read.is_solved());
    assert!(read.weights() == &weights);
}

/// Processes that share the tiles, each within a budget of its own, have the summands of one.
#[test]
fn tiles_that_are_shared_give_the_bits_of_one_process() {
    let (kernel, x) = (kernel(), points(0, POINTS));
    let vectors = targets();
    let one = TiledKernel::<f32>::with_side(&kernel, &x, 1 << 20, 32).unwrap();
    let (product, row) = (one.times(&vectors).unwrap(), one.row(77).unwrap());
    for processes in [1, 2, 3, 20] {
        let shared = |i| TiledKernel::<f32>::shared(&kernel, &x, 20_000, 32, i, processes).unwrap();
        let shares: Vec<_> = (0..processes).map(shared).collect();
        let own = |share: &TiledKernel<f32>| share.own_tiles(0..one.count()).collect();
        let owned: Vec<Vec<usize>> = shares.iter().map(own).collect();
        let kept: usize = shares.iter().map(|share| share.kept()).sum();
        assert!(kept <= one.count() && owned.iter().map(Vec::len).sum::<usize>() == one.count());
        let mut sum = DMatrix::zeros(POINTS, 3);
        for tile in 0..one.count() {
            let share = &shares[tile % processes];
            assert!(owned[tile % processes].contains(&tile));
            let summands = share.summands(&[tile], &vectors).unwrap();
            assert!(
                summands
                    .iter()
                    .map(|summand| summand.band)
                    .eq(share.bands_of(tile))
            );
            for summand in summands {
                one.add(&mut sum, summand.band, &summand.values).unwrap();
            }
        }
        assert_eq!(sum, product);
        let parts = (0..one.bands()).map(|band| shares[band % processes].row_in(band, 77).unwrap());
        assert_eq!(parts.collect::<Vec<_>>().concat(), row.as_slice());
    }
    assert!(TiledKernel::<f32>::shared(&kernel, &x, 0, 32, 2, 2).is_err());
    assert!(TiledKernel::<f32>::shared(&kernel, &x, 0, 32, 0, 0).is_err());
    assert!(one.summands(&[one.count()], &vectors).is_err());
    assert!(one.row_in(one.bands(), 0).is_err() && one.row_in(0, POINTS).is_err());
    let mut other = DMatrix::zeros(POINTS, 3);
    assert!(one.add(&mut other, 0, &[1.0]).is_err());
}

/// An operator of a user, who may get shapes wrong.
#[derive(Debug)]
struct Truncated(nalgebra::DVector<f64>);

impl KernelOperator for Truncated {
    fn diagonal(&self) -> &nalgebra::DVector<f64> {
        &self.0
    }

    fn row(&self, _: usize) -> Result<nalgebra::DVector<f64>, Error> {
        Ok(nalgebra::DVector::zeros(1))
    }

    fn times(&self, vectors: &DMatrix<f64>) -> Result<DMatrix<f64>, Error> {
        Ok(vectors.rows(0, 1).into_owned())
    }
}

#[test]
fn operators_that_do_not_fit_are_refused() {
    let operator = Truncated(nalgebra::DVector::repeat(4, 1.0));
    let solver = ConjugateGradients::new(&operator, NOISE).unwrap();
    let error = solver.solve(&DMatrix::repeat(4, 1, 1.0)).unwrap_err();
    assert!(error.to_string().contains("the product"), "{error}");
    let error = PivotedCholesky::new(&operator, 2, NOISE).unwrap_err();
    assert!(error.to_string().contains("a row of the kernel"), "{error}");
}

#[test]
fn too_few_iterations_say_how_far_they_came_and_can_be_gone_on_with() {
    let (kernel, x, y) = (kernel(), points(0, POINTS), targets());
    let tiles = TiledKernel::<f64>::new(&kernel, &x, 1 << 20).unwrap();
    let solver = ConjugateGradients::new(&tiles, NOISE).unwrap();
    let mut iterate = solver.start(&y).unwrap();
    let mut seen = Vec::new();
    let few = ConjugateGradients::new(&tiles, NOISE).unwrap().within(3);
    let error = few
        .run(&mut iterate, |progress| {
            seen.push(progress.residual);
            ControlFlow::Continue(())
        })
        .unwrap_err();
    let Error::NotConverged { what, reached, .. } = &error else {
        panic!("{error}");
    };
    assert!(seen.len() == 3 && (seen[2] / reached - 1.0).abs() < 1e-9);
    assert!(
        what.contains("2 of 3 outputs within 3 iterations"),
        "{what}"
    );
    solver.run(&mut iterate, go_on).unwrap();
    let residual = &y - tiles.times(iterate.weights()).unwrap() - iterate.weights() * 1e-2;
    for c in [0, 2] {
        assert!(residual.column(c).norm() <= 1e-6 * y.column(c).norm());
    }
}

#[test]
fn pivots_spare_iterations() {
    let (kernel, x, y) = (kernel(), points(0, POINTS), targets());
    let tiles = TiledKernel::<f64>::new(&kernel, &x, 1 << 20).unwrap();
    let noise = Noise::Variance(1e-3);
    let iterations = |rank: usize| {
        let solver = ConjugateGradients::new(&tiles, noise)
            .unwrap()
            .with_preconditioner(PivotedCholesky::new(&tiles, rank, noise).unwrap())
            .unwrap();
        let mut iterate = solver.start(&y).unwrap();
        solver.run(&mut iterate, go_on).unwrap();
        iterate.iterations()
    };
    let (none, some, all) = (iterations(0), iterations(40), iterations(POINTS));
    assert!(2 * some < none, "{some} {none}");
    assert!(all <= 2, "{all}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (kernel, x) = (kernel(), points(0, POINTS));
    let tiles = TiledKernel::<f64>::new(&kernel, &x, 0).unwrap();
    assert!(PivotedCholesky::new(&tiles, POINTS + 1, NOISE).is_err());
    let fewer = points(0, 10);
    let other = TiledKernel::<f64>::new(&kernel, &fewer, 0).unwrap();
    let preconditioner = PivotedCholesky::new(&other, 3, NOISE).unwrap();
    let solver = || ConjugateGradients::new(&tiles, NOISE).unwrap();
    assert!(solver().with_preconditioner(preconditioner).is_err());
    assert!(solver().with_tolerance(0.0).is_err());
    assert!(solver().start(&DMatrix::zeros(3, 1)).is_err());
    for size in [1e200, 1e-200] {
        let error = solver()
            .start(&DMatrix::from_element(POINTS, 1, size))
            .unwrap_err();
        assert!(
            error.to_string().contains("the squared norm of column 0"),
            "{error}"
        );
    }
    assert!(
        tiles
            .times(&DMatrix::from_element(POINTS, 1, f64::NAN))
            .is_err()
    );
    assert!(tiles.mean(&fewer, &DMatrix::zeros(3, 1)).is_err());
    assert!(ConjugateGradients::new(&tiles, Noise::Variance(-1.0)).is_err());
}
