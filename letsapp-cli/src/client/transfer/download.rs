//! A file on the server saved to disk: written to a partial file beside its place, which gets the name at the end.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use letsapp_core::domain::id::MediaId;
use letsapp_core::domain::media::Variant;
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::{STALL_LIMIT, Watcher};
use crate::ClientError;

/// A file to download, and the place for it.
///
/// ```
/// # use letsapp_cli::{Download, Existing, Variant};
/// # let id = "0198a5b8-0000-7000-8000-000000000001".parse()?;
/// let download = Download::new(id, "cat.jpg").variant(Variant::Thumbnail).existing(Existing::Replace);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    pub(crate) id: MediaId,
    pub(crate) variant: Variant,
    path: PathBuf,
    existing: Existing,
}

/// Treatment of a file that is in the place of a download already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// The file stays as it is, and the download fails.
    #[default]
    Keep,
    /// The file is replaced once the download is complete.
    Replace,
}

/// The part of a download that has arrived. Stays on disk when a download is interrupted, for the next attempt.
#[derive(Debug)]
pub(crate) struct PartialFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Download {
    /// Makes a download of a file itself to `path`, where nothing must be yet.
    pub fn new(id: MediaId, path: impl Into<PathBuf>) -> Self {
        Self {
            id,
            variant: Variant::Original,
            path: path.into(),
            existing: Existing::Keep,
        }
    }

    /// Selects the file itself or its preview.
    #[must_use]
    pub fn variant(self, variant: Variant) -> Self {
        Self { variant, ..self }
    }

    /// Sets the treatment of a file that is at the path already.
    #[must_use]
    pub fn existing(self, existing: Existing) -> Self {
        Self { existing, ..self }
    }

    /// Returns the path at which the file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that nothing is in the way, before anything is requested.
    pub(crate) fn check(&self) -> Result<(), ClientError> {
        let taken = match self.existing {
            Existing::Keep => self.path.symlink_metadata().is_ok(),
            Existing::Replace => self.path.is_dir(),
        };
        if taken { Err(self.fault(exists())) } else { Ok(()) }
    }

    /// Opens the partial file that an earlier attempt has left, or a new one.
    pub(crate) fn open_partial(&self) -> Result<PartialFile, ClientError> {
        // The same for all attempts. Bytes of one id never change, so that a part of them is good for ever.
        let name = format!(".{}-{}.part", self.id, self.variant.as_str());
        let path = self.path.with_file_name(name);
        let open = || {
            let file = OpenOptions::new().append(true).create(true).open(&path)?;
            file.try_lock().map_err(|_| {
                let text = "another program is downloading this file";
                io::Error::new(io::ErrorKind::WouldBlock, text)
            })?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error| ClientError::file(&path, error))?;
        Ok(PartialFile {
            path,
            file: File::from_std(file),
            length,
        })
    }

    /// Puts a complete file in its place.
    pub(crate) async fn finish(&self, mut partial: PartialFile) -> Result<u64, ClientError> {
        let flushed = async {
            partial.file.flush().await?;
            // Otherwise a power failure after the rename could leave an empty file.
            partial.file.sync_all().await
        };
        let placed = flushed.await.and_then(|()| self.place(&partial.path));
        placed.map_err(|error| self.fault(error))?;
        Ok(partial.length)
    }

    fn place(&self, partial: &Path) -> io::Result<()> {
        if self.existing == Existing::Replace {
            return fs::rename(partial, &self.path);
        }
        // A link, unlike a rename, never replaces anything, even what has come there since the check.
        match fs::hard_link(partial, &self.path) {
            Ok(()) => fs::remove_file(partial),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
            // File systems of memory cards have no links.
            Err(_) if self.path.symlink_metadata().is_err() => fs::rename(partial, &self.path),
            Err(_) => Err(exists()),
        }
    }

    fn fault(&self, error: io::Error) -> ClientError {
        ClientError::file(&self.path, error)
    }
}

impl PartialFile {
    /// Returns the number of bytes that are there.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Removes what is there.
    pub(crate) async fn clear(&mut self) -> Result<(), ClientError> {
        let cleared = self.file.set_len(0).await;
        self.length = 0;
        cleared.map_err(|error| ClientError::file(&self.path, error))
    }

