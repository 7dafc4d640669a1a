"""Gaussian duals of activations in 45- to 90-digit arithmetic, written to tests/data/duals.json.

Usage: python3 tools/dual_truth.py > tests/data/duals.json        (needs mpmath and python-flint; about ten minutes)

For (u, v) ~ N(0, K) with variances qa, qb and correlation 1 - epsilon (all three exact doubles), every entry holds
E[phi(u) phi(v)], the two variances E[phi(u)^2], E[phi(v)^2], E[phi'(u) phi'(v)], and 1 - c' of the dual, rounded to 25 digits. Routes:

- closed forms, evaluated as they are printed in the literature (and, where one is used that the crate also uses, checked
  below against a plane integral);
- activations with kinks, and GELU: E[phi(u) E[phi(v) | u]], the inner expectation in closed form, the outer one by
  rigorous integration (acb.integral) between the kinks;
- analytic ones: the trapezoidal rule in the plane; softsign: Gauss-Legendre in polar coordinates.
"""

import json
import sys
from fractions import Fraction

import mpmath
from flint import acb, arb, ctx
from mpmath import mp, mpf

mp.dps = 90
ctx.dps = 70


def exact(x):
    """The double x as a number of 90 digits."""
    fraction = Fraction(x)
    return mpf(fraction.numerator) / fraction.denominator


def ball(x):
    fraction = Fraction(x) if isinstance(x, float) else x
    if isinstance(fraction, Fraction):
        return arb(fraction.numerator) / arb(fraction.denominator)
    return arb(x)


# ---------------------------------------------------------------- closed forms: f(qa, qb, k) -> (moment, derivative moment)


def slopes(minus, plus):
    minus, plus = exact(minus), exact(plus)

    def f(qa, qb, k, c):
        theta = mpmath.acos(c)
        kappa0 = (mp.pi - theta) / mp.pi
        kappa1 = (mpmath.sqrt(1 - c * c) + c * (mp.pi - theta)) / mp.pi
        weight = (plus - minus) ** 2 / 2
        return mpmath.sqrt(qa * qb) * (weight * kappa1 + minus * plus * c), weight * kappa0 + minus * plus

    return f


def sign(qa, qb, k, c):
    return 2 / mp.pi * mpmath.asin(c), mpf(0)


def step(qa, qb, k, c):
    return (mp.pi - mpmath.acos(c)) / (2 * mp.pi), mpf(0)


def rectified(degree):
    def j(n, c):
        theta = mpmath.acos(c)
        s = mpmath.sqrt(1 - c * c)
        t = mp.pi - theta
        return {
            0: t,
            1: s + c * t,
            2: 3 * s * c + t * (1 + 2 * c * c),
            3: s * (4 + 11 * c * c) + t * (9 * c + 6 * c**3),
        }[n] / (2 * mp.pi)

    def f(qa, qb, k, c):
        g = mpmath.sqrt(qa * qb)
        return g**degree * j(degree, c), degree**2 * g ** (degree - 1) * j(degree - 1, c)

    return f


def erf(a, b, shift):
    a, b, shift = exact(a), exact(b), exact(shift)

    def f(qa, qb, k, c):
        x, y, z = 2 * b * b * qa, 2 * b * b * qb, 2 * b * b * k
        moment = 2 * a * a / mp.pi * mpmath.asin(z / mpmath.sqrt((1 + x) * (1 + y))) + shift**2
        return moment, 4 * a * a * b * b / (mp.pi * mpmath.sqrt((1 + x) * (1 + y) - z * z))

    return f


def sine(a, b, phase, more=0):
    a, b, phase = exact(a), exact(b), exact(phase) + more

    def f(qa, qb, k, c):
        damp = a * a * mpmath.exp(-b * b * (qa + qb) / 2)
        odd, even = mpmath.cos(phase) ** 2, mpmath.sin(phase) ** 2
        sh, ch = mpmath.sinh(b * b * k), mpmath.cosh(b * b * k)
        return damp * (odd * sh + even * ch), b * b * damp * (odd * ch + even * sh)

    return f


def cosine(a, b, phase):
    """cos(y + c) is sin(y + c + pi/2)."""
    return sine(a, b, phase, mp.pi / 2)


def random_fourier(gamma):
    gamma = exact(gamma)

    def f(qa, qb, k, c):
        moment = mpmath.exp(-gamma * (qa + qb - 2 * k))
        return moment, 2 * gamma * moment

    return f


