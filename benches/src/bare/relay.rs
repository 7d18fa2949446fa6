//! A bare tokio-tungstenite relay: parses the frame, replies to the sender, forwards to everyone else in the room.
//!
//! It speaks the frames of LetsApp's socket, so that one load client measures both, and keeps nothing: no account, no
//! store, no order across a restart. A pair of people is a room of two. What it does do, it does as well as it can: a
//! frame is encoded once for all who get it, an outbox is drained before one flush, buffers are of 4 KiB.

use std::{
    borrow::Cow,
    collections::HashMap,
    io,
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

const BUFFER: usize = 4 * 1_024;
/// Frames taken from an outbox at a time.
const DRAIN: usize = 256;

/// Serves until the listener fails.
///
/// A client connects to `/v1/ws?room=CONVERSATION`.
///
/// # Errors
/// When no connection can be accepted any more.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let rooms = Rooms::default();
    for connection in 1.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A connection that fails is its client's concern: the load client counts what it got.
        tokio::spawn(serve_connection(stream, rooms.clone(), connection).map(drop));
    }
    Ok(())
}

type Rooms = Arc<Mutex<HashMap<String, Arc<Mutex<Room>>>>>;

#[derive(Default)]
struct Room {
    head: u64,
    members: Vec<(u64, UnboundedSender<Utf8Bytes>)>,
}

struct Connection {
    id: u64,
    socket: WebSocketStream<TcpStream>,
    outbox: UnboundedReceiver<Utf8Bytes>,
    room: Arc<Mutex<Room>>,
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

async fn serve_connection(stream: TcpStream, rooms: Rooms, id: u64) -> Result<(), Error> {
    let mut room_name = String::new();
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER);
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let handshake = |request: &Request, mut response: Response| {
        room_name = request.uri().query().unwrap_or_default().to_owned();
        response
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static("letsapp.v1"));
        Ok(response)
    };
    let socket = accept_hdr_async_with_config(stream, handshake, Some(config)).await?;
    let room = lock(&rooms).entry(room_name).or_default().clone();
    let (sender, outbox) = unbounded_channel();
    lock(&room).members.push((id, sender));
    let mut connection = Connection {
        id,
        socket,
        outbox,
        room,
    };
    let outcome = connection.run().await;
    lock(&connection.room).members.retain(|(member, _)| *member != id);
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
                    self.take(frame?).await?;
                    while let Some(Some(frame)) = self.socket.next().now_or_never() {
                        self.take(frame?).await?;
                    }
                }
                count = self.outbox.recv_many(&mut batch, DRAIN) => {
                    if count == 0 { return Ok(()) }
                    for frame in batch.drain(..) {
                        self.socket.feed(Message::Text(frame)).await?;
                    }
                }
            }
            self.socket.flush().await?;
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), Error> {
        let Message::Text(text) = message else { return Ok(()) };
        let reply = match serde_json::from_str::<Frame<'_>>(&text) {
            Ok(frame) => self.answer(&frame),
            Err(error) => format!(r#"{{"id":0,"error":{{"code":"invalid_request","detail":"{error}"}}}}"#),
        };
        self.socket.feed(Message::text(reply)).await
    }

    fn answer(&self, Frame { id, op, data }: &Frame<'_>) -> String {
        let conversation = data.conversation_id.unwrap_or_default();
        match *op {
            "message.send" => {
                let body = serde_json::to_string(&data.body).expect("text is JSON");
                let mut room = lock(&self.room);
                room.head += 1;
                let message = message(conversation, data.id.unwrap_or_default(), room.head, &body);
                room.forward(self.id, format!(r#"{{"event":"message.created","data":{message}}}"#));
                format!(r#"{{"id":{id},"ok":{message}}}"#)
            }
            "receipt" => {
                let read = data.read.unwrap_or_default();
                let event = format!(
                    r#"{{"event":"receipt.updated","data":{{"conversation_id":"{conversation}","items":[{{"user_id":"{}","delivered_seq":{read},"read_seq":{read}}}]}}}}"#,
                    self.id
                );
                lock(&self.room).forward(self.id, event);
                format!(r#"{{"id":{id},"ok":{{"delivered_seq":{read},"read_seq":{read}}}}}"#)
            }
            _ => format!(r#"{{"id":{id},"ok":{{}}}}"#),
        }
    }
}

impl Room {
    /// While the room is locked, so that everyone sees one order. A member whose connection is ending is passed over.
    fn forward(&self, from: u64, event: String) {
        let event = Utf8Bytes::from(event);
        for (_, outbox) in self.members.iter().filter(|(member, _)| *member != from) {
            outbox.send(event.clone()).ok();
        }
    }
}

/// As long as LetsApp's own: the bytes on the wire are the same for both.
fn message(conversation: &str, id: &str, seq: u64, body: &str) -> String {
    format!(
        r#"{{"id":"{id}","conversation_id":"{conversation}","seq":{seq},"rev":{seq},"sender_id":"00000000-0000-4000-8000-000000000000","kind":"user","body":{body},"reply_to":null,"forwarded":false,"mentions":[],"attachments":[],"reactions":[],"sent_at":"2026-01-01T00:00:00.000Z","edited_at":null,"deleted_at":null}}"#
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds a room")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Seat, Socket};

    #[tokio::test]
    async fn a_message_reaches_everyone_else_in_its_room_and_nobody_outside() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve(listener));
        let connect = async |room| {
            let seat = Seat {
                address,
                path: format!("/v1/ws?room={room}"),
                token: String::new(),
            };
            Socket::connect(&seat).await.expect("it accepts everyone")
        };
        let (mut ada, mut bob, mut cy) = (connect("a").await, connect("a").await, connect("a").await);
        let mut stranger = connect("b").await;

        let data = r#"{"conversation_id":"a","id":"1","body":"hello \"you\" ❤"}"#;
        for seq in 1..=2 {
            ada.request("message.send", data).await.expect("it is passed on");
            assert_eq!(bob.created().await.expect("it arrives"), seq);
            assert_eq!(cy.created().await.expect("it arrives"), seq);
        }
        stranger
            .request("message.send", data)
            .await
            .expect("it is passed on to nobody");
        connect("b")
            .await
            .request("message.send", data)
            .await
            .expect("it is passed on");
        assert_eq!(stranger.created().await.expect("its own room's"), 2);
    }
}
