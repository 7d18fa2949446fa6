use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::domain::conversation::{Conversation, Head, Kind};
use crate::domain::id::Seq;
use crate::domain::member::Member;
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, NOW, Recorder, conversation, message};
use crate::engine::receipts::Receipts;
use crate::engine::rosters::Rosters;
use crate::engine::visibility::VisibilityChecker;
use crate::ports::{
    ManualClock, MockConversationRepository, MockMessageRepository, MockUserRepository, Standing, Standings,
};

const CONVERSATIONS: u8 = 250;

fn id(n: u8) -> ConversationId {
    ConversationId::from_bytes([n; 16])
}

fn in_group(id: ConversationId) -> Member {
    Member::of_pair(id, ANA, NOW.minus(Duration::from_secs(3_600)))
}

/// Mock stores with all groups, each at head 9 and none moved. They count the queries and record the groups whose
/// changes were read.
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
        sent_at: NOW,
    };
    let mut conversations = MockConversationRepository::new();
    let ask = count();
    conversations.expect_standings().returning(move |_, since| {
        ask();
        assert_eq!(since, Since::Mark(Mark(7)));
        let standing = |n| Standing {
            conversation_id: id(n),
            is_in: true,
            moved: None,
        };
        Ok(Standings {
            memberships: (0..CONVERSATIONS).map(standing).collect(),
            mark: Mark(8),
        })
    });
    let ask = count();
    conversations.expect_revs().returning(move |ids| {
        ask();
        Ok(ids.iter().map(|id| (*id, Rev(9))).collect())
    });
    let ask = count();
    conversations.expect_heads().returning(move |ids| {
        ask();
        Ok(ids.iter().map(|id| (*id, head)).collect())
    });
    let ask = count();
    conversations.expect_members().returning(move |keys| {
        ask();
        Ok(keys.iter().map(|(id, _)| in_group(*id)).collect())
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
    let ask = count();
    messages.expect_last_sent().returning(move |_| {
        ask();
        Ok(Vec::new())
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

/// Syncs a client that has all groups, these of them not up to date. Returns the answer, the number of queries, and the
/// groups whose changes were read.
async fn sync(behind: &[ConversationId]) -> (protocol::Sync, usize, Vec<ConversationId>) {
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
    let visibility = VisibilityChecker::new(stores.contacts.clone());
    let views = Views::new(stores.clone(), receipts, visibility);
    let syncing = Syncing {
        stores: &stores,
        views: &views,
        epoch: Epoch::from_bytes([9; 16]),
    };
    let held = (0..CONVERSATIONS).map(id).map(|id| {
        let rev = if behind.contains(&id) { Rev(8) } else { Rev(9) };
        (id, rev)
    });
    let request = SyncRequest {
        conversations: held.collect(),
        since: Some(SyncSince::Mark(Mark(7).into())),
    };
    let answer = syncing.sync(ANA, request, NOW).await.unwrap();
    let looked_into = looked_into.lock().unwrap().clone();
    (answer, asked.load(Ordering::SeqCst), looked_into)
}

#[tokio::test]
async fn a_sync_without_changes_is_two_reads() {
    let (answer, asked, _) = sync(&[]).await;
    assert!(answer.conversations.is_empty() && answer.changes.is_empty() && !answer.more);
    assert_eq!((answer.mark, asked), (Mark(8).into(), 2));
}

#[tokio::test]
async fn conversations_that_did_not_change_cost_no_query() {
    let changed = [3, 50, 120, 200, 249].map(id);
    let (answer, asked, looked_into) = sync(&changed).await;
    assert_eq!(looked_into, changed);
    assert_eq!((answer.conversations.len(), answer.changes.len()), (5, 5));
    assert_eq!(answer.positions.len(), usize::from(CONVERSATIONS));
    // Two for all; two for those that changed, and one each for their changes; six for their views.
    assert!(asked <= 2 + 2 + changed.len() + 6, "{asked} queries");
}

#[test]
fn a_part_begins_with_the_changes_that_have_the_mark_of_the_last_one() {
    let part = |mark| {
        Some(SyncSince::Mark(SyncMark {
            mark: Mark(9),
            listed: Some((Mark(mark), id(1))),
        }))
    };
    assert_eq!(asked(part(5)), Since::Mark(Mark(4)));
    assert_eq!(asked(part(1)), Since::Beginning);
    assert_eq!(asked(part(0)), Since::Beginning);
    assert_eq!(asked(Some(SyncSince::Mark(Mark(5).into()))), Since::Mark(Mark(5)));
    assert_eq!(asked(Some(SyncSince::Mark(Mark::ZERO.into()))), Since::Beginning);
    assert_eq!(asked(None), Since::Beginning);
}
