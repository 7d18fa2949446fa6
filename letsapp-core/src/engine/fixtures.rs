//! Fixtures of the engine's tests: two users, their conversations and members, mock stores and a sink that records
//! events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;

use crate::domain::conversation::{Conversation, Kind, Roster};
use crate::domain::id::{ConnectionId, ConversationId, Epoch, MessageId, Rev, Seq, UserId};
use crate::domain::key::{Key, Kid};
use crate::domain::member::Member;
use crate::domain::message::{Content, Fingerprint, Message};
use crate::domain::role::Role;
use crate::domain::rules::Rules;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, DisplayName, Settings, User, Username};
use crate::domain::window::Window;
use crate::engine::Engine;
use crate::engine::keyring::Keyring;
use crate::engine::sessions::{SessionSettings, Sessions};
use crate::ports::{
    Audience, Clock, Connections, Envelope, EventSink, MockContactRepository, MockConversationRepository,
    MockKeyRepository, MockMediaRepository, MockMessageRepository, MockSessionRepository, MockUserRepository, Runtime,
    Stores, SystemIds,
};
use crate::protocol::Event;

pub(crate) const CHAT: ConversationId = ConversationId::from_bytes([0; 16]);
pub(crate) const ANA: UserId = UserId::from_bytes([1; 16]);
pub(crate) const BEN: UserId = UserId::from_bytes([2; 16]);
pub(crate) const NOW: Timestamp = Timestamp::from_millis(10_000_000);

pub(crate) fn conversation(kind: Kind) -> Conversation {
    Conversation {
        id: CHAT,
        kind,
        title: (kind == Kind::Group).then(|| Title::parse("A group").unwrap()),
        about: About::default(),
        avatar_media_id: None,
        created_by: ANA,
        created_at: NOW,
        pair: (kind == Kind::Direct).then_some((ANA, BEN)),
        fingerprint: None,
        deleted_at: None,
    }
}

pub(crate) fn member(user_id: UserId, role: Role, from: u64) -> Member {
    let window = Window {
        from: Seq(from),
        to: None,
    };
    Member {
        role,
        windows: vec![window],
        ..Member::of_pair(CHAT, user_id, NOW)
    }
}

/// The roster of a group of these users, the first of whom is the owner.
pub(crate) fn group(user_ids: &[UserId], fence: u64) -> Roster {
    let role = |place| if place == 0 { Role::Owner } else { Role::Member };
    let members = user_ids.iter().enumerate();
    Roster {
        conversation: conversation(Kind::Group),
        members: members
            .map(|(place, user_id)| member(*user_id, role(place), 1))
            .collect(),
        fence: Seq(fence),
    }
}

pub(crate) fn direct() -> Roster {
    Roster {
        conversation: conversation(Kind::Direct),
        members: [ANA, BEN].map(|user_id| member(user_id, Role::Member, 1)).to_vec(),
        fence: Seq::ZERO,
    }
}

pub(crate) fn message(sender_id: UserId, seq: u64) -> Message {
    Message {
        conversation_id: CHAT,
        id: message_id(seq),
        seq: Seq(seq),
        rev: Rev(seq),
        ordinal: seq,
        sender_id,
        content: Content::Text("hello".to_owned()),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: NOW,
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint::SYSTEM,
    }
}

pub(crate) fn message_id(n: u64) -> MessageId {
    MessageId::from_bytes(u128::from(n).to_be_bytes())
}

pub(crate) fn user(id: UserId, read_receipts: bool) -> User {
    let username = Username::parse(format!("user_{}", id.as_bytes()[0])).unwrap();
    User {
        id,
        display_name: DisplayName::from(&username),
        username,
        about: About::default(),
        email: None,
        avatar_media_id: None,
        settings: Settings {
            read_receipts,
            ..Settings::default()
        },
        created_at: NOW,
        last_seen_at: None,
        deleted_at: None,
    }
}

