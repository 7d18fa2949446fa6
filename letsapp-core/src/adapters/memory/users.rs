//! Users and their password hashes in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::gate::{Gate, lock};
use crate::domain::credential::{Credential, PasswordHash};
use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{NamePosition, NameSearch, ProfilePatch, User};
use crate::ports::{Claim, Login, RepositoryError, Update, UserRepository};

pub(super) type Shared = Arc<Mutex<Accounts>>;

#[derive(Debug)]
pub(super) struct MemoryUsers {
    pub(super) gate: Gate,
    pub(super) accounts: Shared,
}

/// All accounts by id, with the indexes that lookups and searches use.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    by_id: HashMap<UserId, Account>,
    /// Includes erased users: a username is never given out again.
    by_username: BTreeMap<String, UserId>,
    /// Keyed by [`Email::key`](crate::domain::user::Email::key), which ignores case.
    by_email: HashMap<String, UserId>,
    /// Folded display names (without case and accents), with usernames.
    by_display_name: BTreeMap<NamePosition, UserId>,
    /// Erased users whose data elsewhere is not all removed yet, by time of erasure.
    erasing: BTreeSet<(Timestamp, UserId)>,
}

/// A user with their password hash.
#[derive(Debug)]
struct Account {
    user: User,
    password: PasswordHash,
}

#[async_trait]
impl UserRepository for MemoryUsers {
    async fn create(&self, user: User, password: PasswordHash) -> Result<Claim, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.accounts).create(user, password))
    }

    async fn find(&self, ids: &[UserId]) -> Result<Vec<User>, RepositoryError> {
        self.gate.pass()?;
        let accounts = lock(&self.accounts);
        Ok(ids
            .iter()
            .filter_map(|id| Some(accounts.by_id.get(id)?.user.clone()))
            .collect())
    }

    async fn search<'a>(
        &self,
        prefix: &'a str,
        after: Option<&'a NamePosition>,
        limit: usize,
    ) -> Result<Vec<User>, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.accounts).search(prefix, after, limit))
    }

    async fn update(&self, id: UserId, patch: ProfilePatch) -> Result<Update, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.accounts).update(id, &patch))
    }

    async fn seen(&self, times: &[(UserId, Timestamp)]) -> Result<(), RepositoryError> {
        self.gate.pass()?;
        let mut accounts = lock(&self.accounts);
        for (id, at) in times {
            let account = accounts.by_id.get_mut(id);
            if let Some(Account { user, .. }) = account.filter(|account| account.user.deleted_at.is_none()) {
                user.last_seen_at = user.last_seen_at.max(Some(*at));
            }
        }
        Ok(())
    }

    async fn credential(&self, login: &Login) -> Result<Option<Credential>, RepositoryError> {
        self.gate.pass()?;
        let accounts = lock(&self.accounts);
        let id = match login {
            Login::Username(username) => accounts.by_username.get(username.as_str()),
            Login::Email(email) => accounts.by_email.get(&email.key()),
            Login::Id(id) => Some(id),
        };
        Ok(id
            .and_then(|id| accounts.by_id.get(id))
            .filter(|account| account.user.deleted_at.is_none())
            .map(|account| Credential {
                user_id: account.user.id,
                password: account.password.clone(),
            }))
    }

    async fn replace_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(match lock(&self.accounts).by_id.get_mut(&id) {
            Some(account) if account.is_proven_by(from) => {
                account.password = to;
                true
            }
            _ => false,
        })
    }

    async fn erase(&self, id: UserId, proven: &PasswordHash, at: Timestamp) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.accounts).erase(id, proven, at))
    }

    async fn erasing(&self, before: Timestamp, limit: usize) -> Result<Vec<UserId>, RepositoryError> {
        self.gate.pass()?;
        let accounts = lock(&self.accounts);
        let earlier = accounts.erasing.iter().take_while(|(at, _)| *at < before);
        Ok(earlier.map(|(_, id)| *id).take(limit).collect())
    }

    async fn finish_erasing(&self, id: UserId) -> Result<(), RepositoryError> {
        self.gate.pass()?;
        let mut accounts = lock(&self.accounts);
        if let Some(at) = accounts.by_id.get(&id).and_then(|account| account.user.deleted_at) {
            accounts.erasing.remove(&(at, id));
        }
        Ok(())
    }
}

