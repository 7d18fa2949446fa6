//! The client's end of a connection: its address and its slot among the listener's connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::OwnedSemaphorePermit;

/// The client's end of a connection. The connection counts toward the listener's maximum until the last clone is
/// dropped: an upgraded socket holds one as long as it is open, although hyper has finished its connection by then.
#[derive(Clone, Debug)]
pub(crate) struct ClientConnection {
    _slot: Arc<OwnedSemaphorePermit>,
    address: SocketAddr,
    /// Whether the client was answered while it was sending.
    sending: Arc<AtomicBool>,
}

impl ClientConnection {
    pub(crate) fn new(slot: OwnedSemaphorePermit, address: SocketAddr) -> Self {
        Self {
            _slot: Arc::new(slot),
            address,
            sending: Arc::default(),
        }
    }

    /// Notes that the client was answered although it may still be sending, so that the connection ends here.
    pub(crate) fn answered_early(&self) {
        self.sending.store(true, Ordering::Relaxed);
    }

    /// Returns whether the client was answered while it was sending.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending.load(Ordering::Relaxed)
    }

    /// Returns the address of the TCP peer, which is a proxy's if there is one.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