    /// Writes the body of a response, which goes on where the partial file ends, or is the whole file.
    pub(crate) async fn receive(
        &mut self,
        mut response: Response,
        server: &str,
        watcher: &Watcher,
    ) -> Result<(), ClientError> {
        if !continues(&response, self.length) {
            self.clear().await?;
        }
        let total = response.content_length().map(|rest| self.length + rest);
        watcher.report(self.length, total.unwrap_or(self.length));
        loop {
            let failure = match tokio::time::timeout(STALL_LIMIT, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let written = self.file.write_all(&chunk).await;
                    written.map_err(|error| ClientError::file(&self.path, error))?;
                    self.length += chunk.len() as u64;
                    watcher.report(self.length, total.unwrap_or(self.length).max(self.length));
                    continue;
                }
                Ok(Ok(None)) if total.is_none_or(|total| self.length >= total) => return Ok(()),
                Ok(Ok(None)) => ClientError::unreachable(&server, "the response was cut off"),
                Ok(Err(error)) => ClientError::unreachable(&server, error.without_url()),
                Err(_) => ClientError::unreachable(&server, "the download has stopped"),
            };
            // Bytes that are still in a buffer would be lost to the next attempt.
            let flushed = self.file.flush().await;
            flushed.map_err(|error| ClientError::file(&self.path, error))?;
            return Err(failure);
        }
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // Nothing worth keeping. Gone already if the download is complete.
        if self.length == 0 {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns `true` if a response has the bytes from `offset` on, and not the whole file.
fn continues(response: &Response, offset: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE);
    response.status() == StatusCode::PARTIAL_CONTENT
        && range
            .and_then(|range| range.to_str().ok())
            .is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

fn exists() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "there is a file already")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> MediaId {
        MediaId::from_bytes([3; 16])
    }

    async fn write(partial: &mut PartialFile, bytes: &[u8]) {
        partial.file.write_all(bytes).await.unwrap();
        partial.file.flush().await.unwrap();
        partial.length += bytes.len() as u64;
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn an_interrupted_download_goes_on_where_it_ended() {
        let directory = tempfile::tempdir().unwrap();
        let download = Download::new(id(), directory.path().join("a.txt"));
        let mut partial = download.open_partial().unwrap();
        write(&mut partial, b"half").await;
        let error = download.open_partial().unwrap_err().to_string();
        assert!(error.ends_with("another program is downloading this file"), "{error}");
        drop(partial);
        let mut partial = download.open_partial().unwrap();
        assert_eq!(partial.length(), 4);
        write(&mut partial, b" and half").await;
        assert_eq!(download.finish(partial).await.unwrap(), 13);
        assert_eq!(names(directory.path()), ["a.txt"]);
        assert_eq!(fs::read(download.path()).unwrap(), b"half and half");
    }

    #[tokio::test]
    async fn a_file_that_exists_is_replaced_only_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let download = Download::new(id(), directory.path().join("a.txt"));
        let mut partial = download.open_partial().unwrap();
        write(&mut partial, b"new").await;
        fs::write(download.path(), "came meanwhile").unwrap();
        let error = download.finish(partial).await.unwrap_err().to_string();
        let expected = format!("{}: there is a file already", download.path().display());
        assert_eq!(error, expected);
        assert_eq!(download.check().unwrap_err().to_string(), expected);
        assert_eq!(fs::read(download.path()).unwrap(), b"came meanwhile");

        let download = download.existing(Existing::Replace);
        download.check().unwrap();
        download.finish(download.open_partial().unwrap()).await.unwrap();
        assert_eq!(fs::read(download.path()).unwrap(), b"new");
    }

    #[tokio::test]
    async fn an_attempt_that_received_nothing_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let download = Download::new(id(), directory.path().join("a.txt"));
        drop(download.open_partial().unwrap());
        let mut partial = download.open_partial().unwrap();
        write(&mut partial, b"useless").await;
        partial.clear().await.unwrap();
        drop(partial);
        assert_eq!(names(directory.path()), [""; 0]);
    }
}
