//! Following conversations: each change once and in order, whatever the network does with it. No socket, no clock.
//!
//! Every conversation has a change number, `rev`. What follows on directly is handed over; what is ahead of a hole is
//! held until the hole is filled, by an event that comes late or, after a second, by asking for the changes; what is
//! behind is known already. After an interruption the server says by `sync` what was missed.

mod conversation;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use letsapp_core::id::{ConversationId, Rev, Seq};
use letsapp_core::protocol::{Conversation, Event, Message, Sync, SyncRequest};
use letsapp_core::time::Timestamp;

use super::update::{Delivery, Position, Positions, Update};
use conversation::{Change, Fetch, GAP_TIMEOUT, Tracked};

/// The most changes of a new conversation that are fetched; what is before them is history.
const MAX_NEW_CHANGES: u64 = 1_000;

/// All conversations that are followed.
#[derive(Debug)]
pub(super) struct Tracker {
    conversations: BTreeMap<ConversationId, Tracked>,
    since: Option<Timestamp>,
    phase: Phase,
    needs_sync: bool,
    deliveries: VecDeque<Delivery>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Events don't count: a sync will tell.
    Paused,
    /// Events are held where they don't follow on. Named in the sync are these.
    Syncing { requested: Vec<ConversationId> },
    /// Events follow on.
    Live,
}

/// The changes of a conversation after some position, all of them.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) items: Vec<Message>,
    pub(super) rev: Rev,
}

/// Why changes could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchError {
    /// One may not see the conversation.
    Gone,
    /// It may work later.
    Later,
}

impl Tracker {
    pub(super) fn new(positions: &Positions) -> Self {
        let tracked = |position: &Position| Tracked {
            position: Some(*position),
            ..Tracked::default()
        };
        Self {
            conversations: positions
                .conversations
                .iter()
                .map(|(id, position)| (*id, tracked(position)))
                .collect(),
            since: positions.since,
            phase: Phase::Paused,
            needs_sync: false,
            deliveries: VecDeque::new(),
        }
    }

    /// Takes what there is to hand over.
    pub(super) fn take_deliveries(&mut self) -> impl Iterator<Item = Delivery> {
        self.deliveries.drain(..)
    }

    /// Whether the server is to be asked what was missed.
    pub(super) fn needs_sync(&self) -> bool {
        self.needs_sync
    }

    /// Begins to catch up: events count from here on, and the server is asked this.
    pub(super) fn begin_sync(&mut self) -> SyncRequest {
        let held = self.conversations.iter().filter(|(_, tracked)| !tracked.has_left);
        let conversations: BTreeMap<_, _> = held
            .filter_map(|(id, tracked)| Some((*id, tracked.position?.rev)))
            .collect();
        self.needs_sync = false;
        for tracked in self.conversations.values_mut() {
            tracked.was_unplaced = tracked.is_unplaced();
        }
        self.phase = Phase::Syncing {
            requested: conversations.keys().copied().collect(),
        };
        SyncRequest {
            conversations,
            since: self.since,
        }
    }

