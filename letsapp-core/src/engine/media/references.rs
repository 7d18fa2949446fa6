//! References to files: made before what shows a file is stored, and released after it is gone.
//!
//! A reference is made with a fresh time at each attempt. Only then is the file read: one that is live stays as long as
//! the reference does. So the sweeper never removes the bytes of a file that a message in flight is about to show.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::MediaId;
use crate::domain::media::{Holder, Media, MediaRef, MediaState};
use crate::domain::timestamp::Timestamp;
use crate::ports::{MediaRepository, RepositoryError, Stores};

/// Makes and releases references.
#[derive(Clone)]
pub(crate) struct References {
    repository: Arc<dyn MediaRepository>,
}

/// Time after which a file is looked at, if a change that may release it was begun and its end was not seen. Longer than
/// any change takes.
const UNSEEN: Duration = Duration::from_secs(600);

impl References {
    pub(crate) fn new(stores: &Stores) -> Self {
        Self {
            repository: Arc::clone(&stores.media),
        }
    }

    /// Refers to files, and returns those that stay while the references do.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn refer(&self, refs: &[MediaRef]) -> Result<HashMap<MediaId, Media>, RepositoryError> {
        let mut ids: Vec<_> = refs.iter().map(|reference| reference.media_id).collect();
        ids.sort_unstable();
        ids.dedup();
        // Made-up ids leave no references behind.
        let known: HashSet<_> = self.repository.find(&ids).await?.iter().map(|media| media.id).collect();
        let is_known = |reference: &&MediaRef| known.contains(&reference.media_id);
        let refs: Vec<_> = refs.iter().filter(is_known).copied().collect();
        if refs.is_empty() {
            return Ok(HashMap::new());
        }
        self.repository.refer(&refs).await?;
        ids.retain(|id| known.contains(id));
        let found = self.repository.find(&ids).await?;
        let live = found.into_iter().filter(|media| media.state == MediaState::Live);
        Ok(live.map(|media| (media.id, media)).collect())
    }

    /// Notes that a change may soon release these files. Called before the change, so that a crash in between leaves
    /// none behind.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn releasing(&self, ids: &[MediaId], now: Timestamp) -> Result<(), RepositoryError> {
        self.repository.schedule(ids, now.plus(UNSEEN)).await
    }

    /// Releases files that a holder no longer shows, by a decision made at `decided`. References made since stay.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. The files are looked at later then, if that was [announced](Self::releasing).
    pub(crate) async fn release(
        &self,
        holder: Holder,
        ids: impl IntoIterator<Item = MediaId>,
        decided: Timestamp,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let gone = ids.into_iter().map(|media_id| MediaRef {
            media_id,
            holder,
            at: decided,
        });
        self.repository.expire(&gone.collect::<Vec<_>>(), now).await
    }
}
