use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{join_all, pending};

use crate::domain::conversation::Roster;
use crate::domain::id::{MessageId, Rev};
use crate::domain::message::Message;
use crate::domain::role::Role;
use crate::domain::search::{Found, Search};
use crate::domain::window::{Span, Window};
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, CHAT, NOW, Recorder, direct, group, member, user};
use crate::engine::receipts::group_notifier::NOTIFY_INTERVAL;
use crate::engine::receipts::*;
use crate::ports::{
    Change, Connections, ManualClock, MessageRepository, MockConversationRepository, MockMessageRepository,
    MockUserRepository, Outcomes, Range, SenderQuery,
};
use crate::protocol::Event;

const CEM: UserId = UserId::from_bytes([3; 16]);
/// A user without a connection.
const OFFLINE: UserId = UserId::from_bytes([9; 16]);

/// The store's answer to a batch of advances.
type Store = dyn Fn(Vec<Advance>) -> Result<Vec<Option<Advanced>>, RepositoryError> + Send + Sync;

struct Bench {
    receipts: Arc<Receipts>,
    sink: Arc<Recorder>,
    batches: Arc<Mutex<Vec<Vec<Advance>>>>,
    /// Queries for the senders of spans.
    asked_senders: Arc<Mutex<Vec<Vec<SenderQuery>>>>,
}

/// A receipts lane over a conversation with this roster, in which every user but Cem shows receipts, and nobody has
/// sent a message as far as watermarks go.
fn bench(roster: Roster, store: Box<Store>) -> Bench {
    bench_on(MockConversationRepository::new(), nobody_sent(), roster, store)
}

fn bench_on(
    conversations: MockConversationRepository,
    mut messages: MockMessageRepository,
    roster: Roster,
    store: Box<Store>,
) -> Bench {
    let asked_senders = Arc::<Mutex<Vec<_>>>::default();
    messages.expect_senders().returning({
        let asked_senders = asked_senders.clone();
        move |asked: &[SenderQuery]| {
            asked_senders.lock().unwrap().push(asked.to_vec());
            // In every span there are messages of Ana.
            let ana = |query: &SenderQuery| query.among.iter().copied().filter(|user_id| *user_id == ANA).collect();
            Ok(asked.iter().map(ana).collect())
        }
    });
    Bench {
        asked_senders,
        ..bench_with(conversations, Arc::new(messages), roster, store)
    }
}

fn bench_with(
    mut conversations: MockConversationRepository,
    messages: Arc<dyn MessageRepository>,
    roster: Roster,
    store: Box<Store>,
) -> Bench {
    let batches = Arc::<Mutex<Vec<_>>>::default();
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
    let mut users = MockUserRepository::new();
    users
        .expect_find()
        .returning(|ids| Ok(ids.iter().map(|id| user(*id, *id != CEM)).collect()));
    let sink = Arc::new(Recorder::default());
    let clock = Arc::new(ManualClock::at(NOW));
    let stores = Stores {
        conversations: Arc::new(conversations),
        messages,
        users: Arc::new(users),
        ..fixtures::stores()
    };
    let rosters = Rosters::new(&stores, clock.clone());
    let runtime = Runtime {
        connections: Arc::new(AllBut(OFFLINE)),
        ..fixtures::runtime(sink.clone(), clock)
    };
    let receipts = Receipts::start(stores, runtime, Arc::new(rosters));
    Bench {
        receipts,
        sink,
        batches,
        asked_senders: Arc::default(),
    }
}

/// Connections of every user but one.
struct AllBut(UserId);

#[async_trait]
impl Connections for AllBut {
    fn local(&self, user_ids: &[UserId]) -> Vec<UserId> {
        user_ids.iter().copied().filter(|user_id| *user_id != self.0).collect()
    }

    async fn anywhere(&self, user_ids: &[UserId]) -> Vec<UserId> {
        self.local(user_ids)
    }

    async fn findable(&self, _: UserId) {}
}

fn nobody_sent() -> MockMessageRepository {
    sent(&[])
}

