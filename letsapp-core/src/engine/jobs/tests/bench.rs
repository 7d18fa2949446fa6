//! A store that fails on demand, and an erased account to clean up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;

use crate::adapters::memory::MemoryStore;
use crate::app::LetsApp;
use crate::domain::credential::PasswordHash;
use crate::domain::id::{ConversationId, SessionId, UserId};
use crate::domain::key::Kid;
use crate::domain::member::PreferencesPatch;
use crate::domain::principal::Principal;
use crate::domain::role::Role;
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::text::Title;
use crate::engine::fixtures::{ANA, BEN, NOW, Recorder, user};
use crate::engine::{Engine, fixtures};
use crate::ports::{
    Clock, ManualClock, MockConversationRepository, MockMessageRepository, MockSessionRepository, MockUserRepository,
    Outcomes, Repositories, RepositoryError, Stores,
};
use crate::protocol::requests::{CreateConversation, SendMessage};

pub(super) const CEM: UserId = UserId::from_bytes([3; 16]);
const SESSION: SessionId = SessionId::from_bytes([8; 16]);

/// Lets a number of calls of the store through and fails all later ones.
pub(super) struct Gate {
    pub(super) left: AtomicUsize,
    fault: Fault,
}

/// The effect of a call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call had no effect.
    Refused,
    /// The call took effect, but its reply was lost.
    Unheard,
}

impl Gate {
    fn call<T>(&self, step: impl Future<Output = Result<T, RepositoryError>>) -> Result<T, RepositoryError> {
        let passes = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok();
        if passes {
            return at_once(step);
        }
        if self.fault == Fault::Unheard {
            drop(at_once(step));
        }
        Err(RepositoryError::unavailable("out for lunch"))
    }

    pub(super) fn open(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
    }
}

/// Runs a call of the in-memory store, which never waits.
fn at_once<F: Future>(step: F) -> F::Output {
    step.now_or_never().expect("nothing in memory takes time")
}

pub(super) struct Bench {
    pub(super) store: MemoryStore,
    pub(super) gate: Arc<Gate>,
    pub(super) engine: Engine,
    pub(super) sink: Arc<Recorder>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) owned: ConversationId,
    pub(super) joined: ConversationId,
    pub(super) alone: ConversationId,
    pub(super) chat: ConversationId,
}

/// Sets up Ana's account, marked as erased, with groups, a direct conversation and a session.
pub(super) async fn bench(calls: usize, fault: Fault) -> Bench {
    let store = MemoryStore::new();
    let clock = Arc::new(ManualClock::at(NOW));
    let app = LetsApp::builder().store(store.another()).clock(clock.clone());
    let app = app.build().await.unwrap();
    let hash = PasswordHash::from_phc("a hash");
    for id in [ANA, BEN, CEM] {
        store.users().create(user(id, true), hash.clone()).await.unwrap();
    }
    store.sessions().create(session()).await.unwrap();
    let principal = |user_id| Principal {
        user_id,
        session_id: SESSION,
    };
    let group = async |owner, others: &[UserId]| {
        let request = CreateConversation::Group {
            id: None,
            title: Title::parse("A group").unwrap(),
            about: None,
            member_ids: others.to_vec(),
        };
        app.conversations()
            .create(&principal(owner), request, None)
            .await
            .unwrap()
            .0
            .id
    };
    let (owned, joined, alone) = (
        group(ANA, &[BEN, CEM]).await,
        group(BEN, &[ANA]).await,
        group(ANA, &[]).await,
    );
    let ana = principal(ANA);
    let promote = app.conversations().change_role(&ana, owned, CEM, Role::Admin, None);
    promote.await.unwrap();
    let request = CreateConversation::Direct { user_id: BEN };
    let (made, _) = app.conversations().create(&ana, request, None).await.unwrap();
    // Somebody has written in it, or else the peer would not know of it.
    let hello = SendMessage::text("hello").unwrap();
    let said = app.messages().send(&principal(BEN), made.id, hello, None);
    said.await.unwrap();
    let pinned = PreferencesPatch {
        pinned: Some(true),
        ..PreferencesPatch::default()
    };
    let update = app.conversations().update_mine(&ana, made.id, pinned, None);
    update.await.unwrap();
    app.shutdown().await;
    clock.advance(Duration::from_secs(1));
    assert!(store.users().erase(ANA, &hash, clock.now()).await.unwrap());
    clock.advance(Duration::from_millis(1));

    let gate = Arc::new(Gate {
        left: AtomicUsize::new(calls),
        fault,
    });
    let (engine, sink) = engine(&store, &gate, &clock);
    Bench {
        store,
        gate,
        engine,
        sink,
        clock,
        owned,
        joined,
        alone,
        chat: made.id,
    }
}

