//! Who is in a conversation, remembered between changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cache::Cache;
use crate::conversations::{ConversationRepository, Member, Roster};
use crate::id::{ConversationId, Seq, UserId};
use crate::storage::RepositoryError;
use crate::time::{Clock, Timestamp};

/// Remembers rosters. A change is decided from one and committed under its fence, so that a roster which is no longer
/// true can't mislead it; what has no fence asks for a [recent](Rosters::recent) one.
pub(crate) struct Rosters {
    store: Arc<dyn ConversationRepository>,
    clock: Arc<dyn Clock>,
    known: Mutex<Cache<ConversationId, Arc<KnownRoster>>>,
}

/// A roster as it was read, arranged for the hot path.
#[derive(Debug)]
pub(crate) struct KnownRoster {
    pub(crate) roster: Roster,
    /// Everybody who is in: whom a message goes to.
    pub(crate) everyone: Arc<[UserId]>,
    places: HashMap<UserId, usize>,
    /// The conversation has at least this many messages.
    reached: AtomicU64,
    read_at: Timestamp,
}

/// How many rosters are remembered, twice over.
const CAPACITY: usize = 8_192;

/// How long a roster is believed where no fence guards what is decided from it.
const BELIEVED: Duration = Duration::from_secs(5);

impl Rosters {
    pub(crate) fn new(store: Arc<dyn ConversationRepository>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            known: Mutex::new(Cache::new(CAPACITY)),
        }
    }

    /// Returns the rosters of those of the conversations that exist, reading those not remembered in one go.
    pub(crate) async fn load(
        &self,
        ids: impl Iterator<Item = ConversationId>,
    ) -> Result<HashMap<ConversationId, Arc<KnownRoster>>, RepositoryError> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        {
            let mut known = self.lock();
            for id in ids {
                match known.lookup(&id) {
                    Some(roster) => drop(found.insert(id, roster)),
                    None => missing.push(id),
                }
            }
        }
        if !missing.is_empty() {
            missing.sort_unstable();
            missing.dedup();
            found.extend(self.read(&missing).await?);
        }
        Ok(found)
    }

    /// Returns the roster of one conversation, read within the last few seconds.
    pub(crate) async fn recent(&self, id: ConversationId) -> Result<Option<Arc<KnownRoster>>, RepositoryError> {
        let known = self.lock().lookup(&id);
        match known {
            Some(roster) if self.clock.now().since(roster.read_at) < BELIEVED => Ok(Some(roster)),
            _ => self.reload(id).await,
        }
    }

    /// Reads the roster of one conversation anew.
    pub(crate) async fn reload(&self, id: ConversationId) -> Result<Option<Arc<KnownRoster>>, RepositoryError> {
        Ok(self.read(&[id]).await?.pop().map(|(_, roster)| roster))
    }

    /// Forgets rosters that are known to be outdated.
    pub(crate) fn forget(&self, id: ConversationId) {
        self.lock().forget(&id);
    }

    async fn read(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Arc<KnownRoster>)>, RepositoryError> {
        let read_at = self.clock.now();
        let rosters = self.store.rosters(ids).await?;
        let read: Vec<_> = rosters
            .into_iter()
            .map(|roster| (roster.conversation.id, Arc::new(KnownRoster::new(roster, read_at))))
            .collect();
        let mut known = self.lock();
        for (id, roster) in &read {
            known.insert(*id, Arc::clone(roster));
        }
        Ok(read)
    }

    fn lock(&self) -> MutexGuard<'_, Cache<ConversationId, Arc<KnownRoster>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownRoster {
    fn new(roster: Roster, read_at: Timestamp) -> Self {
        let everyone = roster.members.iter().map(|member| member.user_id).collect();
        let places = roster
            .members
            .iter()
            .enumerate()
            .map(|(place, member)| (member.user_id, place))
            .collect();
        let reached = AtomicU64::new(roster.fence.0);
        Self {
            roster,
            everyone,
            places,
            reached,
            read_at,
        }
    }

    /// Returns the member, if they are in.
    pub(crate) fn member(&self, user_id: UserId) -> Option<&Member> {
        self.places.get(&user_id).map(|place| &self.roster.members[*place])
    }

    /// Tells whether the message at `seq` is known to exist.
    pub(crate) fn has_reached(&self, seq: Seq) -> bool {
        seq.0 <= self.reached.load(Ordering::Relaxed)
    }

    /// Notes that the message at `seq` exists.
    pub(crate) fn reach(&self, seq: Seq) {
        self.reached.fetch_max(seq.0, Ordering::Relaxed);
    }
}
