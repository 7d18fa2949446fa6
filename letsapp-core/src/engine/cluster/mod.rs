//! Several servers as one: events reach the connections of users on every server, over an
//! [`EventBus`](crate::ports::EventBus).
//!
//! - [`sender`]: what this server publishes goes to those servers that hold the recipients, found in the directory of
//!   the bus; large audiences travel once, as the members of a conversation.
//! - [`receiver`] and [`delivery`]: what arrives goes to this server's connections, in the order of each conversation.
//! - [`directory`]: this server's entries in the directory, and its lease.
//! - [`sequences`]: every message has a number, and every channel a heartbeat, so that receivers notice what is lost.
//!   They ask their clients to sync then: nothing rests on the bus.
//! - [`duties`]: background jobs that one server does for all.

mod bundle;
mod calls;
mod delivery;
mod directory;
pub(crate) mod duties;
mod lost;
mod peers;
mod receiver;
mod sender;
mod sequences;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::domain::id::{ServerId, UserId};
use crate::engine::Engine;
use crate::engine::cluster::directory::DirectoryEntries;
use crate::engine::cluster::duties::Duties;
use crate::engine::cluster::lost::Outgoing;
use crate::engine::cluster::peers::Peers;
use crate::engine::cluster::receiver::Receiver;
use crate::engine::cluster::sender::Sender;
use crate::engine::events::Hub;
use crate::ports::{Audience, Connections, Envelope, EventBus, EventSink, Fact};

/// Time that the lookup of connected users may take. Without an answer all count as connected.
const LOCATE_TIMEOUT: Duration = Duration::from_secs(1);

/// Time in which a server that shuts down tells the others.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// A server as one of several.
pub(crate) struct Cluster {
    bus: Arc<dyn EventBus>,
    server_id: ServerId,
    hub: Arc<Hub>,
    peers: Arc<Peers>,
    sender: Arc<Sender>,
    entries: Arc<DirectoryEntries>,
    /// The task that sends, which outlives the others: the last changes are for other servers too.
    sending: Mutex<Option<JoinHandle<()>>>,
}

impl Cluster {
    /// Prepares a server for a bus. Until it is [started](Self::start), what it publishes for others is only queued.
    pub(crate) fn new(bus: Arc<dyn EventBus>, server_id: ServerId, hub: Arc<Hub>) -> Arc<Self> {
        let peers = Arc::new(Peers::default());
        Arc::new(Self {
            sender: Arc::new(Sender::new(bus.clone(), server_id, peers.clone())),
            entries: Arc::new(DirectoryEntries::new(bus.clone(), server_id, hub.clone())),
            bus,
            server_id,
            hub,
            peers,
            sending: Mutex::default(),
        })
    }

    /// Starts the tasks that send, receive and keep the directory. They run until they are aborted.
    pub(crate) fn start(self: &Arc<Self>, engine: &Arc<Engine>) -> Vec<JoinHandle<()>> {
        let observer: Weak<DirectoryEntries> = Arc::downgrade(&self.entries);
        self.hub.observe(observer);
        let (bus, hub) = (self.bus.clone(), self.hub.clone());
        let receiver = Receiver::new(bus, self.server_id, engine.clone(), hub, self.peers.clone());
        let (sender, entries, joined) = (self.sender.clone(), self.entries.clone(), Arc::new(Notify::new()));
        let sending = tokio::spawn(async move { sender.run().await });
        *self.sending.lock().unwrap_or_else(PoisonError::into_inner) = Some(sending);
        vec![
            tokio::spawn(receiver.clone().run(joined.clone())),
            tokio::spawn(receiver.resync()),
            // Nobody may find this server before it hears.
            tokio::spawn(async move {
                joined.notified().await;
                tokio::join!(entries.keep_lease(), entries.keep_entries());
            }),
        ]
    }

    /// Returns the background jobs of this server.
    pub(crate) fn duties(&self) -> Duties {
        Duties::divided(self.server_id, self.peers.clone())
    }

    /// Sends what is queued, and removes this server from the bus, so that the others need not wait for its lease to
    /// expire.
    pub(crate) async fn leave(&self) {
        self.sender.close();
        let sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let leave = async {
            if let Some(sending) = sending {
                // Its panic has been logged, and there is nothing more to send.
                let _ended = sending.await;
            }
            self.bus.retire(self.server_id).await
        };
        if !matches!(timeout(FAREWELL_TIMEOUT, leave).await, Ok(Ok(()))) {
            tracing::debug!("the event bus was not told that this server ends; its lease expires soon");
        }
    }

    /// Ends sending without waiting.
    pub(crate) fn stop(&self) {
        self.sender.close();
        if let Some(sending) = self.sending.lock().unwrap_or_else(PoisonError::into_inner).take() {
            sending.abort();
        }
    }
}

impl EventSink for Cluster {
    fn publish(&self, envelope: Envelope) {
        // The end of a session is for its own server; the others learn of it as a fact.
        if !matches!(envelope.audience, Audience::EndOfSession { .. }) {
            self.sender.put(Outgoing::Event(envelope.clone()));
        }
        self.hub.publish(envelope);
    }

    fn announce(&self, fact: Fact) {
        self.sender.put(Outgoing::Fact(fact));
    }
}

#[async_trait]
impl Connections for Cluster {
    fn local(&self, user_ids: &[UserId]) -> Vec<UserId> {
        self.hub.local(user_ids)
    }

    async fn anywhere(&self, user_ids: &[UserId]) -> Vec<UserId> {
        let Ok(Ok(places)) = timeout(LOCATE_TIMEOUT, self.bus.locate(user_ids)).await else {
            return user_ids.to_vec();
        };
        let here = self.hub.local(user_ids);
        let mut here = here.into_iter().peekable();
        let connected = user_ids.iter().zip(places).filter(|(user_id, servers)| {
            let is_here = here.next_if_eq(user_id).is_some();
            is_here || !servers.is_empty()
        });
        connected.map(|(user_id, _)| *user_id).collect()
    }

    async fn findable(&self, user_id: UserId) {
        self.entries.entered(user_id).await;
    }
}
