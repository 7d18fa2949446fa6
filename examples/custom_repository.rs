//! A store of your own, checked with the contract suite that the built-in stores pass. It keeps sessions in a file of
//! JSON lines and everything else in memory.
//!
//! Run it with `cargo run -p letsapp-examples --example custom_repository`, and the suite with `cargo test -p
//! letsapp-examples --example custom_repository`.
#![allow(clippy::print_stdout, reason = "the output is the point of an example")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use letsapp_core::LetsApp;
use letsapp_core::adapters::memory::MemoryStore;
use letsapp_core::domain::id::{SessionId, UserId};
use letsapp_core::domain::key::Kid;
use letsapp_core::domain::session::{Generation, Session, TokenHash};
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::{
    ContactRepository, ConversationRepository, KeyRepository, MediaRepository, MessageRepository, MetaRepository,
    Repositories, RepositoryError, Revoke, SessionRepository, UserRepository,
};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("sessions.jsonl");
    let app = LetsApp::builder()
        .store(Store::open(&file, MemoryStore::new())?)
        .build()
        .await?;
    app.sign_up("ana", "correct horse battery").await?;
    println!("{} now holds\n{}", file.display(), std::fs::read_to_string(&file)?);
    Ok(())
}

/// A store that keeps sessions itself and leaves the rest to another store.
struct Store {
    sessions: Arc<SessionFile>,
    rest: MemoryStore,
}

impl Store {
    fn open(file: &Path, rest: MemoryStore) -> std::io::Result<Self> {
        Ok(Self {
            sessions: Arc::new(SessionFile::open(file)?),
            rest,
        })
    }
}

#[async_trait]
impl Repositories for Store {
    fn users(&self) -> Arc<dyn UserRepository> {
        self.rest.users()
    }

    fn sessions(&self) -> Arc<dyn SessionRepository> {
        self.sessions.clone()
    }

    fn contacts(&self) -> Arc<dyn ContactRepository> {
        self.rest.contacts()
    }

    fn conversations(&self) -> Arc<dyn ConversationRepository> {
        self.rest.conversations()
    }

    fn messages(&self) -> Arc<dyn MessageRepository> {
        self.rest.messages()
    }

    fn media(&self) -> Arc<dyn MediaRepository> {
        self.rest.media()
    }

    fn keys(&self) -> Arc<dyn KeyRepository> {
        self.rest.keys()
    }

    fn meta(&self) -> Arc<dyn MetaRepository> {
        self.rest.meta()
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        self.rest.ping().await
    }

    async fn close(&self) {
        self.sessions.close();
        self.rest.close().await;
    }
}

/// Sessions in a file, one JSON object per line. Each change writes a new file and renames it over the old one, so that
/// a crash never leaves half a change.
struct SessionFile {
    path: PathBuf,
    /// `None` after the store was closed.
    sessions: Mutex<Option<Vec<Session>>>,
}

impl SessionFile {
    fn open(path: &Path) -> std::io::Result<Self> {
        let text = if path.exists() {
            std::fs::read_to_string(path)?
        } else {
            String::new()
        };
        let sessions = text
            .lines()
            .map(|line| read(line).ok_or(std::io::ErrorKind::InvalidData.into()));
        Ok(Self {
            path: path.to_owned(),
            sessions: Mutex::new(Some(sessions.collect::<std::io::Result<_>>()?)),
        })
    }

    /// Applies a change to the file first and then to memory. If the file can't be written, nothing has changed.
    fn change<T>(&self, step: impl FnOnce(&mut Vec<Session>) -> T) -> Result<T, RepositoryError> {
        let mut sessions = self.lock();
        let mut changed = sessions.clone().ok_or_else(closed)?;
        let outcome = step(&mut changed);
        let text: String = changed.iter().map(|session| format!("{}\n", write(session))).collect();
        let new_file = self.path.with_extension("new");
        std::fs::write(&new_file, text)
            .and_then(|()| std::fs::rename(&new_file, &self.path))
            .map_err(RepositoryError::unavailable)?;
        *sessions = Some(changed);
        Ok(outcome)
    }

    /// Returns the sessions that match.
    fn select(&self, wanted: impl Fn(&Session) -> bool) -> Result<Vec<Session>, RepositoryError> {
        let sessions = self.lock();
        let sessions = sessions.as_ref().ok_or_else(closed)?;
        Ok(sessions.iter().filter(|session| wanted(session)).cloned().collect())
    }

    /// Closes the store. The contract requires that all later calls fail with `Unavailable`.
    fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> RepositoryError {
    RepositoryError::unavailable("the store is closed")
}

#[async_trait]
impl SessionRepository for SessionFile {
    async fn create(&self, session: Session) -> Result<(), RepositoryError> {
        self.change(|sessions| sessions.push(session))
    }

