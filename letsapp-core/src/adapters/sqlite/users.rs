//! Users and their password hashes in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::database::Database;
use super::transaction::Transaction;
use super::values::{array, integer};
use crate::domain::credential::{Credential, PasswordHash};
use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{Email, NamePosition, NameSearch, ProfilePatch, Settings, User};
use crate::ports::{Claim, Login, RepositoryError, Update, UserRepository};

pub(super) struct SqliteUsers(pub(super) Arc<Database>);

/// Makes a SELECT of all columns that [`user`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, username, display_name, about, email, avatar_media_id, last_seen, read_receipts, adders, ",
            "created_at, last_seen_at, deleted_at FROM users WHERE ",
            $rest
        )
    };
}

/// Makes a SELECT of a password hash. Erased users can't sign in, so they are left out.
macro_rules! credential {
    ($condition:literal) => {
        concat!(
            "SELECT id, password FROM users WHERE deleted_at IS NULL AND ",
            $condition
        )
    };
}

const FIND: &str = select!("id IN rarray(?1)");
// Users after the position (?1, ?2) in the index of usernames, up to the end ?3 of a prefix's range. Comparisons with
// both ends of the range use the index; LIKE would not, as it ignores case.
const BY_USERNAME: &str = select!(
    "deleted_at IS NULL AND username >= ?1 AND username < ?3 AND (username > ?1 OR username > ?2)
    ORDER BY username LIMIT ?4"
);
const BY_DISPLAY_NAME: &str = select!(
    "deleted_at IS NULL AND (display_name_folded, username) > (?1, ?2) AND display_name_folded < ?3
    ORDER BY display_name_folded, username LIMIT ?4"
);
const INSERT: &str = "
    INSERT INTO users (
        id, username, display_name, display_name_folded, about, email, email_key, avatar_media_id, last_seen,
        read_receipts, created_at, last_seen_at, deleted_at, password, adders
    ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT (username) DO NOTHING ON CONFLICT (email_key) DO NOTHING";
const IS_TAKEN: &str = "SELECT 1 FROM users WHERE username = ?1";
// IGNORE, since the only constraint that an update can violate is the unique address; it then changes no row.
const UPDATE: &str = "
    UPDATE OR IGNORE users SET display_name = ?2, display_name_folded = ?3, about = ?4, email = ?5, email_key = ?6,
        avatar_media_id = ?7, last_seen = ?8, read_receipts = ?9, adders = ?10
    WHERE id = ?1";
const SEEN: &str = "
    UPDATE users SET last_seen_at = ?2
    WHERE id = ?1 AND deleted_at IS NULL AND (last_seen_at IS NULL OR last_seen_at < ?2)";
const CREDENTIAL_BY_USERNAME: &str = credential!("username = ?1");
const CREDENTIAL_BY_EMAIL: &str = credential!("email_key = ?1");
const CREDENTIAL_BY_ID: &str = credential!("id = ?1");
const REPLACE_PASSWORD: &str = "UPDATE users SET password = ?3 WHERE id = ?1 AND password = ?2 AND deleted_at IS NULL";
const ERASE: &str = "
    UPDATE users SET last_seen_at = ?3, deleted_at = ?4, password = '', erasing = 1
    WHERE id = ?1 AND password = ?2 AND deleted_at IS NULL";
const ERASING: &str = "SELECT id FROM users WHERE erasing AND deleted_at < ?1 ORDER BY deleted_at, id LIMIT ?2";
const FINISH_ERASING: &str = "UPDATE users SET erasing = 0 WHERE id = ?1";

/// Statements whose query plans are tested.
#[cfg(test)]
pub(super) const READS: &[&str] = &[
    FIND,
    BY_USERNAME,
    BY_DISPLAY_NAME,
    IS_TAKEN,
    CREDENTIAL_BY_USERNAME,
    CREDENTIAL_BY_EMAIL,
    CREDENTIAL_BY_ID,
    ERASING,
];

/// Statements with a LIMIT, which must get their order from an index.
#[cfg(test)]
pub(super) const PAGES: &[&str] = &[BY_USERNAME, BY_DISPLAY_NAME, ERASING];

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        display_name: row.get(2)?,
        about: row.get(3)?,
        email: row.get(4)?,
        avatar_media_id: row.get(5)?,
        settings: Settings {
            last_seen: row.get(6)?,
            read_receipts: row.get(7)?,
            groups: row.get(8)?,
        },
        created_at: row.get(9)?,
        last_seen_at: row.get(10)?,
        deleted_at: row.get(11)?,
    })
}

