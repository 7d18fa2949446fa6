//! Notifying users of receipts: the reader's other devices, the peer of a direct conversation, or the senders in a
//! group.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::cache::Cache;
use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::Watermarks;
use crate::domain::timestamp::Timestamp;
use crate::domain::window::Span;
use crate::engine::events::ExcludedConnection;
use crate::engine::rosters::{CachedRoster, Rosters};
use crate::ports::{Advanced, Envelope, RepositoryError, Runtime, Stores};
use crate::protocol;
use crate::protocol::{Event, Receipt};

/// A member of a conversation, as a key.
pub(super) type MemberKey = (ConversationId, UserId);

/// A stored advance that is to be published.
pub(super) struct ReceiptUpdate {
    pub(super) key: MemberKey,
    pub(super) advanced: Advanced,
    pub(super) excluded: ExcludedConnection,
}

/// Publishes stored advances to the connected users.
pub(super) struct Notifier {
    stores: Stores,
    runtime: Runtime,
    rosters: Arc<Rosters>,
    /// Advances in groups that were not published yet, from the watermarks before the first one to those after the
    /// last.
    groups: HashMap<MemberKey, Advanced>,
    /// The `read_receipts` setting of users, and when it was read.
    showing: Cache<UserId, (bool, Timestamp)>,
}

/// Capacity of each generation of the cache of users' `read_receipts` settings; it holds at most twice as many.
const CACHED_READERS: usize = 8_192;
/// Time for which a cached setting is used: short, so that switching receipts off takes effect within seconds.
const READ_RECEIPTS_TTL: std::time::Duration = std::time::Duration::from_secs(5);

type RostersById = HashMap<ConversationId, Arc<CachedRoster>>;

/// A range of messages of a group, after the first `seq` and up to the second, that several readers newly received or
/// read. They make one event.
type Covered = (ConversationId, Seq, Seq);

impl Notifier {
    pub(super) fn new(stores: Stores, runtime: Runtime, rosters: Arc<Rosters>) -> Self {
        Self {
            stores,
            runtime,
            rosters,
            groups: HashMap::new(),
            showing: Cache::new(CACHED_READERS),
        }
    }

    pub(super) fn has_news(&self) -> bool {
        !self.groups.is_empty()
    }

    /// Publishes advances to the reader's own other connections and, if the reader shows receipts, to the peer of a
    /// direct conversation. Advances in groups are collected for [`tell_groups`](Self::tell_groups).
    pub(super) async fn tell(&mut self, updates: Vec<ReceiptUpdate>) {
        if updates.is_empty() {
            return;
        }
        let (showing, rosters) = match self.look_up(&updates).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "receipts reach only the readers themselves; others will sync");
                Default::default()
            }
        };
        for ReceiptUpdate {
            key,
            advanced,
            excluded,
        } in updates
        {
            let (conversation_id, user_id) = key;
            let mut audience = vec![user_id];
            if showing.get(&user_id) == Some(&true)
                && let Some(known) = rosters.get(&conversation_id)
            {
                match known.roster.conversation.kind {
                    Kind::Direct => audience.extend(known.roster.peer(user_id)),
                    Kind::Group => self.groups.entry(key).or_insert(advanced).to = advanced.to,
                }
            }
            let event = updated(conversation_id, vec![receipt(user_id, advanced.to)]);
            self.runtime
                .bus
                .publish(Envelope::to_users(audience, excluded.except(), event));
        }
    }

    /// Publishes the collected advances in groups to the senders of the newly covered messages.
    pub(super) async fn tell_groups(&mut self) {
        let groups = std::mem::take(&mut self.groups);
        if groups.is_empty() {
            return;
        }
        let rosters = match self.rosters.load(groups.keys().map(|key| key.0)).await {
            Ok(rosters) => rosters,
            Err(error) => {
                tracing::warn!(%error, "receipts of groups were not published; clients will sync");
                return;
            }
        };
        for ((conversation_id, after, through), readers) in by_coverage(groups, &rosters) {
            let Some(known) = rosters.get(&conversation_id) else {
                continue;
            };
            let span = Span {
                conversation_id,
                after,
                through,
            };
            let mut senders = match self.stores.messages.senders(span).await {
                Ok(senders) => senders,
                Err(error) => {
                    tracing::warn!(%error, "receipts of a group were not published; clients will sync");
                    continue;
                }
            };
            // A single reader knows their own receipt; senders who left the group get no more events.
            let alone = (readers.len() == 1).then(|| readers[0].user_id);
            senders.retain(|sender| alone != Some(*sender) && known.member(*sender).is_some());
            if !senders.is_empty() {
                self.runtime
                    .bus
                    .publish(Envelope::to_users(senders, None, updated(conversation_id, readers)));
            }
        }
    }

    async fn look_up(
        &mut self,
        updates: &[ReceiptUpdate],
    ) -> Result<(HashMap<UserId, bool>, RostersById), RepositoryError> {
        let showing = self.showing(updates.iter().map(|updates| updates.key.1)).await?;
        let rosters = self.rosters.load(updates.iter().map(|updates| updates.key.0)).await?;
        Ok((showing, rosters))
    }

    async fn showing(&mut self, ids: impl Iterator<Item = UserId>) -> Result<HashMap<UserId, bool>, RepositoryError> {
        let now = self.runtime.clock.steady();
        let mut showing = HashMap::new();
        let mut missing = Vec::new();
        for id in ids {
            match self.showing.lookup(&id) {
                Some((shows, at)) if now.since(at) < READ_RECEIPTS_TTL => drop(showing.insert(id, shows)),
                _ => missing.push(id),
            }
        }
        if !missing.is_empty() {
            missing.sort_unstable();
            missing.dedup();
            for user in self.stores.users.find(&missing).await? {
                let shows = user.settings.read_receipts;
                self.showing.insert(user.id, (shows, now));
                showing.insert(user.id, shows);
            }
        }
        Ok(showing)
    }
}

