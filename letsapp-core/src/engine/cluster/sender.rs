//! The way out: events and facts for other servers, queued by whoever publishes and sent by one task.
//!
//! Publishing never waits. What does not fit into the queue, or can't be sent, is dropped and counted, and the users
//! concerned are asked to sync as soon as the bus is back.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::domain::id::{ServerId, UserId};
use crate::engine::cluster::bundle::{Header, Items, Kind, Stamp};
use crate::engine::cluster::calls::{pause, within};
use crate::engine::cluster::lost::{Lost, Outgoing};
use crate::engine::cluster::peers::Peers;
use crate::ports::{Audience, BusError, BusMessage, Channel, Envelope, EventBus, Fact};

/// Largest number of users who are looked up one by one. Larger audiences of a conversation travel once, by its name.
const MAX_LOCATED: usize = 64;

/// Bytes of frames that may wait. At 400 bytes a message, 40,000 of them: a bus that is slower than the store for more
/// than a second makes clients sync.
const MAX_QUEUED_BYTES: usize = 16 << 20;

/// Bytes of frames that are taken from the queue at once.
const BATCH_BYTES: usize = 1 << 20;

/// Bytes that an item takes in the queue beside its frame, about.
const ITEM_BYTES: usize = 128;

/// Interval of heartbeats on every channel that was used.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Pause after the bus failed.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// The queue of what goes to other servers, and the task that sends it.
pub(super) struct Sender {
    bus: Arc<dyn EventBus>,
    server_id: ServerId,
    peers: Arc<Peers>,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Outgoing>,
    bytes: usize,
    lost: Lost,
    closed: bool,
}