def exponential(a, b):
    a, b = exact(a), exact(b)

    def f(qa, qb, k, c):
        moment = a * a * mpmath.exp(b * b * (qa + qb + 2 * k) / 2)
        return moment, b * b * moment

    return f


def gaussian(a, b):
    a, b = exact(a), exact(b)

    def f(qa, qb, k, c):
        beta = -2 * b
        det = (1 + beta * qa) * (1 + beta * qb) - beta**2 * k**2
        return a * a / mpmath.sqrt(det), a * a * beta**2 * k / det ** mpf("1.5")

    return f


def gabor_moment(qa, qb, k):
    # sin x = Im e^(ix): complex Gaussian integrals with (K^-1 + 2)^-1 = (adj)/det
    det = (1 + 2 * qa) * (1 + 2 * qb) - 4 * k * k
    sa, sb = (qa + 2 * (qa * qb - k * k)) / det, (qb + 2 * (qa * qb - k * k)) / det
    sab = k / det
    damp = mpmath.exp(-(sa + sb) / 2)
    return damp * mpmath.sinh(sab) / mpmath.sqrt(det)


def gabor(qa, qb, k, c):
    # Price's theorem, the derivative by a four-point central difference in 160 digits
    with mp.workdps(200):
        h = mpf(10) ** -40
        d = lambda step: (gabor_moment(qa, qb, k + step) - gabor_moment(qa, qb, k - step)) / (2 * step)
        slope = (4 * d(h) - d(2 * h)) / 3
        return gabor_moment(qa, qb, k), slope


