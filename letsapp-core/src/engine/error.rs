//! Errors of sessions and conversations, classified by what the caller can do about them.

use crate::domain::limit::LimitState;
use crate::ports::RepositoryError;
use crate::protocol::FieldError;

/// An error of an operation on a conversation.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// No such conversation, message or member exists, or the caller may not know that it exists.
    #[error("there is no such conversation, message or member")]
    NotFound,
    /// The caller may see the conversation, but may not do this.
    #[error("{0}")]
    Forbidden(Forbidden),
    /// The settings or blocks of these users do not allow the caller to add them to groups.
    #[error("some of these people can't be added to groups by you")]
    NotAddable(Vec<FieldError>),
    /// The caller has added too many people to groups lately. The state of the limit says how long they have to wait.
    #[error("you have added too many people to groups")]
    RateLimited(LimitState),
    /// The id was used for a different request already.
    #[error("this id was already used for a different request")]
    Conflict,
    /// Some fields of the request are invalid.
    #[error("some fields are not valid")]
    Invalid(Vec<FieldError>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

/// A forbidden operation, in words for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The caller is a former member.
    #[error("you are not a member of this conversation any more")]
    NotAMember,
    /// The caller is still a member, and has to leave first.
    #[error("you are a member of this conversation: leave it first")]
    StillAMember,
    /// The caller's role does not allow it.
    #[error("your role in this group does not allow this")]
    Role,
    /// The operation exists only for groups.
    #[error("a direct conversation can't be changed in this way")]
    Direct,
    /// Only the sender of the message may do this.
    #[error("only the sender of a message may edit it")]
    NotTheSender,
    /// The time in which a message can be edited is over.
    #[error("the time in which a message can be edited is over")]
    TooLate,
    /// The message is deleted, and a deleted message can't change any more.
    #[error("the message was deleted")]
    Deleted,
    /// System messages record what happened and never change.
    #[error("a system message can't be changed")]
    System,
    /// The caller blocks the other member of the direct conversation.
    #[error("you have blocked this user: unblock them first")]
    Blocking,
    /// The other member of the direct conversation can't be written to. The reason (a block or an erased account) is
    /// not revealed.
    #[error("this user can't be reached")]
    Unreachable,
}

impl ConversationError {
    /// Makes the error for one invalid field.
    pub(crate) fn invalid(field: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, detail)])
    }
}

/// An error of signing in, or of changing how a user signs in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The login name or the password is wrong. The error does not say which, so that nobody can find out which
    /// accounts exist.
    #[error("the username or the password is wrong")]
    WrongCredentials,
    /// The password that was sent to confirm a change is not the current one.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The token was not issued by this server, or its session has ended.
    #[error("the token is not valid, or its session has ended")]
    Unauthenticated,
    /// The access token has expired; the client refreshes it.
    #[error("the access token has expired")]
    TokenExpired,
    /// The username belongs to another user.
    #[error("this username is taken")]
    UsernameTaken,
    /// The email address belongs to another user.
    #[error("this email address belongs to another account")]
    EmailTaken,
    /// The caller has no such session.
    #[error("there is no such session")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}