    /// Takes a part of what was missed. While there is more, [`sync`](Self::sync) is to be asked again.
    pub(super) fn apply_sync(&mut self, sync: Sync, now: Duration) {
        let Phase::Syncing { requested } = std::mem::replace(&mut self.phase, Phase::Paused) else {
            return;
        };
        let mut base_seqs: BTreeMap<ConversationId, Seq> = BTreeMap::new();
        for conversation in sync.conversations {
            let id = conversation.id;
            let position = Position {
                rev: sync.positions.get(&id).copied().unwrap_or(conversation.head.rev),
                seq: conversation.head.seq,
            };
            if sync.reset.contains(&id) {
                self.reset_to(id, position);
            } else if !requested.contains(&id) {
                self.add_unrequested(&conversation, position, now);
            }
            self.deliveries
                .push_back(Update::Conversation(Box::new(conversation)).into());
        }
        for message in sync.changes {
            let Some(tracked) = self.conversations.get_mut(&message.conversation_id) else {
                continue;
            };
            let Some(position) = tracked.position else { continue };
            let base_seq = *base_seqs.entry(message.conversation_id).or_insert(position.seq);
            tracked.deliver(message, base_seq, &mut self.deliveries);
        }
        for (id, rev) in sync.positions.iter().filter(|(id, _)| requested.contains(id)) {
            if let Some(tracked) = self.conversations.get_mut(id) {
                tracked.skip_to(*id, *rev, &mut self.deliveries);
            }
        }
        self.deliveries
            .extend(sync.reset.into_iter().map(|id| Delivery::from(Update::Reset(id))));
        for id in sync.removed {
            self.remove(id);
        }
        if sync.more {
            self.needs_sync = true;
            self.phase = Phase::Syncing { requested };
            return;
        }
        self.phase = Phase::Live;
        self.since = Some(sync.server_time);
        // What even this sync could not place never will be.
        self.conversations
            .retain(|_, tracked| !(tracked.was_unplaced && tracked.is_unplaced()));
        for (id, tracked) in &mut self.conversations {
            if requested.contains(id) {
                tracked.joined_at = None;
            }
            tracked.deliver_ready(*id, &mut self.deliveries);
            tracked.schedule_fetch(now);
        }
        self.needs_sync |= self.conversations.values().any(Tracked::is_unplaced);
        let delivery = Delivery {
            update: Some(Update::CaughtUp),
            since: self.since,
            position_change: None,
        };
        self.deliveries.push_back(delivery);
    }

    /// Lets events pass by until the next [`sync`](Self::sync): the connection is gone, or the consumer is far behind.
    pub(super) fn pause(&mut self) {
        self.phase = Phase::Paused;
        self.needs_sync = false;
        self.conversations.retain(|_, tracked| tracked.position.is_some());
        for tracked in self.conversations.values_mut() {
            tracked.pending.clear();
            tracked.fetch = Fetch::Idle;
        }
    }

    /// Takes an event in.
    pub(super) fn apply_event(&mut self, event: Event, now: Duration) {
        if self.phase == Phase::Paused {
            return;
        }
        match event {
            Event::MessageCreated(message) | Event::MessageUpdated(message) => self.apply_message(message, now),
            Event::ConversationRev { conversation_id, rev } => {
                self.insert_change(conversation_id, rev, Change::Hidden, now);
            }
            Event::ConversationCreated(conversation) | Event::ConversationUpdated(conversation) => {
                if self
                    .conversations
                    .get(&conversation.id)
                    .is_none_or(|tracked| tracked.has_left || tracked.position.is_none())
                {
                    self.start_following(&conversation, now);
                }
                self.deliveries.push_back(Update::Conversation(conversation).into());
            }
            Event::ConversationRemoved { id } => self.remove(id),
            Event::ReceiptUpdated { conversation_id, items } => {
                self.deliveries
                    .push_back(Update::Receipts { conversation_id, items }.into());
            }
            Event::Typing { .. } | Event::Presence(_) => {
                self.deliveries.extend(Update::transient(&event).map(Delivery::from))
            }
            Event::Resync {} => self.needs_sync = true,
            // The rest is the connection's, or concerns no conversation.
            _ => {}
        }
    }

    /// Takes a message in, told by an event or by the reply to what changed it.
    pub(super) fn apply_message(&mut self, message: Message, now: Duration) {
        let (id, rev) = (message.conversation_id, message.rev);
        self.insert_change(id, rev, Change::Message(Box::new(message)), now);
    }

