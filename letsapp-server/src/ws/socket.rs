//! The task that serves one socket: reads requests, writes replies and events, and sends pings.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use letsapp_core::engine::events::{Closed, Connection};
use letsapp_core::protocol::{Event, Hello, Op};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::codec::{HEARTBEAT_INTERVAL, MAX_FRAME_BYTES, MalformedFrame, SocketRequest, text};
use super::in_flight::{InFlight, Room};
use super::metering::MESSAGE_TIMEOUT;
use super::ops::{OpHandler, PendingReply};
use super::socket_limits::{OverLimit, SocketLimits};
use super::transport::{EndReason, IoEvent, KEPT_CAPACITY, MAX_OUTGOING_BYTES, Transport};
use crate::client_stream::ClientStream;
use crate::error::ApiError;
use crate::server_context::{ServerContext, ShutdownSignal};

/// Time without a sign of life after which a socket is dropped: two and a half heartbeats, so that one lost pong is
/// forgiven. A client also lives that takes bytes which waited for it, and one to which the server does not listen.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(75);

/// Time to send the last replies and the close frame of a socket that ends. Below the server's shutdown timeout of 7 s,
/// so that a client that reads nothing does not delay the shutdown.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// An open socket.
pub(super) struct Socket {
    handler: OpHandler,
    connection: Connection,
    transport: Transport,
    in_flight: InFlight,
    /// Time of the last sign of life that was received: a frame, pongs included.
    last_received: Instant,
    limits: SocketLimits,
}

impl Socket {
    /// Creates a socket from a registered connection and its stream.
    pub(super) fn new(
        server: Arc<ServerContext>,
        connection: Connection,
        stream: WebSocketStream<ClientStream>,
    ) -> Self {
        let principal = connection.principal();
        let connection_id = connection.connection_id();
        Self {
            handler: OpHandler {
                server,
                principal,
                connection_id,
            },
            connection,
            transport: Transport::new(stream),
            in_flight: InFlight::default(),
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
            .queue(text(serde_json::to_vec(&hello).expect("events are plain data")));
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
        let mut is_ending = false;
        loop {
            // Backpressure: while the client does not read, no events or replies are queued. Events wait in the outbox,
            // which is bounded, replies in their futures, and requests in the kernel's buffers.
            let flows = !transport.blocked && transport.outgoing_bytes < MAX_OUTGOING_BYTES;
            let room = if flows { in_flight.room() } else { Room::default() };
            tokio::select! {
                // In this order, the shutdown and the time are noticed under any load, and what is ready to send is
                // queued before it is written, so that several messages share a flush.
                biased;
                () = &mut shutdown => return EndReason::GoingAway,
                () = &mut timer => {
                    let now = Instant::now();
                    if room.is_empty() {
                        // A client that is not listened to can't be silent. One that takes nothing ends by its writes.
                        *last_received = now;
                    }
                    let alive = transport.last_taken().map_or(*last_received, |taken| taken.max(*last_received));
                    if now >= alive + SILENCE_TIMEOUT {
                        return EndReason::Silent;
                    }
                    if transport.message_deadline().is_some_and(|deadline| now >= deadline) {
                        let seconds = MESSAGE_TIMEOUT.as_secs();
                        return EndReason::Protocol(format!("a message was not complete within {seconds} s").into());
                    }
                    if now >= next_ping {
                        transport.queue(Message::Ping(bytes::Bytes::new()));
                        next_ping = now + HEARTBEAT_INTERVAL;
                    }
                    // A message that begins later is complete or late at the next ping at the earliest.
                    let next = next_ping.min(alive + SILENCE_TIMEOUT);
                    timer.as_mut().reset(transport.message_deadline().map_or(next, |deadline| deadline.min(next)));
                }
                // A socket that gives way to a newer one does so at once, even if its client reads nothing. For any
                // other reason the client may still read up to the close frame that names it, until writes time out.
                closed = connection.closed(), if !flows && !is_ending => match closed {
                    Closed::TooMany => return EndReason::Closed(closed),
                    Closed::TooSlow | Closed::SessionEnded => is_ending = true,
                },
                drained = connection.drain(&mut events), if flows => match drained {
                    Ok(()) => {
                        handler.server.meters.frames_sent.increment(events.len() as u64);
                        for event in events.drain(..) {
                            transport.queue(text(event.frame().clone()));
                        }
                        events.shrink_to(KEPT_CAPACITY);
                    }
                    Err(closed) => return EndReason::Closed(closed),
                },
                Some((reply, op)) = in_flight.next(), if flows => {
                    handler.server.meters.frames_sent.increment(1);
                    limits.charge_reply(&handler.server.limiter, op, handler.principal.user_id, reply.len());
                    transport.queue(reply);
                }
                io = std::future::poll_fn(|poller| transport.poll(poller, room)) => match io {
                    IoEvent::Written => {}
                    IoEvent::Read => {
                        *last_received = Instant::now();
                        let units = transport.take_units();
                        if let Err(OverLimit::Disconnect) = limits.count_units(&handler.server.limiter, units) {
                            return EndReason::TooMany;
                        }
                        // Those beyond the room wait: one frame may ask for an answer of megabytes.
                        while !in_flight.room().is_empty() && let Some(message) = transport.incoming.pop_front() {
                            let bytes = message.len();
                            match handle_message(handler, limits, message) {
                                Ok(Some((op, pending))) => in_flight.push(op, bytes, pending),
                                Ok(None) => {}
                                Err(end) => return end,
                            }
                        }
                        transport.incoming.shrink_to(KEPT_CAPACITY);
                    }
                    IoEvent::Ended(end) => return end,
                },
            }
        }
    }
}

/// Handles a message from the client: starts the operation if it is a request, and returns the pending reply.
fn handle_message(
    handler: &OpHandler,
    limits: &mut SocketLimits,
    message: Message,
) -> Result<Option<(Op, PendingReply)>, EndReason> {
    handler.server.meters.frames_received.increment(1);
    let (limiter, user_id) = (&handler.server.limiter, handler.principal.user_id);
    let counted = limits.count_frame(limiter);
    match message {
        Message::Text(text) => match SocketRequest::read(&text) {
            Ok(request) => match counted.and_then(|()| limits.count_op(limiter, request.op, user_id)) {
                Ok(()) => Ok(Some((request.op, handler.handle(&request)))),
                Err(over_limit) => Ok(Some(refuse(request.id, ApiError::limited(wait_or_end(over_limit)?)))),
            },
            Err(MalformedFrame::WithId(id, error)) => match counted {
                Ok(()) => Ok(Some(refuse(id, error))),
                Err(over_limit) => Ok(Some(refuse(id, ApiError::limited(wait_or_end(over_limit)?)))),
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

/// Returns the reply to a request that is refused; it is as small as that to a ping.
fn refuse(id: u64, error: ApiError) -> (Op, PendingReply) {
    let reply = super::codec::reply::<()>(id, Err(error));
    (Op::Ping, Box::pin(std::future::ready(reply)))
}

/// Returns the time that a client has to wait, or the end of its socket.
fn wait_or_end(over_limit: OverLimit) -> Result<Duration, EndReason> {
    match over_limit {
        OverLimit::Wait(wait) => Ok(wait),
        OverLimit::Disconnect => Err(EndReason::TooMany),
    }
}

#[cfg(test)]
mod tests;
