//! Finding messages again.

use serde::Serialize;

use crate::domain::id::{ConversationId, UserId};
use crate::domain::search::SearchText;
use crate::domain::text::TextError;
use crate::domain::timestamp::Timestamp;
use crate::protocol::fields::{Fields, FromFields};

/// `GET /v1/search`: the parameters of its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchMessages {
    /// The words, all of which must be there; the last one may be unfinished.
    pub q: SearchText,
    /// Only in this conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// Only what this one sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<UserId>,
    /// Only what was sent before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
    /// Only what was sent after this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
}

impl SearchMessages {
    /// Makes the request to look for some words everywhere.
    ///
    /// # Errors
    /// [`TextError`] when they break a rule of [`SearchText`].
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
