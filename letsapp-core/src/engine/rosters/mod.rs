//! Rosters: the members of conversations, cached between changes.

mod direct_policy;
mod group_update;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::cache::Cache;
use crate::domain::conversation::Roster;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::Member;
use crate::domain::steady_time::SteadyTime;
use crate::domain::timestamp::Timestamp;
use crate::domain::window::Window;
use crate::ports::{Clock, ConversationRepository, RepositoryError, Stores};
use direct_policy::DirectPolicies;
pub(crate) use direct_policy::DirectPolicy;
pub(crate) use group_update::GroupUpdate;

/// A cache of rosters.
///
/// Three ways keep an outdated roster from misleading anyone. A change is decided from any cached roster and committed
/// under its fence: if the roster is outdated, the store refuses the commit. A refusal is not checked by a commit, so
/// where other servers write too, it needs a roster that was read [since](Rosters::now) the submission was taken, or
/// whose fence is still the newest. Everything else asks for a [recent](Rosters::recent) roster.
///
/// The fence does not cover the [`DirectPolicy`]. A change of it by this server drops the roster at once; a change by
/// another server is noticed within [`ROSTER_TTL`].
pub(crate) struct Rosters {
    store: Arc<dyn ConversationRepository>,
    direct_policies: DirectPolicies,
    clock: Arc<dyn Clock>,
    /// True if other servers write to the same stores.
    shared: bool,
    known: Mutex<RosterCache>,
}

struct RosterCache {
    rosters: Cache<ConversationId, Arc<CachedRoster>>,
    /// Current moment, advanced by each reading and each removal.
    moment: Moment,
    /// The conversations whose rosters are being read.
    reading: HashMap<ConversationId, Reading>,
}

/// The readings of one roster that are under way.
#[derive(Default)]
struct Reading {
    readers: usize,
    /// Moment of the last removal or replacement. A roster whose reading began before it is not cached: it may be the
    /// outdated one.
    outdated: Moment,
}

/// A position in the order of readings and removals. A counter is used instead of a clock, since two events in the same
/// millisecond have to be told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// A roster as it was read, with indexes for the hot path.
#[derive(Debug)]
pub(crate) struct CachedRoster {
    pub(crate) roster: Roster,
    /// The blocks and erased accounts of a direct conversation.
    pub(crate) direct_policy: DirectPolicy,
    /// Time at which `direct_policy` was read.
    policy_read_at: SteadyTime,
    /// The current members, who receive its messages.
    pub(crate) member_ids: Arc<[UserId]>,
    /// Index of each member in the roster's list.
    places: HashMap<UserId, usize>,
    /// Highest `seq` known to exist in the conversation, raised by commits. A reply to a message up to it needs no
    /// read.
    reached: AtomicU64,
    /// Time at which the roster was read.
    read_at: SteadyTime,
    /// Moment at which the reading began.
    since: Moment,
    /// True while a caller reads the roster again, so that only one does.
    renewing: AtomicBool,
}

/// Capacity of each generation of the roster cache, in bytes: 32 MiB, or about 40,000 direct conversations, or 80 of
/// the largest groups. The cache holds at most twice as much.
const ROSTER_CACHE_BYTES: usize = 32 << 20;

/// Time for which a roster is used where no fence protects the decision: bounds how long a change by another server
/// goes unnoticed, at one query per active conversation in that time.
const ROSTER_TTL: Duration = Duration::from_secs(5);

impl Rosters {
    pub(crate) fn new(stores: &Stores, clock: Arc<dyn Clock>) -> Self {
        Self {
            store: stores.conversations.clone(),
            direct_policies: DirectPolicies::new(stores),
            clock,
            shared: stores.shared,
            known: Mutex::new(RosterCache {
                rosters: Cache::weighing(ROSTER_CACHE_BYTES, |roster| roster.size()),
                moment: Moment::default(),
                reading: HashMap::new(),
            }),
        }
    }

    /// Returns the current moment. Rosters whose reading begins from now on are [newer](CachedRoster::is_newer).
    pub(crate) fn now(&self) -> Moment {
        self.lock().moment
    }

    /// Returns the rosters of those of the conversations that exist. All that are not cached are read in one query.
    pub(crate) async fn load(
        &self,
        ids: impl Iterator<Item = ConversationId>,
    ) -> Result<HashMap<ConversationId, Arc<CachedRoster>>, RepositoryError> {
        // The caller knows the greatest number, so that the map need not grow.
        let mut found = HashMap::with_capacity(ids.size_hint().1.unwrap_or(0));
        let (mut missing, mut stale) = (Vec::new(), HashMap::new());
        {
            let now = self.clock.steady();
            let mut known = self.lock();
            let mut last = None;
            for id in ids {
                // Those of one conversation mostly come in a row.
                if last.replace(id) == Some(id) {
                    continue;
                }
                match known.rosters.lookup(&id) {
                    Some(roster) if self.is_stale(&roster, now) => drop(stale.insert(id, roster)),
                    Some(roster) => drop(found.insert(id, roster)),
                    None => missing.push(id),
                }
            }
        }
        if !stale.is_empty() {
            found.extend(self.refresh_policies(stale).await?);
        }
        if !missing.is_empty() {
            missing.sort_unstable();
            missing.dedup();
            found.extend(self.read(&missing).await?);
        }
        Ok(found)
    }

