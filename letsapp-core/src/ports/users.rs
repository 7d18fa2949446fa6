//! The store of users and their credentials.

use async_trait::async_trait;

use crate::domain::credential::{Credential, PasswordHash};
use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{Email, NamePosition, ProfilePatch, User, Username};
use crate::ports::error::RepositoryError;

/// Stores users and their password hashes. A username stays claimed for ever, an email address as long as its user has
/// it. An erased user never changes again and is found only by id.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Adds a user with a credential, unless the username or the email address belongs to another user. Of several
    /// concurrent calls for the same name, exactly one returns [`Claim::Done`].
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn create(&self, user: User, password: PasswordHash) -> Result<Claim, RepositoryError>;

    /// Returns those of the users that exist, including erased ones, in any order.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn find(&self, ids: &[UserId]) -> Result<Vec<User>, RepositoryError>;

    /// Returns at most `limit` users, ordered by [`NamePosition`], only those after `after`, who are not erased and
    /// whose username, or whose display name folded by [`text::fold`](crate::domain::text::fold), begins with `prefix`.
    /// The caller has folded `prefix` already. The cost does not depend on the number of users whom the prefix finds:
    /// see [`NameSearch`](crate::domain::user::NameSearch).
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn search<'a>(
        &self,
        prefix: &'a str,
        after: Option<&'a NamePosition>,
        limit: usize,
    ) -> Result<Vec<User>, RepositoryError>;

    /// Changes a profile in one step and returns it as stored.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn update(&self, id: UserId, patch: ProfilePatch) -> Result<Update, RepositoryError>;

    /// Records when users were last seen, unless a later time is stored: of a user who occurs twice, and of several
    /// concurrent calls, the latest time stays. Unknown and erased users are skipped. Each user is a step of its own,
    /// and repeating the call is safe.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails. Some times may have been recorded already.
    async fn seen(&self, times: &[(UserId, Timestamp)]) -> Result<(), RepositoryError>;

    /// Returns the credential that belongs to a login name, if a user who is not erased has it.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn credential(&self, login: &Login) -> Result<Option<Credential>, RepositoryError>;

    /// Replaces the password hash `from` by `to`. Returns false, and changes nothing, if the current hash is not
    /// `from`.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn replace_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, RepositoryError>;

    /// Erases a user whose current password hash is `proven`, in one step: only the fields that [`User::erase`] keeps
    /// remain, the hash is removed, the email address is free again, and [`erasing`](Self::erasing) returns the user
    /// from then on.
    ///
    /// Returns false, and changes nothing, if there is no such user, the user is erased already, or the hash is another
    /// one. Of several concurrent calls, exactly one returns true.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn erase(&self, id: UserId, proven: &PasswordHash, at: Timestamp) -> Result<bool, RepositoryError>;

    /// Returns at most `limit` users who were erased before `before` and whose erasure has not been recorded as
    /// [finished](Self::finish_erasing), those erased longest ago first.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn erasing(&self, before: Timestamp, limit: usize) -> Result<Vec<UserId>, RepositoryError>;

    /// Records that all steps that follow the erasure of a user are done. Repeating the call is safe.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store fails.
    async fn finish_erasing(&self, id: UserId) -> Result<(), RepositoryError>;
}

/// The result of [`UserRepository::create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The user is stored.
    Done,
    /// The username belongs to another user; nothing was stored.
    UsernameTaken,
    /// The email address belongs to another user; nothing was stored.
    EmailTaken,
}

/// The result of [`UserRepository::update`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The profile was changed; this is the user as stored.
    Done(User),
    /// The email address belongs to another user; nothing was changed.
    EmailTaken,
    /// No such user exists, or the account is erased.
    Missing,
}

/// The name by which a user signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A username.
    Username(Username),
    /// An email address.
    Email(Email),
    /// The id of a user who is signed in already and proves the password again.
    Id(UserId),
}
