//! Following one conversation.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use letsapp_core::id::{ConversationId, Rev, Seq};
use letsapp_core::protocol::Message;
use letsapp_core::time::Timestamp;

use crate::client::live::update::{Position, Step, Update};

/// How long a hole may be one: events of several servers may overtake each other.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// One conversation.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// How far it has been followed; `None` until that is known.
    pub(super) position: Option<Position>,
    /// Whether one has left it.
    pub(super) left: bool,
    /// Of a conversation that is new to us, what was before one joined is not news.
    pub(super) joined_at: Option<Timestamp>,
    pub(super) ahead: BTreeMap<Rev, Change>,
    pub(super) fetch: Fetch,
    /// Whether a sync was to tell where it belongs.
    pub(super) asked: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fetch {
    #[default]
    Idle,
    /// There is a hole: at that time, unless it is filled by then.
    Hole(Duration),
    /// At that time.
    Due(Duration),
    /// Now.
    Running,
}

#[derive(Debug)]
pub(super) enum Change {
    Message(Box<Message>),
    Hidden,
}

impl Track {
    /// Hands a message over unless it is known; it is new if it comes after `base`.
    pub(super) fn hand_over(&mut self, message: Message, base: Seq, steps: &mut VecDeque<Step>) {
        let position = self.position.get_or_insert_default();
        if message.rev <= position.rev {
            return;
        }
        let news = self.joined_at.is_none_or(|joined_at| message.sent_at >= joined_at);
        let is_new = message.seq > base;
        *position = Position {
            rev: message.rev,
            seq: position.seq.max(message.seq),
        };
        let moved = Some((message.conversation_id, Some(*position)));
        let update = if is_new {
            Update::Message(message)
        } else {
            Update::MessageChanged(message)
        };
        let update = news.then_some(update);
        steps.push_back(Step {
            update,
            moved,
            since: None,
        });
    }

    /// Moves on past changes that are not to be seen.
    pub(super) fn pass(&mut self, id: ConversationId, rev: Rev, steps: &mut VecDeque<Step>) {
        let Some(position) = &mut self.position else { return };
        if rev > position.rev {
            position.rev = rev;
            steps.push_back(Step {
                moved: Some((id, Some(*position))),
                ..Step::default()
            });
        }
        let known = position.rev;
        self.ahead.retain(|rev, _| *rev > known);
    }

    /// Hands over what follows on.
    pub(super) fn flush(&mut self, id: ConversationId, steps: &mut VecDeque<Step>) {
        while !self.left
            && let Some(position) = self.position
            && let Some(change) = self.ahead.remove(&position.rev.next())
        {
            match change {
                Change::Message(message) => self.hand_over(*message, position.seq, steps),
                Change::Hidden => self.pass(id, position.rev.next(), steps),
            }
        }
    }

    /// Looks whether there is a hole.
    pub(super) fn watch(&mut self, now: Duration) {
        self.fetch = match self.fetch {
            Fetch::Running | Fetch::Due(_) => self.fetch,
            _ if self.ahead.is_empty() || self.is_strange() => Fetch::Idle,
            Fetch::Hole(_) => self.fetch,
            Fetch::Idle => Fetch::Hole(now + PATIENCE),
        };
    }

    /// Whether there is something, and nobody knows where it belongs.
    pub(super) fn is_strange(&self) -> bool {
        !self.ahead.is_empty() && (self.position.is_none() || self.left)
    }
}
