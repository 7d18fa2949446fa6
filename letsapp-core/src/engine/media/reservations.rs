//! Ids of bytes that are about to be written: noted in the store first, many at a time, so that a crash leaves no bytes
//! that nobody knows of, and yet a small file costs no write but that of its record.

use std::time::Duration;

use tokio::sync::Mutex;

use crate::domain::id::{BlobId, MediaId, UserId};
use crate::domain::media::Upload;
use crate::domain::timestamp::Timestamp;
use crate::engine::media::error::MediaError;
use crate::engine::media::sweeper::UNSENT;
use crate::ports::{Runtime, Stores, UploadStarted};

/// Ids in one note. The sweeper asks of each whether a file has its bytes, a day later.
const BATCH: usize = 64;

/// Time for which the ids of a note are given out. The bytes then have at least [`UNSENT`] to become a file.
const USABLE: Duration = Duration::from_secs(3600);

/// Ids that are noted and not given out yet.
pub(super) struct Reservations {
    stores: Stores,
    runtime: Runtime,
    /// Held while a note is stored: others who need an id wait for the same one.
    noted: Mutex<Noted>,
}

struct Noted {
    ids: Vec<BlobId>,
    usable_until: Timestamp,
}

impl Reservations {
    pub(super) fn new(stores: Stores, runtime: Runtime) -> Self {
        Self {
            stores,
            runtime,
            noted: Mutex::new(Noted {
                ids: Vec::new(),
                usable_until: Timestamp::from_millis(0),
            }),
        }
    }

    /// Returns an id under which bytes can be written. Unless a file has them by then, they are deleted a day later, or
    /// somewhat after that.
    ///
    /// # Errors
    /// [`MediaError::Store`] when the store fails.
    pub(super) async fn next(&self, owner_id: UserId) -> Result<BlobId, MediaError> {
        let mut noted = self.noted.lock().await;
        let now = self.runtime.clock.now();
        if noted.usable_until <= now {
            noted.ids.clear();
        }
        if noted.ids.is_empty() {
            *noted = self.note(owner_id, now).await?;
        }
        Ok(noted.ids.pop().expect("a note has ids"))
    }

    /// Stores a note: an upload without a length, of which nothing is ever made. Its owner is whoever needed an id
    /// first; it counts for nobody.
    async fn note(&self, owner_id: UserId, now: Timestamp) -> Result<Noted, MediaError> {
        let ids = &*self.runtime.ids;
        let reserved: Vec<_> = (0..BATCH).map(|_| BlobId::from_uuid(ids.random())).collect();
        let note = Upload {
            id: MediaId::from_uuid(ids.random()),
            owner_id,
            file_name: String::new(),
            content_type: None,
            length: None,
            offset: 0,
            parts: Vec::new(),
            reserved,
            created_at: now,
            expires_at: now.plus(USABLE).plus(UNSENT),
        };
        match self.stores.media.start_upload(&note).await? {
            UploadStarted::Started => Ok(Noted {
                ids: note.reserved,
                usable_until: now.plus(USABLE),
            }),
            UploadStarted::Exists(_) => Err(MediaError::Conflict),
        }
    }
}
