//! The picture of a group: referring to the new one before the change, and releasing the one before it afterwards.

use crate::domain::id::{ConversationId, MediaId, UserId};
use crate::domain::media::Holder;
use crate::domain::timestamp::Timestamp;
use crate::engine::Engine;
use crate::engine::error::ConversationError;

/// A picture that a change replaces, with the time of the change.
pub(super) struct Replaced {
    before: MediaId,
    decided: Timestamp,
}

/// Refers to the new picture of a group, if there is one. Returns the present one, if it will not be needed any more.
///
/// # Errors
/// [`ConversationError::Invalid`] if the user has uploaded no such picture.
pub(super) async fn replacing(
    engine: &Engine,
    user_id: UserId,
    id: ConversationId,
    picture: Option<MediaId>,
) -> Result<Option<Replaced>, ConversationError> {
    let unknown = || ConversationError::invalid("avatar_media_id", "not_found", "there is no such picture");
    let Some(files) = &engine.files else {
        return picture.map_or(Ok(None), |_| Err(unknown()));
    };
    if let Some(picture) = picture
        && !files.refer_to_picture(user_id, picture, Holder::Group(id)).await?
    {
        return Err(unknown());
    }
    let group = engine.stores.conversations.find(&[id]).await?.pop();
    let before = group.and_then(|group| group.avatar_media_id);
    match before.filter(|before| Some(*before) != picture) {
        Some(before) => Ok(Some(Replaced {
            before,
            decided: files.replacing_picture(before).await?,
        })),
        None => Ok(None),
    }
}

impl Replaced {
    /// Releases the picture after the change was made.
    pub(super) async fn release(self, engine: &Engine, id: ConversationId) {
        if let Some(files) = &engine.files {
            files
                .release_picture(Holder::Group(id), self.before, self.decided)
                .await;
        }
    }
}