/// A store without contacts and blocks.
fn no_edges() -> Arc<MockContactRepository> {
    let mut contacts = MockContactRepository::new();
    contacts.expect_listed().returning(|_| Ok(Vec::new()));
    contacts.expect_blocked().returning(|_| Ok(Vec::new()));
    Arc::new(contacts)
}

/// A store in which every user exists and shows read receipts.
fn everybody() -> MockUserRepository {
    let mut users = MockUserRepository::new();
    users
        .expect_find()
        .returning(|ids| Ok(ids.iter().map(|id| user(*id, true)).collect()));
    users
}

/// Mock repositories that fail every call, except those for users (every user exists), contacts and blocks (there are
/// none).
pub(crate) fn stores() -> Stores {
    let mut messages = MockMessageRepository::new();
    messages.expect_concurrent_commits().return_const(1_usize);
    Stores {
        users: Arc::new(everybody()),
        sessions: Arc::new(MockSessionRepository::new()),
        contacts: no_edges(),
        conversations: Arc::new(MockConversationRepository::new()),
        messages: Arc::new(messages),
        media: Arc::new(MockMediaRepository::new()),
        shared: false,
    }
}

/// An engine over these stores, with the default rules and fixed keys.
pub(crate) fn engine(stores: Stores, sink: Arc<dyn EventSink>, clock: Arc<dyn Clock>) -> Engine {
    let runtime = runtime(sink, clock);
    let rules = Rules::default();
    let mut keys = MockKeyRepository::new();
    keys.expect_keys().returning(|purpose, _| {
        Ok(vec![Key {
            kid: Kid("a".to_owned()),
            purpose,
            secret: [1; 32],
            created_at: NOW,
        }])
    });
    let keyring = Keyring::read(Arc::new(keys), runtime.ids.clone(), runtime.clock.clone());
    let keyring = keyring.now_or_never().expect("the keys are there").unwrap();
    let settings = SessionSettings {
        access_ttl: rules.access_ttl,
        refresh_ttl: Duration::from_secs(86_400),
    };
    let sessions = Sessions::new(stores.clone(), runtime.clone(), keyring, settings);
    Engine::start(stores, runtime, Epoch::from_bytes([9; 16]), sessions, None, &rules)
}

pub(crate) fn runtime(sink: Arc<dyn EventSink>, clock: Arc<dyn Clock>) -> Runtime {
    Runtime {
        clock,
        ids: Arc::new(SystemIds),
        local: sink.clone(),
        sink,
        connections: Arc::new(Everyone),
    }
}

/// Connections of every user.
struct Everyone;

#[async_trait]
impl Connections for Everyone {
    fn local(&self, user_ids: &[UserId]) -> Vec<UserId> {
        user_ids.to_vec()
    }

    async fn anywhere(&self, user_ids: &[UserId]) -> Vec<UserId> {
        user_ids.to_vec()
    }

    async fn findable(&self, _: UserId) {}
}

/// A sink that records the published events.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Envelope>>);

impl EventSink for Recorder {
    fn publish(&self, envelope: Envelope) {
        self.0.lock().unwrap().push(envelope);
    }
}

impl Recorder {
    /// Returns the events published since the last call: the users they were sent to, the excluded connection, and the
    /// event.
    pub(crate) fn take(&self) -> Vec<(Vec<UserId>, Option<ConnectionId>, Event)> {
        let envelopes = std::mem::take(&mut *self.0.lock().unwrap());
        let published = envelopes.into_iter().map(|envelope| {
            let event = serde_json::from_slice(envelope.payload.frame()).unwrap();
            match envelope.audience {
                Audience::Users { ids, except, .. } => (ids.to_vec(), except, event),
                Audience::Connection { user_id, .. } | Audience::EndOfSession { user_id, .. } => {
                    (vec![user_id], None, event)
                }
            }
        });
        published.collect()
    }

    /// Waits until at least one event was published, and returns the events.
    pub(crate) async fn next(self: &Arc<Self>) -> Vec<(Vec<UserId>, Option<ConnectionId>, Event)> {
        loop {
            let published = self.take();
            if !published.is_empty() {
                return published;
            }
            tokio::task::yield_now().await;
        }
    }
}
