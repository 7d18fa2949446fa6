//! What can go wrong with a conversation, by what the caller can do about it.

use crate::protocol::FieldError;
use crate::storage::RepositoryError;

/// Why something was not done in a conversation.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// There is no such thing, as far as the caller may know.
    #[error("there is no such conversation, message or member")]
    NotFound,
    /// The caller sees it, but may not do this.
    #[error("{0}")]
    Forbidden(Forbidden),
    /// The id stands for something else already.
    #[error("this id was used for something else")]
    Conflict,
    /// Some fields can't be so.
    #[error("some fields are not valid")]
    Invalid(Vec<FieldError>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

/// What is not allowed, in words for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// They were a member once.
    #[error("you are not a member of this conversation any more")]
    NotAMember,
    /// It takes another role.
    #[error("your role in this group does not allow this")]
    Role,
    /// It takes a group.
    #[error("a direct conversation can't be changed in this way")]
    Direct,
    /// It takes its sender.
    #[error("only the sender of a message may change its words")]
    NotTheSender,
    /// It is too late.
    #[error("the time in which a message can be edited is over")]
    TooLate,
    /// A tombstone stays one.
    #[error("the message was deleted")]
    Deleted,
    /// What happened has happened.
    #[error("a system message can't be changed")]
    System,
    /// One blocks the other of a direct conversation.
    #[error("you block this user: take the block down first")]
    Blocking,
    /// The other of a direct conversation is not there for one: which of several reasons it is, is not said.
    #[error("this user can't be reached")]
    Unreachable,
}

impl ConversationError {
    /// Names one field that can't be so.
    pub(crate) fn invalid(field: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, detail)])
    }
}