def polynomial(coefficients):
    """By Wick's theorem: E[u^i v^j] = sum over m pairings of u with v."""
    coefficients = [exact(x) for x in coefficients]

    def mixed(i, j, qa, qb, k):
        total = mpf(0)
        for m in range(min(i, j) + 1):
            if (i - m) % 2 == 0 and (j - m) % 2 == 0:
                pairs = mpmath.binomial(i, m) * mpmath.binomial(j, m) * mpmath.factorial(m)
                rest = mpmath.fac2(i - m - 1) * mpmath.fac2(j - m - 1)
                total += pairs * rest * k**m * qa ** ((i - m) // 2) * qb ** ((j - m) // 2)
        return total

    def expectation(p, qa, qb, k):
        return sum(
            (x * y * mixed(i, j, qa, qb, k) for i, x in enumerate(p) for j, y in enumerate(p)), mpf(0)
        )

    derivative = [i * x for i, x in enumerate(coefficients)][1:]

    def f(qa, qb, k, c):
        return expectation(coefficients, qa, qb, k), expectation(derivative, qa, qb, k)

    return f


def exp_normalized(gamma, shift):
    gamma, shift = exact(gamma), exact(shift)

    def f(qa, qb, k, c):
        value = mpmath.exp(gamma * (c + shift))
        return mpmath.sqrt(qa * qb) * value, gamma * value

    return f


def power(degree):
    def f(qa, qb, k, c):
        return k**degree, degree * k ** (degree - 1)

    return f


def closed(f):
    def moments(qa, qb, epsilon):
        qa, qb = exact(qa), exact(qb)
        c = 1 - exact(epsilon) if qa > 0 and qb > 0 else mpf(0)
        k = mpmath.sqrt(qa * qb) * c
        moment, derivative = f(qa, qb, k, c)
        va, vb = f(qa, qa, qa, mpf(1))[0], f(qb, qb, qb, mpf(1))[0]
        return moment, va, vb, derivative

    return moments


# ---------------------------------------------------------------- one line integral: the inner expectation is known

ROOT_TWO = arb(2).sqrt()


def density(x):
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def cdf(x):
    return (-x / ROOT_TWO).erfc() / 2


class Relu:
    """max(x - kink, 0) times a slope."""

    def __init__(self, kink, slope):
        self.kink, self.slope = ball(kink), ball(slope)
        self.breaks = [kink]

    def value(self, x, left):
        return acb(0) if left(self.kink) else self.slope * (x - self.kink)

    def derivative(self, x, left):
        return acb(0) if left(self.kink) else acb(self.slope)

    def mean(self, m, s):
        z = (m - self.kink) / s
        return self.slope * (s * density(z) + (m - self.kink) * cdf(z))

    def mean_derivative(self, m, s):
        return self.slope * cdf((m - self.kink) / s)


class Constant:
    def __init__(self, value):
        self.constant, self.breaks = ball(value), []

    def value(self, x, left):
        return acb(self.constant)

    def derivative(self, x, left):
        return acb(0)

    def mean(self, m, s):
        return acb(self.constant)

    def mean_derivative(self, m, s):
        return acb(0)


class LeftExponential:
    """scale (e^(x/alpha) - 1) for x < 0."""

    def __init__(self, scale, alpha):
        self.scale, self.alpha, self.breaks = ball(scale), ball(alpha), [0.0]

    def value(self, x, left):
        return self.scale * ((x / self.alpha).exp() - 1) if left(arb(0)) else acb(0)

    def derivative(self, x, left):
        return self.scale / self.alpha * (x / self.alpha).exp() if left(arb(0)) else acb(0)

    def tilted(self, m, s):
        r = s / self.alpha
        return (m / self.alpha + r * r / 2).exp() * cdf(-(m + s * r) / s)

    def mean(self, m, s):
        return self.scale * (self.tilted(m, s) - cdf(-m / s))

    def mean_derivative(self, m, s):
        return self.scale / self.alpha * self.tilted(m, s)


class Gelu:
    breaks = []

    def value(self, x, left):
        return x * cdf(x)

    def derivative(self, x, left):
        return cdf(x) + x * density(x)

    def mean(self, m, s):
        t = (1 + s * s).sqrt()
        return m * cdf(m / t) + s * s / t * density(m / t)

    def mean_derivative(self, m, s):
        t = (1 + s * s).sqrt()
        return cdf(m / t) + m / t * density(m / t) * (1 - s * s / (t * t))


def line(*parts):
    kinks = sorted({kink for part in parts for kink in part.breaks})

    def expectation(f, breaks):
        total = acb(0)
        for low, high in zip(breaks, breaks[1:]):
            middle = (low + high) / 2
            total += acb.integral(
                lambda x, _: f(x, middle), acb(low), acb(high), rel_tol=arb(10) ** -50, abs_tol=arb(10) ** -70
            )
        assert total.real.rad() < arb(10) ** -42 * (abs(total.real) + arb(10) ** -21), total
        return mpf(total.real.mid().str(70, radius=False))

    def moments(qa, qb, epsilon):
        if qa == 0.0 or qb == 0.0:
            epsilon = 1.0
        root_a, root_b = ball(qa).sqrt(), ball(qb).sqrt()
        c = 1 - ball(epsilon)
        s = (ball(epsilon) * (2 - ball(epsilon))).sqrt()
        half = arb(16)

        def breaks(root, features):
            points = {-16.0, 16.0, 0.0}
            for center, width in features:
                center = float(center)
                for i in range(-1, 30):
                    for side in (-1, 1):
                        x = center + side * float(width) * 4.0**i if i >= 0 else center
                        if -16 < x < 16:
                            points.add(x)
            exact_points = [arb(p) for p in sorted(points)]
            return exact_points

        def values(root, which):
            def f(x, middle):
                left = lambda kink: bool(root * middle < kink)
                return sum((getattr(part, which)(root * x, left) for part in parts), acb(0))

            return f

        def kink_points(root):
            return [ball(kink) / root for kink in kinks] if root > 0 else []

        def merged(base, extra):
            inside = [x for x in extra if bool(x > -half) and bool(x < half)]
            keep = [b for b in base if all(not bool(abs(b - x) < arb(10) ** -12) for x in inside)]
            return sorted(keep + inside, key=lambda x: float(x))

        def variance(root):
            f = values(root, "value")
            exact_kinks = kink_points(root)
            base = breaks(root, [(0.0, 1 / max(float(root), 1e-3))])
            return expectation(lambda x, m: density(x) * f(x, m) ** 2, merged(base, exact_kinks))

        inner = root_b * s

        def product(which):
            f = values(root_a, which)
            exact_kinks = kink_points(root_a)
            features = [(0.0, 1 / max(float(root_a), 1e-3))]
            if float(root_b) * abs(float(c)) > 0:
                for kink in kinks or [0.0]:
                    width = max(float(s), 1e-30, 1 / max(float(root_b), 1e-3) if not kinks else 0) / abs(float(c))
                    features.append((kink / (float(root_b) * float(c)), width))
            if inner > 0:
                mean = "mean" if which == "value" else "mean_derivative"
                g = lambda x, m: sum((getattr(part, mean)(root_b * c * x, inner) for part in parts), acb(0))
                extra = exact_kinks
            else:
                other = values(root_b * c, which)
                g = lambda x, m: other(x, m)
                extra = exact_kinks + kink_points_signed(root_b * c)
            base = breaks(root_a, features)
            return expectation(lambda x, m: density(x) * f(x, m) * g(x, m), merged(base, extra))

        def kink_points_signed(root):
            return [ball(kink) / root for kink in kinks] if not bool(root == 0) else []

        return product("value"), variance(root_a), variance(root_b), product("derivative")

    return moments


# ---------------------------------------------------------------- plane integrals


def to_mp(x):
    return mpf(x.mid().str(60, radius=False))


def plane(phi, derivative):
    """The trapezoidal rule, for functions that are analytic in |Im| < pi/2 at least."""

    def moments(qa, qb, epsilon):
        if qa == 0.0 or qb == 0.0:
            epsilon = 1.0
        ctx.dps = 45
        top = max(qa, qb, 0.25) ** 0.5
        # error exp(-2 pi d / h) with the strip d = (pi/2)/top, but not wider than the Gaussian allows
        strip = min(1.5 / top, 10.0)
        h = ball(Fraction(int(2**12 * min(0.35, 2 * 3.1415 * strip / 80)), 2**12))
        count = int(13 / float(h)) + 1
        nodes = [h * i for i in range(-count, count + 1)]
        weights = [h * density(x) for x in nodes]
        root_a, root_b = ball(qa).sqrt(), ball(qb).sqrt()
        c = 1 - ball(epsilon)
        s = (ball(epsilon) * (2 - ball(epsilon))).sqrt()

        def expectation(f):
            if bool(s == 0):
                return to_mp(sum((w * f(root_a * x) * f(root_b * c * x) for x, w in zip(nodes, weights)), arb(0)))
            total = arb(0)
            step = root_b * s
            ys = [(step * y, w) for y, w in zip(nodes, weights)]
            for x, w in zip(nodes, weights):
                mean = root_b * c * x
                total += w * f(root_a * x) * sum((wy * f(mean + y) for y, wy in ys), arb(0))
            return to_mp(total)

        def variance(root):
            return to_mp(sum((w * phi(root * x) ** 2 for x, w in zip(nodes, weights)), arb(0)))

        result = expectation(phi), variance(root_a), variance(root_b), expectation(derivative)
        ctx.dps = 70
        return result

    return moments


def gauss_legendre(n):
    """Nodes and weights on [0, 1]."""
    rule = []
    for i in range(n):
        node, weight = arb.legendre_p_root(n, i, weight=True)
        rule.append(((1 + node) / 2, weight / 2))
    return rule


def polar(phi, derivative):
    """Both kinks at 0: straight lines through the origin."""
    rule = gauss_legendre(40)

    def composite(points):
        out = []
        for low, high in zip(points, points[1:]):
            out += [(low + (high - low) * x, (high - low) * w) for x, w in rule]
        return out

    def moments(qa, qb, epsilon):
        ctx.dps = 45
        root_a, root_b = ball(qa).sqrt(), ball(qb).sqrt()
        c = 1 - ball(epsilon)
        s = (ball(epsilon) * (2 - ball(epsilon))).sqrt()
        radii = composite([arb(0)] + [arb(13) * arb(3) ** (i - 5) for i in range(6)])
        radial = [(r, w * r * (-r * r / 2).exp() / (2 * arb.pi())) for r, w in radii]

        def sum_over(f, lines):
            total = arb(0)
            for low, high in zip(lines, lines[1:]):
                length = high - low
                grade = [arb(0)] + [arb(3) ** (i - 6) / 2 for i in range(7)]
                points = [low + length * g for g in grade] + [high - length * g for g in reversed(grade[:-1])]
                for angle, w in composite(points):
                    cosine, other = angle.cos(), c * angle.cos() + s * angle.sin()
                    for r, wr in radial:
                        total += w * wr * f(root_a * r * cosine) * f(root_b * r * other)
            return to_mp(total)

        # v = c x + s y = 0 where the angle is acos(c) away from the y axis
        half_pi = arb.pi() / 2
        theta = arb.atan2(s, c)
        lines = sorted([half_pi, half_pi + theta, 3 * half_pi, 3 * half_pi + theta], key=float)
        lines = lines + [lines[0] + 2 * arb.pi()]
        lines = [l for i, l in enumerate(lines) if i == 0 or float(l) - float(lines[i - 1]) > 1e-12]

        def variance(root):
            line_nodes = composite([arb(0)] + [arb(13) * arb(3) ** (i - 9) for i in range(10)])
            return to_mp(sum((2 * w * density(x) * phi(root * x) ** 2 for x, w in line_nodes), arb(0)))

        result = sum_over(phi, lines), variance(root_a), variance(root_b), sum_over(derivative, lines)
        ctx.dps = 70
        return result

    return moments


def sigmoid(x):
    return 1 / (1 + (-x).exp())


def softplus(x):
    return x + (-x).exp().log1p() if bool(x > 0) else x.exp().log1p()


def softsign(x):
    return x / (1 + abs(x))


def mish(x):
    return x * softplus(x).tanh()


def mish_derivative(x):
    t = softplus(x).tanh()
    return t + x * (1 - t * t) * sigmoid(x)


# ---------------------------------------------------------------- the table

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805

POWERS = [0.0] + [2.0**-k for k in (52, 40, 27, 20, 10, 4, 2)] + [1.0, 1.5, 2.0 - 2.0**-10, 2.0 - 2.0**-40, 2.0]
ORDINARY = [(1.0, 1.0), (0.5, 2.0), (3.0, 3.0)]
EXTREME = [(1e-12, 1e-12), (1e12, 1e12), (1e-12, 1e12), (1e6, 2e6), (1e-3, 1e-6)]
CLOSE = [(1.0, 1.0 + 2.0**-30), (2.0, 2.0 + 2.0**-6)]

WIDE = [(qa, qb, e) for qa, qb in ORDINARY for e in POWERS]
WIDE += [(qa, qb, e) for qa, qb in EXTREME for e in (0.0, 2.0**-52, 2.0**-20, 0.25, 1.0, 1.5, 2.0)]
WIDE += [(qa, qb, e) for qa, qb in CLOSE for e in (0.0, 2.0**-40, 2.0**-10, 1.0)]
WIDE += [(0.0, 1.0, 1.0), (0.0, 0.0, 1.0), (1e12, 0.0, 1.0)]

LINE = [(qa, qb, e) for qa, qb in ORDINARY for e in (0.0, 2.0**-40, 2.0**-20, 2.0**-6, 0.25, 1.0, 1.5, 2.0 - 2.0**-20, 2.0)]
LINE += [(qa, qb, e) for qa, qb in EXTREME for e in (0.0, 2.0**-20, 0.25, 1.0, 2.0)]
LINE += [(2.0, 2.0 + 2.0**-6, 2.0**-30), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0)]

