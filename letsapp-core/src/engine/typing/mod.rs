//! The typing tracker: who types in which conversation, and notifying the other members.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::MemberKey;
use crate::domain::timestamp::Timestamp;
use crate::domain::typing::{Input, Output, State, Typing};
use crate::engine::driver::{Deadlines, DriverWaker, Timed};
use crate::engine::rosters::{CachedRoster, Rosters};
use crate::ports::{Envelope, Members, Part, Runtime};
use crate::protocol::Event;

/// The users who type at the moment, and the time at which each one's display ends.
pub(crate) struct TypingTracker {
    rosters: Arc<Rosters>,
    runtime: Runtime,
    /// Time after the last input at which a user stops being shown as typing.
    timeout: Duration,
    waker: DriverWaker,
    state: Mutex<TrackerState>,
}

/// The state of the tracker, behind one lock.
#[derive(Default)]
struct TrackerState {
    machines: HashMap<MemberKey, State>,
    deadlines: Deadlines<MemberKey>,
}

impl TypingTracker {
    pub(crate) fn new(runtime: Runtime, rosters: Arc<Rosters>, timeout: Duration, waker: DriverWaker) -> Self {
        Self {
            rosters,
            runtime,
            timeout,
            waker,
            state: Mutex::default(),
        }
    }

    /// Handles a member's input, started or stopped, and notifies the other members of changes.
    pub(crate) fn on_input(&self, known: &CachedRoster, user_id: UserId, typing: Typing) {
        let now = self.runtime.clock.now();
        let input = match typing {
            Typing::Started => Input::Typed {
                expires_at: now.plus(self.timeout),
            },
            Typing::Stopped => Input::Stopped,
        };
        self.feed(
            &mut self.lock(),
            (known.roster.conversation.id, user_id),
            input,
            now,
            Some(known),
        );
    }

    /// Handles a sent message, which ends typing without an event: the message itself says it.
    pub(crate) fn sent(&self, conversation_id: ConversationId, user_id: UserId) {
        let mut tracker = self.lock();
        let key = (conversation_id, user_id);
        if tracker.machines.contains_key(&key) {
            self.feed(&mut tracker, key, Input::Sent, self.runtime.clock.now(), None);
        }
    }

    /// Steps the machine of a member and publishes its outputs. Without a roster from the caller, the cached one is
    /// used; if there is none, nothing is published, and the clients let the display end by themselves.
    fn feed(
        &self,
        tracker: &mut TrackerState,
        key: MemberKey,
        input: Input,
        now: Timestamp,
        known: Option<&CachedRoster>,
    ) {
        let before = tracker.machines.get(&key).copied().unwrap_or_default();
        let Ok((state, outputs)) = before.step(input, now) else {
            tracing::error!(?before, ?input, "the typing machine refused an input; it is ignored");
            return;
        };
        match state {
            State::Idle => drop(tracker.machines.remove(&key)),
            state => drop(tracker.machines.insert(key, state)),
        }
        if tracker.deadlines.moved(key, before.deadline(), state.deadline()) {
            self.waker.wake();
        }
        for output in outputs {
            match known {
                Some(known) => self.notify(known, key, output),
                None => {
                    if let Some(known) = self.rosters.known(key.0) {
                        self.notify(&known, key, output);
                    }
                }
            }
        }
    }

    fn notify(&self, known: &CachedRoster, (conversation_id, user_id): MemberKey, output: Output) {
        let typing = output == Output::Show;
        let is_out = known.member(user_id).is_none();
        // A block hides typing without revealing itself. A user who left the conversation is not shown as typing.
        if known.direct_policy.check(user_id).is_err() || (typing && is_out) {
            return;
        }
        let others = known.member_ids.iter().copied().filter(|id| *id != user_id);
        let event = Event::Typing {
            conversation_id,
            user_id,
            typing,
        };
        let members = Members {
            conversation_id,
            fence: known.roster.fence,
            part: Part::Without(user_id),
            also: None,
        };
        let envelope = Envelope::to_users(others.collect::<Vec<_>>(), None, event);
        self.runtime.sink.publish(envelope.named(members));
    }

    fn lock(&self) -> MutexGuard<'_, TrackerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timed for TypingTracker {
    fn elapse(&self, now: Timestamp) -> Option<Timestamp> {
        let mut tracker = self.lock();
        while let Some(key) = tracker.deadlines.due(now) {
            self.feed(&mut tracker, key, Input::Elapsed, now, None);
        }
        tracker.deadlines.earliest()
    }
}
