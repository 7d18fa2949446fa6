//! The inbox of a server: a connection that is subscribed to its channel and to the one of everyone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use redis::aio::SendError;
use redis::{PushInfo, PushKind, RedisError, Value};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::adapters::redis::connector::Link;
use crate::adapters::redis::link::{Commands, pause, within};
use crate::domain::id::ServerId;
use crate::ports::{BusError, BusMessage, Channel, Incoming};

/// Interval at which the servers of a subscription are asked for a sign of life.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// First pause before a subscription is tried again. Each is twice as long as the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause before a subscription is tried again.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Bytes of messages that may wait to be read. With more, the subscription begins anew.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// Names of channels.
pub(super) struct Channels {
    prefix: String,
    everyone: String,
}

impl Channels {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            everyone: format!("{prefix}:everyone"),
        }
    }

    pub(super) fn everyone(&self) -> &str {
        &self.everyone
    }

    pub(super) fn name(&self, channel: Channel) -> String {
        match channel {
            Channel::Everyone => self.everyone.clone(),
            Channel::Inbox(server_id) => format!("{}:server:{}", self.prefix, server_id.as_uuid().simple()),
        }
    }
}

/// Subscribes a server, and returns what arrives.
pub(super) async fn open(
    commands: Arc<Commands>,
    channels: Arc<Channels>,
    server_id: ServerId,
) -> Result<BoxStream<'static, Incoming>, BusError> {
    let mut inbox = Inbox {
        names: [Channel::Inbox(server_id), Channel::Everyone].map(|channel| (channel, channels.name(channel))),
        commands,
        subscription: None,
    };
    inbox.subscription = Some(inbox.subscribe().await?);
    let incoming = stream::unfold(inbox, async |mut inbox| Some((inbox.next().await, inbox)));
    Ok(incoming.boxed())
}

struct Inbox {
    commands: Arc<Commands>,
    names: [(Channel, String); 2],
    /// `None` once it has failed.
    subscription: Option<Subscription>,
}

/// A connection that is subscribed. Dropping it ends it.
struct Subscription {
    link: Link,
    arriving: mpsc::UnboundedReceiver<Arrival>,
    waiting_bytes: Arc<AtomicUsize>,
    tick: Interval,
}

enum Arrival {
    Message {
        channel: Vec<u8>,
        content: Vec<u8>,
    },
    /// Nothing more comes on this connection, or not on every channel.
    End,
}

impl Inbox {
    /// Returns what arrives next. After a failure, subscribes again first.
    async fn next(&mut self) -> Incoming {
        loop {
            let Some(subscription) = &mut self.subscription else {
                self.subscription = Some(self.subscribe_again().await);
                return Incoming::Interrupted;
            };
            match subscription.next(&self.names).await {
                Some(message) => return Incoming::Message(message),
                None => self.subscription = None,
            }
        }
    }

    async fn subscribe_again(&self) -> Subscription {
        let mut length = FIRST_PAUSE;
        loop {
            match self.subscribe().await {
                Ok(subscription) => return subscription,
                Err(error) => tracing::debug!(%error, "Redis can't be subscribed to; trying again"),
            }
            pause(length).await;
            length = (length * 2).min(MAX_PAUSE);
        }
    }

    async fn subscribe(&self) -> Result<Subscription, BusError> {
        let (sender, arriving) = mpsc::unbounded_channel();
        let waiting_bytes = Arc::<AtomicUsize>::default();
        let pushes = passer(sender, Arc::clone(&waiting_bytes));
        within(async {
            let mut link = self.commands.connector().open_with(pushes).await?;
            for (_, name) in &self.names {
                link.subscribe(name).await?;
            }
            let mut tick = interval(PING_INTERVAL);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Ok(Subscription {
                link,
                arriving,
                waiting_bytes,
                tick,
            })
        })
        .await
    }
}

impl Subscription {
    /// Returns the next message; `None` if there are no more.
    async fn next(&mut self, names: &[(Channel, String)]) -> Option<BusMessage> {
        loop {
            let arrival = tokio::select! {
                biased;
                arrival = self.arriving.recv() => arrival?,
                _ = self.tick.tick() => {
                    // A server that is cut off says nothing, and its silence alone is no sign of that.
                    if let Err(error) = self.ping(names).await {
                        tracing::warn!(%error, "Redis does not answer on a subscription; subscribing again");
                        return None;
                    }
                    continue;
                }
            };
            match arrival {
                Arrival::End => return None,
                Arrival::Message { channel, content } => {
                    self.waiting_bytes.fetch_sub(content.len(), Ordering::AcqRel);
                    let of = names.iter().find(|(_, name)| name.as_bytes() == channel);
                    if let Some((channel, _)) = of {
                        return Some(BusMessage {
                            channel: *channel,
                            bytes: Bytes::from(content),
                        });
                    }
                }
            }
        }
    }

    async fn ping(&mut self, names: &[(Channel, String)]) -> Result<(), RedisError> {
        for (_, name) in names {
            self.link.ping(name).await?;
        }
        Ok(())
    }
}

/// Returns the function that passes on what a server sends of its own accord.
fn passer(
    sender: mpsc::UnboundedSender<Arrival>,
    waiting_bytes: Arc<AtomicUsize>,
) -> impl Fn(PushInfo) -> Result<(), SendError> {
    move |PushInfo { kind, data }| {
        let arrival = match kind {
            PushKind::SMessage => {
                let mut data = data.into_iter();
                let (Some(Value::BulkString(channel)), Some(Value::BulkString(content))) = (data.next(), data.next())
                else {
                    return Err(SendError);
                };
                let waiting = waiting_bytes.fetch_add(content.len(), Ordering::AcqRel);
                if waiting + content.len() > MAX_WAITING_BYTES {
                    // The bytes stay counted, so that nothing follows which a reader would take for complete.
                    Arrival::End
                } else {
                    Arrival::Message { channel, content }
                }
            }
            // The connection has ended, or a channel has moved to another server of the cluster.
            PushKind::Disconnection | PushKind::SUnsubscribe => Arrival::End,
            _ => return Ok(()),
        };
        sender.send(arrival).map_err(|_| SendError)
    }
}
