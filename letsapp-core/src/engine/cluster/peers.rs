//! The other servers, as the bus knows them.

use std::sync::{PoisonError, RwLock};

use crate::domain::id::ServerId;
use crate::ports::Peer;

/// The other servers whose leases were valid when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Peers(RwLock<Vec<ServerId>>);

impl Peers {
    /// Returns the other servers.
    pub(super) fn others(&self) -> Vec<ServerId> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the list by what the bus says.
    pub(super) fn replace(&self, myself: ServerId, peers: &[Peer]) {
        let others = peers.iter().filter(|peer| peer.is_alive && peer.id != myself);
        let others = others.map(|peer| peer.id).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = others;
    }
}
