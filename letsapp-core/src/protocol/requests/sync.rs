//! Reading of a [`SyncRequest`].

use crate::protocol::fields::{Fields, FromFields};
use crate::protocol::sync::SyncRequest;

impl FromFields for SyncRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let conversations = fields.required("conversations");
        let since = fields.optional("since");
        Some(Self {
            conversations: conversations?,
            since: since?,
        })
    }
}
