//! Functions of two norms and an angle on a box, as polynomials.

use crate::numerics::chebyshev;
use crate::vectorized::vectorized;

/// Pairs that are evaluated together: their sums for two functions fit in registers.
pub(super) const LANES: usize = 16;

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
    /// How many terms in the second variable every power of both polynomials has; at most as many as the
    /// power before.
    kept: Vec<usize>,
    /// How many groups of numbers of a section every term of the first variable contributes to.
    reach: Vec<usize>,
    /// By polynomial and term of the first variable; then by power of the third and term of the second, as
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
    /// that are `negligible` beside the largest of their function are left out where terms of all higher
    /// degrees are.
    pub(super) fn fit(
        values: &[f64],
        functions: usize,
        sizes: [usize; 3],
        negligible: f64,
    ) -> Self {
        let [na, nb, nr] = sizes;
        let chebyshev = transformed(values, &chebyshev::transform(na), nb * nr);
        let chebyshev = transformed(&chebyshev, &chebyshev::transform(nb), nr);
        let chebyshev = transformed(&chebyshev, &chebyshev::transform(nr), 1);
        let size = na * nb * nr;
        let (mut kept, mut degrees) = (vec![1; nr], vec![1; na]);
        let mut tails = [0.0_f64; 3];
        for all in chebyshev.chunks(size) {
            let largest = all.iter().fold(0.0, |m: f64, a| m.max(a.abs()));
            for (index, a) in all.iter().enumerate() {
                if a.abs() > negligible * largest {
                    let (i, j, k) = (index / nr / nb, index / nr % nb, index % nr);
                    kept[k] = kept[k].max(j + 1);
                    degrees[i] = degrees[i].max(k + 1);
                    for ((tail, place), n) in tails.iter_mut().zip([i, j, k]).zip(sizes) {
                        if place + LAST >= n {
                            *tail = tail.max(a.abs() / largest);
                        }
                    }
                }
            }
        }
        // a power has what the polynomials of its degree and above have
        for k in (1..nr).rev() {
            kept[k - 1] = kept[k - 1].max(kept[k]);
        }
        let powers = chebyshev::powers(nr);
        // powers k, k + step, ... of a function are a polynomial
        let step = 2 / functions;
        let rows: Vec<usize> = kept.iter().step_by(step).copied().collect();
        let depth = |degree: usize| degree.div_ceil(step);
        let reach = degrees.iter().map(|&n| rows[..depth(n)].iter().sum());
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
            for (by_a, &degree) in by_function.chunks(nb * nr).zip(&degrees) {
                // polynomials of the third variable are kept or left out as a whole
                let kept = &kept[..degree];
                let by_term = (0..nb).map(|j| kept.partition_point(|&kept| kept > j));
                let by_term: Vec<usize> = by_term.collect();
                for (i, &row) in rows[..depth(degree)].iter().enumerate() {
                    let k = first + step * i;
                    for (by_b, degree) in by_a.chunks(nr).zip(&by_term).take(row) {
                        let terms = by_b[..*degree].iter().zip(&powers).skip(k).rev();
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
    /// By polynomial, power, term of the second variable.
    groups: Vec<[f64; GROUP]>,
}

impl Section {
    /// The number of terms of the second variable.
    pub(super) fn terms(&self) -> usize {
        self.kept.first().copied().unwrap_or(0)
    }

    /// $F$ functions, as many as there are, at the points `x` of the third variable; `basis` holds the
    /// Chebyshev polynomials of the second.
    #[inline(always)]
    pub(super) fn at<const F: usize>(
        &self,
        basis: &[[f64; LANES]],
        x: &[f64; LANES],
    ) -> [[f64; LANES]; F] {
        let y = if F == 1 { x.map(|x| x * x) } else { *x };
        let sums = self.polynomials(basis, &y);
        if F == 1 {
            [std::array::from_fn(|lane| sums[0][lane] + x[lane] * sums[1][lane]); F]
        } else {
            std::array::from_fn(|f| sums[f])
        }
    }

    /// Both polynomials.
    #[inline(always)]
    fn polynomials(&self, basis: &[[f64; LANES]], x: &[f64; LANES]) -> [[f64; LANES]; 2] {
        let (first, second) = self.groups.split_at(self.groups.len() / 2);
        let [first, second] = [first, second].map(|groups| &groups.as_flattened()[..self.size]);
        let (mut one, mut two) = ([0.0; LANES], [0.0; LANES]);
        let mut end = first.len();
        for &kept in self.kept.iter().rev() {
            let start = end - kept;
            let rows = [&first[start..end], &second[start..end]];
            // the first Chebyshev polynomial is 1
            let [[a, first_rest @ ..], [b, second_rest @ ..]] = rows else {
                break;
            };
            for lane in 0..LANES {
                one[lane] = one[lane] * x[lane] + a;
                two[lane] = two[lane] * x[lane] + b;
            }
            let rows = first_rest.iter().zip(second_rest);
            for ((a, b), basis) in rows.zip(&basis[1..]) {
                for lane in 0..LANES {
                    one[lane] += a * basis[lane];
                    two[lane] += b * basis[lane];
                }
            }
            end = start;
        }
        [one, two]
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
        let patch = Patch::fit(&values, 2, sizes, 1e-17);
        let mut section = Section::default();
        for i in 0..20 {
            let [a, b, r] = [0.61, 0.37, 0.83].map(|s| 2.0 * (s * f64::from(i)).fract() - 1.0);
            patch.section(&chebyshev::basis(a, sizes[0]), &mut section);
            let basis: Vec<[f64; LANES]> = chebyshev::basis(b, sizes[1])
                .into_iter()
                .map(|t| [t; LANES])
                .collect();
            let found = section.at::<2>(&basis, &[r; LANES]);
            for (found, exact) in found.iter().zip(f(a, b, r)) {
                let error = (found[7] - exact).abs();
                assert!(error < 1e-14, "{error:e}");
            }
        }
    }
}
