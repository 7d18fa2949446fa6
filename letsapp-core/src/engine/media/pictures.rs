//! Pictures of profiles and groups: files that something other than a message shows.

use crate::domain::id::{MediaId, UserId};
use crate::domain::media::{ContentType, Family, Holder, MediaRef};
use crate::domain::timestamp::Timestamp;
use crate::engine::media::Files;
use crate::ports::RepositoryError;

impl Files {
    /// Refers to a file as the picture of a profile or a group. Returns whether the user has such a picture; it stays
    /// while the holder shows it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn refer_to_picture(
        &self,
        owner_id: UserId,
        media_id: MediaId,
        holder: Holder,
    ) -> Result<bool, RepositoryError> {
        let reference = MediaRef {
            media_id,
            holder,
            at: self.runtime.clock.now(),
        };
        let live = self.references.refer(&[reference]).await?;
        Ok(live.get(&media_id).is_some_and(|media| {
            let content_type = ContentType::from_stored(media.content_type.as_str());
            media.owner_id == owner_id && content_type.family() == Family::Picture
        }))
    }

    /// Notes that a picture may soon be replaced; see [`References::releasing`](super::References::releasing).
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    pub(crate) async fn replacing_picture(&self, media_id: MediaId) -> Result<Timestamp, RepositoryError> {
        let now = self.runtime.clock.now();
        self.references.releasing(&[media_id], now).await?;
        Ok(now)
    }

    /// Releases a picture that was replaced by a change begun at `decided`. What fails is found by the sweeper later.
    pub(crate) async fn release_picture(&self, holder: Holder, media_id: MediaId, decided: Timestamp) {
        // A reference made since is later.
        let decided = Timestamp::from_millis(decided.as_millis().saturating_sub(1));
        let now = self.runtime.clock.now();
        if let Err(error) = self.references.release(holder, [media_id], decided, now).await {
            tracing::debug!(%error, media.id = %media_id, "a replaced picture is released later");
        }
    }
}
