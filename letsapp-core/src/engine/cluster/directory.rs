//! Entries of this server in the directory of the bus: written as connections open and close, and renewed by a lease.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::domain::id::{ConnectionId, ServerId, UserId};
use crate::domain::principal::Principal;
use crate::engine::cluster::calls::{pause, within};
use crate::engine::events::{ConnectionObserver, Hub};
use crate::ports::{BusError, EventBus, Lease};

/// Lifetime of a server's lease: the longest time for which a server that died is taken for alive.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// Interval at which the lease is renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(2);

/// Pause after the bus failed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Largest number of users who are entered or removed at once.
const MAX_BATCH: usize = 1_000;

/// The users of this server's connections, and what the directory knows of them.
pub(crate) struct DirectoryEntries {
    bus: Arc<dyn EventBus>,
    server_id: ServerId,
    hub: Arc<Hub>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    connections: HashMap<ConnectionId, UserId>,
    users: HashMap<UserId, UserEntry>,
    /// The users whose entries may differ from what they should be.
    outdated: HashSet<UserId>,
}

#[derive(Default)]
struct UserEntry {
    connections: usize,
    is_entered: bool,
    /// True if events may have missed the user, since the entry could not be written in time.
    is_late: bool,
    /// Callers who wait until the entry is written. Dropping the senders wakes them.
    waiting: Vec<oneshot::Sender<()>>,
}

impl DirectoryEntries {
    pub(super) fn new(bus: Arc<dyn EventBus>, server_id: ServerId, hub: Arc<Hub>) -> Self {
        Self {
            bus,
            server_id,
            hub,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Waits until other servers find a user who is connected here. The caller limits the time.
    pub(crate) async fn entered(&self, user_id: UserId) {
        let entered = {
            let mut state = self.lock();
            let Some(entry) = state.users.get_mut(&user_id).filter(|entry| !entry.is_entered) else {
                return;
            };
            let (waiting, entered) = oneshot::channel();
            entry.waiting.push(waiting);
            entered
        };
        // Nothing is ever sent: the sender is dropped when the entry is written.
        let _ended = entered.await;
    }

    /// Writes entries as connections open and close, until it is aborted.
    pub(super) async fn keep_entries(&self) {
        loop {
            let outdated: Vec<_> = take(&mut self.lock().outdated).into_iter().collect();
            if outdated.is_empty() {
                self.changed.notified().await;
                continue;
            }
            let mut failed = false;
            for part in outdated.chunks(MAX_BATCH) {
                if let Err(error) = self.write(part).await {
                    tracing::warn!(%error, users = part.len(), "connected users were not entered; trying again");
                    let mut state = self.lock();
                    for user_id in part {
                        if let Some(entry) = state.users.get_mut(user_id) {
                            entry.is_late = true;
                        }
                    }
                    state.outdated.extend(part);
                    failed = true;
                }
            }
            if failed {
                pause(RETRY_PAUSE).await;
            }
        }
    }

    /// Writes the entries of some users as they should be now.
    async fn write(&self, user_ids: &[UserId]) -> Result<(), BusError> {
        let (present, absent): (Vec<_>, Vec<_>) = {
            let state = self.lock();
            let is_connected = |user_id: &UserId| state.users.get(user_id).is_some_and(|entry| entry.connections > 0);
            user_ids.iter().copied().partition(is_connected)
        };
        if !absent.is_empty() {
            within(self.bus.leave(self.server_id, &absent)).await?;
        }
        if !present.is_empty() {
            within(self.bus.enter(self.server_id, &present)).await?;
        }
        let mut late = Vec::new();
        let mut state = self.lock();
        for user_id in absent {
            // Who has come back in the meantime is outdated again.
            if let Entry::Occupied(mut entry) = state.users.entry(user_id) {
                entry.get_mut().is_entered = false;
                if entry.get().connections == 0 {
                    entry.remove();
                }
            }
        }
        for user_id in present {
            if let Some(entry) = state.users.get_mut(&user_id) {
                entry.is_entered = true;
                entry.waiting.clear();
                if take(&mut entry.is_late) {
                    late.push(user_id);
                }
            }
        }
        drop(state);
        // Events may have passed them by, since other servers did not find them.
        self.hub.resync(&late);
        Ok(())
    }

    /// Renews the lease until it is aborted.
    pub(super) async fn keep_lease(&self) {
        let mut tick = tokio::time::interval(RENEW_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match within(self.bus.renew(self.server_id, LEASE)).await {
                Ok(Lease::Renewed) => {}
                Ok(Lease::New) => self.enter_all_again(),
                Err(error) => tracing::warn!(%error, "the lease of this server was not renewed; trying again"),
            }
        }
    }

    /// Enters all users again, because the directory has lost the entries.
    fn enter_all_again(&self) {
        let mut state = self.lock();
        let State { users, outdated, .. } = &mut *state;
        for (user_id, entry) in users.iter_mut() {
            entry.is_late |= entry.is_entered;
            entry.is_entered = false;
            outdated.insert(*user_id);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionObserver for DirectoryEntries {
    fn connected(&self, principal: Principal, connection_id: ConnectionId) {
        let mut state = self.lock();
        if state.connections.insert(connection_id, principal.user_id).is_some() {
            return;
        }
        let entry = state.users.entry(principal.user_id).or_default();
        entry.connections += 1;
        if !entry.is_entered {
            state.outdated.insert(principal.user_id);
            drop(state);
            self.changed.notify_one();
        }
    }

    fn disconnected(&self, connection_id: ConnectionId) {
        let mut state = self.lock();
        let Some(user_id) = state.connections.remove(&connection_id) else {
            return;
        };
        let Some(entry) = state.users.get_mut(&user_id) else {
            return;
        };
        entry.connections -= 1;
        if entry.connections == 0 {
            // Whoever connects from now on is entered anew.
            entry.is_entered = false;
            entry.waiting.clear();
            state.outdated.insert(user_id);
            drop(state);
            self.changed.notify_one();
        }
    }
}
