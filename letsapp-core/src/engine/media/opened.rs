//! Records of files that are read behind links: a page of pictures, or a film in ranges, asks for the same few again and
//! again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::cache::Cache;
use crate::domain::id::MediaId;
use crate::domain::media::{Media, MediaStatus};
use crate::domain::steady_time::SteadyTime;
use crate::ports::{Clock, RepositoryError, Stores};

/// Time for which a record is used without asking the store: the longest for which a file that another server removed
/// can still be read here, where a file with the same bytes keeps them.
const TTL: Duration = Duration::from_secs(5);

/// Capacity of each generation of the cache; it holds at most twice as many.
const CAPACITY: usize = 1_024;

/// Files that were read of late.
pub(crate) struct OpenedFiles {
    stores: Stores,
    clock: Arc<dyn Clock>,
    known: Mutex<Cache<MediaId, Known>>,
}

#[derive(Clone)]
struct Known {
    media: Arc<Media>,
    read_at: SteadyTime,
}

impl OpenedFiles {
    pub(super) fn new(stores: Stores, clock: Arc<dyn Clock>) -> Self {
        Self {
            stores,
            clock,
            known: Mutex::new(Cache::new(CAPACITY)),
        }
    }

    /// Returns a file that was not removed within the last [`TTL`]; `None` if there is none.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn find(&self, id: MediaId) -> Result<Option<Arc<Media>>, RepositoryError> {
        let read_at = self.clock.steady();
        let known = self.lock().lookup(&id);
        if let Some(known) = known.filter(|known| read_at.since(known.read_at) < TTL) {
            return Ok(Some(known.media));
        }
        let Some(media) = self.stores.media.find(&[id]).await?.pop() else {
            self.forget(id);
            return Ok(None);
        };
        let media = Arc::new(media);
        // The preview of a file that is processing is to be had as soon as there is one.
        if media.status == MediaStatus::Ready {
            let media = Arc::clone(&media);
            self.lock().insert(id, Known { media, read_at });
        }
        Ok(Some(media))
    }

    /// Forgets a file that is removed.
    pub(super) fn forget(&self, id: MediaId) {
        self.lock().forget(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Cache<MediaId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
