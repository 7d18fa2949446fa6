//! Presence of users on other servers, as those tell it.

use crate::domain::id::{ServerId, UserId};
use crate::domain::presence::Presence;
use crate::domain::timestamp::Timestamp;
use crate::engine::presence::registry::{PresenceRegistry, RegistryState};

impl PresenceRegistry {
    /// Notes that a user is shown online because of another server.
    pub(crate) fn online_elsewhere(&self, server_id: ServerId, user_id: UserId) {
        let mut state = self.lock();
        if state.remote.online(server_id, user_id) {
            self.tell_online(&mut state, user_id);
        }
    }

    /// Notes that a user is no longer shown online because of another server.
    pub(crate) fn offline_elsewhere(&self, server_id: ServerId, user_id: UserId, left_at: Timestamp) {
        let mut state = self.lock();
        if state.remote.offline(server_id, user_id) {
            self.tell_offline(&mut state, user_id, left_at);
        }
    }

    /// Begins to read who is online on another server. What it tells from now on is newer than the list.
    pub(crate) fn begin_to_read_server(&self, server_id: ServerId) {
        let mut state = self.lock();
        state.remote.begin(server_id);
        stays(&mut state, server_id);
    }

    /// Replaces what is known of another server by the list that was read.
    pub(crate) fn replace_server(&self, server_id: ServerId, listed: &[UserId]) {
        let now = self.runtime.clock.now();
        let mut state = self.lock();
        let (come, gone) = state.remote.replace(server_id, listed);
        come.into_iter()
            .for_each(|user_id| self.tell_online(&mut state, user_id));
        gone.into_iter()
            .for_each(|user_id| self.tell_offline(&mut state, user_id, now));
    }

    /// Notes that another server is gone. Its users are shown online for the grace period, in which they connect to
    /// another one.
    pub(crate) fn server_gone(&self, server_id: ServerId) {
        let now = self.runtime.clock.now();
        let mut state = self.lock();
        if state.gone.contains_key(&server_id) {
            return;
        }
        state.gone.insert(server_id, now);
        if state.removals.moved(server_id, None, Some(now.plus(self.grace))) {
            self.waker.wake();
        }
    }

    /// Stores that these users were last seen now: the server that they were connected to died, and can't.
    pub(crate) fn keep_last_seen(&self, user_ids: &[UserId]) {
        let now = self.runtime.clock.now();
        user_ids.iter().for_each(|user_id| self.seen.keep(*user_id, now));
    }

    /// Removes the servers whose users' grace period is over.
    pub(super) fn remove_gone_servers(&self, state: &mut RegistryState, now: Timestamp) {
        while let Some(server_id) = state.removals.due(now) {
            let left_at = state.gone.get(&server_id).copied().unwrap_or(now);
            stays(state, server_id);
            let (_, gone) = state.remote.replace(server_id, &[]);
            gone.into_iter()
                .for_each(|user_id| self.tell_offline(state, user_id, left_at));
        }
    }

    fn tell_online(&self, state: &mut RegistryState, user_id: UserId) {
        if !state.is_here(user_id) {
            let now = self.runtime.clock.now();
            self.notify(&mut state.watchers, Presence::online(user_id, now));
        }
    }

    fn tell_offline(&self, state: &mut RegistryState, user_id: UserId, left_at: Timestamp) {
        if !state.is_here(user_id) {
            self.notify(&mut state.watchers, Presence::offline(user_id, Some(left_at)));
        }
    }
}

/// Takes a server out of those that are gone. The deadline is the only one of its server, whenever it is.
fn stays(state: &mut RegistryState, server_id: ServerId) {
    if state.gone.remove(&server_id).is_some() {
        state.removals.remove(server_id);
    }
}
