//! Tests of failures and crashes between any two steps of a cleanup.

mod bench;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, Seq, SessionId};
use crate::domain::member::{Member, MemberChange, Preferences, Watermarks};
use crate::domain::message::{Content, Message, SystemEvent};
use crate::domain::role::Role;
use crate::domain::session::Session;
use crate::domain::window::Window;
use crate::engine::commit::{Command, GroupChange, Submission};
use crate::engine::fixtures::{ANA, BEN, NOW, message};
use crate::engine::jobs::tests::bench::{Bench, CEM, Fault, bench};
use crate::engine::jobs::{cleanup, erasure};
use crate::ports::{Advance, Change, Clock as _, Outcome, Range, Repositories as _};
use crate::protocol::Event;

impl Bench {
    /// Runs the cleanup later without failures, and checks that Ana is erased, with each effect exactly once.
    async fn finish(&self, how: &str) {
        self.gate.open();
        self.clock.advance(Duration::from_secs(31));
        cleanup::round(&self.engine).await.unwrap();
        let now = self.clock.now();
        assert_eq!(self.store.users().erasing(now, 9).await.unwrap(), [], "{how}");
        assert_eq!(self.store.sessions().of_user(ANA).await.unwrap(), [], "{how}");
        let mut members = self.store.conversations().memberships(ANA).await.unwrap();
        members.retain(Member::is_in);
        let ids: Vec<_> = members.iter().map(|member| member.conversation_id).collect();
        assert_eq!(ids, [self.chat], "{how}");
        assert_eq!(members[0].preferences, Preferences::default(), "{how}");
        assert!(members[0].changed_at > NOW, "{how}");
        let (owned, cem) = (
            self.told(self.owned).await,
            SystemEvent::RoleChanged {
                user_id: CEM,
                role: Role::Owner,
            },
        );
        let left = [SystemEvent::MemberLeft { user_id: ANA }];
        assert_eq!(self.told(self.joined).await, left, "{how}");
        assert_eq!(self.told(self.alone).await, left, "{how}");
        let [left] = left;
        assert_eq!(owned, [cem, left], "{how}");
        let roster = self
            .store
            .conversations()
            .rosters(&[self.owned])
            .await
            .unwrap()
            .remove(0);
        let roles: Vec<_> = roster
            .members
            .iter()
            .map(|member| (member.user_id, member.role))
            .collect();
        assert_eq!(roles, [(BEN, Role::Member), (CEM, Role::Owner)], "{how}");
    }

    /// Returns the system messages of a group since it was set up.
    async fn told(&self, id: ConversationId) -> Vec<SystemEvent> {
        let windows = [Window::WHOLE];
        let messages = self.store.messages();
        let history = messages.history(id, &windows, Range::After(Seq(0)), 99).await;
        let set_up = if id == self.owned { 2 } else { 1 };
        let told = history
            .unwrap()
            .into_iter()
            .skip(set_up)
            .map(|message| match message.content {
                Content::System(event) => event,
                Content::Text(_) => panic!("nobody says anything here"),
            });
        told.collect()
    }
}

/// Polls a future this many times, then drops it.
async fn stopped<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn after_a_failure_of_any_call_every_step_is_done_in_the_end_and_once() {
    for fault in [Fault::Refused, Fault::Unheard] {
        let mut calls = 0;
        loop {
            let bench = bench(calls, fault).await;
            let outcome = erasure::carry_out(&bench.engine, ANA).await;
            bench.finish(&format!("{fault:?} after {calls} calls")).await;
            if outcome.is_ok() {
                break;
            }
            calls += 1;
        }
        assert!(calls > 10, "it takes more than {calls} calls of the store");
    }
}

#[tokio::test]
async fn after_a_stop_at_any_point_every_step_is_done_in_the_end_and_once() {
    let mut polls = 0;
    loop {
        let bench = bench(usize::MAX, Fault::Refused).await;
        let done = stopped(polls, erasure::carry_out(&bench.engine, ANA)).await;
        bench.finish(&format!("stopped after {polls} polls")).await;
        if let Some(outcome) = done {
            outcome.unwrap();
            break;
        }
        polls += 1;
    }
    assert!(polls > 1);
}

#[tokio::test]
async fn peers_are_shown_the_erased_user_once() {
    let bench = bench(usize::MAX, Fault::Refused).await;
    let shown = |bench: &Bench| {
        let told = bench.sink.take().into_iter();
        let shown = told.filter_map(|(to, _, event)| match event {
            Event::ConversationUpdated(view) if view.kind == Kind::Direct => Some((to, view)),
            _ => None,
        });
        shown.collect::<Vec<_>>()
    };
    erasure::carry_out(&bench.engine, ANA).await.unwrap();
    let told = shown(&bench);
    assert_eq!(told.len(), 1);
    let (to, view) = &told[0];
    let peer = view.peer.as_ref().unwrap();
    assert_eq!((to.as_slice(), view.id), (&[BEN][..], bench.chat));
    assert_eq!((peer.id, peer.deleted, &peer.username), (ANA, true, &None));
    bench.clock.advance(Duration::from_secs(31));
    cleanup::round(&bench.engine).await.unwrap();
    assert_eq!(shown(&bench), []);
}

