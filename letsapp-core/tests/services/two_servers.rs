//! Two servers on one store, without a connection between them: each learns of the other's changes from the store.

use std::sync::Arc;

use letsapp_core::LetsApp;
use letsapp_core::adapters::memory::MemoryStore;
use letsapp_core::domain::id::{ConversationId, Seq, UserId};
use letsapp_core::domain::member::Watermarks;
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::{Clock as _, Login, ManualClock, Repositories as _};
use letsapp_core::protocol::requests::{AddMembers, CreateConversation, SendMessage, UpdateConversation};
use letsapp_core::protocol::{Message, ReceiptStatus};
use letsapp_core::services::{AuthError, ConversationError, Forbidden, Made};

use crate::world::{World, limit, message_id};

struct Servers {
    here: LetsApp,
    there: LetsApp,
    clock: Arc<ManualClock>,
}

impl Servers {
    async fn start() -> Self {
        let (World { app, clock }, there) = World::with_another_server().await;
        Self {
            here: app,
            there,
            clock,
        }
    }

    async fn person(&self, name: &str) -> Principal {
        self.here.sign_up(name, "a long password").await.unwrap()
    }
}

async fn group(app: &LetsApp, owner: &Principal, member_ids: &[UserId]) -> ConversationId {
    let request = CreateConversation::Group {
        id: None,
        title: Title::parse("A group").unwrap(),
        about: None,
        member_ids: member_ids.to_vec(),
    };
    app.conversations().create(owner, request, None).await.unwrap().0.id
}

async fn say(app: &LetsApp, who: &Principal, id: ConversationId, words: &str) -> Result<Message, ConversationError> {
    let request = SendMessage::text(words).unwrap();
    Ok(app.messages().send(who, id, request, None).await?.0)
}

async fn add(app: &LetsApp, who: &Principal, id: ConversationId, user_id: UserId) {
    let request = AddMembers {
        user_ids: vec![user_id],
    };
    app.conversations().add_members(who, id, request, None).await.unwrap();
}

#[tokio::test]
async fn a_member_added_on_one_server_can_send_on_the_other_at_once() {
    let servers = Servers::start().await;
    let (ana, ben) = (servers.person("ana").await, servers.person("ben").await);
    let id = group(&servers.here, &ana, &[]).await;
    say(&servers.here, &ana, id, "alone").await.unwrap();
    assert!(matches!(
        say(&servers.here, &ben, id, "hello?").await,
        Err(ConversationError::NotFound)
    ));
    add(&servers.there, &ana, id, ben.user_id).await;
    assert_eq!(say(&servers.here, &ben, id, "hello!").await.unwrap().seq, Seq(4));
}

#[tokio::test]
async fn a_member_removed_on_one_server_is_refused_on_the_other_at_once_except_for_a_retry() {
    let servers = Servers::start().await;
    let (ana, ben) = (servers.person("ana").await, servers.person("ben").await);
    let id = group(&servers.here, &ana, &[ben.user_id]).await;
    let request = SendMessage::text("before").unwrap().with_id(message_id());
    let first = servers
        .here
        .messages()
        .send(&ben, id, request.clone(), None)
        .await
        .unwrap();
    assert_eq!(first.1, Made::Now);
    let remove = servers.there.conversations().remove_member(&ana, id, ben.user_id, None);
    remove.await.unwrap();
    let refused = say(&servers.here, &ben, id, "after").await;
    assert!(matches!(
        refused,
        Err(ConversationError::Forbidden(Forbidden::NotAMember))
    ));
    let again = servers
        .here
        .messages()
        .send(&ben, id, request.clone(), None)
        .await
        .unwrap();
    assert_eq!(again, (first.0, Made::Before));
    let other = SendMessage {
        forwarded: true,
        ..request
    };
    let conflict = servers.here.messages().send(&ben, id, other, None).await;
    assert!(matches!(conflict, Err(ConversationError::Conflict)));
    let head = servers.here.conversations().find(&ana, id).await.unwrap().head;
    assert_eq!(head.seq, Seq(3), "its making, a message, the removal");
}

#[tokio::test]
async fn a_role_changed_on_one_server_counts_on_the_other_at_once() {
    let servers = Servers::start().await;
    let (ana, ben) = (servers.person("ana").await, servers.person("ben").await);
    let id = group(&servers.here, &ana, &[ben.user_id]).await;
    let theirs = say(&servers.here, &ana, id, "delete this").await.unwrap().seq;
    let refused = servers.here.messages().delete(&ben, id, theirs, None).await;
    assert!(matches!(refused, Err(ConversationError::Forbidden(Forbidden::Role))));
    let promote = servers
        .there
        .conversations()
        .change_role(&ana, id, ben.user_id, Role::Admin, None);
    assert_eq!(promote.await.unwrap().role, Role::Admin);
    servers.here.messages().delete(&ben, id, theirs, None).await.unwrap();
}

