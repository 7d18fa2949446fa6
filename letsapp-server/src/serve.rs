//! Accepts connections and serves HTTP/1.1 on them.
//!
//! Replaces `warp::serve`, which has neither a timeout for request headers nor a maximum number of connections. A
//! connection whose client reads nothing ends by `client_stream.rs`; one that is idle makes room for another by
//! `idle_connections.rs`.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use letsapp_core::domain::limit::Client;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::{TcpListener, TcpStream};

use crate::address_slots::{AddressSlot, AddressSlots};
use crate::client_connection::{ClientConnection, TooManyConnections};
use crate::client_stream::{ClientStream, SEND_BUFFER_BYTES};
use crate::idle_connections::{Activity, Places};
use crate::lingering::LingeringStream;
use crate::middleware::Middleware;
use crate::rate_limits::TrustedProxies;
use crate::server_context::ShutdownSignal;

/// Time that a client has to send the head of a request. A head is one or two packets; a client that needs longer is
/// most likely holding the connection open on purpose (Slowloris).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Range by which the time for the head differs between connections. Thousands that were opened at once would otherwise
/// end at once too, and keep the server from everything else for that moment.
const HEADER_TIMEOUT_SPREAD: Duration = Duration::from_secs(5);

/// Maximum number of headers of a request: more than a browser behind several proxies sends.
const MAX_HEADERS: usize = 64;

/// Maximum size of a request's head in bytes: room for a long query, and for cookies of other sites on the same host.
pub(crate) const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Pause after `accept` fails for a reason on this side, such as too many open files. Retrying at once would spin until
/// another connection ends.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Maximum number of connections of a listener.
pub(crate) struct Capacity {
    /// Maximum number of all connections.
    pub(crate) connections: usize,
    /// Maximum of each client address; `None` on a listener that only operators reach.
    pub(crate) of_address: Option<AddressCapacity>,
}

/// Maximum number of connections of each client address.
pub(crate) struct AddressCapacity {
    /// Slots of the addresses.
    pub(crate) slots: Arc<AddressSlots>,
    /// Proxies whose connections are counted later, when a request names its client.
    pub(crate) proxies: TrustedProxies,
}

/// Serves the connections of a listener, within its capacity, until the server shuts down.
pub(crate) async fn serve(
    listener: TcpListener,
    middleware: Middleware,
    capacity: Capacity,
    mut shutdown: ShutdownSignal,
) {
    // Accepted connections inherit it. Failure costs memory, not correctness.
    if let Err(error) = set_socket_send_buffer_size(&listener, SEND_BUFFER_BYTES) {
        tracing::debug!(%error, "cannot set the size of the send buffers");
    }
    let places = Places::new(capacity.connections);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.received() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let Ok(slot) = capacity.slot_of(address.ip()) else {
                    tracing::debug!(%address, "a connection was closed, as its address has too many");
                    continue;
                };
                // Waits before accepting the next one, so that excess clients stay in the kernel's queue.
                let place = tokio::select! {
                    place = places.take() => place,
                    () = shutdown.received() => return,
                };
                let client = ClientConnection::new(place, address, slot);
                let activity = places.enter();
                tokio::spawn(serve_connection(
                    stream,
                    client,
                    activity,
                    middleware.clone(),
                    shutdown.clone(),
                ));
                // One at a time: thousands that connect at once would otherwise be accepted before any other task runs.
                tokio::task::yield_now().await;
            }
            Err(error) if is_of_one_connection(&error) => {
                tracing::debug!(%error, "a client closed its connection before it was accepted");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

impl Capacity {
    /// Returns a slot of a peer's address; no slot for a trusted proxy, or on a listener without a maximum.
    fn slot_of(&self, peer: IpAddr) -> Result<Option<AddressSlot>, TooManyConnections> {
        match &self.of_address {
            Some(AddressCapacity { slots, proxies }) if !proxies.trusts(peer.to_canonical()) => {
                slots.take(Client::at(peer)).map(Some).ok_or(TooManyConnections)
            }
            _ => Ok(None),
        }
    }
}

/// Returns whether an error of `accept` concerns one connection only, so that the next can be accepted at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// Returns the time for the head on a connection, by the client's port: the ports of connections that are opened one after
/// the other differ little, and multiplying spreads them (Knuth, The Art of Computer Programming, volume 3, 6.4).
fn header_timeout(client_port: u16) -> Duration {
    let spread = client_port.wrapping_mul(40_503);
    HEADER_TIMEOUT + HEADER_TIMEOUT_SPREAD * u32::from(spread) / u32::from(u16::MAX)
}

async fn serve_connection(
    stream: TcpStream,
    client: ClientConnection,
    activity: Arc<Activity>,
    middleware: Middleware,
    mut shutdown: ShutdownSignal,
) {
    // Frames are written whole, so Nagle's algorithm would only delay them. Failure costs latency, not correctness.
    let _ = stream.set_nodelay(true);
    let connected = client.clone();
    let client_port = client.address().port();
    let stream = ClientStream::new(stream);
    let stream = LingeringStream::new(stream, client.clone(), &activity, shutdown.clone());
    let requests = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let (middleware, client, busy) = (middleware.clone(), client.clone(), requests.begin());
        async move {
            let response = middleware.answer(request, client).await;
            Ok::<_, Infallible>(response.map(|body| busy.until_written(body)))
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout(client_port))
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = shutdown.received() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = activity.ended() => {
            if activity.is_idle() {
                tracing::debug!(address = %connected.address(), "an idle connection made room for another");
                return;
            }
            // A request has arrived in the meantime.
            activity.keep_place();
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        if error.is_parse() {
            // Hyper has answered with a status of its own, and left the rest of the request unread.
            connected.answered_early();
        }
        let address = connected.address();
        tracing::debug!(%address, %error, "a connection ended with an error");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_opened_together_have_different_times_for_the_head() {
        for step in [1, 2] {
            let mut tenths = [0; 50];
            for port in (32_768..32_768 + 1_000 * step).step_by(usize::from(step)) {
                let spread = header_timeout(port) - HEADER_TIMEOUT;
                assert!(spread <= HEADER_TIMEOUT_SPREAD);
                tenths[(spread.as_millis() / 100).min(49) as usize] += 1;
            }
            assert!(tenths.iter().all(|count| (10..=30).contains(count)), "{tenths:?}");
        }
    }
}
