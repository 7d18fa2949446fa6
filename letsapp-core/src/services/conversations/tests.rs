//! Changes of groups that wait for large ones, in virtual time; events of requests that are cancelled; former members.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::adapters::memory::MemoryStore;
use crate::domain::conversation::{Conversation, Kind};
use crate::domain::credential::PasswordHash;
use crate::domain::id::{Seq, SessionId};
use crate::domain::page::Limit;
use crate::domain::text::Title;
use crate::domain::user::User;
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, NOW, Recorder};
use crate::ports::{Claim, MockConversationRepository, MockMessageRepository, Repositories as _, Stores, TokioClock};
use crate::services::conversations::*;

/// Number of users of a large group.
const MANY: u8 = 100;

const ANAS: Principal = Principal {
    user_id: ANA,
    session_id: SessionId::from_bytes([9; 16]),
};

struct World {
    engine: Arc<Engine>,
    sink: Arc<Recorder>,
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
        let sink = Arc::new(Recorder::default());
        let engine = Arc::new(fixtures::engine(stores, sink.clone(), clock));
        Self {
            sink,
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

/// Returns whether an event reaches Ana although its request is cancelled as soon as it has begun.
async fn is_told(world: &World, request: impl Future, wanted: impl Fn(&Event) -> bool) -> bool {
    // What was done before is published.
    world.engine.committer.submit(barrier()).await.unwrap();
    world.sink.take();
    assert!(request.now_or_never().is_none(), "it is cancelled");
    let next = tokio::time::timeout(Duration::from_secs(60), world.sink.next()).await;
    next.is_ok_and(|events| events.iter().any(|(to, _, event)| to[..] == [ANA] && wanted(event)))
}

fn barrier() -> Submission {
    Submission {
        conversation_id: ConversationId::from_bytes([1; 16]),
        actor: ANA,
        origin: None,
        at: NOW,
        operation: [0; 16],
        command: Command::Barrier,
    }
}

#[tokio::test(start_paused = true)]
async fn changes_of_ones_own_are_told_although_their_requests_are_cancelled() {
    let world = World::new().await;
    let id = world.create(1, vec![BEN]).await.unwrap().0.id;
    let patch = PreferencesPatch {
        archived: Some(true),
        ..PreferencesPatch::default()
    };
    let archive = world.service.update_mine(&ANAS, id, patch, None);
    let archived = |event: &Event| matches!(event, Event::ConversationUpdated(view) if view.me.archived);
    assert!(is_told(&world, archive, archived).await);

    world.service.remove_member(&ANAS, id, ANA, None).await.unwrap();
    let unlist = world.service.unlist(&ANAS, id, None);
    let removed = |event: &Event| matches!(event, Event::ConversationRemoved { .. });
    assert!(is_told(&world, unlist, removed).await);
}

/// Returns the record of a member who has left a group, as it was stored before there were departures.
fn left(n: u8) -> Member {
    let mut member = fixtures::member(ANA, Role::Member, 1);
    member.conversation_id = ConversationId::from_bytes([n; 16]);
    member.windows[0].to = Some(Seq(3));
    member.changed_at = NOW.plus(Duration::from_secs(n.into()));
    member
}

#[tokio::test]
async fn a_page_of_the_list_completes_only_the_former_memberships_on_it() {
    let mut conversations = MockConversationRepository::new();
    conversations
        .expect_memberships()
        .returning(|_| Ok((1..=MANY).map(left).collect()));
    conversations.expect_activity().returning(|_| Ok(Vec::new()));
    conversations.expect_heads().returning(|_| Ok(Vec::new()));
    conversations.expect_member_counts().returning(|_| Ok(Vec::new()));
    conversations.expect_find().returning(|ids| {
        let group = |id: &ConversationId| Conversation {
            id: *id,
            ..fixtures::conversation(Kind::Group)
        };
        Ok(ids.iter().map(group).collect())
    });
    conversations
        .expect_put_departure()
        .times(2)
        .returning(|_, _, _| Ok(()));
    let mut messages = MockMessageRepository::new();
    messages.expect_concurrent_commits().return_const(1_usize);
    messages
        .expect_count_unread()
        .returning(|spans| Ok(vec![0; spans.len()]));
    messages.expect_find().returning(|_| Ok(Vec::new()));
    messages.expect_last_sent().returning(|_| Ok(Vec::new()));
    messages.expect_announcements().times(2).returning(|id, _, _| {
        let left = Content::System(SystemEvent::MemberLeft { user_id: ANA });
        Ok(vec![Message {
            conversation_id: id,
            content: left,
            ..fixtures::message(ANA, 3)
        }])
    });
    let stores = Stores {
        conversations: Arc::new(conversations),
        messages: Arc::new(messages),
        ..fixtures::stores()
    };
    let clock = Arc::new(TokioClock::at(NOW));
    let engine = fixtures::engine(stores, Arc::new(Recorder::default()), clock);
    let service = ConversationService::new(Arc::new(engine));
    let page = service.list(&ANAS, None, Limit::new(2).unwrap()).await.unwrap();
    let shown: Vec<_> = page.items.iter().map(|view| view.id.as_bytes()[0]).collect();
    assert_eq!(shown, [MANY, MANY - 1], "the last change first");
}
