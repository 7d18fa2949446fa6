//! Connections per client address: no single address may take all of a server's connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use letsapp_core::domain::limit::Client;

/// The connections of each client address, which are bounded.
pub(crate) struct AddressSlots {
    /// Maximum number of connections of one address.
    max: usize,
    /// Number of connections of each address that has any.
    taken: Mutex<HashMap<Client, usize>>,
}

/// A connection's slot among those of its address, free again when dropped.
pub(crate) struct AddressSlot {
    slots: Arc<AddressSlots>,
    client: Client,
}

impl AddressSlots {
    /// Creates slots for at most `max` connections of each address.
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            taken: Mutex::default(),
        })
    }

    /// Takes a slot of an address; `None` if it has as many connections as it may.
    pub(crate) fn take(self: &Arc<Self>, client: Client) -> Option<AddressSlot> {
        let mut taken = self.lock();
        let count = taken.entry(client).or_default();
        // At least one is allowed, so that a refused address never leaves an entry behind.
        if *count >= self.max {
            return None;
        }
        *count += 1;
        drop(taken);
        let slots = Arc::clone(self);
        Some(AddressSlot { slots, client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AddressSlot {
    /// Returns the address that the slot belongs to.
    pub(crate) fn client(&self) -> Client {
        self.client
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_slots_and_no_more() {
        let client = |last| Client::at([192, 0, 2, last].into());
        let slots = AddressSlots::new(2);
        let (first, second) = (slots.take(client(1)), slots.take(client(1)));
        assert!(first.is_some() && second.is_some());
        assert!(slots.take(client(1)).is_none());
        assert!(slots.take(client(2)).is_some(), "another address has its own");
        drop(first);
        let third = slots.take(client(1));
        assert!(third.is_some());
        drop((second, third));
        assert!(slots.lock().is_empty(), "nothing is kept of who has left");
    }
}
