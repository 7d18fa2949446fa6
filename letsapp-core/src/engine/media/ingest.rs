//! Receiving a file: from the stream of an upload through inspection and scanner into the blob store, in bounded memory.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::future::join;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::domain::id::BlobId;
use crate::domain::media::{AllowList, ContentType, FileName};
use crate::engine::media::error::MediaError;
use crate::engine::media::inspection::{Inspected, Inspector};
use crate::engine::media::room::Room;
use crate::ports::{BlobError, BlobStore, BoxError, ByteStream, RepositoryError, Scan, Scanner, ScannerError, Verdict};

/// The parts that receiving a file needs.
pub(super) struct Ingest {
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) scanner: Option<Arc<dyn Scanner>>,
    pub(super) allowed: AllowList,
    pub(super) unscanned: Unscanned,
}

/// Decision on files when the scanner gives no verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unscanned {
    /// Refused, as if the store were unavailable.
    #[default]
    Refused,
    /// Taken without a scan.
    Taken,
}

/// A file that was received.
pub(super) struct Received {
    pub(super) inspected: Inspected,
    /// Whether the scanner has found nothing.
    pub(super) is_scanned: bool,
}

/// The scan of a file, as long as it works.
struct Scanning {
    scan: Option<Box<dyn Scan>>,
    unscanned: Unscanned,
}

/// Claims of the uploader about a file.
pub(super) struct Claims<'a> {
    pub(super) name: &'a FileName,
    pub(super) declared: Option<&'a ContentType>,
    /// Maximum number of bytes that may arrive, and the error if more do.
    pub(super) room: Room,
}

/// Chunks that wait between inspection and the blob store: one is stored, one waits, and one is gathered.
const CHUNKS: usize = 1;

/// Size of these chunks in bytes. That in which most stores write, so that they need not copy them; and larger than what
/// arrives at once, since each chunk wakes another task.
const CHUNK: usize = 255 * 1024;

impl Ingest {
    /// Receives a file into a new blob. If the file is refused or the upload breaks off, the blob store keeps nothing of
    /// it.
    ///
    /// # Errors
    /// [`MediaError`] that says why the file is refused, or which part failed.
    pub(super) async fn receive(
        &self,
        blob: BlobId,
        claims: Claims<'_>,
        mut bytes: ByteStream,
    ) -> Result<Received, MediaError> {
        let mut scan = Scanning {
            scan: self.begin_scan().await?,
            unscanned: self.unscanned,
        };
        let (sender, receiver) = mpsc::channel::<Result<Bytes, BoxError>>(CHUNKS);
        let stored = self.blobs.put(blob, into_stream(receiver));
        let feed = async {
            let fed = async {
                let inspected = feed(claims, &self.allowed, &mut bytes, &sender, &mut scan).await?;
                verdict(scan, inspected).await
            }
            .await;
            if fed.is_err() {
                // The blob store gives up what it has.
                sender.send(Err("the file was refused".into())).await.ok();
            }
            drop(sender);
            fed
        };
        let (stored, received) = join(stored, feed).await;
        match (stored, received) {
            (Ok(_), received) => received,
            // The store failed first; whoever feeds it has only noticed that.
            (Err(error @ (BlobError::Unavailable(_) | BlobError::Internal(_) | BlobError::Exists)), _) => {
                Err(error.into())
            }
            (Err(_), Err(error)) => Err(error),
            (Err(error), Ok(_)) => Err(error.into()),
        }
    }

    async fn begin_scan(&self) -> Result<Option<Box<dyn Scan>>, MediaError> {
        match &self.scanner {
            Some(scanner) => match scanner.begin().await {
                Ok(scan) => Ok(Some(scan)),
                Err(error) => self.unscanned.judge(error).map(|()| None),
            },
            None => Ok(None),
        }
    }
}

impl Unscanned {
    /// Decides on a file whose scan has failed.
    fn judge(self, error: ScannerError) -> Result<(), MediaError> {
        tracing::warn!(%error, cause = %error.0, "a file was not scanned");
        match self {
            Self::Refused => Err(RepositoryError::unavailable(error).into()),
            Self::Taken => Ok(()),
        }
    }
}

