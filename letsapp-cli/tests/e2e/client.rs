//! Tests of the HTTP client.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use letsapp_cli::id::{ConversationId, MessageId, Rev, Seq};
use letsapp_cli::protocol::{Code, ReceiptStatus, Tokens};
use letsapp_cli::requests::{
    ChangePassword, ChangeRole, CreateConversation, EditMessage, Login, Password, ReceiptRequest, SearchMessages,
    SendMessage, UpdateConversation, UpdateMe, UpdateMyConversation,
};
use letsapp_cli::{Client, ClientError, HistoryRange, MemoryTokens, Page, TokenStore, collect_pages};
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::user::About;
use letsapp_core::domain::{body::Body, emoji::Emoji};
use uuid::Uuid;

use crate::support::{PASSWORD, Pair, Server, registration, sign_up};

/// A token store that counts how often tokens are saved.
#[derive(Debug, Default)]
struct Counted {
    tokens: MemoryTokens,
    saved: AtomicUsize,
}

impl TokenStore for Counted {
    fn load(&self) -> io::Result<Option<Tokens>> {
        self.tokens.load()
    }

    fn save(&self, tokens: &Tokens) -> io::Result<()> {
        self.saved.fetch_add(1, Ordering::SeqCst);
        self.tokens.save(tokens)
    }

    fn clear(&self) -> io::Result<()> {
        self.tokens.clear()
    }
}

#[tokio::test]
async fn accounts_and_sessions() {
    let server = Server::start().await;
    let ana = sign_up(&server.url(), "ana").await;
    let taken = Client::new(server.url()).unwrap().register(&registration("Ana")).await;
    assert_eq!(taken.unwrap_err().code(), Some(Code::Conflict));

    let patch = UpdateMe {
        about: Some(About::parse("hi").unwrap()),
        ..UpdateMe::default()
    };
    assert_eq!(ana.update_me(&patch).await.unwrap().user.about, "hi");
    let me = ana.me().await.unwrap().user;
    assert_eq!(ana.user(me.id).await.unwrap().username.as_deref(), Some("ana"));
    assert_eq!(ana.find_users("an", Page::of(10)).await.unwrap().items.len(), 1);

    let phone = Client::new(server.url()).unwrap();
    let login = |password: &str| Login {
        username: "ana".to_owned(),
        password: Password::presented(password).unwrap(),
        device_name: Some("phone".to_owned()),
    };
    assert_eq!(
        phone.login(&login("wrong")).await.unwrap_err().code(),
        Some(Code::Unauthenticated)
    );
    phone.login(&login(PASSWORD)).await.unwrap();
    let sessions = ana.sessions().await.unwrap();
    let other = sessions.iter().find(|session| !session.current).unwrap();
    assert_eq!(other.device_name.as_deref(), Some("phone"));
    ana.revoke_session(other.id).await.unwrap();
    assert!(matches!(phone.me().await, Err(ClientError::SignedOut)));

    let change = ChangePassword {
        current_password: Password::presented(PASSWORD).unwrap(),
        new_password: Password::parse("another password").unwrap(),
    };
    ana.change_password(&change).await.unwrap();
    phone.login(&login("another password")).await.unwrap();
    ana.logout().await.unwrap();
    assert!(matches!(ana.me().await, Err(ClientError::SignedOut)));
    assert!(matches!(ana.logout().await, Err(ClientError::SignedOut)));
}

