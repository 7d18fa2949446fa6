//! The client's end of a connection: its address, its slot among the listener's connections, and that among the
//! connections of its address.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use letsapp_core::domain::limit::Client;
use tokio::sync::OwnedSemaphorePermit;

use crate::address_slots::{AddressSlot, AddressSlots};

/// The client's end of a connection. The connection counts toward the maximums of its listener and of its address until
/// the last clone is dropped: an upgraded socket holds one as long as it is open, although hyper has finished its
/// connection by then.
#[derive(Clone)]
pub(crate) struct ClientConnection(Arc<Counted>);

struct Counted {
    _place: OwnedSemaphorePermit,
    address: SocketAddr,
    /// Slot of the client's address; `None` as long as the client behind a trusted proxy is not known.
    slot: Mutex<Option<AddressSlot>>,
    /// Whether the client was answered while it was sending.
    sending: AtomicBool,
}

/// Error for one connection too many of an address.
#[derive(Debug)]
pub(crate) struct TooManyConnections;

impl ClientConnection {
    pub(crate) fn new(place: OwnedSemaphorePermit, address: SocketAddr, slot: Option<AddressSlot>) -> Self {
        Self(Arc::new(Counted {
            _place: place,
            address,
            slot: Mutex::new(slot),
            sending: AtomicBool::default(),
        }))
    }

    /// Notes that the client was answered although it may still be sending, so that the connection ends here.
    pub(crate) fn answered_early(&self) {
        self.0.sending.store(true, Ordering::Relaxed);
    }

    /// Returns whether the client was answered while it was sending.
    pub(crate) fn is_sending(&self) -> bool {
        self.0.sending.load(Ordering::Relaxed)
    }

    /// Returns the address of the TCP peer, which is a proxy's if there is one.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Counts the connection for a client from now on. A proxy's connection carries requests of one client after the
    /// other, and so counts for the one whose request it carried last; a socket has it for good.
    pub(crate) fn count_for(&self, client: Client, slots: &Arc<AddressSlots>) -> Result<(), TooManyConnections> {
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_none_or(|slot| slot.client() != client) {
            *slot = Some(slots.take(client).ok_or(TooManyConnections)?);
        }
        Ok(())
    }
}
