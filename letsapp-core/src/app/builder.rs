//! Puts a [`LetsApp`] together.

use std::sync::{Arc, Mutex, Weak};

use super::recheck::recheck;
use super::{LetsApp, Parts, Rules};
use crate::adapters::memory::MemoryStore;
use crate::auth::ports::Ports as AuthPorts;
use crate::auth::{AuthService, Key, KeyPurpose, KeyRepository, Kid};
use crate::contacts::ContactService;
use crate::contacts::service::Ports as ContactPorts;
use crate::conversations::dating::Dating;
use crate::conversations::lane::{Lanes, Publisher, Turn};
use crate::conversations::ports::Ports as ConversationPorts;
use crate::conversations::receipts::{self, Receipts};
use crate::conversations::rosters::{self, Rosters};
use crate::conversations::view::Views;
use crate::conversations::{Access, ConversationService};
use crate::driver::{self, Alarm, Timed};
use crate::erasure::ports::Ports as ErasurePorts;
use crate::erasure::{ErasureService, remains};
use crate::event::{EventBus, Hub};
use crate::id::{IdSource, SystemIds};
use crate::messages::MessageService;
use crate::messages::ports::Ports as MessagePorts;
use crate::page::CursorKey;
use crate::presence::{self, Board, PresenceService};
use crate::storage::{Repositories, RepositoryError};
use crate::time::{Clock, SystemClock};
use crate::typing::{self, TypingService, Typists};
use crate::users::UserService;
use crate::users::visibility::Visibility;

/// Puts a [`LetsApp`] together. What is not said is as in the server: the store in memory, the computer's clock.
#[derive(Default)]
pub struct LetsAppBuilder {
    store: Option<Arc<dyn Repositories>>,
    keys: Option<Arc<dyn KeyRepository>>,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<Arc<dyn IdSource>>,
    hub: Option<Arc<Hub>>,
    rules: Rules,
}

