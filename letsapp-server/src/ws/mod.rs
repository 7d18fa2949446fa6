//! The WebSocket: `handshake.rs` checks the upgrade, `codec.rs` reads and writes frames, `ops.rs` carries out requests,
//! `socket_limits.rs` limits them, and `socket.rs` has the task that serves one socket, over the stream in
//! `transport.rs`, with the requests in `in_flight.rs` and the bytes counted in `metering.rs`.
//!
//! Replaces `warp::ws`, which has no setting for the read buffer and copies every text frame. Here each idle socket
//! keeps a small buffer, and an event's bytes are shared by all sockets that receive it.

pub(crate) mod codec;
mod handshake;
mod in_flight;
mod metering;
mod ops;
mod socket;
mod socket_limits;
mod transport;

use std::sync::Arc;

use http::HeaderMap;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use letsapp_core::domain::id::ConnectionId;
use letsapp_core::domain::principal::Principal;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use warp::Filter;

use crate::api::endpoint::Endpoint;
use crate::api::reply::Answer;
use crate::api::request_context::{RequestContext, request_context};
use crate::client_connection::ClientConnection;
use crate::lingering::LingeringStream;
use crate::server_context::{ServerContext, ShutdownSignal};
use codec::MAX_FRAME_BYTES;
use handshake::Handshake;
use socket::Socket;

/// Path of the socket.
pub(crate) const PATH: &str = "/v1/ws";

/// Size of a socket's read buffer in bytes. Each idle socket keeps one, so it holds a typical frame and no more.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Number of bytes that gather before they are written even without a flush. Replies and events of one turn leave in
/// one system call up to this size.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;

/// Returns the endpoint that opens a socket.
pub(crate) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let filter = warp::path!("v1" / "ws")
        .and(warp::get())
        .and(request_context(server))
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<OnUpgrade>())
        .and(warp::ext::optional::<ClientConnection>())
        .then(upgrade);
    vec![Endpoint::new::<__path_upgrade>(filter)]
}

/// Opens a WebSocket.
///
/// `/asyncapi.json` describes its frames. The access token is sent in `Authorization`, or as a second subprotocol
/// `bearer.<access token>`.
#[utoipa::path(get, path = "/v1/ws", tag = "socket",
    responses((status = 101, description = "The socket is open")), security(("bearer" = [])))]
async fn upgrade(
    context: RequestContext,
    headers: HeaderMap,
    on_upgrade: Option<OnUpgrade>,
    client: Option<ClientConnection>,
) -> Answer {
    let principal = match handshake::subprotocol_token(&headers) {
        Some(token) => context.authenticate(token).await?,
        None => context.principal().await?,
    };
    let (handshake, on_upgrade) = match (Handshake::read(&headers), on_upgrade) {
        (Ok(handshake), Some(on_upgrade)) => (handshake, on_upgrade),
        (Ok(_), None) => return Ok(handshake::refusal(handshake::not_a_handshake())),
        (Err(error), _) => return Ok(handshake::refusal(error)),
    };
    let server = Arc::clone(context.server());
    let shutdown = server.shutdown_signal();
    tokio::spawn(open(server, principal, on_upgrade, shutdown, client));
    Ok(handshake.accept())
}

/// Serves a socket once hyper has handed its connection over. Holds `client` until the end, so that the socket counts
/// as one of the server's connections.
async fn open(
    server: Arc<ServerContext>,
    principal: Principal,
    on_upgrade: OnUpgrade,
    shutdown: ShutdownSignal,
    client: Option<ClientConnection>,
) {
    let Ok(upgraded) = on_upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<LingeringStream>>() else {
        tracing::error!("an upgraded connection is not a client's stream; dropping it");
        return;
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_frame_size(Some(MAX_FRAME_BYTES))
        .max_message_size(Some(MAX_FRAME_BYTES));
    let Ok(stream) = parts.io.into_inner().into_inner() else {
        return;
    };
    let early = parts.read_buf.to_vec();
    // Even empty, it shares hyper's buffer, which would otherwise be kept as long as the socket is open.
    drop(parts.read_buf);
    let stream = WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await;
    let connection_id = ConnectionId::from_uuid(server.app.ids().random());
    let connection = server.app.hub().connect(principal, connection_id);
    server
        .app
        .hub()
        .keep_newest(principal.user_id, server.max_sockets_per_user);
    // The session may have ended between the check of its token and `connect`; this closes the connection then.
    let _ = server.app.auth().confirm(&principal).await;
    // Waits until the contacts' presence is subscribed: a client that reads presence after `hello` misses no change.
    server.app.presence().settled(&principal).await;
    Socket::new(server, connection, stream).run(shutdown).await;
    drop(client);
}

#[cfg(test)]
mod tests;
