//! A density on a uniform grid.

use super::law::Law;
use crate::error::{self, Error, Result};
use crate::numerics::gauss_legendre::{NODES, WEIGHTS};

/// Halvings and Newton steps of a quantile within its cell.
const STEPS: usize = 60;

/// What is on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
enum Image {
    /// $X$ itself.
    Identity,
    /// $X = \tanh Z$ and the grid is of $Z$.
    Tanh,
}

/// A law with a density, known by the masses of the cells of a uniform grid.
///
/// The distribution function is exact at the edges of cells and the cubic of Hermite between them, its slopes
/// at the edges those of the cubic through four edges, limited so that it is monotone (F. N. Fritsch and R.
/// E. Carlson 1980): the density is continuous, non-negative and a parabola in each cell. For a smooth
/// density $p$ and cells of width $h$ the distribution function errs by $h^4 \lvert p^{\prime\prime\prime}
/// \rvert /384$, the density by about $h^3 \lvert p^{\prime\prime\prime} \rvert / 100$, beyond what the
/// masses themselves do.
///
/// ```
/// use neural_limits::law::Density;
/// let normal = Density::of_function(|x| (-0.5 * x * x).exp(), (-9.0, 9.0), 360)?;
/// assert!((normal.cdf(1.0) - 0.841_344_746).abs() < 1e-7);
/// assert!((normal.at(1.0) - 0.241_970_725).abs() < 1e-5);
/// assert!((normal.variance() - 1.0).abs() < 1e-5);
/// # Ok::<(), neural_limits::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Density {
    low: f64,
    width: f64,
    masses: Vec<f64>,
    image: Image,
    /// $P(X \le x)$ at the edges.
    #[cfg_attr(feature = "serde", serde(skip))]
    cumulative: Vec<f64>,
    /// $p$ at the edges.
    #[cfg_attr(feature = "serde", serde(skip))]
    edges: Vec<f64>,
}

impl Density {
    /// From the masses of cells of equal width, the first of which begins at `low`; normalised to the sum 1.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a `low` that is not finite, a width that is not positive and finite, a mass
    /// that is negative or not finite, and masses whose sum is not positive and finite; [`Error::Shape`] for
    /// fewer than 4 cells.
    pub fn new(low: f64, width: f64, mut masses: Vec<f64>) -> Result<Self> {
        error::finite("low", low)?;
        if error::non_negative("width", width)? == 0.0 {
            return Err(Error::invalid("width", width, "a finite number > 0"));
        }
        if masses.len() < 4 {
            let found = format!("{} cells", masses.len());
            return Err(Error::shape(
                "the density's grid",
                found,
                "at least 4 cells",
            ));
        }
        error::finite("the end of the grid", low + width * masses.len() as f64)?;
        for (i, &mass) in masses.iter().enumerate() {
            error::non_negative(&format!("masses[{i}]"), mass)?;
        }
        let total: f64 = masses.iter().sum();
        if !(total > 0.0 && total.is_finite()) {
            return Err(Error::invalid("the sum of masses", total, "a number > 0"));
        }
        let mut cumulative = vec![0.0];
        let mut sum = 0.0;
        for mass in &mut masses {
            *mass /= total;
            sum += *mass;
            cumulative.push(sum);
        }
        let edges = slopes(&masses, width);
        Ok(Self {
            low,
            width,
            masses,
            image: Image::Identity,
            cumulative,
            edges,
        })
    }

    /// From a function proportional to the density, on as many cells of (`low`, `high`) as wanted; the mass
    /// of a cell by Gauss's rule of 16 nodes. What lies outside of the range is left out.
    ///
    /// # Errors
    /// As [`new`](Self::new), for the values of the function in place of masses.
    pub fn of_function(
        f: impl Fn(f64) -> f64,
        (low, high): (f64, f64),
        cells: usize,
    ) -> Result<Self> {
        error::finite("low", low)?;
        error::finite("high", high)?;
        let width = (high - low) / error::size("cells", cells)? as f64;
        let mut masses = Vec::with_capacity(cells);
        for i in 0..cells {
            let start = low + width * i as f64;
            let mut mass = 0.0;
            for (node, weight) in NODES.iter().zip(WEIGHTS) {
                let x = start + width * node;
                let value = f(x);
                if !(value >= 0.0 && value.is_finite()) {
                    let argument = format!("the density at {x}");
                    return Err(Error::invalid(argument, value, "a finite number >= 0"));
                }
                mass += weight * value;
            }
            masses.push(mass * width);
        }
        Self::new(low, width, masses)
    }

