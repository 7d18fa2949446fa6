//! The connections of this server.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use async_trait::async_trait;

use crate::domain::id::{ConnectionId, UserId};
use crate::domain::principal::Principal;
use crate::engine::events::encoded::Delivery;
use crate::engine::events::outbox::{Closed, Outbox};
use crate::ports::{Audience, Connections, Envelope, EventSink};
use crate::protocol::Event;

/// Is notified of connections as they open and close.
pub(crate) trait ConnectionObserver: Send + Sync {
    /// A connection opens. Events published from now on may reach it.
    fn connected(&self, principal: Principal, connection_id: ConnectionId);

    /// A connection has closed, or gets no more events because its session has ended. May be called twice for the same
    /// connection.
    fn disconnected(&self, connection_id: ConnectionId);
}

/// Delivers events to the connections of this server, found by their users. Events for connections to other servers
/// travel by an [`EventBus`](crate::ports::EventBus), and arrive there in another hub.
pub struct Hub {
    shards: Vec<RwLock<HashMap<UserId, Vec<Arc<Outbox>>>>>,
    capacity: usize,
    observers: RwLock<Vec<Weak<dyn ConnectionObserver>>>,
}

/// Number of shards. Opening and closing connections contends with delivery only within a shard.
const SHARDS: usize = 16;

/// Default capacity of a connection's outbox, in bytes: 1 MiB.
const DEFAULT_OUTBOX_BYTES: usize = 1024 * 1024;

impl Default for Hub {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_OUTBOX_BYTES)
    }
}

impl Hub {
    /// Creates a hub whose connections queue at most `capacity` bytes of events each.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            capacity,
            observers: RwLock::default(),
        }
    }

    /// Adds an observer of connections. Observers are notified in the order in which they were added.
    pub(crate) fn observe(&self, observer: Weak<dyn ConnectionObserver>) {
        let mut observers = self.observers.write().unwrap_or_else(PoisonError::into_inner);
        observers.push(observer);
    }

    /// Adds a connection. From now on, events for its user are queued in its outbox, and the user is online. The
    /// connection is removed when the returned value is dropped.
    pub fn connect(self: &Arc<Self>, principal: Principal, connection_id: ConnectionId) -> Connection {
        // The observer is notified before the connection is registered. An end of its session that is published in
        // between finds no connection here, but `disconnected` is never called before `connected`.
        self.notify(|observer| observer.connected(principal, connection_id));
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

    /// Closes the oldest connections of a user beyond the newest `count`, with [`Closed::TooMany`].
    pub fn keep_newest(&self, user_id: UserId, count: usize) {
        let mut open = Vec::new();
        self.for_each(user_id, |outbox| {
            if !outbox.is_closed() {
                open.push(Arc::clone(outbox));
            }
        });
        let excess = open.len().saturating_sub(count);
        for outbox in open.drain(..excess) {
            outbox.close(Closed::TooMany);
            // Its task may take long to notice the end, as with an ended session.
            self.notify(|observer| observer.disconnected(outbox.connection_id()));
        }
    }

    /// Returns the number of connections.
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

    /// Returns the principals of all connections, one entry per connection.
    pub fn principals(&self) -> Vec<Principal> {
        let mut principals = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            principals.extend(shard.values().flatten().map(|outbox| outbox.principal()));
        }
        principals
    }

    /// Asks the clients of these users to sync.
    pub(crate) fn resync(&self, user_ids: &[UserId]) {
        if !user_ids.is_empty() {
            self.publish(Envelope::to_users(user_ids, None, Event::Resync {}));
        }
    }

    /// Asks the clients of one part of all users to sync; there are [`PARTS`](Self::PARTS). Part by part, so that not
    /// all sync at the same moment.
    pub(crate) fn resync_part(&self, part: usize) {
        let shard = self.shards[part].read().unwrap_or_else(PoisonError::into_inner);
        let user_ids: Vec<_> = shard.keys().copied().collect();
        drop(shard);
        self.resync(&user_ids);
    }

    /// Number of parts of the users.
    pub(crate) const PARTS: usize = SHARDS;

    /// Notifies the observers. Never call it while a shard is locked: an observer may publish events, which lock
    /// shards.
    fn notify(&self, notification: impl Fn(&dyn ConnectionObserver)) {
        let observers = self.observers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers.iter().filter_map(Weak::upgrade) {
            notification(&*observer);
        }
    }

    fn shard(&self, user_id: UserId) -> &RwLock<HashMap<UserId, Vec<Arc<Outbox>>>> {
        // Any byte could choose the shard, but version 7 ids begin with the time; the last byte is random.
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

impl EventSink for Hub {
    fn publish(&self, envelope: Envelope) {
        let Envelope { audience, payload } = envelope;
        let event = Delivery(payload);
        match audience {
            Audience::Users { ids, except, .. } => {
                for id in ids.iter() {
                    self.for_each(*id, |outbox| {
                        if Some(outbox.connection_id()) != except {
                            outbox.push(event.clone());
                        }
                    });
                }
            }
            Audience::Connection { user_id, connection_id } => {
                self.for_each(user_id, |outbox| {
                    if outbox.connection_id() == connection_id {
                        outbox.push(event.clone());
                    }
                });
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
                // The task that serves such a connection may take long to notice the end, so the observer is notified
                // now.
                for outbox in ended {
                    self.notify(|observer| observer.disconnected(outbox.connection_id()));
                }
            }
        }
    }
}

#[async_trait]
impl Connections for Hub {
    fn local(&self, user_ids: &[UserId]) -> Vec<UserId> {
        let is_connected = |user_id: &&UserId| {
            let shard = self.shard(**user_id).read().unwrap_or_else(PoisonError::into_inner);
            shard.contains_key(*user_id)
        };
        user_ids.iter().filter(is_connected).copied().collect()
    }

    async fn anywhere(&self, user_ids: &[UserId]) -> Vec<UserId> {
        self.local(user_ids)
    }

    async fn findable(&self, _: UserId) {}
}

/// A connection registered in the hub. Dropping it removes the connection.
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
            .notify(|observer| observer.disconnected(self.outbox.connection_id()));
    }
}
