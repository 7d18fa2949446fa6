//! Who is there on this server: connections counted, machines stepped, those told who watch.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use crate::domain::id::{ConnectionId, UserId};
use crate::domain::presence::{Cause, CheckId, Input, MAX_WATCHED, Output, Presence, State, Status, Watchers};
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::domain::visibility::ViewerPair;
use crate::engine::driver::{Deadlines, DriverWaker, Timed};
use crate::engine::events::ConnectionObserver;
use crate::engine::presence::last_seen::LastSeenWriter;
use crate::engine::visibility::VisibilityChecker;
use crate::ports::{Envelope, Runtime, Stores};
use crate::protocol::Event;

/// Knows who is there. Nothing of it is in a store but when users were last seen: a server that starts knows nobody,
/// and those who come back say so by coming.
pub(crate) struct PresenceRegistry {
    pub(crate) stores: Stores,
    pub(crate) runtime: Runtime,
    pub(crate) visibility: VisibilityChecker,
    grace: Duration,
    waker: DriverWaker,
    seen: Arc<LastSeenWriter>,
    pub(crate) tasks: Handle,
    pub(crate) closing: Notify,
    pub(crate) me: Weak<Self>,
    state: Mutex<RegistryState>,
}

/// What the registry knows.
#[derive(Default)]
pub(crate) struct RegistryState {
    people: HashMap<UserId, UserPresence>,
    connections: HashMap<ConnectionId, ConnectionWatches>,
    pub(crate) watchers: Watchers,
    deadlines: Deadlines<UserId>,
    pub(crate) last_reading: ContactsRead,
    pub(crate) closed: bool,
}

/// Somebody who is there, or was a moment ago.
#[derive(Default)]
pub(crate) struct UserPresence {
    state: State,
    pub(crate) contacts: Contacts,
    /// Whether it is known what may be seen of the contacts.
    pub(crate) is_ready: bool,
    /// Those who wait for that: they go on when these are dropped.
    pub(crate) waiting: Vec<oneshot::Sender<()>>,
}

/// Whom somebody lists, and so watches.
#[derive(Default)]
pub(crate) enum Contacts {
    /// Nobody has asked yet.
    #[default]
    Unread,
    /// They are being read.
    Reading {
        /// By whom.
        reading: ContactsRead,
        /// The list changed since it began to be read.
        outdated: bool,
    },
    /// They are these.
    Watched(HashSet<UserId>),
}

/// Names one reading of a list of contacts among all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContactsRead(pub(crate) u64);

/// One connection, and whom it asked to watch, the latest last.
struct ConnectionWatches {
    user_id: UserId,
    watched: Vec<ViewerPair>,
}