/// Returns the users that exist, in any order.
fn users(connection: &Connection, ids: &[UserId]) -> rusqlite::Result<Vec<User>> {
    let ids = array(ids.iter().map(|id| *id.as_bytes()));
    connection.prepare_cached(FIND)?.query_map([ids], user)?.collect()
}

/// Returns at most `limit` users after a position whose username or folded display name starts with `prefix`.
fn search(
    connection: &Connection,
    prefix: &str,
    after: Option<&NamePosition>,
    limit: usize,
) -> rusqlite::Result<Vec<User>> {
    let past = past(prefix);
    let mut search = NameSearch::new(prefix, after, limit);
    while let Some((after, count)) = search.next_read() {
        let read = |sql| {
            let mut statement = connection.prepare_cached(sql)?;
            let page = params![after.name, after.username, past, integer(count as u64)];
            statement.query_map(page, user)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        let (named, called) = (read(BY_USERNAME)?, read(BY_DISPLAY_NAME)?);
        search.add(named, called);
    }
    Ok(search.into_users())
}

/// Inserts a user, or returns which of the unique names is taken.
fn create(transaction: &Transaction<'_>, user: &User, password: &PasswordHash) -> rusqlite::Result<Claim> {
    let inserted = transaction.prepare(INSERT)?.execute(params![
        user.id,
        user.username,
        user.display_name,
        user.display_name.folded(),
        user.about,
        user.email,
        user.email.as_ref().map(Email::key),
        user.avatar_media_id,
        user.settings.last_seen,
        user.settings.read_receipts,
        user.created_at,
        user.last_seen_at,
        user.deleted_at,
        password,
        user.settings.groups,
    ])?;
    if inserted == 1 {
        Ok(Claim::Done)
    } else if transaction.prepare(IS_TAKEN)?.exists([&user.username])? {
        Ok(Claim::UsernameTaken)
    } else {
        Ok(Claim::EmailTaken)
    }
}

/// Applies a patch to a user who is not erased.
fn update(transaction: &Transaction<'_>, id: UserId, patch: &ProfilePatch) -> rusqlite::Result<Update> {
    let found = users(transaction.connection(), &[id])?.pop();
    let Some(mut user) = found.filter(|user| user.deleted_at.is_none()) else {
        return Ok(Update::Missing);
    };
    patch.apply(&mut user);
    Ok(if write(transaction, &user)? {
        Update::Done(user)
    } else {
        Update::EmailTaken
    })
}

/// Updates the profile and settings of a user. Returns false, and changes nothing, if the email address is taken.
fn write(transaction: &Transaction<'_>, user: &User) -> rusqlite::Result<bool> {
    let updated = transaction.prepare(UPDATE)?.execute(params![
        user.id,
        user.display_name,
        user.display_name.folded(),
        user.about,
        user.email,
        user.email.as_ref().map(Email::key),
        user.avatar_media_id,
        user.settings.last_seen,
        user.settings.read_receipts,
        user.settings.groups,
    ])?;
    Ok(updated == 1)
}

/// Erases a user whose password hash is `proven`. Returns false if there is no such user.
fn erase(transaction: &Transaction<'_>, id: UserId, proven: &PasswordHash, at: Timestamp) -> rusqlite::Result<bool> {
    let Some(mut user) = users(transaction.connection(), &[id])?.pop() else {
        return Ok(false);
    };
    user.erase(at);
    let erased = transaction
        .prepare(ERASE)?
        .execute(params![user.id, proven, user.last_seen_at, user.deleted_at])?;
    if erased == 0 {
        return Ok(false);
    }
    // An erased user has no address, so this can't conflict. If it does all the same, the error rolls back the first
    // update.
    if write(transaction, &user)? {
        Ok(true)
    } else {
        Err(rusqlite::Error::StatementChangedRows(0))
    }
}

/// Returns the exclusive end of the range of texts that start with `prefix`, in SQLite's order of texts.
fn past(prefix: &str) -> Value {
    let mut start = prefix.to_owned();
    while let Some(last) = start.pop() {
        // The next character after `last`. A range of characters skips the surrogates, which are none.
        if let Some(next) = (last..=char::MAX).nth(1) {
            start.push(next);
            return Value::Text(start);
        }
    }
    // No text follows: the prefix is empty or consists of the last character. Every blob sorts after every text.
    Value::Blob(Vec::new())
}

#[async_trait]
impl UserRepository for SqliteUsers {
    async fn create(&self, user: User, password: PasswordHash) -> Result<Claim, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| create(transaction, &user, &password))
            .await
    }

    async fn find(&self, ids: &[UserId]) -> Result<Vec<User>, RepositoryError> {
        let ids = ids.to_vec();
        self.0.readers.read(move |connection| users(connection, &ids)).await
    }

    async fn search<'a>(
        &self,
        prefix: &'a str,
        after: Option<&'a NamePosition>,
        limit: usize,
    ) -> Result<Vec<User>, RepositoryError> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.0
            .readers
            .read(move |connection| search(connection, &prefix, after.as_ref(), limit))
            .await
    }

    async fn update(&self, id: UserId, patch: ProfilePatch) -> Result<Update, RepositoryError> {
        self.0
            .writer
            .write(move |transaction| update(transaction, id, &patch))
            .await
    }

    async fn seen(&self, times: &[(UserId, Timestamp)]) -> Result<(), RepositoryError> {
        let times = times.to_vec();
        self.0
            .writer
            .write(move |transaction| {
                let mut statement = transaction.prepare(SEEN)?;
                for (id, at) in &times {
                    statement.execute(params![id, at])?;
                }
                Ok(())
            })
            .await
    }

    async fn credential(&self, login: &Login) -> Result<Option<Credential>, RepositoryError> {
        let (sql, key) = match login {
            Login::Username(username) => (CREDENTIAL_BY_USERNAME, Value::Text(username.to_string())),
            Login::Email(email) => (CREDENTIAL_BY_EMAIL, Value::Text(email.key())),
            Login::Id(id) => (CREDENTIAL_BY_ID, Value::Blob(id.as_bytes().to_vec())),
        };
        let credential = |row: &Row<'_>| {
            Ok(Credential {
                user_id: row.get(0)?,
                password: row.get(1)?,
            })
        };
        self.0
            .readers
            .read(move |connection| connection.prepare_cached(sql)?.query_row([key], credential).optional())
            .await
    }

    async fn replace_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, RepositoryError> {
        let from = from.clone();
        self.0
            .writer
            .write(move |transaction| {
                let replaced = transaction.prepare(REPLACE_PASSWORD)?.execute(params![id, from, to])?;
                Ok(replaced == 1)
            })
            .await
    }

    async fn erase(&self, id: UserId, proven: &PasswordHash, at: Timestamp) -> Result<bool, RepositoryError> {
        let proven = proven.clone();
        self.0
            .writer
            .write(move |transaction| erase(transaction, id, &proven, at))
            .await
    }

    async fn erasing(&self, before: Timestamp, limit: usize) -> Result<Vec<UserId>, RepositoryError> {
        let limit = integer(limit as u64);
        self.0
            .readers
            .read(move |connection| {
                connection
                    .prepare_cached(ERASING)?
                    .query_map(params![before, limit], |row| row.get(0))?
                    .collect()
            })
            .await
    }

    async fn finish_erasing(&self, id: UserId) -> Result<(), RepositoryError> {
        self.0
            .writer
            .write(move |transaction| transaction.prepare(FINISH_ERASING)?.execute([id]).map(drop))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_text() {
        assert_eq!(past("ana"), Value::Text("anb".to_owned()));
        assert_eq!(past("a\u{D7FF}"), Value::Text("a\u{E000}".to_owned()));
        assert_eq!(past("a\u{10FFFF}"), Value::Text("b".to_owned()));
        assert_eq!(past("\u{10FFFF}"), Value::Blob(Vec::new()));
        assert_eq!(past(""), Value::Blob(Vec::new()));
    }
}
