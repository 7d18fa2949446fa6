//! The part of the tracker about syncs: the request by positions, and the reply with all that was missed.

use std::collections::BTreeMap;
use std::time::Duration;

use letsapp_core::domain::id::{ConversationId, Epoch, Seq};
use letsapp_core::protocol::{Conversation, Sync, SyncRequest, SyncSince};

use super::conversation::Tracked;
use super::{Phase, Tracker};
use crate::client::live::update::{Delivery, Position, Update};

impl Tracker {
    /// Starts a sync and returns the request. From here on, events are no longer ignored.
    pub(in crate::client::live) fn begin_sync(&mut self) -> SyncRequest {
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

    /// Takes the reply to a sync. If it is not complete, [`needs_sync`](Self::needs_sync) is `true` again and the rest
    /// must be requested.
    pub(in crate::client::live) fn apply_sync(&mut self, sync: Sync, now: Duration) {
        let Phase::Syncing { requested } = std::mem::replace(&mut self.phase, Phase::Paused) else {
            return;
        };
        if self.epoch.is_some_and(|epoch| epoch != sync.epoch) {
            self.forget(sync.epoch);
            return;
        }
        self.epoch = Some(sync.epoch);
        let mut base_seqs: BTreeMap<ConversationId, Seq> = BTreeMap::new();
        // Before the messages, since consumers need a conversation to show its messages.
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
            // Compared with the position before this sync, not with the current one. Changes are ordered by `rev`, so a
            // new message that was edited comes after newer ones.
            let base_seq = *base_seqs.entry(message.conversation_id).or_insert(position.seq);
            tracked.deliver(message, base_seq, &mut self.deliveries);
        }
        // The user may not see the latest changes, so the position can be beyond the last message.
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
        self.since = Some(SyncSince::Mark(sync.mark));
        if sync.more {
            self.needs_sync = true;
            self.phase = Phase::Syncing { requested };
            return;
        }
        self.phase = Phase::Live;
        self.has_synced = true;
        // The sync has returned every conversation of the user, so these are of a conversation that the user may not
        // see.
        self.conversations
            .retain(|_, tracked| !(tracked.was_unplaced && tracked.is_unplaced()));
        for (id, tracked) in &mut self.conversations {
            // The sync has returned all missed messages of these, so whatever comes next is new.
            if requested.contains(id) {
                tracked.joined_at = None;
            }
            tracked.deliver_ready(*id, &mut self.deliveries);
            tracked.schedule_fetch(now);
        }
        self.needs_sync |= self.conversations.values().any(Tracked::is_unplaced);
        let delivery = Delivery {
            update: Some(Update::CaughtUp),
            synced: Some((sync.mark, sync.epoch)),
            position_change: None,
        };
        self.deliveries.push_back(delivery);
    }

    /// Forgets all positions: the server's store was restored, and what they count may not be there any more. Everything
    /// is asked for anew, and counts as history.
    fn forget(&mut self, epoch: Epoch) {
        // Those that the user has left were reported as removed, and there is nothing to read again.
        let followed = std::mem::take(&mut self.conversations)
            .into_iter()
            .filter(|(_, tracked)| !tracked.has_left);
        for (id, _) in followed {
            self.deliveries.push_back(Delivery {
                update: Some(Update::Reset(id)),
                position_change: Some((id, None)),
                synced: None,
            });
        }
        self.since = None;
        self.has_synced = false;
        self.epoch = Some(epoch);
        self.needs_sync = true;
        self.phase = Phase::Syncing { requested: Vec::new() };
    }

    /// Takes a conversation that a sync has returned although the request did not name it.
    fn add_unrequested(&mut self, conversation: &Conversation, position: Position, now: Duration) {
        match self.conversations.get(&conversation.id) {
            Some(tracked) if tracked.position.is_some() && !tracked.has_left => {}
            // Before the first sync, everything that exists is history.
            _ if !self.has_synced => self.reset_to(conversation.id, position),
            _ => self.start_following(conversation, now),
        }
    }

    /// Sets the position of a conversation without delivering what lies before it.
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
}
