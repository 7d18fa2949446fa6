//! The stream of one socket: what was read, what is to be written, and the requests in between, all bounded.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::task::{Context as Poller, Poll, ready};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use letsapp_core::engine::events::Closed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::codec::MAX_FRAME_BYTES;
use super::ops::PendingReply;

/// Maximum number of concurrent requests of one socket. At the maximum nothing is read until one is answered, so that
/// one client can't queue work without end. Large enough for a client that sends without waiting for replies.
const MAX_IN_FLIGHT: usize = 64;

/// Maximum size of the frames of one socket's concurrent requests, in bytes; the last one read may go beyond it. Without
/// it, a few clients with large frames could fill the memory while the store is slow.
const MAX_IN_FLIGHT_BYTES: usize = 1024 * 1024;

/// Size of the messages to write, in bytes, from which no more are taken until some are written.
pub(super) const MAX_OUTGOING_BYTES: usize = 1024 * 1024;

/// Number of messages for which a queue keeps its capacity after a burst. Idle sockets are many, so each keeps little.
pub(super) const KEPT_CAPACITY: usize = 16;

/// The requests of a socket that are being carried out.
#[derive(Default)]
pub(super) struct InFlight {
    replies: FuturesUnordered<BoxFuture<'static, (Message, usize)>>,
    /// Size of their frames.
    bytes: usize,
}

/// The WebSocket stream with its queues of messages.
pub(super) struct Transport {
    stream: WebSocketStream<TcpStream>,
    /// Messages to write, in order.
    outgoing: VecDeque<Message>,
    /// Size of the messages to write.
    pub(super) outgoing_bytes: usize,
    /// Whether messages were written to the stream's buffer since the last flush.
    unflushed: bool,
    /// Whether the last attempt to write could not write everything, since the client reads too slowly.
    pub(super) blocked: bool,
    /// Messages that were read and not handled yet.
    pub(super) incoming: Vec<Message>,
    /// Reason for the end of the stream, reported once `incoming` is handled.
    ended: Option<EndReason>,
}

/// The messages that may be read: this many, and up to this size.
#[derive(Clone, Copy, Default)]
pub(super) struct Room {
    messages: usize,
    bytes: usize,
}

/// An event on the stream.
pub(super) enum IoEvent {
    /// All outgoing messages were written.
    Written,
    /// Messages were read into `incoming`.
    Read,
    /// The stream ended.
    Ended(EndReason),
}

/// The reason for the end of a socket.
pub(super) enum EndReason {
    /// The client disconnected.
    Gone,
    /// Nothing was received for too long.
    Silent,
    /// The client broke the protocol in this way.
    Protocol(Cow<'static, str>),
    /// The client kept sending although its requests were refused for a rate limit.
    TooMany,
    /// The hub closed the connection.
    Closed(Closed),
    /// The server shuts down.
    GoingAway,
}

impl InFlight {
    pub(super) fn push(&mut self, pending: PendingReply, bytes: usize) {
        self.bytes += bytes;
        self.replies.push(Box::pin(async move { (pending.await, bytes) }));
    }

    /// Returns the next reply, in the order in which they are ready; `None` if there are no requests.
    pub(super) async fn next(&mut self) -> Option<Message> {
        let (reply, bytes) = self.replies.next().await?;
        self.bytes -= bytes;
        Some(reply)
    }

    pub(super) fn room(&self) -> Room {
        Room {
            messages: MAX_IN_FLIGHT - self.replies.len(),
            bytes: MAX_IN_FLIGHT_BYTES.saturating_sub(self.bytes),
        }
    }
}

impl Transport {
    pub(super) const fn new(stream: WebSocketStream<TcpStream>) -> Self {
        Self {
            stream,
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            unflushed: false,
            blocked: false,
            incoming: Vec::new(),
            ended: None,
        }
    }

    /// Adds a message to those to write.
    pub(super) fn queue(&mut self, message: Message) {
        self.outgoing_bytes += message.len();
        self.outgoing.push_back(message);
    }

    /// Writes the outgoing messages, then reads as many as there is room for. The last one may need more.
    pub(super) fn poll(&mut self, poller: &mut Poller<'_>, room: Room) -> Poll<IoEvent> {
        let written = self.poll_write(poller);
        self.blocked = written.is_pending();
        match written {
            Poll::Ready(Ok(true)) => return Poll::Ready(IoEvent::Written),
            Poll::Ready(Ok(false)) | Poll::Pending => {}
            Poll::Ready(Err(error)) => return Poll::Ready(IoEvent::Ended(end_reason(&error))),
        }
        if room.messages == 0 || room.bytes == 0 {
            return Poll::Pending;
        }
        let mut bytes = 0;
        while self.incoming.len() < room.messages && bytes < room.bytes && self.ended.is_none() {
            match self.stream.poll_next_unpin(poller) {
                Poll::Ready(Some(Ok(message))) => {
                    bytes += message.len();
                    self.incoming.push(message);
                }
                Poll::Ready(Some(Err(error))) => self.ended = Some(end_reason(&error)),
                Poll::Ready(None) => self.ended = Some(EndReason::Gone),
                Poll::Pending => break,
            }
        }
        // Requests read before the end are handled before it is reported.
        match self.ended.take_if(|_| self.incoming.is_empty()) {
            Some(end) => Poll::Ready(IoEvent::Ended(end)),
            None if self.incoming.is_empty() => Poll::Pending,
            None => Poll::Ready(IoEvent::Read),
        }
    }