    async fn find(&self, ids: &[SessionId]) -> Result<Vec<Session>, RepositoryError> {
        self.select(|session| ids.contains(&session.id))
    }

    async fn of_user(&self, user_id: UserId) -> Result<Vec<Session>, RepositoryError> {
        let mut sessions = self.select(|session| session.user_id == user_id)?;
        sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
        Ok(sessions)
    }

    async fn rotate(
        &self,
        id: SessionId,
        from: TokenHash,
        to: Generation,
        expires_at: Timestamp,
    ) -> Result<bool, RepositoryError> {
        self.change(|sessions| {
            let session = sessions
                .iter_mut()
                .find(|session| session.id == id && session.refresh.hash == from);
            let Some(session) = session else { return false };
            session.previous = Some(from);
            session.last_used_at = to.issued_at;
            session.refresh = to;
            session.expires_at = expires_at;
            true
        })
    }

    async fn used(&self, id: SessionId, number: u32, at: Timestamp) -> Result<(), RepositoryError> {
        self.change(|sessions| {
            if let Some(session) = sessions.iter_mut().find(|session| session.id == id) {
                session.last_used_at = session.last_used_at.max(at);
                if session.refresh.number == number {
                    session.refresh.used_at.get_or_insert(at);
                }
            }
        })
    }

    async fn revoke(&self, user_id: UserId, which: Revoke) -> Result<Vec<SessionId>, RepositoryError> {
        let matches = |session: &Session| {
            session.user_id == user_id
                && match which {
                    Revoke::One(id) => session.id == id,
                    Revoke::AllBut(id) => session.id != id,
                    Revoke::All => true,
                }
        };
        self.change(|sessions| {
            let gone = sessions
                .iter()
                .filter(|session| matches(session))
                .map(|session| session.id)
                .collect();
            sessions.retain(|session| !matches(session));
            gone
        })
    }

    async fn remove_expired(&self, before: Timestamp, limit: usize) -> Result<bool, RepositoryError> {
        self.change(|sessions| {
            // Those that ended first come first.
            sessions.sort_by_key(|session| session.expires_at);
            let expired = sessions
                .iter()
                .take_while(|session| session.expires_at < before)
                .count();
            sessions.drain(..expired.min(limit));
            expired <= limit
        })
    }
}

fn write(session: &Session) -> Value {
    json!({
        "id": session.id,
        "user_id": session.user_id,
        "device_name": session.device_name,
        "created_at": session.created_at.as_millis(),
        "last_used_at": session.last_used_at.as_millis(),
        "expires_at": session.expires_at.as_millis(),
        "number": session.refresh.number,
        "hash": session.refresh.hash.0,
        "kid": session.refresh.kid.0,
        "issued_at": session.refresh.issued_at.as_millis(),
        "used_at": session.refresh.used_at.map(Timestamp::as_millis),
        "previous": session.previous.map(|hash| hash.0),
    })
}

fn read(line: &str) -> Option<Session> {
    let row: Value = serde_json::from_str(line).ok()?;
    let time = |name: &str| row[name].as_i64().map(Timestamp::from_millis);
    let hash = |name: &str| {
        serde_json::from_value::<[u8; 32]>(row[name].clone())
            .ok()
            .map(TokenHash)
    };
    Some(Session {
        id: row["id"].as_str()?.parse().ok()?,
        user_id: row["user_id"].as_str()?.parse().ok()?,
        device_name: row["device_name"].as_str().map(str::to_owned),
        created_at: time("created_at")?,
        last_used_at: time("last_used_at")?,
        expires_at: time("expires_at")?,
        refresh: Generation {
            number: u32::try_from(row["number"].as_u64()?).ok()?,
            hash: hash("hash")?,
            kid: Kid(row["kid"].as_str()?.to_owned()),
            issued_at: time("issued_at")?,
            used_at: time("used_at"),
        },
        previous: hash("previous"),
    })
}

#[cfg(test)]
mod suite {
    use super::*;
    use letsapp_core::contract::Subject;

    /// A directory for the sessions, and a memory store for the rest.
    struct InDirectory {
        directory: tempfile::TempDir,
        rest: MemoryStore,
    }

    impl InDirectory {
        fn new() -> Self {
            Self {
                directory: tempfile::tempdir().expect("a directory"),
                rest: MemoryStore::new(),
            }
        }
    }

    #[async_trait]
    impl Subject for InDirectory {
        async fn open(&self) -> Arc<dyn Repositories> {
            let file = self.directory.path().join("sessions.jsonl");
            Arc::new(Store::open(&file, self.rest.another()).expect("a readable file"))
        }
    }

    letsapp_core::contract_suite!(sessions_in_a_file, InDirectory::new());
}
