use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use crate::domain::conversation::{Conversation, Head, Kind, Roster};
use crate::domain::emoji::Emoji;
use crate::domain::id::{Rev, Seq, UserId};
use crate::domain::member::Member;
use crate::domain::message::{Content, Message, Position};
use crate::domain::role::Role;
use crate::engine::Engine;
use crate::engine::commit::queues::MAX_BATCH_SUBMISSIONS;
use crate::engine::commit::*;
use crate::engine::error::Forbidden;
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, CHAT, NOW, Recorder, direct, group, message, message_id};
use crate::ports::Stores;
use crate::ports::{
    Change, ManualClock, MockConversationRepository, MockMessageRepository, Outcome, Outcomes, TermsChange,
};
use crate::protocol::Event;

const CEM: UserId = UserId::from_bytes([3; 16]);
const ELSEWHERE: ConversationId = ConversationId::from_bytes([7; 16]);

type Settlements = Vec<Result<Outcome, RepositoryError>>;

/// A commit path over a mock store, with records of its commits and events.
struct Bench {
    engine: Engine,
    sink: Arc<Recorder>,
    batches: Arc<Mutex<Vec<Vec<Change>>>>,
    rosters_read: Arc<AtomicUsize>,
    memberships_read: Arc<AtomicUsize>,
}

/// Starts a commit path over a store whose rosters are `roster(n)` at the `n`th reading and which answers the `n`th
/// batch, counted from 0, by `commit`. What it tells of members and heads is what the next reading of the roster would.
fn bench(
    roster: impl Fn(usize) -> Roster + Send + Sync + 'static,
    commit: impl Fn(usize, &[Change]) -> Settlements + Send + Sync + 'static,
) -> Bench {
    bench_on(MockMessageRepository::new(), roster, commit)
}

/// Returns `first` at the first reading of a roster and `then` at all later ones.
fn once(first: Roster, then: Roster) -> impl Fn(usize) -> Roster + Send + Sync + 'static {
    move |n| if n == 0 { first.clone() } else { then.clone() }
}

fn bench_on(
    mut messages: MockMessageRepository,
    roster: impl Fn(usize) -> Roster + Send + Sync + 'static,
    commit: impl Fn(usize, &[Change]) -> Settlements + Send + Sync + 'static,
) -> Bench {
    let sink = Arc::new(Recorder::default());
    let batches = Arc::new(Mutex::new(Vec::new()));
    let rosters_read = Arc::new(AtomicUsize::new(0));
    let memberships_read = Arc::new(AtomicUsize::new(0));
    let roster = Arc::new(roster);
    let clock = Arc::new(ManualClock::at(NOW));
    messages.expect_concurrent_commits().return_const(1usize);
    messages
        .expect_find()
        .returning(|at| Ok(at.iter().map(|(_, seq)| message(ANA, seq.0)).collect()));
    messages.expect_commit().returning({
        let (batches, sink) = (batches.clone(), sink.clone());
        move |changes| {
            let mut batches = batches.lock().unwrap();
            if batches.is_empty() {
                assert!(sink.take().is_empty(), "nothing is told before it is committed");
            }
            batches.push(changes.clone());
            Outcomes::ready(commit(batches.len() - 1, &changes))
        }
    });
    messages.expect_find_by_id().returning(|_, _| Ok(None));
    let mut conversations = MockConversationRepository::new();
    conversations.expect_members().returning({
        let (rosters_read, memberships_read) = (rosters_read.clone(), memberships_read.clone());
        let roster = roster.clone();
        move |of| {
            memberships_read.fetch_add(1, Ordering::SeqCst);
            let now = rosters_read.load(Ordering::SeqCst);
            let record = |(_, user_id): &(ConversationId, UserId)| {
                let is_in = roster(now).member(*user_id).cloned();
                is_in.or_else(|| (0..now).find_map(|n| roster(n).member(*user_id).map(former)))
            };
            Ok(of.iter().filter_map(record).collect())
        }
    });
    conversations.expect_heads().returning({
        let (rosters_read, roster) = (rosters_read.clone(), roster.clone());
        move |ids| {
            let head = Head {
                fence: roster(rosters_read.load(Ordering::SeqCst)).fence,
                ..Head::default()
            };
            Ok(ids.iter().map(|id| (*id, head)).collect())
        }
    });
    conversations
        .expect_advance()
        .returning(|advances| Ok(vec![None; advances.len()]));
    conversations.expect_rosters().returning({
        let rosters_read = rosters_read.clone();
        move |_| Ok(vec![roster(rosters_read.fetch_add(1, Ordering::SeqCst))])
    });
    conversations
        .expect_find()
        .returning(|_| Err(RepositoryError::unavailable("no views today")));
    let stores = Stores {
        conversations: Arc::new(conversations),
        messages: Arc::new(messages),
        shared: true,
        ..fixtures::stores()
    };
    Bench {
        engine: fixtures::engine(stores, sink.clone(), clock),
        sink,
        batches,
        rosters_read,
        memberships_read,
    }
}

