//! Independent work items, in parallel where the `rayon` feature is on, in an order that results never depend
//! on.

use std::sync::{Mutex, PoisonError};

use crate::Result;

/// `[item(0), item(1), …, item(count - 1)]`, or the error of least index.
pub fn try_map<T: Send>(count: usize, item: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    // every item has its place; what runs them knows neither their type nor the closure, and is compiled once
    let places: Vec<Mutex<Option<Result<T>>>> = (0..count).map(|_| Mutex::new(None)).collect();
    run(count, &|i| {
        let value = item(i);
        *places[i].lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    });
    let values = places.into_iter().filter_map(|place| {
        let value = place.into_inner();
        value.unwrap_or_else(PoisonError::into_inner)
    });
    values.collect()
}

/// Fewer operations than that are not worth a thread.
const WORTH_A_THREAD: usize = 1 << 18;

/// [`try_map`] where the work of all items, in operations, is worth it.
pub fn try_map_of<T: Send>(
    count: usize,
    work: usize,
    item: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    if count > 1 && work > WORTH_A_THREAD {
        try_map(count, item)
    } else {
        (0..count).map(item).collect()
    }
}

/// Work on one of the threads that share its parts: any other thread falls asleep for each of them.
#[cfg(feature = "rayon")]
pub fn within_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| work())
}

/// Work whose parts are not shared.
#[cfg(not(feature = "rayon"))]
pub fn within_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    work()
}

/// Parts of the work of each thread, at least, if there are as many items: the threads end together.
#[cfg(feature = "rayon")]
const PARTS: usize = 64;

#[cfg(feature = "rayon")]
fn run(count: usize, item: &(dyn Fn(usize) + Sync)) {
    use rayon::prelude::*;
    let longest = (count / (PARTS * rayon::current_num_threads())).max(1);
    let items = (0..count).into_par_iter();
    items.with_max_len(longest).for_each(item);
}

#[cfg(not(feature = "rayon"))]
fn run(count: usize, item: &(dyn Fn(usize) + Sync)) {
    (0..count).for_each(item);
}
