"""Constants of the Gaussian duals by Price's theorem: the tables of core/src/numerics/gauss_legendre.rs and core/src/numerics/mills.rs.

    Gauss-Legendre with 16 nodes on [0, 1]
    (2 + L)   M(L),  M(L) = int_0^oo   e^(-rL - r^2/2) dr    in powers of t = (L - 5)/(L + 5)
    (2 + L)^2 R(L),  R(L) = int_0^oo r e^(-rL - r^2/2) dr    in powers of t = (L - 5)/(L + 5)

Usage: python3 tools/price_constants.py        (needs mpmath); prints the tables, whether the two files hold them, and the largest
relative error of the rounded polynomials.
"""

from pathlib import Path

from mpmath import cos, erfc, exp, legendre, lu_solve, matrix, mp, mpf, nstr, pi, sqrt

mp.dps = 60
SOURCE = Path(__file__).resolve().parent.parent / "src"
CENTRE, FAR = 5, 40


def legendre_rule(size):
    rule = []
    for i in range(size):
        x = -cos(pi * (i + mpf("0.75")) / (size + mpf("0.5")))
        for _ in range(8):
            slope = size * (legendre(size - 1, x) - x * legendre(size, x)) / (1 - x * x)
            x -= legendre(size, x) / slope
        rule.append(((1 + x) / 2, 1 / ((1 - x * x) * slope * slope)))
    return rule


def first(L):
    """R by its asymptotic series where 1 - L M would cancel."""
    if L < FAR:
        return 1 - L * mills(L)
    total, term, k = mpf(0), 1 / L**2, 1
    while abs(term) > mpf(10) ** -40 * abs(total):
        total += term
        term *= -(2 * k + 1) / L**2
        k += 1
    return total


def mills(L):
    return sqrt(pi / 2) * erfc(L / sqrt(mpf(2))) * exp(L * L / 2) if L < FAR else (1 - first(L)) / L


def point(t):
    return CENTRE * (1 + t) / (1 - t)


def powers(f, size):
    """The polynomial of least degree < size that f has at Chebyshev's points, in powers of t."""
    nodes = [cos(pi * (2 * i + 1) / (2 * size)) for i in range(size)]
    a, b = matrix(size, size), matrix(size, 1)
    for i, t in enumerate(nodes):
        b[i] = f(t)
        for j in range(size):
            a[i, j] = t**j
    return [float(x) for x in lu_solve(a, b)]


def table(name, values, file):
    text = file.read_text().replace("_", "") if file.exists() else ""
    held = all(repr(value) in text for value in values)
    print(f"{name} ({'as' if held else 'NOT as'} in {file.relative_to(SOURCE)})")
    for value in values:
        print(f"    {value!r},")


rule = legendre_rule(16)
file = SOURCE / "numerics/gauss_legendre.rs"
table("NODES", [float(x) for x, _ in rule], file)
table("WEIGHTS", [float(w) for _, w in rule], file)
file = SOURCE / "numerics/mills.rs"
for name, f, power, size in (("RATIO", mills, 1, 24), ("FIRST", first, 2, 26)):
    scaled = lambda t: (2 + point(t)) ** power * f(point(t))
    coefficients = powers(scaled, size)
    table(name, coefficients, file)
    worst = 0
    for i in range(400):
        t = -cos(pi * (i + mpf("0.5")) / 400)
        value = mpf(0)
        for c in reversed(coefficients):
            value = value * t + mpf(c)
        worst = max(worst, abs(value / scaled(t) - 1))
    print("largest relative error:", nstr(worst, 3))
