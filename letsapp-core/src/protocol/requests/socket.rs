//! What the socket's operations carry: the same requests as over HTTP, beside what stands in an address there.

use serde::Serialize;

use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::presence::MAX_WATCHED;
use crate::protocol::fields::{Fields, FromFields};

/// A request about a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InConversation<T> {
    /// Which one.
    pub conversation_id: ConversationId,
    /// What about it.
    #[serde(flatten)]
    pub request: T,
}

/// A request about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AtMessage<T> {
    /// In which conversation.
    pub conversation_id: ConversationId,
    /// Which message.
    pub seq: Seq,
    /// What about it.
    #[serde(flatten)]
    pub request: T,
}

/// No more than what is beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Nothing {}

/// `message.react`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct React {
    /// With what.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub emoji: Emoji,
    /// Whether to take it off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub remove: bool,
}

/// `typing`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetTyping {
    /// Whether one types; to be said again while it lasts, as often as one likes.
    pub typing: bool,
}

/// `presence.watch`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WatchPresence {
    /// Whom; at most 1,024, who are watched beside those named before. Of all, a socket watches the 1,024 that it named
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
