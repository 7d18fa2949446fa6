//! Parses requests from frames, and writes replies and events as frames.

use std::time::Duration;

use bytes::Bytes;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::protocol::{Code, FieldError, Op, echo};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::error::ApiError;

/// Maximum size of a client's frame in bytes: room for the longest message with every character escaped.
pub(crate) const MAX_FRAME_BYTES: usize = 512 * 1024;

/// Interval between the server's pings. Short enough for NAT gateways and proxies, many of which drop connections that
/// are idle for a minute.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// A request on the socket. Its data is parsed later, by the operation.
#[derive(Debug, Deserialize)]
pub(super) struct SocketRequest<'a> {
    /// Id chosen by the client, repeated in the reply.
    pub(super) id: u64,
    /// Operation to carry out.
    pub(super) op: Op,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// The result of `ping`.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Pinged {
    /// Present time of the server's clock.
    pub(super) server_time: Timestamp,
}

/// A frame that is not a valid request.
pub(super) enum MalformedFrame {
    /// The frame has an id: the error is sent as its reply.
    WithId(u64, ApiError),
    /// The frame has no id to reply to: the socket is closed with this reason.
    WithoutId(&'static str),
}

impl<'a> SocketRequest<'a> {
    /// Parses a text frame.
    pub(super) fn read(text: &'a str) -> Result<Self, MalformedFrame> {
        serde_json::from_str(text).map_err(|_| MalformedFrame::diagnose(text))
    }

    /// Returns the request's data as JSON; an empty object if it is missing.
    pub(super) fn data(&self) -> &'a str {
        self.data.map_or("{}", RawValue::get)
    }
}

impl MalformedFrame {
    /// Finds out what is wrong with a frame. Parses it again as generic JSON, which valid frames are spared.
    fn diagnose(text: &str) -> Self {
        let Ok(Value::Object(frame)) = serde_json::from_str(text) else {
            return Self::WithoutId("a frame must be one JSON object");
        };
        let Some(id) = frame.get("id").and_then(Value::as_u64) else {
            return Self::WithoutId("a request must have an id that is a whole number");
        };
        let fault = match frame.get("op") {
            None => FieldError::new("op", "required", "is missing"),
            Some(Value::String(op)) => {
                let detail = format!("unknown operation {:?}", echo(op));
                FieldError::new("op", "invalid_value", detail)
            }
            Some(_) => FieldError::new("op", "invalid_type", "must be text"),
        };
        Self::WithId(id, ApiError::invalid(vec![fault]))
    }
}

/// Creates a text frame from bytes that are known to be UTF-8, without checking or copying them.
pub(super) fn text(bytes: impl Into<Bytes>) -> Message {
    Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true))
}

/// Size from which a message is sent in pieces of this size, as RFC 6455 allows of any message. The buffer of the
/// stream grows to the longest frame and is kept as long as the socket is open: an answer of megabytes must not stay.
const PIECE_BYTES: usize = 64 * 1024;

/// Hands a message over, in pieces if it is a long text frame. The pieces share its bytes.
pub(super) fn in_pieces(message: Message, mut queue: impl FnMut(Message)) {
    let payload = match message {
        Message::Frame(frame) if frame.payload().len() > PIECE_BYTES => frame.into_payload(),
        message => return queue(message),
    };
    let last = (payload.len() - 1) / PIECE_BYTES;
    for number in 0..=last {
        let begin = number * PIECE_BYTES;
        let piece = payload.slice(begin..payload.len().min(begin + PIECE_BYTES));
        let code = if number == 0 { Data::Text } else { Data::Continue };
        queue(Message::Frame(Frame::message(
            piece,
            OpCode::Data(code),
            number == last,
        )));
    }
}

/// Initial capacity of a reply in bytes: most replies fit, so that they are not moved while they are written.
const REPLY_CAPACITY: usize = 768;

/// Creates the reply to a request.
pub(super) fn reply<T: Serialize>(id: u64, outcome: Result<T, ApiError>) -> Message {
    match outcome {
        Ok(value) => reply_with(id, |frame| serde_json::to_writer(frame, &value)),
        Err(error) => framed(id, "error", |frame| serde_json::to_writer(frame, &error.into_problem())),
    }
}

