//! A message as it is kept.

use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::media::Attachment;
use crate::domain::message::{Content, Fingerprint, Message, Position, Reaction, SystemEvent};
use crate::domain::timestamp::Timestamp;

/// A message as it is kept: less than half the size of a [`Message`], since what few messages have stands apart.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) seq: Seq,
    /// The `rev` of its append, which rises with `seq`.
    pub(super) first_rev: Rev,
    pub(super) ordinal: u64,
    pub(super) id: MessageId,
    pub(super) sender_id: UserId,
    pub(super) sent_at: Timestamp,
    fingerprint: Fingerprint,
    body: Box<str>,
    rest: Option<Box<Rest>>,
}

/// What few messages have.
#[derive(Debug)]
struct Rest {
    /// The `rev` of its newest revision.
    revised: Option<Rev>,
    system: Option<SystemEvent>,
    reply_to: Option<Seq>,
    forwarded: bool,
    mentions: Vec<UserId>,
    attachments: Vec<Attachment>,
    reactions: Vec<Reaction>,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
}

impl Record {
    /// Keeps a new message.
    pub(super) fn new(message: &Message, at: Position) -> Self {
        Self {
            seq: at.seq,
            first_rev: at.rev,
            ordinal: at.ordinal,
            id: message.id,
            sender_id: message.sender_id,
            sent_at: message.sent_at,
            fingerprint: message.fingerprint,
            body: message.body().into(),
            rest: Rest::of(message, None),
        }
    }

    /// Keeps another state of it.
    pub(super) fn revise(&mut self, message: &Message, rev: Rev) {
        self.body = message.body().into();
        self.fingerprint = message.fingerprint;
        self.rest = Rest::of(message, Some(rev));
    }

    /// Returns the `rev` of its newest revision; `None` if it was never revised.
    pub(super) fn revised(&self) -> Option<Rev> {
        self.rest.as_ref()?.revised
    }

    /// Returns the `rev` of its last change.
    pub(super) fn rev(&self) -> Rev {
        self.revised().unwrap_or(self.first_rev)
    }

    /// Tells whether a user wrote it.
    pub(super) fn is_from_user(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.system.is_none())
    }

    /// Returns the message.
    pub(super) fn message(&self, conversation_id: ConversationId) -> Message {
        let rest = self.rest.as_deref();
        let system = rest.and_then(|rest| rest.system.clone());
        Message {
            conversation_id,
            id: self.id,
            seq: self.seq,
            rev: self.rev(),
            ordinal: self.ordinal,
            sender_id: self.sender_id,
            content: system.map_or_else(|| Content::Text(self.body.to_string()), Content::System),
            reply_to: rest.and_then(|rest| rest.reply_to),
            forwarded: rest.is_some_and(|rest| rest.forwarded),
            mentions: rest.map_or_else(Vec::new, |rest| rest.mentions.clone()),
            attachments: rest.map_or_else(Vec::new, |rest| rest.attachments.clone()),
            reactions: rest.map_or_else(Vec::new, |rest| rest.reactions.clone()),
            sent_at: self.sent_at,
            edited_at: rest.and_then(|rest| rest.edited_at),
            deleted_at: rest.and_then(|rest| rest.deleted_at),
            fingerprint: self.fingerprint,
        }
    }
}

impl Rest {
    /// Sets apart what few messages have; `None` of one that has nothing of it.
    fn of(message: &Message, revised: Option<Rev>) -> Option<Box<Self>> {
        let is_plain = revised.is_none()
            && message.is_from_user()
            && message.reply_to.is_none()
            && !message.forwarded
            && message.mentions.is_empty()
            && message.attachments.is_empty()
            && message.reactions.is_empty()
            && message.edited_at.is_none()
            && message.deleted_at.is_none();
        if is_plain {
            return None;
        }
        Some(Box::new(Self {
            revised,
            system: match &message.content {
                Content::Text(_) => None,
                Content::System(event) => Some(event.clone()),
            },
            reply_to: message.reply_to,
            forwarded: message.forwarded,
            mentions: message.mentions.clone(),
            attachments: message.attachments.clone(),
            reactions: message.reactions.clone(),
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
        }))
    }
}
