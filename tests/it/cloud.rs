//! Points for tests of kernels.

/// Points in no order, of norms that differ; the second to fourth are a duplicate of the first, opposite to
/// it and nearly parallel.
pub fn cloud(count: usize, dimension: usize) -> Vec<Vec<f64>> {
    let mut state = 0.37_f64;
    let mut next = || {
        state = (state * 997.0 + 0.618).fract();
        2.0 * state - 1.0
    };
    let mut rows: Vec<Vec<f64>> = (0..count)
        .map(|_| (0..dimension).map(|_| next()).collect())
        .collect();
    rows[1] = rows[0].clone();
    rows[2] = rows[0].iter().map(|x| -0.7 * x).collect();
    rows[3] = rows[0].iter().map(|x| x * (1.0 + 1e-9 * x)).collect();
    rows
}
