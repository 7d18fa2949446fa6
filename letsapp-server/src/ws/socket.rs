//! The task that serves one socket: reads requests, writes replies and events, and sends pings.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, ready};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use letsapp_core::protocol::Hello;
use letsapp_core::{
    engine::events::{Closed, Connection},
    protocol::Event,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::codec::{HEARTBEAT_INTERVAL, MAX_FRAME_BYTES, MalformedFrame, SocketRequest, text};
use super::ops::{OpHandler, PendingReply};
use super::socket_limits::{OverLimit, SocketLimits};
use crate::error::ApiError;
use crate::server_context::{ServerContext, ShutdownSignal};

/// Time without a frame after which a socket is dropped: two and a half heartbeats, so that one lost pong is forgiven.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(75);

/// Maximum number of concurrent requests of one socket. At the maximum nothing is read until one is answered, so that
/// one client can't queue work without end. Large enough for a client that sends without waiting for replies.
const MAX_IN_FLIGHT: usize = 64;

/// Time to send the last replies and the close frame of a socket that ends. Below the server's shutdown timeout of 7 s,
/// so that a client that reads nothing does not delay the shutdown.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// An open socket.
pub(super) struct Socket {
    handler: OpHandler,
    connection: Connection,
    transport: Transport,
    /// Requests that are being carried out.
    in_flight: FuturesUnordered<PendingReply>,
    /// Time of the last frame from the client, pongs included.
    last_received: Instant,
    limits: SocketLimits,
}

/// The WebSocket stream with its queues of messages.
struct Transport {
    stream: WebSocketStream<TcpStream>,
    /// Messages to write, in order.
    outgoing: VecDeque<Message>,
    /// Whether messages were written to the stream's buffer since the last flush.
    unflushed: bool,
    /// Whether the last attempt to write could not write everything, since the client reads too slowly.
    blocked: bool,
    /// Messages that were read and not handled yet.
    incoming: Vec<Message>,
    /// Reason for the end of the stream, reported once `incoming` is handled.
    ended: Option<EndReason>,
}

/// The reason for the end of a socket.
enum EndReason {
    /// The client disconnected.
    Gone,
    /// Nothing was received for [`SILENCE_TIMEOUT`].
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

/// An event on the stream.
enum IoEvent {
    /// All outgoing messages were written.
    Written,
    /// Messages were read into `incoming`.
    Read,
    /// The stream ended.
    Ended(EndReason),
}

impl Socket {
    /// Creates a socket from a registered connection and its stream.
    pub(super) fn new(server: Arc<ServerContext>, connection: Connection, stream: WebSocketStream<TcpStream>) -> Self {
        let principal = connection.principal();
        let connection_id = connection.connection_id();
        Self {
            handler: OpHandler {
                server,
                principal,
                connection_id,
            },
            connection,
            transport: Transport {
                stream,
                outgoing: VecDeque::new(),
                unflushed: false,
                blocked: false,
                incoming: Vec::new(),
                ended: None,
            },
            in_flight: FuturesUnordered::new(),
            last_received: Instant::now(),
            limits: SocketLimits::default(),
        }
    }

    /// Serves the socket until it ends or the server shuts down.
    pub(super) async fn run(mut self, mut shutdown: ShutdownSignal) {
        let server = Arc::clone(&self.handler.server);
        server.meters.sockets.increment(1.0);
        self.send_hello();
        let end = self.serve(&mut shutdown).await;
        // Leaves the hub first: no more events are queued, and presence sees the user leave now, not after the timeout.
        let Self {
            connection,
            transport,
            in_flight,
            ..
        } = self;
        drop(connection);
        let _ = timeout(CLOSE_TIMEOUT, transport.end(end, in_flight)).await;
        server.meters.sockets.decrement(1.0);
    }

    fn send_hello(&mut self) {
        let hello = Event::Hello(Hello {
            connection_id: self.handler.connection_id,
            session_id: self.handler.principal.session_id,
            user_id: self.handler.principal.user_id,
            server_time: self.handler.server.app.clock().now(),
            epoch: self.handler.server.app.epoch(),
            heartbeat_ms: u64::try_from(HEARTBEAT_INTERVAL.as_millis()).expect("a heartbeat is short"),
            max_frame_bytes: MAX_FRAME_BYTES,
        });
        self.transport
            .outgoing
            .push_back(text(serde_json::to_vec(&hello).expect("events are plain data")));
    }

    async fn serve(&mut self, shutdown: &mut ShutdownSignal) -> EndReason {
        let Self {
            handler,
            connection,
            transport,
            in_flight,
            last_received,
            limits,
        } = self;
        let mut shutdown = pin!(shutdown.received());
        let mut next_ping = Instant::now() + HEARTBEAT_INTERVAL;
        let mut timer = pin!(sleep_until(next_ping));
        let mut events = Vec::new();
        loop {
            // Backpressure: while the client does not read, no events or replies are queued. Events wait in the outbox,
            // which is bounded, replies in their futures, and requests in the kernel's buffers.
            let flows = !transport.blocked;
            let room = if flows { MAX_IN_FLIGHT - in_flight.len() } else { 0 };
            tokio::select! {
                // In this order, the shutdown is noticed under load, and what is ready to send is queued before it is
                // written, so that several messages share a flush.
                biased;
                () = &mut shutdown => return EndReason::GoingAway,
                drained = connection.drain(&mut events), if flows => match drained {
                    Ok(()) => {
                        handler.server.meters.frames_sent.increment(events.len() as u64);
                        transport.outgoing.extend(events.drain(..).map(|event| text(event.frame().clone())));
                        events.shrink_to(KEPT_CAPACITY);
                    }
                    Err(closed) => return EndReason::Closed(closed),
                },
                Some(reply) = in_flight.next(), if flows => {
                    handler.server.meters.frames_sent.increment(1);
                    transport.outgoing.push_back(reply);
                }
                io = std::future::poll_fn(|poller| transport.poll(poller, room)) => match io {
                    IoEvent::Written => {}
                    IoEvent::Read => {
                        *last_received = Instant::now();
                        for message in transport.incoming.drain(..) {
                            match handle_message(handler, limits, message) {
                                Ok(Some(pending)) => in_flight.push(pending),
                                Ok(None) => {}
                                Err(end) => return end,
                            }
                        }
                        transport.incoming.shrink_to(KEPT_CAPACITY);
                    }
                    IoEvent::Ended(end) => return end,
                },
                () = &mut timer => {
                    let now = Instant::now();
                    if now >= *last_received + SILENCE_TIMEOUT {
                        return EndReason::Silent;
                    }
                    if now >= next_ping {
                        transport.outgoing.push_back(Message::Ping(bytes::Bytes::new()));
                        next_ping = now + HEARTBEAT_INTERVAL;
                    }
                    timer.as_mut().reset(next_ping.min(*last_received + SILENCE_TIMEOUT));
                }
            }
        }
    }
}

/// Number of messages for which a queue keeps its capacity after a burst. Idle sockets are many, so each keeps little.
const KEPT_CAPACITY: usize = 16;

/// Handles a message from the client: starts the operation if it is a request, and returns the pending reply.
fn handle_message(
    handler: &OpHandler,
    limits: &mut SocketLimits,
    message: Message,
) -> Result<Option<PendingReply>, EndReason> {
    handler.server.meters.frames_received.increment(1);
    let (limiter, user_id) = (&handler.server.limiter, handler.principal.user_id);
    let counted = limits.count_frame(limiter);
    match message {
        Message::Text(text) => match SocketRequest::read(&text) {
            Ok(request) => match counted.and_then(|()| limits.count_op(limiter, request.op, user_id)) {
                Ok(()) => Ok(Some(handler.handle(&request))),
                Err(over_limit) => refuse(request.id, ApiError::limited(wait_or_end(over_limit)?)),
            },
            Err(MalformedFrame::WithId(id, error)) => match counted {
                Ok(()) => refuse(id, error),
                Err(over_limit) => refuse(id, ApiError::limited(wait_or_end(over_limit)?)),
            },
            Err(MalformedFrame::WithoutId(why)) => Err(EndReason::Protocol(why.into())),
        },
        Message::Binary(_) => Err(EndReason::Protocol("frames must be text".into())),
        // Tungstenite answers pings and close frames itself when the stream is polled again.
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => match counted {
            Err(OverLimit::Disconnect) => Err(EndReason::TooMany),
            Err(OverLimit::Wait(_)) | Ok(()) => Ok(None),
        },
    }
}

fn refuse(id: u64, error: ApiError) -> Result<Option<PendingReply>, EndReason> {
    let reply = super::codec::reply::<()>(id, Err(error));
    Ok(Some(Box::pin(std::future::ready(reply))))
}

/// Returns the time that a client has to wait, or the end of its socket.
fn wait_or_end(over_limit: OverLimit) -> Result<Duration, EndReason> {
    match over_limit {
        OverLimit::Wait(wait) => Ok(wait),
        OverLimit::Disconnect => Err(EndReason::TooMany),
    }
}

impl Transport {
    /// Writes the outgoing messages, then reads up to `room` messages.
    fn poll(&mut self, poller: &mut Poller<'_>, room: usize) -> Poll<IoEvent> {
        let written = self.poll_write(poller);
        self.blocked = written.is_pending();
        match written {
            Poll::Ready(Ok(true)) => return Poll::Ready(IoEvent::Written),
            Poll::Ready(Ok(false)) | Poll::Pending => {}
            Poll::Ready(Err(error)) => return Poll::Ready(IoEvent::Ended(end_reason(&error))),
        }
        if room == 0 {
            return Poll::Pending;
        }
        while self.incoming.len() < room && self.ended.is_none() {
            match self.stream.poll_next_unpin(poller) {
                Poll::Ready(Some(Ok(message))) => self.incoming.push(message),
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
    async fn end(mut self, end: EndReason, mut in_flight: FuturesUnordered<PendingReply>) {
        let Some((code, reason)) = end.close_code() else { return };
        if matches!(end, EndReason::GoingAway) {
            while let Some(reply) = in_flight.next().await {
                self.outgoing.push_back(reply);
            }
        }
        self.outgoing.push_back(Message::Close(Some(CloseFrame {
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
