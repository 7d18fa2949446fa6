//! Scanning stored files again, one at a time: a scanner learns of new malware after files have arrived.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt as _;

use crate::domain::id::{MediaId, UserId};
use crate::domain::media::Media;
use crate::domain::timestamp::Timestamp;
use crate::engine::media::Files;
use crate::ports::{BlobError, BoxError, RepositoryError, Scanner, ScannerError, Verdict};

/// A scan of all stored files, by id. Dropping it ends the scan; what was scanned stays noted.
pub struct Rescan {
    files: Arc<Files>,
    scanner: Arc<dyn Scanner>,
    /// Files that were scanned at this time or later are passed over.
    before: Timestamp,
    /// Last file that was read from the store.
    after: Option<MediaId>,
    waiting: VecDeque<Media>,
}

/// A file that was scanned again.
#[derive(Debug)]
pub struct RescannedFile {
    /// Id of the file.
    pub id: MediaId,
    /// User who uploaded it.
    pub owner_id: UserId,
    /// Size in bytes.
    pub size: u64,
    /// Result of the scan.
    pub outcome: RescanOutcome,
}

/// Result of scanning a file again.
#[derive(Debug)]
pub enum RescanOutcome {
    /// Nothing was found.
    Clean,
    /// Malware was found: the file was removed, although something may show it.
    Infected {
        /// Name of the finding, as the scanner reports it.
        signature: String,
    },
    /// The file's bytes are not in the place for files.
    Missing,
    /// The scanner gave no verdict on this file, or its bytes can't be read.
    Failed(BoxError),
}

/// Reason why files are not scanned again, or not all of them.
#[derive(Debug, thiserror::Error)]
pub enum RescanError {
    /// The application has no scanner.
    #[error("there is no scanner")]
    NoScanner,
    /// The scanner can't be reached.
    #[error("the scanner can't be reached")]
    Unreachable(#[source] ScannerError),
    /// The store failed, or the application has no place for files.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

/// Number of records read from the store at once.
const PAGE: usize = 100;

impl Files {
    /// Begins a scan of all files that were not scanned since `before`.
    ///
    /// # Errors
    /// [`RescanError::NoScanner`].
    pub(crate) fn rescan(self: &Arc<Self>, before: Timestamp) -> Result<Rescan, RescanError> {
        let scanner = self.ingest.scanner.as_ref().ok_or(RescanError::NoScanner)?;
        Ok(Rescan {
            files: Arc::clone(self),
            scanner: Arc::clone(scanner),
            before,
            after: None,
            waiting: VecDeque::new(),
        })
    }
}

impl Rescan {
    /// Scans the next file; returns `None` after the last one. A file with malware is removed: links to it lead nowhere
    /// from then on.
    ///
    /// # Errors
    /// [`RescanError::Unreachable`] when the scanner is, [`RescanError::Store`] when the store fails. The next call
    /// goes on with the next file.
    pub async fn next(&mut self) -> Result<Option<RescannedFile>, RescanError> {
        while let Some(media) = self.next_record().await? {
            if media.scanned_at.is_some_and(|at| at >= self.before) {
                continue;
            }
            let Some(outcome) = self.scan(&media).await? else {
                continue;
            };
            return Ok(Some(RescannedFile {
                id: media.id,
                owner_id: media.owner_id,
                size: media.size,
                outcome,
            }));
        }
        Ok(None)
    }

    async fn next_record(&mut self) -> Result<Option<Media>, RepositoryError> {
        if self.waiting.is_empty() {
            let page = self.files.stores.media.all(self.after, PAGE).await?;
            self.after = page.last().map(|media| media.id).or(self.after);
            self.waiting.extend(page);
        }
        Ok(self.waiting.pop_front())
    }

    /// Scans a file; returns `None` if it was removed meanwhile.
    async fn scan(&self, media: &Media) -> Result<Option<RescanOutcome>, RescanError> {
        let mut scan = self.scanner.begin().await.map_err(RescanError::Unreachable)?;
        let mut bytes = match self.files.blobs.get(media.blob, None).await {
            Ok(read) => read.bytes,
            Err(BlobError::NotFound) => return self.missing(media).await,
            Err(error) => return Ok(Some(RescanOutcome::Failed(error.into()))),
        };
        while let Some(chunk) = bytes.next().await {
            let pushed = match chunk {
                Ok(chunk) => scan.push(chunk).await.map_err(BoxError::from),
                Err(error) => Err(error),
            };
            if let Err(error) = pushed {
                return Ok(Some(RescanOutcome::Failed(error)));
            }
        }
        match scan.finish().await {
            Ok(Verdict::Clean) => {
                let now = self.files.runtime.clock.now();
                self.files.stores.media.scanned(media.id, now).await?;
                Ok(Some(RescanOutcome::Clean))
            }
            Ok(Verdict::Infected { signature }) => {
                self.condemn(media, &signature).await?;
                Ok(Some(RescanOutcome::Infected { signature }))
            }
            Err(error) => Ok(Some(RescanOutcome::Failed(error.into()))),
        }
    }

    async fn missing(&self, media: &Media) -> Result<Option<RescanOutcome>, RescanError> {
        let is_there = !self.files.stores.media.find(&[media.id]).await?.is_empty();
        if is_there {
            tracing::error!(media.id = %media.id, user.id = %media.owner_id, "the bytes of a stored file are missing");
        }
        Ok(is_there.then_some(RescanOutcome::Missing))
    }

    async fn condemn(&self, media: &Media, signature: &str) -> Result<(), RescanError> {
        tracing::warn!(
            security = "infected_file",
            media.id = %media.id,
            user.id = %media.owner_id,
            signature,
            "security event: malware was found in a stored file, which is removed"
        );
        Ok(self.files.sweeper().condemn(media).await?)
    }
}
