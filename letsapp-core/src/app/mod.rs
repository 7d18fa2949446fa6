//! The application: wires the services to their engine, store and runtime.

mod builder;

pub use builder::LetsAppBuilder;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use crate::domain::id::Epoch;
use crate::domain::limit::Table;
use crate::domain::page::CursorKey;
use crate::domain::principal::Principal;
use crate::domain::text::TextError;
use crate::domain::user::Username;
use crate::engine::Engine;
use crate::engine::cluster::Cluster;
use crate::engine::error::AuthError;
use crate::engine::events::Hub;
use crate::engine::limiter::Limiter;
use crate::ports::{Clock, IdSource, Repositories, RepositoryError};
use crate::protocol::fields::Fault;
use crate::protocol::requests::{Password, Register};
use crate::services::auth::AuthService;
use crate::services::contacts::ContactService;
use crate::services::conversations::ConversationService;
use crate::services::erasure::ErasureService;
use crate::services::media::MediaService;
use crate::services::messages::MessageService;
use crate::services::presence::PresenceService;
use crate::services::typing::TypingService;
use crate::services::users::UserService;

/// A messaging application: all services over one store. Clones share it.
///
/// Background tasks run on the tokio runtime on which the application was built. [`shutdown`](Self::shutdown) ends them
/// and waits until everything is stored; dropping the last clone ends them without waiting.
#[derive(Clone)]
pub struct LetsApp {
    parts: Arc<Parts>,
}

/// The reason why [`LetsApp::sign_up`] has created no account.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The username is not valid.
    #[error("the username {0}")]
    Username(#[from] TextError),
    /// The password is not valid.
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
    media: MediaService,
    store: Arc<dyn Repositories>,
    hub: Arc<Hub>,
    /// `None` without a bus.
    cluster: Option<Arc<Cluster>>,
    engine: Arc<Engine>,
    /// Background tasks that hold no unsaved data, so that aborting them is safe. Empty after shutdown.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl LetsApp {
    fn new(
        store: Arc<dyn Repositories>,
        hub: Arc<Hub>,
        cluster: Option<Arc<Cluster>>,
        engine: Arc<Engine>,
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
                media: MediaService::new(engine.clone()),
                store,
                hub,
                cluster,
                engine,
                tasks: Mutex::new(tasks),
            }),
        }
    }

    /// Returns the service for accounts and sessions.
    pub fn auth(&self) -> &AuthService {
        &self.parts.auth
    }

    /// Returns the service for profiles.
    pub fn users(&self) -> &UserService {
        &self.parts.users
    }

    /// Returns the service for contacts and blocks.
    pub fn contacts(&self) -> &ContactService {
        &self.parts.contacts
    }

    /// Returns the service for conversations and their members.
    pub fn conversations(&self) -> &ConversationService {
        &self.parts.conversations
    }

    /// Returns the service for messages.
    pub fn messages(&self) -> &MessageService {
        &self.parts.messages
    }

    /// Returns the service for presence.
    pub fn presence(&self) -> &PresenceService {
        &self.parts.presence
    }

    /// Returns the service for typing indicators.
    pub fn typing(&self) -> &TypingService {
        &self.parts.typing
    }

    /// Returns the service for deleting accounts.
    pub fn erasure(&self) -> &ErasureService {
        &self.parts.erasure
    }

    /// Returns the service for files.
    pub fn media(&self) -> &MediaService {
        &self.parts.media
    }

    /// Returns the hub that delivers events. [`Hub::connect`] adds a connection.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.parts.hub
    }

    /// Returns the epoch of the store. Clients that knew another one forget how far they were.
    pub fn epoch(&self) -> Epoch {
        self.parts.engine.epoch
    }

    /// Returns the clock that all services use.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.engine.runtime.clock
    }

    /// Returns the source of ids and randomness.
    pub fn ids(&self) -> &Arc<dyn IdSource> {
        &self.parts.engine.runtime.ids
    }

    /// Returns the key that seals the cursors of lists, as it is now: keys can be rotated.
    pub fn cursor_key(&self) -> Arc<CursorKey> {
        Arc::clone(&self.parts.engine.sessions.keyring.current().cursor)
    }

    /// Returns the counters of the limits: those that the [builder](LetsAppBuilder::limits) has set or, if it has set
    /// none, those of `table`, which hold from here on for what services count too. So a server that counts requests
    /// with them can't serve an application without the limits of the services, nor one with others.
    pub fn limiter_or(&self, table: Table) -> Arc<Limiter> {
        self.parts.engine.adding.limiter_or(table)
    }

    /// Creates an account and returns the principal of its first session: a short form of
    /// [`AuthService::register`] for programs that embed LetsApp.
    ///
    /// # Errors
    /// [`SignUpError`] when the username or the password is not valid, the username is taken, or the store fails.
    pub async fn sign_up(&self, username: &str, password: &str) -> Result<Principal, SignUpError> {
        let request = Register::new(Username::parse(username)?, Password::parse(password)?);
        let signed_in = self.auth().register(request).await?;
        Ok(self.auth().authenticate(&signed_in.tokens.access_token).await?)
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.parts.engine
    }

    /// Checks that the store can serve requests.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] when it can't.
    pub async fn ping(&self) -> Result<(), RepositoryError> {
        self.parts.store.ping().await
    }

    /// Refuses new changes, finishes those under way, and closes the store. Afterwards everything acknowledged is
    /// durable.
    pub async fn shutdown(&self) {
        // In this order: the tasks cause changes, and changes need the store.
        self.parts.end_tasks();
        self.parts.engine.close().await;
        if let Some(cluster) = &self.parts.cluster {
            cluster.leave().await;
        }
        self.parts.store.close().await;
    }
}

impl Parts {
    /// Aborts the background tasks. Does nothing the second time.
    fn end_tasks(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.end_tasks();
        self.engine.stop();
        if let Some(cluster) = &self.cluster {
            cluster.stop();
        }
    }
}
