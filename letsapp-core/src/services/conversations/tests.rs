//! Changes of groups that wait for large ones, in virtual time.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::adapters::memory::MemoryStore;
use crate::domain::credential::PasswordHash;
use crate::domain::id::{Seq, SessionId};
use crate::domain::text::Title;
use crate::domain::user::User;
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, NOW, Recorder};
use crate::ports::{Claim, Repositories as _, Stores, TokioClock};
use crate::services::conversations::*;

/// Number of users of a large group.
const MANY: u8 = 100;

const ANAS: Principal = Principal {
    user_id: ANA,
    session_id: SessionId::from_bytes([9; 16]),
};

struct World {
    engine: Arc<Engine>,
    service: ConversationService,
}

impl World {
    /// Makes a world with users, of whom Ana and Ben are the first.
    async fn new() -> Self {
        let store = MemoryStore::new();
        for n in 1..=MANY {
            let user: User = fixtures::user(UserId::from_bytes([n; 16]), true);
            let password = PasswordHash::from_phc("not used to sign in");
            assert_eq!(store.users().create(user, password).await.unwrap(), Claim::Done);
        }
        let stores = Stores {
            users: store.users(),
            contacts: store.contacts(),
            conversations: store.conversations(),
            messages: store.messages(),
            ..fixtures::stores()
        };
        let clock = Arc::new(TokioClock::at(NOW));
        let engine = Arc::new(fixtures::engine(stores, Arc::new(Recorder::default()), clock));
        Self {
            service: ConversationService::new(engine.clone()),
            engine,
        }
    }

    /// Keeps large changes waiting for as long as they wait for anything.
    async fn occupy(&self) {
        let stuck = pending::<Result<(), ConversationError>>();
        let busy = self.engine.large_changes.pace(usize::from(MANY), stuck);
        assert!(busy.now_or_never().is_none());
        tokio::task::yield_now().await;
    }

    /// Returns the outcome of a request, and how long it took.
    async fn time<T>(&self, request: impl Future<Output = T>) -> (T, Duration) {
        let clock = &self.engine.runtime.clock;
        let began = clock.steady();
        let outcome = request.await;
        (outcome, clock.steady().since(began))
    }

    async fn create(
        &self,
        id: u8,
        member_ids: Vec<UserId>,
    ) -> Result<(protocol::Conversation, Made), ConversationError> {
        let request = CreateConversation::Group {
            id: Some(ConversationId::from_bytes([id; 16])),
            title: Title::parse("A group").unwrap(),
            about: None,
            member_ids,
        };
        self.service.create(&ANAS, request, None).await
    }

    async fn add(&self, id: u8, user_ids: Vec<UserId>) -> Result<Vec<protocol::Member>, ConversationError> {
        let id = ConversationId::from_bytes([id; 16]);
        self.service.add_members(&ANAS, id, AddMembers { user_ids }, None).await
    }
}

fn many() -> Vec<UserId> {
    (1..=MANY).map(|n| UserId::from_bytes([n; 16])).collect()
}

#[tokio::test(start_paused = true)]
async fn only_changes_of_many_members_wait_for_their_turn() {
    const AT_ONCE: Duration = Duration::ZERO;
    const TURN: Duration = Duration::from_secs(1);
    let world = World::new().await;
    world.create(1, many()).await.unwrap();
    world.create(2, vec![BEN]).await.unwrap();
    world.occupy().await;

    let (created, wait) = world.time(world.create(3, vec![BEN])).await;
    assert_eq!((created.unwrap().1, wait), (Made::Now, AT_ONCE), "a small group");
    let mut unknown = many();
    unknown.push(UserId::from_bytes([200; 16]));
    let (refused, wait) = world.time(world.create(4, unknown)).await;
    assert!(matches!(refused, Err(ConversationError::Invalid(_))), "{refused:?}");
    assert_eq!(wait, AT_ONCE, "a refusal");
    let (again, wait) = world.time(world.create(1, many())).await;
    assert_eq!((again.unwrap().1, wait), (Made::Before, AT_ONCE), "a retry");
    let (added, wait) = world.time(world.add(1, many())).await;
    assert_eq!((added.unwrap(), wait), (Vec::new(), AT_ONCE), "members already");
    let (made, wait) = world.time(world.create(4, many())).await;
    assert_eq!((made.unwrap().1, wait), (Made::Now, TURN), "a large group");
    let (added, wait) = world.time(world.add(2, many())).await;
    assert_eq!((added.unwrap().len(), wait), (usize::from(MANY) - 2, TURN));
    let delete = async |id| {
        let id = ConversationId::from_bytes([id; 16]);
        world.service.delete(&ANAS, id, None).await
    };
    let (deleted, wait) = world.time(delete(3)).await;
    assert_eq!((deleted.unwrap(), wait), ((), AT_ONCE), "a small group");
    let (deleted, wait) = world.time(delete(2)).await;
    assert_eq!((deleted.unwrap(), wait), ((), TURN), "a large group");
}

#[tokio::test(start_paused = true)]
async fn a_large_change_is_made_and_lets_the_next_one_go_although_its_caller_gave_up() {
    let world = World::new().await;
    world.create(1, vec![BEN]).await.unwrap();
    let given_up = Duration::from_millis(10);
    world.occupy().await;
    for id in [2, 3] {
        let late = tokio::time::timeout(given_up, world.create(id, many())).await;
        assert!(late.is_err());
    }
    let (added, _) = world.time(world.add(1, many())).await;
    assert_eq!(added.unwrap().len(), usize::from(MANY) - 2);
    for id in [2, 3] {
        let (group, made) = world.create(id, many()).await.unwrap();
        assert_eq!((made, group.head.seq), (Made::Before, Seq(1)));
        assert_eq!(group.member_count, usize::from(MANY));
    }
}
