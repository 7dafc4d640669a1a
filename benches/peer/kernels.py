"""neural-tangents and NumPy on the work of `cargo bench -p benches --bench kernels`: NNGP + NTK of fully connected networks, float64.

    pip install "jax[cpu]==0.4.30" "neural-tangents==0.6.5" numpy
    python benches/peer/kernels.py [--points 1000] [--depths 1 3] [--activations relu erf gelu]

Prints seconds: the median of three runs after compilation, and the compilation itself.
"""

import argparse
import time

import jax
import numpy

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
from neural_tangents import stax

ACTIVATIONS = {"relu": stax.Relu, "erf": stax.Erf, "gelu": stax.Gelu}


def median(run, repeats=3):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--dimension", type=int, default=784)
    parser.add_argument("--depths", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--activations", nargs="+", default=["relu", "erf", "gelu"], choices=sorted(ACTIVATIONS))
    parser.add_argument("--bias-std", type=float, default=0.1**0.5)
    arguments = parser.parse_args()
    x = numpy.random.default_rng(7).standard_normal((arguments.points, arguments.dimension))
    print(f"NumPy x @ x.T: {median(lambda: x @ x.T):.4f} s")
    for name in arguments.activations:
        for depth in arguments.depths:
            layers = [stax.Dense(1, 2**0.5, arguments.bias_std)]
            for _ in range(depth):
                layers += [ACTIVATIONS[name](), stax.Dense(1, 2**0.5, arguments.bias_std)]
            kernel_fn = stax.serial(*layers)[2]
            kernel = jax.jit(lambda x: kernel_fn(x, None, ("nngp", "ntk")))
            points = jnp.asarray(x)
            run = lambda: jax.block_until_ready(kernel(points))
            start = time.perf_counter()
            run()
            first = time.perf_counter() - start
            steady = median(run)
            print(f"{name} depth {depth}, {arguments.points} points: {steady:.3f} s (first call {first:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
