//! The subject whose requests are counted together.

use crate::domain::id::UserId;
use crate::domain::limit::Client;

/// The subject whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// All users of one address.
    Client(Client),
    /// A signed-in user.
    User(UserId),
}
