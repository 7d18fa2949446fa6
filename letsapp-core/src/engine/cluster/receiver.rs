//! The task that receives what other servers send, notices what is lost, and asks clients to sync then.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, timeout};

use crate::domain::id::{ServerId, UserId};
use crate::engine::Engine;
use crate::engine::cluster::bundle::{self, Header};
use crate::engine::cluster::calls::pause;
use crate::engine::cluster::delivery::Deliverer;
use crate::engine::cluster::peers::Peers;
use crate::engine::cluster::sequences::{Line, Observation, Sequences};
use crate::engine::events::Hub;
use crate::ports::{BusError, BusMessage, Channel, EventBus, Incoming};

/// Interval at which silent servers are looked for.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Pause before the bus is joined again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Time between two parts of the clients that are asked to sync: all of them within four seconds.
const RESYNC_INTERVAL: Duration = Duration::from_millis(250);

/// Largest number of users of a server that are read at once.
const USERS_PAGE: usize = 10_000;

/// Receives what other servers send.
pub(super) struct Receiver {
    bus: Arc<dyn EventBus>,
    server_id: ServerId,
    engine: Arc<Engine>,
    hub: Arc<Hub>,
    deliverer: Arc<Deliverer>,
    peers: Arc<Peers>,
    /// Wakes the task that asks all clients to sync.
    resync: Notify,
}

impl Receiver {
    pub(super) fn new(
        bus: Arc<dyn EventBus>,
        server_id: ServerId,
        engine: Arc<Engine>,
        hub: Arc<Hub>,
        peers: Arc<Peers>,
    ) -> Arc<Self> {
        Arc::new(Self {
            deliverer: Arc::new(Deliverer::new(engine.clone(), hub.clone())),
            bus,
            server_id,
            engine,
            hub,
            peers,
            resync: Notify::new(),
        })
    }

