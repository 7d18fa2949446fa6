//! Tests of promises that only this store makes, on files in temporary directories.
//!
//! Promises of every store are tested by the contract suite.

mod blobs;
mod isolation;
mod log;
mod migrations;
mod plans;
mod refusals;
mod searches;
mod senders;
mod terms;
mod wiping;

use std::sync::Arc;

use tempfile::TempDir;

use super::SqliteStore;
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message::{Content, Fingerprint, Message};
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;
use crate::ports::{Change, Creation, Outcome, Repositories as _};

/// Creates a store in a new directory, which is removed when the returned guard is dropped.
fn new_store() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("letsapp.db")).unwrap();
    (directory, store)
}

fn user_id(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

/// Creates the direct conversation of the users 0 and `n`.
async fn conversation(store: &SqliteStore, n: u8) -> ConversationId {
    let (low, high) = (user_id(0), user_id(n));
    let at = Timestamp::from_millis(1);
    let conversation = Conversation {
        id: ConversationId::from_bytes([100 + n; 16]),
        kind: Kind::Direct,
        title: None,
        about: About::default(),
        avatar_media_id: None,
        created_by: low,
        created_at: at,
        pair: Some((low, high)),
        fingerprint: None,
        deleted_at: None,
    };
    match store.conversations().create_direct(conversation, at).await.unwrap() {
        Creation::Created(conversation) | Creation::Existing(conversation) => conversation.id,
    }
}

/// Returns a text message of user 0 whose id is derived from `n`.
fn message(conversation_id: ConversationId, n: u64, body: &str) -> Message {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    Message {
        conversation_id,
        id: MessageId::from_bytes(id),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id: user_id(0),
        content: Content::Text(body.to_owned()),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: Timestamp::from_millis(2),
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint {
            version: 1,
            hash: [7; 32],
        },
    }
}

fn append(message: Message) -> Change {
    Change::Append {
        message: Arc::new(message),
        fence: Seq::ZERO,
    }
}

async fn commit(store: &SqliteStore, changes: Vec<Change>) -> Vec<Result<Outcome, crate::ports::RepositoryError>> {
    let count = changes.len();
    store.messages().commit(changes).in_order(count).await
}

/// Returns the `seq` of a committed change; `None` if the change failed.
#[track_caller]
fn place(outcome: &Result<Outcome, crate::ports::RepositoryError>) -> Option<u64> {
    match outcome {
        Ok(Outcome::Committed(position)) => Some(position.seq.0),
        Ok(other) => panic!("neither committed nor failed: {other:?}"),
        Err(_) => None,
    }
}
