//! Requests about contacts.

use serde::Serialize;

use crate::domain::contact::Alias;
use crate::protocol::fields::{Fields, FromFields};

/// Body of `PUT /v1/contacts/{user_id}`: adds a contact, or replaces its alias.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PutContact {
    /// Name for the contact, visible only to the caller: one line of 1–64 characters. Omitted or null for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<Alias>,
}

impl FromFields for PutContact {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            alias: fields.optional("alias")?,
        })
    }
}
