//! A WebSocket connection: opening it, sending and receiving frames, and the reason for its end.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use letsapp_core::protocol::{Code, Event, Frame, Hello, Problem, Reply, ReplyResult, Request};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::client::{ClientRequestBuilder, IntoClientRequest};
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::{Message as WsMessage, WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

use crate::ClientError;
use crate::client::Http;

const SUBPROTOCOL: &str = "letsapp.v1";

/// Limit for opening a connection: the TCP, TLS and WebSocket handshakes, a token refresh and the hello, each of which
/// may take seconds on a slow mobile network.
const HELLO_TIMEOUT: Duration = Duration::from_secs(15);

/// Limit for sending. The network takes a frame within milliseconds, so a server that has not read for this long is not
/// going to.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum size of a frame. The reply to a sync can be large after a long absence; the limit only protects the client
/// from running out of memory.
const MAX_FRAME_BYTES: usize = 256 * 1024 * 1024;

/// An open connection, after the server's hello.
pub(super) struct Socket {
    inner: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(super) hello: Hello,
    last_received_at: Instant,
}

/// A frame from the server.
#[derive(Debug)]
pub(super) enum Incoming {
    Event(Event),
    Reply(u64, Result<Value, Problem>),
}

/// The reason why a connection could not be opened or has ended.
#[derive(Debug)]
pub(super) enum Disconnect {
    /// No session, or one that has ended. Holds the reason.
    SignedOut(String),
    /// The connection failed. Another attempt can be made after `retry_after`.
    Lost { reason: String, retry_after: Duration },
}

impl Socket {
    /// Opens a connection with the session's access token, refreshing the token if the server rejects it, and waits for
    /// the hello.
    pub(super) async fn dial(http: &Http) -> Result<Self, Disconnect> {
        timeout(HELLO_TIMEOUT, Self::connect(http))
            .await
            .unwrap_or_else(|_| Err(Disconnect::lost("no answer in time")))
    }

    async fn connect(http: &Http) -> Result<Self, Disconnect> {
        let access = http.session.access_token().map_err(Disconnect::from)?;
        let opened = match open(http, &access).await {
            Err(error) if status(&error) == Some(StatusCode::UNAUTHORIZED) => {
                let access = http.renew(&access).await.map_err(Disconnect::from)?;
                open(http, &access).await
            }
            result => result,
        };
        let mut inner = opened.map_err(|error| refusal(&error))?;
        while let Some(frame) = inner.next().await {
            match frame {
                Ok(WsMessage::Text(text)) => {
                    return match read(&text) {
                        Some(Incoming::Event(Event::Hello(hello))) => Ok(Self {
                            inner,
                            hello,
                            last_received_at: Instant::now(),
                        }),
                        _ => Err(Disconnect::lost("the server did not say hello")),
                    };
                }
                Ok(WsMessage::Close(frame)) => return Err(closed(frame.map(|frame| u16::from(frame.code)))),
                Ok(_) => {}
                Err(error) => return Err(Disconnect::lost(error)),
            }
        }
        Err(Disconnect::lost("the server hung up"))
    }

    /// Returns the next frame. Cancel safe: no frame is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Incoming, Disconnect> {
        loop {
            let Some(frame) = self.inner.next().await else {
                return Err(Disconnect::lost("the server hung up"));
            };
            self.last_received_at = Instant::now();
            match frame {
                Ok(WsMessage::Text(text)) => match read(&text) {
                    Some(Incoming::Event(Event::SessionRevoked { reason })) => {
                        return Err(Disconnect::SignedOut(reason));
                    }
                    Some(incoming) => return Ok(incoming),
                    None => tracing::debug!("ignoring a frame of an unknown kind"),
                },
                Ok(WsMessage::Close(frame)) => return Err(closed(frame.map(|frame| u16::from(frame.code)))),
                // Pings are answered by tungstenite. They count as a sign of life.
                Ok(_) => {}
                Err(error) => return Err(Disconnect::lost(error)),
            }
        }
    }

    /// Writes a request into the send buffer. [`flush`](Self::flush) sends it.
    pub(super) async fn feed(&mut self, request: &Request) -> Result<(), Disconnect> {
        let text = serde_json::to_string(request).expect("requests are plain data");
        self.inner.feed(WsMessage::text(text)).await.map_err(Disconnect::lost)
    }

    /// Sends the content of the send buffer.
    pub(super) async fn flush(&mut self) -> Result<(), Disconnect> {
        match timeout(WRITE_TIMEOUT, self.inner.flush()).await {
            Ok(flushed) => flushed.map_err(Disconnect::lost),
            Err(_) => Err(Disconnect::lost("the server has stopped reading")),
        }
    }

    /// Returns the time at which the connection counts as lost if nothing arrives until then. Two pings of the server
    /// may get lost before that.
    pub(super) fn deadline(&self) -> Instant {
        self.last_received_at + Duration::from_millis(self.hello.heartbeat_ms) * 5 / 2
    }

    /// Sends a close frame, without waiting for the server's.
    pub(super) async fn close(mut self) {
        let _ = timeout(WRITE_TIMEOUT, self.inner.close(None)).await;
    }
}

