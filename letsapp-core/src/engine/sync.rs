//! Sync: the changes since a client's last sync, found without a query for any conversation that did not change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, Epoch, Rev, UserId};
use crate::domain::member::Member;
use crate::domain::timestamp::Timestamp;
use crate::engine::error::ConversationError;
use crate::engine::receipts::Receipts;
use crate::engine::views::Views;
use crate::ports::Stores;
use crate::protocol;
use crate::protocol::SyncRequest;

/// Maximum number of changes of one conversation in an answer. With more, the client is told to reset and reads the
/// history again, which is cheaper for both.
const MAX_CHANGES_PER_CONVERSATION: usize = 1_000;

/// Number of changes after which an answer ends; the client then syncs again for the rest.
const MAX_CHANGES_PER_ANSWER: usize = 5_000;

/// Time before the client's last sync from which changes are listed again, if several servers share a store. It covers
/// changes whose timestamp was taken up to this long before they were stored, and clocks that are up to this far
/// behind.
const SHARED_STORE_OVERLAP: Duration = Duration::from_secs(10);

/// The stores that a sync reads.
pub(crate) struct Syncing<'a> {
    pub(crate) stores: &'a Stores,
    pub(crate) receipts: &'a Receipts,
    pub(crate) views: &'a Views,
    pub(crate) epoch: Epoch,
}

