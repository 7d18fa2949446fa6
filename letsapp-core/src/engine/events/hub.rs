//! The connections of this server, and the bus of a server that is alone.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use crate::domain::id::{ConnectionId, UserId};
use crate::domain::principal::Principal;
use crate::engine::events::encoded::Delivery;
use crate::engine::events::outbox::{Closed, Outbox};
use crate::ports::{Audience, Envelope, EventBus};

/// Hears of the connections of a server as they come and go.
pub(crate) trait ConnectionObserver: Send + Sync {
    /// A connection comes: what is published from here on may reach it.
    fn connected(&self, principal: Principal, connection_id: ConnectionId);

    /// A connection is gone, or is told nothing more because its session is over. Of one connection it may be said
    /// twice.
    fn disconnected(&self, connection_id: ConnectionId);
}

/// Knows the connections of this server by their users, and hands events to them. By itself it is the bus of a server
/// that is alone; a bus between servers hands what it receives to one.
pub struct Hub {
    shards: Vec<RwLock<HashMap<UserId, Vec<Arc<Outbox>>>>>,
    capacity: usize,
    observer: OnceLock<Weak<dyn ConnectionObserver>>,
}

/// Connecting and leaving contend with delivery only within a shard.
const SHARDS: usize = 16;

/// What waits for a connection at most, unless told otherwise.
const DEFAULT_OUTBOX_BYTES: usize = 1024 * 1024;

impl Default for Hub {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_OUTBOX_BYTES)
    }
}

impl Hub {
    /// Makes a hub whose connections hold at most `capacity` bytes of events each.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            capacity,
            observer: OnceLock::new(),
        }
    }

    /// Has somebody hear of connections, the first time that it is called.
    pub(crate) fn observe(&self, observer: Weak<dyn ConnectionObserver>) {
        // A hub belongs to one application; there is no second.
        let _ = self.observer.set(observer);
    }

    /// Adds a connection: from here on, events for its user wait in its outbox, and the user is online. It is removed
    /// when the connection is dropped.
    pub fn connect(self: &Arc<Self>, principal: Principal, connection_id: ConnectionId) -> Connection {
        // Before it is found here: what ends its session now is told in vain, and never before this.
        self.tell(|observer| observer.connected(principal, connection_id));
        let outbox = Arc::new(Outbox::new(principal, connection_id, self.capacity));
        let mut shard = self
            .shard(principal.user_id)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shard.entry(principal.user_id).or_default().push(Arc::clone(&outbox));
        drop(shard);
        Connection {
            hub: Arc::clone(self),
            outbox,
        }
    }

    /// Returns how many connections there are.
    pub fn connections(&self) -> usize {
        let count = |shard: &RwLock<HashMap<_, Vec<_>>>| {
            shard
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .values()
                .map(Vec::len)
                .sum::<usize>()
        };
        self.shards.iter().map(count).sum()
    }

    /// Returns who is connected, one entry for each connection.
    pub fn principals(&self) -> Vec<Principal> {
        let mut principals = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            principals.extend(shard.values().flatten().map(|outbox| outbox.principal()));
        }
        principals
    }

    /// Tells who hears of connections; never while a shard is locked, since they may publish something.
    fn tell(&self, news: impl FnOnce(&dyn ConnectionObserver)) {
        if let Some(observer) = self.observer.get().and_then(Weak::upgrade) {
            news(&*observer);
        }
    }

    fn shard(&self, user_id: UserId) -> &RwLock<HashMap<UserId, Vec<Arc<Outbox>>>> {
        // The last byte of an id is random.
        let [.., last] = *user_id.as_bytes();
        &self.shards[usize::from(last) % SHARDS]
    }

    fn for_each(&self, user_id: UserId, mut apply: impl FnMut(&Arc<Outbox>)) {
        let shard = self.shard(user_id).read().unwrap_or_else(PoisonError::into_inner);
        for outbox in shard.get(&user_id).into_iter().flatten() {
            apply(outbox);
        }
    }
}

impl EventBus for Hub {
    fn publish(&self, envelope: Envelope) {
        let Envelope { audience, payload } = envelope;
        let event = Delivery(payload);
        match audience {
            Audience::Users { ids, except } => {
                for id in ids.iter() {
                    self.for_each(*id, |outbox| {
                        if Some(outbox.connection_id()) != except {
                            outbox.push(event.clone());
                        }
                    });
                }
            }
            Audience::EndOfSession { user_id, session_id } => {
                let mut ended = Vec::new();
                self.for_each(user_id, |outbox| {
                    if outbox.principal().session_id == session_id {
                        outbox.push(event.clone());
                        outbox.close(Closed::SessionEnded);
                        ended.push(Arc::clone(outbox));
                    }
                });
                // Whoever serves such a connection may be long in noticing.
                for outbox in ended {
                    self.tell(|observer| observer.disconnected(outbox.connection_id()));
                }
            }
        }
    }
}

/// One connection's place in the hub, given up when it is dropped.
pub struct Connection {
    hub: Arc<Hub>,
    outbox: Arc<Outbox>,
}

impl std::ops::Deref for Connection {
    type Target = Outbox;

    fn deref(&self) -> &Outbox {
        &self.outbox
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let user_id = self.outbox.principal().user_id;
        let mut shard = self.hub.shard(user_id).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(outboxes) = shard.get_mut(&user_id) {
            outboxes.retain(|outbox| !Arc::ptr_eq(outbox, &self.outbox));
            if outboxes.is_empty() {
                shard.remove(&user_id);
            }
        }
        drop(shard);
        self.hub
            .tell(|observer| observer.disconnected(self.outbox.connection_id()));
    }
}
