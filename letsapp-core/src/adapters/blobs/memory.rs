//! Blobs in memory, for tests and experiments.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::read::within;
use super::upload::{Upload, store};
use crate::domain::id::BlobId;
use crate::ports::{BlobError, BlobRead, BlobStore, ByteStream, Presentation};

/// A store that keeps blobs in memory. Clones share them.
///
/// # Examples
/// ```
/// # use bytes::Bytes;
/// # use futures_util::{StreamExt as _, TryStreamExt as _, stream};
/// # use letsapp_core::adapters::blobs::MemoryBlobs;
/// # use letsapp_core::domain::id::BlobId;
/// # use letsapp_core::ports::{BlobStore, BoxError};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryBlobs::new();
/// let id = BlobId::from_bytes([1; 16]);
/// let bytes = stream::iter([Ok::<_, BoxError>(Bytes::from("Hello"))]).boxed();
/// assert_eq!(store.put(id, bytes).await.unwrap(), 5);
///
/// let read = store.get(id, Some(1..3)).await.unwrap();
/// assert_eq!(read.size, 5);
/// assert_eq!(read.bytes.try_collect::<Vec<_>>().await.unwrap().concat(), b"el");
/// # });
/// ```
#[derive(Clone, Default)]
pub struct MemoryBlobs(Arc<Mutex<HashMap<BlobId, Blob>>>);

/// A stored blob: parts of [`Writing::PART`] bytes, the last one shorter.
#[derive(Clone)]
struct Blob {
    size: u64,
    parts: Arc<[Bytes]>,
}

impl MemoryBlobs {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of blobs.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Reports whether no blob is stored.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BlobId, Blob>> {
        self.0.lock().expect("no step panics half-way")
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put(&self, id: BlobId, bytes: ByteStream) -> Result<u64, BlobError> {
        let upload = Writing {
            blobs: self.clone(),
            id,
            parts: Vec::new(),
            stored: false,
        };
        store(std::future::ready(Ok(upload)), bytes).await
    }

    async fn get(&self, id: BlobId, range: Option<Range<u64>>) -> Result<BlobRead, BlobError> {
        let blob = self.lock().get(&id).cloned().ok_or(BlobError::NotFound)?;
        let range = within(range, blob.size)?;
        Ok(BlobRead {
            size: blob.size,
            bytes: stream::iter(blob.slices(range).map(Ok)).boxed(),
        })
    }

    async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        self.lock().remove(&id);
        Ok(())
    }

    async fn signed_url(&self, _: BlobId, _: Duration, _: &Presentation) -> Result<Option<String>, BlobError> {
        Ok(None)
    }

    async fn recover(&self) -> Result<(), BlobError> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), BlobError> {
        Ok(())
    }
}

impl fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBlobs").field("len", &self.len()).finish()
    }
}

impl Blob {
    /// Returns the parts of a range, which share the memory of the blob.
    fn slices(self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + 'static {
        let part = Writing::PART as u64;
        // An empty range may lie in a part without taking a byte of it, hence the filter.
        let (first, last) = (range.start / part, range.end.div_ceil(part));
        (first..last).filter_map(move |index| {
            let whole = self.parts.get(usize::try_from(index).ok()?)?;
            let at = |offset: u64| usize::try_from(offset.saturating_sub(index * part)).unwrap_or(usize::MAX);
            let (start, end) = (at(range.start), at(range.end).min(whole.len()));
            (start < end).then(|| whole.slice(start..end))
        })
    }
}

/// A blob that is being written.
struct Writing {
    blobs: MemoryBlobs,
    id: BlobId,
    parts: Vec<Bytes>,
    stored: bool,
}

impl Upload for Writing {
    const PART: usize = 64 * 1024;

    async fn write(&mut self, part: Bytes) -> Result<(), BlobError> {
        self.parts.push(part);
        Ok(())
    }

    async fn finish(&mut self, rest: Bytes) -> Result<(), BlobError> {
        self.parts.push(rest);
        match self.blobs.lock().entry(self.id) {
            Entry::Occupied(_) => return Err(BlobError::Exists),
            Entry::Vacant(place) => place.insert(Blob {
                size: self.parts.iter().map(|part| part.len() as u64).sum(),
                parts: std::mem::take(&mut self.parts).into(),
            }),
        };
        self.stored = true;
        Ok(())
    }

    async fn discard(self) {
        // The blob under this id may be another's.
        if self.stored {
            self.blobs.lock().remove(&self.id);
        }
    }
}
