//! Helpers of the tests: stores, ids, conversations and messages, and the audit of a conversation's numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::domain::conversation::{Conversation, Head, Kind};
use letsapp_core::domain::id::{BlobId, ConversationId, MediaId, MessageId, Rev, Seq, UserId};
use letsapp_core::domain::media::{Media, MediaFacts, MediaState, MediaStatus};
use letsapp_core::domain::member::MemberChange;
use letsapp_core::domain::message::{Content, Fingerprint, Message, SystemEvent};
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::domain::user::About;
use letsapp_core::domain::window::Window;
use letsapp_core::ports::{Change, Creation, Outcome, Range, Repositories, RepositoryError, TermsChange};
use mongodb::bson::{Bson, Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection};
use uuid::Uuid;

/// Opens a store on a database.
pub(crate) async fn open(uri: &str) -> MongoStore {
    MongoStore::connect(uri).await.expect("the replica set takes us")
}

/// Opens a store, and calls `hear` with the driver's event for every command sent and every reply.
pub(crate) async fn open_with(uri: &str, hear: impl Fn(CommandEvent) + Send + Sync + 'static) -> MongoStore {
    let mut options = ClientOptions::parse(uri).await.expect("the kit's addresses are valid");
    options.command_event_handler = Some(EventHandler::callback(hear));
    MongoStore::with_options(options)
        .await
        .expect("the replica set takes us")
}

/// Returns a collection through the plain driver, without the store.
pub(crate) async fn documents(uri: &str, collection: &str) -> Collection<Document> {
    let client = Client::with_uri_str(uri).await.expect("the kit's addresses are valid");
    let database = client.default_database().expect("the address names a database");
    database.collection(collection)
}

/// Returns the id of the n-th user.
pub(crate) fn user_id(n: u64) -> UserId {
    UserId::from_uuid(scattered(n, 1))
}

/// Returns a new message id in each call.
pub(crate) fn fresh_message_id() -> MessageId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    MessageId::from_uuid(scattered(NEXT.fetch_add(1, Ordering::Relaxed), 2))
}

/// Returns the id of the n-th group.
pub(crate) fn group_id(n: u64) -> ConversationId {
    ConversationId::from_uuid(scattered(n, 3))
}

/// Creates the direct conversation of two users, or finds it.
pub(crate) async fn direct(store: &MongoStore, a: u64, b: u64) -> ConversationId {
    let (low, high) = (user_id(a).min(user_id(b)), user_id(a).max(user_id(b)));
    let conversation = Conversation {
        id: ConversationId::from_uuid(scattered(1_000 * a.min(b) + a.max(b), 4)),
        kind: Kind::Direct,
        title: None,
        pair: Some((low, high)),
        fingerprint: None,
        ..group(0)
    };
    let id = conversation.id;
    let made = store.conversations().create_direct(conversation, at(0)).await;
    assert!(
        matches!(made, Ok(Creation::Created(_) | Creation::Existing(_))),
        "{made:?}"
    );
    id
}

/// Creates the n-th group, with user 0 as its owner and only member.
pub(crate) async fn create_group(store: &MongoStore, n: u64) -> ConversationId {
    let message = Message {
        content: Content::System(SystemEvent::GroupCreated {
            user_ids: vec![user_id(0)],
        }),
        ..text(group_id(n), 0, "")
    };
    let create = Change::Create {
        conversation: Box::new(group(n)),
        members: vec![MemberChange::Joined(user_id(0), Role::Owner)],
        message: Arc::new(message),
    };
    let outcome = commit_one(store, create).await;
    assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{outcome:?}");
    group_id(n)
}

/// Returns the n-th group, without storing it.
fn group(n: u64) -> Conversation {
    Conversation {
        id: group_id(n),
        kind: Kind::Group,
        title: Some(Title::from_stored(format!("Group {n}"))),
        about: About::from_stored(""),
        avatar_media_id: None,
        created_by: user_id(0),
        created_at: at(0),
        pair: None,
        fingerprint: Some([7; 32]),
        deleted_at: None,
    }
}

/// Returns a text message with a new id.
pub(crate) fn text(conversation_id: ConversationId, sender: u64, body: &str) -> Message {
    Message {
        conversation_id,
        id: fresh_message_id(),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id: user_id(sender),
        content: Content::Text(body.to_owned()),
        reply_to: None,
        forwarded: false,
        mentions: vec![],
        attachments: vec![],
        reactions: vec![],
        sent_at: at(1),
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint {
            version: 1,
            hash: [1; 32],
        },
    }
}

/// Returns the n-th file, of user 1 and still processing, without storing it.
pub(crate) fn file(n: u64) -> Media {
    Media {
        id: MediaId::from_uuid(scattered(n, 5)),
        owner_id: user_id(1),
        state: MediaState::Live,
        status: MediaStatus::Processing,
        file_name: format!("file-{n}.bin"),
        content_type: "application/octet-stream".to_owned(),
        size: 1,
        sha256: [u8::try_from(n % 256).expect("it is a byte"); 32],
        request: [2; 32],
        blob: BlobId::from_uuid(scattered(n, 6)),
        facts: MediaFacts::default(),
        scanned_at: None,
        created_at: at(1),
        check_at: None,
    }
}

