//! The components of activations without a kink, constants of `tools/mixture_constants.py`.
//!
//! A logistic variable is $sz$ with $z$ standard normal and $s = 2K$, $K$ of Kolmogorov's law (D. F. Andrews
//! and C. L. Mallows, *Scale mixtures of normal distributions*, J. Royal Stat. Soc. B 36, 1974), so that
//!
//! $$\tanh x = \mathbb E\operatorname{erf}\frac x{K\sqrt2}, \qquad \log(1+e^x) = \tfrac x2 + \tfrac12 \mathbb
//!   E|x + sz| .$$
//!
//! SiLU and Mish are mixtures of the same kind, with densities of both signs. A continuum of scales is
//! replaced by 20 of them: $\varphi^\prime$ is a function of $t = x^2$ like the impulse response of a linear
//! system with the rates $1/2s^2$, which is reduced by balanced truncation (B. C. Moore, *Principal component
//! analysis in linear systems*, IEEE Trans. Automatic Control 26, 1981). The weights are least squares, and
//! $\varphi^\prime$ has errors below 1e-15 for tanh, 2e-15 for SiLU, 3e-13 for Mish.

use super::Mixture;
use super::pairs::{Components, Pieces};
use crate::activation::{Mish, Sigmoid, Silu, Softplus, Tanh};

const SIZE: usize = 20;

/// $K^2$.
const TANH_SQUARES: [f64; SIZE] = [
    0.062002772387213564,
    0.08351301150192111,
    0.10924780321961193,
    0.14132904214561615,
    0.18197031029012609,
    0.23390029884206118,
    0.3006180812745841,
    0.38666350549802897,
    0.4979425669139132,
    0.6421204499025936,
    0.8290790843479634,
    1.0714446897936876,
    1.3852990114234551,
    1.7913760788332094,
    2.317095985993854,
    2.9999099794236055,
    3.893392562501756,
    5.0804552200479245,
    6.709061737413132,
    9.133991288532302,
];

/// The weight of each.
const TANH_WEIGHTS: [f64; SIZE] = [
    1.4625805717582946e-07,
    1.322750781693189e-05,
    0.0002667633225443522,
    0.002258534401609173,
    0.010550595493544816,
    0.0317808063294971,
    0.0683320942826605,
    0.11258444119672895,
    0.14955306558872045,
    0.16596744764317317,
    0.1572928368180188,
    0.12825715097972099,
    0.08909914938177525,
    0.051216374701225864,
    0.02319508549301682,
    0.007709394867449387,
    0.0016987561265334517,
    0.00021247848916811053,
    1.1506470862856453e-05,
    1.4464787567178457e-07,
];

/// $s_j^2$ of SiLU.
const SILU_SQUARES: [f64; SIZE] = [
    0.2371475205604797,
    0.31868254868301926,
    0.41649127914784956,
    0.5389661008421028,
    0.6950826061224114,
    0.8961341856671853,
    1.1568802068778559,
    1.4968148158903931,
    1.9417034130353363,
    2.525360720030354,
    4.293765173201971,
    5.598088468506986,
    7.285202991627072,
    9.460972077990887,
    12.269494475807738,
    15.915093480309267,
    20.710729439959238,
    27.209540986254463,
    36.72320847001839,
    74.99466161670051,
];

/// $e_j$ of SiLU.
const SILU_EVEN: [f64; SIZE] = [
    1.23324770918977e-06,
    0.0001002038718765663,
    0.0017784761401758178,
    0.012907132143596236,
    0.05009186627209799,
    0.12072580463690805,
    0.1979865265999411,
    0.23251715046403001,
    0.19615035754759885,
    0.10471725216380477,
    -0.08024506847320823,
    -0.11627861554296519,
    -0.10717135220819742,
    -0.07022561808169066,
    -0.03199073956294772,
    -0.009391797276533975,
    -0.0015561503099150139,
    -0.00011450583972581117,
    -2.1557239177369667e-06,
    -6.86369364402334e-11,
];