impl PresenceRegistry {
    /// Makes a registry on which nobody is; tasks that it needs run on the present runtime.
    pub(crate) fn start(stores: Stores, runtime: Runtime, grace: Duration, waker: DriverWaker) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            seen: LastSeenWriter::start(Arc::clone(&stores.users)),
            visibility: VisibilityChecker::new(stores.contacts.clone()),
            stores,
            runtime,
            grace,
            waker,
            tasks: Handle::current(),
            closing: Notify::new(),
            me: Weak::clone(me),
            state: Mutex::default(),
        })
    }

    /// Hears of nobody any more, and waits until it is kept when those who are there were last seen: now.
    pub(crate) async fn close(&self) {
        self.end();
        self.seen.close().await;
    }

    /// Hears of nobody any more; what is to be kept is kept while the runtime lasts.
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

    /// Has a connection watch users beside those that it watches already, and lets go of those named longest ago where
    /// they get too many. Returns those of whom it is in doubt what may be seen; `None` if there is no such connection.
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
            ..
        } = &mut *state;
        let line = connections
            .get_mut(&connection_id)
            .filter(|line| line.user_id == viewer)?;
        let before: HashSet<_> = line.watched.iter().copied().collect();
        for pair in pairs.iter().filter(|pair| !before.contains(pair)) {
            watchers.add(*pair, Cause::Asked, status(people, pair.user_id));
        }
        let named: HashSet<_> = pairs.iter().copied().collect();
        line.watched.retain(|pair| !named.contains(pair));
        line.watched.extend(pairs);
        let excess = line.watched.len().saturating_sub(MAX_WATCHED);
        for pair in line.watched.drain(..excess) {
            watchers.remove(pair, Cause::Asked);
        }
        let in_doubt: Vec<_> = pairs
            .iter()
            .copied()
            .filter(|pair| watchers.is_in_doubt(*pair))
            .collect();
        let check = watchers.doubt(&in_doubt);
        Some((in_doubt, check))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, RegistryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who watch a user.
    fn tell(&self, watchers: &mut Watchers, present: Presence) {
        let audience = watchers.tell(present);
        if !audience.is_empty() {
            let event = Event::Presence(present.into());
            self.runtime.bus.publish(Envelope::to_users(audience, None, event));
        }
    }

    /// Feeds a user's machine, and does what it says.
    fn feed(&self, state: &mut RegistryState, user_id: UserId, input: Input, now: Timestamp) {
        let person = state.people.entry(user_id).or_default();
        let before = person.state;
        let Ok((after, outputs)) = before.step(input, now) else {
            tracing::error!(?before, ?input, "presence was told what can't be");
            return;
        };
        person.state = after;
        for output in outputs {
            match output {
                Output::Online => {
                    metrics::gauge!("letsapp_users_online").increment(1.0);
                    self.tell(&mut state.watchers, Presence::online(user_id, now));
                }
                Output::Offline(left_at) => {
                    metrics::gauge!("letsapp_users_online").decrement(1.0);
                    self.tell(&mut state.watchers, Presence::offline(user_id, Some(left_at)));
                    state.let_go_of_contacts(user_id);
                }
                Output::Keep(at) => self.seen.keep(user_id, at),
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
    /// Says whether a user is there, where the store knows this of when they last were.
    pub(crate) fn present(&self, user_id: UserId, stored: Option<Timestamp>, now: Timestamp) -> Presence {
        let state = self.people.get(&user_id).map(|person| person.state).unwrap_or_default();
        if state.is_shown_online() {
            Presence::online(user_id, now)
        } else {
            Presence::offline(user_id, state.seen_at(now).max(stored))
        }
    }

    #[cfg(test)]
    pub(crate) fn is_known(&self, user_id: UserId) -> bool {
        self.people.contains_key(&user_id)
    }

    pub(crate) fn person(&mut self, user_id: UserId) -> Option<&mut UserPresence> {
        self.people.get_mut(&user_id)
    }

    /// Has somebody watch those whom they list; returns those of whom it is in doubt what may be seen.
    pub(crate) fn watch_listed(&mut self, viewer: UserId, listed: impl IntoIterator<Item = UserId>) -> Vec<ViewerPair> {
        let Self { people, watchers, .. } = self;
        let pairs = listed.into_iter().map(|user_id| ViewerPair { viewer, user_id });
        pairs
            .filter(|pair| watchers.add(*pair, Cause::Listed, status(people, pair.user_id)))
            .collect()
    }

    /// Who has left watches nobody.
    fn let_go_of_contacts(&mut self, viewer: UserId) {
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

fn status(people: &HashMap<UserId, UserPresence>, user_id: UserId) -> Status {
    match people.get(&user_id) {
        Some(person) if person.state.is_shown_online() => Status::Online,
        _ => Status::Offline,
    }
}

impl ConnectionObserver for PresenceRegistry {
    fn connected(&self, principal: Principal, connection_id: ConnectionId) {
        let (user_id, now) = (principal.user_id, self.runtime.clock.now());
        let mut state = self.lock();
        // An id that is there already names no connection of its own, and could not be told from it when it goes.
        if state.closed || state.connections.contains_key(&connection_id) {
            return;
        }
        let line = ConnectionWatches {
            user_id,
            watched: Vec::new(),
        };
        state.connections.insert(connection_id, line);
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
        // Everyone in turn, so that nobody waits until all have been told.
        loop {
            let mut state = self.lock();
            if state.closed {
                return None;
            }
            match state.deadlines.due(now) {
                Some(user_id) => self.feed(&mut state, user_id, Input::Elapsed, now),
                None => return state.deadlines.earliest(),
            }
        }
    }
}
