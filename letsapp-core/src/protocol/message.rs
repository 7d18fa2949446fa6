//! Messages on the wire, as members see them.

use serde::{Deserialize, Serialize};

use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, MessageId, Rev, Seq, UserId};
use crate::domain::message;
use crate::domain::timestamp::Timestamp;
use crate::protocol::{Attachment, SystemEvent};

/// Maximum number of users listed in a reaction. Bounds the size of a message in a large group; all reactions are
/// available as a list of their own.
const MAX_LISTED_REACTORS: usize = 20;

/// A message in its current state. A deleted message remains, without content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// Id chosen by the sender or the server, unique within the conversation.
    pub id: MessageId,
    /// Conversation to which the message belongs.
    pub conversation_id: ConversationId,
    /// Position in the conversation, assigned by the server: 1, 2, 3 …, the same for all members, never changed.
    pub seq: Seq,
    /// Number of the last change to this message, among all changes of the conversation.
    pub rev: Rev,
    /// User who sent the message; of a system message, the user whose action it reports.
    pub sender_id: UserId,
    /// Whether the message is from a user or from the system.
    pub kind: MessageKind,
    /// Text; empty if deleted, and in a system message.
    pub body: String,
    /// Seq of the message that this one answers; null if none.
    pub reply_to: Option<Seq>,
    /// Whether the sender marked the message as forwarded.
    pub forwarded: bool,
    /// Ids of the mentioned members.
    pub mentions: Vec<UserId>,
    /// Attached files, in the sender's order.
    pub attachments: Vec<Attachment>,
    /// Reactions, grouped by emoji, in the order in which each emoji first appeared.
    pub reactions: Vec<ReactionSummary>,
    /// The caller's reaction; null if none. Included in replies and lists, omitted in events, which are the same for
    /// all members.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub my_reaction: Option<Option<String>>,
    /// Time at which the server accepted the message.
    pub sent_at: Timestamp,
    /// Time of the last edit, set by the server; null if never edited.
    pub edited_at: Option<Timestamp>,
    /// Time of deletion, set by the server; null unless deleted.
    pub deleted_at: Option<Timestamp>,
    /// Content of a system message; omitted in other messages.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<SystemEvent>))]
    pub system: Option<SystemEvent>,
}

/// Origin of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Written by a user.
    User,
    /// Reports a change to the conversation, or a call in it.
    System,
}

/// All reactions to a message with the same emoji.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReactionSummary {
    /// Emoji, as sent by the first user.
    pub emoji: String,
    /// Number of users who reacted with it.
    pub count: usize,
    /// Ids of the latest 20 of these users, the latest last.
    pub user_ids: Vec<UserId>,
}

/// Reaction of one user to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserReaction {
    /// User who reacted.
    pub user_id: UserId,
    /// Emoji, as sent.
    pub emoji: String,
}

/// Delivery status of a message for one member, by user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageReceipt {
    /// Member who receives the message.
    pub user_id: UserId,
    /// Status for this member.
    pub status: ReceiptStatus,
}

/// Delivery status of a message for one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// Accepted by the server.
    Sent,
    /// Received by one of the member's devices.
    Delivered,
    /// Read by the member.
    Read,
}

impl Message {
    /// Converts a stored message for `viewer`, with the viewer's own reaction.
    pub fn seen_by(message: &message::Message, viewer: UserId) -> Self {
        let own = message.reactions.iter().find(|reaction| reaction.user_id == viewer);
        Self {
            my_reaction: Some(own.map(|reaction| reaction.emoji.to_string())),
            ..Self::from(message)
        }
    }
}

impl From<&message::Message> for Message {
    /// Converts a stored message for all members alike, without `my_reaction`, as events carry it.
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

/// Groups reactions by emoji, in the order in which each emoji first appeared.
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
            user_ids: users[users.len().saturating_sub(MAX_LISTED_REACTORS)..].to_vec(),
        })
        .collect()
}

/// Reads the content of a system message; `None` if a newer server sent a kind that is not known here.
fn known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SystemEvent>, D::Error> {
    /// Content of a system message, if its kind is known.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Known {
        This(SystemEvent),
        // Accepts any JSON, so that an old client can still read the rest of the message.
        Newer(serde::de::IgnoredAny),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(Known::This(event)) => Some(event),
        Some(Known::Newer(_)) | None => None,
    })
}

/// Reads a field that is present, so that null (`Some(None)`) differs from missing (`None`).
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
