//! The directory in Redis: the servers of each user, the users of each server, and the leases.
//!
//! Users are spread over parts by the beginning of their ids, so that the parts are in the order of ids. All keys of a
//! part are of one slot, and a script changes them as one step. A single server needs one part. A cluster has
//! [`CLUSTER_PARTS`], of which each has its own copy of the leases: a server of the cluster that has lost its data has
//! lost the leases too, so that the entries are made again. The other keys have a mark of each server: one that Redis has
//! lost, for example to make room, ends the leases too.
//!
//! | key | type | content |
//! |---|---|---|
//! | `{prefix.n}users` | hash | user → the servers, 16 bytes each; mark: `of ` and the server |
//! | `{prefix.n}entries` | sorted set, by the bytes | server and user, 32 bytes; mark: the server |
//! | `{prefix.n}leases` | sorted set | server → when its lease expires, in Redis' milliseconds |
//!
//! A lookup of many users is one `HMGET`, which costs Redis a fraction of a microsecond for each: of all structures the
//! cheapest to read. Entering and leaving, which are rare beside it, pay for that.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{Cmd, Pipeline, cmd, pipe};

use super::scripts;
use crate::adapters::redis::address::Arrangement;
use crate::adapters::redis::link::Commands;
use crate::domain::id::{ServerId, UserId};
use crate::ports::{BusError, Lease, Peer};

/// Number of parts in a cluster: a power of two, and about as many servers share the load of the directory.
const CLUSTER_PARTS: usize = 16;

/// Number of users whom a script enters or removes. Redis does nothing else for about a millisecond then.
const SCRIPT_USERS: usize = 500;

/// The directory.
pub(super) struct Directory {
    commands: Arc<Commands>,
    parts: Vec<Part>,
}

/// Keys of a part.
struct Part {
    users: String,
    entries: String,
    leases: String,
}

impl Directory {
    pub(super) fn new(commands: Arc<Commands>, arrangement: Arrangement, prefix: &str) -> Self {
        let count = match arrangement {
            Arrangement::Single => 1,
            Arrangement::Cluster => CLUSTER_PARTS,
        };
        Self {
            commands,
            parts: (0..count).map(|n| Part::new(prefix, n)).collect(),
        }
    }

