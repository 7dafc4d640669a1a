use neural_limits::activation::named;
use neural_limits::prelude::*;
use neural_limits::proportional::ClockFluctuations;
use neural_limits::sample::Draw;
use std::time::Instant;
#[test]
fn timing() {
    for (phi, w, b) in [
        ("relu", 2.0, 0.2),
        ("tanh", 2.0, 0.2),
        ("hard_tanh", 2.0, 0.2),
        ("step", 2.0, 0.2),
        ("relu", 6.0, 0.0),
        ("tanh", 20.0, 0.2),
    ] {
        let net =
            ResNet::new(named(phi).unwrap()).initialized_by(Initialization::new(w, b).unwrap());
        let c = ClockFluctuations::of(&net).unwrap();
        let k = PairCovariance::new(1.0, 0.6, 0.4).unwrap();
        let mut best = 1e9;
        for _ in 0..3 {
            let t = Instant::now();
            c.pair_at(k, 1.0).unwrap();
            best = f64::min(best, t.elapsed().as_secs_f64());
        }
        let pair = c.pair_at(k, 1.0).unwrap();
        let na = c.norm_at(1.0, 1.0).unwrap();
        let q = na.mean();
        println!(
            "{phi} {w}: {best:.3} s  {:e} {:e}",
            pair.covariance()[0][0] * q * q / na.variance() - 1.0,
            pair.bias()[0] * q / na.bias() - 1.0
        );
    }
}
#[test]
fn evidence() {
    let points = [1.0, 0.5, -0.2, -0.3, 1.0, 0.4];
    let x = Inputs::from_rows(&[&points[..3], &points[3..]]).unwrap();
    for phi in ["tanh", "relu"] {
        let (w, b) = if phi == "tanh" {
            (2.0, 0.2)
        } else {
            (1.5, 0.3)
        };
        let net =
            ResNet::new(named(phi).unwrap()).initialized_by(Initialization::new(w, b).unwrap());
        let limit = net.infinite_depth();
        let at = |time: f64| {
            limit
                .pair_at(&points[..3], &points[3..], time)
                .unwrap()
                .pair()
                .unwrap()
        };
        let theory = ClockFluctuations::of(&net)
            .unwrap()
            .pair_at(at(0.0), 1.0)
            .unwrap();
        let k = at(1.0);
        println!(
            "{phi} theory {:?} {:?}  c {} {}",
            theory.covariance(),
            theory.bias(),
            theory.correlation_variance(),
            theory.correlation_bias()
        );
        for (width, depth, samples) in [
            (64, 64, 30000),
            (128, 64, 20000),
            (128, 128, 20000),
            (256, 128, 10000),
        ] {
            let t = Instant::now();
            let wide = net
                .infinite_width(depth)
                .unwrap()
                .propagate(at(0.0))
                .unwrap()
                .pair()
                .unwrap();
            let _ = k;
            let scale = (wide.variance_a() * wide.variance_b()).sqrt();
            let read = |draw: Draw| {
                Ok([
                    draw.covariance(0, 0)? / wide.variance_a() - 1.0,
                    draw.covariance(1, 1)? / wide.variance_b() - 1.0,
                    (draw.covariance(0, 1)? - wide.covariance()) / scale,
                ])
            };
            let values = net
                .finite(width, depth)
                .unwrap()
                .read(&x, samples, 77, read)
                .unwrap();
            let n = width as f64;
            print!("{phi} n {width} L {depth}: ");
            let stat = |f: &dyn Fn(&[f64; 3]) -> f64| {
                let m = values.iter().map(f).sum::<f64>() / samples as f64;
                let v = values.iter().map(|x| (f(x) - m).powi(2)).sum::<f64>() / samples as f64;
                (m, (v / samples as f64).sqrt())
            };
            for (i, j) in [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)] {
                let (m, e) = stat(&|v| n * v[i] * v[j]);
                let ex = theory.covariance()[i][j];
                print!(
                    "[{i}{j}] {m:.4}±{e:.4} {:+.1}σ {:+.1}%; ",
                    (m - ex) / e,
                    100.0 * (m / ex - 1.0)
                );
            }
            for i in 0..3 {
                let (m, e) = stat(&|v| n * v[i]);
                let ex = theory.bias()[i];
                print!("[{i}] {m:.4}±{e:.4} th {ex:.4} {:+.1}σ; ", (m - ex) / e);
            }
            println!("{:?}", t.elapsed());
        }
    }
}