fn session() -> Session {
    let generation = Generation {
        number: 1,
        hash: TokenHash([1; 32]),
        kid: Kid("a".to_owned()),
        issued_at: NOW,
        used_at: None,
    };
    Session {
        id: SESSION,
        user_id: ANA,
        device_name: None,
        created_at: NOW,
        last_used_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(86_400)),
        refresh: generation,
        previous: None,
    }
}

fn engine(store: &MemoryStore, gate: &Arc<Gate>, clock: &Arc<ManualClock>) -> (Engine, Arc<Recorder>) {
    let sink = Arc::new(Recorder::default());
    let stores = Stores {
        users: Arc::new(users(store, gate)),
        sessions: Arc::new(sessions(store, gate)),
        contacts: store.contacts(),
        conversations: Arc::new(conversations(store, gate)),
        messages: Arc::new(messages(store, gate)),
        media: store.media(),
        shared: false,
    };
    (fixtures::engine(stores, sink.clone(), clock.clone()), sink)
}

/// Answers a method of a mock from the store behind the gate.
macro_rules! behind {
    ($gate:expr, $inner:expr, $mock:ident . $expect:ident, |$($argument:ident),*| { $method:ident }) => {
        behind!($gate, $inner, $mock . $expect, |$($argument),*| $method)
    };
    ($gate:expr, $inner:expr, $mock:ident . $expect:ident, |$($argument:ident),*| $method:ident) => {{
        let (gate, inner) = (Arc::clone($gate), Arc::clone($inner));
        $mock.$expect().returning(move |$($argument),*| gate.call(inner.$method($($argument),*)));
    }};
}

fn users(store: &MemoryStore, gate: &Arc<Gate>) -> MockUserRepository {
    let (mut mock, inner) = (MockUserRepository::new(), &store.users());
    behind!(gate, inner, mock.expect_find, |ids| find);
    behind!(gate, inner, mock.expect_erasing, |before, limit| erasing);
    behind!(gate, inner, mock.expect_finish_erasing, |id| finish_erasing);
    mock
}

fn sessions(store: &MemoryStore, gate: &Arc<Gate>) -> MockSessionRepository {
    let (mut mock, inner) = (MockSessionRepository::new(), &store.sessions());
    behind!(gate, inner, mock.expect_revoke, |user_id, which| revoke);
    behind!(gate, inner, mock.expect_remove_expired, |before, limit| remove_expired);
    mock
}

fn conversations(store: &MemoryStore, gate: &Arc<Gate>) -> MockConversationRepository {
    let (mut mock, inner) = (MockConversationRepository::new(), &store.conversations());
    behind!(gate, inner, mock.expect_memberships, |user_id| memberships);
    behind!(gate, inner, mock.expect_find, |ids| find);
    behind!(gate, inner, mock.expect_members, |of| members);
    behind!(gate, inner, mock.expect_rosters, |ids| rosters);
    behind!(gate, inner, mock.expect_heads, |ids| heads);
    behind!(gate, inner, mock.expect_member_counts, |ids| member_counts);
    behind!(gate, inner, mock.expect_update_preferences, |id, user_id, patch, at| {
        update_preferences
    });
    behind!(gate, inner, mock.expect_advance, |advances| advance);
    behind!(gate, inner, mock.expect_deleted, |before, limit| deleted);
    behind!(gate, inner, mock.expect_purge, |id, limit| purge);
    mock
}

fn messages(store: &MemoryStore, gate: &Arc<Gate>) -> MockMessageRepository {
    let (mut mock, inner) = (MockMessageRepository::new(), &store.messages());
    mock.expect_concurrent_commits().return_const(1usize);
    behind!(gate, inner, mock.expect_find, |at| find);
    behind!(gate, inner, mock.expect_count_unread, |spans| count_unread);
    behind!(gate, inner, mock.expect_find_by_id, |id, message_id| find_by_id);
    behind!(gate, inner, mock.expect_last_sent, |of| last_sent);
    let (gate, inner) = (Arc::clone(gate), Arc::clone(inner));
    mock.expect_commit().returning(move |changes| {
        let count = changes.len();
        let committed = gate.call(async { Ok(inner.commit(changes)) });
        committed.unwrap_or_else(|_| {
            let lost = |_| Err(RepositoryError::unavailable("out for lunch"));
            Outcomes::ready((0..count).map(lost).collect())
        })
    });
    mock
}