impl Scanning {
    async fn push(&mut self, bytes: &Bytes) -> Result<(), MediaError> {
        if let Some(scan) = &mut self.scan
            && let Err(error) = scan.push(bytes.clone()).await
        {
            self.scan = None;
            self.unscanned.judge(error)?;
        }
        Ok(())
    }
}

/// Inspects and passes on all chunks. Ends early, without an error of its own, if the blob store has given up.
async fn feed(
    claims: Claims<'_>,
    allowed: &AllowList,
    bytes: &mut ByteStream,
    sender: &mpsc::Sender<Result<Bytes, BoxError>>,
    scan: &mut Scanning,
) -> Result<Inspected, MediaError> {
    let mut inspector = Inspector::new(claims.name, claims.declared, allowed);
    let mut gathered = Gathered::default();
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(MediaError::Broken)?;
        if inspector.uploaded() + chunk.len() as u64 > claims.room.bytes() {
            return Err(claims.room.exceeded());
        }
        // As it was uploaded: what is removed from a picture may be what a scanner looks for.
        scan.push(&chunk).await?;
        let mut bytes = inspector.push(chunk)?;
        while let Some(full) = gathered.add(&mut bytes) {
            pass(sender, full).await;
        }
    }
    let (mut rest, inspected) = inspector.finish()?;
    while let Some(full) = gathered.add(&mut rest) {
        pass(sender, full).await;
    }
    pass(sender, gathered.0.freeze()).await;
    Ok(inspected)
}

/// Bytes that are gathered until they are a chunk.
#[derive(Default)]
struct Gathered(BytesMut);

impl Gathered {
    /// Takes bytes, as many as are missing, and returns a chunk if they make one.
    fn add(&mut self, bytes: &mut Bytes) -> Option<Bytes> {
        if self.0.is_empty() && bytes.len() >= CHUNK {
            return Some(bytes.split_to(CHUNK));
        }
        if !self.0.is_empty() && !bytes.is_empty() {
            // At once, instead of step by step. A small file, which arrives as a whole, takes no more than it has.
            self.0.reserve(CHUNK - self.0.len());
        }
        let missing = bytes.len().min(CHUNK - self.0.len());
        self.0.extend_from_slice(&bytes.split_to(missing));
        (self.0.len() == CHUNK).then(|| self.0.split().freeze())
    }
}

/// Passes bytes on to the blob store. Its own error says why it takes no more.
async fn pass(sender: &mpsc::Sender<Result<Bytes, BoxError>>, bytes: Bytes) {
    if !bytes.is_empty() {
        sender.send(Ok(bytes)).await.ok();
    }
}

async fn verdict(scanning: Scanning, inspected: Inspected) -> Result<Received, MediaError> {
    if inspected.is_test_virus {
        return Err(MediaError::Infected("EICAR-Test-File".to_owned()));
    }
    let mut is_scanned = false;
    if let Some(scan) = scanning.scan {
        match scan.finish().await {
            Ok(Verdict::Clean) => is_scanned = true,
            Ok(Verdict::Infected { signature }) => return Err(MediaError::Infected(signature)),
            Err(error) => scanning.unscanned.judge(error)?,
        }
    }
    Ok(Received { inspected, is_scanned })
}

fn into_stream(receiver: mpsc::Receiver<Result<Bytes, BoxError>>) -> ByteStream {
    stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_gathered_to_chunks_of_one_size_without_losing_any() {
        for sizes in [
            vec![],
            vec![1],
            vec![CHUNK],
            vec![1, CHUNK, 1],
            vec![3 * CHUNK + 1, 7],
            vec![100_000; 9],
        ] {
            let total: usize = sizes.iter().sum();
            let all: Vec<u8> = (0..total).map(|n| n as u8).collect();
            let (mut gathered, mut chunks, mut at) = (Gathered::default(), Vec::new(), 0);
            for size in sizes {
                let mut bytes = Bytes::copy_from_slice(&all[at..at + size]);
                at += size;
                chunks.extend(std::iter::from_fn(|| gathered.add(&mut bytes)));
                assert!(bytes.is_empty());
            }
            assert!(chunks.iter().all(|chunk| chunk.len() == CHUNK));
            chunks.push(gathered.0.freeze());
            assert!(chunks.concat() == all);
        }
    }
}
