"""High-precision kernels of the networks of tests/data/neural_tangents.json whose peer values are off, to tests/data/kernels.json.

Usage: python3 tools/kernel_truth.py > tests/data/kernels.json        (needs mpmath and python-flint)

Inputs 0 and 4 of every case are nearly parallel (1 - c about 1e-12): there neural-tangents' double precision keeps 4 to 8 digits of
what depends on the angle. Entries (0, 4) of the kernels, evaluated with 90 digits and rounded to 25.
"""

import json
import os

import mpmath
from dual_truth import erf, exact, random_fourier, sign, slopes
from mpmath import mpf

here = os.path.dirname(os.path.abspath(__file__))
data = json.load(open(os.path.join(here, "..", "tests", "data", "neural_tangents.json")))


def activation(a):
    name = a["name"]
    if name == "relu":
        return slopes(0.0, 1.0)
    if name == "leaky_relu":
        return slopes(a["alpha"], 1.0)
    if name == "ab_relu":
        return slopes(a["a"], a["b"])
    if name == "abs":
        return slopes(-1.0, 1.0)
    if name == "sign":
        return sign
    if name == "rbf":
        return random_fourier(a["gamma"])
    if name == "erf":
        return erf(a["a"], a["b"], a["c"])
    return None


def evaluate(case, i, j):
    network = case["network"]
    f = activation(network["activation"])
    x, y = ([exact(v) for v in case["inputs"][n]] for n in (i, j))
    square = lambda name: exact(network[name]) ** 2
    weight, bias = square("weight_std"), square("bias_std")
    resnet = network["kind"] == "resnet"
    stem = (square("input_weight_std"), square("input_bias_std")) if resnet else (weight, bias)
    dot = lambda u, v: stem[0] * sum(a * b for a, b in zip(u, v)) / len(u) + stem[1]
    qa, qb, k = dot(x, x), dot(y, y), dot(x, y)
    ntk = k
    alphas = [exact(a) for a in network["alphas"]] if resnet else [mpf(1)] * network["hidden_layers"]
    skip = 1 if resnet else 0
    for alpha in alphas:
        one = mpf(1)
        moment, slope = f(qa, qb, k, k / mpmath.sqrt(qa * qb))
        va, vb = f(qa, qa, qa, one)[0], f(qb, qb, qb, one)[0]
        branch = lambda v: alpha**2 * (weight * v + bias)
        ntk = (skip + alpha**2 * weight * slope) * ntk + branch(moment)
        qa, qb, k = skip * qa + branch(va), skip * qb + branch(vb), skip * k + branch(moment)
    return k, ntk


rows = []
for case in data["cases"]:
    network = case["network"]
    if network["kind"] in ("mlp", "resnet") and "inputs2" not in case and activation(network["activation"]):
        numbers = [mpmath.nstr(v, 25) for v in evaluate(case, 0, 4)]
        rows.append(json.dumps([case["name"], 0, 4, *numbers]))
print("[" + ",\n ".join(rows) + "]")