    /// From values at nodes a distance of `width` apart, the first at `first`: the cells lie around the nodes
    /// and have the masses $h (p_{i-1} + 22 p_i + p_{i+1})/24$, of fourth order and non-negative, whose sum
    /// is that of $h p_i$ if the ends are 0.
    pub(crate) fn of_nodes(first: f64, width: f64, values: &[f64]) -> Result<Self> {
        let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
        let masses = (0..values.len()).map(|i| {
            let before = if i == 0 { 0.0 } else { at(i - 1) };
            width * (before + 22.0 * at(i) + at(i + 1)) / 24.0
        });
        Self::new(first - 0.5 * width, width, masses.collect())
    }

    /// The law of $\tanh X$, whose density no uniform grid resolves close to $\pm 1$.
    pub fn hyperbolic_tangent(self) -> Self {
        Self {
            image: Image::Tanh,
            ..self
        }
    }

    /// The ends of the grid, of $Z$ for the law of $\tanh Z$.
    pub fn range(&self) -> (f64, f64) {
        (self.low, self.low + self.width * self.masses.len() as f64)
    }

    /// The width of the cells.
    pub fn cell_width(&self) -> f64 {
        self.width
    }

    /// The masses of the cells.
    pub fn masses(&self) -> &[f64] {
        &self.masses
    }

    /// The place on the grid, in cells, of a value; `None` outside.
    fn cell(&self, x: f64) -> Option<(usize, f64)> {
        let z = match self.image {
            Image::Identity => x,
            Image::Tanh if x.abs() < 1.0 => x.atanh(),
            Image::Tanh => return None,
        };
        let place = (z - self.low) / self.width;
        let inside = place >= 0.0 && place < self.masses.len() as f64;
        inside.then(|| (place as usize, place - place.floor()))
    }

    /// What the parabola of a cell lacks in its middle, times 4.
    fn dip(&self, cell: usize) -> f64 {
        let (left, right) = (self.edges[cell], self.edges[cell + 1]);
        3.0 * (left + right) - 6.0 * self.masses[cell] / self.width
    }

    /// The density on the grid in a cell, at a share of its width.
    fn in_cell(&self, cell: usize, share: f64) -> f64 {
        let (left, right) = (self.edges[cell], self.edges[cell + 1]);
        let value = left + (right - left) * share - self.dip(cell) * share * (1.0 - share);
        value.max(0.0)
    }

    /// $P$(in the cell, left of a share of its width).
    fn mass_below(&self, cell: usize, share: f64) -> f64 {
        let (left, right) = (self.edges[cell], self.edges[cell + 1]);
        let square = share * share;
        let parabola = self.dip(cell) * square * (0.5 - share / 3.0);
        let mass = self.width * (left * share + 0.5 * (right - left) * square - parabola);
        mass.clamp(0.0, self.masses[cell])
    }

    /// The density at $x$; 0 outside of the grid.
    pub fn at(&self, x: f64) -> f64 {
        let Some((cell, share)) = self.cell(x) else {
            return 0.0;
        };
        let value = self.in_cell(cell, share);
        match self.image {
            Image::Identity => value,
            Image::Tanh => value / ((1.0 - x) * (1.0 + x)),
        }
    }

    /// $P(X \le x)$.
    pub fn cdf(&self, x: f64) -> f64 {
        match self.cell(x) {
            Some((cell, share)) => {
                (self.cumulative[cell] + self.mass_below(cell, share)).clamp(0.0, 1.0)
            }
            None => {
                let (low, _) = self.range();
                f64::from(self.of_grid(low) < x)
            }
        }
    }

    /// The value at a place on the grid.
    fn of_grid(&self, z: f64) -> f64 {
        match self.image {
            Image::Identity => z,
            Image::Tanh => z.tanh(),
        }
    }

    /// The quantile of order $u$, to rounding; the ends of the support for 0 and 1.
    pub(super) fn quantile(&self, u: f64) -> f64 {
        self.of_grid(self.low + self.width * self.place(u))
    }