    /// Receives until it is aborted. `joined` is notified once the bus was joined for the first time.
    pub(super) async fn run(self: Arc<Self>, joined: Arc<Notify>) {
        let mut sequences = Sequences::default();
        let mut is_first = true;
        loop {
            let stream = match self.bus.join(self.server_id).await {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the event bus can't be joined; trying again");
                    pause(RETRY_PAUSE).await;
                    continue;
                }
            };
            if std::mem::take(&mut is_first) {
                joined.notify_one();
            } else {
                self.interrupted(&mut sequences);
            }
            let mut tick = tokio::time::interval(CHECK_INTERVAL);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut stream = pin!(stream);
            loop {
                tokio::select! {
                    incoming = stream.next() => match incoming {
                        Some(Incoming::Message(message)) => self.receive(&mut sequences, message),
                        Some(Incoming::Interrupted) => self.interrupted(&mut sequences),
                        None => break,
                    },
                    _ = tick.tick() => self.check(&mut sequences).await,
                }
            }
            tracing::warn!("the event bus has ended the connection; joining again");
        }
    }

    /// Asks all clients to sync whenever that is called for, part by part, until it is aborted.
    pub(super) async fn resync(self: Arc<Self>) {
        loop {
            self.resync.notified().await;
            metrics::counter!("letsapp_bus_resyncs_total").increment(1);
            let mut tick = tokio::time::interval(RESYNC_INTERVAL);
            for part in 0..Hub::PARTS {
                tick.tick().await;
                self.hub.resync_part(part);
            }
        }
    }

    /// Sees to it that all clients make up for what may have been lost.
    fn interrupted(&self, sequences: &mut Sequences) {
        tracing::warn!("events of other servers may have been lost; all clients will sync");
        sequences.restart();
        self.everything_may_differ();
    }

    /// Drops what is cached on the word of other servers, and has all clients sync.
    fn everything_may_differ(&self) {
        self.engine.rosters.forget_all();
        self.resync.notify_one();
    }

    fn receive(self: &Arc<Self>, sequences: &mut Sequences, BusMessage { channel, bytes }: BusMessage) {
        let (stamp, items) = match bundle::read(bytes) {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "another server sent something that this version does not understand");
                return self.everything_may_differ();
            }
        };
        if stamp.from == self.server_id {
            return;
        }
        let is_new = !sequences.knows(stamp.from);
        let line = match channel {
            Channel::Inbox(_) => Line::Inbox,
            Channel::Everyone => Line::Everyone,
        };
        match sequences.observe(line, stamp, self.engine.runtime.clock.steady()) {
            Observation::Next => {}
            Observation::Repeated => return,
            Observation::Gap => {
                tracing::warn!(server.id = %stamp.from, "events of another server were lost; clients will sync");
                self.everything_may_differ();
                self.read_users(stamp.from);
            }
        }
        if is_new {
            self.read_users(stamp.from);
        }
        for item in items {
            let is_delivered = match item {
                Ok(item) => {
                    if matches!(item.header, Header::Lost { user_ids: None }) {
                        self.everything_may_differ();
                    }
                    self.deliverer.deliver(stamp.from, item)
                }
                Err(error) => {
                    tracing::warn!(%error, "another server sent something that this version does not understand");
                    false
                }
            };
            if !is_delivered {
                self.resync.notify_one();
            }
        }
    }

    /// Reads who is online on another server, in a task of its own.
    fn read_users(self: &Arc<Self>, from: ServerId) {
        self.engine.presence.begin_to_read_server(from);
        let receiver = Arc::clone(self);
        tokio::spawn(async move {
            match receiver.users_of(from).await {
                Ok(users) => receiver.engine.presence.replace_server(from, &users),
                // Read again at the next gap; until then what the server tells is known.
                Err(error) => tracing::warn!(%error, "who is online on another server was not read"),
            }
        });
    }

    async fn users_of(&self, server_id: ServerId) -> Result<Vec<UserId>, BusError> {
        let mut users: Vec<UserId> = Vec::new();
        loop {
            let page = self.bus.users_of(server_id, users.last().copied(), USERS_PAGE).await?;
            let is_last = page.len() < USERS_PAGE;
            users.extend(page);
            if is_last {
                return Ok(users);
            }
        }
    }

    /// Looks for servers that are gone or silent.
    async fn check(self: &Arc<Self>, sequences: &mut Sequences) {
        let silent = sequences.fallen_silent(self.engine.runtime.clock.steady());
        let known = match timeout(CHECK_INTERVAL, self.bus.servers()).await {
            Ok(Ok(known)) => known,
            Ok(Err(_)) | Err(_) => {
                // Nothing is heard from others either, and what they do is not known.
                self.peers.unknown();
                if !silent.is_empty() {
                    self.everything_may_differ();
                }
                return;
            }
        };
        self.peers.replace(self.server_id, &known);
        let mut may_differ = false;
        for server_id in silent {
            // One that has shut down is listed no more. It had sent all before.
            let listed = known.iter().find(|peer| peer.id == server_id);
            may_differ |= listed.is_some();
            if !listed.is_some_and(|peer| peer.is_alive) {
                self.gone(sequences, server_id);
            }
        }
        for peer in known.iter().filter(|peer| !peer.is_alive && peer.id != self.server_id) {
            self.gone(sequences, peer.id);
            self.retire(peer.id);
        }
        if may_differ {
            tracing::warn!("another server is silent; clients will sync");
            self.everything_may_differ();
        }
    }

    fn gone(&self, sequences: &mut Sequences, server_id: ServerId) {
        sequences.forget(server_id);
        self.engine.presence.server_gone(server_id);
    }

    /// Cleans up after a server whose lease has expired. Any server does, also several at once.
    fn retire(self: &Arc<Self>, server_id: ServerId) {
        let receiver = Arc::clone(self);
        tokio::spawn(async move {
            let retired = async {
                let users = receiver.users_of(server_id).await?;
                receiver.engine.presence.keep_last_seen(&users);
                receiver.bus.retire(server_id).await
            };
            match retired.await {
                Ok(()) => tracing::info!(server.id = %server_id, "another server is gone"),
                Err(error) => tracing::warn!(%error, server.id = %server_id, "a server that is gone was not removed"),
            }
        });
    }
}
