#!/usr/bin/env python3
"""Components of mixtures of erf and smoothed |x|, for core/src/activation/mixture/{kolmogorov,smooth}.rs.

Usage: python3 tools/mixture_constants.py        (needs mpmath; about two minutes)

- Kolmogorov's law in the variable log K: a fine trapezoidal rule, and Gauss's rule with 24 nodes for its measure (Stieltjes' recurrence,
  eigenvectors of the Jacobi matrix). The error of tanh is printed.
- SiLU and Mish: least squares in 60 digits, phi'_even = 1/2 + sum a_j exp(-x^2/2s_j^2) and phi'_odd = sum e_j erf(x/(s_j sqrt 2)); o_j =
  a_j s_j sqrt(pi/2). The residual of phi' with rounded coefficients, on other points, is printed.
"""
from mpmath import cosh, eigsy, erf, erfc, exp, lu_solve, log, log1p, matrix, mp, mpf, pi, sqrt, tanh

mp.dps = 60
SIZE = 24


def show(name, values):
    print(f"{name}:")
    for value in values:
        print(f"    {float(value)!r},")


def kolmogorov_density(k):
    """The derivative of Kolmogorov's distribution function, by whichever of its two series converges fast."""
    total = mpf(0)
    for n in range(1, 60):
        if k < mpf("0.8"):
            a = (2 * n - 1) ** 2 * pi**2 / 8
            term = sqrt(2 * pi) * exp(-a / k**2) * (2 * a / k**4 - 1 / k**2)
        else:
            term = 8 * k * (-1) ** (n - 1) * n**2 * exp(-2 * n * n * k * k)
        total += term
        if abs(term) < mpf(10) ** -80:
            break
    return total


def gauss(points, weights, size):
    """Gauss's rule of a discrete measure."""
    before, now = [mpf(0)] * len(points), [mpf(1)] * len(points)
    diagonal, norms = [], []
    for _ in range(size):
        norms.append(sum(w * p * p for w, p in zip(weights, now)))
        diagonal.append(sum(w * x * p * p for x, w, p in zip(points, weights, now)) / norms[-1])
        ratio = norms[-1] / norms[-2] if len(norms) > 1 else mpf(0)
        following = [(x - diagonal[-1]) * p - ratio * q for x, p, q in zip(points, now, before)]
        before, now = now, following
    jacobi = matrix(size, size)
    for i in range(size):
        jacobi[i, i] = diagonal[i]
        if i:
            jacobi[i, i - 1] = jacobi[i - 1, i] = sqrt(norms[i] / norms[i - 1])
    nodes, vectors = eigsy(jacobi)
    return [(nodes[i], norms[0] * vectors[0, i] ** 2) for i in range(size)]


def kolmogorov():
    step = mpf(1) / 64
    fine = [(step * i, step * exp(step * i) * kolmogorov_density(exp(step * i))) for i in range(-200, 200)]
    fine = [(t, w) for t, w in fine if abs(w) > mpf(10) ** -45]
    rule = [(exp(t), w) for t, w in gauss([t for t, _ in fine], [w for _, w in fine], SIZE)]
    error = max(
        abs(sum(w * erfc(x / (k * sqrt(2))) for k, w in rule) - (1 - tanh(x))) for x in (mpf(i) / 8 + mpf(1) / 77 for i in range(200))
    )
    print("largest error of tanh:", mp.nstr(error, 3))
    return rule


def softplus(x):
    return log1p(exp(x)) if x < 0 else x + log1p(exp(-x))


def logistic(x):
    return 1 / (1 + exp(-x))


def silu_slope(x):
    return logistic(x) * (1 + x * logistic(-x))


def mish_slope(x):
    return tanh(softplus(x)) + x * logistic(x) / cosh(softplus(x)) ** 2


def geometric(low, high, size):
    low, high = mpf(low), mpf(high)
    return [low * (high / low) ** (mpf(i) / (size - 1)) for i in range(size)]


def linear(low, high, size):
    return [low + (mpf(high) - low) * i / (size - 1) for i in range(size)]


def fit(name, slope, scales):
    points = geometric("1e-3", "0.1", 20) + linear(mpf("0.1"), 14, 250) + geometric(14, 45, 30)
    others = linear(mpf("0.003"), 14, 401) + geometric(14, 44, 51)
    parts = (
        ("odd", 1, lambda x, s: exp(-x * x / (2 * s * s))),
        ("even", -1, lambda x, s: erf(x / (s * sqrt(2)))),
    )
    for part, sign, component in parts:
        target = [(slope(x) + sign * slope(-x) - (sign + 1) / 2) / 2 for x in points]
        if max(abs(y) for y in target) < mpf(10) ** -40:
            continue
        columns = matrix(len(points), len(scales))
        for i, x in enumerate(points):
            for j, s in enumerate(scales):
                columns[i, j] = component(x, s)
        found = lu_solve(columns, matrix(target))
        amplitudes = [a * s * sqrt(pi / 2) if sign == 1 else a for a, s in zip(found, scales)]
        rounded = [mpf(float(a)) / (s * sqrt(pi / 2) if sign == 1 else 1) for a, s in zip(amplitudes, scales)]
        worst = max(
            abs(sum(a * component(x, s) for a, s in zip(rounded, scales)) - (slope(x) + sign * slope(-x) - (sign + 1) / 2) / 2)
            for x in others
        )
        print(f"{name}: residual {mp.nstr(worst, 3)}, sum of magnitudes {mp.nstr(sum(abs(a) for a in rounded), 4)}")
        show(f"{name}, {part} weights", amplitudes)


rule = kolmogorov()
show("Kolmogorov, squares", [k * k for k, _ in rule])
show("Kolmogorov, weights", [w for _, w in rule])

mp.dps = 60
silu_scales = geometric("0.42", 7, SIZE)
show("SiLU, squares", [s * s for s in silu_scales])
fit("SiLU", silu_slope, silu_scales)

mish_scales = [mpf("1.75") * k for k, _ in rule]
show("Mish, squares", [s * s for s in mish_scales])
fit("Mish", mish_slope, mish_scales)
