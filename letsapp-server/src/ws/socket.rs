//! The task that serves one socket: reads requests, writes replies and events, keeps the heart beating.

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

/// A socket that was silent for so long is dropped: two and a half heartbeats.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(75);

/// How many requests of one socket are worked on at once; until one of them is answered, no more is read.
const MAX_IN_FLIGHT: usize = 64;

/// How long a socket that ends may take to be told so.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// One open socket.
pub(super) struct Socket {
    handler: OpHandler,
    connection: Connection,
    transport: Transport,
    in_flight: FuturesUnordered<PendingReply>,
    last_received: Instant,
    limits: SocketLimits,
}

/// The stream, and what waits to be written to it.
struct Transport {
    stream: WebSocketStream<TcpStream>,
    outgoing: VecDeque<Message>,
    unflushed: bool,
    /// Whether the last attempt to write could not write everything.
    blocked: bool,
    /// What came in and is not taken up yet.
    incoming: Vec<Message>,
    /// Why nothing more comes behind what came in.
    ended: Option<EndReason>,
}

/// Why a socket ends.
enum EndReason {
    /// The other side is gone.
    Gone,
    /// Nothing was last_received for too long.
    Silent,
    /// The client did not speak the protocol.
    Protocol(Cow<'static, str>),
    /// The client said too much, and went on when it was told so.
    TooMany,
    /// The hub closed it.
    Closed(Closed),
    /// The server goes away.
    GoingAway,
}

/// What happened on the stream.
enum IoEvent {
    /// All that waited was written.
    Written,
    /// Something came in.
    Read,
    /// Nothing more will.
    Ended(EndReason),
}

impl Socket {
    /// Puts a socket together.
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

    /// Serves the socket until it ends, or the server goes away.
    pub(super) async fn run(mut self, mut shutdown: ShutdownSignal) {
        let server = Arc::clone(&self.handler.server);
        server.meters.sockets.increment(1.0);
        self.send_hello();
        let end = self.serve(&mut shutdown).await;
        // From here on its user is told nothing more on it.
        let Self {
            connection,
            transport,
            in_flight,
            ..
        } = self;
        drop(connection);
        // Nobody waits for a goodbye longer than this, nor for the answers before it.
        let _ = timeout(CLOSE_TIMEOUT, transport.end(end, in_flight)).await;
        server.meters.sockets.decrement(1.0);
    }

    fn send_hello(&mut self) {
        let hello = Event::Hello(Hello {
            connection_id: self.handler.connection_id,
            session_id: self.handler.principal.session_id,
            user_id: self.handler.principal.user_id,
            server_time: self.handler.server.app.clock().now(),
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
            // As long as the other side takes nothing, nothing more comes: events wait in the outbox, which is bounded,
            // replies where they are made, and requests in the kernel's buffers.
            let flows = !transport.blocked;
            let room = if flows { MAX_IN_FLIGHT - in_flight.len() } else { 0 };
            tokio::select! {
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

/// What a queue keeps of its room after a burst.
const KEPT_CAPACITY: usize = 16;

/// Begins to answer what came in, if it asks for an answer.
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
        Message::Binary(_) => Err(EndReason::Protocol("frames are text".into())),
        // The stream answers a ping or a goodbye by itself when it is polled again.
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

/// Returns how long a client shall wait, if it is asked to once more.
fn wait_or_end(over_limit: OverLimit) -> Result<Duration, EndReason> {
    match over_limit {
        OverLimit::Wait(wait) => Ok(wait),
        OverLimit::Disconnect => Err(EndReason::TooMany),
    }
}

impl Transport {
    /// Writes what waits, then reads what has come in, as much as there is room for.
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
        // What was asked before the end is taken up all the same.
        match self.ended.take_if(|_| self.incoming.is_empty()) {
            Some(end) => Poll::Ready(IoEvent::Ended(end)),
            None if self.incoming.is_empty() => Poll::Pending,
            None => Poll::Ready(IoEvent::Read),
        }
    }

    /// Writes and flushes what waits; true if there was something.
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

    /// Says goodbye: answers what was asked before, names the reason, and lets the other side read it.
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
        // ShutdownSignal a connection with something unread resets it, and the goodbye might be lost with it.
        let stream = self.stream.get_mut();
        let mut ignored = [0; 1024];
        if stream.shutdown().await.is_ok() {
            while matches!(stream.read(&mut ignored).await, Ok(read) if read > 0) {}
        }
    }
}

impl EndReason {
    /// Returns the close code and the reason; `None` where nobody is left to be told.
    fn close_code(&self) -> Option<(u16, String)> {
        match self {
            Self::Gone | Self::Silent => None,
            Self::Protocol(why) => Some((4000, why.clone().into_owned())),
            Self::TooMany => Some((4003, "too many frames: come back later".to_owned())),
            Self::Closed(Closed::SessionEnded) => Some((4001, "the session is over".to_owned())),
            Self::Closed(Closed::TooSlow) => Some((4002, "too slow: come back and sync".to_owned())),
            Self::GoingAway => Some((1001, "the server is going away".to_owned())),
        }
    }
}

fn end_reason(error: &Error) -> EndReason {
    match error {
        Error::Capacity(_) => EndReason::Protocol(format!("a frame has at most {MAX_FRAME_BYTES} bytes").into()),
        Error::Protocol(why) => EndReason::Protocol(why.to_string().into()),
        Error::Utf8(_) => EndReason::Protocol("text is UTF-8".into()),
        _ => EndReason::Gone,
    }
}
