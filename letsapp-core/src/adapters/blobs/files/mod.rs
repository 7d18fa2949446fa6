//! Blobs in files.
//!
//! ```text
//! FOLDER/ab/abcdef01-…        a blob, in one of 256 folders by the beginning of its id
//! FOLDER/incoming/SESSION/1   a blob that is being written
//! FOLDER/incoming/SESSION.lock
//! ```
//!
//! A file is written below `incoming`, synced, and then linked to its place, which fails if the place is taken. Each
//! open store has a session, a folder of its own below `incoming`, with a lock that the system releases when the process
//! ends. So what a crash has left is known by its free lock, even if several programs share the folder.
//!
//! `object_store` syncs files and the folders in which they are created or linked, but neither keeps an upload from
//! replacing a file, hence the link, nor syncs a removal, which is done here.

mod sessions;

use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetResultPayload, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMultipartOptions};

use self::sessions::Session;
use super::read::{CHUNK, within};
use super::upload::{Upload, store};
use crate::domain::id::BlobId;
use crate::ports::{BlobError, BlobRead, BlobStore, BoxError, ByteStream, Presentation};

/// A store that keeps each blob in a file of one folder. Clones share it.
///
/// # Examples
/// ```
/// # use letsapp_core::adapters::blobs::FileBlobs;
/// # use letsapp_core::ports::BlobStore;
/// # let directory = tempfile::tempdir().unwrap();
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = FileBlobs::open(directory.path().join("media"))?;
/// assert!(store.ping().await.is_ok());
/// # Ok::<(), letsapp_core::ports::BlobError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct FileBlobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    files: LocalFileSystem,
    session: Session,
    /// Number of the next file in the session's folder.
    next: AtomicU64,
}

impl FileBlobs {
    /// Opens a folder. Creates it, readable for its owner alone, if it is missing; removes what crashes have left.
    ///
    /// Blocks the thread, usually for less than a millisecond.
    ///
    /// # Errors
    /// [`BlobError::Internal`] if the folder can't be created or written to. The cause names it.
    pub fn open(folder: impl AsRef<FilePath>) -> Result<Self, BlobError> {
        let named = |error: BoxError| format!("cannot write to {}: {error}", folder.as_ref().display());
        let failed = |error: std::io::Error| BlobError::internal(named(error.into()));
        sessions::create_private(folder.as_ref()).map_err(failed)?;
        let folder = folder.as_ref().canonicalize().map_err(failed)?;
        sessions::remove_abandoned(&folder).map_err(failed)?;
        let session = Session::begin(&folder).map_err(failed)?;
        let files =
            LocalFileSystem::new_with_prefix(&folder).map_err(|error| BlobError::internal(named(error.into())))?;
        Ok(Self(Arc::new(Inner {
            folder,
            files: files.with_fsync(true),
            session,
            next: AtomicU64::new(0),
        })))
    }

    /// Returns the folder.
    pub fn folder(&self) -> &FilePath {
        &self.0.folder
    }
}

#[async_trait]
impl BlobStore for FileBlobs {
    async fn put(&self, id: BlobId, bytes: ByteStream) -> Result<u64, BlobError> {
        store(begin(Arc::clone(&self.0), id), bytes).await
    }

    async fn get(&self, id: BlobId, range: Option<Range<u64>>) -> Result<BlobRead, BlobError> {
        let found = self.0.files.get(&place(id)).await.map_err(failure)?;
        let size = found.meta.size;
        let range = within(range, size)?;
        // Read here, in larger chunks than the library's 8 KiB.
        let GetResultPayload::File(file, _) = found.payload else {
            return Err(BlobError::internal("the blob is not a file"));
        };
        Ok(BlobRead {
            size,
            bytes: read(file, range).boxed(),
        })
    }

