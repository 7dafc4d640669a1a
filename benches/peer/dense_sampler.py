"""Residual ReLU networks with dense weights by NumPy, one matrix at a time: what the dense sampler does without it.

    pip install numpy
    python benches/peer/dense_sampler.py [--width 1024] [--depth 256] [--networks 3]

Prints seconds for one network at two inputs, the least of some. The crate's are those of
`cargo bench -p benches --bench sampler -- dense` (L = 32), times depth/32.
"""

import argparse
import time

import numpy


def network(width, depth, rng):
    x = numpy.array([[1.0, 0.6], [0.0, 0.8]])
    y = rng.standard_normal((width, 2)) @ x / numpy.sqrt(2)
    for _ in range(depth):
        weights = rng.standard_normal((width, width))
        y = y + weights @ numpy.maximum(y, 0.0) / numpy.sqrt(width * depth)
    return y.T @ y / width


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=1024)
parser.add_argument("--depth", type=int, default=256)
parser.add_argument("--networks", type=int, default=3)
options = parser.parse_args()
rng = numpy.random.default_rng(7)
best = min(seconds(lambda: network(options.width, options.depth, rng)) for _ in range(options.networks))
print(f"NumPy {numpy.__version__}, {options.width} x {options.depth}: {best:.3f} s")
