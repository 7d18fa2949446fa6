//! Following conversations: each change once and in order, whatever the network does with it. No socket, no clock.
//!
//! Every conversation has a change number, `rev`. What follows on directly is handed over; what is ahead of a hole is
//! held until the hole is filled, by an event that comes late or, after a second, by asking for the changes; what is
//! behind is known already. After an interruption the server says by `sync` what was missed.

mod track;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use letsapp_core::id::{ConversationId, Rev, Seq};
use letsapp_core::protocol::{Conversation, Event, Message, Sync, SyncRequest};
use letsapp_core::time::Timestamp;

use super::update::{Position, Positions, Step, Update};
use track::{Change, Fetch, PATIENCE, Track};

/// The most changes of a new conversation that are fetched; what is before them is history.
const NEW_CHANGES: u64 = 1_000;

/// All conversations that are followed.
#[derive(Debug)]
pub(super) struct Follow {
    tracks: BTreeMap<ConversationId, Track>,
    since: Option<Timestamp>,
    phase: Phase,
    wants_sync: bool,
    steps: VecDeque<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Events don't count: a sync will tell.
    Away,
    /// Events are held where they don't follow on. Named in the sync are these.
    Syncing { named: Vec<ConversationId> },
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

impl Follow {
    pub(super) fn new(positions: &Positions) -> Self {
        let track = |position: &Position| Track {
            position: Some(*position),
            ..Track::default()
        };
        Self {
            tracks: positions
                .conversations
                .iter()
                .map(|(id, position)| (*id, track(position)))
                .collect(),
            since: positions.since,
            phase: Phase::Away,
            wants_sync: false,
            steps: VecDeque::new(),
        }
    }

    /// Takes what there is to hand over.
    pub(super) fn take_steps(&mut self) -> impl Iterator<Item = Step> {
        self.steps.drain(..)
    }

    /// Whether the server is to be asked what was missed.
    pub(super) fn wants_sync(&self) -> bool {
        self.wants_sync
    }

    /// Begins to catch up: events count from here on, and the server is asked this.
    pub(super) fn sync(&mut self) -> SyncRequest {
        let held = self.tracks.iter().filter(|(_, track)| !track.left);
        let conversations: BTreeMap<_, _> = held
            .filter_map(|(id, track)| Some((*id, track.position?.rev)))
            .collect();
        self.wants_sync = false;
        for track in self.tracks.values_mut() {
            track.asked = track.is_strange();
        }
        self.phase = Phase::Syncing {
            named: conversations.keys().copied().collect(),
        };
        SyncRequest {
            conversations,
            since: self.since,
        }
    }

    /// Takes a part of what was missed. While there is more, [`sync`](Self::sync) is to be asked again.
    pub(super) fn synced(&mut self, sync: Sync, now: Duration) {
        let Phase::Syncing { named } = std::mem::replace(&mut self.phase, Phase::Away) else {
            return;
        };
        let mut bases: BTreeMap<ConversationId, Seq> = BTreeMap::new();
        for conversation in sync.conversations {
            let id = conversation.id;
            let position = Position {
                rev: sync.positions.get(&id).copied().unwrap_or(conversation.head.rev),
                seq: conversation.head.seq,
            };
            if sync.reset.contains(&id) {
                self.jump(id, position);
            } else if !named.contains(&id) {
                self.meet(&conversation, position, now);
            }
            self.steps
                .push_back(Update::Conversation(Box::new(conversation)).into());
        }
        for message in sync.changes {
            let Some(track) = self.tracks.get_mut(&message.conversation_id) else {
                continue;
            };
            let Some(position) = track.position else { continue };
            let base = *bases.entry(message.conversation_id).or_insert(position.seq);
            track.hand_over(message, base, &mut self.steps);
        }
        for (id, rev) in sync.positions.iter().filter(|(id, _)| named.contains(id)) {
            if let Some(track) = self.tracks.get_mut(id) {
                track.pass(*id, *rev, &mut self.steps);
            }
        }
        self.steps
            .extend(sync.reset.into_iter().map(|id| Step::from(Update::Reset(id))));
        for id in sync.removed {
            self.leave(id);
        }
        if sync.more {
            self.wants_sync = true;
            self.phase = Phase::Syncing { named };
            return;
        }
        self.phase = Phase::Live;
        self.since = Some(sync.server_time);
        // What even this sync could not place never will be.
        self.tracks.retain(|_, track| !(track.asked && track.is_strange()));
        for (id, track) in &mut self.tracks {
            if named.contains(id) {
                track.joined_at = None;
            }
            track.flush(*id, &mut self.steps);
            track.watch(now);
        }
        self.wants_sync |= self.tracks.values().any(Track::is_strange);
        let step = Step {
            update: Some(Update::CaughtUp),
            since: self.since,
            moved: None,
        };
        self.steps.push_back(step);
    }

    /// Lets events pass by until the next [`sync`](Self::sync): the connection is gone, or the consumer is far behind.
    pub(super) fn lose(&mut self) {
        self.phase = Phase::Away;
        self.wants_sync = false;
        self.tracks.retain(|_, track| track.position.is_some());
        for track in self.tracks.values_mut() {
            track.ahead.clear();
            track.fetch = Fetch::Idle;
        }
    }