    async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        let file = self.0.files.path_to_filesystem(&place(id)).map_err(failure)?;
        blocking(move || match fs::remove_file(&file) {
            // Synced, or a power cut could bring it back, and nobody would know of it.
            Ok(()) => file.parent().map_or(Ok(()), sessions::sync),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    async fn signed_url(&self, _: BlobId, _: Duration, _: &Presentation) -> Result<Option<String>, BlobError> {
        Ok(None)
    }

    async fn recover(&self) -> Result<(), BlobError> {
        let folder = self.0.folder.clone();
        blocking(move || sessions::remove_abandoned(&folder)).await
    }

    async fn ping(&self) -> Result<(), BlobError> {
        let session = self.0.session.folder().to_owned();
        blocking(move || fs::metadata(session).map(drop)).await
    }
}

/// Returns the place of a blob, relative to the folder.
fn place(id: BlobId) -> Path {
    let name = id.to_string();
    Path::from_iter([&name[..2], &name])
}

/// A file that is being read.
struct Reading {
    file: File,
    range: Range<u64>,
    /// Buffers of the next chunk and of the one after. Used again as soon as their bytes are dropped: buffers that one
    /// thread allocates and another frees would stay with the allocator.
    buffers: [BytesMut; 2],
}

/// Reads a range of a file, a chunk at a time, each when it is asked for.
fn read(file: File, range: Range<u64>) -> impl futures_util::Stream<Item = Result<Bytes, BoxError>> + Send {
    let reading = Reading {
        file,
        range,
        buffers: Default::default(),
    };
    stream::try_unfold(reading, |mut reading| async move {
        if reading.range.is_empty() {
            return Ok(None);
        }
        let chunk = tokio::task::spawn_blocking(move || reading.chunk().map(|chunk| (chunk, reading)));
        Ok(Some(chunk.await??))
    })
}

impl Reading {
    fn chunk(&mut self) -> std::io::Result<Bytes> {
        use std::io::{Seek as _, SeekFrom};
        let length = (self.range.end - self.range.start).min(CHUNK as u64);
        self.file.seek(SeekFrom::Start(self.range.start))?;
        let buffer = &mut self.buffers[0];
        buffer.resize(usize::try_from(length).unwrap_or(CHUNK), 0);
        self.file.read_exact(buffer)?;
        self.range.start += length;
        let chunk = buffer.split().freeze();
        self.buffers.swap(0, 1);
        Ok(chunk)
    }
}

/// A file that is being written.
struct Writing {
    inner: Arc<Inner>,
    id: BlobId,
    incoming: Path,
    upload: Box<dyn MultipartUpload>,
    stage: Stage,
}

/// State of a file that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Under the library's temporary name.
    Written,
    /// Complete, in the session's folder.
    Complete,
    /// In its place.
    Stored,
}

async fn begin(inner: Arc<Inner>, id: BlobId) -> Result<Writing, BlobError> {
    let number = inner.next.fetch_add(1, Ordering::Relaxed).to_string();
    // Not named after the blob: two writes of one id at once must not share a file.
    let incoming = inner.session.path().join(number);
    let upload = inner
        .files
        .put_multipart_opts(&incoming, PutMultipartOptions::default())
        .await
        .map_err(failure)?;
    Ok(Writing {
        inner,
        id,
        incoming,
        upload,
        stage: Stage::Written,
    })
}

impl Upload for Writing {
    const PART: usize = CHUNK;

    async fn write(&mut self, part: Bytes) -> Result<(), BlobError> {
        self.upload.put_part(part.into()).await.map_err(failure)
    }

    async fn finish(&mut self, rest: Bytes) -> Result<(), BlobError> {
        if !rest.is_empty() {
            self.write(rest).await?;
        }
        self.upload.complete().await.map_err(failure)?;
        self.stage = Stage::Complete;
        let place = place(self.id);
        self.inner
            .files
            .copy_if_not_exists(&self.incoming, &place)
            .await
            .map_err(failure)?;
        self.stage = Stage::Stored;
        // The second name of the file. If it stays, the next start removes it.
        if let Err(error) = self.inner.files.delete(&self.incoming).await {
            tracing::warn!(blob.id = %self.id, %error, "a temporary file was not removed");
        }
        Ok(())
    }

    async fn discard(mut self) {
        let removed = match self.stage {
            Stage::Written => self.upload.abort().await.map_err(failure),
            Stage::Complete => self.inner.files.delete(&self.incoming).await.map_err(failure),
            Stage::Stored => FileBlobs(self.inner).delete(self.id).await,
        };
        if let Err(error) = removed {
            tracing::warn!(blob.id = %self.id, error = &error as &dyn std::error::Error, "a file was not removed");
        }
    }
}

/// Runs a blocking step on the pool for such steps.
async fn blocking(step: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<(), BlobError> {
    let outcome = tokio::task::spawn_blocking(step).await;
    outcome.map_err(BlobError::internal)?.map_err(BlobError::internal)
}

fn failure(error: object_store::Error) -> BlobError {
    match error {
        object_store::Error::NotFound { .. } => BlobError::NotFound,
        object_store::Error::AlreadyExists { .. } => BlobError::Exists,
        other => BlobError::internal(other),
    }
}

#[cfg(test)]
mod tests;