/// $s_j^2$ of Mish.
const MISH_SQUARES: [f64; SIZE] = [
    0.13833043430869638,
    0.18170779635260653,
    0.2366066112268983,
    0.30757935183643426,
    0.40092346820029345,
    0.5249640008916598,
    0.6906696206889107,
    0.9124160723254197,
    1.209345975881385,
    1.6076404249338865,
    2.142797562929365,
    2.8621966999446364,
    3.828020511476877,
    5.1267863853683036,
    6.87630424082187,
    9.237585568640093,
    12.436841854339171,
    16.817322118854825,
    22.981593303240732,
    32.35618150597849,
];

/// $o_j$ of Mish.
const MISH_ODD: [f64; SIZE] = [
    1.895114966028283e-07,
    1.5224800430030328e-06,
    -0.00021666862352968087,
    -0.002532345947650924,
    -0.009554121368496312,
    -0.013187140091168082,
    0.00783931130534018,
    0.05873341075074007,
    0.10702393092616314,
    0.11014426331732562,
    0.060258324716286546,
    -0.010897334133762626,
    -0.06641766916745498,
    -0.08919480083698172,
    -0.07920104256072136,
    -0.0488222336744986,
    -0.01933057696703832,
    -0.0042417991492577885,
    -0.00039656990493821577,
    -8.650581566830214e-06,
];

/// $e_j$ of Mish.
const MISH_EVEN: [f64; SIZE] = [
    -5.243897849908784e-07,
    -0.00015882836258124836,
    -0.0011333911175063296,
    0.005916249367297978,
    0.05679255279793741,
    0.16188055561793108,
    0.23993636812673663,
    0.20799544977440507,
    0.09897876666115817,
    0.01044199768396384,
    -0.01987591514118701,
    -0.027093186161428636,
    -0.043797480872243034,
    -0.06289108520265105,
    -0.063092600070326,
    -0.042078942150429496,
    -0.017478423515917704,
    -0.003955529184202085,
    -0.0003776680642143122,
    -8.36579693556989e-06,
];

/// $s^2 = 4K^2$.
const LOGISTIC_SQUARES: [f64; SIZE] = times(TANH_SQUARES, 4.0);

const HALVES: [f64; SIZE] = times(TANH_WEIGHTS, 0.5);

const fn times(values: [f64; SIZE], factor: f64) -> [f64; SIZE] {
    let mut scaled = values;
    let mut i = 0;
    while i < SIZE {
        scaled[i] *= factor;
        i += 1;
    }
    scaled
}

impl Mixture for Tanh {
    const ODD: bool = true;
    const EVEN: bool = false;

    fn components(&self, _: f64, _: f64) -> Pieces<'_> {
        Components {
            variance: &TANH_SQUARES,
            odd: &TANH_WEIGHTS,
            even: &[],
        }
        .alone()
    }
}

impl Mixture for Sigmoid {
    const ODD: bool = true;
    const EVEN: bool = false;

    fn components(&self, _: f64, _: f64) -> Pieces<'_> {
        Components {
            variance: &LOGISTIC_SQUARES,
            odd: &HALVES,
            even: &[],
        }
        .alone()
    }
}

impl Mixture for Softplus {
    const ODD: bool = false;
    const EVEN: bool = true;

    fn slope(&self) -> f64 {
        0.5
    }

    fn components(&self, _: f64, _: f64) -> Pieces<'_> {
        Components {
            variance: &LOGISTIC_SQUARES,
            odd: &[],
            even: &HALVES,
        }
        .alone()
    }
}

impl Mixture for Silu {
    const ODD: bool = false;
    const EVEN: bool = true;

    fn slope(&self) -> f64 {
        0.5
    }

    fn components(&self, _: f64, _: f64) -> Pieces<'_> {
        Components {
            variance: &SILU_SQUARES,
            odd: &[],
            even: &SILU_EVEN,
        }
        .alone()
    }
}

impl Mixture for Mish {
    const ODD: bool = true;
    const EVEN: bool = true;

    fn slope(&self) -> f64 {
        0.5
    }

    fn components(&self, _: f64, _: f64) -> Pieces<'_> {
        Components {
            variance: &MISH_SQUARES,
            odd: &MISH_ODD,
            even: &MISH_EVEN,
        }
        .alone()
    }
}
