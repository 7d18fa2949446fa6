//! Following one conversation.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use letsapp_core::id::{ConversationId, Rev, Seq};
use letsapp_core::protocol::Message;
use letsapp_core::time::Timestamp;

use crate::client::live::update::{Delivery, Position, Update};

/// How long a hole may be one: events of several servers may overtake each other.
pub(super) const GAP_TIMEOUT: Duration = Duration::from_secs(1);

/// One conversation.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    /// How far it has been followed; `None` until that is known.
    pub(super) position: Option<Position>,
    /// Whether one has left it.
    pub(super) has_left: bool,
    /// Of a conversation that is new to us, what was before one joined is not news.
    pub(super) joined_at: Option<Timestamp>,
    pub(super) pending: BTreeMap<Rev, Change>,
    pub(super) fetch: Fetch,
    /// Whether a sync was to tell where it belongs.
    pub(super) was_unplaced: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fetch {
    #[default]
    Idle,
    /// There is a hole: at that time, unless it is filled by then.
    Gap(Duration),
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

impl Tracked {
    /// Hands a message over unless it is known; it is new if it comes after `base`.
    pub(super) fn deliver(&mut self, message: Message, base_seq: Seq, deliveries: &mut VecDeque<Delivery>) {
        let position = self.position.get_or_insert_default();
        if message.rev <= position.rev {
            return;
        }
        let news = self.joined_at.is_none_or(|joined_at| message.sent_at >= joined_at);
        let is_new = message.seq > base_seq;
        *position = Position {
            rev: message.rev,
            seq: position.seq.max(message.seq),
        };
        let position_change = Some((message.conversation_id, Some(*position)));
        let update = if is_new {
            Update::Message(message)
        } else {
            Update::MessageChanged(message)
        };
        let update = news.then_some(update);
        deliveries.push_back(Delivery {
            update,
            position_change,
            since: None,
        });
    }

    /// Moves on past changes that are not to be seen.
    pub(super) fn skip_to(&mut self, id: ConversationId, rev: Rev, deliveries: &mut VecDeque<Delivery>) {
        let Some(position) = &mut self.position else { return };
        if rev > position.rev {
            position.rev = rev;
            deliveries.push_back(Delivery {
                position_change: Some((id, Some(*position))),
                ..Delivery::default()
            });
        }
        let known = position.rev;
        self.pending.retain(|rev, _| *rev > known);
    }

    /// Hands over what follows on.
    pub(super) fn deliver_ready(&mut self, id: ConversationId, deliveries: &mut VecDeque<Delivery>) {
        while !self.has_left
            && let Some(position) = self.position
            && let Some(change) = self.pending.remove(&position.rev.next())
        {
            match change {
                Change::Message(message) => self.deliver(*message, position.seq, deliveries),
                Change::Hidden => self.skip_to(id, position.rev.next(), deliveries),
            }
        }
    }

    /// Looks whether there is a hole.
    pub(super) fn schedule_fetch(&mut self, now: Duration) {
        self.fetch = match self.fetch {
            Fetch::Running | Fetch::Due(_) => self.fetch,
            _ if self.pending.is_empty() || self.is_unplaced() => Fetch::Idle,
            Fetch::Gap(_) => self.fetch,
            Fetch::Idle => Fetch::Gap(now + GAP_TIMEOUT),
        };
    }

    /// Whether there is something, and nobody knows where it belongs.
    pub(super) fn is_unplaced(&self) -> bool {
        !self.pending.is_empty() && (self.position.is_none() || self.has_left)
    }
}
