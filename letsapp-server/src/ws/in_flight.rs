//! The requests of one socket that are being carried out, and the bounds on their number and size.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use letsapp_core::domain::page::MAX_ANSWER_BYTES;
use letsapp_core::protocol::Op;
use tokio_tungstenite::tungstenite::Message;

use super::ops::PendingReply;

/// Maximum number of concurrent requests of one socket. At the maximum nothing is read until one is answered, so that
/// one client can't queue work without end. Large enough for a client that sends without waiting for replies.
pub(super) const MAX_IN_FLIGHT: usize = 64;

/// Maximum size of the frames of one socket's concurrent requests, in bytes; the last one read may go beyond it.
/// Without it, a few clients with large frames could fill the memory while the store is slow.
pub(super) const MAX_IN_FLIGHT_BYTES: usize = 1024 * 1024;

/// Size of the replies of one socket's concurrent requests, in bytes, from which no more requests are read. A reply is
/// counted from the start, at the most that its operation answers. Two of the largest: beside one sync, messages are
/// still sent.
const MAX_REPLY_BYTES: usize = 2 * MAX_ANSWER_BYTES;

/// The requests of a socket that are being carried out.
#[derive(Default)]
pub(super) struct InFlight {
    replies: FuturesUnordered<Answering>,
    /// Size of their frames.
    bytes: usize,
    /// Size of their replies at the most.
    reply_bytes: usize,
}

/// A request in flight.
#[derive(Clone, Copy)]
struct Request {
    op: Op,
    bytes: usize,
    reply_bytes: usize,
}

/// A request until its reply is there.
struct Answering {
    reply: PendingReply,
    request: Request,
}

/// The messages that may be read: this many, and up to this size.
#[derive(Clone, Copy, Default)]
pub(super) struct Room {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl Room {
    /// Returns whether no message may be read.
    pub(super) const fn is_empty(self) -> bool {
        self.messages == 0 || self.bytes == 0
    }
}

impl InFlight {
    /// Adds a request, whose frame has this size.
    pub(super) fn push(&mut self, op: Op, bytes: usize, reply: PendingReply) {
        let reply_bytes = reply_bytes(op, bytes);
        let request = Request { op, bytes, reply_bytes };
        self.bytes += bytes;
        self.reply_bytes += reply_bytes;
        self.replies.push(Answering { reply, request });
    }

    /// Returns the next reply that is ready, with its operation; `None` if there are no requests.
    pub(super) async fn next(&mut self) -> Option<(Message, Op)> {
        let (reply, request) = self.replies.next().await?;
        self.bytes -= request.bytes;
        self.reply_bytes -= request.reply_bytes;
        Some((reply, request.op))
    }

    pub(super) fn room(&self) -> Room {
        if self.reply_bytes >= MAX_REPLY_BYTES {
            return Room::default();
        }
        Room {
            messages: MAX_IN_FLIGHT.saturating_sub(self.replies.len()),
            bytes: MAX_IN_FLIGHT_BYTES.saturating_sub(self.bytes),
        }
    }
}

impl Future for Answering {
    type Output = (Message, Request);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let request = self.request;
        self.reply.as_mut().poll(context).map(|reply| (reply, request))
    }
}

/// Returns the size of an operation's reply at the most, for a request of this size. Rounded generously: it bounds
/// memory, and decides nothing else.
const fn reply_bytes(op: Op, request_bytes: usize) -> usize {
    match op {
        Op::Sync => MAX_ANSWER_BYTES,
        // At most 1,024 users of some 120 bytes.
        Op::PresenceWatch => 128 * 1024,
        // The message as it stands: a body of up to 64 KiB, and up to 32 different reactions.
        Op::MessageEdit | Op::MessageDelete | Op::MessageReact => 128 * 1024,
        Op::MessageSend => request_bytes + 2 * 1024,
        Op::Receipt | Op::Typing | Op::Ping => 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_replies_leave_no_room_until_they_are_there() {
        let mut in_flight = InFlight::default();
        let mut syncs = 0;
        while !in_flight.room().is_empty() {
            let reply = Box::pin(std::future::ready(Message::text("a reply")));
            in_flight.push(Op::Sync, 90, reply);
            syncs += 1;
        }
        assert_eq!(syncs, 2);
        assert!(in_flight.next().await.is_some());
        assert!(!in_flight.room().is_empty());
        in_flight.next().await;
        assert_eq!((in_flight.bytes, in_flight.reply_bytes), (0, 0));
    }

    #[test]
    fn small_requests_are_many() {
        let mut in_flight = InFlight::default();
        for _ in 0..MAX_IN_FLIGHT {
            assert!(!in_flight.room().is_empty());
            in_flight.push(Op::MessageSend, 200, Box::pin(std::future::pending()));
        }
        assert!(in_flight.room().is_empty());
    }
}
