"""neural-tangents' `predict` on the matrices of `examples/inference_cost`: three hidden ReLU layers, float64.

    pip install "jax[cpu]==0.4.30" "neural-tangents==0.6.5" numpy
    python benches/peer/predict.py [--points 1000] [--test 100] [--repeats 3]
    cargo run --release --example inference_cost -- --points 1000 --dynamics

prints seconds, the least of the repeats after compilation, for the same points: kernels, the posterior of the NNGP kernel, and
mean and covariance of an ensemble of trained networks at one time. With `--write FILE.json` it writes a few predictions instead,
which `cargo run --release --features serde --example conformance -- FILE.json` compares with those of this crate.
"""

import argparse
import json
import time

import jax
import numpy

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import neural_tangents as nt
from neural_tangents import stax

HIDDEN, WEIGHT_STD, BIAS_STD = 3, 2**0.5, 0.1**0.5


def kernel():
    layers = []
    for _ in range(HIDDEN):
        layers += [stax.Dense(1, WEIGHT_STD, BIAS_STD), stax.Relu()]
    return stax.serial(*layers, stax.Dense(1, WEIGHT_STD, BIAS_STD))[2]


def points(start, count, dimension):
    """Those of `examples/inference_cost`."""
    i, j = numpy.mgrid[start : start + count, :dimension].astype(float)
    return jnp.asarray(numpy.sin(1.3 * i + 0.7 * j * j + i * j))


def least(name, run, repeats):
    start = time.perf_counter()
    jax.block_until_ready(run())
    first = time.perf_counter() - start
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - start)
    print(f"{name:30} {min(times):8.3f} s (first call {first:.1f} s)", flush=True)


def measured(arguments):
    x = points(0, arguments.points, arguments.dimension)
    test = points(arguments.points, arguments.test, arguments.dimension)
    y = x[:, :1]
    kernel_fn = kernel()
    gram = jax.jit(lambda x: kernel_fn(x, None, ("nngp", "ntk")))
    least("both kernels", lambda: gram(x), arguments.repeats)
    for name, get, t in [("NNGP posterior", "nngp", None), ("ensemble, t = 10", "ntk", 10.0)]:
        # with its kernels: what it keeps of the training points is computed anew
        def run(get=get, t=t):
            predict = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, y, diag_reg=0.1, diag_reg_absolute_scale=True)
            return predict(t=t, x_test=test, get=get, compute_cov=True)

        least(f"kernels and {name}", run, arguments.repeats)


def written(path):
    x, test = points(0, 6, 5), points(6, 3, 5)
    y = x[:, :2]
    results = []
    for t in [0.5, 10.0, None]:
        for get in ["nngp", "ntk"]:
            predict = nt.predict.gradient_descent_mse_ensemble(kernel(), x, y, learning_rate=0.7, diag_reg=1e-3)
            found = predict(t=t, x_test=test, get=get, compute_cov=True)
            results.append(
                {
                    "kind": "gradient_descent_mse_ensemble",
                    "get": get,
                    "t": t,
                    "learning_rate": 0.7,
                    "diag_reg": 1e-3,
                    "mean": found.mean.tolist(),
                    "covariance": found.covariance.tolist(),
                }
            )
    network = {
        "kind": "mlp",
        "hidden_layers": HIDDEN,
        "activation": {"name": "relu"},
        "weight_std": WEIGHT_STD,
        "bias_std": BIAS_STD,
        "parameterization": "ntk",
    }
    predict = {
        "network": network,
        "x_train": x.tolist(),
        "x_test": test.tolist(),
        "y_train": y.tolist(),
        "diag_reg_is_relative_to_mean_trace": True,
        "results": results,
    }
    with open(path, "w") as file:
        json.dump({"source": "benches/peer/predict.py", "predict": predict}, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--dimension", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", metavar="FILE.json")
    arguments = parser.parse_args()
    if arguments.write:
        written(arguments.write)
    else:
        measured(arguments)


if __name__ == "__main__":
    main()