impl Disconnect {
    #[expect(clippy::needless_pass_by_value, reason = "the signature that map_err needs")]
    pub(super) fn lost(reason: impl ToString) -> Self {
        Self::Lost {
            reason: reason.to_string(),
            retry_after: Duration::ZERO,
        }
    }
}

impl From<ClientError> for Disconnect {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::SignedOut => Self::SignedOut(error.to_string()),
            error => {
                let retry_after = error.retry_after().unwrap_or_default();
                Self::Lost {
                    reason: error.to_string(),
                    retry_after,
                }
            }
        }
    }
}

async fn open(http: &Http, access: &str) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, WsError> {
    let request = ClientRequestBuilder::new(http.server.socket().parse()?)
        .with_sub_protocol(SUBPROTOCOL)
        .with_header(header::AUTHORIZATION.as_str(), format!("Bearer {access}"))
        .with_header(header::USER_AGENT.as_str(), http.user_agent.as_str())
        .into_client_request()?;
    // An eighth of tungstenite's default buffers is plenty for chat messages; a bot may have many connections open.
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    let connector = Some(Connector::Rustls(http.tls.clone()));
    // `true` disables Nagle's algorithm, which would delay small frames such as chat messages.
    let opened = tokio_tungstenite::connect_async_tls_with_config(request, Some(config), true, connector);
    opened.await.map(|(socket, _)| socket)
}

fn status(error: &WsError) -> Option<StatusCode> {
    match error {
        WsError::Http(response) => Some(response.status()),
        _ => None,
    }
}

/// Converts the error of a WebSocket handshake.
fn refusal(error: &WsError) -> Disconnect {
    let WsError::Http(response) = error else {
        return Disconnect::lost(error);
    };
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = retry_after.map(Duration::from_secs).unwrap_or_default();
    Disconnect::Lost {
        reason: format!("the server responded with status {}", response.status()),
        retry_after,
    }
}

/// Converts the code of the server's close frame, as documented in its AsyncAPI document.
fn closed(code: Option<u16>) -> Disconnect {
    match code {
        Some(4001) => Disconnect::SignedOut("session_ended".to_owned()),
        Some(1001) => Disconnect::lost("the server is going away"),
        Some(4002) => Disconnect::lost("this client was too slow to read its events"),
        Some(4003) => {
            Disconnect::lost("this client has sent too many requests, or the account has too many connections")
        }
        Some(code) => Disconnect::lost(format!("the server closed the connection with code {code}")),
        None => Disconnect::lost("the server closed the connection"),
    }
}

/// Parses a frame. Returns `None` if it is unknown, since newer servers may send events that this version does not
/// know.
fn read(text: &str) -> Option<Incoming> {
    match serde_json::from_str(text) {
        Ok(Frame::Event(event)) => Some(Incoming::Event(event)),
        Ok(Frame::Reply(Reply {
            id,
            result: ReplyResult::Ok(value),
        })) => Some(Incoming::Reply(id, Ok(value))),
        Ok(Frame::Reply(Reply {
            id,
            result: ReplyResult::Error(problem),
        })) => Some(Incoming::Reply(id, Err(problem))),
        Err(_) => {
            // An error code that this version does not know. The request has failed nevertheless, so its reply must not
            // be ignored.
            let frame: Value = serde_json::from_str(text).ok()?;
            let (id, error) = (frame.get("id")?.as_u64()?, frame.get("error")?);
            let detail = error
                .get("detail")
                .or(error.get("title"))
                .and_then(Value::as_str)
                .unwrap_or_default();
            Some(Incoming::Reply(
                id,
                Err(Problem::new(Code::Internal).with_detail(detail)),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_parsed_and_unknown_ones_ignored() {
        assert!(matches!(read(r#"{"id":7,"ok":{}}"#), Some(Incoming::Reply(7, Ok(_)))));
        let refused = r#"{"id":7,"error":{"code":"forbidden","title":"t","status":403,"detail":null,"errors":[]}}"#;
        let Some(Incoming::Reply(7, Err(problem))) = read(refused) else {
            panic!("{refused}")
        };
        assert_eq!(problem.code, Code::Forbidden);
        let newer = r#"{"id":7,"error":{"code":"from_the_future","title":"no","status":403}}"#;
        let Some(Incoming::Reply(7, Err(problem))) = read(newer) else {
            panic!("{newer}")
        };
        assert_eq!(problem.detail.as_deref(), Some("no"));
        assert!(matches!(
            read(r#"{"event":"resync","data":{}}"#),
            Some(Incoming::Event(Event::Resync {}))
        ));
        assert!(read(r#"{"event":"from.the.future","data":{}}"#).is_none());
        assert!(read("not JSON").is_none());
    }

    #[test]
    fn only_the_end_of_the_session_is_final() {
        assert!(matches!(closed(Some(4001)), Disconnect::SignedOut(_)));
        for code in [Some(1001), Some(1006), Some(4000), Some(4002), Some(4003), None] {
            assert!(matches!(closed(code), Disconnect::Lost { .. }), "{code:?}");
        }
    }
}
