//! The fixture of the service tests: an application, a clock that the test moves, and users.

use std::sync::Arc;
use std::time::Duration;

use letsapp_core::domain::body::Body;
use letsapp_core::domain::id::{ConnectionId, ConversationId, MessageId, Seq, UserId};
use letsapp_core::domain::limit::Table;
use letsapp_core::domain::member::PreferencesPatch;
use letsapp_core::domain::page::Limit;
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::engine::events::{Closed, Connection};
use letsapp_core::ports::{IdSource, ManualClock, Range, SystemIds};
use letsapp_core::protocol::requests::{AddMembers, CreateConversation, EditMessage, SendMessage};
use letsapp_core::protocol::{Conversation, Event, Message, Sync, SyncRequest, SyncSince};
use letsapp_core::services::{ConversationError, Made};
use letsapp_core::{LetsApp, LetsAppBuilder, Rules};

/// Bytes that no answer to a sync is much longer than.
const SYNC_BOUND: usize = (4 << 20) + (2 << 20);

/// Returns rules under which no search is cut short, however busy the machine is.
fn patient() -> Rules {
    Rules {
        search_budget: Duration::from_secs(600),
        ..Rules::default()
    }
}

pub(crate) struct World {
    pub(crate) app: LetsApp,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(LetsApp::builder()).await
    }

    pub(crate) async fn with_limits(table: Table) -> Self {
        Self::of(LetsApp::builder().limits(table)).await
    }

    async fn of(builder: LetsAppBuilder) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
        let builder = builder.clock(clock.clone()).rules(patient());
        let builder = crate::store(builder).await;
        let app = builder.build().await.unwrap();
        Self { app, clock }
    }

    /// Makes a world, and a second server on the same store.
    pub(crate) async fn with_another_server() -> (Self, LetsApp) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
        let builder = || LetsApp::builder().clock(clock.clone());
        let (here, there) = crate::shared(builder(), builder()).await;
        let (app, there) = (here.build().await.unwrap(), there.build().await.unwrap());
        (Self { app, clock }, there)
    }

    pub(crate) async fn person(&self, name: &str) -> Principal {
        self.app.sign_up(name, "a long password").await.unwrap()
    }

    /// Signs users up, one after the other.
    pub(crate) async fn people<const N: usize>(&self, names: [&str; N]) -> [Principal; N] {
        let mut people = Vec::new();
        for name in names {
            people.push(self.person(name).await);
        }
        people.try_into().unwrap()
    }

    pub(crate) async fn direct(&self, a: &Principal, b: &Principal) -> ConversationId {
        let request = CreateConversation::Direct { user_id: b.user_id };
        self.app.conversations().create(a, request, None).await.unwrap().0.id
    }

    pub(crate) async fn group(&self, owner: &Principal, others: &[&Principal]) -> ConversationId {
        let member_ids = others.iter().map(|other| other.user_id).collect();
        let title = Title::parse("A group").unwrap();
        let request = CreateConversation::Group {
            id: None,
            title,
            about: None,
            member_ids,
        };
        let made = self.app.conversations().create(owner, request, None).await.unwrap();
        let id = made.0.id;
        self.until_told(owner, id).await;
        id
    }

    pub(crate) async fn add(&self, who: &Principal, id: ConversationId, user_id: UserId) {
        let request = AddMembers {
            user_ids: vec![user_id],
        };
        self.app
            .conversations()
            .add_members(who, id, request, None)
            .await
            .unwrap();
        self.until_told(who, id).await;
    }

    pub(crate) async fn remove(
        &self,
        who: &Principal,
        id: ConversationId,
        user_id: UserId,
    ) -> Result<(), ConversationError> {
        self.app.conversations().remove_member(who, id, user_id, None).await?;
        self.until_told(who, id).await;
        Ok(())
    }

    /// Waits until all events of earlier changes in a group are published, so that a new listener gets only later ones.
    ///
    /// Replies do not wait for the events. The next submission to the queue of the group does, even if it is refused.
    pub(crate) async fn until_told(&self, who: &Principal, id: ConversationId) {
        let refused = self.app.messages().delete(who, id, Seq::ZERO, None).await;
        refused.expect_err("messages are numbered from one");
    }

    pub(crate) async fn say(&self, who: &Principal, id: ConversationId, words: &str) -> Message {
        self.send(who, id, SendMessage::text(words).unwrap()).await.unwrap().0
    }

    pub(crate) async fn send(
        &self,
        who: &Principal,
        id: ConversationId,
        request: SendMessage,
    ) -> Result<(Message, Made), ConversationError> {
        self.app.messages().send(who, id, request, None).await
    }

    pub(crate) async fn bodies(&self, who: &Principal, id: ConversationId) -> Vec<String> {
        let page = self
            .app
            .messages()
            .history(who, id, Range::After(Seq::ZERO), limit(200))
            .await;
        page.unwrap().items.into_iter().map(|message| message.body).collect()
    }

    /// Syncs once. The answer must not be much longer than the server lets it be.
    pub(crate) async fn sync(&self, who: &Principal, request: SyncRequest) -> Sync {
        let answer = self.app.conversations().sync(who, request).await.unwrap();
        let length = serde_json::to_vec(&answer).unwrap().len();
        assert!(length < SYNC_BOUND, "{length} bytes");
        answer
    }

    /// Returns the first conversations of a user's list.
    pub(crate) async fn listed(&self, who: &Principal) -> Vec<Conversation> {
        self.app.conversations().list(who, None, limit(50)).await.unwrap().items
    }

    pub(crate) async fn archive(&self, who: &Principal, id: ConversationId) -> Conversation {
        let patch = PreferencesPatch {
            archived: Some(true),
            ..PreferencesPatch::default()
        };
        let archived = self.app.conversations().update_mine(who, id, patch, None).await;
        archived.unwrap()
    }

    pub(crate) async fn view(&self, who: &Principal, id: ConversationId) -> Conversation {
        self.app.conversations().find(who, id).await.unwrap()
    }

    pub(crate) fn listen(&self, who: &Principal) -> Listener {
        let connection_id = ConnectionId::from_uuid(ids().random());
        Listener {
            connection: self.app.hub().connect(*who, connection_id),
            waiting: Vec::new(),
        }
    }
}

