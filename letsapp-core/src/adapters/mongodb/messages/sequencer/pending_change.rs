//! A change that waits for its outcome, and the numbers that it takes.

use crate::domain::conversation::Head;
use crate::domain::id::{Rev, Seq};
use crate::domain::message::Position;
use crate::ports::Change;

/// A change that is not settled yet.
pub(super) struct PendingChange {
    /// Position in the batch.
    pub(super) index: usize,
    pub(super) change: Change,
    /// Every position at which it was offered without a reply that says whether it was carried out.
    pub(super) doubts: Vec<Position>,
    /// Reason of the last refusal, until the next lookup.
    pub(super) refused: Option<Refused>,
    /// Whether it revises a message that was to be stored before it, and was not.
    pub(super) is_baseless: bool,
}

/// Reason for which a change was refused.
pub(super) enum Refused {
    /// The id is taken, or the message has another `rev`.
    Taken,
    /// The server does not accept the document; with its error.
    Invalid(String),
}

/// Kind of command that carries out a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandKind {
    /// An ordered `insert` of messages.
    Insert,
    /// An ordered `update` of messages.
    Update,
    /// A transaction, for changes that also touch the conversation or its members.
    Transaction,
}

impl PendingChange {
    /// Returns a change that has not been offered yet.
    pub(super) const fn new(index: usize, change: Change) -> Self {
        Self {
            index,
            change,
            doubts: Vec::new(),
            refused: None,
            is_baseless: false,
        }
    }

    /// Returns the kind of command that the change needs. A system message without any change of the conversation or
    /// its members is a plain insert, which is cheaper than a transaction.
    pub(super) const fn command_kind(&self) -> CommandKind {
        match &self.change {
            Change::Append { .. } => CommandKind::Insert,
            Change::Revise { .. } => CommandKind::Update,
            Change::UpdateGroup {
                conversation: None,
                members,
                preceding,
                ..
            } if members.is_empty() && preceding.is_empty() => CommandKind::Insert,
            Change::UpdateGroup { .. } | Change::Create { .. } => CommandKind::Transaction,
        }
    }

    /// Returns the fence under which the change was decided; `None` for the creation of a conversation.
    pub(super) const fn fence(&self) -> Option<Seq> {
        match &self.change {
            Change::Append { fence, .. } | Change::Revise { fence, .. } | Change::UpdateGroup { fence, .. } => {
                Some(*fence)
            }
            Change::Create { .. } => None,
        }
    }

    /// Returns the `rev` that a revision was computed from; zero for other changes.
    pub(super) fn base(&self) -> Rev {
        match &self.change {
            Change::Revise { message, .. } => message.rev,
            _ => Rev::ZERO,
        }
    }

    /// Tells whether the change adds a system message that becomes the new fence.
    pub(super) fn moves_fence(&self) -> bool {
        let added = matches!(self.change, Change::UpdateGroup { .. } | Change::Create { .. });
        added && self.change.message().moves_fence()
    }

    /// Tells whether only a lookup can say what became of the change: it was refused, or may have been carried out.
    pub(super) const fn is_open(&self) -> bool {
        !self.doubts.is_empty() || self.refused.is_some()
    }

    /// Returns the head after the change, for a conversation whose head is `head`.
    pub(super) fn after(&self, head: Head) -> Head {
        let rev = head.rev.next();
        match &self.change {
            Change::Revise { .. } => Head { rev, ..head },
            change => {
                let before = change
                    .preceding()
                    .iter()
                    .fold(head, |head, message| head.after(message));
                before.after(change.message())
            }
        }
    }

    /// Returns the position of the change's message, given the head after the change.
    pub(super) fn position(&self, head: Head) -> Position {
        match &self.change {
            Change::Revise { message, .. } => Position {
                seq: message.seq,
                rev: head.rev,
                ordinal: message.ordinal,
                sent_at: message.sent_at,
            },
            _ => head.position(),
        }
    }
}
