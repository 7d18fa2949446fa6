//! Messages, as members see them.

use serde::{Deserialize, Serialize};

use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message;
use crate::domain::timestamp::Timestamp;
use crate::protocol::{Attachment, SystemEvent};

/// How many users a reaction names.
const NAMED_REACTORS: usize = 20;

/// A message in its present state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// The sender's name for it, unique in its conversation.
    pub id: MessageId,
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Its place: 1, 2, 3 …, the same for every member for ever.
    pub seq: Seq,
    /// The conversation's change number at its last change.
    pub rev: Rev,
    /// Who sent it; of a system message, who did it.
    pub sender_id: UserId,
    /// A user's words, or the system's.
    pub kind: MessageKind,
    /// The words; empty in a tombstone and in a system message.
    pub body: String,
    /// The message that it answers.
    pub reply_to: Option<Seq>,
    /// Whether it was passed on from elsewhere.
    pub forwarded: bool,
    /// The members that it names.
    pub mentions: Vec<UserId>,
    /// The files that it carries.
    pub attachments: Vec<Attachment>,
    /// Who reacted how.
    pub reactions: Vec<ReactionSummary>,
    /// One's own reaction; in replies and lists, not in events.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub my_reaction: Option<Option<String>>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// What a system message tells; nothing, to a client that is older than its server and doesn't know of it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<SystemEvent>))]
    pub system: Option<SystemEvent>,
}

/// A user's words, or the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A user wrote it.
    User,
    /// It tells what happened to the conversation.
    System,
}

/// One emoji on a message, with who put it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReactionSummary {
    /// The emoji, as first sent.
    pub emoji: String,
    /// How many users.
    pub count: usize,
    /// The latest 20 of them, the latest last.
    pub user_ids: Vec<UserId>,
}

/// One user's reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserReaction {
    /// Whose.
    pub user_id: UserId,
    /// Which.
    pub emoji: String,
}

/// How far a message has come to one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageReceipt {
    /// Which member.
    pub user_id: UserId,
    /// How far.
    pub status: ReceiptStatus,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// The server has it.
    Sent,
    /// A device of the member has it.
    Delivered,
    /// The member has read it.
    Read,
}

impl Message {
    /// Shows a message to `viewer`, their own reaction included.
    pub fn seen_by(message: &message::Message, viewer: UserId) -> Self {
        let own = message.reactions.iter().find(|reaction| reaction.user_id == viewer);
        Self {
            my_reaction: Some(own.map(|reaction| reaction.emoji.to_string())),
            ..Self::from(message)
        }
    }
}

impl From<&message::Message> for Message {
    /// Shows a message to everyone alike, as events do.
    fn from(message: &message::Message) -> Self {
        let (kind, body, system) = match &message.content {
            message::Content::Text(body) => (MessageKind::User, body.clone(), None),
            message::Content::System(event) => (
                MessageKind::System,
                String::new(),
                Some(SystemEvent::from(event.clone())),
            ),
        };
        Self {
            id: message.id,
            conversation_id: message.conversation_id,
            seq: message.seq,
            rev: message.rev,
            sender_id: message.sender_id,
            kind,
            body,
            reply_to: message.reply_to,
            forwarded: message.forwarded,
            mentions: message.mentions.clone(),
            attachments: message.attachments.iter().cloned().map(Attachment::from).collect(),
            reactions: summarize(&message.reactions),
            my_reaction: None,
            sent_at: message.sent_at,
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
            system,
        }
    }
}

/// Groups reactions by emoji, in the order in which each emoji first came.
fn summarize(reactions: &[message::Reaction]) -> Vec<ReactionSummary> {
    let mut groups: Vec<(&Emoji, Vec<UserId>)> = Vec::new();
    for reaction in reactions {
        match groups.iter_mut().find(|(emoji, _)| **emoji == reaction.emoji) {
            Some((_, users)) => users.push(reaction.user_id),
            None => groups.push((&reaction.emoji, vec![reaction.user_id])),
        }
    }
    groups
        .into_iter()
        .map(|(emoji, users)| ReactionSummary {
            emoji: emoji.to_string(),
            count: users.len(),
            user_ids: users[users.len().saturating_sub(NAMED_REACTORS)..].to_vec(),
        })
        .collect()
}

/// Reads what a system message tells, if it is something that was known when this was written.
fn known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SystemEvent>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Known {
        This(SystemEvent),
        Newer(serde::de::IgnoredAny),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(Known::This(event)) => Some(event),
        Some(Known::Newer(_)) | None => None,
    })
}

/// Tells a field that is null from one that is missing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
