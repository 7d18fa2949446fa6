//! Requests to search for messages.

use serde::Serialize;

use crate::domain::id::{ConversationId, UserId};
use crate::domain::search::SearchText;
use crate::domain::text::TextError;
use crate::domain::timestamp::Timestamp;
use crate::protocol::fields::{Fields, FromFields};

/// Query parameters of `GET /v1/search`: searches the caller's messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchMessages {
    /// Search text of 1–256 characters. All words must be found; the last one may be the beginning of a word, unless
    /// white space follows.
    pub q: SearchText,
    /// Conversation to search; all of the caller's conversations if omitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// Sender of the messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<UserId>,
    /// Time before which the messages were sent, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// Time after which the messages were sent, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
}

impl SearchMessages {
    /// Creates a request to search all conversations for a text.
    ///
    /// # Errors
    /// Returns [`TextError`] if the text is not a valid [`SearchText`].
    pub fn text(q: impl Into<String>) -> Result<Self, TextError> {
        Ok(Self {
            q: SearchText::parse(q)?,
            conversation_id: None,
            from: None,
            before: None,
            after: None,
        })
    }
}

impl FromFields for SearchMessages {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let q = fields.required("q");
        let conversation_id = fields.optional("conversation_id");
        let from = fields.optional("from");
        let before = fields.optional("before");
        let after = fields.optional("after");
        Some(Self {
            q: q?,
            conversation_id: conversation_id?,
            from: from?,
            before: before?,
            after: after?,
        })
    }
}
