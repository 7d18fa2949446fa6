//! The users who are shown online because of connections to other servers.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::domain::id::{ServerId, UserId};

/// The users who are online on other servers, as those have told.
#[derive(Debug, Default)]
pub(crate) struct RemoteUsers {
    servers: HashMap<UserId, HashSet<ServerId>>,
    /// The servers whose lists are being read, with the users of whom they have told since the reading began: what they
    /// tell is newer than the list.
    reading: HashMap<ServerId, HashSet<UserId>>,
}

impl RemoteUsers {
    /// Reports whether a user is online on another server.
    pub(crate) fn is_online(&self, user_id: UserId) -> bool {
        self.servers.contains_key(&user_id)
    }

    /// Notes that a user is online on a server. Returns true if the user was online on no other one.
    pub(super) fn online(&mut self, server_id: ServerId, user_id: UserId) -> bool {
        self.note(server_id, user_id);
        let servers = self.servers.entry(user_id).or_default();
        servers.insert(server_id) && servers.len() == 1
    }

    /// Notes that a user is no longer online on a server. Returns true if it was the last one.
    pub(super) fn offline(&mut self, server_id: ServerId, user_id: UserId) -> bool {
        self.note(server_id, user_id);
        let Entry::Occupied(mut servers) = self.servers.entry(user_id) else {
            return false;
        };
        let was_there = servers.get_mut().remove(&server_id);
        let is_gone = servers.get().is_empty();
        if is_gone {
            servers.remove();
        }
        was_there && is_gone
    }

    /// Begins to read the list of a server's users.
    pub(super) fn begin(&mut self, server_id: ServerId) {
        self.reading.insert(server_id, HashSet::new());
    }

    /// Replaces what is known of a server by its list. Returns the users who were online nowhere and are now, and those
    /// who no longer are.
    pub(super) fn replace(&mut self, server_id: ServerId, listed: &[UserId]) -> (Vec<UserId>, Vec<UserId>) {
        let told = self.reading.remove(&server_id).unwrap_or_default();
        let listed: HashSet<_> = listed.iter().copied().filter(|id| !told.contains(id)).collect();
        let on_it = self.servers.iter().filter(|(_, servers)| servers.contains(&server_id));
        let gone: Vec<_> = on_it
            .map(|(user_id, _)| *user_id)
            .filter(|user_id| !listed.contains(user_id) && !told.contains(user_id))
            .collect();
        let gone = gone
            .into_iter()
            .filter(|user_id| self.offline(server_id, *user_id))
            .collect();
        let come = listed
            .into_iter()
            .filter(|user_id| self.online(server_id, *user_id))
            .collect();
        (come, gone)
    }

    fn note(&mut self, server_id: ServerId, user_id: UserId) {
        if let Some(told) = self.reading.get_mut(&server_id) {
            told.insert(user_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EAST: ServerId = ServerId::from_bytes([1; 16]);
    const WEST: ServerId = ServerId::from_bytes([2; 16]);
    const ANA: UserId = UserId::from_bytes([1; 16]);
    const BEN: UserId = UserId::from_bytes([2; 16]);
    const CEM: UserId = UserId::from_bytes([3; 16]);

    #[test]
    fn a_user_is_online_while_any_server_says_so() {
        let mut remote = RemoteUsers::default();
        assert!(remote.online(EAST, ANA), "the first");
        assert!(!remote.online(EAST, ANA) && !remote.online(WEST, ANA), "is no news");
        assert!(!remote.offline(EAST, ANA) && remote.is_online(ANA));
        assert!(remote.offline(WEST, ANA) && !remote.is_online(ANA), "the last");
        assert!(!remote.offline(WEST, ANA) && !remote.offline(EAST, BEN), "is no news");
    }

    #[test]
    fn a_list_replaces_what_is_known_of_a_server_but_not_what_it_told_since() {
        let mut remote = RemoteUsers::default();
        remote.online(EAST, ANA);
        remote.online(WEST, BEN);
        remote.begin(EAST);
        assert!(remote.offline(EAST, ANA));
        assert!(remote.online(EAST, CEM));
        // Both were listed otherwise when the list was read.
        assert_eq!(remote.replace(EAST, &[ANA, BEN]), (vec![], vec![]));
        assert!(!remote.is_online(ANA) && remote.is_online(CEM));
        assert_eq!(remote.replace(EAST, &[BEN]), (vec![], vec![CEM]));
        assert_eq!(remote.replace(EAST, &[]), (vec![], vec![]), "Ben is still on the other");
        assert_eq!(remote.replace(WEST, &[]), (vec![], vec![BEN]));
        assert_eq!(remote.replace(WEST, &[ANA]), (vec![ANA], vec![]));
    }
}
