"""Coefficients of the polynomials in core/src/activation/arc_cosine.rs, by Remez exchange on the relative error.

    h(d) = kappa_1(-1 + d) d^(-3/2)      k(d) = arccos(1 - d) / pi d^(-1/2)      on [0, 1]

Usage: python3 tools/arc_cosine_coefficients.py        (needs mpmath)
"""

from mpmath import acos, cos, lu_solve, matrix, mp, mpf, nstr, pi, sqrt

mp.dps = 90


def h(d):
    c = d - 1
    return (sqrt(1 - c * c) + c * (pi - acos(c))) / pi / d ** mpf("1.5")


def k(d):
    return acos(1 - d) / pi / sqrt(d)


def horner(coefficients, x):
    value = mpf(0)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def remez(f, degree, exchanges=8):
    size = degree + 2
    # the functions are analytic at 0, but their formulas are 0/0 there
    low, high = mpf(10) ** -12, mpf(1)
    points = lambda count, shift: [
        (low + high) / 2 - (high - low) / 2 * cos(pi * (i + shift) / count) for i in range(count + (shift == 0))
    ]
    nodes, grid = points(size, mpf("0.5")), points(40 * size, 0)
    values = [f(x) for x in grid]
    for _ in range(exchanges):
        a, b = matrix(size, size), matrix(size, 1)
        for i, x in enumerate(nodes):
            fx = f(x)
            for j in range(degree + 1):
                a[i, j] = x**j / fx
            a[i, degree + 1], b[i] = (-1) ** i, 1
        solution = lu_solve(a, b)
        coefficients = [solution[j] for j in range(degree + 1)]
        errors = [horner(coefficients, x) / fx - 1 for x, fx in zip(grid, values)]
        extrema, best = [], 0
        for i in range(1, len(grid)):
            if (errors[i] > 0) != (errors[best] > 0):
                extrema.append(best)
                best = i
            elif abs(errors[i]) > abs(errors[best]):
                best = i
        extrema.append(best)
        nodes = [grid[i] for i in extrema[:size]]
    return coefficients, max(abs(e) for e in errors)


for name, f, degree in (("H", h, 17), ("K", k, 19)):
    coefficients, error = remez(f, degree)
    print(f"{name}: degree {degree}, largest relative error {nstr(error, 3)}")
    for coefficient in coefficients:
        print(f"    {float(coefficient)!r},")