    /// Takes an event in.
    pub(super) fn event(&mut self, event: Event, now: Duration) {
        if self.phase == Phase::Away {
            return;
        }
        match event {
            Event::MessageCreated(message) | Event::MessageUpdated(message) => self.message(message, now),
            Event::ConversationRev { conversation_id, rev } => {
                self.change(conversation_id, rev, Change::Hidden, now);
            }
            Event::ConversationCreated(conversation) | Event::ConversationUpdated(conversation) => {
                if self
                    .tracks
                    .get(&conversation.id)
                    .is_none_or(|track| track.left || track.position.is_none())
                {
                    self.adopt(&conversation, now);
                }
                self.steps.push_back(Update::Conversation(conversation).into());
            }
            Event::ConversationRemoved { id } => self.leave(id),
            Event::ReceiptUpdated { conversation_id, items } => {
                self.steps.push_back(Update::Receipts { conversation_id, items }.into());
            }
            Event::Typing { .. } | Event::Presence(_) => self.steps.extend(Update::passing(&event).map(Step::from)),
            Event::Resync {} => self.wants_sync = true,
            // The rest is the connection's, or concerns no conversation.
            _ => {}
        }
    }

    /// Takes a message in, told by an event or by the reply to what changed it.
    pub(super) fn message(&mut self, message: Message, now: Duration) {
        let (id, rev) = (message.conversation_id, message.rev);
        self.change(id, rev, Change::Message(Box::new(message)), now);
    }

    /// When [`fetches`](Self::fetches) has something new.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let dues = self.tracks.values().filter_map(|track| match track.fetch {
            Fetch::Hole(at) | Fetch::Due(at) => Some(at),
            Fetch::Idle | Fetch::Running => None,
        });
        dues.min()
    }

    /// Returns which changes are to be fetched now: after which position, of which conversations.
    pub(super) fn fetches(&mut self, now: Duration) -> Vec<(ConversationId, Rev)> {
        let is_due = |track: &Track| matches!(track.fetch, Fetch::Hole(at) | Fetch::Due(at) if at <= now);
        let due = self.tracks.iter_mut().filter(|(_, track)| is_due(track));
        due.map(|(id, track)| {
            track.fetch = Fetch::Running;
            (*id, track.position.unwrap_or_default().rev)
        })
        .collect()
    }

    /// Takes what was fetched.
    pub(super) fn fetched(&mut self, id: ConversationId, result: Result<Fetched, FetchError>, now: Duration) {
        let Some(track) = self.tracks.get_mut(&id).filter(|track| track.fetch == Fetch::Running) else {
            return;
        };
        track.fetch = Fetch::Idle;
        match result {
            Ok(Fetched { items, rev }) => {
                let base = track.position.unwrap_or_default().seq;
                for message in items {
                    track.hand_over(message, base, &mut self.steps);
                }
                track.joined_at = None;
                track.pass(id, rev, &mut self.steps);
                self.steps.push_back(Step {
                    moved: Some((id, track.position)),
                    ..Step::default()
                });
                track.flush(id, &mut self.steps);
                track.watch(now);
            }
            Err(FetchError::Later) => track.fetch = Fetch::Due(now + PATIENCE),
            Err(FetchError::Gone) => track.ahead.clear(),
        }
    }

    fn change(&mut self, id: ConversationId, rev: Rev, change: Change, now: Duration) {
        if self.phase == Phase::Away {
            return;
        }
        let track = self.tracks.entry(id).or_default();
        if track.position.is_some_and(|position| rev <= position.rev) {
            return;
        }
        track.ahead.insert(rev, change);
        track.flush(id, &mut self.steps);
        if self.phase == Phase::Live {
            track.watch(now);
            self.wants_sync |= track.is_strange();
        }
    }

    /// Takes in a conversation that a sync tells of without having been asked about it.
    fn meet(&mut self, conversation: &Conversation, position: Position, now: Duration) {
        match self.tracks.get(&conversation.id) {
            Some(track) if track.position.is_some() && !track.left => {}
            // At the very beginning, what is there is history.
            _ if self.since.is_none() => self.jump(conversation.id, position),
            _ => self.adopt(conversation, now),
        }
    }

    /// Follows a conversation that is new, from its beginning or from where one had left it.
    fn adopt(&mut self, conversation: &Conversation, now: Duration) {
        let track = self.tracks.entry(conversation.id).or_default();
        let earliest = Rev(conversation.head.rev.0.saturating_sub(NEW_CHANGES));
        match &mut track.position {
            Some(position) => position.rev = position.rev.max(earliest),
            None => {
                track.position = Some(Position {
                    rev: earliest,
                    seq: Seq::ZERO,
                });
                track.joined_at = Some(conversation.me.joined_at);
            }
        }
        track.left = false;
        if conversation.head.rev == Rev::ZERO {
            track.joined_at = None;
            self.steps.push_back(Step {
                moved: Some((conversation.id, track.position)),
                ..Step::default()
            });
        } else {
            track.fetch = Fetch::Due(now);
        }
    }

    fn jump(&mut self, id: ConversationId, position: Position) {
        let track = self.tracks.entry(id).or_default();
        let ahead = std::mem::take(&mut track.ahead);
        *track = Track {
            position: Some(position),
            ahead,
            ..Track::default()
        };
        track.pass(id, position.rev, &mut self.steps);
        self.steps.push_back(Step {
            moved: Some((id, Some(position))),
            ..Step::default()
        });
    }

    fn leave(&mut self, id: ConversationId) {
        let Some(track) = self.tracks.get_mut(&id).filter(|track| !track.left) else {
            return;
        };
        track.left = true;
        track.ahead.clear();
        track.fetch = Fetch::Idle;
        let update = Some(Update::ConversationRemoved(id));
        self.steps.push_back(Step {
            update,
            moved: Some((id, None)),
            since: None,
        });
    }
}
