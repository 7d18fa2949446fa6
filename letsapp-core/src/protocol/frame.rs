//! Frames of the socket: requests, replies and events.

use serde::{Deserialize, Serialize};

use crate::protocol::event::Event;
use crate::protocol::problem::Problem;

/// A request from a client: `{"id": 7, "op": "message.send", "data": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Request<T = serde_json::Value> {
    /// Number of the request, chosen by the client; the reply carries the same.
    pub id: u64,
    /// Operation to carry out.
    pub op: Op,
    /// Parameters of the operation.
    #[serde(default)]
    pub data: T,
}

/// Operation of a request on the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Op {
    /// Sends a message.
    #[serde(rename = "message.send")]
    MessageSend,
    /// Changes the text of a message of the caller.
    #[serde(rename = "message.edit")]
    MessageEdit,
    /// Deletes a message for all members.
    #[serde(rename = "message.delete")]
    MessageDelete,
    /// Sets or removes a reaction to a message.
    #[serde(rename = "message.react")]
    MessageReact,
    /// Reports received and read messages.
    #[serde(rename = "receipt")]
    Receipt,
    /// Reports that the user started, continues or stopped typing.
    #[serde(rename = "typing")]
    Typing,
    /// Returns the presence of users, and subscribes to its changes.
    #[serde(rename = "presence.watch")]
    PresenceWatch,
    /// Returns all changes since the last sync.
    #[serde(rename = "sync")]
    Sync,
    /// Requests an empty reply.
    #[serde(rename = "ping")]
    Ping,
}

/// A reply from the server: `{"id": 7, "ok": {…}}` or `{"id": 7, "error": {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reply<T = serde_json::Value> {
    /// Number of the request.
    pub id: u64,
    /// Result of the request.
    #[serde(flatten)]
    pub result: ReplyResult<T>,
}

/// Result of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplyResult<T> {
    /// Success, with the result of the operation.
    Ok(T),
    /// Failure, with the problem.
    Error(Problem),
}

/// A frame from the server, as a client reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Frame {
    /// Reply to a request.
    Reply(Reply),
    /// Event.
    Event(Event),
}
