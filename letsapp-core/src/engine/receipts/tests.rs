use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use crate::domain::conversation::Roster;
use crate::domain::id::Seq;
use crate::domain::role::Role;
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, CHAT, NOW, Recorder, direct, group, member, user};
use crate::engine::receipts::*;
use crate::ports::{Advanced, ManualClock, MockConversationRepository, MockMessageRepository, MockUserRepository};
use crate::protocol::Event;

const CEM: UserId = UserId::from_bytes([3; 16]);

/// The store's answer to a batch of advances.
type Store = dyn Fn(Vec<Advance>) -> Result<Vec<Option<Advanced>>, RepositoryError> + Send + Sync;

struct Bench {
    receipts: Arc<Receipts>,
    bus: Arc<Recorder>,
    batches: Arc<Mutex<Vec<Vec<Advance>>>>,
    /// Number of queries for the senders of a range.
    asked_senders: Arc<AtomicUsize>,
}

/// A receipts lane over a conversation with this roster, in which every user but Cem shows receipts.
fn bench(roster: Roster, store: Box<Store>) -> Bench {
    bench_on(MockConversationRepository::new(), roster, store)
}

fn bench_on(mut conversations: MockConversationRepository, roster: Roster, store: Box<Store>) -> Bench {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let asked_senders = Arc::new(AtomicUsize::new(0));
    conversations
        .expect_rosters()
        .returning(move |_| Ok(vec![roster.clone()]));
    conversations.expect_advance().returning({
        let batches = batches.clone();
        move |batch| {
            batches.lock().unwrap().push(batch.clone());
            store(batch)
        }
    });
    let mut messages = MockMessageRepository::new();
    messages.expect_senders().returning({
        let asked_senders = asked_senders.clone();
        move |_| {
            asked_senders.fetch_add(1, Ordering::SeqCst);
            // Ana is still a member; the other sender is not.
            Ok(vec![ANA, UserId::from_bytes([77; 16])])
        }
    });
    let mut users = MockUserRepository::new();
    users
        .expect_find()
        .returning(|ids| Ok(ids.iter().map(|id| user(*id, *id != CEM)).collect()));
    let bus = Arc::new(Recorder::default());
    let clock = Arc::new(ManualClock::at(NOW));
    let stores = Stores {
        conversations: Arc::new(conversations),
        messages: Arc::new(messages),
        users: Arc::new(users),
        ..fixtures::stores()
    };
    let rosters = Rosters::new(&stores, clock.clone());
    let receipts = Receipts::start(stores, fixtures::runtime(bus.clone(), clock), Arc::new(rosters));
    Bench {
        receipts,
        bus,
        batches,
        asked_senders,
    }
}

/// A store that accepts every advance, from watermarks of zero.
fn takes_all() -> Box<Store> {
    Box::new(|batch| Ok(batch.iter().map(|advance| Some(risen(advance.to))).collect()))
}

fn risen(to: Watermarks) -> Advanced {
    Advanced {
        from: Watermarks::default(),
        to,
    }
}

/// A store whose first `failures` batches fail.
fn fails_at_first(failures: usize) -> Box<Store> {
    let batches = AtomicUsize::new(0);
    Box::new(move |batch| {
        if batches.fetch_add(1, Ordering::SeqCst) < failures {
            Err(RepositoryError::unavailable("out for lunch"))
        } else {
            Ok(batch.iter().map(|advance| Some(risen(advance.to))).collect())
        }
    })
}

fn read(seq: u64) -> Watermarks {
    Watermarks::read(Seq(seq))
}

impl Bench {
    /// Returns how far a user has read according to the overlay, when the stored record says nothing was read.
    fn seen(&self, user_id: UserId) -> Seq {
        let mut members = [member(user_id, Role::Member, 1)];
        self.receipts.overlay(&mut members);
        members[0].watermarks.read
    }
}

