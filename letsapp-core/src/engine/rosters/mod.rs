//! Who is in a conversation, remembered between changes.

mod direct_policy;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::cache::Cache;
use crate::domain::conversation::Roster;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::Member;
use crate::domain::timestamp::Timestamp;
use crate::ports::{Clock, ConversationRepository, RepositoryError, Stores};
use direct_policy::DirectPolicies;
pub(crate) use direct_policy::DirectPolicy;

/// Remembers rosters. A change is decided from one and committed under its fence, so that a roster which is no longer
/// true can't mislead it; a refusal, which no commit proves right, takes one that was read [since](Rosters::now), and
/// what has neither asks for a [recent](Rosters::recent) one.
///
/// No fence guards what stands between the two of a direct conversation. Of that, what this server changes is forgotten
/// at once; what another one changes is noticed within a few seconds.
pub(crate) struct Rosters {
    store: Arc<dyn ConversationRepository>,
    direct_policies: DirectPolicies,
    clock: Arc<dyn Clock>,
    /// Whether other servers write to the stores.
    shared: bool,
    known: Mutex<RosterCache>,
}

struct RosterCache {
    rosters: Cache<ConversationId, Arc<CachedRoster>>,
    /// Counts readings and forgettings, so that each can be told from those before it.
    moment: Moment,
    /// When something was last forgotten: what began to be read before may be what was to be forgotten.
    forgot: Moment,
}

/// A place in the order of readings and forgettings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// A roster as it was read, arranged for the hot path.
#[derive(Debug)]
pub(crate) struct CachedRoster {
    pub(crate) roster: Roster,
    /// What stands between the two of a direct conversation.
    pub(crate) direct_policy: DirectPolicy,
    /// When that was read.
    cleared_at: Timestamp,
    /// Everybody who is in: whom a message goes to.
    pub(crate) member_ids: Arc<[UserId]>,
    places: HashMap<UserId, usize>,
    /// The conversation has at least this many messages.
    reached: AtomicU64,
    read_at: Timestamp,
    since: Moment,
    /// Somebody is reading it again.
    renewing: AtomicBool,
}

/// How many rosters are remembered, twice over.
const CACHED_ROSTERS: usize = 8_192;

/// How long a roster is believed where no fence guards what is decided from it.
const ROSTER_TTL: Duration = Duration::from_secs(5);

impl Rosters {
    pub(crate) fn new(stores: &Stores, clock: Arc<dyn Clock>) -> Self {
        Self {
            store: stores.conversations.clone(),
            direct_policies: DirectPolicies::new(stores),
            clock,
            shared: stores.shared,
            known: Mutex::new(RosterCache {
                rosters: Cache::new(CACHED_ROSTERS),
                moment: Moment::default(),
                forgot: Moment::default(),
            }),
        }
    }

    /// Returns the present moment: rosters that begin to be read from here on are [newer](CachedRoster::is_newer).
    pub(crate) fn now(&self) -> Moment {
        self.lock().moment
    }

    /// Returns the rosters of those of the conversations that exist, reading those not remembered in one go.
    pub(crate) async fn load(
        &self,
        ids: impl Iterator<Item = ConversationId>,
    ) -> Result<HashMap<ConversationId, Arc<CachedRoster>>, RepositoryError> {
        let mut found = HashMap::new();
        let (mut missing, mut stale) = (Vec::new(), HashMap::new());
        {
            let now = self.clock.now();
            let mut known = self.lock();
            for id in ids {
                match known.rosters.lookup(&id) {
                    Some(roster) if self.is_stale(&roster, now) => drop(stale.insert(id, roster)),
                    Some(roster) => drop(found.insert(id, roster)),
                    None => missing.push(id),
                }
            }
        }
        if !stale.is_empty() {
            found.extend(self.clear(stale).await?);
        }
        if !missing.is_empty() {
            missing.sort_unstable();
            missing.dedup();
            found.extend(self.read(&missing).await?);
        }
        Ok(found)
    }

    /// Returns a roster if it is remembered, however old it is; without asking the store.
    pub(crate) fn known(&self, id: ConversationId) -> Option<Arc<CachedRoster>> {
        self.lock().rosters.lookup(&id)
    }

    /// Tells whether another server may have put something between the two of a direct conversation since it was read.
    fn is_stale(&self, known: &CachedRoster, now: Timestamp) -> bool {
        self.shared && known.roster.conversation.pair.is_some() && now.since(known.cleared_at) >= ROSTER_TTL
    }