# the exponential's tail makes the rigorous integrator slow at the largest variances
TAIL = [p for p in LINE if max(p[0], p[1]) < 1e5 or p[2] == 0.0] + [(400.0, 400.0, e) for e in (2.0**-10, 0.25, 1.0)]

PLANE = [(qa, qb, e) for qa, qb in ORDINARY for e in (0.0, 2.0**-40, 2.0**-20, 2.0**-6, 0.25, 1.0, 1.5, 2.0)]
PLANE += [(1e-12, 1e-12, e) for e in (0.0, 2.0**-20, 0.25, 2.0)]
PLANE += [(1e-3, 1e-6, 0.25), (25.0, 25.0, 0.25), (25.0, 1.0, 1.0), (100.0, 100.0, 0.0), (0.0, 1.0, 1.0)]

POLAR = [(qa, qb, e) for qa, qb in ORDINARY for e in (0.0, 2.0**-20, 2.0**-6, 0.25, 1.0, 1.5)]
POLAR += [(1e-12, 1e-12, 0.25), (1e-3, 1e-6, 0.25), (25.0, 25.0, 0.25)]

POSITIVE = [p for p in WIDE if p[0] * p[1] > 0]
MODERATE = [p for p in WIDE if max(p[0], p[1]) < 100]

ACTIVATIONS = {
    "relu": (closed(slopes(0.0, 1.0)), WIDE),
    "leaky_relu": (closed(slopes(0.2, 1.0)), WIDE),
    "ab_relu": (closed(slopes(-0.3, 1.4)), WIDE),
    "abs": (closed(slopes(-1.0, 1.0)), WIDE),
    "identity": (closed(slopes(1.0, 1.0)), WIDE),
    "shaped_relu": (closed(slopes(0.9, 1.0)), WIDE),
    "sign": (closed(sign), POSITIVE),
    "step": (closed(step), POSITIVE),
    "rectified_monomial_2": (closed(rectified(2)), WIDE),
    "rectified_monomial_3": (closed(rectified(3)), WIDE),
    "erf": (closed(erf(1.0, 1.0, 0.0)), WIDE),
    "erf_abc": (closed(erf(1.2, 0.7, 0.1)), WIDE),
    "sine": (closed(sine(1.0, 1.0, 0.0)), WIDE),
    "sine_abc": (closed(sine(1.5, 0.7, 0.3)), WIDE),
    "cosine": (closed(cosine(1.0, 1.0, 0.0)), WIDE),
    "random_fourier": (closed(random_fourier(1.0)), WIDE),
    "exponential": (closed(exponential(0.5, 0.4)), MODERATE),
    "gaussian": (closed(gaussian(1.0, -1.0)), WIDE),
    "gabor": (closed(gabor), WIDE),
    "polynomial": (closed(polynomial([0.2, 1.0, -0.1])), WIDE),
    "monomial_3": (closed(polynomial([0.0, 0.0, 0.0, 1.0])), WIDE),
    "exp_normalized": (closed(exp_normalized(1.0, -1.0)), WIDE),
    "power_kernel_2": (closed(power(2)), WIDE),
    "gelu": (line(Gelu()), LINE),
    "elu": (line(Relu(0.0, 1.0), LeftExponential(1.0, 1.0)), TAIL),
    "celu": (line(Relu(0.0, 1.0), LeftExponential(0.5, 0.5)), TAIL),
    "selu": (line(Relu(0.0, SCALE), LeftExponential(SCALE * ALPHA, 1.0)), TAIL),
    "hard_tanh": (line(Constant(-1.0), Relu(-1.0, 1.0), Relu(1.0, -1.0)), LINE),
    "hard_sigmoid": (line(Relu(-3.0, Fraction(1, 6)), Relu(3.0, Fraction(-1, 6))), LINE),
    "relu6": (line(Relu(0.0, 1.0), Relu(6.0, -1.0)), LINE),
    "tanh": (plane(lambda x: x.tanh(), lambda x: x.sech() ** 2), PLANE),
    "sigmoid": (plane(sigmoid, lambda x: sigmoid(x) * sigmoid(-x)), PLANE),
    "silu": (
        plane(lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
        PLANE,
    ),
    "softplus": (plane(softplus, sigmoid), PLANE),
    "mish": (plane(mish, mish_derivative), PLANE),
    "softsign": (polar(softsign, lambda x: 1 / (1 + abs(x)) ** 2), POLAR),
}


def compute(name):
    moments, points = ACTIVATIONS[name]
    entries = []
    for qa, qb, epsilon in points:
        values = moments(qa, qb, epsilon)
        moment, va, vb, _ = values
        scale = mpmath.sqrt(va * vb)
        complement = 1 - moment / scale if scale > 0 else mpf(0)
        numbers = [mpmath.nstr(x, 25) for x in (*values, complement)]
        entries.append([qa, qb, epsilon, *numbers])
    print(name, len(entries), file=sys.stderr)
    return entries


def checked():
    """Printed closed forms against plane integrals at an ordinary point."""
    points = {
        "erf_abc": lambda x: arb("1.2") * (arb("0.7") * x).erf() + arb("0.1"),
        "gabor": lambda x: (-x * x).exp() * x.sin(),
        "random_fourier": lambda x: (ROOT_TWO * x).sin() + (ROOT_TWO * x).cos(),
        "gelu": lambda x: x * cdf(x),
    }
    for name, phi in points.items():
        here = ACTIVATIONS[name][0](0.5, 2.0, 0.25)[0]
        there = plane(phi, phi)(0.5, 2.0, 0.25)[0]
        tolerance = mpf(10) ** (-15 if name == "erf_abc" else -25)  # 1.2 is not a double
        assert abs(here - there) < tolerance, (name, here, there)


if __name__ == "__main__":
    checked()
    names = sys.argv[1:] or list(ACTIVATIONS)
    table = {name: compute(name) for name in names}
    lines = []
    for name, entries in table.items():
        rows = ",\n".join("  " + json.dumps(entry) for entry in entries)
        lines.append(f'"{name}": [\n{rows}\n ]')
    print("{" + ",\n ".join(lines) + "}")
