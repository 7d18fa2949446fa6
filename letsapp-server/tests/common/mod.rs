//! Server on loopback, with HTTP and WebSocket clients that give tests control over every byte.

#![allow(dead_code, reason = "each test binary uses a part of this module")]
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use letsapp_core::domain::user::Username;
use letsapp_core::protocol::SignedIn;
use letsapp_core::protocol::requests::{CreateConversation, Password, Register, SendMessage};
use letsapp_core::{LetsApp, LetsAppBuilder};
use letsapp_server::{Config, Listeners, run};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Time limit for anything that a client reads. Far longer than any test needs, even on a busy machine, so that only a
/// missing answer reaches it.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server in this process.
pub(crate) struct Server {
    pub(crate) app: LetsApp,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Starts the shutdown.
    stop: oneshot::Sender<()>,
    /// Ends when the server has shut down.
    stopped: JoinHandle<()>,
}

/// An open WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Events received while waiting for something else.
    events: VecDeque<Value>,
    /// Replies received while waiting for something else.
    replies: Vec<Value>,
    next_id: u64,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(LetsApp::builder(), Config::default()).await
    }

    pub(crate) async fn with(builder: LetsAppBuilder, config: Config) -> Self {
        let loopback = || "127.0.0.1:0".to_owned();
        let config = Config {
            listen: loopback(),
            admin_listen: loopback(),
            ..config
        };
        let app = builder.build().await.unwrap();
        let listeners = Listeners::bind(&config).await.unwrap();
        let (address, admin) = (
            listeners.public.local_addr().unwrap(),
            listeners.admin.local_addr().unwrap(),
        );
        let (stop, stopping) = oneshot::channel();
        let served = app.clone();
        let stopped = tokio::spawn(async move {
            let stopping = async { stopping.await.unwrap_or_default() };
            run(served, &config, listeners, stopping).await;
        });
        Self {
            app,
            address,
            admin,
            stop,
            stopped,
        }
    }

    /// Starts the server's shutdown, and returns the task that ends with the server.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).expect("the server runs");
        self.stopped
    }

    pub(crate) async fn person(&self, username: &str) -> SignedIn {
        let request = Register::new(
            Username::parse(username).unwrap(),
            Password::parse("a long password").unwrap(),
        );
        self.app.auth().register(request).await.unwrap()
    }

    /// Creates the direct conversation of two users and returns its id.
    pub(crate) async fn chat(&self, one: &SignedIn, other: &SignedIn) -> String {
        let principal = self.app.auth().authenticate(&one.tokens.access_token).await.unwrap();
        let request = CreateConversation::Direct { user_id: other.user.id };
        let (conversation, _) = self
            .app
            .conversations()
            .create(&principal, request, None)
            .await
            .unwrap();
        conversation.id.to_string()
    }

    /// Makes a direct conversation that both have, since one of them has written in it.
    pub(crate) async fn begun_chat(&self, one: &SignedIn, other: &SignedIn) -> String {
        let chat = self.chat(one, other).await;
        let principal = self.app.auth().authenticate(&one.tokens.access_token).await.unwrap();
        let hello = SendMessage::text("hello").unwrap();
        let sent = self.app.messages().send(&principal, chat.parse().unwrap(), hello, None);
        sent.await.unwrap();
        chat
    }

    pub(crate) async fn connect(&self, person: &SignedIn) -> Socket {
        let mut request = self.request();
        let bearer = format!("Bearer {}", person.tokens.access_token);
        request
            .headers_mut()
            .insert("authorization", HeaderValue::from_str(&bearer).unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        Socket::over(client_async(request, stream).await.unwrap().0)
    }

    /// Connects with a receive buffer so small that a client that stops reading soon blocks the server.
    pub(crate) async fn connect_narrowly(&self, person: &SignedIn) -> Socket {
        self.connect_with_buffer(person, 4096).await
    }

    /// Connects with a receive buffer of so many bytes, which the system then neither grows nor shrinks.
    pub(crate) async fn connect_with_buffer(&self, person: &SignedIn, bytes: u32) -> Socket {
        let mut request = self.request();
        let bearer = format!("Bearer {}", person.tokens.access_token);
        request
            .headers_mut()
            .insert("authorization", HeaderValue::from_str(&bearer).unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        Socket::over(client_async(request, stream).await.unwrap().0)
    }

    /// Connects with subprotocols and returns the one that the server chose, or the HTTP status if it refused.
    pub(crate) async fn connect_with(&self, subprotocols: &str) -> Result<(Socket, Option<String>), u16> {
        let mut request = self.request();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_str(subprotocols).unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        match client_async(request, stream).await {
            Ok((stream, response)) => {
                let chosen = response.headers().get("sec-websocket-protocol");
                Ok((
                    Socket::over(stream),
                    chosen.map(|value| value.to_str().unwrap().to_owned()),
                ))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    fn request(&self) -> tokio_tungstenite::tungstenite::handshake::client::Request {
        format!("ws://{}/v1/ws", self.address).into_client_request().unwrap()
    }
}

impl Socket {
    fn over(stream: WebSocketStream<TcpStream>) -> Self {
        Self {
            stream,
            events: VecDeque::new(),
            replies: Vec::new(),
            next_id: 1,
        }
    }

    /// Sends a request without waiting for the reply, and returns the id of the request.
    pub(crate) async fn ask(&mut self, op: &str, data: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(Message::text(json!({"id": id, "op": op, "data": data}).to_string()))
            .await;
        id
    }

    /// Sends a request and returns the data of the reply.
    pub(crate) async fn done(&mut self, op: &str, data: Value) -> Value {
        let id = self.ask(op, data).await;
        let reply = self.reply(id).await;
        assert!(reply.get("ok").is_some(), "{reply}");
        reply["ok"].clone()
    }

    /// Sends a request that must fail, and returns the error code.
    pub(crate) async fn refused(&mut self, op: &str, data: Value) -> String {
        let id = self.ask(op, data).await;
        let reply = self.reply(id).await;
        reply["error"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("not refused: {reply}"))
            .to_owned()
    }

    /// Waits for the reply to a request.
    pub(crate) async fn reply(&mut self, id: u64) -> Value {
        loop {
            if let Some(place) = self.replies.iter().position(|reply| reply["id"] == id) {
                return self.replies.remove(place);
            }
            self.receive().await;
        }
    }

    /// Waits for the next event.
    pub(crate) async fn event(&mut self) -> Value {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.receive().await;
        }
    }

    /// Waits for the next event of a kind and returns its data.
    pub(crate) async fn event_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["event"] == kind {
                return event["data"].clone();
            }
        }
    }

    /// Returns all events that have arrived and were not returned yet.
    pub(crate) async fn events_so_far(&mut self) -> Vec<Value> {
        self.done("ping", json!({})).await;
        self.events.drain(..).collect()
    }

    /// Waits until the socket is closed and returns the close code: 1006 if the connection ended without a close frame.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match timeout(READ_TIMEOUT, self.stream.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Text(text))) => self.events.push_back(serde_json::from_str(&text).unwrap()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return 1006,
            }
        }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// Returns the underlying stream, for tests of misbehaving clients.
    pub(crate) fn stream(&mut self) -> &mut WebSocketStream<TcpStream> {
        &mut self.stream
    }

    async fn receive(&mut self) {
        let message = timeout(READ_TIMEOUT, self.stream.next())
            .await
            .expect("a frame in time");
        match message.expect("an open socket").expect("a sound frame") {
            Message::Text(text) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame.get("event").is_some() {
                    self.events.push_back(frame);
                } else {
                    self.replies.push(frame);
                }
            }
            Message::Close(frame) => panic!("closed: {frame:?}"),
            _ => {}
        }
    }
}

/// Sends bytes on a new connection and returns everything that is received until the server closes it.
pub(crate) async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The write fails if the server closes before it has read everything, which is no error here.
    let _ = stream.write_all(bytes.as_ref()).await;
    read_to_end(&mut stream).await
}

/// Reads until the server closes or resets the connection.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = timeout(READ_TIMEOUT, stream.read(&mut part))
        .await
        .expect("an end in time")
    {
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a GET request on a new connection and returns the whole response.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    exchange(
        address,
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"),
    )
    .await
}

/// Returns the status code of a response.
pub(crate) fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// Returns the value of a header of a response.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
