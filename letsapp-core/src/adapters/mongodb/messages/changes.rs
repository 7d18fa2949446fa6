//! Changed messages in order of `rev`.

use std::sync::Arc;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::FindOptions;
use serde::Deserialize;

use super::head;
use super::history::{hint, read};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, count, limited, long};
use crate::adapters::mongodb::schema::{BY_REV, BY_SEQ, MESSAGES};
use crate::domain::id::{ConversationId, Rev, Seq};
use crate::domain::message::Message;
use crate::domain::window::{ChangesPlan, Window, visible_count};
use crate::ports::RepositoryError;

/// First numbers that a message was assigned.
#[derive(Debug, Deserialize)]
struct FirstRevs {
    revs: Vec<i64>,
}

/// Returns a page of messages in any of the windows whose `rev` is greater than `after`, by ascending `rev`.
pub(super) async fn after(
    connection: &Arc<Connection>,
    id: ConversationId,
    windows: &[Window],
    after: Rev,
    limit: usize,
) -> Result<Vec<Message>, RepositoryError> {
    let Some(first) = windows.first().filter(|_| limit > 0) else {
        return Ok(Vec::new());
    };
    // The filter by windows is left out where it would select everything: most members have the whole conversation.
    if windows.contains(&Window::WHOLE) {
        let filter = doc! {"conversation_id": id.to_bson(), "rev": {"$gt": long(after.0)}};
        return by_rev(connection, filter, limit).await;
    }
    let ids = [id];
    let (heads, first_rev) = tokio::try_join!(head::read(connection, &ids), first_rev(connection, id, first.from))?;
    let head = heads.first().map(|(_, head)| *head).unwrap_or_default();
    let after = after.max(Rev(first_rev.0.saturating_sub(1)));
    let visible = windows.iter().map(|window| {
        let mut seq = doc! {"$gte": long(window.from.0)};
        if let Some(to) = window.to {
            seq.insert("$lte", long(to.0));
        }
        seq
    });
    let revs = head.rev.0.saturating_sub(after.0);
    let in_conversation = doc! {"conversation_id": id.to_bson(), "rev": {"$gt": long(after.0)}};
    match ChangesPlan::choose(visible_count(windows, head.seq), revs, limit) {
        ChangesPlan::ByRev => {
            let mut filter = in_conversation;
            let visible = visible.map(|seq| Bson::from(doc! {"seq": seq}));
            filter.insert("$or", visible.collect::<Vec<_>>());
            by_rev(connection, filter, limit).await
        }
        ChangesPlan::BySeq => {
            let mut messages = Vec::new();
            for seq in visible {
                let mut filter = in_conversation.clone();
                filter.insert("seq", seq);
                let options = FindOptions::builder()
                    .sort(doc! {"rev": 1})
                    .limit(limited(limit))
                    .hint(hint(BY_SEQ))
                    .build();
                messages.extend(read(connection, filter, options).await?);
            }
            messages.sort_unstable_by_key(|message| message.rev);
            messages.truncate(limit);
            Ok(messages)
        }
    }
}

async fn by_rev(connection: &Arc<Connection>, filter: Document, limit: usize) -> Result<Vec<Message>, RepositoryError> {
    let options = FindOptions::builder()
        .sort(doc! {"conversation_id": 1, "rev": 1})
        .limit(limited(limit))
        .hint(hint(BY_REV))
        .build();
    read(connection, filter, options).await
}

/// Returns a number that no message from `seq` on was changed before.
async fn first_rev(connection: &Arc<Connection>, id: ConversationId, seq: Seq) -> Result<Rev, RepositoryError> {
    let filter = doc! {"conversation_id": id.to_bson(), "seq": long(seq.0)};
    let options = FindOptions::builder()
        .projection(doc! {"_id": 0, "revs": 1})
        .hint(hint(BY_SEQ))
        .build();
    let found: Vec<FirstRevs> = connection.find(MESSAGES, filter, options).await?;
    // Only the first number of a message that never changed is known to be its first: long lists are cut in front.
    Ok(match found.first().map(|found| found.revs.as_slice()) {
        Some([only]) => Rev(count(*only)),
        // A message's `rev` is at least its `seq`.
        _ => Rev(seq.0),
    })
}
