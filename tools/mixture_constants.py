#!/usr/bin/env python3
"""Components of mixtures of erf and smoothed |x|, for core/src/activation/mixture/smooth.rs.

Usage: python3 tools/mixture_constants.py        (needs mpmath; with gmpy2 under a minute)

phi'_even - phi'(infinity) and phi''_odd are mixtures of exp(-x^2/2s^2) over all s, whose densities in log s are known:

- tanh: s has Kolmogorov's law (D. F. Andrews and C. L. Mallows 1974), by whichever of its two series converges fast.
- SiLU, x/2 + x/2 tanh(x/2): with f the density of s for tanh(x/2), the mean of erf(x/(s sqrt 2)), x d/dx is -s d/ds there, and partial integration
  leaves f + s f'/2.
- Mish, x T(x): T = 1/2 + sum over p of 2 Re r/(x - p), r = (1-i)/2, p = log(2)/2 + i pi (3/4 + 2k); 1/(x^2 - p^2) is the integral of
  exp(-l (x^2 - p^2)) over l = 1/2s^2 > 0, since Re p^2 < 0; again partial integration.

As functions of t = x^2 they are the impulse responses of linear systems with the rates 1/2s^2. Balanced truncation (B. C. Moore 1981, IEEE
Transactions on Automatic Control 26) of the trapezoidal sum keeps SIZE rates, real ones here, with an error that falls like the singular values of the
Hankel operator; Gauss's rule for Kolmogorov's law needs 24 nodes for what 20 of these do. The weights are least squares in 60 digits of phi', and
of phi relative to itself,

    phi'_even = phi'(infinity) + sum a_j exp(-x^2/2s_j^2), phi'_odd = sum e_j erf(x/(s_j sqrt 2)), o_j = a_j s_j sqrt(pi/2),

and the residual of phi' with rounded coefficients, on other points, is printed.
"""
from mpmath import cosh, eig, eigsy, erf, exp, log, log1p, lu_solve, matrix, mp, mpc, mpf, pi, re, sqrt, tanh

mp.dps = 70
SIZE = 20
STEP = mpf(1) / 14
SMALLEST = mpf(10) ** -45


def show(name, values):
    print(f"{name}:")
    for value in values:
        print(f"    {float(value)!r},")


def kolmogorov(k):
    """The density of Kolmogorov's law and its derivative."""
    density, derivative = mpf(0), mpf(0)
    for n in range(1, 60):
        if k < mpf("0.8"):
            a = (2 * n - 1) ** 2 * pi**2 / 8
            scale = sqrt(2 * pi) * exp(-a / k**2)
            terms = scale * (2 * a / k**4 - 1 / k**2), scale * (4 * a * a / k**7 - 10 * a / k**5 + 2 / k**3)
        else:
            scale = 8 * (-1) ** (n - 1) * n**2 * exp(-2 * n * n * k * k)
            terms = scale * k, scale * (1 - 4 * n * n * k * k)
        density, derivative = density + terms[0], derivative + terms[1]
        if abs(terms[0]) + abs(terms[1]) < mpf(10) ** -80:
            break
    return density, derivative


def tanh_measure(s):
    return [kolmogorov(s)[0] * sqrt(2 / pi)]


def silu_measure(s):
    density, derivative = kolmogorov(s / 2)
    return [(density / 2 + s * derivative / 8) * sqrt(2 / pi)]


def mish_measure(s):
    rate = 1 / (2 * s * s)
    r = mpc(1, -1) / 2
    poles = [mpc(log(2) / 2, pi * (mpf(3) / 4 + 2 * k)) for k in range(-40, 41)]
    # of sum r exp(rate p^2), times powers of p
    moment = [sum(2 * re(r * p**power * exp(rate * p * p)) for p in poles) for power in range(5)]
    return [-2 * rate * (moment[1] + 2 * rate * moment[3]), 4 * rate**2 * (3 * moment[2] + 2 * rate * moment[4])]


