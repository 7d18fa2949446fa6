//! The other servers, as the bus knows them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::domain::id::ServerId;
use crate::ports::Peer;

/// The other servers whose leases were valid when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Peers {
    others: RwLock<Vec<ServerId>>,
    /// Whether the bus has answered the last time.
    is_current: AtomicBool,
}

impl Peers {
    /// Returns the other servers.
    pub(super) fn others(&self) -> Vec<ServerId> {
        self.others.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the other servers; `None` while the bus does not say.
    pub(super) fn current(&self) -> Option<Vec<ServerId>> {
        self.is_current.load(Ordering::Acquire).then(|| self.others())
    }

    /// Replaces the list by what the bus says.
    pub(super) fn replace(&self, myself: ServerId, peers: &[Peer]) {
        let others = peers.iter().filter(|peer| peer.is_alive && peer.id != myself);
        let others = others.map(|peer| peer.id).collect();
        *self.others.write().unwrap_or_else(PoisonError::into_inner) = others;
        self.is_current.store(true, Ordering::Release);
    }

    /// Notes that the bus does not answer.
    pub(super) fn unknown(&self) {
        self.is_current.store(false, Ordering::Release);
    }
}