    pub(super) async fn renew(&self, server_id: ServerId, ttl: Duration) -> Result<Lease, BusError> {
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX >> 12);
        let renewals = self.parts.iter().map(|part| async {
            let mut renewal = pipe();
            renewal.add_command(part.script(scripts::RENEW, server_id).arg(ttl).take());
            self.commands.run::<(u8,)>(&renewal).await
        });
        if try_join_all(renewals).await?.iter().all(|(valid,)| *valid == 1) {
            return Ok(Lease::Renewed);
        }
        // A part may have had a lease: what the others have lost is entered again, with all.
        let begin = |part: &Part| {
            let mut script = part.script(scripts::BEGIN, server_id);
            script.arg(ttl).arg(SCRIPT_USERS).take()
        };
        try_join_all(self.parts.iter().map(|part| self.repeat(begin(part)))).await?;
        Ok(Lease::New)
    }

    pub(super) async fn enter(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.change(scripts::ENTER, server_id, user_ids).await
    }

    pub(super) async fn leave(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.change(scripts::LEAVE, server_id, user_ids).await
    }

    pub(super) async fn locate(&self, user_ids: &[UserId]) -> Result<Vec<Vec<ServerId>>, BusError> {
        let mut servers = vec![Vec::new(); user_ids.len()];
        let lookups = self.by_part(user_ids).into_iter().map(|(part, places)| async move {
            let mut lookup = pipe();
            let users = lookup.cmd("HMGET").arg(&self.parts[part].users);
            for place in &places {
                users.arg(user_ids[*place].as_bytes());
            }
            let (found,): (Vec<Option<Vec<u8>>>,) = self.commands.run(&lookup).await?;
            if found.len() != places.len() {
                return Err(BusError::new("Redis did not answer for all users"));
            }
            Ok(places.into_iter().zip(found))
        });
        for (place, held) in try_join_all(lookups).await?.into_iter().flatten() {
            let (ids, _) = held.as_deref().unwrap_or_default().as_chunks::<16>();
            servers[place] = ids.iter().copied().map(ServerId::from_bytes).collect();
        }
        Ok(servers)
    }

    pub(super) async fn servers(&self) -> Result<Vec<Peer>, BusError> {
        let lists = self.parts.iter().map(|part| async {
            let mut list = pipe();
            let mut script = cmd("EVAL");
            list.add_command(part.keys(script.arg(scripts::SERVERS)).take());
            self.commands.run::<(Vec<(Vec<u8>, u8)>,)>(&list).await
        });
        // A part that has lost its data has no lease until the next renewal.
        let mut lives: HashMap<ServerId, bool> = HashMap::new();
        for (server, life) in try_join_all(lists).await?.into_iter().flat_map(|(list,)| list) {
            let id = <[u8; 16]>::try_from(server).map_err(|_| BusError::new("an id in Redis has not 16 bytes"))?;
            *lives.entry(ServerId::from_bytes(id)).or_default() |= life == 1;
        }
        Ok(lives.into_iter().map(|(id, is_alive)| Peer { id, is_alive }).collect())
    }

    pub(super) async fn users_of(
        &self,
        server_id: ServerId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, BusError> {
        let mut users = Vec::new();
        let end = [b"[".as_slice(), server_id.as_bytes(), &[0xff; 16]].concat();
        let first = after.map_or(0, |user_id| self.part_of(user_id));
        for (n, part) in self.parts.iter().enumerate().skip(first) {
            let start = match after {
                Some(after) if n == first => [b"(".as_slice(), server_id.as_bytes(), after.as_bytes()].concat(),
                _ => [b"(".as_slice(), server_id.as_bytes()].concat(),
            };
            let mut page = pipe();
            let range = page.cmd("ZRANGE").arg(&part.entries).arg(start).arg(&end).arg("BYLEX");
            range.arg("LIMIT").arg(0).arg(limit - users.len());
            let (found,): (Vec<Vec<u8>>,) = self.commands.run(&page).await?;
            for entry in found {
                let user = entry.get(16..).and_then(|user| <[u8; 16]>::try_from(user).ok());
                let user = user.ok_or_else(|| BusError::new("an entry in Redis has not 32 bytes"))?;
                users.push(UserId::from_bytes(user));
            }
            if users.len() >= limit {
                break;
            }
        }
        Ok(users)
    }

    pub(super) async fn retire(&self, server_id: ServerId) -> Result<(), BusError> {
        let retire = |part: &Part| part.script(scripts::RETIRE, server_id).arg(SCRIPT_USERS).take();
        try_join_all(self.parts.iter().map(|part| self.repeat(retire(part)))).await?;
        Ok(())
    }

    /// Runs a script for users, in the parts that have them.
    async fn change(&self, script: &str, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        let parts = self.by_part(user_ids).into_iter().map(|(part, places)| {
            let mut changes = Pipeline::new();
            for places in places.chunks(SCRIPT_USERS) {
                let mut change = self.parts[part].script(script, server_id);
                for place in places {
                    change.arg(user_ids[*place].as_bytes());
                }
                changes.add_command(change).ignore();
            }
            async move { self.commands.run::<()>(&changes).await }
        });
        try_join_all(parts).await?;
        Ok(())
    }

    /// Runs a script until it has nothing more to do.
    async fn repeat(&self, script: Cmd) -> Result<(), BusError> {
        let mut step = pipe();
        step.add_command(script);
        while self.commands.run::<(u8,)>(&step).await? == (1,) {}
        Ok(())
    }

    /// Sorts the places of users in a list by the part that has them.
    fn by_part(&self, user_ids: &[UserId]) -> BTreeMap<usize, Vec<usize>> {
        let mut parts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, user_id) in user_ids.iter().enumerate() {
            parts.entry(self.part_of(*user_id)).or_default().push(place);
        }
        parts
    }

    /// Returns the part of a user. Parts are in the order of ids.
    fn part_of(&self, user_id: UserId) -> usize {
        usize::from(user_id.as_bytes()[0]) * self.parts.len() / 256
    }
}

impl Part {
    fn new(prefix: &str, n: usize) -> Self {
        // Braces around what chooses the slot.
        let key = |name: &str| format!("{{{prefix}.{n}}}{name}");
        Self {
            users: key("users"),
            entries: key("entries"),
            leases: key("leases"),
        }
    }

    /// Begins a call of a script for a server.
    fn script(&self, script: &str, server_id: ServerId) -> Cmd {
        let mut call = cmd("EVAL");
        self.keys(call.arg(script)).arg(server_id.as_bytes());
        call
    }

    fn keys<'c>(&self, call: &'c mut Cmd) -> &'c mut Cmd {
        call.arg(3).arg(&self.users).arg(&self.entries).arg(&self.leases)
    }
}