    /// Writes and flushes the outgoing messages. Returns true if there were any.
    fn poll_write(&mut self, poller: &mut Poller<'_>) -> Poll<Result<bool, Error>> {
        while !self.outgoing.is_empty() {
            ready!(self.stream.poll_ready_unpin(poller))?;
            if let Some(message) = self.outgoing.pop_front() {
                self.outgoing_bytes -= message.len();
                self.stream.start_send_unpin(message)?;
                self.unflushed = true;
            }
        }
        if !self.unflushed {
            return Poll::Ready(Ok(false));
        }
        ready!(self.stream.poll_flush_unpin(poller))?;
        self.unflushed = false;
        self.outgoing.shrink_to(KEPT_CAPACITY);
        Poll::Ready(Ok(true))
    }

    /// Sends the close frame and lets the client read it. On a shutdown, finishes the requests in flight first.
    pub(super) async fn end(mut self, end: EndReason, mut in_flight: InFlight) {
        let Some((code, reason)) = end.close_code() else { return };
        if matches!(end, EndReason::GoingAway) {
            while let Some(reply) = in_flight.next().await {
                self.queue(reply);
            }
        }
        self.queue(Message::Close(Some(CloseFrame {
            code: code.into(),
            reason: reason.into(),
        })));
        if std::future::poll_fn(|poller| self.poll_write(poller)).await.is_err() {
            return;
        }
        // Reads until the client closes: closing a TCP connection with unread data resets it, and the client might lose
        // the close frame.
        let stream = self.stream.get_mut();
        let mut ignored = [0; 1024];
        if stream.shutdown().await.is_ok() {
            while matches!(stream.read(&mut ignored).await, Ok(read) if read > 0) {}
        }
    }
}

impl EndReason {
    /// Returns the close code and the reason; `None` if the client is gone.
    fn close_code(&self) -> Option<(u16, String)> {
        match self {
            Self::Gone | Self::Silent => None,
            Self::Protocol(why) => Some((4000, why.clone().into_owned())),
            Self::TooMany => Some((4003, "too many frames: reconnect later".to_owned())),
            Self::Closed(Closed::SessionEnded) => Some((4001, "the session has ended".to_owned())),
            Self::Closed(Closed::TooSlow) => Some((4002, "too slow: reconnect and sync".to_owned())),
            Self::GoingAway => Some((1001, "the server is shutting down".to_owned())),
        }
    }
}

fn end_reason(error: &Error) -> EndReason {
    match error {
        Error::Capacity(_) => EndReason::Protocol(format!("a frame is longer than {MAX_FRAME_BYTES} bytes").into()),
        Error::Protocol(why) => EndReason::Protocol(why.to_string().into()),
        Error::Utf8(_) => EndReason::Protocol("text frames must be UTF-8".into()),
        _ => EndReason::Gone,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    /// Returns the two ends of a connection.
    async fn pair() -> (Transport, WebSocketStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let stream = WebSocketStream::from_raw_socket(accepted.unwrap().0, Role::Server, None).await;
        let transport = Transport::new(stream);
        let client = WebSocketStream::from_raw_socket(client.unwrap(), Role::Client, None).await;
        (transport, client)
    }

    #[tokio::test]
    async fn requests_are_read_until_those_in_flight_are_large() {
        let (mut transport, mut client) = pair().await;
        let frame = MAX_IN_FLIGHT_BYTES / 4;
        tokio::spawn(async move {
            for _ in 0..MAX_IN_FLIGHT {
                client.send(Message::text("x".repeat(frame))).await.unwrap();
            }
            std::future::pending::<()>().await;
        });
        let mut in_flight = InFlight::default();
        while in_flight.room().bytes > 0 {
            let read = std::future::poll_fn(|poller| transport.poll(poller, in_flight.room())).await;
            assert!(matches!(read, IoEvent::Read));
            for message in transport.incoming.drain(..) {
                let reply = Message::text("a reply");
                in_flight.push(Box::pin(std::future::ready(reply)), message.len());
            }
        }
        assert_eq!((in_flight.replies.len(), in_flight.bytes), (4, MAX_IN_FLIGHT_BYTES));
        let full = std::future::poll_fn(|poller| Poll::Ready(transport.poll(poller, in_flight.room()))).await;
        assert!(full.is_pending(), "sixty more are on their way");
        assert!(in_flight.next().await.is_some());
        assert_eq!(in_flight.room().bytes, frame);
    }

    #[tokio::test]
    async fn messages_to_write_are_counted_until_they_are_written() {
        let (mut transport, mut client) = pair().await;
        transport.queue(Message::text("hello"));
        transport.queue(Message::text("world!"));
        assert_eq!(transport.outgoing_bytes, 11);
        let written = std::future::poll_fn(|poller| transport.poll(poller, Room::default())).await;
        assert!(matches!(written, IoEvent::Written));
        assert_eq!(transport.outgoing_bytes, 0);
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text("hello"));
    }
}
