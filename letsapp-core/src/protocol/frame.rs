//! Frames of the socket: requests, replies, events.

use serde::{Deserialize, Serialize};

use crate::protocol::event::Event;
use crate::protocol::problem::Problem;

/// What a client asks: `{"id": 7, "op": "message.send", "data": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Request<T = serde_json::Value> {
    /// Names the request; the reply carries the same.
    pub id: u64,
    /// What to do.
    pub op: Op,
    /// With what.
    #[serde(default)]
    pub data: T,
}

/// What can be asked on the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Op {
    /// Sends a message.
    #[serde(rename = "message.send")]
    MessageSend,
    /// Changes the words of one's own message.
    #[serde(rename = "message.edit")]
    MessageEdit,
    /// Deletes a message for everyone.
    #[serde(rename = "message.delete")]
    MessageDelete,
    /// Puts a reaction on a message, or takes it off.
    #[serde(rename = "message.react")]
    MessageReact,
    /// Tells what was received and read.
    #[serde(rename = "receipt")]
    Receipt,
    /// Tells the other members that one types, or does not any more.
    #[serde(rename = "typing")]
    Typing,
    /// Asks who of some users is there, and to be told from here on.
    #[serde(rename = "presence.watch")]
    PresenceWatch,
    /// Asks for all that changed since.
    #[serde(rename = "sync")]
    Sync,
    /// Asks for nothing but an answer.
    #[serde(rename = "ping")]
    Ping,
}

/// What the server answers: `{"id": 7, "ok": {…}}` or `{"id": 7, "error": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reply<T = serde_json::Value> {
    /// The request's.
    pub id: u64,
    /// What came of it.
    #[serde(flatten)]
    pub result: ReplyResult<T>,
}

/// Success or failure of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplyResult<T> {
    /// It was done, with this outcome.
    Ok(T),
    /// It was not.
    Error(Problem),
}

/// What a server sends, as a client reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Frame {
    /// An answer.
    Reply(Reply),
    /// An event.
    Event(Event),
}
