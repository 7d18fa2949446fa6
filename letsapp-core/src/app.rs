//! The one place where services meet their ports.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::adapters::memory::MemoryStore;
use crate::auth::service::Ports as AuthPorts;
use crate::auth::{AuthError, AuthService, Key, KeyPurpose, KeyRepository, Kid, Principal};
use crate::contacts::ContactService;
use crate::contacts::service::Ports as ContactPorts;
use crate::conversations::dating::Dating;
use crate::conversations::lane::{Lanes, Publisher, Turn};
use crate::conversations::receipts::{self, Receipts};
use crate::conversations::rosters::{self, Rosters};
use crate::conversations::service::Ports as ConversationPorts;
use crate::conversations::view::Views;
use crate::conversations::{Access, ConversationService};
use crate::driver::{self, Alarm, Timed};
use crate::erasure::service::Ports as ErasurePorts;
use crate::erasure::{ErasureService, remains};
use crate::event::{EventBus, Hub};
use crate::id::{IdSource, SystemIds};
use crate::messages::MessageService;
use crate::messages::service::Ports as MessagePorts;
use crate::page::CursorKey;
use crate::presence::{self, Board, PresenceService};
use crate::protocol::fields::Fault;
use crate::protocol::requests::{Password, Register};
use crate::storage::{Repositories, RepositoryError};
use crate::text::TextError;
use crate::time::{Clock, SystemClock};
use crate::typing::{self, TypingService, Typists};
use crate::users::visibility::Visibility;
use crate::users::{UserService, Username};

/// A messaging engine: the services over a store.
///
/// It runs tasks on the tokio runtime in which it was built, and ends them by [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct LetsApp {
    parts: Arc<Parts>,
}

/// Why an account was not made by [`LetsApp::sign_up`].
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// This can be nobody's username.
    #[error("the username {0}")]
    Username(#[from] TextError),
    /// This can be nobody's password.
    #[error("the password {0}")]
    Password(#[from] Fault),
    /// The username is taken, or the store failed.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

struct Parts {
    auth: AuthService,
    users: UserService,
    contacts: ContactService,
    conversations: ConversationService,
    messages: MessageService,
    presence: PresenceService,
    typing: TypingService,
    erasure: ErasureService,
    store: Arc<dyn Repositories>,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    cursor_key: CursorKey,
    lanes: Arc<Lanes>,
    receipts: Arc<Receipts>,
    board: Arc<Board>,
    /// Those that end when they are aborted.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// How often the sessions of all who are connected are looked up: one that was ended elsewhere stops within this.
const RECHECK: Duration = Duration::from_secs(5);

impl LetsApp {
    /// Starts to build one.
    pub fn builder() -> LetsAppBuilder {
        LetsAppBuilder::default()
    }

    /// Builds one in memory, with everything else as it is by default.
    ///
    /// # Errors
    /// None in practice: the store in memory does not fail.
    pub async fn in_memory() -> Result<Self, RepositoryError> {
        Self::builder().build().await
    }

    /// Returns the service of accounts and sessions.
    pub fn auth(&self) -> &AuthService {
        &self.parts.auth
    }

    /// Returns the service of profiles.
    pub fn users(&self) -> &UserService {
        &self.parts.users
    }

    /// Returns the service of contacts and blocks.
    pub fn contacts(&self) -> &ContactService {
        &self.parts.contacts
    }

    /// Returns the service of conversations.
    pub fn conversations(&self) -> &ConversationService {
        &self.parts.conversations
    }

    /// Returns the service of messages.
    pub fn messages(&self) -> &MessageService {
        &self.parts.messages
    }

    /// Returns the service of who is there.
    pub fn presence(&self) -> &PresenceService {
        &self.parts.presence
    }

    /// Returns the service of who types.
    pub fn typing(&self) -> &TypingService {
        &self.parts.typing
    }

    /// Returns the service of the end of accounts.
    pub fn erasure(&self) -> &ErasureService {
        &self.parts.erasure
    }

    /// Returns the hub at which to listen for events.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.parts.hub
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Returns the source of ids.
    pub fn ids(&self) -> &Arc<dyn IdSource> {
        &self.parts.ids
    }

    /// Returns the key that seals cursors.
    pub fn cursor_key(&self) -> &CursorKey {
        &self.parts.cursor_key
    }

    /// Makes an account in a program that embeds LetsApp.
    ///
    /// # Errors
    /// [`SignUpError`] when the username or password can't be so, the username is taken, or the store fails.
    pub async fn sign_up(&self, username: &str, password: &str) -> Result<Principal, SignUpError> {
        let request = Register::new(Username::parse(username)?, Password::parse(password)?);
        let signed_in = self.auth().register(request).await?;
        Ok(self.auth().authenticate(&signed_in.tokens.access_token).await?)
    }

    /// Asks the store whether it can serve.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] when it can't.
    pub async fn ping(&self) -> Result<(), RepositoryError> {
        self.parts.store.ping().await
    }

    /// Takes nothing more, finishes what was taken, and closes the store: everything acknowledged is on disk then.
    pub async fn shutdown(&self) {
        self.parts.end_tasks();
        self.parts.lanes.close().await;
        self.parts.receipts.close().await;
        self.parts.board.close().await;
        self.parts.store.close().await;
    }
}

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

/// What may differ from one installation to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long an access token is good.
    pub access_ttl: Duration,
    /// How long a session lasts without being refreshed.
    pub refresh_ttl: Duration,
    /// How long a message can be edited.
    pub edit_window: Duration,
    /// How long after the last connection is gone a user is offline.
    pub presence_grace: Duration,
    /// How long somebody types without saying so again.
    pub typing_timeout: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Duration::from_secs(30 * 24 * 60 * 60),
            edit_window: Duration::from_secs(15 * 60),
            presence_grace: Duration::from_secs(10),
            typing_timeout: Duration::from_secs(6),
        }
    }
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

impl Parts {
    fn end_tasks(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.end_tasks();
        self.receipts.stop();
        self.board.stop();
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

/// Ends, every few seconds, the connections whose sessions were ended elsewhere.
async fn recheck(auth: AuthService, hub: Arc<Hub>) {
    let mut tick = tokio::time::interval(RECHECK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let connected = hub.principals();
        if connected.is_empty() {
            continue;
        }
        if let Err(AuthError::Store(error)) = auth.recheck(connected).await {
            tracing::warn!(%error, "sessions could not be rechecked");
        }
    }
}
