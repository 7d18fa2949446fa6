//! As much HTTP as it takes to sign people up before a load.

use std::{io, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection that is kept open from one request to the next.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    address: SocketAddr,
}

impl Http {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address })
    }

    /// Posts `body` as the holder of `token` (none while it is empty) and returns the answer's body.
    ///
    /// # Errors
    /// When the answer is not of the 200s, or the connection is lost.
    pub async fn post(&mut self, path: &str, token: &str, body: &Value) -> io::Result<Value> {
        let body = body.to_string();
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        if !token.is_empty() {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(&body);
        self.stream.write_all(request.as_bytes()).await?;
        let (status, answer) = self.answer().await?;
        if !(200..300).contains(&status) {
            return Err(io::Error::other(format!(
                "POST {path}: {status} {}",
                String::from_utf8_lossy(&answer)
            )));
        }
        Ok(serde_json::from_slice(&answer)?)
    }

    async fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let mut bytes = Vec::with_capacity(4_096);
        let (status, length, body) = loop {
            self.read(&mut bytes).await?;
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let (status, length) = head(&bytes[..end]).ok_or_else(|| io::Error::other("no HTTP answer"))?;
                break (status, length, end + 4);
            }
        };
        while bytes.len() < body + length {
            self.read(&mut bytes).await?;
        }
        Ok((status, bytes.split_off(body)))
    }

    async fn read(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        match self.stream.read_buf(bytes).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Returns the status and the body's length, which LetsApp's JSON answers always state.
fn head(head: &[u8]) -> Option<(u16, usize)> {
    let head = str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let (_, length) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    Some((status, length.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_come_in_any_case() {
        let answer = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nContent-Length: 42";
        assert_eq!(head(answer), Some((201, 42)));
        assert_eq!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked"), None);
    }
}
