//! Files over HTTP: uploading them whole and in parts, who may see them, and reading them.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod access;
mod access_table;
#[path = "../common/mod.rs"]
mod common;
mod content;
mod hostile;
mod resumable;
mod upload;

use std::net::SocketAddr;
use std::sync::Arc;

use common::{READ_TIMEOUT, Server};
use letsapp_core::adapters::blobs::MemoryBlobs;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::ManualClock;
use letsapp_core::protocol::SignedIn;
use letsapp_core::{LetsApp, Rules};
use letsapp_server::Config;
use letsapp_server::config::Limits;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Picture of one pixel.
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xFF\xFF\xFF\0\0\0\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3B";

/// Id that a client may choose.
const ID: &str = "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10";

/// A server without rate limits, the place of its files, and its clock.
struct World {
    server: Server,
    blobs: Arc<MemoryBlobs>,
    clock: Arc<ManualClock>,
}

/// A request on a connection of its own.
struct Request {
    address: SocketAddr,
    head: String,
}

/// The answer to a request.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl World {
    async fn start() -> Self {
        Self::with(Rules::default()).await
    }

    async fn with(rules: Rules) -> Self {
        let blobs = Arc::new(MemoryBlobs::new());
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
        let builder = LetsApp::builder().blobs(blobs.clone()).clock(clock.clone());
        let config = Config {
            limits: Limits::Off,
            ..Config::default()
        };
        let server = Server::with(builder.rules(rules), config).await;
        Self { server, blobs, clock }
    }

    /// Begins a request, such as `GET /v1/me`.
    fn ask(&self, request: &str) -> Request {
        Request {
            address: self.server.address,
            head: format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"),
        }
    }

    /// Uploads a file and returns its id.
    async fn upload(&self, who: &SignedIn, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let request = self.ask("POST /v1/media").by(who);
        let request = request.header("content-disposition", format!("attachment; filename=\"{name}\""));
        request.send(bytes).await.expect(201).text("id")
    }

    /// Returns the path of a link to a file.
    async fn link(&self, who: &SignedIn, id: &str) -> String {
        let answer = self.ask(&format!("POST /v1/media/{id}/url")).by(who).send("").await;
        answer.expect(200).text("url")
    }

    /// Waits until no bytes are stored.
    async fn nothing_is_kept(&self) {
        eventually(async || self.blobs.is_empty()).await;
    }
}

impl Request {
    fn by(self, who: &SignedIn) -> Self {
        self.header("authorization", format!("Bearer {}", who.tokens.access_token))
    }

    fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.head += &format!("{name}: {}\r\n", value.as_ref());
        self
    }

    async fn json(self, body: &Value) -> Answer {
        self.header("content-type", "application/json")
            .send(body.to_string())
            .await
    }

    /// Sends the request with a form of these parts: headers without their name, and content.
    async fn form(self, parts: &[(&str, &[u8])]) -> Answer {
        self.header("content-type", "multipart/form-data; boundary=-edge-")
            .send(form(parts))
            .await
    }

    /// Sends the request with a body, and returns the answer.
    async fn send(self, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let (mut stream, head) = self.open(body.len()).await;
        // Fails if the server closes before it has read everything, which is no error here.
        let _ = stream.write_all(body).await;
        let read = tokio::time::timeout(READ_TIMEOUT, read_to_end(&mut stream)).await;
        let read = read.unwrap_or_else(|_| panic!("no answer to {head}"));
        let end = read.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer to {head}: {read:?}"));
        Answer {
            head: String::from_utf8(read[..end].to_vec()).unwrap(),
            body: read[end + 4..].to_vec(),
        }
    }

    /// Sends the head alone, on the connection that is returned.
    async fn open(self, length: usize) -> (TcpStream, String) {
        let head = format!("{}content-length: {length}\r\n\r\n", self.head);
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        (stream, head)
    }
}

impl Answer {
    fn status(&self) -> u16 {
        common::status(&self.head)
    }

    fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status(), status, "{}\n{body}", self.head);
        self
    }

    /// Expects a refusal, and returns the first of its `errors` as field and code, or the code of the whole.
    fn refused(self, status: u16) -> String {
        let problem = self.expect(status).value();
        let (field, code) = (&problem["errors"][0]["field"], &problem["errors"][0]["code"]);
        match (field.as_str(), code.as_str()) {
            (Some(field), Some(code)) => format!("{field} {code}"),
            _ => problem["code"].as_str().unwrap().to_owned(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        common::header(&self.head, name)
    }

    fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.head))
    }

    fn text(&self, field: &str) -> String {
        self.value()[field].as_str().unwrap().to_owned()
    }
}

/// Writes a form. A part's head is what follows `form-data; `, with further headers if need be.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (head, content) in parts {
        form.extend_from_slice(format!("---edge-\r\ncontent-disposition: form-data; {head}\r\n\r\n").as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"---edge---\r\n");
    form
}

/// Waits until a condition holds.
async fn eventually(condition: impl AsyncFn() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(READ_TIMEOUT, holds)
        .await
        .expect("it holds in time");
}

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut all).await {}
    all
}