    /// Returns a roster if it is cached, however old, without asking the store.
    pub(crate) fn known(&self, id: ConversationId) -> Option<Arc<CachedRoster>> {
        self.lock().rosters.lookup(&id)
    }

    /// Returns those of the users `(conversation, user)` whom no cached roster lists, however old, without asking the
    /// store.
    pub(crate) fn unlisted(
        &self,
        users: impl Iterator<Item = (ConversationId, UserId)>,
    ) -> Vec<(ConversationId, UserId)> {
        let mut known = self.lock();
        let mut is_listed = |id, user_id| {
            let roster = known.rosters.lookup(&id);
            roster.is_some_and(|roster| roster.member(user_id).is_some())
        };
        users.filter(|(id, user_id)| !is_listed(*id, *user_id)).collect()
    }

    /// Returns true if another server may have changed the policy of a direct conversation since it was read.
    fn is_stale(&self, known: &CachedRoster, now: SteadyTime) -> bool {
        self.shared && known.roster.conversation.pair.is_some() && now.since(known.policy_read_at) >= ROSTER_TTL
    }

    /// Reads only the policies of these conversations again, and not their rosters.
    async fn refresh_policies(
        &self,
        stale: HashMap<ConversationId, Arc<CachedRoster>>,
    ) -> Result<Vec<(ConversationId, Arc<CachedRoster>)>, RepositoryError> {
        let read_at = self.clock.steady();
        let reading = self.begin(stale.keys().copied());
        let conversations = stale.values().map(|known| &known.roster.conversation);
        let mut direct_policies = self.direct_policies.between(conversations).await?;
        let refreshed: Vec<_> = stale
            .into_iter()
            .map(|(id, known)| {
                let direct_policy = direct_policies.remove(&id).unwrap_or_default();
                (id, Arc::new(known.with_policy(direct_policy, read_at)))
            })
            .collect();
        self.remember(&reading, &refreshed);
        Ok(refreshed)
    }

    /// Returns the roster of one conversation, read within the last few seconds. When it is due to be read again, one
    /// caller reads it, and meanwhile the others use the cached one: a popular group causes one query, not many.
    pub(crate) async fn recent(&self, id: ConversationId) -> Result<Option<Arc<CachedRoster>>, RepositoryError> {
        let known = self.lock().rosters.lookup(&id);
        let Some(roster) = known else {
            return self.reload(id).await;
        };
        if self.clock.steady().since(roster.read_at) < ROSTER_TTL {
            return Ok(Some(roster));
        }
        if let Some(_renewal) = Renewal::of(&roster) {
            return self.reload(id).await;
        }
        Ok(Some(roster))
    }

    /// Reads the roster of one conversation from the store.
    pub(crate) async fn reload(&self, id: ConversationId) -> Result<Option<Arc<CachedRoster>>, RepositoryError> {
        Ok(self.read(&[id]).await?.pop().map(|(_, roster)| roster))
    }

    /// Removes a roster that may be outdated from the cache.
    pub(crate) fn forget(&self, id: ConversationId) {
        let mut known = self.lock();
        known.outdate(id);
        known.rosters.forget(&id);
    }

    /// Removes all rosters from the cache. Far more than necessary: for when the store can't tell which one is outdated.
    pub(crate) fn forget_all(&self) {
        let mut known = self.lock();
        let now = known.tick();
        known.reading.values_mut().for_each(|reading| reading.outdated = now);
        known.rosters.retain(|_| false);
    }

    /// Caches the roster that results from a committed change of a group, whose system message became the fence, and
    /// returns it. `None` if it can't be derived, and has to be read: the records of users who join again hold more
    /// than the change.
    pub(crate) fn update(
        &self,
        before: &CachedRoster,
        update: &GroupUpdate,
        fence: Seq,
        at: Timestamp,
    ) -> Option<Arc<CachedRoster>> {
        let id = before.roster.conversation.id;
        let after = update.apply(&before.roster, fence, at);
        let mut known = self.lock();
        let since = known.outdate(id);
        let Some(after) = after else {
            known.rosters.forget(&id);
            return None;
        };
        let after = Arc::new(CachedRoster::new(
            after,
            before.direct_policy.clone(),
            self.clock.steady(),
            since,
        ));
        known.rosters.insert(id, Arc::clone(&after));
        Some(after)
    }

