//! The store on MongoDB: a replica set, or a sharded cluster.
//!
//! Reads are `readConcern: majority` on the primary and never older than what this instance has seen acknowledged;
//! writes are `w: majority, j: true`. A conversation's order comes from unique indexes alone: whoever writes to it
//! offers the next numbers, and of several who offer the same ones the index lets one pass.
//!
//! Who is in a conversation is kept twice. `members`, by conversation, says who is in and in which role: a roster's
//! question. `memberships`, by user, says it again, with all that a member changes by themselves (watermarks,
//! preferences, `changed_at`): so "my conversations" and a sync ask one shard, and a receipt is one write to one
//! document. A change of membership writes both in one transaction; the receipts of a conversation are looked up by
//! the ids of its members.
//!
//! What is not here: rules. Each method is one atomic step that somebody decided on before.

mod abandoned_transactions;
mod command;
mod connection;
mod contacts;
mod conversations;
mod error;
mod fields;
mod keys;
mod messages;
mod retry;
mod schema;
mod sessions;
mod users;

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::doc;
use mongodb::options::ClientOptions;

pub use self::connection::ConnectError;
use self::connection::{Connection, Session};
use self::contacts::MongoContacts;
use self::conversations::MongoConversations;
use self::keys::MongoKeys;
use self::messages::MongoMessages;
use self::sessions::MongoSessions;
use self::users::MongoUsers;
use crate::ports::{
    ContactRepository, ConversationRepository, KeyRepository, MessageRepository, Repositories, RepositoryError,
    SessionRepository, UserRepository,
};

/// A store on a MongoDB replica set or sharded cluster. Any number of servers may share one.
///
/// ```no_run
/// # async fn open() -> Result<(), letsapp_core::adapters::mongodb::ConnectError> {
/// use letsapp_core::adapters::mongodb::MongoStore;
///
/// let store = MongoStore::connect("mongodb://localhost:27017/letsapp?replicaSet=rs0").await?;
/// # drop(store);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MongoStore {
    connection: Arc<Connection>,
    users: Arc<MongoUsers>,
    sessions: Arc<MongoSessions>,
    contacts: Arc<MongoContacts>,
    conversations: Arc<MongoConversations>,
    messages: Arc<MongoMessages>,
    keys: Arc<MongoKeys>,
}

impl MongoStore {
    /// The database that is used where the address names none.
    pub const DEFAULT_DATABASE: &str = "letsapp";

    /// Connects to the database that an address such as `mongodb://host:27017/DATABASE` names, and makes or checks its
    /// collections and indexes.
    ///
    /// # Errors
    /// [`ConnectError`], each in one line that says what to do.
    pub async fn connect(uri: &str) -> Result<Self, ConnectError> {
        let options = ClientOptions::parse(uri).await.map_err(ConnectError::address)?;
        Self::with_options(options).await
    }

    /// Connects with options of one's own, such as certificates or an event handler. Concerns, read preference and
    /// time limits are the store's to choose, and are replaced.
    ///
    /// # Errors
    /// [`ConnectError`], each in one line that says what to do.
    pub async fn with_options(options: ClientOptions) -> Result<Self, ConnectError> {
        let connection = Arc::new(Connection::open(options, Self::DEFAULT_DATABASE).await?);
        schema::prepare(&connection).await?;
        Ok(Self {
            users: Arc::new(MongoUsers::new(Arc::clone(&connection))),
            sessions: Arc::new(MongoSessions::new(Arc::clone(&connection))),
            contacts: Arc::new(MongoContacts::new(Arc::clone(&connection))),
            conversations: Arc::new(MongoConversations::new(Arc::clone(&connection))),
            messages: Arc::new(MongoMessages::new(Arc::clone(&connection))),
            keys: Arc::new(MongoKeys::new(Arc::clone(&connection))),
            connection,
        })
    }
}

#[async_trait]
impl Repositories for MongoStore {
    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::clone(&self.users) as _
    }

    fn sessions(&self) -> Arc<dyn SessionRepository> {
        Arc::clone(&self.sessions) as _
    }

    fn contacts(&self) -> Arc<dyn ContactRepository> {
        Arc::clone(&self.contacts) as _
    }

    fn conversations(&self) -> Arc<dyn ConversationRepository> {
        Arc::clone(&self.conversations) as _
    }

    fn messages(&self) -> Arc<dyn MessageRepository> {
        Arc::clone(&self.messages) as _
    }

    fn keys(&self) -> Arc<dyn KeyRepository> {
        Arc::clone(&self.keys) as _
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        let mut session = self.connection.session().await?;
        let ping = self
            .connection
            .database()
            .run_command(doc! {"ping": 1})
            .session(&mut *session);
        Ok(Session::step(ping).await.map(drop)?)
    }

    async fn close(&self) {
        self.connection.close().await;
    }
}
