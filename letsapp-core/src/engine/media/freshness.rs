//! Files in stored messages, as they are now: a message keeps what was known of a file when it was sent.

use std::collections::HashMap;

use crate::domain::message::Message;
use crate::ports::{RepositoryError, Stores};

/// Brings files up to date that were still being processed when their messages were sent. Reads nothing unless there are
/// some.
///
/// # Errors
/// [`RepositoryError`] when the store fails.
pub(crate) async fn refresh<'a>(
    stores: &Stores,
    messages: impl IntoIterator<Item = &'a mut Message>,
) -> Result<(), RepositoryError> {
    let mut attachments: Vec<_> = messages
        .into_iter()
        .flat_map(|message| &mut message.attachments)
        .filter(|attachment| attachment.is_processing)
        .collect();
    if attachments.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<_> = attachments.iter().map(|attachment| attachment.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let found = stores.media.find(&ids).await?;
    let found: HashMap<_, _> = found.into_iter().map(|media| (media.id, media)).collect();
    for attachment in &mut attachments {
        if let Some(media) = found.get(&attachment.id) {
            **attachment = media.attachment();
        }
    }
    Ok(())
}
