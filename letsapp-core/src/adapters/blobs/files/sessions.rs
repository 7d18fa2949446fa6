//! Sessions: the folders for files that are being written, one for each open store, with a lock while it is open.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use object_store::path::Path as StorePath;

use crate::ports::{IdSource, SystemIds};

/// Name of the folder with the sessions.
const INCOMING: &str = "incoming";
/// Extension of the lock of a session.
const LOCK: &str = "lock";

/// Folder of one open store, removed with it.
#[derive(Debug)]
pub(super) struct Session {
    name: String,
    folder: PathBuf,
    /// Held until the store is dropped or the process ends.
    _lock: File,
}

impl Session {
    /// Creates a session.
    pub(super) fn begin(root: &Path) -> io::Result<Self> {
        let ids: &dyn IdSource = &SystemIds;
        loop {
            let name = ids.random().to_string();
            let folder = root.join(INCOMING).join(&name);
            let lock_path = folder.with_extension(LOCK);
            // The lock first: sessions are found by their locks.
            let lock = OpenOptions::new().write(true).create_new(true).open(&lock_path)?;
            lock.lock()?;
            // Another program may have taken it for abandoned before it was locked.
            if lock_path.try_exists()? {
                create_private(&folder)?;
                return Ok(Self {
                    name,
                    folder,
                    _lock: lock,
                });
            }
        }
    }

    /// Returns the folder's path.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the folder's path, relative to that of the store.
    pub(super) fn path(&self) -> StorePath {
        StorePath::from_iter([INCOMING, &self.name])
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Failures do not matter: the next start removes what stays.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(self.folder.with_extension(LOCK));
    }
}

/// Removes the folders of sessions that ended without doing so.
pub(super) fn remove_abandoned(root: &Path) -> io::Result<()> {
    let incoming = root.join(INCOMING);
    create_private(&incoming)?;
    for entry in fs::read_dir(&incoming)? {
        let path = entry?.path();
        // By the lock, which is created first and removed last.
        if path.extension().is_none_or(|extension| extension != LOCK) {
            continue;
        }
        let lock = match OpenOptions::new().write(true).open(&path) {
            Ok(lock) => lock,
            // Another process is as far as this one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            Ok(()) => {
                present(fs::remove_dir_all(path.with_extension("")))?;
                present(fs::remove_file(&path))?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Creates a folder and its parents, readable for their owner alone. Does nothing if it exists.
pub(super) fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    folder.parent().map_or(Ok(()), sync)
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        // Elsewhere, folders can't be opened as files.
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// Takes a file or folder that is gone for removed.
fn present(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