/// Creates the reply to a request that succeeded; `write` appends its result as JSON.
pub(super) fn reply_with(id: u64, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> Message {
    framed(id, "ok", write)
}

/// Writes `{"id":…,"…":…}` by hand: serde serializes a flattened struct through a map, which is slower.
fn framed(id: u64, name: &str, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> Message {
    let mut frame = Vec::with_capacity(REPLY_CAPACITY);
    frame.extend_from_slice(b"{\"id\":");
    let written = serde_json::to_writer(&mut frame, &id).and_then(|()| {
        frame.extend_from_slice(b",\"");
        frame.extend_from_slice(name.as_bytes());
        frame.extend_from_slice(b"\":");
        write(&mut frame)
    });
    frame.push(b'}');
    match written {
        Ok(()) => text(frame),
        Err(cause) => {
            tracing::error!(%cause, "cannot serialize a reply; sending an internal error instead");
            reply::<()>(id, Err(ApiError::new(Code::Internal)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(message: &Message) -> Value {
        let Message::Frame(frame) = message else {
            panic!("a frame is expected")
        };
        serde_json::from_slice(frame.payload()).unwrap()
    }

    #[test]
    fn a_long_message_goes_in_pieces_that_make_it_whole() {
        let long = "x".repeat(2 * PIECE_BYTES + 1);
        let mut pieces = Vec::new();
        in_pieces(text(long.clone()), |piece| pieces.push(piece));
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| match piece {
                Message::Frame(frame) => (frame.header().opcode, frame.header().is_final, frame.payload()),
                _ => panic!("a frame is expected"),
            })
            .collect();
        let (text, more) = (OpCode::Data(Data::Text), OpCode::Data(Data::Continue));
        let kinds: Vec<_> = frames.iter().map(|(code, is_final, _)| (*code, *is_final)).collect();
        assert_eq!(kinds, [(text, false), (more, false), (more, true)]);
        let whole: Vec<u8> = frames
            .iter()
            .flat_map(|(_, _, payload)| payload.iter().copied())
            .collect();
        assert_eq!(whole, long.as_bytes());
    }

    #[test]
    fn a_request_is_read_whatever_the_order_of_its_fields() {
        let request = SocketRequest::read(r#"{"data": {"a": [1]}, "op": "message.send", "id": 7, "x": 1}"#)
            .ok()
            .unwrap();
        assert_eq!(
            (request.id, request.op, request.data()),
            (7, Op::MessageSend, r#"{"a": [1]}"#)
        );
        assert_eq!(
            SocketRequest::read(r#"{"op": "ping", "id": 7}"#).ok().unwrap().data(),
            "{}"
        );
    }

    #[test]
    fn a_malformed_frame_with_an_id_gets_a_reply() {
        for (frame, field) in [
            (r#"{"id": 7}"#, "required"),
            (r#"{"id": 7, "op": "message.sing"}"#, "invalid_value"),
            (r#"{"id": 7, "op": 7}"#, "invalid_type"),
        ] {
            let Err(MalformedFrame::WithId(7, error)) = SocketRequest::read(frame) else {
                panic!("{frame}")
            };
            assert_eq!(error.into_problem().errors[0].code, field);
        }
        for frame in [
            "",
            "7",
            "[]",
            "{",
            r#"{"op": "ping"}"#,
            r#"{"id": "7", "op": "ping"}"#,
            r#"{"id": -1}"#,
        ] {
            assert!(
                matches!(SocketRequest::read(frame), Err(MalformedFrame::WithoutId(_))),
                "{frame}"
            );
        }
    }

    #[test]
    fn an_unknown_operation_is_repeated_in_part_only() {
        let frame = format!(r#"{{"id": 7, "op": "{}"}}"#, r"\u0001".repeat(80_000));
        let Err(MalformedFrame::WithId(7, error)) = SocketRequest::read(&frame) else {
            panic!("it is unknown")
        };
        let reply = written(&reply::<()>(7, Err(error))).to_string();
        assert!(reply.len() < 2_000, "{} bytes", reply.len());
    }

    #[test]
    fn replies_have_the_shape_of_the_contract() {
        let ok = written(&reply(7, Ok(serde_json::json!({"a": 1}))));
        assert_eq!(ok, serde_json::json!({"id": 7, "ok": {"a": 1}}));
        let error = written(&reply::<()>(8, Err(ApiError::new(Code::NotFound))));
        assert_eq!(
            (&error["id"], &error["error"]["code"]),
            (&8.into(), &"not_found".into())
        );
        assert_eq!(error["error"]["status"], 404);
    }
}