#[tokio::test]
async fn preferences_are_cleared_although_a_receipt_was_under_way() {
    let bench = bench(usize::MAX, Fault::Refused).await;
    let late = Advance {
        conversation_id: bench.chat,
        user_id: ANA,
        to: Watermarks::read(Seq(1)),
        at: bench.clock.now(),
    };
    bench.store.conversations().advance(vec![late]).await.unwrap();
    erasure::carry_out(&bench.engine, ANA).await.unwrap();
    bench.finish("a receipt was under way").await;
}

#[tokio::test]
async fn a_group_that_the_account_was_just_added_to_is_left_too() {
    let bench = bench(usize::MAX, Fault::Refused).await;
    erasure::carry_out(&bench.engine, ANA).await.unwrap();
    // Another server had read the account before it was erased.
    let roster = bench.store.conversations().rosters(&[bench.joined]).await.unwrap();
    let added = SystemEvent::MembersAdded { user_ids: vec![ANA] };
    let late = Change::UpdateGroup {
        conversation: None,
        members: vec![MemberChange::Joined(ANA, Role::Member)],
        preceding: Vec::new(),
        message: Arc::new(Message {
            conversation_id: bench.joined,
            content: Content::System(added.clone()),
            ..message(BEN, 99)
        }),
        fence: roster[0].fence,
    };
    let outcome = bench
        .store
        .messages()
        .commit(vec![late])
        .in_order(1)
        .await
        .remove(0)
        .unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");

    cleanup::round(&bench.engine).await.unwrap();
    let erasing = bench.store.users().erasing(bench.clock.now(), 9).await;
    assert_eq!(erasing.unwrap(), [ANA], "it is too early to be sure");
    bench.clock.advance(Duration::from_secs(31));
    cleanup::round(&bench.engine).await.unwrap();
    assert_eq!(bench.store.users().erasing(bench.clock.now(), 9).await.unwrap(), []);
    let left = SystemEvent::MemberLeft { user_id: ANA };
    assert_eq!(bench.told(bench.joined).await, [left.clone(), added, left]);
}

#[tokio::test]
async fn nothing_of_a_deleted_group_is_removed_while_a_server_may_cache_it() {
    let bench = bench(usize::MAX, Fault::Refused).await;
    let submission = Submission {
        conversation_id: bench.joined,
        actor: BEN,
        origin: None,
        at: bench.clock.now(),
        operation: [7; 16],
        command: Command::UpdateGroup(GroupChange::Delete),
    };
    bench.engine.committer.submit(submission).await.unwrap();
    let left = async || {
        let windows = [Window::WHOLE];
        let messages = bench.store.messages();
        let history = messages.history(bench.joined, &windows, Range::Newest, 9).await;
        history.unwrap().len()
    };
    bench.clock.advance(Duration::from_secs(300));
    cleanup::round(&bench.engine).await.unwrap();
    assert_eq!(left().await, 2);
    bench.clock.advance(Duration::from_millis(1));
    for calls in 0.. {
        bench.gate.left.store(calls, Ordering::SeqCst);
        if cleanup::round(&bench.engine).await.is_ok() {
            break;
        }
    }
    bench.gate.open();
    assert_eq!(left().await, 1);
    let now = bench.clock.now();
    assert_eq!(bench.store.conversations().deleted(now, 9).await.unwrap(), []);
}

#[tokio::test]
async fn expired_sessions_are_removed_an_hour_after_their_end() {
    let bench = bench(usize::MAX, Fault::Refused).await;
    let session = bench.store.sessions().of_user(ANA).await.unwrap().remove(0);
    // Somebody who never comes back: no sign-in of theirs would clear it up.
    for n in 0..1_200_u16 {
        let mut id = [9; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        let other = Session {
            id: SessionId::from_bytes(id),
            user_id: BEN,
            ..session.clone()
        };
        bench.store.sessions().create(other).await.unwrap();
    }
    let left = async || bench.store.sessions().of_user(BEN).await.unwrap().len();
    let end = session.expires_at.since(bench.clock.now());
    bench.clock.advance(end + Duration::from_secs(3_600));
    cleanup::round(&bench.engine).await.unwrap();
    assert_eq!(left().await, 1_200);
    bench.clock.advance(Duration::from_millis(1));
    cleanup::round(&bench.engine).await.unwrap();
    assert_eq!(left().await, 0);
}
