"""50-digit values of 1 - c after L layers of a ReLU chain, written to tests/data/deep_recursion.json.

Usage: python3 tools/deep_recursion_truth.py > tests/data/deep_recursion.json        (needs mpmath)
"""

import json
from fractions import Fraction

from mpmath import acos, mp, mpf, nstr, pi, sqrt

mp.dps = 60


def one_minus_kappa1(epsilon):
    c = 1 - epsilon
    return 1 - (sqrt(epsilon * (2 - epsilon)) + c * (pi - acos(c))) / pi


def deep(epsilon, depth, beta):
    """beta: the branch's share of a layer's variance; 1 for the MLP."""
    for _ in range(depth):
        epsilon = (1 - beta) * epsilon + beta * one_minus_kappa1(epsilon)
    return epsilon


cases = []
for exact in ("0x1.0p+1", "0x1.8p+0", "0x1.0p+0", "0x1.0p-3", "0x1.0p-20", "0x1.0p-52", "0x1.0p-80"):
    start = mpf(Fraction(float.fromhex(exact)).numerator) / Fraction(float.fromhex(exact)).denominator
    for depth in (1, 10, 100, 1000):
        # the ResNet's K_l = K_(l-1) + (1/L) relu dual: its branch adds 1/(2L) to a variance of 1
        share = mpf(1) / (2 * depth) / (1 + mpf(1) / (2 * depth))
        cases.append(
            {
                "one_minus_c0": exact,
                "depth": depth,
                "mlp": nstr(deep(start, depth, mpf(1)), 25),
                "resnet": nstr(deep(start, depth, share), 25),
            }
        )
print(json.dumps({"source": "tools/deep_recursion_truth.py, mpmath at 60 digits", "cases": cases}, indent=1))