impl Syncing<'_> {
    pub(crate) async fn sync(
        &self,
        user_id: UserId,
        request: SyncRequest,
        now: Timestamp,
    ) -> Result<protocol::Sync, ConversationError> {
        let named = &request.conversations;
        // Heads are read before memberships: if a head counts a message, the windows read afterwards let their member
        // see it.
        let mut heads = self.heads(named.keys().copied().collect()).await?;
        let mut members = self.stores.conversations.memberships(user_id).await?;
        self.receipts.overlay(&mut members);
        members.sort_unstable_by_key(|member| member.conversation_id);
        members.retain(|member| member.is_in() || named.contains_key(&member.conversation_id));
        let ids: Vec<_> = members.iter().map(|member| member.conversation_id).collect();
        let new = ids.iter().copied().filter(|id| !named.contains_key(id));
        heads.extend(self.heads(new.collect()).await?);
        let since = request.since.map(|since| {
            if self.stores.shared {
                since.minus(SHARED_STORE_OVERLAP)
            } else {
                since
            }
        });
        let moved = self.moved_peers(user_id, &members, since).await?;

        let mut answer = protocol::Sync {
            conversations: Vec::new(),
            removed: named
                .keys()
                .copied()
                .filter(|id| ids.binary_search(id).is_err())
                .collect(),
            changes: Vec::new(),
            positions: BTreeMap::new(),
            reset: Vec::new(),
            more: false,
            server_time: now,
            epoch: self.epoch,
        };
        let mut shown = Vec::new();
        for member in members {
            let id = member.conversation_id;
            let head = heads.get(&id).copied().unwrap_or_default();
            let held = named.get(&id).copied();
            let position = match held {
                Some(held) if held < head.rev => self.follow(&member, held, head, &mut answer).await?,
                // The store was restored from an older copy: the client has messages that do not exist.
                Some(held) if held > head.rev => {
                    answer.reset.push(id);
                    head.rev
                }
                _ => head.rev,
            };
            answer.positions.insert(id, position);
            let changed = held.is_none_or(|held| held != head.rev)
                || since.is_none_or(|since| member.changed_at >= since)
                || moved.contains(&id);
            if !member.is_in() {
                answer.removed.push(id);
            } else if changed {
                shown.push(member);
            }
        }
        answer.conversations = self.views.of(shown).await?.into_iter().map(|(_, view)| view).collect();
        Ok(answer)
    }

    async fn heads(&self, ids: Vec<ConversationId>) -> Result<HashMap<ConversationId, Head>, ConversationError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(self.stores.conversations.heads(&ids).await?.into_iter().collect())
    }

    /// Adds the changes of one conversation after `held` to the answer, and returns the `rev` that the client has
    /// reached with it.
    async fn follow(
        &self,
        member: &Member,
        held: Rev,
        head: Head,
        answer: &mut protocol::Sync,
    ) -> Result<Rev, ConversationError> {
        if answer.changes.len() >= MAX_CHANGES_PER_ANSWER {
            answer.more = true;
            return Ok(held);
        }
        let id = member.conversation_id;
        let mut changes = self
            .stores
            .messages
            .changes(id, &member.windows, held, MAX_CHANGES_PER_CONVERSATION + 1)
            .await?;
        let listed = changes.len();
        if member.is_in()
            && let Some(newer) = changes.iter().position(|message| message.seq > head.seq)
        {
            // The membership may have ended before these messages were sent. The next sync decides.
            changes.truncate(newer);
        }
        if listed > MAX_CHANGES_PER_CONVERSATION {
            answer.reset.push(id);
            return Ok(head.rev);
        }
        let followed = changes.last().map_or(head.rev, |last| last.rev.max(head.rev));
        let seen = changes
            .iter()
            .map(|message| protocol::Message::seen_by(message, member.user_id));
        answer.changes.extend(seen);
        Ok(followed)
    }

    /// Returns the direct conversations whose other member received or read more messages since.
    async fn moved_peers(
        &self,
        user_id: UserId,
        members: &[Member],
        since: Option<Timestamp>,
    ) -> Result<HashSet<ConversationId>, ConversationError> {
        let Some(since) = since else { return Ok(HashSet::new()) };
        let ids: Vec<_> = members.iter().map(|member| member.conversation_id).collect();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let conversations = self.stores.conversations.find(&ids).await?;
        let peers: Vec<_> = conversations
            .iter()
            .filter_map(|conversation| Some((conversation.id, conversation.peer_of(user_id)?)))
            .collect();
        if peers.is_empty() {
            return Ok(HashSet::new());
        }
        let mut peers = self.stores.conversations.members(&peers).await?;
        self.receipts.overlay(&mut peers);
        Ok(peers
            .into_iter()
            .filter(|peer| peer.changed_at >= since)
            .map(|peer| peer.conversation_id)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::domain::conversation::{Conversation, Kind};
    use crate::domain::id::Seq;
    use crate::engine::fixtures;
    use crate::engine::fixtures::{ANA, NOW, Recorder, conversation, message};
    use crate::engine::rosters::Rosters;
    use crate::ports::{ManualClock, MockConversationRepository, MockMessageRepository, MockUserRepository};

    const CONVERSATIONS: u8 = 250;

    fn id(n: u8) -> ConversationId {
        ConversationId::from_bytes([n; 16])
    }

    fn in_group(n: u8) -> Member {
        Member {
            conversation_id: id(n),
            ..Member::of_pair(id(n), ANA, NOW.minus(Duration::from_secs(3_600)))
        }
    }

    /// Mock stores with all groups, each at head 9. They count the queries and record the groups whose changes were
    /// read.
    fn stores(
        asked: &Arc<AtomicUsize>,
        looked_into: &Arc<Mutex<Vec<ConversationId>>>,
    ) -> (MockConversationRepository, MockMessageRepository) {
        let count = || {
            let asked = Arc::clone(asked);
            move || asked.fetch_add(1, Ordering::SeqCst)
        };
        let head = Head {
            seq: Seq(9),
            rev: Rev(9),
            ordinal: 9,
            fence: Seq(1),
        };
        let mut conversations = MockConversationRepository::new();
        let ask = count();
        conversations.expect_heads().returning(move |ids| {
            ask();
            Ok(ids.iter().map(|id| (*id, head)).collect())
        });
        let ask = count();
        conversations.expect_memberships().returning(move |_| {
            ask();
            Ok((0..CONVERSATIONS).map(in_group).collect())
        });
        let ask = count();
        conversations.expect_find().returning(move |ids| {
            ask();
            let group = |id: &ConversationId| Conversation {
                id: *id,
                ..conversation(Kind::Group)
            };
            Ok(ids.iter().map(group).collect())
        });
        let ask = count();
        conversations.expect_member_counts().returning(move |ids| {
            ask();
            Ok(ids.iter().map(|id| (*id, 2)).collect())
        });
        let mut messages = MockMessageRepository::new();
        let ask = count();
        messages.expect_find().returning(move |_| {
            ask();
            Ok(Vec::new())
        });
        let ask = count();
        messages.expect_count_unread().returning(move |spans| {
            ask();
            Ok(vec![0; spans.len()])
        });
        let (ask, looked_into) = (count(), Arc::clone(looked_into));
        messages.expect_changes().returning(move |id, _, after, _| {
            ask();
            looked_into.lock().unwrap().push(id);
            assert_eq!(after, Rev(8));
            Ok(vec![message(ANA, 9)])
        });
        (conversations, messages)
    }

    #[tokio::test]
    async fn conversations_that_did_not_change_cost_no_query() {
        let (asked, looked_into) = (Arc::default(), Arc::default());
        let (conversations, messages) = stores(&asked, &looked_into);
        let stores = Stores {
            conversations: Arc::new(conversations),
            messages: Arc::new(messages),
            users: Arc::new(MockUserRepository::new()),
            shared: true,
            ..fixtures::stores()
        };
        let clock = Arc::new(ManualClock::at(NOW));
        let rosters = Arc::new(Rosters::new(&stores, clock.clone()));
        let runtime = fixtures::runtime(Arc::new(Recorder::default()), clock);
        let receipts = Receipts::start(stores.clone(), runtime, rosters);
        let views = Views::new(stores.clone(), receipts.clone());
        let syncing = Syncing {
            stores: &stores,
            receipts: &receipts,
            views: &views,
            epoch: Epoch::from_bytes([9; 16]),
        };
        let changed = [3, 50, 120, 200, 249].map(id);
        let held = (0..CONVERSATIONS).map(id).map(|id| {
            let rev = if changed.contains(&id) { Rev(8) } else { Rev(9) };
            (id, rev)
        });
        let request = SyncRequest {
            conversations: held.collect(),
            since: Some(NOW.minus(Duration::from_secs(60))),
        };
        let answer = syncing.sync(ANA, request, NOW).await.unwrap();
        assert_eq!(*looked_into.lock().unwrap(), changed);
        assert_eq!((answer.conversations.len(), answer.changes.len()), (5, 5));
        assert_eq!(answer.positions.len(), usize::from(CONVERSATIONS));
        let asked = asked.load(Ordering::SeqCst);
        // Heads, memberships and peers; then, for the changed conversations, five queries for their views and one each
        // for their changes.
        assert!(asked <= 3 + 5 + changed.len(), "{asked} queries");
    }
}
