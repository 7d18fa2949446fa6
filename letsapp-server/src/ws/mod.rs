//! The socket: its upgrade, its frames, and the task that serves it.
//!
//! `warp::ws` has no setting for the read buffer and copies every text frame; so the upgrade is a route of our own, and
//! behind it is tokio-tungstenite itself, with small buffers and frames shared by all who get them.

pub(crate) mod codec;
mod handshake;
mod ops;
mod socket;
mod socket_limits;

use std::sync::Arc;

use http::HeaderMap;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use letsapp_core::domain::id::ConnectionId;
use letsapp_core::domain::principal::Principal;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use warp::Filter;

use crate::api::endpoint::Endpoint;
use crate::api::reply::Answer;
use crate::api::request_context::{RequestContext, request_context};
use crate::client_connection::ClientConnection;
use crate::server_context::{ServerContext, ShutdownSignal};
use codec::MAX_FRAME_BYTES;
use handshake::Handshake;
use socket::Socket;

/// What is read at once; idle sockets are many, and each keeps a buffer of this size.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// What gathers before it is written without a flush.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;

/// Returns the endpoint of the upgrade.
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

/// Opens the socket, which `/asyncapi.json` describes. The token comes in `Authorization`, or as a second subprotocol
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
    let handshake = Handshake::read(&headers)?;
    let on_upgrade = on_upgrade.ok_or_else(handshake::not_a_handshake)?;
    let server = Arc::clone(context.server());
    let shutdown = server.shutdown_signal();
    tokio::spawn(open(server, principal, on_upgrade, shutdown, client));
    Ok(handshake.accept())
}

/// Serves a socket once its connection is handed over, and keeps its place among the server's connections.
async fn open(
    server: Arc<ServerContext>,
    principal: Principal,
    on_upgrade: OnUpgrade,
    shutdown: ShutdownSignal,
    client: Option<ClientConnection>,
) {
    let Ok(upgraded) = on_upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        tracing::error!("an upgraded connection is not of the kind that was accepted");
        return;
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_frame_size(Some(MAX_FRAME_BYTES))
        .max_message_size(Some(MAX_FRAME_BYTES));
    let (stream, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
    // Even empty, it holds on to hyper's buffer, which would stay for as long as the socket is open.
    drop(parts.read_buf);
    let stream = WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await;
    let connection_id = ConnectionId::from_uuid(server.app.ids().random());
    let connection = server.app.hub().connect(principal, connection_id);
    // The session may have ended since its token was checked; the connection is told then.
    let _ = server.app.auth().confirm(&principal).await;
    // What a client asks once it is greeted is no older than what it is told from then on.
    server.app.presence().settled(&principal).await;
    Socket::new(server, connection, stream).run(shutdown).await;
    drop(client);
}

#[cfg(test)]
mod tests;
