//! The presence registry: counts connections, steps the presence machine of each user, and notifies watchers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::domain::id::{ConnectionId, ServerId, UserId};
use crate::domain::presence::{Cause, CheckId, Input, MAX_WATCHED, Output, Presence, State, Status, Watchers};
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::domain::visibility::ViewerPair;
use crate::engine::driver::{Deadlines, DriverWaker, Timed};
use crate::engine::events::ConnectionObserver;
use crate::engine::presence::last_seen::LastSeenWriter;
use crate::engine::presence::remote::RemoteUsers;
use crate::engine::visibility::VisibilityChecker;
use crate::ports::{Envelope, Fact, Runtime, Stores};
use crate::protocol::Event;

/// The presence of the users connected to this server.
///
/// Only the time when users were last seen is stored. A server that starts knows nobody; users become known as they
/// reconnect.
pub(crate) struct PresenceRegistry {
    pub(crate) stores: Stores,
    pub(crate) runtime: Runtime,
    pub(crate) visibility: VisibilityChecker,
    /// Time for which a user whose last connection closed is still shown online.
    pub(super) grace: Duration,
    pub(super) waker: DriverWaker,
    pub(super) seen: Arc<LastSeenWriter>,
    pub(crate) tasks: Handle,
    pub(crate) closing: Notify,
    pub(crate) me: Weak<Self>,
    state: Mutex<RegistryState>,
}

/// The state of the registry, behind one lock.
#[derive(Default)]
pub(crate) struct RegistryState {
    people: HashMap<UserId, UserPresence>,
    connections: HashMap<ConnectionId, ConnectionWatches>,
    pub(crate) watchers: Watchers,
    deadlines: Deadlines<UserId>,
    pub(super) remote: RemoteUsers,
    /// The servers that are gone, and the time at which they went. Their users are shown online during the grace period.
    pub(super) gone: HashMap<ServerId, Timestamp>,
    pub(super) removals: Deadlines<ServerId>,
    pub(crate) last_reading: ContactsRead,
    pub(crate) closed: bool,
}

/// The presence of a user who is online, or was a moment ago.
#[derive(Default)]
pub(crate) struct UserPresence {
    state: State,
    pub(crate) contacts: Contacts,
    /// True once the checks of who may see whom are done for the user's contacts.
    pub(crate) is_ready: bool,
    /// Callers who wait until `is_ready` is true. Dropping the senders wakes them.
    pub(crate) waiting: Vec<oneshot::Sender<()>>,
}

/// The contacts of a user, whom the user watches.
#[derive(Default)]
pub(crate) enum Contacts {
    /// The contacts have not been read yet.
    #[default]
    Unread,
    /// The contacts are being read.
    Reading {
        /// The reading in progress.
        reading: ContactsRead,
        /// True if the list changed since the reading began; it is then read again.
        outdated: bool,
    },
    /// The contacts were read and are watched.
    Watched(HashSet<UserId>),
}

/// Identifies one reading of a list of contacts, so that a task whose reading was superseded stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContactsRead(pub(crate) u64);

/// A connection and the users that it asked to watch, the latest last.
struct ConnectionWatches {
    user_id: UserId,
    watched: Vec<ViewerPair>,
}

impl ConnectionWatches {
    /// Ends the watches named longest ago, beyond the latest `count`.
    fn drop_oldest(&mut self, count: usize, watchers: &mut Watchers) {
        let excess = self.watched.len().saturating_sub(count);
        for pair in self.watched.drain(..excess) {
            watchers.remove(pair, Cause::Asked);
        }
    }
}

