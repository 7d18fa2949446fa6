//! The server's secret keys in files, one per purpose, readable by the server's user only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use letsapp_core::domain::key::{Key, KeyPurpose, Kid};
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::{KeyRepository, RepositoryError};
use serde::{Deserialize, Serialize};

use crate::private_file::{self, NotPrivate};

/// A directory of key files. Each purpose has a file `<purpose>.keys` with one JSON object per line, the newest key
/// first.
#[derive(Debug)]
pub struct FileKeys {
    directory: PathBuf,
}

/// An error that makes a directory unusable for keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The directory can't be created or written to.
    #[error("cannot write to {}: {cause}", .directory.display())]
    Unwritable {
        /// The directory.
        directory: PathBuf,
        /// The reason.
        #[source]
        cause: io::Error,
    },
    /// Others can read a key.
    #[error(transparent)]
    NotPrivate(#[from] NotPrivate),
}

/// A key as one line of a file.
#[derive(Serialize, Deserialize)]
struct Line {
    kid: String,
    secret: String,
    created_at: Timestamp,
}

impl FileKeys {
    /// Opens a directory, and creates it if it is missing.
    ///
    /// # Errors
    /// [`KeyFileError`] if the directory can't be created or written to, or others can read a key in it.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        let directory = directory.into();
        let failed = |cause| KeyFileError::Unwritable {
            directory: directory.clone(),
            cause,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(failed)?;
        // Writes a file now, so that a read-only directory is reported at startup and not at the first login.
        let probe = directory.join(".probe");
        create(&probe, b"")
            .and_then(|()| fs::remove_file(&probe))
            .map_err(failed)?;
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "keys") {
                private_file::check(&path)?;
            }
        }
        Ok(Self { directory })
    }

    fn path(&self, purpose: KeyPurpose) -> PathBuf {
        self.directory.join(format!("{}.keys", purpose.as_str()))
    }
}

#[async_trait::async_trait]
impl KeyRepository for FileKeys {
    async fn keys(&self, purpose: KeyPurpose, candidate: Key) -> Result<Vec<Key>, RepositoryError> {
        let path = self.path(purpose);
        let keep = move || {
            if let Some(keys) = read(&path, purpose)? {
                return Ok(keys);
            }
            offer(&path, &candidate)?;
            read(&path, purpose)?
                .ok_or_else(|| io::Error::other(format!("{} was deleted while it was in use", path.display())))
        };
        let kept: Result<io::Result<_>, _> = tokio::task::spawn_blocking(keep).await;
        kept.map_err(RepositoryError::internal)?
            .map_err(RepositoryError::internal)
    }
}

/// Creates a key file with one key, unless there is a file already.
fn offer(path: &Path, key: &Key) -> io::Result<()> {
    let line = Line {
        kid: key.kid.0.clone(),
        secret: encode(&key.secret),
        created_at: key.created_at,
    };
    let mut text = serde_json::to_vec(&line).expect("a line is plain data");
    text.push(b'\n');
    let draft = path.with_extension(format!("{}.draft", key.kid.0));
    create(&draft, &text)?;
    // A hard link either creates the whole file or fails because there is one: of two servers that start at once, both
    // end up with the keys of the first. Renaming would replace them.
    let linked = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    fs::remove_file(&draft)?;
    linked?;
    // Syncs the directory, too: without its entry the file would be lost in a power failure, and all sessions with it.
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read(path: &Path, purpose: KeyPurpose) -> io::Result<Option<Vec<Key>>> {
    let mut text = String::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(named(path, &error.to_string())),
    };
    let key = |line| -> Option<Key> {
        let Line {
            kid,
            secret,
            created_at,
        } = serde_json::from_str(line).ok()?;
        Some(Key {
            kid: Kid(kid),
            purpose,
            secret: decode(&secret)?,
            created_at,
        })
    };
    let keys: Option<Vec<_>> = text.lines().map(key).collect();
    keys.map(Some).ok_or_else(|| named(path, "the file is damaged"))
}

fn named(path: &Path, fault: &str) -> io::Error {
    io::Error::other(format!("{}: {fault}", path.display()))
}

fn encode(secret: &[u8; 32]) -> String {
    secret.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(text: &str) -> Option<[u8; 32]> {
    let mut secret = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn candidate(byte: u8) -> Key {
        Key {
            kid: Kid(format!("k{byte}")),
            purpose: KeyPurpose::Access,
            secret: [byte; 32],
            created_at: Timestamp::from_millis(7),
        }
    }

    #[tokio::test]
    async fn the_first_key_stays_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("data/keys");
        let first = FileKeys::open(&at)
            .unwrap()
            .keys(KeyPurpose::Access, candidate(1))
            .await
            .unwrap();
        let again = FileKeys::open(&at)
            .unwrap()
            .keys(KeyPurpose::Access, candidate(2))
            .await
            .unwrap();
        assert_eq!(first, [candidate(1)]);
        assert_eq!(again, first);
        assert_eq!(
            fs::metadata(at.join("access.keys")).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(&at).unwrap().count(), 1, "nothing is left lying about");
    }

    #[tokio::test]
    async fn a_damaged_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        create(&directory.path().join("access.keys"), b"what?").unwrap();
        let keys = FileKeys::open(directory.path()).unwrap();
        let error = keys.keys(KeyPurpose::Access, candidate(1)).await.unwrap_err();
        assert!(crate::error::chain(&error).contains("access.keys"));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.keys");
        create(&path, b"").unwrap();
        FileKeys::open(directory.path()).expect("it is private");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = FileKeys::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("chmod 600") && error.contains("access.keys"), "{error}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = FileKeys::open(file.path().join("keys")).unwrap_err();
        assert!(error.to_string().contains("keys"), "{error}");
    }
}
