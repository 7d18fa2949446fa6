//! Conversations that go alone, because they hold up the commands that they are part of.

use std::sync::{Mutex, MutexGuard};

use crate::domain::cache::Cache;
use crate::domain::id::ConversationId;

/// Number of conversations per generation of the cache. Forgetting one costs no more than one interrupted command.
const GENERATION: usize = 10_000;

/// Set of the isolated conversations of this server, shared by all commits.
#[derive(Debug)]
pub(super) struct IsolatedConversations(Mutex<Cache<ConversationId, ()>>);

impl Default for IsolatedConversations {
    fn default() -> Self {
        Self(Mutex::new(Cache::new(GENERATION)))
    }
}

impl IsolatedConversations {
    pub(super) fn contains(&self, id: ConversationId) -> bool {
        self.lock().lookup(&id).is_some()
    }

    pub(super) fn insert(&self, id: ConversationId) {
        self.lock().insert(id, ());
    }

    pub(super) fn remove(&self, id: ConversationId) {
        self.lock().forget(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Cache<ConversationId, ()>> {
        self.0.lock().expect("nothing panics while it holds the lock")
    }
}