    /// When [`fetches`](Self::fetches) has something new.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let dues = self.conversations.values().filter_map(|tracked| match tracked.fetch {
            Fetch::Gap(at) | Fetch::Due(at) => Some(at),
            Fetch::Idle | Fetch::Running => None,
        });
        dues.min()
    }

    /// Returns which changes are to be fetched now: after which position, of which conversations.
    pub(super) fn take_due_fetches(&mut self, now: Duration) -> Vec<(ConversationId, Rev)> {
        let is_due = |tracked: &Tracked| matches!(tracked.fetch, Fetch::Gap(at) | Fetch::Due(at) if at <= now);
        let due = self.conversations.iter_mut().filter(|(_, tracked)| is_due(tracked));
        due.map(|(id, tracked)| {
            tracked.fetch = Fetch::Running;
            (*id, tracked.position.unwrap_or_default().rev)
        })
        .collect()
    }

    /// Takes what was fetched.
    pub(super) fn apply_fetch(&mut self, id: ConversationId, result: Result<Fetched, FetchError>, now: Duration) {
        let Some(tracked) = self
            .conversations
            .get_mut(&id)
            .filter(|tracked| tracked.fetch == Fetch::Running)
        else {
            return;
        };
        tracked.fetch = Fetch::Idle;
        match result {
            Ok(Fetched { items, rev }) => {
                let base_seq = tracked.position.unwrap_or_default().seq;
                for message in items {
                    tracked.deliver(message, base_seq, &mut self.deliveries);
                }
                tracked.joined_at = None;
                tracked.skip_to(id, rev, &mut self.deliveries);
                self.deliveries.push_back(Delivery {
                    position_change: Some((id, tracked.position)),
                    ..Delivery::default()
                });
                tracked.deliver_ready(id, &mut self.deliveries);
                tracked.schedule_fetch(now);
            }
            Err(FetchError::Later) => tracked.fetch = Fetch::Due(now + GAP_TIMEOUT),
            Err(FetchError::Gone) => tracked.pending.clear(),
        }
    }

    fn insert_change(&mut self, id: ConversationId, rev: Rev, change: Change, now: Duration) {
        if self.phase == Phase::Paused {
            return;
        }
        let tracked = self.conversations.entry(id).or_default();
        if tracked.position.is_some_and(|position| rev <= position.rev) {
            return;
        }
        tracked.pending.insert(rev, change);
        tracked.deliver_ready(id, &mut self.deliveries);
        if self.phase == Phase::Live {
            tracked.schedule_fetch(now);
            self.needs_sync |= tracked.is_unplaced();
        }
    }

    /// Takes in a conversation that a sync tells of without having been asked about it.
    fn add_unrequested(&mut self, conversation: &Conversation, position: Position, now: Duration) {
        match self.conversations.get(&conversation.id) {
            Some(tracked) if tracked.position.is_some() && !tracked.has_left => {}
            // At the very beginning, what is there is history.
            _ if self.since.is_none() => self.reset_to(conversation.id, position),
            _ => self.start_following(conversation, now),
        }
    }

    /// Follows a conversation that is new, from its beginning or from where one had left it.
    fn start_following(&mut self, conversation: &Conversation, now: Duration) {
        let tracked = self.conversations.entry(conversation.id).or_default();
        let earliest = Rev(conversation.head.rev.0.saturating_sub(MAX_NEW_CHANGES));
        match &mut tracked.position {
            Some(position) => position.rev = position.rev.max(earliest),
            None => {
                tracked.position = Some(Position {
                    rev: earliest,
                    seq: Seq::ZERO,
                });
                tracked.joined_at = Some(conversation.me.joined_at);
            }
        }
        tracked.has_left = false;
        if conversation.head.rev == Rev::ZERO {
            tracked.joined_at = None;
            self.deliveries.push_back(Delivery {
                position_change: Some((conversation.id, tracked.position)),
                ..Delivery::default()
            });
        } else {
            tracked.fetch = Fetch::Due(now);
        }
    }

    fn reset_to(&mut self, id: ConversationId, position: Position) {
        let tracked = self.conversations.entry(id).or_default();
        let pending = std::mem::take(&mut tracked.pending);
        *tracked = Tracked {
            position: Some(position),
            pending,
            ..Tracked::default()
        };
        tracked.skip_to(id, position.rev, &mut self.deliveries);
        self.deliveries.push_back(Delivery {
            position_change: Some((id, Some(position))),
            ..Delivery::default()
        });
    }

    fn remove(&mut self, id: ConversationId) {
        let Some(tracked) = self.conversations.get_mut(&id).filter(|tracked| !tracked.has_left) else {
            return;
        };
        tracked.has_left = true;
        tracked.pending.clear();
        tracked.fetch = Fetch::Idle;
        let update = Some(Update::ConversationRemoved(id));
        self.deliveries.push_back(Delivery {
            update,
            position_change: Some((id, None)),
            since: None,
        });
    }
}