/// A store in which these are the newest messages of their senders.
fn sent(last_sent: &[(UserId, u64)]) -> MockMessageRepository {
    let mut messages = MockMessageRepository::new();
    let last_sent: Vec<_> = last_sent
        .iter()
        .map(|(user_id, seq)| ((CHAT, *user_id), Seq(*seq)))
        .collect();
    messages.expect_last_sent().returning(move |of| {
        let asked = last_sent.iter().copied().filter(|(key, _)| of.contains(key));
        Ok(asked.collect())
    });
    messages
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

#[tokio::test]
async fn after_a_failure_callers_are_refused_and_nothing_is_kept() {
    let bench = bench(direct(), fails_at_first(1));
    let refused = bench.receipts.advance(CHAT, ANA, read(2), None);
    let also = bench.receipts.advance(CHAT, BEN, read(7), None);
    for refused in join_all([refused, also]).await {
        assert!(matches!(refused, Err(RepositoryError::Unavailable(_))));
    }
    assert_eq!(bench.seen(BEN), Seq::ZERO, "what was refused is not so");
    assert!(bench.receipts.lock().next.is_empty());
    assert!(bench.receipts.advance(CHAT, BEN, read(7), None).await.is_ok());
}

#[tokio::test]
async fn a_panic_fails_the_waiting_callers_and_the_lane_goes_on() {
    let mut faulty = MockConversationRepository::new();
    faulty
        .expect_advance()
        .times(1)
        .returning(|_| panic!("a fault of the store's code"));
    let bench = bench_on(faulty, nobody_sent(), direct(), takes_all());
    let refused = bench.receipts.advance(CHAT, ANA, read(1), None).await;
    assert!(matches!(refused, Err(RepositoryError::Unavailable(_))));
    assert_eq!(bench.receipts.advance(CHAT, ANA, read(2), None).await.unwrap(), read(2));
}

#[tokio::test]
async fn an_advance_is_visible_from_its_request_on_whatever_the_store_says() {
    let bench = bench(direct(), takes_all());
    let mut advancing = pin!(bench.receipts.advance(CHAT, ANA, read(4), None));
    assert!(advancing.as_mut().now_or_never().is_none());
    assert_eq!(bench.seen(ANA), Seq(4), "before the store has it");
    advancing.await.unwrap();
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
    let mut advancing = pin!(bench.receipts.advance(CHAT, ANA, read(4), None));
    assert!(advancing.as_mut().now_or_never().is_none());
    tokio::join!(bench.receipts.close(), bench.receipts.close());
    assert_eq!(bench.batches.lock().unwrap().len(), 1);
    assert_eq!(advancing.await.unwrap(), read(4));
    let late = bench.receipts.advance(CHAT, ANA, read(5), None).await;
    assert!(matches!(late, Err(RepositoryError::Unavailable(_))));
}

#[tokio::test]
async fn own_messages_are_received_and_read_without_a_write() {
    let messages = sent(&[(ANA, 5)]);
    let bench = bench_on(MockConversationRepository::new(), messages, direct(), takes_all());
    let to = |delivered, read| Watermarks {
        delivered: Seq(delivered),
        read: Seq(read),
    };
    let mut members = [member(ANA, Role::Member, 1), member(BEN, Role::Member, 1)];
    bench.receipts.lift(members.iter_mut().collect()).await.unwrap();
    assert_eq!(members.map(|member| member.watermarks), [read(5), read(0)]);
    assert!(bench.batches.lock().unwrap().is_empty());

    let answer = bench.receipts.advance(CHAT, ANA, read(3), None).await.unwrap();
    assert_eq!(answer, read(5), "the reply has what holds");
    let answer = bench.receipts.advance(CHAT, ANA, to(8, 0), None).await.unwrap();
    assert_eq!(answer, to(8, 5));
    let told = bench.sink.next().await;
    assert_eq!(told.len(), 1, "only the second rose above the own message: {told:?}");
    let Event::ReceiptUpdated { items, .. } = &told[0].2 else {
        panic!("{:?}", told[0])
    };
    let marks = items[0].watermarks;
    assert_eq!((marks.delivered_seq, marks.read_seq), (Seq(8), Seq(5)));
}

#[tokio::test]
async fn members_who_have_read_up_to_the_head_cost_no_query() {
    let bench = bench_on(
        MockConversationRepository::new(),
        MockMessageRepository::new(),
        direct(),
        takes_all(),
    );
    let head = Head {
        seq: Seq(7),
        ..Head::default()
    };
    let mut members = [member(ANA, Role::Member, 1)];
    members[0].watermarks = read(7);
    let heads = HashMap::from([(CHAT, head)]);
    let lifted = bench.receipts.lift_below(&heads, members.iter_mut().collect()).await;
    lifted.expect("the mock refuses every query");
}

#[tokio::test]
async fn the_peer_is_notified_of_rises_if_the_reader_shows_receipts() {
    let bench = bench(direct(), takes_all());
    let phone = ConnectionId::from_bytes([5; 16]);
    bench.receipts.advance(CHAT, BEN, read(1), Some(phone)).await.unwrap();
    let published = bench.sink.next().await;
    assert_eq!(published.len(), 1);
    let (audience, except, event) = &published[0];
    assert_eq!((audience.as_slice(), *except), (&[BEN, ANA][..], Some(phone)));
    let Event::ReceiptUpdated { items, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!((items[0].user_id, items[0].watermarks.read_seq), (BEN, Seq(1)));

    bench.receipts.advance(CHAT, CEM, read(1), None).await.unwrap();
    assert_eq!(
        bench.sink.next().await[0].0,
        [CEM],
        "who hides them hears of them alone"
    );

    bench.receipts.advance(CHAT, BEN, read(0), None).await.unwrap();
    bench.receipts.close().await;
    assert!(bench.sink.take().is_empty(), "nothing rose");
}

#[tokio::test(start_paused = true)]
async fn readers_who_covered_the_same_range_make_one_event_to_the_senders_who_are_members() {
    let others: Vec<_> = (10..60).map(|n| UserId::from_bytes([n; 16])).collect();
    let everyone: Vec<_> = [ANA, CEM, OFFLINE].into_iter().chain(others.iter().copied()).collect();
    let bench = bench(group(&everyone, 1), takes_all());
    let pending_advances = others.iter().chain([&CEM]);
    let pending_advances = pending_advances.map(|reader| bench.receipts.advance(CHAT, *reader, read(9), None));
    join_all(pending_advances).await;
    let mut published = Vec::new();
    while !published
        .iter()
        .any(|(audience, ..): &(Vec<UserId>, _, _)| audience.contains(&ANA))
    {
        published.extend(bench.sink.next().await);
    }
    let to_senders: Vec<_> = published
        .iter()
        .filter(|(audience, ..)| audience.contains(&ANA))
        .collect();
    assert_eq!(to_senders.len(), 1);
    assert_eq!(to_senders[0].0, [ANA]);
    let Event::ReceiptUpdated { items, .. } = &to_senders[0].2 else {
        panic!("{:?}", to_senders[0])
    };
    let mut readers: Vec<_> = items.iter().map(|item| item.user_id).collect();
    readers.sort_unstable();
    assert_eq!(readers, others, "but for the one who hides receipts");
    let asked = bench.asked_senders.lock().unwrap().clone();
    assert_eq!((asked.len(), asked[0].len()), (1, 1), "one query for one span");
    let among: Vec<_> = everyone.iter().copied().filter(|user_id| *user_id != OFFLINE).collect();
    assert_eq!(asked[0][0].among, among, "only members who are connected");

    // Advances within the next second are published at its end, together.
    for seq in 10..13 {
        bench.receipts.advance(CHAT, others[0], read(seq), None).await.unwrap();
    }
    let step = Duration::from_millis(50);
    let mut passed = Duration::ZERO;
    while bench.asked_senders.lock().unwrap().len() < 2 {
        assert!(passed <= NOTIFY_INTERVAL, "it takes longer than that");
        tokio::time::advance(step).await;
        tokio::task::yield_now().await;
        passed += step;
    }
    tokio::task::yield_now().await;
    let published = bench.sink.take();
    let to_senders = published.iter().filter(|(audience, ..)| audience.contains(&ANA));
    assert_eq!(to_senders.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn advances_are_answered_while_the_store_does_not_tell_the_senders() {
    let asked = Arc::new(Notify::new());
    let messages = Arc::new(Silent(asked.clone()));
    let store = MockConversationRepository::new();
    let bench = bench_with(store, messages, group(&[ANA, BEN, CEM], 1), takes_all());
    bench.receipts.advance(CHAT, BEN, read(3), None).await.unwrap();
    asked.notified().await;
    for seq in 4..=9 {
        let answer = bench.receipts.advance(CHAT, BEN, read(seq), None).await.unwrap();
        assert_eq!(answer, read(seq));
    }
    let newest =
        |event: &Event| matches!(event, Event::ReceiptUpdated { items, .. } if items[0].watermarks.read_seq == Seq(9));
    while !bench.sink.next().await.iter().any(|(_, _, event)| newest(event)) {}
    bench.receipts.close().await;
}

/// Messages whose senders the store never tells.
struct Silent(Arc<Notify>);

#[async_trait]
impl MessageRepository for Silent {
    async fn last_sent(&self, _: &[MemberKey]) -> Result<Vec<(MemberKey, Seq)>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn senders(&self, _: &[SenderQuery]) -> Result<Vec<Vec<UserId>>, RepositoryError> {
        self.0.notify_one();
        pending().await
    }

    fn concurrent_commits(&self) -> usize {
        unreachable!("receipts commit nothing")
    }

    fn commit(&self, _: Vec<Change>) -> Outcomes {
        unreachable!("receipts commit nothing")
    }

    async fn find(&self, _: &[(ConversationId, Seq)]) -> Result<Vec<Message>, RepositoryError> {
        unreachable!("receipts read no messages")
    }

    async fn find_by_id(&self, _: ConversationId, _: MessageId) -> Result<Option<Message>, RepositoryError> {
        unreachable!("receipts read no messages")
    }

    async fn history(
        &self,
        _: ConversationId,
        _: &[Window],
        _: Range,
        _: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        unreachable!("receipts read no messages")
    }

    async fn changes(
        &self,
        _: ConversationId,
        _: &[Window],
        _: Rev,
        _: usize,
    ) -> Result<Vec<Message>, RepositoryError> {
        unreachable!("receipts read no messages")
    }

    async fn announcements(&self, _: ConversationId, _: Seq, _: usize) -> Result<Vec<Message>, RepositoryError> {
        unreachable!("receipts read no messages")
    }

    async fn search(&self, _: Search) -> Result<Found, RepositoryError> {
        unreachable!("receipts read no messages")
    }

    async fn count_unread(&self, _: &[Span]) -> Result<Vec<u64>, RepositoryError> {
        unreachable!("receipts read no messages")
    }
}

#[tokio::test]
async fn a_panic_while_receipts_are_published_does_not_end_their_publishing() {
    let (mut messages, asked) = (nobody_sent(), Arc::new(Notify::new()));
    let ask = Arc::clone(&asked);
    messages.expect_senders().times(1).returning(move |_| {
        ask.notify_one();
        panic!("a fault of the store's code")
    });
    let store = MockConversationRepository::new();
    let bench = bench_on(store, messages, group(&[ANA, BEN], 1), takes_all());
    bench.receipts.advance(CHAT, BEN, read(1), None).await.unwrap();
    asked.notified().await;
    bench.receipts.advance(CHAT, BEN, read(2), None).await.unwrap();
    bench.receipts.close().await;
    let told = bench.sink.take();
    assert!(told.iter().any(|(audience, ..)| *audience == [ANA]), "{told:?}");
}
