//! A file on disk as the body of a request.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::stream;
use letsapp_core::domain::id::MediaId;
use letsapp_core::domain::media::{Disposition, FileName};
use reqwest::Body;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{Activity, Watcher};
use crate::ClientError;
use crate::client::new_id;

/// Maximum number of bytes read at once. Keeps memory small, and the number of calls of the system too.
const CHUNK_BYTES: usize = 128 * 1024;

/// A file on disk to upload. Uploading the same value again never makes a second one on the server, since it has an id.
///
/// ```
/// # use letsapp_cli::Upload;
/// let upload = Upload::new("pictures/IMG_2026.jpg").named("cat.jpg");
/// assert_eq!(upload.name(), "cat.jpg");
/// assert_eq!(Upload::new("pictures/IMG_2026.jpg").name(), "IMG_2026.jpg");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    id: MediaId,
    path: PathBuf,
    name: FileName,
}

/// A file that is to become the body of a request.
#[derive(Clone, Debug)]
pub(crate) struct FileBody {
    pub(crate) path: PathBuf,
    pub(crate) name: FileName,
    pub(crate) watcher: Watcher,
}

/// A file that is open, and becomes the body of one request.
pub(crate) struct OpenFile {
    pub(crate) body: Body,
    pub(crate) size: u64,
    pub(crate) activity: Activity,
}

/// A failure to read the file while its bytes are sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ReadFailed(io::Error);

impl Upload {
    /// Makes an upload of the file at `path` under its own name. Nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self {
            id: MediaId::from_uuid(new_id()),
            name: FileName::new(&name),
            path,
        }
    }

    /// Sets the name that others see. Separators of paths and control characters in it are replaced.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self {
            name: FileName::new(name),
            ..self
        }
    }

    /// Returns the id that the file will have on the server.
    pub fn id(&self) -> MediaId {
        self.id
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name that others see.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns the size of the file in bytes.
    ///
    /// # Errors
    /// [`ClientError::File`] if there is no such file, or it is not a regular one.
    pub fn size(&self) -> Result<u64, ClientError> {
        regular_size(&self.path).map_err(|error| ClientError::file(&self.path, error))
    }

    pub(crate) fn body(&self, watcher: Watcher) -> FileBody {
        FileBody {
            path: self.path.clone(),
            name: self.name.clone(),
            watcher,
        }
    }
}

impl FileBody {
    /// Returns the value of the header `Content-Disposition`.
    pub(crate) fn disposition(&self) -> String {
        self.name.content_disposition(Disposition::Attachment)
    }

    /// Opens the file, for each attempt anew.
    pub(crate) async fn open(&self) -> io::Result<OpenFile> {
        // Before opening, which would wait at a named pipe.
        regular_size(&self.path)?;
        let file = File::open(&self.path).await?;
        let size = file.metadata().await?.len();
        let activity = Activity::default();
        let (watcher, alive) = (self.watcher.clone(), activity.clone());
        // No more than the size that was announced, even if the file grows meanwhile.
        let bytes = stream::try_unfold((file, 0), move |(mut file, done)| {
            let (watcher, alive) = (watcher.clone(), alive.clone());
            async move {
                if done == size {
                    return Ok(None);
                }
                let chunk = read_chunk(&mut file, size - done).await.map_err(ReadFailed)?;
                let done = done + chunk.len() as u64;
                alive.report();
                watcher.report(done, size);
                Ok::<_, ReadFailed>(Some((chunk, (file, done))))
            }
        });
        Ok(OpenFile {
            body: Body::wrap_stream(bytes),
            size,
            activity,
        })
    }
}

/// Returns the failure to read the file, if that is why a request failed.
pub(crate) fn read_failure(error: &(dyn Error + 'static)) -> Option<io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(ReadFailed(error)) = error.downcast_ref() {
            return Some(io::Error::new(error.kind(), error.to_string()));
        }
        cause = error.source();
    }
    None
}

async fn read_chunk(file: &mut File, left: u64) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES));
    if file.take(left).read_buf(&mut chunk).await? == 0 {
        let text = "the file became shorter while it was read";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    }
    Ok(chunk)
}

fn regular_size(path: &Path) -> io::Result<u64> {
    let metadata = std::fs::metadata(path)?;
    match metadata.file_type() {
        kind if kind.is_file() => Ok(metadata.len()),
        kind if kind.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory")),
        _ => Err(io::Error::other("is not a regular file")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::client::transfer::Progress;

    #[tokio::test]
    async fn a_file_is_read_in_pieces_and_each_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ü.bin");
        std::fs::write(&path, vec![7; 3 * CHUNK_BYTES + 1]).unwrap();
        let reports = std::sync::Arc::new(Mutex::new(Vec::new()));
        let kept = std::sync::Arc::clone(&reports);
        let upload = Upload::new(&path);
        let watcher = Watcher::new(move |progress| kept.lock().unwrap().push(progress));
        let body = upload.body(watcher);
        assert!(
            body.disposition().ends_with("filename*=UTF-8''%C3%BC.bin"),
            "{}",
            body.disposition()
        );
        let total = upload.size().unwrap();
        let mut file = File::open(&path).await.unwrap();
        assert!(read_chunk(&mut file, 10).await.unwrap().len() <= 10);
        assert_eq!(body.open().await.unwrap().size, total);
        assert_eq!(*reports.lock().unwrap(), [], "nothing is read before it is sent");
        body.watcher.report(total, total);
        assert_eq!(*reports.lock().unwrap(), [Progress { done: total, total }]);
    }

    #[tokio::test]
    async fn a_file_that_becomes_shorter_is_a_failure_that_is_told_from_one_of_the_network() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.txt");
        std::fs::write(&path, "").unwrap();
        let mut file = File::open(&path).await.unwrap();
        let error = read_chunk(&mut file, 1).await.unwrap_err();
        let wrapped = ClientError::unreachable(&"x", ReadFailed(error));
        assert_eq!(
            read_failure(&wrapped).unwrap().to_string(),
            "the file became shorter while it was read"
        );
        assert!(read_failure(&io::Error::other("reset")).is_none());
    }

    #[test]
    fn only_regular_files_are_uploaded() {
        let directory = tempfile::tempdir().unwrap();
        let error = Upload::new(directory.path()).size().unwrap_err().to_string();
        assert_eq!(error, format!("{}: is a directory", directory.path().display()));
        let missing = directory.path().join("missing");
        let error = Upload::new(&missing).size().unwrap_err();
        assert!(error.to_string().starts_with(&missing.display().to_string()), "{error}");
        assert!(Upload::new("/dev/null").size().is_err());
    }
}
