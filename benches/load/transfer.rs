//! Files sent and received by clients that keep nothing of them.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::dial::dial;
use crate::{compare::Throughput, sample::SplitMix};

/// Bytes that a client reads or writes at once.
const PIECE: usize = 256 * 1_024;

/// First bytes of a file, so that chance makes none a picture or a program.
const BEGINNING: &[u8; 8] = b"letsapp\0";

/// Longest head of a response.
const MAX_HEAD: usize = 64 * 1_024;

/// Connection that sends and receives files, kept open from one to the next.
#[derive(Debug)]
pub struct Transfer {
    stream: TcpStream,
    /// Access token of the user; empty where there are no users.
    token: String,
    noted: Vec<String>,
    piece: Vec<u8>,
}

/// Bytes that files consist of. No two files are the same, so that none is stored in place of another.
#[derive(Debug, Clone)]
pub struct Content(Arc<[u8]>);

/// Answer to a request.
#[derive(Debug)]
pub struct Received {
    /// Body, or its beginning if it is longer than a head.
    pub start: Bytes,
    /// Number of bytes of the whole body.
    pub length: u64,
}

impl Content {
    /// Generates the bytes.
    pub fn new() -> Self {
        let mut random = SplitMix::new(2);
        Self((0..PIECE / 8).flat_map(|_| random.next_u64().to_le_bytes()).collect())
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::new()
    }
}

impl Received {
    /// Parses the body.
    ///
    /// # Errors
    /// Fails if it is not JSON.
    pub fn json(&self) -> io::Result<Value> {
        Ok(serde_json::from_slice(&self.start)?)
    }
}

impl Transfer {
    /// Connects as the user of an access token, which may be empty.
    ///
    /// # Errors
    /// Fails if no server listens there.
    pub async fn connect(address: std::net::SocketAddr, token: String) -> io::Result<Self> {
        Ok(Self {
            token,
            noted: Vec::new(),
            stream: dial(std::net::Ipv4Addr::LOCALHOST, address).await?,
            piece: vec![0; PIECE],
        })
    }

    /// Notes the id of a file.
    pub fn note(&mut self, id: String) {
        self.noted.push(id);
    }

    /// Returns the ids that were noted since the last call.
    pub fn noted(&mut self) -> Vec<String> {
        std::mem::take(&mut self.noted)
    }

    /// Posts a file of `size` bytes, at least 16, which are `content` after `number`.
    ///
    /// # Errors
    /// Fails if the status is not 2xx, or the connection is lost.
    pub async fn post(&mut self, path: &str, content: &Content, number: u64, size: u64) -> io::Result<Received> {
        self.head("POST", path, size).await?;
        let start = [*BEGINNING, number.to_be_bytes()].concat();
        self.stream.write_all(&start).await?;
        let mut left = size - start.len() as u64;
        while left > 0 {
            let piece = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            self.stream.write_all(&content.0[..piece]).await?;
            left -= piece as u64;
        }
        self.response().await
    }

    /// Posts bytes.
    ///
    /// # Errors
    /// As for [`post`](Self::post).
    pub async fn post_bytes(&mut self, path: &str, bytes: &[u8]) -> io::Result<Received> {
        self.head("POST", path, bytes.len() as u64).await?;
        self.stream.write_all(bytes).await?;
        self.response().await
    }

    /// Makes a request without a body, and drops what it gets.
    ///
    /// # Errors
    /// As for [`post`](Self::post).
    pub async fn request(&mut self, method: &str, path: &str) -> io::Result<Received> {
        self.head(method, path, 0).await?;
        self.response().await
    }

    async fn head(&mut self, method: &str, path: &str, length: u64) -> io::Result<()> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n");
        if method != "GET" {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        if !self.token.is_empty() {
            head.push_str(&format!("Authorization: Bearer {}\r\n", self.token));
        }
        head.push_str("\r\n");
        self.stream.write_all(head.as_bytes()).await
    }

    async fn response(&mut self) -> io::Result<Received> {
        let mut bytes = Vec::new();
        let (status, length, body) = loop {
            if self.stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = str::from_utf8(&bytes[..end]).map_err(io::Error::other)?;
                let (status, length) =
                    status_and_length(head).ok_or_else(|| io::Error::other("not an HTTP response"))?;
                break (status, length, end + 4);
            }
            if bytes.len() > MAX_HEAD {
                return Err(io::Error::other("no end of the head"));
            }
        };
        let start = Bytes::from(bytes.split_off(body));
        let mut start = Received { start, length };
        let mut received = start.start.len() as u64;
        while received < length {
            match self.stream.read(&mut self.piece).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    received += read as u64;
                    if start.start.len() < MAX_HEAD {
                        start.start = [&start.start, &self.piece[..read]].concat().into();
                    }
                }
            }
        }
        if !(200..300).contains(&status) {
            let body = String::from_utf8_lossy(&start.start).into_owned();
            return Err(io::Error::other(format!("status {status}: {body}")));
        }
        Ok(start)
    }
}

/// Has each client do `step` again and again for about `duration`, and counts the bytes that the steps return.
///
/// # Errors
/// The first error of a step.
pub async fn repeat(
    clients: &mut [Transfer],
    duration: Duration,
    step: impl AsyncFn(&mut Transfer) -> io::Result<u64>,
) -> io::Result<Throughput> {
    let start = Instant::now();
    let all = clients.iter_mut().map(async |client| {
        let mut bytes = 0;
        // At least once each, however short the turn is.
        loop {
            bytes += step(client).await?;
            if start.elapsed() >= duration {
                return Ok::<_, io::Error>(bytes);
            }
        }
    });
    let count = try_join_all(all).await?.into_iter().sum();
    Ok(Throughput {
        count,
        elapsed: start.elapsed(),
    })
}

/// Reads the status and the length of the body, which is none if it is not stated: that of an answer without one.
fn status_and_length(head: &str) -> Option<(u16, u64)> {
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(Some(0), |(_, length)| length.trim().parse().ok());
    Some((status, length?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_length_has_no_body() {
        assert_eq!(status_and_length("HTTP/1.1 204 No Content\r\nDate: x"), Some((204, 0)));
        assert_eq!(
            status_and_length("HTTP/1.1 200 OK\r\ncontent-length: 7"),
            Some((200, 7))
        );
        assert_eq!(status_and_length("HTTP/1.1 200 OK\r\ncontent-length: x"), None);
    }
}