#[tokio::test]
async fn advances_requested_while_the_store_is_busy_make_one_batch() {
    let bench = bench(direct(), takes_all());
    let pending_advances = (1..=5).map(|seq| bench.receipts.advance(CHAT, ANA, read(seq), None));
    let answers = join_all(pending_advances).await;
    for (n, answer) in (1..).zip(answers) {
        assert_eq!(answer.unwrap(), read(5), "the {n}th hears of the highest");
    }
    let batches = bench.batches.lock().unwrap();
    assert_eq!(batches.len(), 1);
    assert_eq!((batches[0].len(), batches[0][0].to), (1, read(5)));
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_only_senders_own_advances_are_stored_again() {
    let bench = bench(direct(), fails_at_first(2));
    bench.receipts.sent(CHAT, ANA, Seq(3));
    let refused = bench.receipts.advance(CHAT, ANA, read(2), None);
    let also = bench.receipts.advance(CHAT, BEN, read(7), None);
    for refused in join_all([refused, also]).await {
        assert!(matches!(refused, Err(RepositoryError::Unavailable(_))));
    }
    assert_eq!(bench.seen(ANA), Seq(3), "who sends has read");
    assert_eq!(bench.seen(BEN), Seq::ZERO, "what was refused is not so");
    while bench.batches.lock().unwrap().len() < 3 {
        tokio::time::advance(NOTIFY_INTERVAL).await;
        tokio::task::yield_now().await;
    }
    let batches = bench.batches.lock().unwrap().clone();
    for retry in &batches[1..3] {
        let retried: Vec<_> = retry.iter().map(|advance| (advance.user_id, advance.to)).collect();
        assert_eq!(retried, [(ANA, read(3))]);
    }
    assert!(bench.receipts.advance(CHAT, BEN, read(7), None).await.is_ok());
    assert!(bench.receipts.lock().next.is_empty());
}

#[tokio::test]
async fn a_panic_fails_the_waiting_callers_and_the_lane_goes_on() {
    let mut faulty = MockConversationRepository::new();
    faulty
        .expect_advance()
        .times(1)
        .returning(|_| panic!("a fault of the store's code"));
    let bench = bench_on(faulty, direct(), takes_all());
    let refused = bench.receipts.advance(CHAT, ANA, read(1), None).await;
    assert!(matches!(refused, Err(RepositoryError::Unavailable(_))));
    assert_eq!(bench.receipts.advance(CHAT, ANA, read(2), None).await.unwrap(), read(2));
}

#[tokio::test]
async fn an_advance_is_visible_from_its_request_on_whatever_the_store_says() {
    let bench = bench(direct(), takes_all());
    bench.receipts.sent(CHAT, ANA, Seq(4));
    assert_eq!(bench.seen(ANA), Seq(4), "before the store has it");
    bench.receipts.advance(CHAT, BEN, read(1), None).await.unwrap();
    assert_eq!(
        bench.seen(ANA),
        Seq(4),
        "after, when somebody has read the store before"
    );
    let mut newer = [member(ANA, Role::Member, 1)];
    newer[0].watermarks = read(9);
    let before = newer[0].clone();
    bench.receipts.overlay(&mut newer);
    assert_eq!(newer[0], before, "what has risen further is not touched");
}

#[tokio::test]
async fn closing_stores_accepted_advances_and_accepts_no_more() {
    let bench = bench(direct(), takes_all());
    bench.receipts.sent(CHAT, ANA, Seq(4));
    tokio::join!(bench.receipts.close(), bench.receipts.close());
    assert_eq!(bench.batches.lock().unwrap().len(), 1);
    let late = bench.receipts.advance(CHAT, ANA, read(5), None).await;
    assert!(matches!(late, Err(RepositoryError::Unavailable(_))));
}

#[tokio::test]
async fn the_peer_is_notified_of_rises_if_the_reader_shows_receipts() {
    let bench = bench(direct(), takes_all());
    let phone = ConnectionId::from_bytes([5; 16]);
    bench.receipts.advance(CHAT, BEN, read(1), Some(phone)).await.unwrap();
    let published = bench.bus.next().await;
    assert_eq!(published.len(), 1);
    let (audience, except, event) = &published[0];
    assert_eq!((audience.as_slice(), *except), (&[BEN, ANA][..], Some(phone)));
    let Event::ReceiptUpdated { items, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!((items[0].user_id, items[0].watermarks.read_seq), (BEN, Seq(1)));

    bench.receipts.advance(CHAT, CEM, read(1), None).await.unwrap();
    assert_eq!(bench.bus.next().await[0].0, [CEM], "who hides them hears of them alone");

    bench.receipts.sent(CHAT, ANA, Seq(4));
    bench.receipts.advance(CHAT, BEN, read(0), None).await.unwrap();
    tokio::task::yield_now().await;
    assert!(
        bench.bus.take().is_empty(),
        "a message tells of its sender; nothing rose"
    );
}

#[tokio::test(start_paused = true)]
async fn readers_who_covered_the_same_range_make_one_event_to_the_senders_who_are_members() {
    let others: Vec<_> = (10..60).map(|n| UserId::from_bytes([n; 16])).collect();
    let everyone: Vec<_> = [ANA, CEM].into_iter().chain(others.iter().copied()).collect();
    let bench = bench(group(&everyone, 1), takes_all());
    let pending_advances = others.iter().chain([&CEM]);
    let pending_advances = pending_advances.map(|reader| bench.receipts.advance(CHAT, *reader, read(9), None));
    join_all(pending_advances).await;
    let mut published = Vec::new();
    while !published
        .iter()
        .any(|(audience, ..): &(Vec<UserId>, _, _)| audience.contains(&ANA))
    {
        published.extend(bench.bus.next().await);
    }
    let to_senders: Vec<_> = published
        .iter()
        .filter(|(audience, ..)| audience.contains(&ANA))
        .collect();
    assert_eq!(to_senders.len(), 1);
    assert_eq!(to_senders[0].0, [ANA], "who has left hears nothing");
    let Event::ReceiptUpdated { items, .. } = &to_senders[0].2 else {
        panic!("{:?}", to_senders[0])
    };
    let mut readers: Vec<_> = items.iter().map(|item| item.user_id).collect();
    readers.sort_unstable();
    assert_eq!(readers, others, "but for the one who hides receipts");
    assert_eq!(bench.asked_senders.load(Ordering::SeqCst), 1);

    // Advances within the next second are published at its end, together.
    for seq in 10..13 {
        bench.receipts.advance(CHAT, others[0], read(seq), None).await.unwrap();
    }
    let step = Duration::from_millis(50);
    let mut passed = Duration::ZERO;
    while bench.asked_senders.load(Ordering::SeqCst) < 2 {
        assert!(passed <= NOTIFY_INTERVAL, "it takes longer than that");
        tokio::time::advance(step).await;
        tokio::task::yield_now().await;
        passed += step;
    }
    tokio::task::yield_now().await;
    let published = bench.bus.take();
    let to_senders = published.iter().filter(|(audience, ..)| audience.contains(&ANA));
    assert_eq!(to_senders.count(), 1);
}
