//! Decisions, and the steps shared by several kinds of them.

use std::sync::Arc;

use crate::domain::id::{MessageId, Rev, Seq, UserId};
use crate::domain::message::{Content, Fingerprint, Message, SystemEvent};
use crate::engine::commit::command::Submission;
use crate::engine::error::ConversationError;
use crate::engine::rosters::CachedRoster;
use crate::ports::Change;

/// The decision on a submission.
pub(crate) enum Decision {
    /// Commit this change.
    Commit(Change),
    /// Nothing has to be changed; this is the message.
    Unchanged(Arc<Message>),
    /// Nothing has to be changed, and there is no message to return.
    Nothing,
}

/// Checks that all mentioned users are members. Users mentioned `before` the edit may have left since.
pub(super) fn check_mentions(
    known: &CachedRoster,
    mentions: &[UserId],
    before: &[UserId],
) -> Result<(), ConversationError> {
    let stranger = mentions
        .iter()
        .find(|user_id| known.member(**user_id).is_none() && !before.contains(user_id));
    match stranger {
        Some(user_id) => Err(ConversationError::invalid(
            "mentions",
            "not_a_member",
            format!("{user_id} is not a member"),
        )),
        None => Ok(()),
    }
}

/// Makes the system message of one step of an operation. Its id is derived from both, so that a repeated operation is
/// recognised by the store.
pub(super) fn system(submission: &Submission, step: &[u8], event: SystemEvent) -> Arc<Message> {
    let conversation_id = submission.conversation_id;
    let operation = [submission.operation.as_slice(), step].concat();
    Arc::new(Message {
        conversation_id,
        id: MessageId::of_operation(conversation_id, &operation),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id: submission.actor,
        content: Content::System(event),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: submission.at,
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint::SYSTEM,
    })
}
