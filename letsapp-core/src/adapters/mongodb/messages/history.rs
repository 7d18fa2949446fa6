//! Reading messages by their place, and by their last change.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Bson, Document, Uuid, doc};
use mongodb::options::{FindOptions, Hint};

use super::documents::MessageDocument;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, limited, long};
use crate::adapters::mongodb::schema::{BY_REV, BY_SEQ, MESSAGES};
use crate::domain::id::{ConversationId, Rev, Seq};
use crate::domain::message::Message;
use crate::domain::window::Window;
use crate::ports::{Range, RepositoryError};

/// Reads those of the messages that exist.
pub(super) async fn find(
    connection: &Arc<Connection>,
    at: &[(ConversationId, Seq)],
) -> Result<Vec<Message>, RepositoryError> {
    if at.is_empty() {
        return Ok(Vec::new());
    }
    read(
        connection,
        places(at),
        FindOptions::builder().hint(hint(BY_SEQ)).build(),
    )
    .await
}

/// Selects messages by their places.
pub(super) fn places(at: &[(ConversationId, Seq)]) -> Document {
    let mut by_conversation: HashMap<Uuid, Vec<i64>> = HashMap::new();
    for (conversation_id, seq) in at {
        by_conversation
            .entry(conversation_id.to_bson())
            .or_default()
            .push(long(seq.0));
    }
    let branches = by_conversation
        .into_iter()
        .map(|(conversation_id, seqs)| doc! {"conversation_id": conversation_id, "seq": {"$in": seqs}});
    doc! {"$or": branches.collect::<Vec<_>>()}
}

/// Reads a page of a history, one window after the other: there is rarely more than one, and each that there is holds
/// at least the message that tells of joining.
pub(super) async fn history(
    connection: &Arc<Connection>,
    conversation_id: ConversationId,
    windows: &[Window],
    range: Range,
    limit: usize,
) -> Result<Vec<Message>, RepositoryError> {
    let (after, before, direction) = match range {
        Range::Newest => (Seq::ZERO, Seq(u64::MAX), -1),
        Range::Before(seq) => (Seq::ZERO, seq, -1),
        Range::After(seq) => (seq, Seq(u64::MAX), 1),
    };
    let mut windows: Vec<_> = windows
        .iter()
        .filter(|window| window.from < before && window.to.is_none_or(|to| to > after))
        .collect();
    if direction < 0 {
        windows.reverse();
    }
    let mut messages = Vec::new();
    for window in windows {
        let wanted = limit - messages.len();
        if wanted == 0 {
            break;
        }
        let mut seq = doc! {"$gt": long(after.0), "$lt": long(before.0), "$gte": long(window.from.0)};
        if let Some(to) = window.to {
            seq.insert("$lte", long(to.0));
        }
        let options = FindOptions::builder()
            .sort(doc! {"conversation_id": direction, "seq": direction})
            .limit(limited(wanted))
            .hint(hint(BY_SEQ))
            .build();
        let filter = doc! {"conversation_id": conversation_id.to_bson(), "seq": seq};
        messages.extend(read(connection, filter, options).await?);
    }
    Ok(messages)
}

/// Reads a page of changes.
pub(super) async fn changes(
    connection: &Arc<Connection>,
    conversation_id: ConversationId,
    windows: &[Window],
    after: Rev,
    limit: usize,
) -> Result<Vec<Message>, RepositoryError> {
    if limit == 0 || windows.is_empty() {
        return Ok(Vec::new());
    }
    let mut filter = doc! {"conversation_id": conversation_id.to_bson(), "rev": {"$gt": long(after.0)}};
    if !windows.contains(&Window::WHOLE) {
        let visible = windows.iter().map(|window| {
            let mut seq = doc! {"$gte": long(window.from.0)};
            if let Some(to) = window.to {
                seq.insert("$lte", long(to.0));
            }
            Bson::from(doc! {"seq": seq})
        });
        filter.insert("$or", visible.collect::<Vec<_>>());
    }
    let options = FindOptions::builder()
        .sort(doc! {"conversation_id": 1, "rev": 1})
        .limit(limited(limit))
        .hint(hint(BY_REV))
        .build();
    read(connection, filter, options).await
}

async fn read(
    connection: &Arc<Connection>,
    filter: Document,
    mut options: FindOptions,
) -> Result<Vec<Message>, RepositoryError> {
    options.projection = Some(MessageDocument::projection());
    let found: Vec<MessageDocument> = connection.find(MESSAGES, filter, options).await?;
    found.into_iter().map(MessageDocument::into_message).collect()
}

pub(super) fn hint(index: &str) -> Hint {
    Hint::Name(index.to_owned())
}
