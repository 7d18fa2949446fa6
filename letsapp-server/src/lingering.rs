//! Connections that are closed while the client is still sending.
//!
//! Closing a TCP connection with bytes unread resets it, and a client that is reset loses the answer on its way. So the
//! server ends its own direction first, then reads and discards until the client has ended the other one.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::client_connection::ClientConnection;
use crate::client_stream::ClientStream;
use crate::idle_connections::Activity;
use crate::server_context::ShutdownSignal;

/// Number of bytes that are discarded at most: the largest upload (64 MiB) with its envelope. Clients that read while
/// they write stop at the answer; those that don't are served as well.
const MAX_DISCARDED_BYTES: usize = 65 * 1024 * 1024;

/// Time without a byte after which a client counts as gone: as long as the head of a request may take.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that discarding takes at most: the largest upload at 9 Mbit/s. The connection keeps its slot for so long.
const LINGER_TIMEOUT: Duration = Duration::from_secs(60);

/// Time for clients that are still sending when the server shuts down: enough for an answer that is on its way.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// A client's stream, which is closed without losing the answer if the client is still sending.
pub(crate) struct LingeringStream {
    /// `None` once it was taken.
    stream: Option<ClientStream>,
    client: ClientConnection,
    /// Gone once the stream is another protocol's, whose connections are never idle.
    activity: Weak<Activity>,
    shutdown: ShutdownSignal,
}

impl LingeringStream {
    /// Wraps the stream of `client`, which says whether it is still sending. A connection whose rest is read is idle by
    /// its `activity`, and makes room where no place is left.
    pub(crate) fn new(
        stream: ClientStream,
        client: ClientConnection,
        activity: &Arc<Activity>,
        shutdown: ShutdownSignal,
    ) -> Self {
        Self {
            stream: Some(stream),
            client,
            activity: Arc::downgrade(activity),
            shutdown,
        }
    }

    /// Returns the stream itself, for another protocol.
    ///
    /// # Errors
    /// If the stream is closed.
    pub(crate) fn into_inner(mut self) -> io::Result<ClientStream> {
        self.stream.take().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn stream(&mut self) -> Pin<&mut ClientStream> {
        Pin::new(self.stream.as_mut().expect("taken only by value"))
    }
}

impl Drop for LingeringStream {
    fn drop(&mut self) {
        if self.client.is_sending()
            && let Some(stream) = self.stream.take()
            && let Some(activity) = self.activity.upgrade()
            && let Ok(runtime) = Handle::try_current()
        {
            let (client, shutdown) = (self.client.clone(), self.shutdown.clone());
            runtime.spawn(linger(stream.into_inner(), client, activity, shutdown));
        }
    }
}

/// Discards what the client sends until it ends, within bounds. Keeps the connection's slot and the shutdown until then.
async fn linger(
    mut stream: TcpStream,
    client: ClientConnection,
    activity: Arc<Activity>,
    mut shutdown: ShutdownSignal,
) {
    let discarding = async {
        let _ = stream.shutdown().await;
        let mut left = MAX_DISCARDED_BYTES;
        while let Ok(Ok(())) = tokio::time::timeout(IDLE_TIMEOUT, stream.readable()).await {
            match discard(&stream) {
                Ok(read @ 1..) if read < left => left -= read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => break,
            }
        }
    };
    let last_call = async {
        shutdown.received().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        _ = tokio::time::timeout(LINGER_TIMEOUT, discarding) => {}
        () = activity.ended() => {
            tracing::debug!(address = %client.address(), "a client was still sending, and made room for another");
        }
        () = last_call => {}
    }
    drop(client);
}

/// Number of bytes read by one call. The buffer is on the stack, so that a connection that waits has none.
const DISCARDED_AT_ONCE: usize = 16 * 1024;

fn discard(stream: &TcpStream) -> io::Result<usize> {
    stream.try_read(&mut [0; DISCARDED_AT_ONCE])
}

impl AsyncRead for LingeringStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buf)
    }
}

impl AsyncWrite for LingeringStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}