/// Returns the change that appends a message.
pub(crate) fn append(message: Message, fence: Seq) -> Change {
    let message = Arc::new(message);
    Change::Append { message, fence }
}

/// Returns the change that edits a message, computed from the given state.
pub(crate) fn edit(message: &Message, body: &str, fence: Seq) -> Change {
    Change::Revise {
        message: Arc::new(Message {
            content: Content::Text(body.to_owned()),
            edited_at: Some(at(2)),
            ..message.clone()
        }),
        terms: TermsChange::Replace,
        fence,
    }
}

/// Returns the change that adds a member to a group.
pub(crate) fn addition(conversation_id: ConversationId, newcomer: u64, fence: Seq) -> Change {
    let message = Message {
        content: Content::System(SystemEvent::MembersAdded {
            user_ids: vec![user_id(newcomer)],
        }),
        ..text(conversation_id, 0, "")
    };
    Change::UpdateGroup {
        conversation: None,
        members: vec![MemberChange::Joined(user_id(newcomer), Role::Member)],
        preceding: Vec::new(),
        message: Arc::new(message),
        fence,
    }
}

/// Commits one change and returns its outcome.
pub(crate) async fn commit_one(store: &MongoStore, change: Change) -> Result<Outcome, RepositoryError> {
    let mut outcomes = store.messages().commit(vec![change]).in_order(1).await;
    assert_eq!(outcomes.len(), 1, "one outcome for one change");
    outcomes.remove(0)
}

/// Commits a change that must succeed, and returns its message with the numbers assigned.
pub(crate) async fn land(store: &MongoStore, change: Change) -> Message {
    let message = Message::clone(change.message());
    match commit_one(store, change).await {
        Ok(Outcome::Committed(position)) => message.at(position),
        other => panic!("not committed: {other:?}"),
    }
}

/// Reads the head of a conversation.
pub(crate) async fn head(store: &MongoStore, id: ConversationId) -> Head {
    let heads = store.conversations().heads(&[id]).await.expect("the store is there");
    heads.first().map(|(_, head)| *head).unwrap_or_default()
}

/// Reads a whole conversation and checks its numbers: `seq` has no gap, every `ordinal` is right, the head has the
/// highest of both, and every `rev` was assigned to exactly one message. Returns the history.
pub(crate) async fn audit(store: &MongoStore, uri: &str, id: ConversationId) -> Vec<Message> {
    let messages = store.messages();
    let everything = [Window::WHOLE];
    let history = messages
        .history(id, &everything, Range::After(Seq::ZERO), 1_000_000)
        .await;
    let history = history.expect("the store is there");
    let mut ordinal = 0;
    for (seq, message) in (1..).zip(&history) {
        ordinal += u64::from(message.is_from_user());
        assert_eq!((message.seq, message.ordinal), (Seq(seq), ordinal), "in {id}");
    }
    let changes = messages.changes(id, &everything, Rev::ZERO, 1_000_000).await;
    let changes = changes.expect("the store is there");
    assert!(
        changes.is_sorted_by(|a, b| a.rev < b.rev),
        "changes of {id} come each once"
    );
    assert_eq!(changes.len(), history.len());

    let head = head(store, id).await;
    assert_eq!((head.seq, head.ordinal), (Seq(history.len() as u64), ordinal));
    assert_eq!(head.rev, changes.last().map(|message| message.rev).unwrap_or_default());
    let mut revs = revs(uri, id).await;
    revs.sort_unstable();
    assert!(
        revs.iter().copied().eq(1..=head.rev.0),
        "numbers of changes of {id}: {revs:?}"
    );
    history
}

/// Returns every `rev` that the messages of a conversation ever had.
async fn revs(uri: &str, id: ConversationId) -> Vec<u64> {
    let messages = documents(uri, "messages").await;
    let filter = doc! {"conversation_id": mongodb::bson::Uuid::from_bytes(*id.as_bytes())};
    let mut found = messages.find(filter).await.expect("the store is there");
    let mut revs = Vec::new();
    while found.advance().await.expect("the store is there") {
        let document = found.deserialize_current().expect("it is a document");
        let long = |rev: &Bson| rev.as_i64().and_then(|rev| u64::try_from(rev).ok());
        let all = document.get_array("revs").expect("every message has its numbers");
        revs.extend(all.iter().map(|rev| long(rev).expect("numbers are int64")));
    }
    revs
}

/// Returns a time, in milliseconds after a fixed moment.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_338_000_000 + millis)
}

/// Opens two stores on one database, as two servers would.
pub(crate) async fn two(uri: &str) -> [Arc<MongoStore>; 2] {
    [Arc::new(open(uri).await), Arc::new(open(uri).await)]
}

/// Closes stores.
pub(crate) async fn close(stores: impl IntoIterator<Item = Arc<MongoStore>>) {
    for store in stores {
        store.close().await;
    }
}

/// Returns the n-th id of a kind. Consecutive ids are far apart in order, so that no test passes by their order.
fn scattered(n: u64, kind: u64) -> Uuid {
    Uuid::from_u64_pair(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind, (kind << 48) | n)
}
