//! The client's end of a connection: its address and its slot among the listener's connections.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

/// The client's end of a connection. The connection counts toward the listener's maximum until the last clone is
/// dropped: an upgraded socket holds one as long as it is open, although hyper has finished its connection by then.
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

    /// Returns the address of the TCP peer, which is a proxy's if there is one.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
