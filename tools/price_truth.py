"""Gaussian duals of clamps and exponential linear units rounded to doubles, for core/src/activation/price/tests.rs.

E[phi(u) phi(v)] = E[phi(u) E[phi(v) | u]], the inner expectation in closed form, the outer one by Gauss-Legendre with 40 nodes in
60-digit arithmetic, on panels that shrink geometrically towards every scale of the integrand: kinks, the width of v given u, and
where exponentials fall. (tests/data/duals.json uses rigorous integration instead, which takes too long for large variances.)

Usage: python3 tools/price_truth.py        (needs mpmath; about five minutes)
"""

from fractions import Fraction

from mpmath import erfc, exp, expm1, inf, mp, mpf, pi, sqrt

mp.dps = 60
SIZE, REACH, SHRINK = 40, 14, 8


def exact(x):
    fraction = Fraction(x)
    return mpf(fraction.numerator) / fraction.denominator


def density(z):
    return exp(-z * z / 2) / sqrt(2 * pi) if abs(z) != inf else mpf(0)


def tail(z):
    return erfc(z / sqrt(mpf(2))) / 2


def mass(a, b):
    return tail(a) - tail(b) if a > 0 else tail(-b) - tail(-a)


class Piecewise:
    """Lines (offset, slope) between kinks."""

    def __init__(self, kinks, lines):
        self.kinks = [exact(kink) for kink in kinks]
        self.lines = [(exact(offset), exact(slope)) for offset, slope in lines]

    def both(self, x):
        offset, slope = self.lines[sum(x > kink for kink in self.kinks)]
        return offset + slope * x, slope

    def given(self, mean, deviation):
        ends = [-inf, *((kink - mean) / deviation for kink in self.kinks), inf]
        value, derivative = mpf(0), mpf(0)
        for (offset, slope), a, b in zip(self.lines, ends, ends[1:]):
            value += (offset + slope * mean) * mass(a, b) + slope * deviation * (density(a) - density(b))
            derivative += slope * mass(a, b)
        return value, derivative

    def scales(self, root):
        return []


class Exponential:
    """right x for x > 0, left scale (e^(x/scale) - 1) otherwise."""

    kinks = [mpf(0)]

    def __init__(self, right, left, scale):
        self.right, self.left, self.scale = exact(right), exact(left), exact(scale)

    def both(self, x):
        if x > 0:
            return self.right * x, self.right
        return self.left * self.scale * expm1(x / self.scale), self.left * exp(x / self.scale)

    def given(self, mean, deviation):
        h, g = mean / deviation, deviation / self.scale
        damped = exp(mean / self.scale + g * g / 2) * tail(h + g)
        value = self.right * (mean * tail(-h) + deviation * density(h)) + self.left * self.scale * (damped - tail(h))
        return value, self.right * tail(-h) + self.left * damped

    def scales(self, root):
        return [self.scale / root]


def legendre_rule(size):
    rule = []
    for i in range(size):
        x = -mp.cos(pi * (i + mpf("0.75")) / (size + mpf("0.5")))
        for _ in range(9):
            before, value = mpf(1), x
            for k in range(2, size + 1):
                before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
            slope = size * (before - x * value) / (1 - x * x)
            x -= value / slope
        rule.append((x, 2 / ((1 - x * x) * slope * slope)))
    return rule


RULE = legendre_rule(SIZE)


def integral(f, points, scales):
    reach = mpf(REACH)
    ends = {mpf(k) for k in range(-REACH, REACH + 1)} | {point for point in points if abs(point) < reach}
    for scale in scales:
        step = scale / SHRINK
        while step < reach:
            for centre in [mpf(0), *points]:
                ends |= {end for end in (centre - step, centre + step) if abs(end) < reach}
            step *= SHRINK
    ends = sorted(ends)
    total = [mpf(0), mpf(0)]
    for a, b in zip(ends, ends[1:]):
        for x, weight in RULE:
            z = (a + b) / 2 + (b - a) / 2 * x
            for i, value in enumerate(f(z)):
                total[i] += (b - a) / 2 * weight * density(z) * value
    return total


def truth(phi, qa, qb, epsilon):
    root_a, root_b, epsilon = sqrt(exact(qa)), sqrt(exact(qb)), exact(epsilon)
    c, sine = 1 - epsilon, sqrt(epsilon * (2 - epsilon))
    scales = phi.scales(root_a) + phi.scales(root_b)
    kinks = lambda root: [kink / root for kink in phi.kinks]
    variance = lambda root: integral(lambda z: (phi.both(root * z)[0] ** 2,), kinks(root), phi.scales(root))[0]

    def outer(z):
        inner = phi.both(root_b * z) if epsilon == 0 else phi.given(root_b * c * z, root_b * sine)
        return [x * y for x, y in zip(phi.both(root_a * z), inner)]

    points = kinks(root_a) + ([kink / c for kink in kinks(root_b)] if c != 0 else [])
    moment, derivative = integral(outer, points, scales + [sine] * (sine > 0))
    va, vb = variance(root_a), variance(root_b)
    return moment, va, vb, derivative, 1 - moment / sqrt(va * vb)


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
PHI = {
    "HARD_TANH": Piecewise([-1, 1], [(-1, 0), (0, 1), (1, 0)]),
    "HARD_SIGMOID": Piecewise([-3, 3], [(0, 0), (0.5, 1 / 6), (1, 0)]),
    "RELU6": Piecewise([0, 6], [(0, 0), (0, 1), (6, 0)]),
    "elu(1.0)": Exponential(1.0, 1.0, 1.0),
    "elu(-0.5)": Exponential(1.0, -0.5, 1.0),
    "celu(0.5)": Exponential(1.0, 1.0, 0.5),
    "SELU": Exponential(SCALE, SCALE * ALPHA, 1.0),
}
POINTS = {
    "HARD_TANH": [(1e12, 1e15, 0.01), (1e8, 1.3e8, 1e-6), (30.0, 3e-5, 1e-6), (1e6, 2e6, 1.5), (0.02, 0.03, 0.0), (4.0, 4.0000004, 0.0)],
    "HARD_SIGMOID": [(1e-12, 1e-6, 1e-12), (1e-3, 1e-9, 1.99), (4.0, 4e-6, 1e-4), (1e-12, 3e-12, 0.0), (100.0, 250.0, 1.25)],
    "RELU6": [(1e12, 1e12, 1.99), (4.0, 4e6, 1e-12), (1e6, 1.3e6, 1e-4), (1e-6, 1e-6, 0.5), (30.0, 30.000003, 0.0)],
    "elu(1.0)": [(1e12, 1e18, 1.5), (1e8, 1e14, 0.01), (1e-6, 1.0, 0.1), (1e12, 3e12, 1e-9), (1e-6, 1.000001e-6, 0.0)],
    "elu(-0.5)": [(1.0, 1.0, 0.01), (1e4, 3e4, 0.5), (1e-3, 2.0, 1.5)],
    "celu(0.5)": [(1e12, 1e12, 1e-4), (1e6, 1e6, 1.9999), (1e3, 1e9, 1.5), (1e-6, 1e-3, 1e-6)],
    "SELU": [(1e12, 1e18, 0.5), (1e4, 10000.001, 0.0), (1e-12, 1e-9, 1.0), (30.0, 3e-5, 1e-6)],
}

for name, points in POINTS.items():
    for point in points:
        values = ", ".join(repr(float(x)) for x in truth(PHI[name], *point))
        print(f"({name}, {', '.join(map(repr, point))}, [{values}]),", flush=True)
