//! Whether a figure can be written, which is better known before the work than after it.

use std::fs::OpenOptions;
use std::path::Path;

/// Whether a file can be written, without leaving an empty one behind.
pub fn check(path: &Path) -> std::io::Result<()> {
    let new = !path.exists();
    OpenOptions::new().create(true).append(true).open(path)?;
    if new {
        std::fs::remove_file(path)?;
    }
    Ok(())
}