#[tokio::test]
async fn many_requests_with_a_stale_token_refresh_it_once() {
    let server = Server::start().await;
    let store = Arc::new(Counted::default());
    let tokens = Arc::clone(&store) as Arc<dyn TokenStore>;
    let client = Client::builder(server.url())
        .tokens(Arc::clone(&tokens))
        .build()
        .unwrap();
    client.register(&registration("ana")).await.unwrap();
    let fresh = store.load().unwrap().unwrap();
    store
        .tokens
        .save(&Tokens {
            access_token: "stale".to_owned(),
            ..fresh
        })
        .unwrap();

    let client = Client::builder(server.url()).tokens(tokens).build().unwrap();
    store.saved.store(0, Ordering::SeqCst);
    for result in join_all((0..20).map(|_| client.me())).await {
        assert_eq!(result.unwrap().user.username.as_deref(), Some("ana"));
    }
    assert_eq!(store.saved.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn messages_reactions_and_receipts() {
    let server = Server::start().await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, None).await;
    let message = ana.send_text(chat, "hello").await.unwrap();
    let again = ana
        .send(chat, SendMessage::text("hello").unwrap().with_id(message.id))
        .await
        .unwrap();
    assert_eq!(
        (again.seq, again.rev),
        (message.seq, message.rev),
        "the same id is the same message"
    );

    let heart = Emoji::parse("❤️").unwrap();
    assert_eq!(
        ben.react(chat, message.seq, &heart).await.unwrap().my_reaction,
        Some(Some("❤️".to_owned()))
    );
    assert_eq!(
        ben.reactions(chat, message.seq, Page::default()).await.unwrap().items[0].emoji,
        "❤️"
    );
    assert_eq!(
        ben.unreact(chat, message.seq, &heart).await.unwrap().my_reaction,
        Some(None)
    );
    let edit = EditMessage {
        body: Body::parse("hallo").unwrap(),
        mentions: Vec::new(),
        attachments: None,
    };
    assert_eq!(ana.edit(chat, message.seq, &edit).await.unwrap().body, "hallo");
    let read = ReceiptRequest {
        delivered: None,
        read: Some(message.seq),
    };
    assert_eq!(ben.acknowledge(chat, read).await.unwrap().read_seq, message.seq);
    let receipts = ana
        .message_receipts(chat, message.seq, Page::default())
        .await
        .unwrap()
        .items;
    assert_eq!(receipts[0].status, ReceiptStatus::Read);
    assert_eq!(ana.receipts(chat).await.unwrap().len(), 2);
    assert_eq!(ana.message(chat, message.seq).await.unwrap().body, "hallo");
    let changes = ben.changes(chat, Rev::ZERO, Page::default()).await.unwrap();
    assert_eq!((changes.items.len(), changes.rev), (1, Rev(4)));
    assert!(ana.delete(chat, message.seq).await.unwrap().deleted_at.is_some());

    for n in 2..=5 {
        ben.send_text(chat, n.to_string()).await.unwrap();
    }
    let seqs = async |range, limit| -> Vec<u64> {
        let page = ana.history(chat, range, Page::of(limit)).await.unwrap();
        page.items.iter().map(|message| message.seq.0).collect()
    };
    assert_eq!(seqs(HistoryRange::Newest, 2).await, [5, 4]);
    assert_eq!(seqs(HistoryRange::Before(Seq(3)), 10).await, [2, 1]);
    assert_eq!(seqs(HistoryRange::After(Seq(3)), 10).await, [4, 5]);
    let (after, before) = (Seq(1), Seq(5));
    assert_eq!(seqs(HistoryRange::Between { after, before }, 2).await, [2, 3]);
    let three = SearchMessages {
        conversation_id: Some(chat),
        ..SearchMessages::text("3").unwrap()
    };
    let found = ana.search(&three, Page::of(1)).await.unwrap();
    assert_eq!((found.items[0].message.seq, found.next_cursor), (Seq(3), None));
    let muted = UpdateMyConversation {
        pinned: Some(true),
        ..UpdateMyConversation::default()
    };
    assert!(ana.update_my_conversation(chat, &muted).await.unwrap().me.pinned);
    assert_eq!(ana.conversation(chat).await.unwrap().me.unread, 4);
}

#[tokio::test]
async fn a_group_and_its_members() {
    let server = Server::start().await;
    let Pair { ana, ben, .. } = Pair::sign_up(&server, None).await;
    let carol = sign_up(&server.url(), "carol").await;
    let (ben_id, carol_id) = (ben.me().await.unwrap().user.id, carol.me().await.unwrap().user.id);
    let request = CreateConversation::Group {
        id: Some(ConversationId::from_uuid(Uuid::from_u128(
            0x0198_0000_0000_7000_8000_0000_0000_0001,
        ))),
        title: Title::parse("Club").unwrap(),
        about: None,
        member_ids: vec![ben_id],
    };
    let group = ana.create_conversation(&request).await.unwrap().id;
    assert_eq!(
        ana.create_conversation(&request).await.unwrap().id,
        group,
        "created once"
    );
    assert_eq!(
        ana.add_members(group, vec![carol_id]).await.unwrap()[0].user.id,
        carol_id
    );
    assert_eq!(collect_pages(|page| ana.members(group, page)).await.unwrap().len(), 3);
    let admin = ChangeRole { role: Role::Admin };
    assert_eq!(ana.change_role(group, ben_id, admin).await.unwrap().role, Role::Admin);
    let title = UpdateConversation {
        title: Some(Title::parse("Clan").unwrap()),
        ..UpdateConversation::default()
    };
    assert_eq!(
        carol.update_conversation(group, &title).await.unwrap_err().code(),
        Some(Code::Forbidden)
    );
    assert_eq!(
        ben.update_conversation(group, &title).await.unwrap().title.as_deref(),
        Some("Clan")
    );
    ben.remove_member(group, carol_id).await.unwrap();
    ben.remove_member(group, ben_id).await.unwrap();
    assert_eq!(collect_pages(|page| ana.members(group, page)).await.unwrap().len(), 1);
    // Without the empty direct conversation that Ben began.
    assert_eq!(ana.conversations(Page::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn errors_can_be_told_apart() {
    let unreachable = Client::new("http://127.0.0.1:9").unwrap();
    assert!(
        matches!(unreachable.me().await, Err(ClientError::SignedOut)),
        "known without a request"
    );
    let error = unreachable.register(&registration("ana")).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }) && error.is_temporary(),
        "{error}"
    );
    let secure = Client::new("https://127.0.0.1:9").unwrap();
    assert!(matches!(
        secure.register(&registration("ana")).await,
        Err(ClientError::Unreachable { .. })
    ));

    let server = Server::start().await;
    let ana = sign_up(&server.url(), "ana").await;
    let missing = ana
        .conversation(ConversationId::from_uuid(Uuid::from_u128(7)))
        .await
        .unwrap_err();
    assert_eq!(missing.code(), Some(Code::NotFound));
    assert!(matches!(
        ana.send_text(ConversationId::from_uuid(Uuid::from_u128(7)), "").await,
        Err(ClientError::Text(_))
    ));
    let bad_id = SendMessage::text("x")
        .unwrap()
        .with_id(MessageId::from_uuid(Uuid::nil()));
    let invalid = ana
        .send(ConversationId::from_uuid(Uuid::from_u128(7)), bad_id)
        .await
        .unwrap_err();
    assert!(
        matches!(invalid.code(), Some(Code::ValidationFailed | Code::NotFound)),
        "{invalid}"
    );
}
