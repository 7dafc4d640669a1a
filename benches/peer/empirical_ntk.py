"""neural-tangents' empirical NTK of one random network by each of its implementations: three hidden ReLU layers, float64.

    pip install "jax[cpu]==0.4.30" "neural-tangents==0.6.5" numpy
    python benches/peer/empirical_ntk.py [--points 32] [--width 512] [--hidden 3] [--outputs 1]

Prints seconds: the least of seven runs after compilation, and the compilation itself; the best implementation last.
`EmpiricalKernels::ntk` of this crate is the same sum over layers, (HᵀH + 1) ∘ ΔᵀΔ.
"""

import argparse
import time

import jax
import numpy

jax.config.update("jax_enable_x64", True)

import jax.interpreters.ad
import jax.numpy as jnp
import neural_tangents as nt
from jax._src import source_info_util
from neural_tangents import stax

# structured derivatives look for them where jax no longer has them
jax.interpreters.ad.config = jax.config
jax.interpreters.ad.source_info_util = source_info_util

IMPLEMENTATIONS = {
    "Jacobian contraction": nt.NtkImplementation.JACOBIAN_CONTRACTION,
    "NTK-vector products": nt.NtkImplementation.NTK_VECTOR_PRODUCTS,
    "structured derivatives": nt.NtkImplementation.STRUCTURED_DERIVATIVES,
}


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=32)
    parser.add_argument("--dimension", type=int, default=784)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--hidden", type=int, default=3)
    parser.add_argument("--outputs", type=int, default=1)
    parser.add_argument("--bias-std", type=float, default=0.1**0.5)
    arguments = parser.parse_args()
    layers = []
    for _ in range(arguments.hidden):
        layers += [stax.Dense(arguments.width, 2**0.5, arguments.bias_std), stax.Relu()]
    layers.append(stax.Dense(arguments.outputs, 2**0.5, arguments.bias_std))
    init_fn, apply_fn, _ = stax.serial(*layers)
    x = numpy.random.default_rng(7).standard_normal((arguments.points, arguments.dimension))
    points = jnp.asarray(x)
    _, parameters = init_fn(jax.random.PRNGKey(7), points.shape)
    parameters = jax.tree_util.tree_map(lambda p: p.astype(jnp.float64), parameters)
    best = None
    for name, implementation in IMPLEMENTATIONS.items():
        # summed over the outputs, as is the trace of the full kernel
        kernel = nt.empirical_ntk_fn(apply_fn, trace_axes=(-1,), vmap_axes=0, implementation=implementation)
        kernel = jax.jit(lambda x, parameters, kernel=kernel: kernel(x, None, parameters))
        run = lambda: jax.block_until_ready(kernel(points, parameters))
        first = seconds(run)
        steady = min(seconds(run) for _ in range(7))
        print(f"{name}: {steady:.4f} s (first call {first:.1f} s)", flush=True)
        if best is None or steady < best[0]:
            best = (steady, name)
    print(f"best: {best[1]}, {best[0]:.4f} s")


if __name__ == "__main__":
    main()
