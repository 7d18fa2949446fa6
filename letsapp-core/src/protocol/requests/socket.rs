//! What the socket's operations carry: the same requests as over HTTP, beside what stands in an address there.

use serde::Serialize;

use crate::id::{ConversationId, Seq};
use crate::messages::Emoji;
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