impl Account {
    /// Returns true if the account is not erased and has this password hash.
    fn is_proven_by(&self, password: &PasswordHash) -> bool {
        self.user.deleted_at.is_none() && self.password == *password
    }
}

impl Accounts {
    fn create(&mut self, user: User, password: PasswordHash) -> Claim {
        if self.by_username.contains_key(user.username.as_str()) {
            return Claim::UsernameTaken;
        }
        if let Some(email) = &user.email {
            if self.by_email.contains_key(&email.key()) {
                return Claim::EmailTaken;
            }
            self.by_email.insert(email.key(), user.id);
        }
        self.by_username.insert(user.username.as_str().to_owned(), user.id);
        self.by_display_name
            .insert(NamePosition::by_display_name(&user), user.id);
        self.by_id.insert(user.id, Account { user, password });
        Claim::Done
    }

    /// Returns users whose username or display name starts with `prefix`, after `after`.
    fn search(&self, prefix: &str, after: Option<&NamePosition>, limit: usize) -> Vec<User> {
        let user = |id| self.by_id.get(id).map(|account| account.user.clone());
        let present = |user: &User| user.deleted_at.is_none();
        let mut search = NameSearch::new(prefix, after, limit);
        while let Some((after, count)) = search.next_read() {
            let named = self
                .by_username
                .range::<str, _>((Bound::Included(&*after.name), Bound::Unbounded))
                .take_while(|(username, _)| username.starts_with(prefix))
                .filter(|(username, _)| (*username, *username) > (&after.name, &after.username))
                .filter_map(|(_, id)| user(id));
            let called = self
                .by_display_name
                .range((Bound::Excluded(after), Bound::Unbounded))
                .take_while(|(position, _)| position.name.starts_with(prefix))
                .filter_map(|(_, id)| user(id));
            let (named, called) = (named.filter(present).take(count), called.filter(present).take(count));
            search.add(named.collect(), called.collect());
        }
        search.into_users()
    }

    /// Applies a patch and updates the indexes.
    fn update(&mut self, id: UserId, patch: &ProfilePatch) -> Update {
        if let Some(Some(email)) = &patch.email
            && self.by_email.get(&email.key()).is_some_and(|owner| *owner != id)
        {
            return Update::EmailTaken;
        }
        let Some(account) = self.by_id.get_mut(&id) else {
            return Update::Missing;
        };
        let user = &mut account.user;
        if user.deleted_at.is_some() {
            return Update::Missing;
        }
        if let Some(email) = &user.email {
            self.by_email.remove(&email.key());
        }
        self.by_display_name.remove(&NamePosition::by_display_name(user));
        patch.apply(user);
        if let Some(email) = &user.email {
            self.by_email.insert(email.key(), id);
        }
        self.by_display_name.insert(NamePosition::by_display_name(user), id);
        Update::Done(user.clone())
    }

    /// Erases a user whose password hash is `proven`. Returns false if there is no such user.
    fn erase(&mut self, id: UserId, proven: &PasswordHash, at: Timestamp) -> bool {
        let Some(account) = self.by_id.get_mut(&id).filter(|account| account.is_proven_by(proven)) else {
            return false;
        };
        if let Some(email) = &account.user.email {
            self.by_email.remove(&email.key());
        }
        self.by_display_name
            .remove(&NamePosition::by_display_name(&account.user));
        account.user.erase(at);
        // No password verifies against an empty hash.
        account.password = PasswordHash::from_phc("");
        self.erasing.insert((at, id));
        true
    }
}