impl LetsAppBuilder {
    /// Keeps everything in this store.
    #[must_use]
    pub fn store(mut self, store: impl Repositories + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Keeps everything in this store, which others hold too.
    #[must_use]
    pub fn shared_store(mut self, store: Arc<dyn Repositories>) -> Self {
        self.store = Some(store);
        self
    }

    /// Keeps the server's keys here instead of in the store.
    #[must_use]
    pub fn keys(mut self, keys: impl KeyRepository + 'static) -> Self {
        self.keys = Some(Arc::new(keys));
        self
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Takes randomness from this source.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// Delivers events through this hub.
    #[must_use]
    pub fn hub(mut self, hub: Hub) -> Self {
        self.hub = Some(Arc::new(hub));
        self
    }

    /// Goes by these rules.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Builds it, and starts its tasks on the present tokio runtime.
    ///
    /// # Errors
    /// [`RepositoryError`] when the store can't give the server's keys.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn build(self) -> Result<LetsApp, RepositoryError> {
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let ids = self.ids.unwrap_or_else(|| Arc::new(SystemIds));
        let hub = self.hub.unwrap_or_default();
        let bus: Arc<dyn EventBus> = hub.clone();
        let keys = self.keys.unwrap_or_else(|| store.keys());
        let key_of = |purpose| load_keys(&*keys, purpose, &*ids, &*clock);
        let (access_keys, refresh_keys) = (key_of(KeyPurpose::Access).await?, key_of(KeyPurpose::Refresh).await?);
        let cursor_key = key_of(KeyPurpose::Cursor).await?.remove(0).secret;

        let (users, conversations, messages) = (store.users(), store.conversations(), store.messages());
        let contacts = store.contacts();
        let visibility = Visibility::new(contacts.clone());
        let rosters = Arc::new(Rosters::new(rosters::Ports {
            conversations: conversations.clone(),
            contacts: contacts.clone(),
            users: users.clone(),
            clock: clock.clone(),
            shared: store.is_shared(),
        }));
        let receipts = Receipts::start(receipts::Ports {
            conversations: conversations.clone(),
            messages: messages.clone(),
            users: users.clone(),
            rosters: rosters.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
        });
        let views = Arc::new(Views {
            conversations: conversations.clone(),
            messages: messages.clone(),
            users: users.clone(),
            receipts: receipts.clone(),
            visibility: visibility.clone(),
        });
        let lanes = Arc::new(Lanes::start(Turn {
            messages: messages.clone(),
            rosters: rosters.clone(),
            receipts: receipts.clone(),
            publisher: Publisher {
                bus: bus.clone(),
                views: views.clone(),
            },
            edit_window: self.rules.edit_window,
        }));
        let access = Access {
            conversations: conversations.clone(),
        };
        let alarm = Alarm::default();
        let board = Board::start(
            presence::Ports {
                users: users.clone(),
                contacts: contacts.clone(),
                visibility: visibility.clone(),
                bus: bus.clone(),
                clock: clock.clone(),
            },
            self.rules.presence_grace,
            alarm.clone(),
        );
        let attendance: Weak<Board> = Arc::downgrade(&board);
        hub.attend(attendance);
        let typists = Arc::new(Typists::new(
            typing::Told {
                rosters: rosters.clone(),
                bus: bus.clone(),
                clock: clock.clone(),
            },
            self.rules.typing_timeout,
            alarm.clone(),
        ));
        let timed: Vec<Arc<dyn Timed>> = vec![board.clone(), typists.clone()];
        let driver = driver::start(clock.clone(), alarm, timed);
        let auth = AuthService::new(AuthPorts {
            users: users.clone(),
            sessions: store.sessions(),
            bus: bus.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            access_keys,
            refresh_keys,
            access_ttl: self.rules.access_ttl,
            refresh_ttl: self.rules.refresh_ttl,
        });
        let dating = Arc::new(Dating::default());
        let erasure = Arc::new(ErasurePorts {
            users: users.clone(),
            contacts: contacts.clone(),
            rosters: rosters.clone(),
            conversations: conversations.clone(),
            sessions: auth.inner().clone(),
            lanes: lanes.clone(),
            views: views.clone(),
            dating: dating.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
        });
        let conversation_service = ConversationService::new(ConversationPorts {
            conversations: conversations.clone(),
            messages: messages.clone(),
            users: users.clone(),
            bus,
            clock: clock.clone(),
            ids: ids.clone(),
            lanes: lanes.clone(),
            rosters: rosters.clone(),
            receipts: receipts.clone(),
            views,
            visibility: visibility.clone(),
            access: access.clone(),
            dating,
            shared: store.is_shared(),
        });
        let contact_service = ContactService::new(ContactPorts {
            contacts,
            users: users.clone(),
            visibility: visibility.clone(),
            rosters: rosters.clone(),
            board: board.clone(),
            clock: clock.clone(),
        });
        let typing_service = TypingService::new(typing::Ports {
            rosters: rosters.clone(),
            typists: typists.clone(),
            access: access.clone(),
        });
        let message_service = MessageService::new(MessagePorts {
            conversations,
            messages,
            users: users.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            lanes: lanes.clone(),
            rosters,
            receipts: receipts.clone(),
            typists,
            access,
        });
        let recheck = tokio::spawn(recheck(auth.clone(), hub.clone()));
        let finish = tokio::spawn(remains::finish(erasure.clone()));
        Ok(LetsApp {
            parts: Arc::new(Parts {
                auth,
                users: UserService::new(users, visibility, board.clone()),
                contacts: contact_service,
                conversations: conversation_service,
                messages: message_service,
                presence: PresenceService::new(board.clone()),
                typing: typing_service,
                erasure: ErasureService::new(erasure, board.clone()),
                store,
                hub,
                clock,
                ids,
                cursor_key: CursorKey::new(cursor_key),
                lanes,
                receipts,
                board,
                tasks: Mutex::new(vec![recheck, driver, finish]),
            }),
        })
    }
}

async fn load_keys(
    keys: &dyn KeyRepository,
    purpose: KeyPurpose,
    ids: &dyn IdSource,
    clock: &dyn Clock,
) -> Result<Vec<Key>, RepositoryError> {
    let mut secret = [0; 32];
    ids.fill(&mut secret);
    let candidate = Key {
        kid: Kid(ids.random().simple().to_string()),
        purpose,
        secret,
        created_at: clock.now(),
    };
    let keys = keys.keys(purpose, candidate).await?;
    if keys.is_empty() {
        return Err(RepositoryError::internal(format!(
            "the store has no {} key",
            purpose.as_str()
        )));
    }
    Ok(keys)
}
