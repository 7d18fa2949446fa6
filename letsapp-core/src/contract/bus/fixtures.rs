//! Servers, users and inboxes, and steps that many cases share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::BusTrial;
use crate::domain::id::{ServerId, UserId};
use crate::ports::{BusMessage, Channel, EventBus, Incoming};

/// Time for something to arrive, or to happen in the background.
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) fn server(n: u8) -> ServerId {
    let mut bytes = [0x3a; 16];
    bytes[0] = n.wrapping_mul(0x9d);
    bytes[15] = n;
    ServerId::from_bytes(bytes)
}

/// Returns one of many users, whose ids are spread as random ones are.
pub(super) fn user(n: u32) -> UserId {
    let mut bytes = [0x7b; 16];
    bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    UserId::from_bytes(bytes)
}

pub(super) fn users(numbers: impl IntoIterator<Item = u32>) -> Vec<UserId> {
    numbers.into_iter().map(user).collect()
}

pub(super) fn message(channel: Channel, content: impl Into<Bytes>) -> BusMessage {
    BusMessage {
        channel,
        bytes: content.into(),
    }
}

/// The stream of a server, in a test.
pub(super) struct Inbox {
    id: ServerId,
    stream: BoxStream<'static, Incoming>,
}

impl Inbox {
    /// Returns the next message; a notice of an interruption is a failed test.
    pub(super) async fn next(&mut self) -> BusMessage {
        let next = tokio::time::timeout(DEADLINE, self.stream.next()).await;
        match next.expect("nothing arrives") {
            Some(Incoming::Message(message)) => message,
            Some(Incoming::Interrupted) => panic!("the stream was interrupted"),
            None => panic!("the stream has ended"),
        }
    }

    /// Returns the contents of the next messages, which are all to be of one channel.
    pub(super) async fn contents(&mut self, channel: Channel, count: usize) -> Vec<Bytes> {
        let mut contents = Vec::with_capacity(count);
        for _ in 0..count {
            let next = self.next().await;
            assert_eq!(next.channel, channel);
            contents.push(next.bytes);
        }
        contents
    }

    /// Asserts that nothing has arrived and nothing is on its way: messages on both channels come next.
    pub(super) async fn assert_empty(&mut self, bus: &dyn EventBus) {
        let channels = [Channel::Inbox(self.id), Channel::Everyone];
        for round in ["a first mark", "a second mark"] {
            let marks = channels.map(|channel| message(channel, round));
            bus.send(marks.to_vec()).await.unwrap();
            let arrived = [self.next().await, self.next().await];
            let arrived: BTreeSet<_> = arrived.into_iter().map(|mark| (mark.channel, mark.bytes)).collect();
            let expected = channels.map(|channel| (channel, Bytes::from(round)));
            assert_eq!(arrived, BTreeSet::from(expected));
        }
    }
}

impl BusTrial {
    /// Opens another handle on the bus.
    pub(super) async fn another(&self) -> Arc<dyn EventBus> {
        self.subject.open().await
    }

    /// Joins as a server, with a handle of its own.
    pub(super) async fn join(&self, n: u8) -> Inbox {
        let bus = self.another().await;
        Inbox {
            id: server(n),
            stream: bus.join(server(n)).await.unwrap(),
        }
    }

    /// Returns the servers of one user, in order.
    pub(super) async fn servers_of(&self, user_id: UserId) -> Vec<ServerId> {
        let mut servers = self.bus.locate(&[user_id]).await.unwrap().remove(0);
        servers.sort_unstable();
        servers
    }

    /// Returns whether a server lives; `None` if the bus does not know it.
    pub(super) async fn life(&self, server_id: ServerId) -> Option<bool> {
        let servers = self.bus.servers().await.unwrap();
        let mut found = servers.into_iter().filter(|peer| peer.id == server_id);
        let life = found.next().map(|peer| peer.is_alive);
        assert!(found.next().is_none(), "a server is listed twice");
        life
    }

    /// Waits until the lease of a server has expired.
    pub(super) async fn until_expired(&self, server_id: ServerId, ttl: Duration) {
        self.subject.pass(ttl).await;
        eventually("the lease to expire", async || {
            self.life(server_id).await == Some(false)
        })
        .await;
    }
}

/// Waits until a condition holds.
pub(super) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let mut poll = tokio::time::interval(Duration::from_millis(10));
    let holds = async {
        while !condition().await {
            poll.tick().await;
        }
    };
    let outcome = tokio::time::timeout(DEADLINE, holds).await;
    assert!(outcome.is_ok(), "still waiting for {what} after {DEADLINE:?}");
}
