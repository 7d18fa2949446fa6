//! Who is on the other side of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

/// The other side of a connection. As long as a request or a socket holds one, the connection counts.
#[derive(Clone, Debug)]
pub(crate) struct ClientConnection {
    _slot: Arc<OwnedSemaphorePermit>,
    address: SocketAddr,
}

impl ClientConnection {
    pub(crate) fn new(slot: OwnedSemaphorePermit, address: SocketAddr) -> Self {
        Self {
            _slot: Arc::new(slot),
            address,
        }
    }

    /// Returns its address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
