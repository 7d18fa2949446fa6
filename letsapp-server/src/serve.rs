//! Accepts connections and serves HTTP/1.1 on them.
//!
//! Replaces `warp::serve`, which has neither a timeout for request headers nor a maximum number of connections.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::client_connection::ClientConnection;
use crate::lingering::LingeringStream;
use crate::middleware::Middleware;
use crate::server_context::ShutdownSignal;

/// Time that a client has to send the head of a request. A head is one or two packets; a client that needs longer is
/// most likely holding the connection open on purpose (Slowloris).
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of headers of a request: more than a browser behind several proxies sends.
const MAX_HEADERS: usize = 64;

/// Maximum size of a request's head in bytes: room for a long query, and for cookies of other sites on the same host.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// Pause after `accept` fails for a reason on this side, such as too many open files. Retrying at once would spin until
/// another connection ends.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Serves the connections of a listener, at most `connections` at once, until the server shuts down.
pub(crate) async fn serve(
    listener: TcpListener,
    middleware: Middleware,
    connections: usize,
    mut shutdown: ShutdownSignal,
) {
    let slots = Arc::new(Semaphore::new(connections));
    loop {
        // Waits for a slot before accepting, so that excess clients stay in the kernel's queue.
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.expect("the semaphore is never closed"),
            () = shutdown.received() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.received() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let client = ClientConnection::new(slot, address);
                tokio::spawn(serve_connection(stream, client, middleware.clone(), shutdown.clone()));
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

/// Returns whether an error of `accept` concerns one connection only, so that the next can be accepted at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn serve_connection(
    stream: TcpStream,
    client: ClientConnection,
    middleware: Middleware,
    mut shutdown: ShutdownSignal,
) {
    // Frames are written whole, so Nagle's algorithm would only delay them. Failure costs latency, not correctness.
    let _ = stream.set_nodelay(true);
    let connected = client.clone();
    let stream = LingeringStream::new(stream, client.clone(), shutdown.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (middleware, client) = (middleware.clone(), client.clone());
        async move { Ok::<_, Infallible>(middleware.answer(request, client).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
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
