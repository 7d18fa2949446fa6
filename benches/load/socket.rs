//! WebSocket client that reads and writes what the load needs, and no more.

use std::{
    future::Future,
    io, mem,
    net::{Ipv4Addr, SocketAddr},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    dial::dial,
    frame::{self, Frame, Incoming},
};

/// Space for one read, in bytes: some dozens of events, which is what arrives at once under load.
const READ_SIZE: usize = 16 * 1_024;

/// Time for connecting up to `hello`. A server that is just being flooded with sockets may take some seconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// Address and credentials of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Address of the server.
    pub address: SocketAddr,
    /// Path with its query, such as `/v1/ws`.
    pub path: String,
    /// Access token; empty for the relay, which asks for none.
    pub token: String,
    /// Address that the socket connects from.
    pub from: Ipv4Addr,
}

/// Authenticated socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    /// Bytes received, the first `read` of which are dealt with.
    inbound: Vec<u8>,
    read: usize,
    /// Set if `inbound` holds more than what was waited for, as frames may follow `hello` at once.
    is_ahead: bool,
    /// Bytes to send, the first `written` of which are sent.
    outbound: Vec<u8>,
    written: usize,
}

impl Socket {
    /// Connects, and waits for the server's `hello`.
    ///
    /// # Errors
    /// Fails if the server refuses or doesn't answer.
    pub async fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        timeout(HANDSHAKE_TIMEOUT, Self::shake_hands(endpoint)).await?
    }

    /// Requests `op` with `data` and waits for its reply, ignoring events.
    ///
    /// # Errors
    /// Fails if the request is refused, or the connection is lost.
    pub async fn request(&mut self, op: &str, data: &str) -> io::Result<()> {
        self.push(&[
            br#"{"id":1,"op":""#,
            op.as_bytes(),
            br#"","data":"#,
            data.as_bytes(),
            b"}",
        ]);
        self.wait_for(|incoming| matches!(incoming, Incoming::Ok(1))).await
    }

    /// Waits for the next message to arrive and returns its `seq`.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    #[cfg(test)]
    #[allow(
        dead_code,
        reason = "cargo sets `cfg(test)` for `main.rs` too, where no harness runs the tests"
    )]
    pub async fn created(&mut self) -> io::Result<u64> {
        let mut arrived = 0;
        let is_created = |incoming| match incoming {
            Incoming::Created(seq) => {
                arrived = seq;
                true
            }
            _ => false,
        };
        self.wait_for(is_created).await?;
        Ok(arrived)
    }

    /// Queues a text frame made of `parts`.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        frame::write_text(&mut self.outbound, parts);
    }

    /// Writes the queued frames.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.outbound.len() {
            let rest = &self.outbound[self.written..];
            self.written += ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
        }
        self.outbound.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads from the connection once.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if mem::take(&mut self.is_ahead) {
            return Poll::Ready(Ok(()));
        }
        self.inbound.drain(..self.read);
        self.read = 0;
        self.inbound.reserve(READ_SIZE);
        let read = pin!(self.stream.read_buf(&mut self.inbound));
        match ready!(read.poll(cx))? {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Returns the next reply or event among the bytes read. Pings are answered with the next flush.
    pub(crate) fn next_incoming(&mut self) -> io::Result<Option<Incoming>> {
        while let Some((frame, length)) = frame::read(&self.inbound[self.read..])? {
            self.read += length;
            match frame {
                Frame::Text(text) => {
                    let incoming = frame::parse(text)?;
                    if let Incoming::Refused(_) = incoming {
                        return Err(io::Error::other(String::from_utf8_lossy(text).into_owned()));
                    }
                    return Ok(Some(incoming));
                }
                Frame::Ping(payload) => frame::write_pong(&mut self.outbound, payload),
                Frame::Pong => {}
                Frame::Close(code) => return Err(io::Error::other(format!("closed by the server with {code}"))),
            }
        }
        Ok(None)
    }

    async fn wait_for(&mut self, mut is_expected: impl FnMut(Incoming) -> bool) -> io::Result<()> {
        loop {
            while let Some(incoming) = self.next_incoming()? {
                if is_expected(incoming) {
                    self.is_ahead = self.read < self.inbound.len();
                    // An idle socket keeps no buffer: twenty thousand of them share the client's memory.
                    if !self.is_ahead {
                        (self.inbound, self.read) = (Vec::new(), 0);
                    }
                    return Ok(());
                }
            }
            std::future::poll_fn(|cx| self.poll_flush(cx)).await?;
            std::future::poll_fn(|cx| self.poll_fill(cx)).await?;
        }
    }

    async fn shake_hands(endpoint: &Endpoint) -> io::Result<Self> {
        let Endpoint {
            address,
            path,
            token,
            from,
        } = endpoint;
        let mut stream = dial(*from, *address).await?;
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: letsapp.v1\r\n"
        );
        if !token.is_empty() {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let inbound = read_response(&mut stream).await?;
        let mut socket = Self {
            stream,
            inbound,
            read: 0,
            is_ahead: false,
            outbound: Vec::new(),
            written: 0,
        };
        socket.wait_for(|incoming| incoming == Incoming::Hello).await?;
        Ok(socket)
    }
}

/// Returns the bytes that follow the response's head: the first frames.
async fn read_response(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut response = Vec::with_capacity(1_024);
    loop {
        if stream.read_buf(&mut response).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") {
            if !response.starts_with(b"HTTP/1.1 101") {
                return Err(io::Error::other(format!(
                    "no upgrade: {}",
                    String::from_utf8_lossy(&response)
                )));
            }
            return Ok(response.split_off(end + 4));
        }
    }
}
