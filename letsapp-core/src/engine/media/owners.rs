//! Locks by owner, so that what is decided from all files of a user (room, files with the same bytes) still holds when
//! the next file is added. Other servers are not kept out: a quota may be exceeded by what they add at that moment.

use std::hash::{BuildHasher as _, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::id::UserId;

/// Number of locks. Users who share one wait for each other now and then.
const LOCKS: usize = 64;

/// Locks by owner.
pub(super) struct OwnerLocks {
    locks: [Mutex<()>; LOCKS],
    hasher: RandomState,
}

impl Default for OwnerLocks {
    fn default() -> Self {
        Self {
            locks: std::array::from_fn(|_| Mutex::new(())),
            hasher: RandomState::new(),
        }
    }
}

impl OwnerLocks {
    /// Waits for the lock of an owner.
    pub(super) async fn lock(&self, owner_id: UserId) -> MutexGuard<'_, ()> {
        let place = self.hasher.hash_one(owner_id) as usize % LOCKS;
        self.locks[place].lock().await
    }
}