/// Groups the readers by the range that they newly covered, limited to the messages that they may see.
fn by_coverage(groups: HashMap<MemberKey, Advanced>, rosters: &RostersById) -> BTreeMap<Covered, Vec<Receipt>> {
    let mut covered: BTreeMap<Covered, Vec<Receipt>> = BTreeMap::new();
    for ((conversation_id, user_id), advanced) in groups {
        let member = rosters.get(&conversation_id).and_then(|known| known.member(user_id));
        let Some(window) = member.and_then(|member| member.windows.last()) else {
            continue;
        };
        for (after, through) in spans(advanced) {
            let after = after.max(Seq(window.from.0.saturating_sub(1)));
            if after < through {
                let readers = covered.entry((conversation_id, after, through)).or_default();
                readers.push(receipt(user_id, advanced.to));
            }
        }
    }
    covered
}

/// Returns the ranges newly received or read: one range, or two that are apart.
fn spans(Advanced { from, to }: Advanced) -> impl Iterator<Item = (Seq, Seq)> {
    let (read, delivered) = ((from.read, to.read), (from.delivered, to.delivered));
    let apart = read.1 < delivered.0;
    let spans = match (read.0 < read.1, delivered.0 < delivered.1) {
        (true, true) if apart => [Some(read), Some(delivered)],
        (true, true) => [Some((read.0, delivered.1)), None],
        (true, false) => [Some(read), None],
        (false, true) => [Some(delivered), None],
        (false, false) => [None, None],
    };
    spans.into_iter().flatten()
}

fn receipt(user_id: UserId, to: Watermarks) -> Receipt {
    Receipt {
        user_id,
        watermarks: protocol::Watermarks::from(to),
    }
}

fn updated(conversation_id: ConversationId, items: Vec<Receipt>) -> Event {
    Event::ReceiptUpdated { conversation_id, items }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newly_covered_ranges_lie_between_the_old_and_the_new_watermarks() {
        let marks = |delivered, read| Watermarks {
            delivered: Seq(delivered),
            read: Seq(read),
        };
        let covered = |from, to| {
            spans(Advanced { from, to })
                .map(|(after, through)| (after.0, through.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(covered(marks(5, 5), marks(5, 5)), []);
        assert_eq!(covered(marks(5, 2), marks(8, 2)), [(5, 8)], "only received");
        assert_eq!(covered(marks(8, 2), marks(8, 6)), [(2, 6)], "only read");
        assert_eq!(covered(marks(5, 5), marks(8, 8)), [(5, 8)], "both at once");
        assert_eq!(covered(marks(5, 2), marks(8, 6)), [(2, 8)], "both, with an overlap");
        assert_eq!(covered(marks(9, 2), marks(12, 4)), [(2, 4), (9, 12)], "both, apart");
    }
}
