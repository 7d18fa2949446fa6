//! Downloads that are kept from one run to the next.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the directory for downloads, outside the checkout, so that neither `cargo clean` nor a second clone needs
/// another download.
pub(crate) fn directory() -> PathBuf {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("letsapp-testkit")
}

/// Returns a file or folder of the cache. If it is missing, `make` makes it at the path that it is given, from where it
/// is moved in one step, so that other processes never see half of it.
pub(crate) fn once(name: &str, make: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let cache = directory();
    let place = cache.join(name);
    if place.exists() {
        return Ok(place);
    }
    let text = |failure: io::Error| format!("{}: {failure}", cache.display());
    fs::create_dir_all(&cache).map_err(text)?;
    let lock = File::create(cache.join("lock")).map_err(text)?;
    // Other test processes wait here, and then find what was made.
    lock.lock().map_err(text)?;
    if !place.exists() {
        let staging = tempfile::tempdir_in(&cache).map_err(text)?;
        let made = staging.path().join(name);
        make(&made)?;
        fs::rename(made, &place).map_err(text)?;
    }
    Ok(place)
}

/// Runs Python in a directory.
pub(crate) fn python(directory: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("python3")
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|failure| format!("python3: {failure}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
