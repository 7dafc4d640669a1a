"""Kernels of deep MLPs in naive double precision, as a peer computes them, to tests/data/naive_kernels.json.

Usage: python3 tools/naive_kernels.py > tests/data/naive_kernels.json

Every layer holds k, qa and qb as doubles and takes the angle from sqrt(qa qb - k^2) and k: for nearly parallel inputs
half of the digits of what depends on the angle are lost, layer after layer. Inputs 0 to 4 are nearly parallel, with
1 - c from 1e-13 to 1e-7; 5 to 7 are in general position.
"""

import json
import math
import random

random.seed(20)


def layer(slope, weight, bias, k, theta):
    """Both kernels after (leaky ReLU of this slope, dense), from matrices k and theta."""
    size = len(k)
    new_k = [[0.0] * size for _ in k]
    new_theta = [[0.0] * size for _ in k]
    for i in range(size):
        for j in range(size):
            product = k[i][i] * k[j][j]
            root = math.sqrt(max(product - k[i][j] ** 2, 0.0))
            angle = math.pi - math.atan2(root, k[i][j])
            factor = (1.0 - slope) ** 2 / (2.0 * math.pi)
            dual = factor * (root + angle * k[i][j]) + slope * k[i][j]
            slopes = factor * angle + slope
            new_k[i][j] = weight**2 * dual + bias**2
            new_theta[i][j] = new_k[i][j] + weight**2 * slopes * theta[i][j]
    return new_k, new_theta


def case(name, hidden, slope, weight, bias):
    dimension = 7
    normal = lambda: [random.gauss(0.0, 1.0) for _ in range(dimension)]
    first = normal()
    near = lambda distance: [x * (1.0 + distance * random.gauss(0.0, 1.0)) for x in first]
    points = [first] + [near(d) for d in (3e-7, 1e-5, 1e-4, 3e-4)] + [normal() for _ in range(3)]
    dot = lambda x, y: sum(a * b for a, b in zip(x, y)) / dimension
    k = [[weight**2 * dot(x, y) + bias**2 for y in points] for x in points]
    theta = [row[:] for row in k]
    for _ in range(hidden):
        k, theta = layer(slope, weight, bias, k, theta)
    return {
        "name": name,
        "inputs": points,
        "network": {
            "kind": "mlp",
            "hidden_layers": hidden,
            "activation": {"name": "leaky_relu", "alpha": slope},
            "weight_std": weight,
            "bias_std": bias,
        },
        "expect": {"nngp": k, "ntk": theta},
    }


cases = [
    case("leaky_relu_10", 10, 0.07, 0.9, 0.3),
    case("leaky_relu_10_no_bias", 10, 0.07, 1.4, 0.0),
    case("relu_30", 30, 0.0, 1.4142135623730951, 0.1),
    case("leaky_relu_3", 3, 0.3, 1.3, 0.2),
]
source = "naive double precision, by tools/naive_kernels.py"
print(json.dumps({"source": source, "cases": cases}, indent=None).replace('{"name"', '\n{"name"'))
