//! WebSocket client.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::people::Person;

/// Time limit for a reply. Covers the outages that tests cause, such as the election of a new primary in MongoDB.
const REPLY_TIMEOUT: Duration = Duration::from_secs(40);

/// An open socket. Clones share it.
#[derive(Clone)]
pub(crate) struct Socket {
    writer: Arc<tokio::sync::Mutex<SplitSink<Stream, Message>>>,
    asked: Arc<Asked>,
    end: watch::Receiver<Option<End>>,
}

/// Events received on a socket.
pub(crate) struct Events(mpsc::UnboundedReceiver<Value>);

/// Reason why a request failed, or may have failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server refused the request with this error code.
    Refused(String),
    /// The socket ended before the reply, so the request may or may not have been processed.
    Lost,
}

/// Reason why a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server closed the socket with this close code.
    Closed(u16),
    /// The connection broke.
    Broken,
}

type Stream = WebSocketStream<TcpStream>;

/// Requests that wait for their replies.
#[derive(Default)]
struct Asked {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
}

impl Socket {
    /// Opens a socket and receives the server's `hello`.
    pub(crate) async fn open(person: &Person) -> Result<(Self, Events), Failure> {
        let authority = person.http.authority();
        let mut request = format!("ws://{authority}/v1/ws")
            .into_client_request()
            .expect("the address is one");
        let bearer = HeaderValue::from_str(&format!("Bearer {}", person.token)).expect("a token is visible ASCII");
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let protocol = HeaderValue::from_static("letsapp.v1");
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        let opened = async {
            let stream = TcpStream::connect(authority).await.map_err(|_| Failure::Lost)?;
            stream.set_nodelay(true).map_err(|_| Failure::Lost)?;
            let opened = tokio_tungstenite::client_async(request, stream).await;
            opened.map_err(|_| Failure::Lost)
        };
        let (stream, _) = timeout(REPLY_TIMEOUT, opened).await.expect("a handshake is answered")?;
        let (writer, reader) = stream.split();
        let asked = Arc::<Asked>::default();
        let (events, mut incoming) = mpsc::unbounded_channel();
        let (ended, end) = watch::channel(None);
        tokio::spawn(read(reader, Arc::clone(&asked), events, ended));
        let hello = incoming.recv().await.ok_or(Failure::Lost)?;
        assert_eq!(hello["event"], "hello");
        let writer = Arc::new(tokio::sync::Mutex::new(writer));
        Ok((Self { writer, asked, end }, Events(incoming)))
    }

    /// Sends a request and returns the data of the reply.
    ///
    /// # Panics
    /// If neither a reply nor the end of the socket comes within [`REPLY_TIMEOUT`].
    pub(crate) async fn ask(&self, op: &str, data: &Value) -> Result<Value, Failure> {
        let id = self.asked.next.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        self.asked.lock().insert(id, sender);
        let frame = json!({"id": id, "op": op, "data": data}).to_string();
        let exchange = async {
            let sent = self.writer.lock().await.send(Message::text(frame)).await;
            if sent.is_err() || self.end.borrow().is_some() {
                return Err(Failure::Lost);
            }
            let mut reply = reply.await.map_err(|_| Failure::Lost)?;
            match reply["error"]["code"].as_str() {
                Some(code) => Err(Failure::Refused(code.to_owned())),
                None => Ok(reply["ok"].take()),
            }
        };
        let outcome = timeout(REPLY_TIMEOUT, exchange).await;
        outcome.unwrap_or_else(|_| panic!("{op} is not answered within {REPLY_TIMEOUT:?}"))
    }

    /// Waits until the socket has ended.
    ///
    /// # Panics
    /// If it is still open after `deadline`.
    pub(crate) async fn ended(&mut self, deadline: Duration) -> End {
        let end = timeout(deadline, self.end.wait_for(Option::is_some)).await;
        let end = end.unwrap_or_else(|_| panic!("the socket is still open after {deadline:?}"));
        end.expect("the reader tells of the end").expect("it has ended")
    }
}

impl Events {
    /// Waits for the next event; `None` once the socket has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        self.0.recv().await
    }

    /// Returns an event that has arrived already.
    pub(crate) fn waiting(&mut self) -> Option<Value> {
        self.0.try_recv().ok()
    }
}

impl Asked {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes replies and events to those who wait for them, until the socket ends.
async fn read(
    mut reader: SplitStream<Stream>,
    asked: Arc<Asked>,
    events: mpsc::UnboundedSender<Value>,
    ended: watch::Sender<Option<End>>,
) {
    let mut end = End::Broken;
    while let Some(Ok(message)) = reader.next().await {
        match message {
            Message::Text(text) => {
                let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                match frame["id"].as_u64().and_then(|id| asked.lock().remove(&id)) {
                    Some(asker) => drop(asker.send(frame)),
                    None => drop(events.send(frame)),
                }
            }
            Message::Close(frame) => end = frame.map_or(End::Broken, |frame| End::Closed(frame.code.into())),
            _ => {}
        }
    }
    ended.send_replace(Some(end));
    // Dropping the senders ends the waits of all requests without a reply.
    asked.lock().clear();
}
