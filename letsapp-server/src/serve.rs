//! The accept loop: `warp::serve` has no header timeout and no cap on connections, so the connections are ours.

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
use crate::middleware::Middleware;
use crate::server_context::ShutdownSignal;

/// How long a client may take to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How many headers a request may have.
const MAX_HEADERS: usize = 64;

/// How many bytes the head of a request may have.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How long to wait when no connection can be accepted: the cause, such as too many open files, takes time to pass.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Serves the connections of a listener, at most `connections` at once, until the server goes away.
pub(crate) async fn serve(
    listener: TcpListener,
    middleware: Middleware,
    connections: usize,
    mut shutdown: ShutdownSignal,
) {
    let slots = Arc::new(Semaphore::new(connections));
    loop {
        // Who comes when it is full waits in the kernel's queue.
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
                tracing::debug!(%error, "a connection was gone before it was accepted");
            }
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Tells whether only the client that was to be accepted is concerned; the next one can be at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn serve_connection(
    stream: TcpStream,
    client: ClientConnection,
    middleware: Middleware,
    mut shutdown: ShutdownSignal,
) {
    // Frames are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let address = client.address();
    let service = service_fn(move |request: Request<Incoming>| {
        let (middleware, client) = (middleware.clone(), client.clone());
        async move { Ok::<_, Infallible>(middleware.answer(request, client).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_headers(MAX_HEADERS)
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
        tracing::debug!(%address, %error, "a connection ended badly");
    }
}