/// Returns the record of a member who has left.
fn former(member: &Member) -> Member {
    let mut member = member.clone();
    member.windows[0].to = Some(Seq(9));
    member
}

impl Bench {
    fn submit(
        &self,
        actor: UserId,
        command: Command,
    ) -> impl Future<Output = Result<CommitReply, ConversationError>> + use<> {
        self.engine.committer.submit(Submission {
            conversation_id: CHAT,
            actor,
            origin: None,
            at: NOW,
            operation: [0; 16],
            command,
        })
    }

    fn send(&self, n: u64) -> impl Future<Output = Result<CommitReply, ConversationError>> + use<> {
        self.submit(ANA, send(n))
    }

    /// Returns the ids of the messages of a batch, in order.
    fn batch(&self, place: usize) -> Vec<u64> {
        let batches = self.batches.lock().unwrap();
        let id = |change: &Change| u64::from(change.message().id.as_bytes()[15]);
        batches[place].iter().map(id).collect()
    }
}

fn send(n: u64) -> Command {
    let message = Message {
        id: message_id(n),
        ..message(ANA, 0)
    };
    Command::Send(Arc::new(message), Vec::new())
}

/// Commits a batch, its first message at this `seq`.
fn committed(changes: &[Change], from: u64) -> Settlements {
    let position = |n| Position {
        seq: Seq(n),
        rev: Rev(n),
        ordinal: n,
        sent_at: NOW,
    };
    let numbers = from..;
    changes
        .iter()
        .zip(numbers)
        .map(|(_, n)| Ok(Outcome::Committed(position(n))))
        .collect()
}

fn unavailable(changes: &[Change]) -> Settlements {
    let fail = |_| Err(RepositoryError::unavailable("out for lunch"));
    changes.iter().map(fail).collect()
}

fn outdated(changes: &[Change]) -> Settlements {
    changes.iter().map(|_| Ok(Outcome::Outdated)).collect()
}

fn is_unavailable(outcome: &Result<CommitReply, ConversationError>) -> bool {
    matches!(outcome, Err(ConversationError::Store(RepositoryError::Unavailable(_))))
}

