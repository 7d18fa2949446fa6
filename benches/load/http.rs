//! HTTP client with just what it takes to sign users up before a load.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::dial::dial;

/// Connection that is kept open from one request to the next.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    address: SocketAddr,
}

impl Http {
    /// Connects.
    ///
    /// # Errors
    /// Fails if no server listens there.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::connect_from(Ipv4Addr::LOCALHOST, address).await
    }

    /// Connects from an address.
    ///
    /// # Errors
    /// Fails if no server listens there.
    pub async fn connect_from(from: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let stream = dial(from, address).await?;
        Ok(Self { stream, address })
    }

    /// Posts `body` and returns the response's body. An empty `token` sends no `Authorization` header.
    ///
    /// # Errors
    /// Fails if the status is not 2xx, or the connection is lost.
    pub async fn post(&mut self, path: &str, token: &str, body: &Value) -> io::Result<Value> {
        let (status, response) = self.try_post(path, token, body).await?;
        if !(200..300).contains(&status) {
            return Err(io::Error::other(format!(
                "POST {path}: {status} {}",
                String::from_utf8_lossy(&response)
            )));
        }
        Ok(serde_json::from_slice(&response)?)
    }

    /// Posts `body` and returns the response's status and body, whatever they are.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    pub async fn try_post(&mut self, path: &str, token: &str, body: &Value) -> io::Result<(u16, Vec<u8>)> {
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
        self.response().await
    }

    async fn response(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let mut bytes = Vec::with_capacity(4_096);
        let (status, length, body) = loop {
            self.read(&mut bytes).await?;
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let (status, length) = head(&bytes[..end]).ok_or_else(|| io::Error::other("not an HTTP response"))?;
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

/// Returns the status and the body's length, which LetsApp's JSON responses always state.
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
    fn header_names_are_read_in_any_case() {
        let response = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nContent-Length: 42";
        assert_eq!(head(response), Some((201, 42)));
        assert_eq!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked"), None);
    }
}