impl PresenceRegistry {
    /// Starts an empty registry. Its tasks run on the current runtime.
    pub(crate) fn start(
        stores: Stores,
        runtime: Runtime,
        visibility: VisibilityChecker,
        grace: Duration,
        waker: DriverWaker,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            seen: LastSeenWriter::start(Arc::clone(&stores.users)),
            stores,
            runtime,
            visibility,
            grace,
            waker,
            tasks: Handle::current(),
            // Wakes tasks that wait to try again, when the registry closes.
            closing: Notify::new(),
            me: Weak::clone(me),
            state: Mutex::default(),
        })
    }

    /// Closes the registry: it ignores further connections, and waits until the users who are online are recorded as
    /// last seen now.
    pub(crate) async fn close(&self) {
        self.end();
        self.seen.close().await;
    }

    /// Closes the registry without waiting: the last-seen times are stored as long as the runtime lives.
    pub(crate) fn stop(&self) {
        self.end();
        self.seen.stop();
    }

    fn end(&self) {
        let now = self.runtime.clock.now();
        let mut state = self.lock();
        if std::mem::replace(&mut state.closed, true) {
            return;
        }
        let people = state.people.iter();
        for (user_id, person) in people.filter(|(_, person)| person.state.is_shown_online()) {
            metrics::gauge!("letsapp_users_online").decrement(1.0);
            self.seen.keep(*user_id, person.state.seen_at(now).unwrap_or(now));
        }
        self.closing.notify_waiters();
    }

    /// Adds users to those that a connection watches, until [`RegistryState::keep_watched`] is told who of them exists.
    /// Returns the pairs that still have to be checked and the id of that check; `None` if there is no such connection.
    pub(crate) fn watch(
        &self,
        viewer: UserId,
        connection_id: ConnectionId,
        pairs: &[ViewerPair],
    ) -> Option<(Vec<ViewerPair>, CheckId)> {
        let mut state = self.lock();
        let RegistryState {
            connections,
            watchers,
            people,
            remote,
            ..
        } = &mut *state;
        let watches = connections
            .get_mut(&connection_id)
            .filter(|watches| watches.user_id == viewer)?;
        let before: HashSet<_> = watches.watched.iter().copied().collect();
        for pair in pairs.iter().filter(|pair| !before.contains(pair)) {
            watchers.add(*pair, Cause::Asked, status(people, remote, pair.user_id));
        }
        let named: HashSet<_> = pairs.iter().copied().collect();
        watches.watched.retain(|pair| !named.contains(pair));
        watches.watched.extend(pairs);
        // Twice the maximum, since made-up ids among these must not displace users who exist.
        watches.drop_oldest(2 * MAX_WATCHED, watchers);
        let pending: Vec<_> = pairs
            .iter()
            .copied()
            .filter(|pair| watchers.is_check_pending(*pair))
            .collect();
        let check = watchers.start_check(&pending);
        Some((pending, check))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, RegistryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies the watchers of a user.
    pub(super) fn notify(&self, watchers: &mut Watchers, present: Presence) {
        let audience = watchers.notify(present);
        if !audience.is_empty() {
            let event = Event::Presence(present.into());
            self.runtime.local.publish(Envelope::to_users(audience, None, event));
        }
    }

    /// Steps a user's presence machine and carries out its outputs.
    fn feed(&self, state: &mut RegistryState, user_id: UserId, input: Input, now: Timestamp) {
        let person = state.people.entry(user_id).or_default();
        let before = person.state;
        let Ok((after, outputs)) = before.step(input, now) else {
            tracing::error!(?before, ?input, "the presence machine refused an input; it is ignored");
            return;
        };
        person.state = after;
        for output in outputs {
            match output {
                Output::Online => {
                    metrics::gauge!("letsapp_users_online").increment(1.0);
                    if !state.remote.is_online(user_id) {
                        self.notify(&mut state.watchers, Presence::online(user_id, now));
                    }
                    self.runtime.sink.announce(Fact::Online { user_id });
                }
                Output::Offline(left_at) => {
                    metrics::gauge!("letsapp_users_online").decrement(1.0);
                    if !state.remote.is_online(user_id) {
                        self.notify(&mut state.watchers, Presence::offline(user_id, Some(left_at)));
                    }
                    self.runtime.sink.announce(Fact::Offline { user_id, left_at });
                    state.unwatch_contacts(user_id);
                }
                Output::WriteLastSeen(at) => self.seen.keep(user_id, at),
            }
        }
        if after == State::Absent {
            state.people.remove(&user_id);
        }
        if state.deadlines.moved(user_id, before.deadline(), after.deadline()) {
            self.waker.wake();
        }
    }
}

impl RegistryState {
    /// Returns a user's presence. `stored` is the time when the user was last seen according to the store.
    pub(crate) fn present(&self, user_id: UserId, stored: Option<Timestamp>, now: Timestamp) -> Presence {
        let state = self.people.get(&user_id).map(|person| person.state).unwrap_or_default();
        if state.is_shown_online() || self.remote.is_online(user_id) {
            Presence::online(user_id, now)
        } else {
            Presence::offline(user_id, state.seen_at(now).max(stored))
        }
    }

