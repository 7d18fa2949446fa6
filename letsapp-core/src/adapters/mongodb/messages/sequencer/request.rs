//! Requests of the [`Sequencer`](super::Sequencer) to the database. The driver turns each into commands.

use std::sync::Arc;
use std::time::Duration;

use crate::adapters::mongodb::retry;
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, MessageId};
use crate::domain::message::Message;
use crate::ports::{Change, TermsChange};

/// Number of a request, unique within its sequencer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(super) u64);

/// A request, to be answered by the [`Reply`](super::Reply) of the same name.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// Majority read of heads. Answered by [`Reply::Heads`](super::Reply::Heads).
    ReadHeads(Vec<ConversationId>),
    /// Majority read of messages and conversations by their ids. Answered by [`Reply::Found`](super::Reply::Found).
    LookUp {
        messages: Vec<(ConversationId, MessageId)>,
        conversations: Vec<ConversationId>,
    },
    /// One ordered `insert`. Answered by [`Reply::Write`](super::Reply::Write), as all writes are.
    Insert {
        messages: Vec<NewMessage>,
        isolation: Isolation,
    },
    /// One ordered `update`.
    Update {
        revisions: Vec<Revision>,
        isolation: Isolation,
    },
    /// One transaction. `before` is the conversation's head before the change.
    Transaction { change: Change, before: Head },
    /// End of the transactions that dead servers have left open. Answered by [`Reply::Ended`](super::Reply::Ended).
    EndAbandonedTransactions,
}

/// A new message. Its `seq`, `rev` and `ordinal` are those of the head.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    pub(crate) message: Arc<Message>,
    /// Head of the conversation after the message.
    pub(crate) head: Head,
}

/// A new state of a message. Its next `rev` is that of the head.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub(crate) message: Arc<Message>,
    pub(crate) terms: TermsChange,
    /// Head of the conversation after the revision.
    pub(crate) head: Head,
}

/// Suspicion that a conversation holds up the commands that it is part of, such as by the locks of a transaction that
/// another server has left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isolation {
    /// No suspicion: shares commands with others.
    None,
    /// Was part of a command that was interrupted, and goes alone.
    Suspected,
    /// Was interrupted alone too.
    Stuck,
}

impl Isolation {
    /// Returns the time that the server may work on a command. Ordinary commands take milliseconds. A short limit on
    /// those that conversations share bounds the time for which one conversation delays others.
    pub(crate) const fn server_limit(self) -> Duration {
        match self {
            Self::None => Duration::from_millis(200),
            Self::Suspected => Duration::from_secs(1),
            Self::Stuck => retry::WRITE_TIMEOUT,
        }
    }

    /// Returns the time after which a reply is no longer waited for: a little more than the server's own limit, whose
    /// error says more.
    pub(crate) const fn client_limit(self) -> Duration {
        match self {
            Self::None => Duration::from_millis(225),
            Self::Suspected => Duration::from_millis(1_500),
            Self::Stuck => retry::STEP_TIMEOUT,
        }
    }

    /// Returns the number of commands that may be under way at once for isolated conversations. Few of them for the
    /// stuck ones, so that they never keep the merely suspected ones waiting. Leaves half of the connection pool to
    /// others.
    pub(crate) const fn max_commands(self) -> usize {
        match self {
            Self::None | Self::Suspected => 24,
            Self::Stuck => 8,
        }
    }
}
