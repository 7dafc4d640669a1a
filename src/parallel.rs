//! Independent work items, in parallel where the `rayon` feature is on, in an order that results never depend
//! on.

use crate::Result;

/// `[item(0), item(1), …, item(count - 1)]`, or the error of least index.
pub(crate) fn try_map<T: Send>(
    count: usize,
    item: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    all(count, &item).into_iter().collect()
}

/// Of the closure erased: what runs it on threads is compiled for every type of item, not for every item.
#[cfg(feature = "rayon")]
fn all<T: Send>(count: usize, item: &(dyn Fn(usize) -> Result<T> + Sync)) -> Vec<Result<T>> {
    use rayon::prelude::*;
    (0..count).into_par_iter().map(item).collect()
}

#[cfg(not(feature = "rayon"))]
fn all<T: Send>(count: usize, item: &(dyn Fn(usize) -> Result<T> + Sync)) -> Vec<Result<T>> {
    (0..count).map(item).collect()
}
