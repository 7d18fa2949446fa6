//! The TCP stream of a client, under HTTP and under the WebSocket: bounds what a client can do below the protocol.
//!
//! Knows bytes only. Requests and frames are limited by `rate_limits/` and `ws/`.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Time after which a write that the client takes nothing of fails. Longer than a phone needs to change networks, and
/// short enough that connections which are never read free their memory and their slot soon.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Size of the kernel's send buffer of a connection in bytes, which the kernel doubles for its own records. Left alone,
/// the kernel lets it grow to megabytes: memory for clients that never read, and data that a slow client still reads
/// long after the server has seen its last sign of life. The kernel reports room once a third of the buffer is free, so
/// a client that takes 5 KiB a second is still seen to take some within [`WRITE_TIMEOUT`]; and at 100 ms to the client
/// the buffer allows more than 1 MiB a second.
pub(crate) const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// The TCP stream of a client.
pub(crate) struct ClientStream {
    stream: TcpStream,
    /// Bytes that may still be read in this turn.
    allowance: usize,
    /// Bytes received so far.
    received: u64,
    /// Ends a write that waits for the client; `None` while none does, so that idle connections hold no timer.
    stall: Option<Pin<Box<Sleep>>>,
    /// Time when the client last took bytes that a write had waited for.
    last_taken: Option<Instant>,
}

impl ClientStream {
    /// Wraps an accepted stream. Reading is not bounded until [`allow`](Self::allow) is called.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            allowance: usize::MAX,
            received: 0,
            stall: None,
            last_taken: None,
        }
    }

    /// Returns the TCP stream itself, without bounds.
    pub(crate) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Sets the bytes that may be read until the next call; the last read may go beyond by the size of its buffer. A
    /// read beyond them wakes its task and waits, so that the task gets to everything else that it has to do.
    pub(crate) fn allow(&mut self, bytes: usize) {
        self.allowance = bytes;
    }

    /// Returns the number of bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Returns the time when the client last took bytes that a write had waited for. Bytes that fit into the kernel's
    /// buffer say nothing about the client.
    pub(crate) fn last_taken(&self) -> Option<Instant> {
        self.last_taken
    }

    /// Watches over a write: ends it once the client has taken nothing for [`WRITE_TIMEOUT`].
    fn supervise(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if self.stall.take().is_some() {
                    self.last_taken = Some(Instant::now());
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
                ready!(stall.as_mut().poll(context));
                Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client reads nothing")))
            }
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.allowance == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        self.allowance = self.allowance.saturating_sub(read);
        self.received += read as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.supervise(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.supervise(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustix::net::sockopt::set_socket_send_buffer_size;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (ClientStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        set_socket_send_buffer_size(&listener, SEND_BUFFER_BYTES).unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (ClientStream::new(accepted.unwrap().0), client.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_ends_when_the_client_takes_nothing_for_twenty_seconds() {
        let (mut server, _client) = pair().await;
        let started = Instant::now();
        let error = loop {
            if let Err(error) = server.write(&[0; 64 * 1024]).await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
        assert_eq!(
            server.last_taken(),
            None,
            "what the kernel takes is no sign of the client"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_little_now_and_then_is_served() {
        const TOTAL: usize = 16 * 1024 * 1024;
        let (mut server, client) = pair().await;
        let started = Instant::now();
        let sent = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&sent);
        let slow = tokio::spawn(async move {
            let (mut part, mut taken) = (vec![0; 256 * 1024], 0);
            while taken < TOTAL {
                let pause = tokio::time::timeout(WRITE_TIMEOUT / 2, std::future::pending::<()>());
                let _elapsed = pause.await;
                // Takes bytes until the server could send some. Yields instead of waiting: when all wait, the virtual
                // time goes on, and may overtake the kernel.
                let before = seen.load(Ordering::Relaxed);
                while taken < TOTAL && seen.load(Ordering::Relaxed) == before {
                    match client.try_read(&mut part) {
                        Ok(bytes) => taken += bytes,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                    tokio::task::yield_now().await;
                }
            }
        });
        let bytes = vec![0; TOTAL];
        while sent.load(Ordering::Relaxed) < TOTAL {
            let written = server.write(&bytes[sent.load(Ordering::Relaxed)..]).await.unwrap();
            sent.fetch_add(written, Ordering::Relaxed);
        }
        assert!(started.elapsed() > 2 * WRITE_TIMEOUT, "{:?}", started.elapsed());
        assert!(server.last_taken().is_some());
        slow.await.unwrap();
    }

    #[tokio::test]
    async fn reading_stops_at_the_allowance_and_goes_on_with_the_next() {
        let (mut server, mut client) = pair().await;
        client.write_all(&[7; 100]).await.unwrap();
        server.allow(10);
        let mut part = [0; 10];
        server.read_exact(&mut part).await.unwrap();
        let mut read = std::pin::pin!(server.read(&mut part));
        let polled = std::future::poll_fn(|context| Poll::Ready(read.as_mut().poll(context).is_pending())).await;
        assert!(polled, "the allowance is used up");
        server.allow(90);
        let mut rest = [0; 90];
        server.read_exact(&mut rest).await.unwrap();
        assert_eq!(server.received(), 100);
    }
}
