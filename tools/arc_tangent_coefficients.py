#!/usr/bin/env python3
"""Coefficients of atan(t)/t in powers of t^2 on [0, tan(pi/8)^2], for core/src/activation/arc_sine.rs.

Needs mpmath. Interpolates at Chebyshev points in 60 digits and prints the coefficients, rounded to double precision, with the largest
relative error of the rounded polynomial.
"""
from mpmath import atan, chebyt, cos, mp, mpf, pi, sqrt, tan, polyval, matrix, lu_solve

mp.dps = 60
SIZE = 13
end = tan(pi / 8) ** 2


def f(y):
    return mpf(1) if y == 0 else atan(sqrt(y)) / sqrt(y)


nodes = [end * (1 + cos(pi * (2 * i + 1) / (2 * SIZE))) / 2 for i in range(SIZE)]
vandermonde = matrix(SIZE, SIZE)
for i, y in enumerate(nodes):
    for j in range(SIZE):
        vandermonde[i, j] = y**j
coefficients = [float(a) for a in lu_solve(vandermonde, matrix([f(y) for y in nodes]))]
for a in coefficients:
    print(f"    {a!r},")
worst = max(
    abs(polyval([mpf(a) for a in reversed(coefficients)], end * i / 2000) / f(end * i / 2000) - 1) for i in range(2001)
)
print("largest relative error:", mp.nstr(worst, 3))