#[tokio::test]
async fn a_title_changed_on_one_server_can_be_changed_back_on_the_other() {
    let servers = Servers::start().await;
    let ana = servers.person("ana").await;
    let id = group(&servers.here, &ana, &[]).await;
    say(&servers.here, &ana, id, "the roster is known").await.unwrap();
    let titled = |text: &str| UpdateConversation {
        title: Some(Title::parse(text).unwrap()),
        ..UpdateConversation::default()
    };
    servers
        .there
        .conversations()
        .update(&ana, id, titled("Another"), None)
        .await
        .unwrap();
    let back = servers
        .here
        .conversations()
        .update(&ana, id, titled("A group"), None)
        .await
        .unwrap();
    assert_eq!((back.title.as_deref(), back.head.seq), (Some("A group"), Seq(4)));
}

#[tokio::test]
async fn two_servers_that_write_to_one_group_leave_no_gaps() {
    let servers = Arc::new(Servers::start().await);
    let (ana, ben) = (servers.person("ana").await, servers.person("ben").await);
    let id = group(&servers.here, &ana, &[ben.user_id]).await;
    let retitle = async {
        for n in 0..20 {
            let title = Some(Title::parse(format!("Title {n}")).unwrap());
            let request = UpdateConversation {
                title,
                ..UpdateConversation::default()
            };
            servers
                .there
                .conversations()
                .update(&ana, id, request, None)
                .await
                .unwrap();
        }
    };
    let talk = async {
        for n in 0..60 {
            say(&servers.here, &ben, id, &n.to_string()).await.unwrap();
        }
    };
    tokio::join!(retitle, talk);
    let head = servers.here.conversations().find(&ana, id).await.unwrap().head;
    assert_eq!((head.seq, head.rev.0), (Seq(81), 81));
}

