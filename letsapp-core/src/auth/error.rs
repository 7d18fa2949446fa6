//! What can go wrong with signing in, by what the caller can do about it.

use crate::storage::RepositoryError;

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
