//! Decisions, and the steps that several kinds of them share.

use std::sync::Arc;

use crate::domain::id::{MessageId, Rev, Seq, UserId};
use crate::domain::message::{Content, Fingerprint, Message, SystemEvent};
use crate::engine::commit::command::QueuedSubmission;
use crate::engine::error::ConversationError;
use crate::engine::rosters::CachedRoster;
use crate::ports::Change;

/// What a submission comes to.
pub(crate) enum Decision {
    /// This is to be committed.
    Commit(Change),
    /// It is so already; this is the message.
    Unchanged(Arc<Message>),
    /// It is so already.
    Nothing,
}

/// Checks that all who are named are members; who was named before may have left since.
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

/// Makes the system message that tells of one step of an operation.
pub(super) fn system(submission: &QueuedSubmission, step: &[u8], event: SystemEvent) -> Arc<Message> {
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
