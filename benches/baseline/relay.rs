//! Relay on plain tokio-tungstenite: parses a frame, replies to the sender, forwards to all others in the conversation.
//!
//! The relay speaks the frames of LetsApp's socket, so that one load client measures both. It keeps nothing: no account,
//! no message, no numbering across a restart. To be a fair baseline, it does its work as well as LetsApp does: an event
//! is encoded once for all recipients, an outbox is drained before one flush, buffers have 4 KiB.
//!
//! The relay runs in a process of its own, so that its CPU time and memory are measured apart from the load client's.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard},
};

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::Deserialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error, Message, Utf8Bytes,
        handshake::server::{Request, Response},
        http::HeaderValue,
        protocol::WebSocketConfig,
    },
};

/// Bytes of a connection's read and write buffers, as in LetsApp. Tungstenite's default of 128 KiB would make an idle
/// socket ten times as large.
const BUFFER_SIZE: usize = 4 * 1_024;

/// Events taken from an outbox at a time, before the socket is flushed.
const BATCH: usize = 256;

/// Listens on a free port of the loopback interface, announces it on standard output, and serves until that fails.
///
/// # Errors
/// Fails if there is no free port, or connections can't be accepted any more.
#[tokio::main]
pub async fn run() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "relay listening on http://{}", listener.local_addr()?)?;
    serve(listener).await
}

/// Serves until the listener fails. A client connects to `/v1/ws?conversation=ID`.
///
/// # Errors
/// Fails if connections can't be accepted any more.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let conversations = Conversations::default();
    for connection in 1.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A failed connection needs no report here: the load client counts what arrives, and fails the run.
        tokio::spawn(serve_connection(stream, conversations.clone(), connection).map(drop));
    }
    Ok(())
}

type Conversations = Arc<Mutex<HashMap<String, Arc<Mutex<Conversation>>>>>;

#[derive(Default)]
struct Conversation {
    /// Number of the newest message.
    head: u64,
    /// Connections, by their number, with their outboxes.
    members: Vec<(u64, UnboundedSender<Utf8Bytes>)>,
}

struct Connection {
    id: u64,
    socket: WebSocketStream<TcpStream>,
    outbox: UnboundedReceiver<Utf8Bytes>,
    conversation: Arc<Mutex<Conversation>>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    id: u64,
    op: &'a str,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    conversation_id: Option<&'a str>,
    id: Option<&'a str>,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    read: Option<u64>,
}

async fn serve_connection(stream: TcpStream, conversations: Conversations, id: u64) -> Result<(), Error> {
    let mut name = String::new();
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_SIZE)
        .write_buffer_size(BUFFER_SIZE);
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let handshake = |request: &Request, mut response: Response| {
        name = request.uri().query().unwrap_or_default().to_owned();
        response
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static("letsapp.v1"));
        Ok(response)
    };
    let socket = accept_hdr_async_with_config(stream, handshake, Some(config)).await?;
    let conversation = lock(&conversations).entry(name).or_default().clone();
    let (sender, outbox) = unbounded_channel();
    lock(&conversation).members.push((id, sender));
    let mut connection = Connection {
        id,
        socket,
        outbox,
        conversation,
    };
    let outcome = connection.run().await;
    lock(&connection.conversation)
        .members
        .retain(|(member, _)| *member != id);
    outcome
}