    /// The place on the grid, in cells, of the quantile of order $u$.
    fn place(&self, u: f64) -> f64 {
        let after = self.cumulative.partition_point(|below| *below < u);
        let cell = after.clamp(1, self.masses.len()) - 1;
        let wanted = (u - self.cumulative[cell]).clamp(0.0, self.masses[cell]);
        // Newton's steps, halving where they leave the bracket
        let (mut low, mut high) = (0.0, 1.0);
        let mut share = 0.5;
        for _ in 0..STEPS {
            let excess = self.mass_below(cell, share) - wanted;
            if excess > 0.0 {
                high = share;
            } else {
                low = share;
            }
            let newton = share - excess / (self.width * self.in_cell(cell, share));
            let next = if newton > low && newton < high {
                newton
            } else {
                0.5 * (low + high)
            };
            if (next - share).abs() <= f64::EPSILON {
                break;
            }
            share = next;
        }
        cell as f64 + share
    }

    /// $\mathbb E f(X)$ by Gauss's rule of 16 nodes in each cell.
    ///
    /// ```
    /// use neural_limits::law::Density;
    /// let uniform = Density::new(0.0, 0.25, vec![1.0; 4])?;
    /// assert!((uniform.expectation(|x| x) - 0.5).abs() < 1e-15);
    /// # Ok::<(), neural_limits::Error>(())
    /// ```
    pub fn expectation(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.points().map(|(x, weight)| weight * f(x)).sum()
    }

    /// The values and weights of Gauss's rule in each cell that has a mass.
    pub(crate) fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let cells = (0..self.masses.len()).filter(|cell| self.masses[*cell] > 0.0);
        cells.flat_map(move |cell| {
            let rule = NODES.iter().zip(WEIGHTS);
            rule.map(move |(share, weight)| {
                let x = self.of_grid(self.low + self.width * (cell as f64 + share));
                (x, weight * self.width * self.in_cell(cell, *share))
            })
        })
    }

    /// $\int f(F^{-1}(u)) du$ between two orders, for a function that is smooth but at $x$: Gauss's rule of
    /// 16 nodes in each cell and its parts.
    pub(super) fn between(&self, (from, to): (f64, f64), x: f64, f: impl Fn(f64) -> f64) -> f64 {
        let (start, end) = (self.place(from), self.place(to));
        let crossing = match self.cell(x) {
            Some((cell, share)) => (cell as f64 + share).clamp(start, end),
            None => start,
        };
        let mut sum = 0.0;
        for (start, end) in [(start, crossing), (crossing, end)] {
            for cell in start as usize..self.masses.len().min(end.ceil() as usize) {
                let edge = cell as f64;
                let (low, high) = (start.max(edge) - edge, end.min(edge + 1.0) - edge);
                for (node, weight) in NODES.iter().zip(WEIGHTS) {
                    let share = low + (high - low) * node;
                    let value = self.of_grid(self.low + self.width * (edge + share));
                    let mass = self.width * (high - low) * self.in_cell(cell, share);
                    sum += weight * mass * f(value);
                }
            }
        }
        sum
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.expectation(|x| x)
    }

    /// The variance.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        self.expectation(|x| (x - mean) * (x - mean))
    }

    /// Whether both are densities of the same thing on as many cells.
    #[cfg(feature = "approx")]
    pub(crate) fn same_form(&self, other: &Self) -> bool {
        self.image == other.image && self.masses.len() == other.masses.len()
    }

    /// The grid and the masses.
    #[cfg(feature = "approx")]
    pub(crate) fn numbers(&self) -> impl Iterator<Item = &f64> {
        [&self.low, &self.width].into_iter().chain(&self.masses)
    }
}

impl From<Density> for Law {
    fn from(density: Density) -> Self {
        Self::Density(density)
    }
}

