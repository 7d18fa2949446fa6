//! The fixture: servers of one installation, and people who are connected to any of them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use letsapp_core::domain::id::{ConnectionId, ConversationId, UserId};
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::text::Title;
use letsapp_core::engine::events::{Closed, Connection};
use letsapp_core::ports::{AnchoredClock, Clock, EventBus, IdSource, SystemIds};
use letsapp_core::protocol::requests::{CreateConversation, SendMessage};
use letsapp_core::protocol::{Event, Message};
use letsapp_core::services::ConversationError;
use letsapp_core::{LetsApp, LetsAppBuilder, Rules};

type WithStore = dyn Fn(LetsAppBuilder) -> Pin<Box<dyn Future<Output = LetsAppBuilder> + Send>> + Send + Sync;

/// A store that servers share, and the bus between them.
pub(crate) struct Installation {
    pub(crate) with_store: Box<WithStore>,
    pub(crate) bus: Arc<dyn EventBus>,
}

impl Installation {
    pub(crate) async fn server(&self, clock: Arc<dyn Clock>, bus: Arc<dyn EventBus>) -> LetsApp {
        let rules = Rules {
            presence_grace: Duration::from_millis(300),
            search_budget: Duration::from_secs(600),
            ..Rules::default()
        };
        let builder = LetsApp::builder().clock(clock).rules(rules).bus(bus);
        (self.with_store)(builder).await.build().await.unwrap()
    }
}

/// Starts as many servers of a new installation, all on the computer's clock.
pub(crate) async fn servers<const N: usize>() -> Option<[LetsApp; N]> {
    let installation = crate::installation(Arc::new(AnchoredClock::new())).await?;
    let mut servers = Vec::new();
    for _ in 0..N {
        let clock = Arc::new(AnchoredClock::new());
        servers.push(installation.server(clock, installation.bus.clone()).await);
    }
    servers.try_into().ok()
}

/// A person with one connection.
pub(crate) struct Person {
    pub(crate) app: LetsApp,
    pub(crate) principal: Principal,
    connection: Connection,
    waiting: Vec<Event>,
}

impl Person {
    /// Signs somebody up on a server, and connects them to it.
    pub(crate) async fn on(app: &LetsApp, name: &str) -> Self {
        let principal = app.sign_up(name, "a long password").await.unwrap();
        Self::connect(app, principal).await
    }

    /// Opens a connection of a user to a server, and waits until other servers know of it.
    pub(crate) async fn connect(app: &LetsApp, principal: Principal) -> Self {
        let connection_id = ConnectionId::from_uuid((&SystemIds as &dyn IdSource).random());
        let connection = app.hub().connect(principal, connection_id);
        app.presence().settled(&principal).await;
        Self {
            app: app.clone(),
            principal,
            connection,
            waiting: Vec::new(),
        }
    }

    /// Adds a user to the contacts.
    pub(crate) async fn list(&self, user_id: UserId) {
        self.app.contacts().put(&self.principal, user_id, None).await.unwrap();
    }

    pub(crate) async fn direct(&self, other: &Self) -> ConversationId {
        let user_id = other.principal.user_id;
        let request = CreateConversation::Direct { user_id };
        self.create(request).await
    }

    pub(crate) async fn group(&self, others: &[&Self]) -> ConversationId {
        self.create(CreateConversation::Group {
            id: None,
            title: Title::parse("A group").unwrap(),
            about: None,
            member_ids: others.iter().map(|other| other.principal.user_id).collect(),
        })
        .await
    }

    pub(crate) async fn create(&self, request: CreateConversation) -> ConversationId {
        let origin = Some(self.connection.connection_id());
        let made = self.app.conversations().create(&self.principal, request, origin).await;
        made.unwrap().0.id
    }

    pub(crate) async fn try_say(&self, id: ConversationId, words: &str) -> Result<Message, ConversationError> {
        let request = SendMessage::text(words).unwrap();
        let origin = Some(self.connection.connection_id());
        let sent = self.app.messages().send(&self.principal, id, request, origin).await;
        sent.map(|(message, _)| message)
    }

    pub(crate) async fn say(&self, id: ConversationId, words: &str) -> Message {
        self.try_say(id, words).await.unwrap()
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

    /// Returns the first value that `wanted` takes from an event, and ignores events before it.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(&self.next().await) {
                return found;
            }
        }
    }

    /// Returns the body of the next new message, and ignores other events.
    pub(crate) async fn hear(&mut self) -> String {
        self.until(|event| match event {
            Event::MessageCreated(message) if !message.body.is_empty() => Some(message.body.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until the connection is closed, and returns the reason.
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
}

/// Waits until a condition holds, for 30 seconds at most.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>())
                .await
                .unwrap_err();
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(waited.is_ok(), "{what}");
}
