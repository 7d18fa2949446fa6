//! Rosters: the members of conversations, cached between changes.

mod cache;
mod cached_roster;
pub(crate) mod direct_policy;
mod group_update;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::steady_time::SteadyTime;
use crate::domain::timestamp::Timestamp;
use crate::ports::{Clock, ConversationRepository, RepositoryError, Stores};
use cache::RosterCache;
use cached_roster::Renewal;
pub(crate) use cached_roster::{CachedRoster, Moment};
use direct_policy::DirectPolicies;
pub(crate) use group_update::GroupUpdate;

/// A cache of rosters.
///
/// Three ways keep an outdated roster from misleading anyone. A change is decided from any cached roster and committed
/// under its fence: if the roster is outdated, the store refuses the commit. A refusal is not checked by a commit, so
/// where other servers write too, it needs a roster that was read [since](Rosters::now) the submission was taken, or
/// whose fence is still the newest. Everything else asks for a [recent](Rosters::recent) roster.
///
/// The fence does not cover the [`DirectPolicy`](direct_policy::DirectPolicy). A change of it by this server drops the
/// roster at once; a change by another server is noticed within [`ROSTER_TTL`].
pub(crate) struct Rosters {
    store: Arc<dyn ConversationRepository>,
    direct_policies: DirectPolicies,
    clock: Arc<dyn Clock>,
    /// True if other servers write to the same stores.
    shared: bool,
    cache: RosterCache,
}

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
            cache: RosterCache::new(),
        }
    }

    /// Returns the current moment. Rosters whose reading begins from now on are [newer](CachedRoster::is_newer).
    pub(crate) fn now(&self) -> Moment {
        self.cache.now()
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
            let mut known = self.cache.lock();
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
        self.cache.lookup(id)
    }

    /// Returns those of the users `(conversation, user)` whom no cached roster lists, however old, without asking the
    /// store.
    pub(crate) fn unlisted(
        &self,
        users: impl Iterator<Item = (ConversationId, UserId)>,
    ) -> Vec<(ConversationId, UserId)> {
        let mut known = self.cache.lock();
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
        let reading = self.cache.begin(stale.keys().copied());
        let conversations = stale.values().map(|known| &known.roster.conversation);
        let mut direct_policies = self.direct_policies.between(conversations).await?;
        let refreshed: Vec<_> = stale
            .into_iter()
            .map(|(id, known)| {
                let direct_policy = direct_policies.remove(&id).unwrap_or_default();
                (id, Arc::new(known.with_policy(direct_policy, read_at)))
            })
            .collect();
        self.cache.remember(&reading, &refreshed);
        Ok(refreshed)
    }

    /// Returns the roster of one conversation, read within the last few seconds. When it is due to be read again, one
    /// caller reads it, and meanwhile the others use the cached one: a popular group causes one query, not many.
    pub(crate) async fn recent(&self, id: ConversationId) -> Result<Option<Arc<CachedRoster>>, RepositoryError> {
        let Some(roster) = self.cache.lookup(id) else {
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
        self.cache.forget(id);
    }

    /// Removes the rosters of all direct conversations of a user from the cache.
    pub(crate) fn forget_with(&self, user_id: UserId) {
        let is_theirs = |(a, b)| a == user_id || b == user_id;
        self.cache
            .forget_where(|known| known.roster.conversation.pair.is_some_and(is_theirs));
    }

    /// Removes all rosters from the cache. Far more than necessary: for when the store can't tell which one is
    /// outdated.
    pub(crate) fn forget_all(&self) {
        self.cache.forget_all();
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
        self.cache.replace(id, |since| {
            let read_at = self.clock.steady();
            Some(CachedRoster::new(after?, before.direct_policy.clone(), read_at, since))
        })
    }

    async fn read(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Arc<CachedRoster>)>, RepositoryError> {
        let read_at = self.clock.steady();
        let reading = self.cache.begin(ids.iter().copied());
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
        self.cache.remember(&reading, &read);
        Ok(read)
    }
}
