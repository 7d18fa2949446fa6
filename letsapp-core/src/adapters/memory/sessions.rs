//! Sessions in memory.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::gate::{Gate, lock};
use crate::domain::id::{SessionId, UserId};
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::timestamp::Timestamp;
use crate::ports::{RepositoryError, Revoke, SessionRepository};

pub(super) type Shared = Arc<Mutex<SessionTable>>;

#[derive(Debug)]
pub(super) struct MemorySessions {
    pub(super) gate: Gate,
    pub(super) table: Shared,
}

/// All sessions by id, with an index by user.
#[derive(Debug, Default)]
pub(super) struct SessionTable {
    by_id: HashMap<SessionId, Session>,
    by_user: HashMap<UserId, HashSet<SessionId>>,
}

#[async_trait]
impl SessionRepository for MemorySessions {
    async fn create(&self, session: Session) -> Result<(), RepositoryError> {
        self.gate.pass()?;
        let mut table = lock(&self.table);
        table.by_user.entry(session.user_id).or_default().insert(session.id);
        table.by_id.insert(session.id, session);
        Ok(())
    }

    async fn find(&self, ids: &[SessionId]) -> Result<Vec<Session>, RepositoryError> {
        self.gate.pass()?;
        let table = lock(&self.table);
        Ok(ids.iter().filter_map(|id| table.by_id.get(id).cloned()).collect())
    }

    async fn of_user(&self, user_id: UserId) -> Result<Vec<Session>, RepositoryError> {
        self.gate.pass()?;
        let table = lock(&self.table);
        let ids = table.by_user.get(&user_id).into_iter().flatten();
        let mut sessions: Vec<_> = ids.filter_map(|id| table.by_id.get(id).cloned()).collect();
        sessions.sort_by_key(|session| Reverse((session.created_at, session.id)));
        Ok(sessions)
    }

    async fn rotate(
        &self,
        id: SessionId,
        from: TokenHash,
        to: Generation,
        expires_at: Timestamp,
    ) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(match lock(&self.table).by_id.get_mut(&id) {
            Some(session) if session.refresh.hash == from => {
                session.previous = Some(from);
                session.expires_at = expires_at;
                session.last_used_at = to.issued_at;
                session.refresh = to;
                true
            }
            _ => false,
        })
    }

    async fn used(&self, id: SessionId, number: u32, at: Timestamp) -> Result<(), RepositoryError> {
        self.gate.pass()?;
        if let Some(session) = lock(&self.table).by_id.get_mut(&id) {
            session.last_used_at = session.last_used_at.max(at);
            if session.refresh.number == number {
                session.refresh.used_at.get_or_insert(at);
            }
        }
        Ok(())
    }

    async fn revoke(&self, user_id: UserId, which: Revoke) -> Result<Vec<SessionId>, RepositoryError> {
        self.gate.pass()?;
        let mut table = lock(&self.table);
        let Some(ids) = table.by_user.get_mut(&user_id) else {
            return Ok(Vec::new());
        };
        let gone: Vec<_> = ids
            .extract_if(|id| match which {
                Revoke::One(one) => *id == one,
                Revoke::AllBut(kept) => *id != kept,
                Revoke::All => true,
            })
            .collect();
        for id in &gone {
            table.by_id.remove(id);
        }
        Ok(gone)
    }

    async fn remove_expired(&self, before: Timestamp, limit: usize) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        let mut table = lock(&self.table);
        let table = &mut *table;
        let sessions = table.by_id.values().filter(|session| session.expires_at < before);
        let mut expired: Vec<_> = sessions
            .map(|session| (session.expires_at, session.id, session.user_id))
            .collect();
        expired.sort_unstable();
        let done = expired.len() <= limit;
        for (_, id, user_id) in expired.into_iter().take(limit) {
            table.by_id.remove(&id);
            if let Some(ids) = table.by_user.get_mut(&user_id) {
                ids.remove(&id);
            }
        }
        Ok(done)
    }
}
