//! Replies of the database to the requests of the [`Sequencer`](super::Sequencer).

use std::collections::HashMap;

use crate::domain::conversation::{Conversation, Head};
use crate::domain::id::{ConversationId, MessageId};
use crate::domain::message::Message;

/// Reply to a [`Request`](super::Request).
#[derive(Debug)]
pub(crate) enum Reply {
    /// Heads, by conversation. Those that don't exist are left out; those without messages have the default head.
    Heads(Result<HashMap<ConversationId, Head>, ReadError>),
    /// Documents found.
    Found(Result<Found, ReadError>),
    /// Result of the first `sent` changes of a write. The others were not sent, because the command would have been too
    /// large.
    Write { sent: usize, result: WriteResult },
    /// The search for abandoned transactions has ended.
    Ended,
}

/// Documents found under the ids of changes.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) messages: HashMap<(ConversationId, MessageId), Message>,
    pub(crate) conversations: HashMap<ConversationId, Conversation>,
}

/// Reason for which a read failed, with the error.
#[derive(Clone, Debug)]
pub(crate) enum ReadError {
    /// Temporary.
    Unavailable(String),
    /// Permanent.
    Failed(String),
}

/// Result of a write, whose changes are carried out in order up to the first that is refused.
#[derive(Debug)]
pub(crate) enum WriteResult {
    /// A majority has the first `done` changes. Unless all are done, the next one was refused.
    Answered { done: usize, refusal: Option<Refusal> },
    /// The time limit was reached, with the error. Any number of the first changes may be carried out.
    Interrupted(String),
    /// No reply, or one without a majority, with the error. Any number of the first changes may be carried out.
    Unknown(String),
    /// The server has refused the command as a whole and would refuse it again, with the error.
    Rejected(String),
}

/// The first change of a command that was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Position in the command, from 0.
    pub(crate) index: usize,
    pub(crate) cause: RefusalCause,
}

/// Reason for which a change was refused.
#[derive(Clone, Debug)]
pub(crate) enum RefusalCause {
    /// The id of the new document is taken, or the revised message has another `rev`.
    IdTaken,
    /// The next `seq` or `rev` is taken.
    NumberTaken,
    /// Temporary, with the error: nothing was done.
    Conflict(String),
    /// Permanent, with the error.
    Invalid(String),
}