    async fn read(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Arc<CachedRoster>)>, RepositoryError> {
        let read_at = self.clock.steady();
        let reading = self.begin(ids.iter().copied());
        let rosters = self.store.rosters(ids).await?;
        let conversations = rosters.iter().map(|roster| &roster.conversation);
        let mut direct_policies = self.direct_policies.between(conversations).await?;
        let read: Vec<_> = rosters
            .into_iter()
            .map(|roster| {
                let id = roster.conversation.id;
                let direct_policy = direct_policies.remove(&id).unwrap_or_default();
                (
                    id,
                    Arc::new(CachedRoster::new(roster, direct_policy, read_at, reading.since)),
                )
            })
            .collect();
        self.remember(&reading, &read);
        Ok(read)
    }

    /// Begins to read the rosters of these conversations.
    fn begin(&self, ids: impl Iterator<Item = ConversationId>) -> ReadingGuard<'_> {
        let mut known = self.lock();
        let since = known.tick();
        let ids: Vec<_> = ids.collect();
        for id in &ids {
            known.reading.entry(*id).or_default().readers += 1;
        }
        ReadingGuard {
            rosters: self,
            since,
            ids,
        }
    }

    /// Caches the rosters that were read, except those that were removed from the cache or replaced in the meantime.
    fn remember(&self, reading: &ReadingGuard<'_>, read: &[(ConversationId, Arc<CachedRoster>)]) {
        let mut known = self.lock();
        for (id, roster) in read {
            let outdated = known
                .reading
                .get(id)
                .is_some_and(|other| other.outdated > reading.since);
            // A slow reading must not replace the result of one that began later.
            let newer = known
                .rosters
                .lookup(id)
                .is_some_and(|other| other.is_newer(reading.since));
            if !outdated && !newer {
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

    /// Keeps the readings of a roster that are under way from being cached, and returns the present moment.
    fn outdate(&mut self, id: ConversationId) -> Moment {
        let now = self.tick();
        if let Some(reading) = self.reading.get_mut(&id) {
            reading.outdated = now;
        }
        now
    }
}

/// A reading of rosters. Dropping it ends the reading, also after an error or when the caller goes away.
struct ReadingGuard<'a> {
    rosters: &'a Rosters,
    /// Moment at which the reading began.
    since: Moment,
    ids: Vec<ConversationId>,
}

impl Drop for ReadingGuard<'_> {
    fn drop(&mut self) {
        let mut known = self.rosters.lock();
        for id in &self.ids {
            if let Entry::Occupied(mut reading) = known.reading.entry(*id) {
                reading.get_mut().readers -= 1;
                if reading.get().readers == 0 {
                    reading.remove();
                }
            }
        }
    }
}

impl CachedRoster {
    pub(crate) fn new(roster: Roster, direct_policy: DirectPolicy, read_at: SteadyTime, since: Moment) -> Self {
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
            policy_read_at: read_at,
            member_ids,
            places,
            reached,
            read_at,
            since,
            renewing: AtomicBool::new(false),
        }
    }

    /// Returns the same roster with a policy that was read again.
    fn with_policy(&self, direct_policy: DirectPolicy, policy_read_at: SteadyTime) -> Self {
        Self {
            policy_read_at,
            reached: AtomicU64::new(self.reached.load(Ordering::Relaxed)),
            ..Self::new(self.roster.clone(), direct_policy, self.read_at, self.since)
        }
    }

    /// Returns the memory that the roster takes, in bytes, about.
    fn size(&self) -> usize {
        // A member with a window, its place in the index, and its id in the list of ids.
        const MEMBER: usize = size_of::<Member>() + size_of::<Window>() + 2 * size_of::<(UserId, usize)>();
        size_of::<Self>() + self.roster.members.len() * MEMBER
    }

    /// Returns true if its reading began after `moment`.
    pub(crate) fn is_newer(&self, moment: Moment) -> bool {
        self.since > moment
    }

    /// Returns a current member.
    pub(crate) fn member(&self, user_id: UserId) -> Option<&Member> {
        self.places.get(&user_id).map(|place| &self.roster.members[*place])
    }

    /// Returns true if the message at `seq` is known to exist.
    pub(crate) fn has_reached(&self, seq: Seq) -> bool {
        seq.0 <= self.reached.load(Ordering::Relaxed)
    }

    /// Records that the message at `seq` exists.
    pub(crate) fn reach(&self, seq: Seq) {
        self.reached.fetch_max(seq.0, Ordering::Relaxed);
    }
}

/// The duty of reading a roster again. Dropping it releases the duty, also after an error or when the caller goes away.
struct Renewal<'a>(&'a CachedRoster);

impl<'a> Renewal<'a> {
    /// Takes the duty; `None` if another caller has it.
    fn of(roster: &'a CachedRoster) -> Option<Self> {
        (!roster.renewing.swap(true, Ordering::Relaxed)).then_some(Self(roster))
    }
}

impl Drop for Renewal<'_> {
    fn drop(&mut self) {
        self.0.renewing.store(false, Ordering::Relaxed);
    }
}
