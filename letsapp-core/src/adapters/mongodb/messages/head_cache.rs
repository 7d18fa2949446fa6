//! Heads of the conversations that this server writes to, as it last saw them.
//!
//! A cached head may be outdated, since other servers write too: the unique indexes tell. Every cached head was
//! acknowledged or shown by a majority, and none is used for longer than [`TRUSTED`].

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::adapters::mongodb::retry;
use crate::domain::cache::Cache;
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;

/// Time for which a cached head is used: a purge of a deleted conversation waits longer than this.
const TRUSTED: Duration = Duration::from_secs(60);
/// Number of heads per generation of the cache; about 100 bytes each.
const GENERATION: usize = 50_000;

/// Cache of heads.
#[derive(Debug)]
pub(super) struct HeadCache(Mutex<Cache<ConversationId, (Head, Instant)>>);

impl Default for HeadCache {
    fn default() -> Self {
        Self(Mutex::new(Cache::new(GENERATION)))
    }
}

impl HeadCache {
    /// Returns the head of a conversation as this server last saw it.
    pub(super) fn recall(&self, id: ConversationId) -> Option<Head> {
        let (head, at) = self.lock().lookup(&id)?;
        (at.elapsed() < TRUSTED).then_some(head)
    }

    /// Caches the head of a conversation, unless a later one is cached.
    pub(super) fn remember(&self, id: ConversationId, head: Head) {
        let mut heads = self.lock();
        let known = heads.lookup(&id);
        if known.is_none_or(|(known, _)| known.rev <= head.rev) {
            heads.insert(id, (head, retry::now()));
        }
    }

    /// Drops a head, after an answer that leaves it unknown.
    pub(super) fn forget(&self, id: ConversationId) {
        self.lock().forget(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Cache<ConversationId, (Head, Instant)>> {
        self.0.lock().expect("nothing panics while it holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Rev, Seq};

    fn head(rev: u64) -> Head {
        Head {
            seq: Seq(1),
            rev: Rev(rev),
            ..Head::default()
        }
    }

    #[test]
    fn what_is_remembered_only_rises_until_it_is_forgotten() {
        let (heads, id) = (HeadCache::default(), ConversationId::from_bytes([1; 16]));
        heads.remember(id, head(5));
        heads.remember(id, head(4));
        assert_eq!(heads.recall(id), Some(head(5)));
        heads.forget(id);
        assert_eq!(heads.recall(id), None);
        heads.remember(id, head(4));
        assert_eq!(heads.recall(id), Some(head(4)));
    }

    #[test]
    fn those_in_use_outlive_a_generation() {
        let heads = HeadCache::default();
        let id = |n: u64| ConversationId::from_uuid(uuid::Uuid::from_u64_pair(n, 0));
        heads.remember(id(0), head(1));
        for n in 1..=2 * GENERATION as u64 {
            heads.remember(id(n), head(1));
            if n == GENERATION as u64 {
                heads.remember(id(0), head(2));
            }
        }
        assert_eq!(heads.recall(id(0)), Some(head(2)));
        assert_eq!(heads.recall(id(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_not_trusted() {
        let (heads, id) = (HeadCache::default(), ConversationId::from_bytes([1; 16]));
        heads.remember(id, head(5));
        tokio::time::advance(TRUSTED).await;
        assert_eq!(heads.recall(id), None);
    }
}
