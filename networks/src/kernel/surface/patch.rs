//! Functions of two norms and an angle on a box, as polynomials.

use pulp::{Arch, Simd, WithSimd};

use super::plan::MOST_TERMS_OF_BOXES;
use crate::numerics::chebyshev;
use crate::vectorized::vectorized;

/// Pairs that are evaluated together, by [`VECTORS`] vectors: their sums for two functions fit in registers.
pub(super) const LANES: usize = 32;
const VECTORS: usize = 4;

/// Numbers of a section that are summed side by side.
const GROUP: usize = 16;

/// The terms that show how many more are needed: of even and odd functions every second one vanishes.
const LAST: usize = 2;

/// Some functions on $[-1, 1]^3$: Chebyshev polynomials in the first two variables, powers in the third.
///
/// Terms of high degree in several variables at once are negligible for smooth functions, and are left out.
///
/// Two polynomials are evaluated side by side: two functions, or of one the even and the odd powers $r^{2k}$
/// and $r^{2k+1}$ as polynomials in $r^2$.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// The numbers of terms in the first two variables.
    sizes: [usize; 2],
    /// The largest Chebyshev coefficient of the last terms in each variable, relative to all.
    tails: [f64; 3],
    /// How many powers every term in the second variable has in both polynomials; at most as many as the term
    /// before.
    kept: Vec<usize>,
    /// How many groups of numbers of a section every term of the first variable contributes to.
    reach: Vec<usize>,
    /// By polynomial and term of the first variable; then by term of the second and power of the third, as
    /// far as these are kept, and 0 in the rest of the last group.
    coefficients: Vec<[f64; GROUP]>,
}

/// Multiplies along the middle index of a $(\cdot, n, \text{inner})$ array.
fn transformed(values: &[f64], matrix: &[Vec<f64>], inner: usize) -> Vec<f64> {
    let n = matrix.len();
    let mut out = vec![0.0; values.len()];
    let blocks = out.chunks_mut(n * inner).zip(values.chunks(n * inner));
    if inner == 1 {
        for (out, values) in blocks {
            for (out, row) in out.iter_mut().zip(matrix) {
                *out = row.iter().zip(values).map(|(m, value)| m * value).sum();
            }
        }
        return out;
    }
    for (out, values) in blocks {
        for (out, row) in out.chunks_mut(inner).zip(matrix) {
            vectorized(
                #[inline(always)]
                || {
                    for (m, values) in row.iter().zip(values.chunks_exact(inner)) {
                        for (out, value) in out.iter_mut().zip(values) {
                            *out += m * value;
                        }
                    }
                },
            );
        }
    }
    out
}