#[tokio::test]
async fn unfinished_cleanup_is_finished_by_the_next_server_that_starts() {
    let store = MemoryStore::new();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
    let start = || LetsApp::builder().clock(clock.clone()).store(store.another()).build();
    let first = start().await.unwrap();
    let ana = first.sign_up("ana", "a long password").await.unwrap();
    let ben = first.sign_up("ben", "a long password").await.unwrap();
    let left = group(&first, &ana, &[ben.user_id]).await;
    let deleted = group(&first, &ben, &[]).await;
    say(&first, &ben, deleted, "to be forgotten").await.unwrap();
    first.conversations().delete(&ben, deleted, None).await.unwrap();
    first.shutdown().await;
    // As if the server had stopped after marking the account as erased, before the cleanup.
    let users = store.users();
    let credential = users.credential(&Login::Id(ana.user_id)).await.unwrap().unwrap();
    assert!(
        users
            .erase(ana.user_id, &credential.password, clock.now())
            .await
            .unwrap()
    );
    assert_eq!(store.sessions().of_user(ana.user_id).await.unwrap().len(), 1);

    clock.advance(std::time::Duration::from_secs(301));
    let next = start().await.unwrap();
    let finished = async {
        loop {
            let erasing = users.erasing(clock.now(), 9).await.unwrap();
            let remains = store.conversations().deleted(clock.now(), 9).await.unwrap();
            if erasing.is_empty() && remains.is_empty() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let finished = tokio::time::timeout(std::time::Duration::from_secs(30), finished).await;
    finished.expect("it does so by itself");
    assert_eq!(store.sessions().of_user(ana.user_id).await.unwrap(), []);
    let view = next.conversations().find(&ben, left).await.unwrap();
    assert_eq!((view.me.role, view.member_count), (Role::Owner, 1));
    assert_eq!(store.messages().find(&[(deleted, Seq(2))]).await.unwrap(), []);
    next.shutdown().await;
}

#[tokio::test]
async fn a_session_ended_on_one_server_is_accepted_on_the_other_for_five_seconds_at_most() {
    use letsapp_core::protocol::requests::{Login, Password};
    let servers = Servers::start().await;
    let phone = servers.person("ana").await;
    let login = Login {
        username: "ana".to_owned(),
        password: Password::parse("a long password").unwrap(),
        device_name: None,
    };
    let desk = servers.here.auth().login(login).await.unwrap().tokens;
    let principal = servers.here.auth().authenticate(&desk.access_token).await.unwrap();
    servers
        .there
        .auth()
        .revoke_session(&phone, principal.session_id)
        .await
        .unwrap();
    servers.clock.advance(std::time::Duration::from_secs(5));
    let refused = servers.here.auth().authenticate(&desk.access_token).await;
    assert!(matches!(refused, Err(AuthError::Unauthenticated)));
}

#[tokio::test]
async fn a_block_on_one_server_reaches_the_other_within_five_seconds_and_its_removal_at_once() {
    let servers = Servers::start().await;
    let (ana, ben) = (servers.person("ana").await, servers.person("ben").await);
    let direct = CreateConversation::Direct { user_id: ben.user_id };
    let (chat, _) = servers.here.conversations().create(&ana, direct, None).await.unwrap();
    say(&servers.here, &ben, chat.id, "hello").await.unwrap();
    servers.there.contacts().block(&ana, ben.user_id).await.unwrap();
    let refused = say(&servers.there, &ben, chat.id, "psst").await;
    assert!(matches!(
        refused,
        Err(ConversationError::Forbidden(Forbidden::Unreachable))
    ));
    servers.clock.advance(std::time::Duration::from_secs(5));
    let refused = say(&servers.here, &ben, chat.id, "psst").await;
    assert!(matches!(
        refused,
        Err(ConversationError::Forbidden(Forbidden::Unreachable))
    ));
    servers.there.contacts().unblock(&ana, ben.user_id).await.unwrap();
    say(&servers.here, &ben, chat.id, "thank you").await.unwrap();
}

#[tokio::test]
async fn own_messages_are_not_unread_on_another_server_at_once() {
    let servers = Servers::start().await;
    let (ana, ben) = (servers.person("ana").await, servers.person("ben").await);
    let id = group(&servers.here, &ana, &[ben.user_id]).await;
    for n in 0..5 {
        say(&servers.here, &ana, id, &n.to_string()).await.unwrap();
    }
    let newest = say(&servers.here, &ben, id, "an answer").await.unwrap();
    for (who, unread, read) in [(&ana, 1, newest.seq.0 - 1), (&ben, 0, newest.seq.0)] {
        let view = servers.there.conversations().find(who, id).await.unwrap();
        assert_eq!((view.me.unread, view.me.read_seq), (unread, Seq(read)));
        let listed = servers.there.conversations().list(who, None, limit(5)).await.unwrap();
        assert_eq!(listed.items[0].me.unread, unread);
    }
    let receipts = servers.there.conversations().receipts(&ana, id, None, limit(5)).await;
    let read = |user_id| {
        let items = &receipts.as_ref().unwrap().items;
        items
            .iter()
            .find(|item| item.user_id == user_id)
            .unwrap()
            .watermarks
            .read_seq
    };
    assert_eq!(
        (read(ana.user_id), read(ben.user_id)),
        (Seq(newest.seq.0 - 1), newest.seq)
    );
    let status = servers
        .there
        .messages()
        .message_receipts(&ana, id, Seq(2), None, limit(5))
        .await;
    let status: Vec<_> = status.unwrap().items.iter().map(|receipt| receipt.status).collect();
    assert_eq!(status, [ReceiptStatus::Read], "who answers has read");
    let answer = servers
        .there
        .messages()
        .advance(&ana, id, Watermarks::default(), None)
        .await;
    assert_eq!(answer.unwrap().read_seq, Seq(newest.seq.0 - 1));
}

#[test]
fn own_messages_are_not_unread_after_the_server_was_killed() {
    let store = MemoryStore::new();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
    let build = async || {
        let builder = LetsApp::builder().clock(clock.clone()).store(store.another());
        builder.build().await.unwrap()
    };
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let killed = runtime();
    let (ana, ben, id, app) = killed.block_on(async {
        let app = build().await;
        let ana = app.sign_up("ana", "a long password").await.unwrap();
        let ben = app.sign_up("ben", "a long password").await.unwrap();
        let request = CreateConversation::Direct { user_id: ben.user_id };
        let id = app.conversations().create(&ana, request, None).await.unwrap().0.id;
        for n in 0..10 {
            say(&app, &ana, id, &n.to_string()).await.unwrap();
        }
        say(&app, &ben, id, "an answer").await.unwrap();
        (ana, ben, id, app)
    });
    // All tasks end where they are, and store nothing more.
    killed.shutdown_background();
    drop(app);

    runtime().block_on(async {
        let app = build().await;
        for (who, unread, read) in [(&ana, 1, 10), (&ben, 0, 11)] {
            let me = app.conversations().find(who, id).await.unwrap().me;
            assert_eq!(
                (me.unread, me.read_seq, me.delivered_seq),
                (unread, Seq(read), Seq(read))
            );
        }
        let view = app.conversations().find(&ana, id).await.unwrap();
        assert_eq!(view.peer_receipt.unwrap().read_seq, Seq(11));
        app.shutdown().await;
    });
}
