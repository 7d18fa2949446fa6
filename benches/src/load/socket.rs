//! A WebSocket client that reads and writes what the load needs, and no more.

use std::{
    future::Future,
    io, mem,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::frame::{self, Frame, Said};

/// Room for what one read brings.
const READ: usize = 16 * 1_024;
const HANDSHAKE: Duration = Duration::from_secs(20);

/// Where a socket connects to, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// The server.
    pub address: SocketAddr,
    /// The path with its query: `/v1/ws`.
    pub path: String,
    /// The access token; empty for the bare relay, which asks for none.
    pub token: String,
}

/// A signed-in socket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    inbound: Vec<u8>,
    read: usize,
    /// Whether something was read beyond what was waited for: frames may follow `hello` at once.
    is_ahead: bool,
    outbound: Vec<u8>,
    written: usize,
}

impl Socket {
    /// Connects, and waits for the server's `hello`.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn connect(seat: &Seat) -> io::Result<Self> {
        timeout(HANDSHAKE, Self::shake_hands(seat)).await?
    }

    /// Asks for `op` with `data` and waits for its reply, passing over events.
    ///
    /// # Errors
    /// When it is refused or the connection is lost.
    pub async fn request(&mut self, op: &str, data: &str) -> io::Result<()> {
        self.push(&[
            br#"{"id":1,"op":""#,
            op.as_bytes(),
            br#"","data":"#,
            data.as_bytes(),
            b"}",
        ]);
        self.wait_for(|said| matches!(said, Said::Ok(1))).await
    }

    /// Waits for the next message to arrive and returns its `seq`.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn created(&mut self) -> io::Result<u64> {
        let mut arrived = 0;
        let is_created = |said| match said {
            Said::Created(seq) => {
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

    /// Writes what is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.outbound.len() {
            let rest = &self.outbound[self.written..];
            self.written += ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
        }
        self.outbound.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads once.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if mem::take(&mut self.is_ahead) {
            return Poll::Ready(Ok(()));
        }
        self.inbound.drain(..self.read);
        self.read = 0;
        self.inbound.reserve(READ);
        let read = pin!(self.stream.read_buf(&mut self.inbound));
        match ready!(read.poll(cx))? {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Returns the next thing said among what was read. Pings are answered with the next flush.
    pub(crate) fn next_said(&mut self) -> io::Result<Option<Said>> {
        while let Some((frame, length)) = frame::read(&self.inbound[self.read..])? {
            self.read += length;
            match frame {
                Frame::Text(text) => {
                    let said = frame::said(text)?;
                    if let Said::Refused(_) = said {
                        return Err(io::Error::other(String::from_utf8_lossy(text).into_owned()));
                    }
                    return Ok(Some(said));
                }
                Frame::Ping(payload) => frame::write_pong(&mut self.outbound, payload),
                Frame::Pong => {}
                Frame::Close(code) => return Err(io::Error::other(format!("closed by the server with {code}"))),
            }
        }
        Ok(None)
    }

    async fn wait_for(&mut self, mut is_it: impl FnMut(Said) -> bool) -> io::Result<()> {
        loop {
            while let Some(said) = self.next_said()? {
                if is_it(said) {
                    self.is_ahead = self.read < self.inbound.len();
                    // An idle socket keeps no buffer: ten thousand of them share the client's memory.
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

    async fn shake_hands(Seat { address, path, token }: &Seat) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
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
        let inbound = read_answer(&mut stream).await?;
        let mut socket = Self {
            stream,
            inbound,
            read: 0,
            is_ahead: false,
            outbound: Vec::new(),
            written: 0,
        };
        socket.wait_for(|said| said == Said::Hello).await?;
        Ok(socket)
    }
}

/// Returns what came behind the answer's head: the first frames.
async fn read_answer(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::with_capacity(1_024);
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
            if !answer.starts_with(b"HTTP/1.1 101") {
                return Err(io::Error::other(format!(
                    "no upgrade: {}",
                    String::from_utf8_lossy(&answer)
                )));
            }
            return Ok(answer.split_off(end + 4));
        }
    }
}