    /// Reports whether a user is shown online because of connections to this server.
    pub(super) fn is_here(&self, user_id: UserId) -> bool {
        self.people
            .get(&user_id)
            .is_some_and(|person| person.state.is_shown_online())
    }

    #[cfg(test)]
    pub(crate) fn is_known(&self, user_id: UserId) -> bool {
        self.people.contains_key(&user_id)
    }

    pub(crate) fn person(&mut self, user_id: UserId) -> Option<&mut UserPresence> {
        self.people.get_mut(&user_id)
    }

    /// Adds watches for the contacts of a user; returns the pairs for which it has to be checked what the user may see.
    pub(crate) fn watch_listed(&mut self, viewer: UserId, listed: impl IntoIterator<Item = UserId>) -> Vec<ViewerPair> {
        let Self {
            people,
            watchers,
            remote,
            ..
        } = self;
        let pairs = listed.into_iter().map(|user_id| ViewerPair { viewer, user_id });
        pairs
            .filter(|pair| watchers.add(*pair, Cause::Listed, status(people, remote, pair.user_id)))
            .collect()
    }

    /// Ends the watches of `unknown` users, whom nobody can watch. If a connection then watches more than
    /// [`MAX_WATCHED`], those named longest ago are dropped.
    pub(crate) fn keep_watched(&mut self, connection_id: ConnectionId, unknown: &HashSet<ViewerPair>) {
        let Some(watches) = self.connections.get_mut(&connection_id) else {
            return;
        };
        let watchers = &mut self.watchers;
        if !unknown.is_empty() {
            watches.watched.retain(|pair| {
                let is_unknown = unknown.contains(pair);
                if is_unknown {
                    watchers.remove(*pair, Cause::Asked);
                }
                !is_unknown
            });
        }
        watches.drop_oldest(MAX_WATCHED, watchers);
    }

    /// Removes the watches of the contacts of a user who went offline.
    fn unwatch_contacts(&mut self, viewer: UserId) {
        let Some(person) = self.people.get_mut(&viewer) else {
            return;
        };
        person.is_ready = false;
        person.waiting.clear();
        if let Contacts::Watched(listed) = std::mem::take(&mut person.contacts) {
            for user_id in listed {
                self.watchers.remove(ViewerPair { viewer, user_id }, Cause::Listed);
            }
        }
    }
}

fn status(people: &HashMap<UserId, UserPresence>, remote: &RemoteUsers, user_id: UserId) -> Status {
    let is_here = people
        .get(&user_id)
        .is_some_and(|person| person.state.is_shown_online());
    if is_here || remote.is_online(user_id) {
        Status::Online
    } else {
        Status::Offline
    }
}

impl ConnectionObserver for PresenceRegistry {
    fn connected(&self, principal: Principal, connection_id: ConnectionId) {
        let (user_id, now) = (principal.user_id, self.runtime.clock.now());
        let mut state = self.lock();
        // A second connection of the same id could not be told from the first one when it closes, so it is ignored.
        if state.closed || state.connections.contains_key(&connection_id) {
            return;
        }
        let watches = ConnectionWatches {
            user_id,
            watched: Vec::new(),
        };
        state.connections.insert(connection_id, watches);
        self.feed(&mut state, user_id, Input::Connected, now);
        self.begin_to_read_contacts(&mut state, user_id);
    }

    fn disconnected(&self, connection_id: ConnectionId) {
        let now = self.runtime.clock.now();
        let mut state = self.lock();
        let Some(ConnectionWatches { user_id, watched }) = state.connections.remove(&connection_id) else {
            return;
        };
        for pair in watched {
            state.watchers.remove(pair, Cause::Asked);
        }
        if !state.closed {
            let until = now.plus(self.grace);
            self.feed(&mut state, user_id, Input::Disconnected { until }, now);
        }
    }
}

impl Timed for PresenceRegistry {
    fn elapse(&self, now: Timestamp) -> Option<Timestamp> {
        // The lock is released after each user, so that connecting users don't wait until all deadlines are handled.
        loop {
            let mut state = self.lock();
            if state.closed {
                return None;
            }
            match state.deadlines.due(now) {
                Some(user_id) => self.feed(&mut state, user_id, Input::Elapsed, now),
                None => {
                    self.remove_gone_servers(&mut state, now);
                    return state
                        .deadlines
                        .earliest()
                        .into_iter()
                        .chain(state.removals.earliest())
                        .min();
                }
            }
        }
    }
}
