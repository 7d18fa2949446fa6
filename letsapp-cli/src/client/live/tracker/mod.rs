//! State machine that delivers each change of each conversation once and in order, however the network behaves. No I/O
//! and no clock.
//!
//! Each conversation numbers its changes: the `rev`. A change that directly follows the last one is delivered, and a
//! change that is already known is dropped. A change beyond a gap is held back until the gap is filled, either by an
//! event that arrives late or, after a second, by fetching the missing changes. After an interruption, a `sync` request
//! returns all that was missed.

mod conversation;
mod sync;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use letsapp_core::domain::conversation::Kind;
use letsapp_core::domain::id::{ConversationId, Epoch, Rev, Seq};
use letsapp_core::protocol::{Conversation, Event, Message, SyncSince};

use super::update::{Delivery, Position, Positions, Update};
use conversation::{Change, Fetch, GAP_TIMEOUT, Tracked};

/// Maximum number of changes to fetch of a conversation that is new to this client. Older ones count as history, so
/// that joining a busy group does not cause a flood of updates.
const MAX_NEW_CHANGES: u64 = 1_000;

/// All followed conversations, and the updates to be delivered.
#[derive(Debug)]
pub(super) struct Tracker {
    conversations: BTreeMap<ConversationId, Tracked>,
    /// Point up to which everything is known; sent with the next sync.
    since: Option<SyncSince>,
    /// Whether a sync has been completed, in this run or in the one that this one continues.
    has_synced: bool,
    epoch: Option<Epoch>,
    phase: Phase,
    needs_sync: bool,
    deliveries: VecDeque<Delivery>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Events are ignored. The next sync returns what they said.
    Paused,
    /// A sync is in progress, and the request named these conversations. Events beyond a gap are held back but not
    /// fetched, since the reply may fill the gap.
    Syncing { requested: Vec<ConversationId> },
    /// Events are delivered as they arrive.
    Live,
}

/// All changes of a conversation after a position.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) items: Vec<Message>,
    pub(super) rev: Rev,
}

/// The reason why changes could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchError {
    /// The user may not see the conversation any more.
    Gone,
    /// A failure that may pass.
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
            has_synced: positions.since.is_some(),
            epoch: positions.epoch,
            phase: Phase::Paused,
            needs_sync: false,
            deliveries: VecDeque::new(),
        }
    }

    /// Removes and returns the updates to be delivered.
    pub(super) fn take_deliveries(&mut self) -> impl Iterator<Item = Delivery> {
        self.deliveries.drain(..)
    }

    /// Returns `true` if a sync is to be requested.
    pub(super) fn needs_sync(&self) -> bool {
        self.needs_sync
    }

    /// Ignores events until the next [`begin_sync`](Self::begin_sync), because the connection was lost or the consumer
    /// is too far behind.
    pub(super) fn pause(&mut self) {
        self.phase = Phase::Paused;
        self.needs_sync = false;
        self.conversations.retain(|_, tracked| tracked.position.is_some());
        for tracked in self.conversations.values_mut() {
            tracked.pending.clear();
            tracked.fetch = Fetch::Idle;
        }
    }

    /// Takes an event from the server.
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
                // One that the user has left may still be archived or muted, which changes nothing here.
                if conversation.me.left_at.is_none()
                    && self
                        .conversations
                        .get(&conversation.id)
                        .is_none_or(|tracked| tracked.has_left || tracked.position.is_none())
                {
                    self.start_following(&conversation, now);
                }
                self.deliveries.push_back(Update::Conversation(conversation).into());
            }
            // One that is not followed was left before, and is no longer listed.
            Event::ConversationRemoved { id } if !self.conversations.contains_key(&id) => {
                self.deliveries.push_back(Update::ConversationRemoved(id).into());
            }
            Event::ConversationRemoved { id } => self.remove(id),
            Event::ReceiptUpdated { conversation_id, items } => {
                self.deliveries
                    .push_back(Update::Receipts { conversation_id, items }.into());
            }
            Event::Typing {
                conversation_id,
                user_id,
                typing,
            } => {
                let update = Update::Typing {
                    conversation_id,
                    user_id,
                    typing,
                };
                self.deliveries.push_back(update.into());
            }
            Event::Presence(presence) => self.deliveries.push_back(Update::Presence(presence).into()),
            Event::MediaReady(media) => self.deliveries.push_back(Update::MediaReady(media).into()),
            Event::Resync {} => self.needs_sync = true,
            // Handled by the socket.
            Event::Hello(_) | Event::SessionRevoked { .. } => {}
        }
    }

    /// Takes a message, from an event or from the reply to the request that changed it.
    pub(super) fn apply_message(&mut self, message: Message, now: Duration) {
        let (id, rev) = (message.conversation_id, message.rev);
        self.insert_change(id, rev, Change::Message(Box::new(message)), now);
    }

    /// Returns when [`take_due_fetches`](Self::take_due_fetches) will have something to return.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let dues = self.conversations.values().filter_map(|tracked| match tracked.fetch {
            Fetch::Gap(at) | Fetch::Due(at) => Some(at),
            Fetch::Idle | Fetch::Running => None,
        });
        dues.min()
    }

    /// Returns the fetches that are due, as conversation and position to fetch from, and marks them as in progress.
    pub(super) fn take_due_fetches(&mut self, now: Duration) -> Vec<(ConversationId, Rev)> {
        let is_due = |tracked: &Tracked| matches!(tracked.fetch, Fetch::Gap(at) | Fetch::Due(at) if at <= now);
        let due = self.conversations.iter_mut().filter(|(_, tracked)| is_due(tracked));
        due.map(|(id, tracked)| {
            tracked.fetch = Fetch::Running;
            (*id, tracked.position.unwrap_or_default().rev)
        })
        .collect()
    }

    /// Takes the result of a fetch.
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

    /// Starts to follow a conversation that is new, or that the user has rejoined.
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
                // Every message of a direct conversation is new where the conversation is.
                tracked.joined_at = (conversation.kind == Kind::Group).then_some(conversation.me.joined_at);
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

    /// Stops following a conversation. Its position is kept for the case that the user rejoins.
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
            synced: None,
        });
    }
}
