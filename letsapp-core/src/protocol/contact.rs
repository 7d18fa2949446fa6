//! Contacts and blocks, as their owner sees them.

use serde::{Deserialize, Serialize};

use crate::domain::contact;
use crate::domain::timestamp::Timestamp;
use crate::protocol::user::User;

/// Somebody whom one lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contact {
    /// Who.
    pub user: User,
    /// What one calls them, told to nobody else.
    pub alias: Option<String>,
    /// Since when.
    pub added_at: Timestamp,
}

/// Somebody whom one blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Block {
    /// Who.
    pub user: User,
    /// Since when.
    pub blocked_at: Timestamp,
}

impl Contact {
    /// Shows a contact, whose user is seen so.
    pub(crate) fn new(contact: contact::Contact, user: User) -> Self {
        Self {
            user,
            alias: contact.alias.map(contact::Alias::into_string),
            added_at: contact.added_at,
        }
    }
}
