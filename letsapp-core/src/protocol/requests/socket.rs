//! Parameters of socket operations: the same requests as over HTTP, with the parts that HTTP has in the path.

use serde::Serialize;

use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::presence::MAX_WATCHED;
use crate::protocol::fields::{Fields, FromFields};

/// A request about a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InConversation<T> {
    /// Conversation that the request is about.
    pub conversation_id: ConversationId,
    /// Fields of the request.
    #[serde(flatten)]
    pub request: T,
}

/// A request about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AtMessage<T> {
    /// Conversation to which the message belongs.
    pub conversation_id: ConversationId,
    /// Seq of the message.
    pub seq: Seq,
    /// Fields of the request.
    #[serde(flatten)]
    pub request: T,
}

/// No further fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nothing {}

/// Parameters of `message.react`: sets or removes the caller's reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct React {
    /// Emoji to set, which replaces the caller's earlier reaction, or to remove.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub emoji: Emoji,
    /// Whether to remove the reaction with this emoji instead of setting it; false if omitted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub remove: bool,
}

/// Parameters of `typing`: reports whether the user is typing in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetTyping {
    /// Whether the user is typing. Clients repeat `true` while typing goes on, before it expires after six seconds;
    /// repeats may come at any rate.
    pub typing: bool,
}

/// Parameters of `presence.watch`: returns the presence of users, and subscribes the socket to its changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WatchPresence {
    /// Users to watch, at most 1,024, in addition to those named before. A socket watches the 1,024 users that it named
    /// last.
    pub user_ids: Vec<UserId>,
}

impl<T: FromFields> FromFields for InConversation<T> {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let conversation_id = fields.required("conversation_id");
        let request = T::from_fields(fields);
        Some(Self {
            conversation_id: conversation_id?,
            request: request?,
        })
    }

    fn quick(json: &str) -> Option<(Option<ConversationId>, Self)> {
        let (conversation_id, request) = T::quick(json)?;
        Some((
            conversation_id,
            Self {
                conversation_id: conversation_id?,
                request,
            },
        ))
    }
}

impl<T: FromFields> FromFields for AtMessage<T> {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let conversation_id = fields.required("conversation_id");
        let seq = fields.required("seq");
        let request = T::from_fields(fields);
        Some(Self {
            conversation_id: conversation_id?,
            seq: seq?,
            request: request?,
        })
    }
}

impl FromFields for SetTyping {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            typing: fields.required("typing")?,
        })
    }
}

impl FromFields for WatchPresence {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            user_ids: fields.required_list("user_ids", MAX_WATCHED)?,
        })
    }
}

impl FromFields for Nothing {
    fn from_fields(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self {})
    }
}

impl FromFields for React {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let emoji = fields.required("emoji");
        let remove = fields.optional("remove");
        Some(Self {
            emoji: emoji?,
            remove: remove?.unwrap_or_default(),
        })
    }
}
