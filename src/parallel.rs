//! Independent work items, in parallel where the `rayon` feature is on, in an order that results never depend
//! on.

use crate::Result;

/// `[item(0), item(1), …, item(count - 1)]`, or the error of least index.
#[cfg(feature = "rayon")]
pub(crate) fn try_map<T: Send>(
    count: usize,
    item: impl Fn(usize) -> Result<T> + Sync + Send,
) -> Result<Vec<T>> {
    use rayon::prelude::*;
    let items: Vec<Result<T>> = (0..count).into_par_iter().map(item).collect();
    items.into_iter().collect()
}

/// `[item(0), item(1), …, item(count - 1)]`, or the error of least index.
#[cfg(not(feature = "rayon"))]
pub(crate) fn try_map<T: Send>(
    count: usize,
    item: impl Fn(usize) -> Result<T> + Sync + Send,
) -> Result<Vec<T>> {
    (0..count).map(item).collect()
}