/// The density at the edges: of the cubic through four values of the distribution function, at most three
/// times the density of either cell beside.
fn slopes(masses: &[f64], width: f64) -> Vec<f64> {
    let average = |i: usize| masses[i] / width;
    let mut edges = vec![0.0];
    for i in 1..masses.len() {
        let (left, right) = (average(i - 1), average(i));
        let slope = if i >= 2 && i + 1 < masses.len() {
            (7.0 * (left + right) - average(i - 2) - average(i + 1)) / 12.0
        } else {
            0.5 * (left + right)
        };
        edges.push(slope.clamp(0.0, 3.0 * left.min(right)));
    }
    edges.push(0.0);
    // a law that ends with a jump keeps it: the parabola of the last cell is then a constant
    let last = masses.len() - 1;
    for (edge, near, cell) in [(0, 1, 0), (masses.len(), masses.len() - 1, last)] {
        let value = 2.0 * average(cell) - edges[near];
        edges[edge] = value.clamp(0.0, 3.0 * average(cell));
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::normal;

    fn normal_law(cells: usize) -> Density {
        Density::of_function(normal::density, (-9.0, 9.0), cells).unwrap()
    }

    #[test]
    fn the_distribution_function_is_of_fourth_order_and_the_density_of_third() {
        let error = |cells: usize, f: &dyn Fn(&Density, f64) -> f64| {
            let law = normal_law(cells);
            (0..1000).fold(0.0, |largest: f64, i| {
                largest.max(f(&law, -4.0 + 0.008 * f64::from(i)).abs())
            })
        };
        let cdf = |law: &Density, x: f64| law.cdf(x) - normal::distribution(x);
        let density = |law: &Density, x: f64| law.at(x) - normal::density(x);
        let ratio = |f| error(180, f) / error(360, f);
        assert!((ratio(&cdf) / 16.0 - 1.0).abs() < 0.15, "{}", ratio(&cdf));
        assert!(
            (ratio(&density) / 8.0 - 1.0).abs() < 0.3,
            "{}",
            ratio(&density)
        );
        assert!(error(360, &cdf) < 4e-8 && error(360, &density) < 4e-6);
    }

    #[test]
    fn quantiles_invert_the_distribution_function() {
        let law = normal_law(100);
        for u in [1e-12, 1e-3, 0.3, 0.5, 0.999, 1.0 - 1e-9] {
            assert!((law.cdf(law.quantile(u)) / u - 1.0).abs() < 1e-12, "{u}");
        }
        assert_eq!(
            (law.cdf(-10.0), law.cdf(10.0), law.at(10.0)),
            (0.0, 1.0, 0.0)
        );
    }

    #[test]
    fn any_masses_give_a_monotone_distribution_function() {
        let law = Density::new(-1.0, 0.5, vec![0.0, 3.0, 0.0, 0.0, 1e-9, 2.0, 0.1]).unwrap();
        let mut last = 0.0;
        for i in 0..4000 {
            let x = -1.2 + 0.001 * f64::from(i);
            assert!(law.at(x) >= 0.0 && law.cdf(x) >= last, "{x}");
            last = law.cdf(x);
        }
        assert_eq!(last, 1.0);
        // a uniform law is one up to its ends
        let uniform = Density::new(0.0, 0.25, vec![1.0; 4]).unwrap();
        for x in [0.01, 0.1, 0.6, 0.99] {
            assert!((uniform.cdf(x) - x).abs() < 1e-15 && (uniform.at(x) - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn the_law_of_a_hyperbolic_tangent_has_its_density_and_moments() {
        let law = normal_law(400).hyperbolic_tangent();
        assert!((law.cdf(0.5) - normal::distribution(0.5_f64.atanh())).abs() < 1e-7);
        let exact = normal::density(0.5_f64.atanh()) / 0.75;
        assert!((law.at(0.5) - exact).abs() < 1e-5);
        // E tanh²(z) (30 digits: 0.394294...)
        assert!(
            (law.variance() - 0.394_294_380).abs() < 1e-6,
            "{}",
            law.variance()
        );
        assert_eq!((law.at(1.0), law.cdf(1.0), law.cdf(-1.0)), (0.0, 1.0, 0.0));
    }

    #[test]
    fn what_is_no_density_is_refused_by_name() {
        for (result, word) in [
            (Density::new(f64::NAN, 1.0, vec![1.0; 4]), "low"),
            (Density::new(0.0, 0.0, vec![1.0; 4]), "width"),
            (Density::new(0.0, 1.0, vec![1.0; 3]), "4 cells"),
            (Density::new(0.0, 1.0, vec![0.0; 4]), "sum of masses"),
            (
                Density::new(0.0, 1.0, vec![1.0, -1.0, 1.0, 1.0]),
                "masses[1]",
            ),
            (Density::of_function(|_| -1.0, (0.0, 1.0), 4), "density at"),
            (Density::of_function(|_| 1.0, (0.0, -1.0), 4), "width"),
        ] {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