fn seq(outcome: &Result<CommitReply, ConversationError>) -> u64 {
    match outcome {
        Ok(CommitReply::Sent(event)) => event.sent_message().expect("it tells of a message").seq.0,
        Ok(CommitReply::Changed(message)) => message.seq.0,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn waiting_submissions_make_one_commit_and_are_published_in_order_of_rev() {
    let bench = bench(|_| direct(), |_, changes| committed(changes, 2));
    let done = join_all((1..=3).map(|n| bench.send(n))).await;
    assert_eq!(done.iter().map(seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(bench.batches.lock().unwrap().len(), 1);
    let mut told = Vec::new();
    while told.len() < 3 {
        told.extend(bench.sink.next().await);
    }
    let revs: Vec<_> = told
        .iter()
        .map(|(audience, _, event)| match event {
            Event::MessageCreated(message) if audience == &[ANA, BEN] => message.rev.0,
            other => panic!("{other:?} to {audience:?}"),
        })
        .collect();
    assert_eq!(revs, [2, 3, 4]);
}

#[tokio::test]
async fn a_first_message_whose_conversation_can_not_be_shown_has_its_recipient_sync_first() {
    let bench = bench(|_| direct(), |_, changes| committed(changes, 1));
    let done = join_all((1..=2).map(|n| bench.send(n))).await;
    assert_eq!(done.iter().map(seq).collect::<Vec<_>>(), [1, 2]);
    let mut told = Vec::new();
    while told.len() < 3 {
        told.extend(bench.sink.next().await);
    }
    let told: Vec<_> = told
        .into_iter()
        .map(|(audience, _, event)| match event {
            Event::Resync {} => (audience, 0),
            Event::MessageCreated(message) => (audience, message.seq.0),
            other => panic!("{other:?}"),
        })
        .collect();
    // Ana began the conversation, and Ben learns of it by her first message. The second one stays behind the first.
    assert_eq!(told, [(vec![BEN], 0), (vec![ANA, BEN], 1), (vec![ANA, BEN], 2)]);
}

#[tokio::test]
async fn an_unavailable_store_fails_the_waiting_submissions_and_the_lane_goes_on() {
    let bench = bench(
        |_| direct(),
        |n, changes| {
            if n == 0 {
                unavailable(changes)
            } else {
                committed(changes, 1)
            }
        },
    );
    let refused = join_all((1..=2).map(|n| bench.send(n))).await;
    assert!(refused.iter().all(is_unavailable), "{refused:?}");
    assert!(bench.sink.take().is_empty());
    assert_eq!(seq(&bench.send(3).await), 1);
    assert_eq!(bench.rosters_read.load(Ordering::SeqCst), 2, "who knows what it was");
}

#[tokio::test]
async fn a_panic_fails_the_waiting_submissions_and_the_lane_goes_on() {
    let mut faulty = MockMessageRepository::new();
    faulty
        .expect_commit()
        .times(1)
        .returning(|_| panic!("a fault of the store's code"));
    let bench = bench_on(faulty, |_| direct(), |_, changes| committed(changes, 1));
    let refused = join_all((1..=2).map(|n| bench.send(n))).await;
    assert!(refused.iter().all(is_unavailable), "{refused:?}");
    assert_eq!(seq(&bench.send(3).await), 1);
    assert_eq!(bench.rosters_read.load(Ordering::SeqCst), 2, "all was read anew");
}

#[tokio::test]
async fn outdated_changes_are_decided_again_from_a_new_roster_in_the_same_order() {
    let bench = bench(
        |n| group(&[ANA, BEN], n as u64 + 1),
        |n, changes| {
            if n < 2 {
                outdated(changes)
            } else {
                committed(changes, 5)
            }
        },
    );
    let done = join_all((1..=4).map(|n| bench.send(n))).await;
    assert_eq!(done.iter().map(seq).collect::<Vec<_>>(), [5, 6, 7, 8]);
    for place in 0..3 {
        assert_eq!(bench.batch(place), [1, 2, 3, 4]);
    }
    let batches = bench.batches.lock().unwrap();
    let fences: Vec<_> = batches
        .iter()
        .map(|batch| match &batch[0] {
            Change::Append { fence, .. } => fence.0,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(fences, [1, 2, 3], "each time under the fence of what was read");
}

#[tokio::test]
async fn no_message_follows_its_senders_removal_by_another_server() {
    let bench = bench(once(group(&[BEN, ANA], 1), group(&[BEN], 7)), |_, changes| {
        outdated(changes)
    });
    let refused = bench.send(1).await;
    assert!(matches!(
        refused,
        Err(ConversationError::Forbidden(Forbidden::NotAMember))
    ));
    assert_eq!(bench.batches.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_member_added_by_another_server_is_not_refused() {
    let bench = bench(once(group(&[BEN], 1), group(&[BEN, ANA], 7)), |_, changes| {
        committed(changes, 8)
    });
    assert_eq!(
        seq(&bench.submit(BEN, send(1)).await),
        8,
        "the roster is remembered from here on"
    );
    assert_eq!(seq(&bench.send(2).await), 8);
    assert_eq!(bench.rosters_read.load(Ordering::SeqCst), 2);
    let memberships_read = bench.memberships_read.load(Ordering::SeqCst);
    let refused = bench.submit(CEM, send(3)).await;
    assert!(matches!(refused, Err(ConversationError::NotFound)));
    assert_eq!(
        bench.memberships_read.load(Ordering::SeqCst),
        memberships_read + 1,
        "a refusal costs one membership read"
    );
    assert_eq!(
        bench.rosters_read.load(Ordering::SeqCst),
        2,
        "and no reading of rosters"
    );
}

#[tokio::test]
async fn a_submission_that_waits_for_a_newer_roster_is_not_overtaken() {
    let bench = bench(once(group(&[ANA], 1), group(&[ANA, BEN], 7)), |_, changes| {
        committed(changes, 8)
    });
    bench.send(1).await.unwrap();
    let naming_ben = match send(2) {
        Command::Send(message, files) => {
            let message = Message {
                mentions: vec![BEN],
                ..Arc::unwrap_or_clone(message)
            };
            Command::Send(Arc::new(message), files)
        }
        _ => unreachable!("it is one"),
    };
    let first = bench.submit(ANA, naming_ben);
    let rest = (3..=4).map(|n| bench.send(n));
    let (first, rest) = tokio::join!(first, join_all(rest));
    assert_eq!((seq(&first), seq(&rest[0]), seq(&rest[1])), (8, 9, 10));
    assert_eq!(bench.batch(1), [2, 3, 4]);
}

#[tokio::test]
async fn a_change_that_is_always_outdated_is_given_up() {
    let bench = bench(|n| group(&[ANA, BEN], n as u64 + 1), |_, changes| outdated(changes));
    assert!(is_unavailable(&bench.send(1).await));
    assert_eq!(bench.batches.lock().unwrap().len(), 32);
}

#[tokio::test]
async fn any_number_of_changes_of_one_group_can_wait() {
    let bench = bench(
        |n| group(&[ANA, BEN], n as u64 + 1),
        |n, changes| committed(changes, n as u64 + 2),
    );
    let titles = (0..100).map(|n| {
        let title = crate::domain::text::Title::parse(format!("Title {n}")).unwrap();
        bench.submit(ANA, Command::UpdateGroup(GroupChange::title(title)))
    });
    for (place, done) in join_all(titles).await.iter().enumerate() {
        assert_eq!(seq(done), place as u64 + 2);
    }
    assert_eq!(bench.batches.lock().unwrap().len(), 100);
}

#[tokio::test]
async fn a_change_that_cannot_be_published_makes_members_resync() {
    let bench = bench(once(group(&[ANA, BEN], 1), group(&[ANA, BEN, CEM], 2)), |_, changes| {
        committed(changes, 2)
    });
    let done = bench
        .submit(ANA, Command::UpdateGroup(GroupChange::AddMembers(vec![CEM])))
        .await;
    assert_eq!(seq(&done), 2);
    let told = bench.sink.next().await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].0.as_slice(), &told[0].2),
        (&[ANA, BEN, CEM][..], &Event::Resync {})
    );
}

#[tokio::test]
async fn nothing_is_refused_because_of_a_change_that_is_not_committed() {
    let bench = bench(
        |_| direct(),
        |n, changes| {
            if n == 0 {
                unavailable(changes)
            } else {
                committed(changes, 9)
            }
        },
    );
    let emoji = Emoji::parse("👍").unwrap();
    let deleted = bench.submit(ANA, Command::Delete { seq: Seq(5) });
    let reacted = bench.submit(BEN, Command::React { seq: Seq(5), emoji });
    let (deleted, reacted) = tokio::join!(deleted, reacted);
    assert!(is_unavailable(&deleted));
    match reacted.unwrap() {
        CommitReply::Changed(message) => assert_eq!((message.reactions.len(), message.deleted_at), (1, None)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn submissions_for_one_message_are_merged_into_one_change() {
    let bench = bench(|_| direct(), |_, changes| committed(changes, 9));
    let seq = Seq(5);
    let edit = Command::Edit {
        seq,
        body: "new".to_owned(),
        mentions: Vec::new(),
        files: None,
    };
    let react = |text| Command::React {
        seq,
        emoji: Emoji::parse(text).unwrap(),
    };
    let submissions = [
        bench.submit(ANA, edit),
        bench.submit(BEN, react("👍")),
        bench.submit(BEN, react("👍")),
        bench.submit(ANA, react("🎉")),
    ];
    let done = join_all(submissions).await;
    let batches = bench.batches.lock().unwrap();
    assert_eq!((batches.len(), batches[0].len()), (1, 1));
    match &batches[0][0] {
        Change::Revise {
            message, terms: kept, ..
        } => {
            assert_eq!(
                (message.body(), message.reactions.len(), message.rev),
                ("new", 2, Rev(5))
            );
            assert_eq!(*kept, TermsChange::Replace, "reactions leave the edit's terms alone");
        }
        other => panic!("{other:?}"),
    }
    for done in done {
        match done.unwrap() {
            CommitReply::Changed(message) => assert_eq!((message.rev, message.reactions.len()), (Rev(9), 2)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_retry_is_answered_with_the_first_message_and_another_request_with_its_id_is_a_conflict() {
    let bench = bench(
        |_| direct(),
        |_, changes| {
            let duplicate = |change: &Change| {
                let first = Message {
                    id: change.message().id,
                    content: Content::Text("edited since".to_owned()),
                    ..message(ANA, 4)
                };
                Ok(Outcome::Duplicate(Box::new(first)))
            };
            changes.iter().map(duplicate).collect()
        },
    );
    let (mine, theirs) = tokio::join!(bench.send(1), bench.submit(BEN, by_ben(2)));
    let published = bench.sink.next().await;
    assert!(
        matches!(&published[..], [(_, _, Event::MessageCreated(message))] if message.body == "edited since"),
        "nobody here was notified before: {published:?}"
    );
    assert!(matches!(mine, Ok(CommitReply::Unchanged(message)) if message.body() == "edited since"));
    assert!(matches!(theirs, Err(ConversationError::Conflict)));
    assert!(matches!(bench.send(1).await, Ok(CommitReply::Unchanged(_))));
    tokio::task::yield_now().await;
    assert!(bench.sink.take().is_empty());
}

fn by_ben(n: u64) -> Command {
    let message = Message {
        id: message_id(n),
        ..message(BEN, 0)
    };
    Command::Send(Arc::new(message), Vec::new())
}

#[tokio::test]
async fn members_receive_the_succession_and_then_the_owners_leaving() {
    let bench = bench(
        |n| match n {
            0 => group(&[ANA, BEN], 1),
            _ => group(&[BEN], 3),
        },
        |_, changes| committed(changes, 3),
    );
    let left = bench
        .submit(ANA, Command::UpdateGroup(GroupChange::RemoveMember(ANA)))
        .await;
    assert_eq!(seq(&left), 3);
    assert_eq!(bench.batches.lock().unwrap().len(), 1);
    bench.engine.committer.close().await;
    let told = bench.sink.take().into_iter().filter_map(|(ids, _, event)| match event {
        Event::MessageCreated(message) => Some((ids, message.seq.0, message.rev.0)),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told, [(vec![ANA, BEN], 2, 2), (vec![ANA, BEN], 3, 3)]);
}

#[tokio::test]
async fn closing_carries_out_accepted_submissions_and_accepts_no_more() {
    let bench = bench(|_| direct(), |_, changes| committed(changes, 1));
    let taken: Vec<_> = (1..=3).map(|n| bench.send(n)).collect();
    tokio::join!(bench.engine.committer.close(), bench.engine.committer.close());
    assert_eq!(bench.batch(0), [1, 2, 3], "before either of those who close goes on");
    for taken in join_all(taken).await {
        assert!(taken.is_ok());
    }
    assert!(is_unavailable(&bench.send(4).await));
}

#[tokio::test]
async fn a_full_queue_refuses_submissions_at_once() {
    let bench = bench(
        |_| direct(),
        |n, changes| committed(changes, (n * MAX_BATCH_SUBMISSIONS) as u64 + 1),
    );
    let mut accepted = Vec::new();
    let refused = loop {
        let mut sent = Box::pin(bench.send(accepted.len() as u64));
        match (&mut sent).now_or_never() {
            Some(refused) => break refused,
            None => accepted.push(sent),
        }
    };
    assert!(is_unavailable(&refused));
    assert!(accepted.len() > 1_000, "{}", accepted.len());
    for (n, done) in (1..).zip(join_all(accepted).await) {
        assert_eq!(seq(&done), n);
    }
}

#[tokio::test]
async fn roles_are_read_again_before_a_refusal() {
    let bench = bench(
        |n| {
            let mut roster = group(&[ANA, BEN], n as u64 + 1);
            if n > 0 {
                roster.members[1].role = Role::Admin;
            }
            roster
        },
        |_, changes| committed(changes, 2),
    );
    bench.send(1).await.unwrap();
    let title = crate::domain::text::Title::parse("Ben's").unwrap();
    let by_ben = bench.submit(BEN, Command::UpdateGroup(GroupChange::title(title))).await;
    assert!(by_ben.is_ok(), "another server made Ben an admin: {by_ben:?}");
}

/// Sends a message in another direct conversation of the same users.
fn send_elsewhere(bench: &Bench, n: u64) -> impl Future<Output = Result<CommitReply, ConversationError>> + use<> {
    let message = Message {
        conversation_id: ELSEWHERE,
        id: message_id(n),
        ..message(ANA, 0)
    };
    bench.engine.committer.submit(Submission {
        conversation_id: ELSEWHERE,
        actor: ANA,
        origin: None,
        at: NOW,
        operation: [0; 16],
        command: Command::Send(Arc::new(message), Vec::new()),
    })
}

/// The rosters of both conversations.
fn in_both(roster: impl Fn() -> Roster + Send + Sync + 'static) -> MockConversationRepository {
    let mut conversations = MockConversationRepository::new();
    let of = move |id: &ConversationId| {
        let mut roster = roster();
        roster.conversation.id = *id;
        roster
    };
    let of = Arc::new(of);
    conversations.expect_rosters().returning({
        let of = of.clone();
        move |ids| Ok(ids.iter().map(|id| of(id)).collect())
    });
    conversations.expect_members().returning(move |asked| {
        let record = |(id, user_id): &(ConversationId, UserId)| {
            let member = of(id).member(*user_id).cloned()?;
            Some(Member {
                conversation_id: *id,
                ..member
            })
        };
        Ok(asked.iter().filter_map(record).collect())
    });
    conversations
}

/// Commits each change at seq 1, but for those of the first conversation, which are stuck for ever.
fn stuck(changes: &[Change]) -> Outcomes {
    let position = Position {
        seq: Seq(1),
        rev: Rev(1),
        ordinal: 1,
        sent_at: NOW,
    };
    let settled: Vec<_> = changes
        .iter()
        .enumerate()
        .filter(|(_, change)| change.message().conversation_id != CHAT)
        .map(|(index, _)| (index, Ok(Outcome::Committed(position))))
        .collect();
    if settled.len() == changes.len() {
        Outcomes::new(stream::iter(settled))
    } else {
        Outcomes::new(stream::iter(settled).chain(stream::pending()))
    }
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "tokio's time is virtual here")]
async fn a_conversation_that_is_stuck_delays_no_other() {
    let mut messages = MockMessageRepository::new();
    messages.expect_concurrent_commits().return_const(1_usize);
    messages.expect_commit().returning(|changes| stuck(&changes));
    let stores = Stores {
        conversations: Arc::new(in_both(direct)),
        messages: Arc::new(messages),
        ..fixtures::stores()
    };
    let (sink, clock) = (Arc::new(Recorder::default()), Arc::new(ManualClock::at(NOW)));
    let bench = Bench {
        engine: fixtures::engine(stores, sink.clone(), clock),
        sink,
        batches: Arc::default(),
        rosters_read: Arc::default(),
        memberships_read: Arc::default(),
    };
    let begin = tokio::time::Instant::now();
    let stuck = bench.send(1);
    assert_eq!(seq(&send_elsewhere(&bench, 2).await), 1, "in the same batch");
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(seq(&send_elsewhere(&bench, 3).await), 1, "in the next one");
    assert_eq!(begin.elapsed(), SLOW_TURN, "the store serves one commit at a time");
    assert_eq!(seq(&send_elsewhere(&bench, 4).await), 1, "and from then on");
    assert_eq!(begin.elapsed(), SLOW_TURN);
    assert!(stuck.now_or_never().is_none());
}

#[tokio::test]
async fn a_change_that_is_slow_to_publish_delays_no_other_conversation() {
    let mut messages = MockMessageRepository::new();
    messages.expect_concurrent_commits().return_const(1_usize);
    messages
        .expect_commit()
        .returning(|changes| Outcomes::ready(committed(&changes, 2)));
    let mut conversations = in_both(|| group(&[ANA, BEN], 1));
    conversations
        .expect_find()
        .returning(|_| Err(RepositoryError::unavailable("no views today")));
    let stores = Stores {
        conversations: Arc::new(conversations),
        messages: Arc::new(messages),
        ..fixtures::stores()
    };
    let (sink, clock) = (Arc::new(Recorder::default()), Arc::new(ManualClock::at(NOW)));
    let engine = fixtures::engine(stores, sink, clock);
    let permits = engine.committer.context.publisher.hold_reads().await;
    let submit = |id, command| {
        engine.committer.submit(Submission {
            conversation_id: id,
            actor: ANA,
            origin: None,
            at: NOW,
            operation: [0; 16],
            command,
        })
    };
    let title = crate::domain::text::Title::parse("Slow").unwrap();
    let renamed = submit(CHAT, Command::UpdateGroup(GroupChange::title(title))).await;
    assert_eq!(seq(&renamed), 2, "the caller does not wait either");
    let behind = submit(CHAT, send(1));
    let bench_message = Message {
        conversation_id: ELSEWHERE,
        ..message(ANA, 0)
    };
    let elsewhere = submit(ELSEWHERE, Command::Send(Arc::new(bench_message), Vec::new())).await;
    assert_eq!(seq(&elsewhere), 2);
    let mut behind = Box::pin(behind);
    assert!(
        (&mut behind).now_or_never().is_none(),
        "its own events keep their order"
    );
    drop(permits);
    assert_eq!(seq(&behind.await), 2);
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "tokio's time is virtual here")]
async fn a_change_with_an_unknown_outcome_is_published_once_the_store_knows_it() {
    let mut messages = MockMessageRepository::new();
    messages.expect_concurrent_commits().return_const(1_usize);
    messages
        .expect_commit()
        .returning(|changes| Outcomes::ready(unavailable(&changes)));
    let lookups = Arc::new(AtomicUsize::new(0));
    messages.expect_find_by_id().returning({
        let lookups = lookups.clone();
        move |_, id| match lookups.fetch_add(1, Ordering::SeqCst) {
            0 => Err(RepositoryError::unavailable("still out for lunch")),
            _ => Ok(Some(Message { id, ..message(ANA, 7) })),
        }
    });
    let stores = Stores {
        conversations: Arc::new(in_both(direct)),
        messages: Arc::new(messages),
        ..fixtures::stores()
    };
    let (sink, clock) = (Arc::new(Recorder::default()), Arc::new(ManualClock::at(NOW)));
    let engine = fixtures::engine(stores, sink.clone(), clock);
    let refused = engine.committer.submit(Submission {
        conversation_id: CHAT,
        actor: ANA,
        origin: None,
        at: NOW,
        operation: [0; 16],
        command: send(1),
    });
    assert!(is_unavailable(&refused.await));
    tokio::time::sleep(3 * LOOKUP_INTERVAL).await;
    let published = sink.take();
    assert!(
        matches!(&published[..], [(_, _, Event::MessageCreated(message))] if message.seq == Seq(7)),
        "{published:?}"
    );
    tokio::time::sleep(10 * LOOKUP_INTERVAL).await;
    assert!(sink.take().is_empty(), "at most once");
    assert_eq!(lookups.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_barrier_is_answered_after_everything_before_it() {
    let bench = bench(|_| direct(), |_, changes| committed(changes, 1));
    let sent = bench.send(1);
    let barrier = bench.submit(CEM, Command::Barrier);
    assert!(matches!(barrier.await, Ok(CommitReply::Nothing)));
    assert_eq!(sent.now_or_never().map(|sent| seq(&sent)), Some(1));
    assert!(matches!(
        bench.submit(CEM, Command::Barrier).await,
        Ok(CommitReply::Nothing)
    ));
}

#[tokio::test]
async fn a_caller_who_goes_on_at_once_is_in_the_next_batch() {
    let (open, gate) = tokio::sync::oneshot::channel();
    let gate = Mutex::new(Some(gate));
    let mut messages = MockMessageRepository::new();
    messages.expect_commit().times(1).returning(move |changes| {
        let gate = gate.lock().unwrap().take().unwrap();
        Outcomes::together(async move {
            gate.await.unwrap();
            committed(&changes, 11)
        })
    });
    let bench = bench_on(messages, |_| direct(), |_, changes| committed(changes, 12));
    let goes_on = async {
        assert_eq!(seq(&bench.send(1).await), 11);
        assert_eq!(bench.sink.take().len(), 1);
        bench.send(2).await
    };
    let behind = async {
        // Until the first is on its way.
        tokio::task::yield_now().await;
        let sent = bench.send(3);
        open.send(()).unwrap();
        sent.await
    };
    let (goes_on, behind) = tokio::join!(goes_on, behind);
    assert_eq!((seq(&behind), seq(&goes_on)), (12, 13));
    assert_eq!(bench.batch(0), [3, 2], "not a batch for each");
}

/// Makes a change of title and description, which adds a message about each.
fn renamed_and_described() -> Command {
    Command::UpdateGroup(GroupChange::Describe(Description {
        title: Some(crate::domain::text::Title::parse("Renamed").unwrap()),
        about: Some(crate::domain::user::About::parse("Described").unwrap()),
        ..Description::default()
    }))
}

/// Returns the places of the published messages.
fn places(published: &[(Vec<UserId>, Option<crate::domain::id::ConnectionId>, Event)]) -> Vec<(Seq, Rev)> {
    let messages = published.iter().filter_map(|(_, _, event)| match event {
        Event::MessageCreated(message) => Some((message.seq, message.rev)),
        _ => None,
    });
    messages.collect()
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "tokio's time is virtual here")]
async fn all_messages_of_a_change_with_an_unknown_outcome_are_published() {
    let mut messages = MockMessageRepository::new();
    messages.expect_concurrent_commits().return_const(1_usize);
    messages
        .expect_commit()
        .returning(|changes| Outcomes::ready(unavailable(&changes)));
    messages
        .expect_find_by_id()
        .returning(|_, id| Ok(Some(Message { id, ..message(ANA, 7) })));
    let mut conversations = in_both(|| group(&[ANA, BEN], 1));
    conversations
        .expect_find()
        .returning(|_| Err(RepositoryError::unavailable("no views today")));
    let stores = Stores {
        conversations: Arc::new(conversations),
        messages: Arc::new(messages),
        ..fixtures::stores()
    };
    let (sink, clock) = (Arc::new(Recorder::default()), Arc::new(ManualClock::at(NOW)));
    let engine = fixtures::engine(stores, sink.clone(), clock);
    let refused = engine.committer.submit(Submission {
        conversation_id: CHAT,
        actor: ANA,
        origin: None,
        at: NOW,
        operation: [0; 16],
        command: renamed_and_described(),
    });
    assert!(is_unavailable(&refused.await));
    tokio::time::sleep(3 * LOOKUP_INTERVAL).await;
    assert_eq!(places(&sink.take()), [(Seq(6), Rev(6)), (Seq(7), Rev(7))]);
}

#[tokio::test]
async fn all_messages_of_a_change_that_was_made_before_are_published() {
    let bench = bench(
        |_| group(&[ANA, BEN], 1),
        |_, changes| {
            let existing = |change: &Change| Message::clone(change.message()).at(message(ANA, 7).position());
            let duplicate = |change| Ok(Outcome::Duplicate(Box::new(existing(change))));
            changes.iter().map(duplicate).collect()
        },
    );
    let reply = bench.submit(ANA, renamed_and_described()).await;
    assert!(matches!(reply, Ok(CommitReply::Unchanged(message)) if message.seq == Seq(7)));
    bench.engine.committer.close().await;
    assert_eq!(places(&bench.sink.take()), [(Seq(6), Rev(6)), (Seq(7), Rev(7))]);
}

#[tokio::test]
async fn a_group_that_was_created_before_is_published_with_the_time_of_its_creation() {
    let earlier = NOW.minus(Duration::from_secs(60));
    let bench = bench(
        // Nobody is in it any more to whom it would be shown.
        |_| group(&[CEM], 1),
        move |_, _| {
            let stored = Conversation {
                created_at: earlier,
                ..fixtures::conversation(Kind::Group)
            };
            vec![Ok(Outcome::Exists(Box::new(stored)))]
        },
    );
    let create = Command::Create {
        conversation: Box::new(fixtures::conversation(Kind::Group)),
        user_ids: vec![ANA, BEN],
    };
    assert!(matches!(bench.submit(ANA, create).await, Ok(CommitReply::Exists(_))));
    bench.engine.committer.close().await;
    let published = bench.sink.take();
    let [(_, _, Event::MessageCreated(first))] = &published[..] else {
        panic!("{published:?}");
    };
    assert_eq!((first.seq, first.sent_at), (Seq(1), earlier));
}

#[tokio::test]
async fn a_roster_is_dated_as_the_store_has_dated_the_change() {
    let later = NOW.plus(Duration::from_secs(60));
    let bench = bench(
        |_| group(&[ANA, BEN], 1),
        move |_, _| {
            let position = Position {
                sent_at: later,
                ..message(ANA, 2).position()
            };
            vec![Ok(Outcome::Committed(position))]
        },
    );
    let promoted = Command::UpdateGroup(GroupChange::ChangeRole(BEN, Role::Admin));
    assert_eq!(seq(&bench.submit(ANA, promoted).await), 2);
    let known = bench.engine.rosters.known(CHAT).unwrap();
    assert_eq!(known.member(BEN).unwrap().changed_at, later);
}

#[tokio::test(start_paused = true)]
async fn publishing_what_was_unknown_delays_no_other_conversation() {
    let mut messages = MockMessageRepository::new();
    messages.expect_concurrent_commits().return_const(1_usize);
    let calls = AtomicUsize::new(0);
    messages
        .expect_commit()
        .returning(move |changes| match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Outcomes::ready(unavailable(&changes)),
            _ => Outcomes::ready(committed(&changes, 8)),
        });
    messages
        .expect_find_by_id()
        .returning(|_, id| Ok(Some(Message { id, ..message(ANA, 7) })));
    let stores = Stores {
        conversations: Arc::new(in_both(|| group(&[ANA, BEN], 1))),
        messages: Arc::new(messages),
        ..fixtures::stores()
    };
    let (sink, clock) = (Arc::new(Recorder::default()), Arc::new(ManualClock::at(NOW)));
    let engine = fixtures::engine(stores, sink.clone(), clock);
    let submit = |id, command| {
        engine.committer.submit(Submission {
            conversation_id: id,
            actor: ANA,
            origin: None,
            at: NOW,
            operation: [0; 16],
            command,
        })
    };
    let promoted = Command::UpdateGroup(GroupChange::ChangeRole(BEN, Role::Admin));
    assert!(is_unavailable(&submit(CHAT, promoted).await));
    let permits = engine.committer.context.publisher.hold_reads().await;
    let behind = submit(CHAT, send(1));
    let elsewhere = Message {
        conversation_id: ELSEWHERE,
        ..message(ANA, 0)
    };
    let elsewhere = submit(ELSEWHERE, Command::Send(Arc::new(elsewhere), Vec::new()));
    let (behind, elsewhere) = tokio::time::timeout(SLOW_TURN, async { tokio::join!(behind, elsewhere) })
        .await
        .expect("neither waits for the events of the unknown change");
    assert_eq!((seq(&behind), seq(&elsewhere)), (8, 9));
    let told = |published: &[_]| -> Vec<_> { places(published).into_iter().map(|(seq, _)| seq.0).collect() };
    assert_eq!(told(&sink.take()), [9], "events keep the order of their conversation");
    drop(permits);
    engine.committer.close().await;
    assert_eq!(told(&sink.take()), [7, 8]);
}