impl Patch {
    /// Interpolates `values` at Chebyshev's points: by function, then by point in each variable. Coefficients
    /// that are `negligible` beside the largest of their function, or what this is at least to be, are left
    /// out where terms of all higher degrees are.
    pub(super) fn fit(
        values: &[f64],
        functions: usize,
        sizes: [usize; 3],
        (negligible, least): (f64, [f64; 2]),
    ) -> Self {
        let [na, nb, nr] = sizes;
        let chebyshev = transformed(values, &chebyshev::transform(na), nb * nr);
        let chebyshev = transformed(&chebyshev, &chebyshev::transform(nb), nr);
        let chebyshev = transformed(&chebyshev, &chebyshev::transform(nr), 1);
        let size = na * nb * nr;
        let (mut kept, mut widths) = (vec![1; nb], vec![1; na]);
        let mut tails = [0.0_f64; 3];
        for (all, least) in chebyshev.chunks(size).zip(least) {
            let largest = all.iter().fold(least, |m, a| m.max(a.abs()));
            for (index, a) in all.iter().enumerate() {
                if a.abs() > negligible * largest {
                    let (i, j, k) = (index / nr / nb, index / nr % nb, index % nr);
                    kept[j] = kept[j].max(k + 1);
                    widths[i] = widths[i].max(j + 1);
                    for ((tail, place), n) in tails.iter_mut().zip([i, j, k]).zip(sizes) {
                        if place + LAST >= n {
                            *tail = tail.max(a.abs() / largest);
                        }
                    }
                }
            }
        }
        // a term has what the terms of its degree and above have
        for j in (1..nb).rev() {
            kept[j - 1] = kept[j - 1].max(kept[j]);
        }
        let last = widths.iter().copied().max().unwrap_or(1);
        kept.truncate(last);
        let powers = chebyshev::powers(nr);
        // powers k, k + step, ... of a function are a polynomial
        let step = 2 / functions;
        let rows: Vec<usize> = kept.iter().map(|kept| kept.div_ceil(step)).collect();
        let reach = widths.iter().map(|&n| rows[..n].iter().sum());
        let reach = reach.map(|numbers: usize| numbers.div_ceil(GROUP));
        let reach: Vec<usize> = reach.collect();
        let mut coefficients = Vec::with_capacity(2 * size.next_multiple_of(GROUP));
        for polynomial in 0..2 {
            let (function, first) = if functions == 2 {
                (polynomial, 0)
            } else {
                (0, polynomial)
            };
            let by_function = &chebyshev[function * size..(function + 1) * size];
            for (by_a, &width) in by_function.chunks(nb * nr).zip(&widths) {
                let terms = by_a.chunks(nr).zip(kept.iter().zip(&rows)).take(width);
                for (by_b, (&kept, &row)) in terms {
                    // polynomials of the third variable are kept or left out as a whole
                    for k in (first..).step_by(step).take(row) {
                        let terms = by_b[..kept].iter().zip(&powers).skip(k).rev();
                        coefficients.push(terms.map(|(a, power)| a * power[k]).sum());
                    }
                }
                coefficients.resize(coefficients.len().next_multiple_of(GROUP), 0.0);
            }
        }
        Self {
            sizes: [na, nb],
            tails,
            kept: rows,
            reach,
            coefficients: coefficients.as_chunks().0.to_vec(),
        }
    }

    /// The numbers of terms in the first two variables.
    pub(super) fn sizes(&self) -> [usize; 2] {
        self.sizes
    }

    /// How many numbers an evaluation takes at a given first variable.
    pub(super) fn numbers(&self) -> usize {
        2 * self.kept.iter().sum::<usize>()
    }

    /// The largest coefficient of the last terms in each variable, relative to all.
    pub(super) fn tails(&self) -> [f64; 3] {
        self.tails
    }

    /// The polynomials of the last two variables at a value of the first, given its Chebyshev polynomials.
    #[inline(always)]
    pub(super) fn section(&self, basis_a: &[f64], out: &mut Section) {
        out.kept.clear();
        out.kept.extend_from_slice(&self.kept);
        out.size = self.kept.iter().sum();
        out.groups.clear();
        let groups = out.size.div_ceil(GROUP);
        let polynomial = self.reach.iter().sum::<usize>();
        for all in self.coefficients.chunks_exact(polynomial) {
            for group in 0..groups {
                let (mut sum, mut rest) = ([0.0; GROUP], all);
                for (t, &reach) in basis_a.iter().zip(&self.reach) {
                    let terms;
                    (terms, rest) = rest.split_at(reach);
                    if let Some(terms) = terms.get(group) {
                        for (sum, term) in sum.iter_mut().zip(terms) {
                            *sum += t * term;
                        }
                    }
                }
                out.groups.push(sum);
            }
        }
    }
}

/// A [`Patch`] at a given first variable.
#[derive(Debug, Clone, Default)]
pub(super) struct Section {
    kept: Vec<usize>,
    /// Of one polynomial.
    size: usize,
    /// By polynomial, term of the second variable, power.
    groups: Vec<[f64; GROUP]>,
}

impl Section {
    /// The number of terms of the second variable.
    pub(super) fn terms(&self) -> usize {
        self.kept.len()
    }

    /// The numbers of both polynomials.
    #[inline(always)]
    fn polynomials(&self) -> [&[f64]; 2] {
        let (first, second) = self.groups.split_at(self.groups.len() / 2);
        [first, second].map(|groups| &groups.as_flattened()[..self.size])
    }

    /// $F$ functions, as many as there are, at a point `x` of the third variable; `basis` holds the Chebyshev
    /// polynomials of the second.
    pub(super) fn at<const F: usize>(&self, basis: &[f64], x: f64) -> [f64; F] {
        let mut all = [[0.0; LANES]; MOST_TERMS_OF_BOXES];
        for (all, t) in all.iter_mut().zip(basis) {
            *all = [*t; LANES];
        }
        let found = Arch::new().dispatch(At::<F> {
            section: self,
            basis: &all,
            x: [x; LANES],
        });
        found.map(|found| found[0])
    }

