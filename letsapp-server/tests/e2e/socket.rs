//! A client's end of the socket.

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

/// No reply and no event under test may take longer, whatever goes on.
const PATIENCE: Duration = Duration::from_secs(40);

/// An open socket; its copies share it.
#[derive(Clone)]
pub(crate) struct Socket {
    writer: Arc<tokio::sync::Mutex<SplitSink<Stream, Message>>>,
    asked: Arc<Asked>,
    end: watch::Receiver<Option<End>>,
}

/// What comes in unasked.
pub(crate) struct Events(mpsc::UnboundedReceiver<Value>);

/// Why a request was not carried out, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server refused it with this code.
    Refused(String),
    /// The socket ended first.
    Lost,
}

/// How a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server said goodbye with this close code.
    Closed(u16),
    /// The connection broke.
    Broken,
}

type Stream = WebSocketStream<TcpStream>;

/// The requests that wait for their replies.
#[derive(Default)]
struct Asked {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
}

impl Socket {
    /// Opens a socket, and takes the server's `hello`.
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
        let (stream, _) = timeout(PATIENCE, opened).await.expect("a handshake is answered")?;
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

    /// Asks, and waits for the reply.
    ///
    /// # Panics
    /// When there is neither a reply nor an end of the socket for longer than any request may take.
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
        let outcome = timeout(PATIENCE, exchange).await;
        outcome.unwrap_or_else(|_| panic!("{op} is not answered within {PATIENCE:?}"))
    }

    /// Waits until the socket has ended.
    ///
    /// # Panics
    /// When it doesn't within `deadline`.
    pub(crate) async fn ended(&mut self, deadline: Duration) -> End {
        let end = timeout(deadline, self.end.wait_for(Option::is_some)).await;
        let end = end.unwrap_or_else(|_| panic!("the socket is still open after {deadline:?}"));
        end.expect("the reader tells of the end").expect("it has ended")
    }
}

impl Events {
    /// The next event, or `None` when the socket has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        self.0.recv().await
    }

    /// An event that has come in already.
    pub(crate) fn waiting(&mut self) -> Option<Value> {
        self.0.try_recv().ok()
    }
}

impl Asked {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out what comes in, until nothing does.
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
    // Those who still wait learn by this that no reply comes.
    asked.lock().clear();
}
