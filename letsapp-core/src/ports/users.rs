//! The store of users and of what they sign in with.

use async_trait::async_trait;

use crate::domain::credential::{Credential, PasswordHash};
use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{Email, ProfilePatch, User, Username};
use crate::ports::error::RepositoryError;

/// Keeps users and their password hashes. Usernames are claimed for ever; addresses while a user has them. Of a user who
/// is erased nothing changes any more, and nothing is found but by id.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Adds a user with a credential, unless the username or the address is another's. Of several at once for the same
    /// name, exactly one is [`Claim::Done`].
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn create(&self, user: User, password: PasswordHash) -> Result<Claim, RepositoryError>;

    /// Returns those of the users that exist, in any order; erased ones too.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find(&self, ids: &[UserId]) -> Result<Vec<User>, RepositoryError>;

    /// Returns users who are not erased and whose username, or whose display name folded by
    /// [`text::fold`](crate::domain::text::fold), begins with `prefix` (folded already), ordered by username, those after
    /// `after` only, at most `limit`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn search<'a>(
        &self,
        prefix: &'a str,
        after: Option<&'a Username>,
        limit: usize,
    ) -> Result<Vec<User>, RepositoryError>;

    /// Changes a profile in one step and returns it as it is now.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn update(&self, id: UserId, patch: ProfilePatch) -> Result<Update, RepositoryError>;

    /// Notes when users were seen, where they were not seen later: of one who is named twice, and of several who note
    /// it at once, the latest time stays. Those unknown or erased are passed over. Each is a step of its own, and it may
    /// be done again.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails: some may be noted already.
    async fn seen(&self, times: &[(UserId, Timestamp)]) -> Result<(), RepositoryError>;

    /// Returns the credential behind a username or an address, if a user who is not erased has it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn credential(&self, login: &Login) -> Result<Option<Credential>, RepositoryError>;

    /// Replaces the password hash `from` by `to`; false, and nothing is changed, if the hash is not `from` any more.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn replace_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, RepositoryError>;

    /// Erases a user whose password hash is still `proven`, in one step: what [`User::erase`] leaves is left, the hash
    /// is gone, the address is free, and the user is one of those whose [erasing](Self::erasing) goes on. False, and
    /// nothing is changed, if there is no such user, they are erased, or the hash is another. Of several at once, one
    /// is true.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn erase(&self, id: UserId, proven: &PasswordHash, at: Timestamp) -> Result<bool, RepositoryError>;

    /// Returns users who were erased before `before` and of whom it was not noted that all that follows is
    /// [done](Self::finish_erasing), the longest ago first, at most `limit`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn erasing(&self, before: Timestamp, limit: usize) -> Result<Vec<UserId>, RepositoryError>;

    /// Notes that all that follows from erasing a user is done. It may be noted again.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn finish_erasing(&self, id: UserId) -> Result<(), RepositoryError>;
}

/// What came of [`UserRepository::create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The user is stored.
    Done,
    /// The username is another's; nothing was stored.
    UsernameTaken,
    /// The address is another's; nothing was stored.
    EmailTaken,
}

/// What came of [`UserRepository::update`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The profile as it is now.
    Done(User),
    /// The address is another's; nothing was changed.
    EmailTaken,
    /// There is no such user, or the account is erased.
    Missing,
}

/// By what somebody signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A username.
    Username(Username),
    /// An address.
    Email(Email),
    /// A user who is signed in already and proves the password again.
    Id(UserId),
}
