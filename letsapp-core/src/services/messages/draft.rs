//! Building a message, and its submission to the commit path, from a request.

use crate::domain::fingerprint::Fingerprinted;
use crate::domain::id::{ConnectionId, ConversationId, MediaId, MessageId, Rev, Seq, UserId};
use crate::domain::message::{Content, Message};
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::engine::Engine;
use crate::engine::commit::{Command, Submission};
use crate::engine::error::ConversationError;
use crate::protocol::requests::SendMessage;

/// Builds the message of a request to send, and the list of files that it is to carry. Its `seq`, `rev` and `ordinal` are assigned when it is committed.
pub(super) fn message(
    engine: &Engine,
    sender_id: UserId,
    conversation_id: ConversationId,
    request: SendMessage,
    now: Timestamp,
) -> Result<(Message, Vec<MediaId>), ConversationError> {
    let SendMessage {
        id,
        body,
        reply_to,
        forwarded,
        mentions,
        attachments,
    } = request;
    if body.as_str().is_empty() && attachments.is_empty() {
        return Err(ConversationError::invalid(
            "body",
            "too_short",
            "a message needs text or an attachment",
        ));
    }
    let mentions = sorted(mentions);
    let fingerprint = Fingerprinted {
        sender_id,
        body: body.as_str(),
        reply_to,
        forwarded,
        mentions: &mentions,
        attachments: &attachments,
    }
    .fingerprint();
    let message = Message {
        conversation_id,
        id: id.unwrap_or_else(|| MessageId::from_uuid(engine.runtime.ids.timed(now))),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id,
        content: Content::Text(body.into_string()),
        reply_to,
        forwarded,
        mentions,
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: now,
        edited_at: None,
        deleted_at: None,
        fingerprint,
    };
    Ok((message, attachments))
}

/// Builds the submission of a command of the caller.
pub(super) fn submission(
    principal: &Principal,
    conversation_id: ConversationId,
    origin: Option<ConnectionId>,
    at: Timestamp,
    command: Command,
) -> Submission {
    Submission {
        conversation_id,
        actor: principal.user_id,
        origin,
        at,
        // Only system messages derive their ids from it.
        operation: [0; 16],
        command,
    }
}

/// Sorts ids and removes duplicates, so that repetitions of a request have the same fingerprint.
pub(super) fn sorted(mut ids: Vec<UserId>) -> Vec<UserId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