impl Sender {
    pub(super) fn new(bus: Arc<dyn EventBus>, server_id: ServerId, peers: Arc<Peers>) -> Self {
        Self {
            bus,
            server_id,
            peers,
            queue: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Queues something for other servers, or drops it if too much waits.
    pub(super) fn put(&self, outgoing: Outgoing) {
        let size = ITEM_BYTES
            + match &outgoing {
                Outgoing::Event(envelope) => envelope.payload.frame().len(),
                Outgoing::Fact(_) => 0,
            };
        let mut queue = self.lock();
        if queue.closed || queue.bytes + size > MAX_QUEUED_BYTES {
            queue.lost.add(&outgoing);
            return;
        }
        queue.bytes += size;
        queue.waiting.push_back(outgoing);
        drop(queue);
        self.wake.notify_one();
    }

    /// Accepts nothing more. The task ends after it has sent what waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Sends what is queued, and heartbeats, until the queue is closed and empty.
    pub(super) async fn run(&self) {
        let mut channels = Channels::default();
        let mut tick = tokio::time::interval(HEARTBEAT_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let beats = tokio::select! {
                () = self.wake.notified() => false,
                _ = tick.tick() => true,
            };
            loop {
                let (batch, lost, closed) = self.take();
                if batch.is_empty() && (lost == Lost::Nobody || closed) {
                    if closed {
                        return;
                    }
                    break;
                }
                let more = !batch.is_empty();
                if self.send(&mut channels, batch, lost).await.is_err() || !more {
                    if closed {
                        return;
                    }
                    break;
                }
            }
            if beats && let Err(error) = self.beat(&channels).await {
                tracing::debug!(%error, "a heartbeat was not sent");
            }
        }
    }

    fn take(&self) -> (Vec<Outgoing>, Lost, bool) {
        let mut queue = self.lock();
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some(outgoing) = queue.waiting.pop_front()
        {
            bytes += ITEM_BYTES
                + match &outgoing {
                    Outgoing::Event(envelope) => envelope.payload.frame().len(),
                    Outgoing::Fact(_) => 0,
                };
            batch.push(outgoing);
        }
        queue.bytes -= bytes;
        let lost = take(&mut queue.lost);
        (batch, lost, queue.closed)
    }

    /// Sends a batch. What fails is lost, and the users concerned are remembered.
    async fn send(&self, channels: &mut Channels, batch: Vec<Outgoing>, lost: Lost) -> Result<(), BusError> {
        let sent = self.try_send(channels, &batch, &lost).await;
        if let Err(error) = &sent {
            tracing::warn!(%error, events = batch.len(), "events were not sent to other servers; their users will sync");
            self.lose(&batch, lost);
            // Not in a loop at full speed; the next heartbeat tries again.
            pause(RETRY_PAUSE).await;
        }
        sent
    }

    /// Remembers whose events are lost.
    fn lose(&self, batch: &[Outgoing], lost: Lost) {
        let mut queue = self.lock();
        batch.iter().for_each(|outgoing| queue.lost.add(outgoing));
        queue.lost.merge(lost);
    }

    async fn try_send(&self, channels: &mut Channels, batch: &[Outgoing], lost: &Lost) -> Result<(), BusError> {
        let places = self.locate(batch).await?;
        let mut plan = Plan::default();
        if let Some(header) = lost.header() {
            plan.add(Channel::Everyone, &header, b"");
        }
        for outgoing in batch {
            self.plan(outgoing, &places, &mut plan);
        }
        let messages = plan.stamped(self.server_id, channels);
        if messages.is_empty() {
            return Ok(());
        }
        metrics::counter!("letsapp_bus_messages_total").increment(messages.len() as u64);
        within(self.bus.send(messages)).await
    }

    /// Looks up the servers of all users who are addressed by their ids.
    async fn locate(&self, batch: &[Outgoing]) -> Result<HashMap<UserId, Vec<ServerId>>, BusError> {
        let mut ids: Vec<UserId> = Vec::new();
        for outgoing in batch {
            match outgoing {
                Outgoing::Event(Envelope { audience, .. }) => match audience {
                    Audience::Users {
                        ids: users, members, ..
                    } => {
                        if members.is_none() || users.len() <= MAX_LOCATED {
                            ids.extend(users.iter());
                        }
                    }
                    Audience::Connection { user_id, .. } => ids.push(*user_id),
                    Audience::EndOfSession { .. } => {}
                },
                Outgoing::Fact(Fact::ConversationShown { viewers, .. }) if viewers.len() <= MAX_LOCATED => {
                    ids.extend(viewers.iter());
                }
                Outgoing::Fact(_) => {}
            }
        }
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut places = within(self.bus.locate(&ids)).await?;
        places
            .iter_mut()
            .for_each(|servers| servers.retain(|id| *id != self.server_id));
        Ok(ids
            .into_iter()
            .zip(places)
            .filter(|(_, servers)| !servers.is_empty())
            .collect())
    }

    /// Adds what a batch's part becomes on each channel.
    fn plan(&self, outgoing: &Outgoing, places: &HashMap<UserId, Vec<ServerId>>, plan: &mut Plan) {
        match outgoing {
            Outgoing::Event(Envelope { audience, payload }) => match audience {
                Audience::Users { ids, except, members } => {
                    if let Some(members) = members
                        && ids.len() > MAX_LOCATED
                    {
                        let header = Header::Members {
                            conversation_id: members.conversation_id,
                            fence: members.fence,
                            part: members.part.into(),
                            also: members.also,
                            except: *except,
                        };
                        return plan.add(Channel::Everyone, &header, payload.frame());
                    }
                    for (server_id, ids) in by_server(ids, places) {
                        let header = Header::Users {
                            ids,
                            except: *except,
                            conversation_id: members.map(|members| members.conversation_id),
                        };
                        plan.add(Channel::Inbox(server_id), &header, payload.frame());
                    }
                }
                Audience::Connection { user_id, connection_id } => {
                    for server_id in places.get(user_id).into_iter().flatten() {
                        let header = Header::Connection {
                            user_id: *user_id,
                            connection_id: *connection_id,
                        };
                        plan.add(Channel::Inbox(*server_id), &header, payload.frame());
                    }
                }
                // A session that ends is a fact, which other servers' caches have to learn of too.
                Audience::EndOfSession { .. } => {}
            },
            Outgoing::Fact(Fact::ConversationShown {
                conversation_id,
                viewers,
                news,
                except,
            }) if viewers.len() <= MAX_LOCATED => {
                for (server_id, viewers) in by_server(viewers, places) {
                    let fact = Fact::ConversationShown {
                        conversation_id: *conversation_id,
                        viewers: viewers.into(),
                        news: *news,
                        except: *except,
                    };
                    plan.add(Channel::Inbox(server_id), &Header::Server { fact }, b"");
                }
            }
            Outgoing::Fact(fact) => plan.add(Channel::Everyone, &Header::Server { fact: fact.clone() }, b""),
        }
    }

    /// Tells that this server lives, and the numbers of the last bundles: to everyone, and to each server.
    async fn beat(&self, channels: &Channels) -> Result<(), BusError> {
        let inboxes = self.peers.others().into_iter().map(Channel::Inbox);
        let messages = std::iter::once(Channel::Everyone)
            .chain(inboxes)
            .map(|channel| BusMessage {
                channel,
                bytes: Items::default().stamped(Stamp {
                    from: self.server_id,
                    kind: Kind::Heartbeat,
                    number: channels.0.get(&channel).copied().unwrap_or(0),
                }),
            });
        within(self.bus.send(messages.collect())).await
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of the last bundle on each channel.
#[derive(Default)]
struct Channels(HashMap<Channel, u64>);

/// The items of a batch, gathered for each channel in the order of the batch.
#[derive(Default)]
struct Plan {
    gathering: BTreeMap<Channel, Items>,
    full: Vec<(Channel, Items)>,
}

impl Plan {
    fn add(&mut self, channel: Channel, header: &Header, frame: &[u8]) {
        let items = self.gathering.entry(channel).or_default();
        if !items.push(header, frame) {
            self.full.push((channel, take(items)));
            if !items.push(header, frame) {
                // No event comes near this size, since requests are limited far below.
                tracing::error!(bytes = frame.len(), "an event is too large for the bus");
            }
        }
    }

    fn stamped(self, from: ServerId, channels: &mut Channels) -> Vec<BusMessage> {
        let bundles = self.full.into_iter().chain(self.gathering);
        let bundles = bundles.filter(|(_, items)| !items.is_empty());
        bundles
            .map(|(channel, items)| {
                let number = channels.0.entry(channel).or_default();
                *number += 1;
                let stamp = Stamp {
                    from,
                    kind: Kind::Items,
                    number: *number,
                };
                let bytes: Bytes = items.stamped(stamp);
                BusMessage { channel, bytes }
            })
            .collect()
    }
}

fn by_server(ids: &Arc<[UserId]>, places: &HashMap<UserId, Vec<ServerId>>) -> BTreeMap<ServerId, Vec<UserId>> {
    let mut servers: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for user_id in ids.iter() {
        for server_id in places.get(user_id).into_iter().flatten() {
            servers.entry(*server_id).or_default().push(*user_id);
        }
    }
    servers
}
