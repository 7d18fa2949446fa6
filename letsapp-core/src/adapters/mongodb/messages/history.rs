//! Reads of messages by `seq`.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::{FindOptions, Hint};

use super::content::SYSTEM;
use super::documents::MessageDocument;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, limited, long};
use crate::adapters::mongodb::schema::{BY_SEQ, MESSAGES};
use crate::domain::id::{ConversationId, Seq};
use crate::domain::message::Message;
use crate::domain::window::Window;
use crate::ports::{Range, RepositoryError};

/// Returns those of the messages that exist, in any order.
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

/// Builds the filter for messages by conversation and `seq`. Each conversation is one branch, which the index answers.
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

/// Returns a page of a conversation's history, of messages in any of the windows.
///
/// The windows are read one after the other. Members rarely have more than one, and each holds at least the system
/// message about joining, so that no query comes back empty.
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
        Range::Between { after, before } => (after, before, 1),
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

/// Returns a page of a conversation's system messages behind `after`, by ascending `seq`, without those about calls.
///
/// No index has them alone, since they are read rarely: all messages behind `after` are looked through.
pub(super) async fn announcements(
    connection: &Arc<Connection>,
    conversation_id: ConversationId,
    after: Seq,
    limit: usize,
) -> Result<Vec<Message>, RepositoryError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let filter = doc! {
        "conversation_id": conversation_id.to_bson(), "seq": {"$gt": long(after.0)}, "content.type": SYSTEM,
        "content.event.type": {"$ne": "call"},
    };
    let options = FindOptions::builder()
        .sort(doc! {"conversation_id": 1, "seq": 1})
        .limit(limited(limit))
        .hint(hint(BY_SEQ))
        .build();
    read(connection, filter, options).await
}

/// Reads messages, without the fields that only the store needs.
pub(super) async fn read(
    connection: &Arc<Connection>,
    filter: Document,
    mut options: FindOptions,
) -> Result<Vec<Message>, RepositoryError> {
    options.projection = Some(MessageDocument::projection());
    let found: Vec<MessageDocument> = connection.find(MESSAGES, filter, options).await?;
    found.into_iter().map(MessageDocument::into_message).collect()
}

/// Names an index for a query to use, so that the server never tries another plan.
pub(super) fn hint(index: &str) -> Hint {
    Hint::Name(index.to_owned())
}
