//! Notifying users of receipts: the reader's other devices, and the peer of a direct conversation.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::cache::Cache;
use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::Watermarks;
use crate::domain::steady_time::SteadyTime;
use crate::engine::panics::{Panic, catch_panic};
use crate::engine::receipts::inbox::{Inbox, ReceiptUpdate};
use crate::engine::rosters::{CachedRoster, Rosters};
use crate::ports::{Envelope, RepositoryError, Runtime, Stores};
use crate::protocol;
use crate::protocol::{Event, Receipt};

/// Publishes stored advances to the connected users.
pub(super) struct Notifier {
    stores: Stores,
    runtime: Runtime,
    rosters: Arc<Rosters>,
    /// The `read_receipts` setting of users, and when it was read.
    showing: Cache<UserId, (bool, SteadyTime)>,
}

/// Capacity of each generation of the cache of users' `read_receipts` settings; it holds at most twice as many.
const CACHED_READERS: usize = 8_192;
/// Time for which a cached setting is used: short, so that switching receipts off takes effect within seconds.
const READ_RECEIPTS_TTL: std::time::Duration = std::time::Duration::from_secs(5);

type RostersById = HashMap<ConversationId, Arc<CachedRoster>>;

impl Notifier {
    pub(super) fn new(stores: Stores, runtime: Runtime, rosters: Arc<Rosters>) -> Self {
        Self {
            stores,
            runtime,
            rosters,
            showing: Cache::new(CACHED_READERS),
        }
    }

    /// Publishes what arrives in `stored` until that is closed, then closes `groups`.
    pub(super) async fn run(mut self, stored: Arc<Inbox>, groups: Arc<Inbox>) {
        while stored.wait().await {
            if let Err(Panic(panic)) = catch_panic(self.tell(stored.take(), &groups)).await {
                metrics::counter!("letsapp_lane_faults_total").increment(1);
                tracing::error!(panic, "publishing receipts panicked; clients will sync");
            }
        }
        groups.close();
    }

    /// Publishes advances to the reader's own other connections and, if the reader shows receipts, to the peer of a
    /// direct conversation. Advances in groups are passed on to the [`GroupNotifier`](super::GroupNotifier).
    async fn tell(&mut self, updates: Vec<ReceiptUpdate>, groups: &Inbox) {
        let (showing, rosters) = match self.look_up(&updates).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "receipts reach only the readers themselves; others will sync");
                Default::default()
            }
        };
        let mut in_groups = Vec::new();
        for update in updates {
            let (conversation_id, user_id) = update.key;
            let (to, except) = (update.advanced.to, update.excluded.except());
            let mut audience = vec![user_id];
            if showing.get(&user_id) == Some(&true)
                && let Some(known) = rosters.get(&conversation_id)
            {
                match known.roster.conversation.kind {
                    Kind::Direct => audience.extend(known.roster.peer(user_id)),
                    Kind::Group => in_groups.push(update),
                }
            }
            let event = updated(conversation_id, vec![receipt(user_id, to)]);
            self.runtime.sink.publish(Envelope::to_users(audience, except, event));
        }
        groups.put(in_groups);
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

pub(super) fn receipt(user_id: UserId, to: Watermarks) -> Receipt {
    Receipt {
        user_id,
        watermarks: protocol::Watermarks::from(to),
    }
}

pub(super) fn updated(conversation_id: ConversationId, items: Vec<Receipt>) -> Event {
    Event::ReceiptUpdated { conversation_id, items }
}
