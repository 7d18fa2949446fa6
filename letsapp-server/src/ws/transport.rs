//! The stream of one socket: what was read, what is to be written, and the requests in between, all bounded.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::task::{Context as Poller, Poll, ready};

use futures_util::{SinkExt, StreamExt};
use letsapp_core::engine::events::Closed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::codec::{self, MAX_FRAME_BYTES};
use super::in_flight::{InFlight, Room};
use super::metering::Meter;
use crate::client_stream::ClientStream;

/// Size of the messages to write, in bytes, from which no more are taken until some are written.
pub(super) const MAX_OUTGOING_BYTES: usize = 1024 * 1024;

/// Number of messages for which a queue keeps its capacity after a burst. Idle sockets are many, so each keeps little.
pub(super) const KEPT_CAPACITY: usize = 16;

/// Bytes that are read in one turn of a socket's task. Sixteen reads: frames are read in good company, and thousands of
/// empty ones hold up neither the socket's own timers nor other sockets.
const READ_BYTES_PER_TURN: usize = 64 * 1024;

/// The WebSocket stream with its queues of messages.
pub(super) struct Transport {
    stream: WebSocketStream<ClientStream>,
    /// Bytes that were received, and the messages that they made.
    meter: Meter,
    /// Messages to write, in order.
    outgoing: VecDeque<Message>,
    /// Size of the messages to write.
    pub(super) outgoing_bytes: usize,
    /// Whether messages were written to the stream's buffer since the last flush.
    unflushed: bool,
    /// Whether the last attempt to write could not write everything, since the client reads too slowly.
    pub(super) blocked: bool,
    /// Messages that were read and not handled yet.
    pub(super) incoming: VecDeque<Message>,
    /// Reason for the end of the stream, reported once `incoming` is handled.
    ended: Option<EndReason>,
}

/// An event on the stream.
pub(super) enum IoEvent {
    /// All outgoing messages were written.
    Written,
    /// Messages were read into `incoming`, or so many bytes that they are to be counted.
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

impl Transport {
    pub(super) fn new(stream: WebSocketStream<ClientStream>) -> Self {
        Self {
            meter: Meter::new(stream.get_ref().received()),
            stream,
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            unflushed: false,
            blocked: false,
            incoming: VecDeque::new(),
            ended: None,
        }
    }

    /// Adds a message to those to write. A long one goes in pieces, so that it is not copied as a whole once more.
    pub(super) fn queue(&mut self, message: Message) {
        codec::in_pieces(message, |piece| {
            self.outgoing_bytes += piece.len();
            self.outgoing.push_back(piece);
        });
    }

    /// Returns the time when the client last took bytes that a write had waited for.
    pub(super) fn last_taken(&self) -> Option<Instant> {
        self.stream.get_ref().last_taken()
    }

    /// Returns the time by which the message that is being received must be complete.
    pub(super) fn message_deadline(&self) -> Option<Instant> {
        self.meter.deadline()
    }

    /// Returns how many units of bytes were received that were not counted yet, beyond one for each message.
    pub(super) fn take_units(&mut self) -> u32 {
        self.meter.take_units()
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
        if room.is_empty() {
            // The client can't complete a message that the server does not read.
            self.meter.pause();
            return Poll::Pending;
        }
        self.read(poller, room);
        // Requests read before the end are handled before it is reported.
        match self.ended.take_if(|_| self.incoming.is_empty()) {
            Some(end) => Poll::Ready(IoEvent::Ended(end)),
            None if self.incoming.is_empty() && !self.meter.has_units() => Poll::Pending,
            None => Poll::Ready(IoEvent::Read),
        }
    }

    /// Reads messages into `incoming`, as many as there is room for and one turn allows.
    fn read(&mut self, poller: &mut Poller<'_>, room: Room) {
        self.stream.get_mut().allow(READ_BYTES_PER_TURN);
        let mut bytes: usize = self.incoming.iter().map(Message::len).sum();
        while self.incoming.len() < room.messages && bytes < room.bytes && self.ended.is_none() {
            let polled = self.stream.poll_next_unpin(poller);
            self.meter.received(self.stream.get_ref().received());
            match polled {
                Poll::Ready(Some(Ok(message))) => {
                    bytes += message.len();
                    self.meter.completed(&message);
                    self.incoming.push_back(message);
                }
                Poll::Ready(Some(Err(error))) => self.ended = Some(end_reason(&error)),
                Poll::Ready(None) => self.ended = Some(EndReason::Gone),
                Poll::Pending => break,
            }
        }
        if self.meter.is_overlong() && self.ended.is_none() {
            self.ended = Some(EndReason::Protocol("a message comes in too many pieces".into()));
        }
        self.meter.settle();
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
            while let Some((reply, _)) = in_flight.next().await {
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
        stream.allow(usize::MAX);
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
            Self::Closed(Closed::TooMany) => Some((4003, "too many sockets of one user: the oldest ends".to_owned())),
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
    use letsapp_core::protocol::Op;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::super::in_flight::{MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES};

    use super::*;

    /// Returns the two ends of a connection.
    async fn pair() -> (Transport, WebSocketStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let stream = WebSocketStream::from_raw_socket(ClientStream::new(accepted.unwrap().0), Role::Server, None).await;
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
                in_flight.push(Op::Ping, message.len(), Box::pin(std::future::ready(reply)));
            }
            transport.take_units();
        }
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
