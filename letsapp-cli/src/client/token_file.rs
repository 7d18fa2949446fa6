//! A token store in a file that only its owner can read.

use std::any::Any;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use letsapp_core::protocol::Tokens;

use super::TokenStore;

/// Stores tokens in a file that only its owner can read. Writes are atomic, and processes that share the file lock it
/// while they refresh the tokens.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use letsapp_cli::{Client, FileTokens};
/// let client = Client::builder("https://chat.example.org")
///     .tokens(Arc::new(FileTokens::new("bot/tokens.json")))
///     .build()?;
/// # Ok::<_, letsapp_cli::ClientError>(())
/// ```
#[derive(Debug)]
pub struct FileTokens {
    path: PathBuf,
}

impl FileTokens {
    /// Creates a store in the file at `path`. The file and its directory are created when tokens are first saved.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file next to this one, such as `tokens.json.lock`.
    fn sibling(&self, extension: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(extension);
        self.path.with_file_name(name)
    }

    fn make_directory(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => make_private_directory(directory),
            _ => Ok(()),
        }
    }
}

impl TokenStore for FileTokens {
    fn load(&self) -> io::Result<Option<Tokens>> {
        match fs::read(&self.path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|_| {
                with_path(
                    &self.path,
                    &io::Error::other("the file is damaged: remove it and sign in again"),
                )
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(with_path(&self.path, &error)),
        }
    }

    fn save(&self, tokens: &Tokens) -> io::Result<()> {
        self.make_directory()?;
        replace_private_file(&self.path, &serde_json::to_vec(tokens)?)
    }

    fn clear(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(with_path(&self.path, &error)),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send>> {
        self.make_directory()?;
        // A separate file, because saving replaces the token file and with it any lock on it.
        let path = self.sibling(".lock");
        let file = private_options()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| with_path(&path, &error))?;
        file.lock().map_err(|error| with_path(&path, &error))?;
        Ok(Box::new(file))
    }
}

/// Creates a directory that only its owner can enter, unless it exists.
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| with_path(path, &error))
}

/// Replaces a file with one that only its owner can read. A reader sees the old content or the new, never a part of
/// either.
pub(crate) fn replace_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = write_temporary(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        with_path(path, &error)
    })
}

fn write_temporary(temporary: &Path, content: &[u8]) -> io::Result<()> {
    // A crashed process may have left this file behind, with any permissions. Opening it would keep those.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = private_options().create_new(true).open(temporary)?;
    file.write_all(content)?;
    // Otherwise a power failure after the rename could leave an empty file.
    file.sync_all()
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use letsapp_core::protocol::TokenType;

    fn tokens(access: &str) -> Tokens {
        Tokens {
            access_token: access.to_owned(),
            refresh_token: "refresh".to_owned(),
            token_type: TokenType::Bearer,
            expires_in: 900,
        }
    }

    #[test]
    fn saved_tokens_are_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileTokens::new(directory.path().join("deep/er/tokens.json"));
        assert!(store.load().unwrap().is_none());
        store.clear().unwrap();
        store.save(&tokens("one")).unwrap();
        store.save(&tokens("two")).unwrap();
        assert_eq!(store.load().unwrap(), Some(tokens("two")));
        let left: Vec<_> = fs::read_dir(store.path().parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left: {left:?}");
        store.clear().unwrap();
        assert!(store.load().unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let store = FileTokens::new(directory.path().join("letsapp/tokens.json"));
        store.save(&tokens("one")).unwrap();
        drop(store.lock().unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(store.path()), 0o600);
        assert_eq!(mode(&store.sibling(".lock")), 0o600);
        assert_eq!(mode(store.path().parent().unwrap()), 0o700);
    }

    #[cfg(unix)]
    #[test]
    fn a_readable_file_is_replaced_by_a_private_one() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let store = FileTokens::new(directory.path().join("tokens.json"));
        fs::write(store.path(), "{}").unwrap();
        fs::set_permissions(store.path(), fs::Permissions::from_mode(0o644)).unwrap();
        store.save(&tokens("one")).unwrap();
        assert_eq!(fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_invalid_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileTokens::new(directory.path().join("tokens.json"));
        fs::write(store.path(), "{").unwrap();
        let error = store.load().unwrap_err().to_string();
        assert!(error.contains("tokens.json") && error.contains("damaged"), "{error}");
    }

    #[test]
    fn the_lock_excludes_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        let held = FileTokens::new(&path).lock().unwrap();
        let other = OpenOptions::new()
            .write(true)
            .open(directory.path().join("tokens.json.lock"))
            .unwrap();
        assert!(matches!(other.try_lock(), Err(fs::TryLockError::WouldBlock)));
        drop(held);
        other.try_lock().unwrap();
    }
}