def scales(measure):
    """The s_j: from densities in log s of one or two functions."""
    points = [exp(STEP * i) for i in range(-35, 40)]
    measured = [(s, [STEP * a for a in measure(s)]) for s in points]
    measured = [(1 / (2 * s * s), a) for s, a in measured if max(map(abs, a)) > SMALLEST]
    size = len(measured)
    rates = [rate for rate, _ in measured]
    # weighted a little: residuals near 0 cost small inputs their digits
    outputs = [[rate ** mpf("0.3") * a for a in amplitudes] for rate, amplitudes in measured]
    inputs = [sum(a * a for a in output) ** mpf("0.25") for output in outputs]
    outputs = [[a / b for a in output] for b, output in zip(inputs, outputs)]

    def gramian(vectors):
        return matrix([[sum(x * y for x, y in zip(u, v)) / (a + b) for v, b in zip(vectors, rates)] for u, a in zip(vectors, rates)])

    squares, modes = eigsy(gramian([[b] for b in inputs]))
    root = matrix([[modes[i, j] * sqrt(max(squares[j], 0)) for j in range(size)] for i in range(size)])
    seen = gramian(outputs) * root
    product = root.T * seen
    squares, modes = eigsy((product + product.T) / 2)
    kept = sorted(range(size), key=lambda j: -squares[j])[:SIZE]
    modes = matrix([[modes[i, j] for j in kept] for i in range(size)])
    left, right = seen * modes, root * modes
    reduced = matrix(SIZE, SIZE)
    for i in range(SIZE):
        for j in range(SIZE):
            flow = sum(left[k, i] * rates[k] * right[k, j] for k in range(size))
            reduced[i, j] = flow / squares[kept[i]]
    found, _ = eig(reduced)
    assert all(abs(rate.imag) < mpf(10) ** -20 * abs(rate) for rate in found)
    return sorted(1 / sqrt(2 * rate.real) for rate in found)


def slope_odd(x, s):
    return exp(-x * x / (2 * s * s))


def value_odd(x, s):
    return s * sqrt(pi / 2) * erf(x / (s * sqrt(2)))


def slope_even(x, s):
    return erf(x / (s * sqrt(2)))


def value_even(x, s):
    return x * slope_even(x, s) - s * sqrt(2 / pi) * (1 - slope_odd(x, s))


def softplus(x):
    return log1p(exp(x)) if x < 0 else x + log1p(exp(-x))


def logistic(x):
    return 1 / (1 + exp(-x))


def tanh_slope(x):
    return 1 / cosh(x) ** 2


def silu(x):
    return x * logistic(x)


def silu_slope(x):
    return logistic(x) * (1 + x * logistic(-x))


def mish(x):
    return x * tanh(softplus(x))


def mish_slope(x):
    return tanh(softplus(x)) + x * logistic(x) / cosh(softplus(x)) ** 2


def geometric(low, high, size):
    low, high = mpf(low), mpf(high)
    return [low * (high / low) ** (mpf(i) / (size - 1)) for i in range(size)]


def linear(low, high, size):
    return [low + (mpf(high) - low) * i / (size - 1) for i in range(size)]


def fit(name, value, slope, limit, measure):
    mp.dps = 70
    found = scales(measure)
    mp.dps = 60
    squares = [mpf(float(s * s)) for s in found]
    found = [sqrt(square) for square in squares]
    show(f"{name}, squares", squares)
    points = geometric("1e-3", "0.1", 20) + linear(mpf("0.1"), 14, 250) + geometric(14, 1000, 50)
    others = linear(mpf("0.003"), 14, 401) + geometric(14, 44, 51)
    parts = (("odd", 1, limit, slope_odd, value_odd), ("even", -1, 0, slope_even, value_even))
    for part, sign, limit, component, value_component in parts:
        target = [(slope(x) + sign * slope(-x)) / 2 - limit for x in points]
        if max(abs(y) for y in target) < mpf(10) ** -40:
            continue
        rows = [[component(x, s) for s in found] for x in points]
        # of phi relative to itself as well, which large inputs see
        target += [((value(x) - sign * value(-x)) / 2 - (value(0) if sign == -1 else limit * x)) / value(x) for x in points]
        rows += [[value_component(x, s) / value(x) for s in found] for x in points]
        solution = lu_solve(matrix(rows), matrix(target))
        weights = [a * s * sqrt(pi / 2) if sign == 1 else a for a, s in zip(solution, found)]
        rounded = [mpf(float(a)) / (s * sqrt(pi / 2) if sign == 1 else 1) for a, s in zip(weights, found)]
        worst = max(abs(sum(a * component(x, s) for a, s in zip(rounded, found)) - (slope(x) + sign * slope(-x)) / 2 + limit) for x in others)
        print(f"{name}: residual {mp.nstr(worst, 3)}, sum of magnitudes {mp.nstr(sum(abs(a) for a in rounded), 4)}")
        show(f"{name}, {part} weights", weights)


fit("tanh", tanh, tanh_slope, 0, tanh_measure)
fit("SiLU", silu, silu_slope, mpf("0.5"), silu_measure)
fit("Mish", mish, mish_slope, mpf("0.5"), mish_measure)
