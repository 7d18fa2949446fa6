//! A bus between applications of one process.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;

use crate::domain::id::{ServerId, UserId};
use crate::domain::steady_time::SteadyTime;
use crate::ports::{BusError, BusMessage, Channel, Clock, EventBus, Incoming, Lease, Peer};

/// Connects applications that run in one process, such as those of a test. Clones share it.
///
/// ```
/// use std::sync::Arc;
///
/// use letsapp_core::LetsApp;
/// use letsapp_core::adapters::memory::{MemoryBus, MemoryStore};
/// use letsapp_core::ports::SystemClock;
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let (bus, store) = (MemoryBus::new(Arc::new(SystemClock)), MemoryStore::new());
/// let east = LetsApp::builder().store(store.another()).bus(Arc::new(bus.clone())).build().await?;
/// let west = LetsApp::builder().store(store.another()).bus(Arc::new(bus)).build().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryBus {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    inboxes: HashMap<ServerId, mpsc::UnboundedSender<Incoming>>,
    /// The servers with a lease, and when it expires.
    leases: HashMap<ServerId, SteadyTime>,
    /// The users of each server, in order.
    entries: HashMap<ServerId, BTreeSet<UserId>>,
}

impl MemoryBus {
    /// Creates a bus that nobody has joined. It judges leases by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventBus for MemoryBus {
    async fn join(&self, server_id: ServerId) -> Result<BoxStream<'static, Incoming>, BusError> {
        // Not bounded: sender and receiver are one process, and the engine bounds what it sends.
        let (inbox, incoming) = mpsc::unbounded_channel();
        self.lock().inboxes.insert(server_id, inbox);
        Ok(stream::unfold(incoming, async |mut incoming| Some((incoming.recv().await?, incoming))).boxed())
    }

    async fn send(&self, messages: Vec<BusMessage>) -> Result<(), BusError> {
        let mut state = self.lock();
        for message in messages {
            // Fails once the receiver is gone.
            let deliver =
                |inbox: &mpsc::UnboundedSender<Incoming>| inbox.send(Incoming::Message(message.clone())).is_ok();
            match message.channel {
                Channel::Everyone => state.inboxes.retain(|_, inbox| deliver(inbox)),
                Channel::Inbox(server_id) => {
                    if state.inboxes.get(&server_id).is_some_and(|inbox| !deliver(inbox)) {
                        state.inboxes.remove(&server_id);
                    }
                }
            }
        }
        Ok(())
    }

    async fn renew(&self, server_id: ServerId, ttl: Duration) -> Result<Lease, BusError> {
        let now = self.clock.steady();
        let mut state = self.lock();
        let before = state.leases.insert(server_id, now.plus(ttl));
        if before.is_some_and(|until| now < until) {
            return Ok(Lease::Renewed);
        }
        state.entries.remove(&server_id);
        Ok(Lease::New)
    }

    async fn enter(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.lock().entries.entry(server_id).or_default().extend(user_ids);
        Ok(())
    }

    async fn leave(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        if let Some(entries) = self.lock().entries.get_mut(&server_id) {
            entries.retain(|user_id| !user_ids.contains(user_id));
        }
        Ok(())
    }

    async fn locate(&self, user_ids: &[UserId]) -> Result<Vec<Vec<ServerId>>, BusError> {
        let state = self.lock();
        let servers_of = |user_id: &UserId| {
            let holding = state.entries.iter().filter(|(_, users)| users.contains(user_id));
            holding.map(|(server_id, _)| *server_id).collect()
        };
        Ok(user_ids.iter().map(servers_of).collect())
    }

    async fn servers(&self) -> Result<Vec<Peer>, BusError> {
        let now = self.clock.steady();
        let state = self.lock();
        let peer = |(id, until): (&ServerId, &SteadyTime)| Peer {
            id: *id,
            is_alive: now < *until,
        };
        Ok(state.leases.iter().map(peer).collect())
    }

    async fn users_of(
        &self,
        server_id: ServerId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, BusError> {
        let state = self.lock();
        let users = state.entries.get(&server_id).into_iter().flatten();
        let rest = users.filter(|user_id| after.is_none_or(|after| **user_id > after));
        Ok(rest.copied().take(limit).collect())
    }

    async fn retire(&self, server_id: ServerId) -> Result<(), BusError> {
        let mut state = self.lock();
        state.leases.remove(&server_id);
        state.entries.remove(&server_id);
        Ok(())
    }
}
