//! The one place where services meet their ports.

mod builder;

pub use builder::LetsAppBuilder;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use crate::domain::page::CursorKey;
use crate::domain::principal::Principal;
use crate::domain::text::TextError;
use crate::domain::user::Username;
use crate::engine::Engine;
use crate::engine::error::AuthError;
use crate::engine::events::Hub;
use crate::ports::{Clock, IdSource, Repositories, RepositoryError};
use crate::protocol::fields::Fault;
use crate::protocol::requests::{Password, Register};
use crate::services::auth::AuthService;
use crate::services::contacts::ContactService;
use crate::services::conversations::ConversationService;
use crate::services::erasure::ErasureService;
use crate::services::messages::MessageService;
use crate::services::presence::PresenceService;
use crate::services::typing::TypingService;
use crate::services::users::UserService;

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
    engine: Arc<Engine>,
    cursor_key: CursorKey,
    /// Those that end when they are aborted.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl LetsApp {
    fn new(
        store: Arc<dyn Repositories>,
        hub: Arc<Hub>,
        engine: Arc<Engine>,
        cursor_key: CursorKey,
        tasks: Vec<JoinHandle<()>>,
    ) -> Self {
        Self {
            parts: Arc::new(Parts {
                auth: AuthService::new(engine.clone()),
                users: UserService::new(engine.clone()),
                contacts: ContactService::new(engine.clone()),
                conversations: ConversationService::new(engine.clone()),
                messages: MessageService::new(engine.clone()),
                presence: PresenceService::new(engine.clone()),
                typing: TypingService::new(engine.clone()),
                erasure: ErasureService::new(engine.clone()),
                store,
                hub,
                engine,
                cursor_key,
                tasks: Mutex::new(tasks),
            }),
        }
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
        &self.parts.engine.runtime.clock
    }

    /// Returns the source of ids.
    pub fn ids(&self) -> &Arc<dyn IdSource> {
        &self.parts.engine.runtime.ids
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
        self.parts.engine.close().await;
        self.parts.store.close().await;
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
        self.engine.stop();
    }
}
