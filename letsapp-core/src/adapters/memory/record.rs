//! Compact form of a stored message.

use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::media::Attachment;
use crate::domain::message::{Content, Fingerprint, Message, Position, Reaction, SystemEvent};
use crate::domain::timestamp::Timestamp;

/// A stored message. Fields that few messages use are boxed, which makes it less than half the size of a [`Message`].
#[derive(Debug)]
pub(super) struct Record {
    pub(super) seq: Seq,
    /// The `rev` that the append of the message got. Rises with `seq`.
    pub(super) first_rev: Rev,
    /// Number of messages that users sent in the conversation, up to and including this one.
    pub(super) ordinal: u64,
    pub(super) id: MessageId,
    pub(super) sender_id: UserId,
    pub(super) sent_at: Timestamp,
    fingerprint: Fingerprint,
    /// Text of the message; empty for system messages and deleted ones.
    body: Box<str>,
    /// `None` for a plain text message that was never revised.
    rare: Option<Box<RareFields>>,
}

/// Fields that most messages leave empty.
#[derive(Debug)]
struct RareFields {
    /// The `rev` of the newest revision; `None` if the message was never revised.
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
    /// Creates the record of a new message at the position that it was assigned.
    pub(super) fn new(message: &Message, at: Position) -> Self {
        Self {
            seq: at.seq,
            first_rev: at.rev,
            ordinal: at.ordinal,
            id: message.id,
            sender_id: message.sender_id,
            sent_at: at.sent_at,
            fingerprint: message.fingerprint,
            body: message.body().into(),
            rare: RareFields::of(message, None),
        }
    }

    /// Replaces the content by that of a revision.
    pub(super) fn revise(&mut self, message: &Message, rev: Rev) {
        self.body = message.body().into();
        self.fingerprint = message.fingerprint;
        self.rare = RareFields::of(message, Some(rev));
    }

    /// Returns the `rev` of the newest revision; `None` if the message was never revised.
    pub(super) fn revised(&self) -> Option<Rev> {
        self.rare.as_ref()?.revised
    }

    /// Returns the `rev` of the last change: the newest revision, or else the append.
    pub(super) fn rev(&self) -> Rev {
        self.revised().unwrap_or(self.first_rev)
    }

    /// Returns true if a user sent the message, false for system messages.
    pub(super) fn is_from_user(&self) -> bool {
        self.rare.as_ref().is_none_or(|rare| rare.system.is_none())
    }

    /// Returns the message in its full form.
    pub(super) fn message(&self, conversation_id: ConversationId) -> Message {
        let rare = self.rare.as_deref();
        let system = rare.and_then(|rare| rare.system.clone());
        Message {
            conversation_id,
            id: self.id,
            seq: self.seq,
            rev: self.rev(),
            ordinal: self.ordinal,
            sender_id: self.sender_id,
            content: system.map_or_else(|| Content::Text(self.body.to_string()), Content::System),
            reply_to: rare.and_then(|rare| rare.reply_to),
            forwarded: rare.is_some_and(|rare| rare.forwarded),
            mentions: rare.map_or_else(Vec::new, |rare| rare.mentions.clone()),
            attachments: rare.map_or_else(Vec::new, |rare| rare.attachments.clone()),
            reactions: rare.map_or_else(Vec::new, |rare| rare.reactions.clone()),
            sent_at: self.sent_at,
            edited_at: rare.and_then(|rare| rare.edited_at),
            deleted_at: rare.and_then(|rare| rare.deleted_at),
            fingerprint: self.fingerprint,
        }
    }
}

impl RareFields {
    /// Extracts the rare fields of a message; `None` if all of them are empty.
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
