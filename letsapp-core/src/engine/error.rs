//! The errors of sessions and of conversations, by what the caller can do about them.

use crate::ports::RepositoryError;
use crate::protocol::FieldError;

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

/// Why somebody is not signed in, or may not change how they are.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The name or the password is wrong; which of the two is not told.
    #[error("the username or the password is wrong")]
    WrongCredentials,
    /// The password given along with a change is not the present one.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The token was not made by this server, or its session is over.
    #[error("the token is not valid, or its session is over")]
    Unauthenticated,
    /// The access token is too old: refresh it.
    #[error("the access token has expired")]
    TokenExpired,
    /// The username is another's.
    #[error("this username is taken")]
    UsernameTaken,
    /// The address is another's.
    #[error("this email address belongs to another account")]
    EmailTaken,
    /// There is no such session of one's own.
    #[error("there is no such session")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}