/// A connection that reads its events one by one.
pub(crate) struct Listener {
    connection: Connection,
    waiting: Vec<Event>,
}

impl Listener {
    pub(crate) fn connection_id(&self) -> ConnectionId {
        self.connection.connection_id()
    }

    /// Returns the next event. Panics if none comes within 30 seconds.
    pub(crate) async fn next(&mut self) -> Event {
        while self.waiting.is_empty() {
            let mut events = Vec::new();
            let drained = tokio::time::timeout(Duration::from_secs(30), self.connection.drain(&mut events)).await;
            drained
                .expect("an event within half a minute")
                .expect("the connection is open");
            self.waiting = events.iter().rev().map(|event| event.event().unwrap()).collect();
        }
        self.waiting.pop().expect("there is one")
    }

    /// Waits until the connection is closed, ignoring events, and returns the reason.
    pub(crate) async fn end(&mut self) -> Closed {
        let ended = async {
            loop {
                if let Err(closed) = self.connection.drain(&mut Vec::new()).await {
                    return closed;
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        ended.expect("an end within half a minute")
    }

    /// Returns the first value that `wanted` takes from an event, ignoring other events.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(&self.next().await) {
                return found;
            }
        }
    }
}

/// Returns the sync that follows this answer.
pub(crate) fn after(answer: &Sync) -> SyncRequest {
    SyncRequest {
        conversations: answer.positions.clone(),
        since: Some(SyncSince::Mark(answer.mark)),
    }
}

/// Returns an edit without mentions.
pub(crate) fn edit(body: impl Into<String>) -> EditMessage {
    EditMessage {
        body: Body::parse(body.into()).unwrap(),
        attachments: None,
        mentions: Vec::new(),
    }
}

pub(crate) fn ids() -> &'static dyn IdSource {
    &SystemIds
}

pub(crate) fn message_id() -> MessageId {
    MessageId::from_uuid(ids().random())
}

pub(crate) fn limit(limit: usize) -> Limit {
    Limit::new(limit).unwrap()
}
