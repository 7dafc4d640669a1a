#!/usr/bin/env python3
"""Coefficients of the two quotients of polynomials of the correlation flow, for networks/src/depth/quotient.rs.

Usage: python3 tools/correlation_flow_coefficients.py        (needs mpmath; half a minute)

T(theta) = 2 pi times the integral of 1/(1 - p cot p) from theta to pi, x = sin(theta/2), y = cos(theta/2). T + D is odd in theta, D = S(pi)
below. Interpolates

- A(y) = D/(1 + x) - T x/y^2 on [0, 1]: its next singularities are a pole at y = -0.6256 and a branch point at -1;
- B in 1/x = 1 + T/(3 pi) + v^2 B(v), v = s/(SHIFT + s), s = sqrt(T): branch points at s = +-i sqrt(2 D), so that no degree depends on
  SHIFT, with which the coefficients of numerator and denominator are all positive;

at Chebyshev points (of (1 + z)/2 = y, and of (1 + z)/2 = k/(k + s) with k = sqrt(2 D)) in 60 digits, and prints the coefficients rounded to double
precision, the lowest power first, and the largest errors: of A relative, of v^2 B absolute (1/x is at least 1).
"""
from mpmath import acos, bernoulli, cos, factorial, linspace, lu_solve, matrix, mp, mpf, nstr, pi, polyval, quad, sin, sqrt

mp.dps = 45
SHIFT = 8
START = mpf(1) / 2

# 1/(1 - p cot p) = sum r_k p^(2k - 2)
powers = [mpf(2) ** (2 * k) * abs(bernoulli(2 * k)) / factorial(2 * k) for k in range(1, 45)]
reciprocal = [1 / powers[0]]
for n in range(1, 43):
    reciprocal.append(-sum(powers[j] * reciprocal[n - j] for j in range(1, n + 1)) / powers[0])


def rate(p):
    return sin(p) / (sin(p) - p * cos(p))


def odd(theta):
    """S = T + D."""

    def series(p):
        return 6 * pi / p - 2 * pi * sum(r * p ** (2 * k - 1) / (2 * k - 1) for k, r in enumerate(reciprocal) if k)

    return series(theta) if theta <= START else series(START) - 2 * pi * quad(rate, linspace(START, theta, 4))


D = odd(pi)


def age(theta):
    return 2 * pi * quad(rate, linspace(theta, pi, 3)) if theta > mpf("1.5") else odd(theta) - D


def angle(time):
    """The inverse of age, by Newton's method."""
    theta = 6 * pi / (time + 6) if time > 3 else pi - sqrt(time)
    for _ in range(60):
        following = theta + (age(theta) - time) / (2 * pi * rate(theta))
        following = theta / 2 if following <= 0 else (theta + pi) / 2 if following >= pi else following
        if abs(following - theta) < mpf(10) ** (8 - mp.dps) * theta:
            return following
        theta = following
    return theta


def in_age(y):
    x = sqrt(1 - y * y)
    return D / (1 + x) - age(2 * acos(y)) * x / y**2


def in_position(s):
    return 1 / sin(angle(s * s) / 2) - 1 - s * s / (3 * pi)


def chebyshev(size):
    return [cos(pi * (2 * i + 1) / (2 * size)) for i in range(size)]


def interpolated(places, values, above, below):
    """The quotient of degrees above and below, 1 at 0 below."""
    size = above + below + 1
    system, right = matrix(size, size), matrix(size, 1)
    for i, (z, value) in enumerate(zip(places, values)):
        for j in range(above + 1):
            system[i, j] = z**j
        for j in range(1, below + 1):
            system[i, above + j] = -value * z**j
        right[i] = value
    mp.dps = 60
    solution = lu_solve(system, right)
    mp.dps = 45
    return [float(a) for a in solution[: above + 1]], [1.0] + [float(a) for a in solution[above + 1 :]]


def quotient(coefficients, x):
    above, below = (polyval([mpf(a) for a in reversed(part)], x) for part in coefficients)
    return above / below


def show(name, coefficients, error):
    for side, part in zip(("above", "below"), coefficients):
        print(f"{name}, {side}:")
        for a in part:
            print(f"    {a!r},")
    print("largest error:", nstr(error, 3))


print("D =", nstr(D, 20))
places = [(1 + z) / 2 for z in chebyshev(13)]
coefficients = interpolated(places, [in_age(y) for y in places], 6, 6)
others = [(mpf(i) + mpf(1) / 2) / 100 for i in range(100)]
show("A", coefficients, max(abs(quotient(coefficients, y) / in_age(y) - 1) for y in others))

k = sqrt(2 * D)
roots = [2 * k / (1 + z) - k for z in chebyshev(24)]
places = [s / (s + SHIFT) for s in roots]
coefficients = interpolated(places, [in_position(s) / v**2 for s, v in zip(roots, places)], 11, 12)
others = [k / u - k for u in others]
show("B", coefficients, max(abs((v := s / (s + SHIFT)) ** 2 * quotient(coefficients, v) - in_position(s)) for s in others))
