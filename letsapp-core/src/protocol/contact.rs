//! Contacts and blocks on the wire, visible only to their owner.

use serde::{Deserialize, Serialize};

use crate::domain::contact;
use crate::domain::timestamp::Timestamp;
use crate::protocol::user::User;

/// An entry in the caller's list of contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contact {
    /// Listed user.
    pub user: User,
    /// Name that the caller gave to the contact, visible only to the caller; null if none.
    pub alias: Option<String>,
    /// Time at which the contact was added, set by the server.
    pub added_at: Timestamp,
}

/// A user whom the caller blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Block {
    /// Blocked user.
    pub user: User,
    /// Time of the block, set by the server.
    pub blocked_at: Timestamp,
}

impl Contact {
    /// Converts a stored contact, with its user as the owner sees them.
    pub(crate) fn new(contact: contact::Contact, user: User) -> Self {
        Self {
            user,
            alias: contact.alias.map(contact::Alias::into_string),
            added_at: contact.added_at,
        }
    }
}