    /// Reads anew what stands between the two of these conversations, and nothing else of their rosters.
    async fn clear(
        &self,
        stale: HashMap<ConversationId, Arc<CachedRoster>>,
    ) -> Result<Vec<(ConversationId, Arc<CachedRoster>)>, RepositoryError> {
        let read_at = self.clock.now();
        let since = self.lock().tick();
        let conversations = stale.values().map(|known| &known.roster.conversation);
        let mut direct_policies = self.direct_policies.between(conversations).await?;
        let cleared: Vec<_> = stale
            .into_iter()
            .map(|(id, known)| {
                let direct_policy = direct_policies.remove(&id).unwrap_or_default();
                (id, Arc::new(known.behind(direct_policy, read_at)))
            })
            .collect();
        self.remember(since, &cleared);
        Ok(cleared)
    }

    /// Returns the roster of one conversation, read within the last few seconds. When it is time to read it again, one
    /// caller does so, and the others take what is there.
    pub(crate) async fn recent(&self, id: ConversationId) -> Result<Option<Arc<CachedRoster>>, RepositoryError> {
        let known = self.lock().rosters.lookup(&id);
        let Some(roster) = known else {
            return self.reload(id).await;
        };
        if self.clock.now().since(roster.read_at) < ROSTER_TTL {
            return Ok(Some(roster));
        }
        if let Some(_renewal) = Renewal::of(&roster) {
            return self.reload(id).await;
        }
        Ok(Some(roster))
    }

    /// Reads the roster of one conversation anew.
    pub(crate) async fn reload(&self, id: ConversationId) -> Result<Option<Arc<CachedRoster>>, RepositoryError> {
        Ok(self.read(&[id]).await?.pop().map(|(_, roster)| roster))
    }

    /// Forgets a roster that may be outdated.
    pub(crate) fn forget(&self, id: ConversationId) {
        let mut known = self.lock();
        known.forgot = known.tick();
        known.rosters.forget(&id);
    }

    /// Forgets all, after a fault of which it is not known what it left undone.
    pub(crate) fn forget_all(&self) {
        let mut known = self.lock();
        known.forgot = known.tick();
        known.rosters = Cache::new(CACHED_ROSTERS);
    }

    async fn read(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Arc<CachedRoster>)>, RepositoryError> {
        let read_at = self.clock.now();
        let since = self.lock().tick();
        let rosters = self.store.rosters(ids).await?;
        let conversations = rosters.iter().map(|roster| &roster.conversation);
        let mut direct_policies = self.direct_policies.between(conversations).await?;
        let read: Vec<_> = rosters
            .into_iter()
            .map(|roster| {
                let id = roster.conversation.id;
                let direct_policy = direct_policies.remove(&id).unwrap_or_default();
                (id, Arc::new(CachedRoster::new(roster, direct_policy, read_at, since)))
            })
            .collect();
        self.remember(since, &read);
        Ok(read)
    }

    /// Keeps what was read since then, unless something was forgotten in the meantime.
    fn remember(&self, since: Moment, read: &[(ConversationId, Arc<CachedRoster>)]) {
        let mut known = self.lock();
        if known.forgot > since {
            return;
        }
        for (id, roster) in read {
            if known.rosters.lookup(id).is_none_or(|other| !other.is_newer(since)) {
                known.rosters.insert(*id, Arc::clone(roster));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, RosterCache> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RosterCache {
    fn tick(&mut self) -> Moment {
        self.moment.0 += 1;
        self.moment
    }
}

impl CachedRoster {
    pub(crate) fn new(roster: Roster, direct_policy: DirectPolicy, read_at: Timestamp, since: Moment) -> Self {
        let member_ids = roster.members.iter().map(|member| member.user_id).collect();
        let places = roster
            .members
            .iter()
            .enumerate()
            .map(|(place, member)| (member.user_id, place))
            .collect();
        let reached = AtomicU64::new(roster.fence.0);
        Self {
            roster,
            direct_policy,
            cleared_at: read_at,
            member_ids,
            places,
            reached,
            read_at,
            since,
            renewing: AtomicBool::new(false),
        }
    }

    /// Returns the same roster with what was found to stand between its two.
    fn behind(&self, direct_policy: DirectPolicy, cleared_at: Timestamp) -> Self {
        Self {
            cleared_at,
            reached: AtomicU64::new(self.reached.load(Ordering::Relaxed)),
            ..Self::new(self.roster.clone(), direct_policy, self.read_at, self.since)
        }
    }

    /// Tells whether it began to be read after that moment.
    pub(crate) fn is_newer(&self, moment: Moment) -> bool {
        self.since > moment
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

/// The task of reading a roster again, given up when it is dropped.
struct Renewal<'a>(&'a CachedRoster);

impl<'a> Renewal<'a> {
    /// Takes the task on; `None` if somebody else has it.
    fn of(roster: &'a CachedRoster) -> Option<Self> {
        (!roster.renewing.swap(true, Ordering::Relaxed)).then_some(Self(roster))
    }
}

impl Drop for Renewal<'_> {
    fn drop(&mut self) {
        self.0.renewing.store(false, Ordering::Relaxed);
    }
}
