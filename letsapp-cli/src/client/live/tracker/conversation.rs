//! The state of one followed conversation.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use letsapp_core::domain::id::{ConversationId, Rev, Seq};
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::protocol::Message;

use crate::client::live::update::{Delivery, Position, Update};

/// Time to wait for the event that fills a gap before fetching the missing changes. Events from different servers may
/// arrive out of order, but rarely more than a few hundred milliseconds apart.
pub(super) const GAP_TIMEOUT: Duration = Duration::from_secs(1);

/// A followed conversation.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    /// Position up to which changes have been delivered; `None` until it is known.
    pub(super) position: Option<Position>,
    /// Whether the user has left the conversation.
    pub(super) has_left: bool,
    /// Time at which the user joined a conversation that is new to this client. Earlier messages are history and not
    /// delivered.
    pub(super) joined_at: Option<Timestamp>,
    pub(super) pending: BTreeMap<Rev, Change>,
    pub(super) fetch: Fetch,
    /// Whether changes were already pending without a position when the last sync began.
    pub(super) was_unplaced: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fetch {
    #[default]
    Idle,
    /// Changes are missing. They are fetched at this time, unless an event fills the gap before.
    Gap(Duration),
    /// Due at this time.
    Due(Duration),
    /// In progress.
    Running,
}

#[derive(Debug)]
pub(super) enum Change {
    Message(Box<Message>),
    Hidden,
}

impl Tracked {
    /// Delivers a message unless it is already known. It counts as new if its number is beyond `base_seq`, otherwise as
    /// changed.
    pub(super) fn deliver(&mut self, message: Message, base_seq: Seq, deliveries: &mut VecDeque<Delivery>) {
        let position = self.position.get_or_insert_default();
        if message.rev <= position.rev {
            return;
        }
        let is_after_joining = self.joined_at.is_none_or(|joined_at| message.sent_at >= joined_at);
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
        let update = is_after_joining.then_some(update);
        deliveries.push_back(Delivery {
            update,
            position_change,
            synced: None,
        });
    }

    /// Advances the position past changes that the user may not see.
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

    /// Delivers the pending changes that directly follow the position.
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

    /// Schedules a fetch if there is a gap between the position and the pending changes, and cancels it if the gap is
    /// filled.
    pub(super) fn schedule_fetch(&mut self, now: Duration) {
        self.fetch = match self.fetch {
            Fetch::Running | Fetch::Due(_) => self.fetch,
            _ if self.pending.is_empty() || self.is_unplaced() => Fetch::Idle,
            Fetch::Gap(_) => self.fetch,
            Fetch::Idle => Fetch::Gap(now + GAP_TIMEOUT),
        };
    }

    /// Returns `true` if there are pending changes but no position to compare them with. Only a sync can tell it.
    pub(super) fn is_unplaced(&self) -> bool {
        !self.pending.is_empty() && (self.position.is_none() || self.has_left)
    }
}