impl Connection {
    async fn run(&mut self) -> Result<(), Error> {
        let hello = format!(r#"{{"event":"hello","data":{{"connection_id":"{}"}}}}"#, self.id);
        self.socket.send(Message::text(hello)).await?;
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                frame = self.socket.next() => {
                    let Some(frame) = frame else { return Ok(()) };
                    self.handle(frame?).await?;
                    while let Some(Some(frame)) = self.socket.next().now_or_never() {
                        self.handle(frame?).await?;
                    }
                }
                count = self.outbox.recv_many(&mut batch, BATCH) => {
                    if count == 0 { return Ok(()) }
                    for frame in batch.drain(..) {
                        self.socket.feed(Message::Text(frame)).await?;
                    }
                }
            }
            self.socket.flush().await?;
        }
    }

    /// Queues the reply to a frame; the caller flushes once for all frames that had arrived.
    async fn handle(&mut self, message: Message) -> Result<(), Error> {
        let Message::Text(text) = message else { return Ok(()) };
        let reply = match serde_json::from_str::<Frame<'_>>(&text) {
            Ok(frame) => self.reply(&frame),
            Err(error) => format!(r#"{{"id":0,"error":{{"code":"invalid_request","detail":"{error}"}}}}"#),
        };
        self.socket.feed(Message::text(reply)).await
    }

    fn reply(&self, Frame { id, op, data }: &Frame<'_>) -> String {
        let conversation_id = data.conversation_id.unwrap_or_default();
        match *op {
            "message.send" => {
                let body = serde_json::to_string(&data.body).expect("text is JSON");
                let mut conversation = lock(&self.conversation);
                conversation.head += 1;
                let message = message(conversation_id, data.id.unwrap_or_default(), conversation.head, &body);
                conversation.forward(self.id, format!(r#"{{"event":"message.created","data":{message}}}"#));
                format!(r#"{{"id":{id},"ok":{message}}}"#)
            }
            "receipt" => {
                let read = data.read.unwrap_or_default();
                let event = format!(
                    r#"{{"event":"receipt.updated","data":{{"conversation_id":"{conversation_id}","items":[{{"user_id":"{}","delivered_seq":{read},"read_seq":{read}}}]}}}}"#,
                    self.id
                );
                lock(&self.conversation).forward(self.id, event);
                format!(r#"{{"id":{id},"ok":{{"delivered_seq":{read},"read_seq":{read}}}}}"#)
            }
            _ => format!(r#"{{"id":{id},"ok":{{}}}}"#),
        }
    }
}

impl Conversation {
    /// Queues an event for all members but one. The caller holds the lock, so all see the same order.
    fn forward(&self, from: u64, event: String) {
        let event = Utf8Bytes::from(event);
        for (_, outbox) in self.members.iter().filter(|(member, _)| *member != from) {
            // A closed outbox belongs to a connection that is about to leave.
            outbox.send(event.clone()).ok();
        }
    }
}

/// Writes a message with all fields of LetsApp's, so that both send the same number of bytes.
fn message(conversation_id: &str, id: &str, seq: u64, body: &str) -> String {
    format!(
        r#"{{"id":"{id}","conversation_id":"{conversation_id}","seq":{seq},"rev":{seq},"sender_id":"00000000-0000-4000-8000-000000000000","kind":"user","body":{body},"reply_to":null,"forwarded":false,"mentions":[],"attachments":[],"reactions":[],"sent_at":"2026-01-01T00:00:00.000Z","edited_at":null,"deleted_at":null}}"#
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it holds a lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Endpoint, Socket};

    #[tokio::test]
    async fn a_message_reaches_all_others_in_its_conversation_and_nobody_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve(listener));
        let connect = async |conversation| {
            let endpoint = Endpoint {
                address,
                path: format!("/v1/ws?conversation={conversation}"),
                token: String::new(),
                from: std::net::Ipv4Addr::LOCALHOST,
            };
            Socket::connect(&endpoint).await.expect("the relay accepts everyone")
        };
        let (mut ada, mut bob, mut cy) = (connect("a").await, connect("a").await, connect("a").await);
        let mut stranger = connect("b").await;

        let data = r#"{"conversation_id":"a","id":"1","body":"hello \"you\" ❤"}"#;
        for seq in 1..=2 {
            ada.request("message.send", data).await.expect("it is forwarded");
            assert_eq!(bob.created().await.expect("it arrives"), seq);
            assert_eq!(cy.created().await.expect("it arrives"), seq);
        }
        stranger
            .request("message.send", data)
            .await
            .expect("it is forwarded to nobody");
        connect("b")
            .await
            .request("message.send", data)
            .await
            .expect("it is forwarded");
        assert_eq!(stranger.created().await.expect("its own conversation's"), 2);
    }
}
