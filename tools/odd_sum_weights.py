#!/usr/bin/env python3
"""Weights of sums over odd numbers, for core/src/activation/mixture/series.rs.

Needs mpmath. A sum over all odd n > N is half of the integral from N (by Gauss's rule with 16 nodes in each octave) and the derivatives of
Euler and Maclaurin at N, here as differences of f(N + 2i - 1) and f(N - 2i + 1), i = 1, ..., 8. Prints the weights of these, the
coefficients of a ratio of Gamma functions, and how well sums for arcsin z come out.
"""
from mpmath import asin, bernpoly, factorial, gamma, legendre, lu_solve, matrix, mp, mpf, nstr, pi, polyroots, sqrt, taylor

mp.dps = 60
START, NODES, DIFFERENCES, RATIO = 48, 16, 8, 7

# exact for odd powers up to 15
powers = range(1, 2 * DIFFERENCES, 2)
system = matrix(DIFFERENCES, DIFFERENCES)
wanted = matrix(DIFFERENCES, 1)
for row, power in enumerate(powers):
    for i in range(DIFFERENCES):
        system[row, i] = 2 * mpf(2 * i + 1) ** power
    wanted[row] = -bernpoly(power + 1, mpf(1) / 2) * mpf(2) ** power / (power + 1)
differences = list(lu_solve(system, wanted))
print("differences:")
for u in differences:
    print(f"    {float(u)!r},")

# Γ(z)/Γ(z+1/2) √w in powers of w^-2, w = z - 1/4
places = [mpf(1) / (200 + 40 * i) for i in range(RATIO + 6)]
system = matrix(len(places), len(places))
wanted = matrix(len(places), 1)
for row, u in enumerate(places):
    for j in range(len(places)):
        system[row, j] = u ** (2 * j)
    wanted[row] = gamma(1 / u + mpf(1) / 4) / gamma(1 / u + mpf(3) / 4) / sqrt(u)
print("ratio:")
for a in list(lu_solve(system, wanted))[:RATIO]:
    print(f"    {float(a)!r},")

roots = sorted(polyroots(list(reversed(taylor(lambda x: legendre(NODES, x), 0, NODES))), maxsteps=500, extraprec=200))
slopes = [NODES * (x * legendre(NODES, x) - legendre(NODES - 1, x)) / (x * x - 1) for x in roots]
gauss = [2 / ((1 - x * x) * d * d) for x, d in zip(roots, slopes)]


def square(n):
    return gamma(n / 2) / gamma((n + 1) / 2) / sqrt(pi) / n


def total(f, octaves):
    all = sum(f(mpf(n)) for n in range(1, START, 2))
    all += sum(u * (f(mpf(START + 2 * i + 1)) - f(mpf(START - 2 * i - 1))) for i, u in enumerate(differences))
    for m in range(octaves):
        scale = START * mpf(2) ** m
        all += sum(w * scale / 4 * f(scale * (3 + x) / 2) for x, w in zip(roots, gauss))
    return all


mp.dps = 40
worst = [mpf(0)] * 2
for z in [mpf(10) ** -k for k in (0.3, 1, 1.5, 2, 3, 6)]:
    for c in [mpf(10) ** -k for k in (0.3, 0.6, 1, 1.5, 2, 3, 6)]:
        z_, c_ = 1 - z, 1 - c
        drop = total(lambda n: square(n) * z_**n * (1 - c_**n), 24) / (asin(z_) - asin(z_ * c_))
        slope = total(lambda n: n * square(n) * (z_ * c_) ** (n - 1), 24) * sqrt(1 - (z_ * c_) ** 2)
        worst = [max(a, abs(b - 1)) for a, b in zip(worst, (drop, slope))]
print("largest relative errors of a difference of arcsin, and of 1/√(1-z²):", [nstr(w, 3) for w in worst])