    /// The same at [`LANES`] points.
    #[inline(always)]
    pub(super) fn at_all<S: Simd, const F: usize>(
        &self,
        simd: S,
        basis: &[[f64; LANES]],
        x: &[f64; LANES],
    ) -> [[f64; LANES]; F] {
        let numbers = self.polynomials();
        let mut out = [[0.0; LANES]; F];
        let (x, _) = S::as_simd_f64s(x);
        for (x, place) in x.chunks_exact(VECTORS).zip((0..).step_by(VECTORS)) {
            let x: [S::f64s; VECTORS] = std::array::from_fn(|v| x[v]);
            let y = if F == 1 {
                x.map(|x| simd.mul_f64s(x, x))
            } else {
                x
            };
            let mut sums = [[simd.splat_f64s(0.0); VECTORS]; 2];
            let mut end = self.size;
            for (j, &kept) in self.kept.iter().enumerate().rev() {
                let start = end - kept;
                let rows = numbers.map(|numbers| &numbers[start..end]);
                let [Some((a, first)), Some((b, second))] = rows.map(<[f64]>::split_last) else {
                    continue;
                };
                let mut values = [
                    [simd.splat_f64s(*a); VECTORS],
                    [simd.splat_f64s(*b); VECTORS],
                ];
                for (a, b) in first.iter().zip(second).rev() {
                    let (a, b) = (simd.splat_f64s(*a), simd.splat_f64s(*b));
                    for v in 0..VECTORS {
                        values[0][v] = simd.mul_add_f64s(values[0][v], y[v], a);
                        values[1][v] = simd.mul_add_f64s(values[1][v], y[v], b);
                    }
                }
                let (basis, _) = S::as_simd_f64s(&basis[j]);
                for (sums, values) in sums.iter_mut().zip(&values) {
                    for v in 0..VECTORS {
                        sums[v] = simd.mul_add_f64s(values[v], basis[place + v], sums[v]);
                    }
                }
                end = start;
            }
            for v in 0..VECTORS {
                if F == 1 {
                    let sum = simd.mul_add_f64s(x[v], sums[1][v], sums[0][v]);
                    S::as_mut_simd_f64s(&mut out[0]).0[place + v] = sum;
                } else {
                    for (out, sums) in out.iter_mut().zip(&sums) {
                        S::as_mut_simd_f64s(out).0[place + v] = sums[v];
                    }
                }
            }
        }
        out
    }
}

/// [`Section::at_all`] where no vectors are at hand.
struct At<'a, const F: usize> {
    section: &'a Section,
    basis: &'a [[f64; LANES]],
    x: [f64; LANES],
}

impl<const F: usize> WithSimd for At<'_, F> {
    type Output = [[f64; LANES]; F];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        self.section.at_all::<S, F>(simd, self.basis, &self.x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_its_function() {
        let f = |a: f64, b: f64, r: f64| [(0.3 * a + 0.2 * b * r).exp(), (a - 0.5 * b + r).sin()];
        let sizes = [17, 15, 18];
        let nodes = chebyshev::nodes;
        let mut values = Vec::new();
        for function in 0..2 {
            for a in nodes(sizes[0]) {
                for b in nodes(sizes[1]) {
                    values.extend(nodes(sizes[2]).map(|r| f(a, b, r)[function]));
                }
            }
        }
        let patch = Patch::fit(&values, 2, sizes, (1e-17, [0.0; 2]));
        let mut section = Section::default();
        for i in 0..20 {
            let [a, b, r] = [0.61, 0.37, 0.83].map(|s| 2.0 * (s * f64::from(i)).fract() - 1.0);
            patch.section(&chebyshev::basis(a, sizes[0]), &mut section);
            let found = section.at::<2>(&chebyshev::basis(b, sizes[1]), r);
            for (found, exact) in found.iter().zip(f(a, b, r)) {
                let error = (found - exact).abs();
                assert!(error < 1e-14, "{error:e}");
            }
        }
    }
}
