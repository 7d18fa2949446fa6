//! Files that nobody but the server's user may read: keys, and a database with hashes of passwords.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Permissions of a file for its group and for everybody else.
const OTHERS: u32 = 0o077;

/// A file that others can read or write. Its display names the command that puts it right.
#[derive(Debug, thiserror::Error)]
#[error("{} can be read or written by others (mode {mode:03o}): chmod 600 '{}'", .path.display(), .path.display())]
pub struct NotPrivate {
    /// The file.
    path: PathBuf,
    /// Permissions that the file has.
    mode: u32,
}

/// Checks that only its owner has permissions on a file. A missing one is fine, as it will be made that way, and so is
/// one that can't be looked at: whoever opens it finds out why.
///
/// # Errors
/// [`NotPrivate`] with the command that fixes it.
pub(crate) fn check(path: &Path) -> Result<(), NotPrivate> {
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(());
    };
    match metadata.permissions().mode() & 0o777 {
        mode if mode & OTHERS == 0 => Ok(()),
        mode => Err(NotPrivate {
            path: path.to_owned(),
            mode,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("letsapp.db");
        check(&path).expect("nothing is there");
        fs::write(&path, "").unwrap();
        for (mode, is_private) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o660, false),
        ] {
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let checked = check(&path);
            assert_eq!(checked.is_ok(), is_private, "{mode:o}");
            if let Err(error) = checked {
                let remedy = format!("chmod 600 '{}'", path.display());
                assert!(error.to_string().ends_with(&remedy), "{error}");
            }
        }
    }
}
