//! Store on MongoDB, on a replica set or a sharded cluster.
//!
//! Reads use `readConcern: majority` on the primary and are never older than what this server has seen acknowledged;
//! writes use `w: majority, j: true`. The order of a conversation comes from unique indexes alone: every writer offers
//! the next numbers, and when several servers offer the same ones, the index accepts one and refuses the others.
//!
//! Memberships are stored twice. `members`, keyed by conversation, holds each member's role and windows, which is what
//! a roster needs. `memberships`, keyed by user, repeats them together with everything that members change by
//! themselves (watermarks, preferences, `changed_at`). Listing a user's conversations and syncing therefore ask one
//! shard, and a receipt is one write to one document. A change of membership writes both copies in one transaction.
//! Receipts of a conversation are read by the ids of its members.
//!
//! The store holds no business rules: each method is one atomic step that a service has already decided on.

mod abandoned_transactions;
mod bus;
mod command;
mod connect_error;
mod connection;
mod contacts;
mod conversations;
mod error;
mod fields;
mod gate;
mod gridfs;
mod index_builds;
mod keys;
mod media;
mod messages;
mod meta;
mod migrations;
mod retry;
mod schema;
mod sessions;
mod topology;
mod users;

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::doc;
use mongodb::options::ClientOptions;

pub use self::bus::MongoBus;
pub use self::connect_error::ConnectError;
use self::connection::{Connection, Session};
use self::contacts::MongoContacts;
use self::conversations::MongoConversations;
use self::fields::moment;
use self::gridfs::GridFs;
use self::keys::MongoKeys;
use self::media::MongoMedia;
use self::messages::MongoMessages;
use self::meta::MongoMeta;
use self::sessions::MongoSessions;
use self::users::MongoUsers;
use crate::domain::timestamp::Timestamp;
use crate::ports::{
    BlobError, BlobStore, ContactRepository, ConversationRepository, KeyRepository, MediaRepository, MessageRepository,
    MetaRepository, Repositories, RepositoryError, SessionRepository, UserRepository,
};

/// Store on a MongoDB replica set or sharded cluster. Any number of servers may share one.
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
    media: Arc<MongoMedia>,
    keys: Arc<MongoKeys>,
    meta: Arc<MongoMeta>,
}

impl MongoStore {
    /// Name of the database that is used when the address names none.
    pub const DEFAULT_DATABASE: &str = "letsapp";

    /// Connects to the database that an address such as `mongodb://host:27017/DATABASE` names, and creates or checks
    /// its collections and indexes.
    ///
    /// # Errors
    /// [`ConnectError`] if the address is not valid, no server answers, the server is standalone, or the collections
    /// can't be used. Its text is one line.
    pub async fn connect(uri: &str) -> Result<Self, ConnectError> {
        let options = ClientOptions::parse(uri).await.map_err(ConnectError::address)?;
        Self::with_options(options).await
    }

    /// Connects with the given options, such as certificates or an event handler. Read and write concern, read
    /// preference, the application's name and the timeouts are replaced by the store's own.
    ///
    /// # Errors
    /// [`ConnectError`], as for [`connect`](Self::connect).
    pub async fn with_options(options: ClientOptions) -> Result<Self, ConnectError> {
        let connection = Arc::new(Connection::open(options, Self::DEFAULT_DATABASE).await?);
        schema::prepare(&connection).await?;
        migrations::run(&connection).await?;
        Ok(Self {
            users: Arc::new(MongoUsers::new(Arc::clone(&connection))),
            sessions: Arc::new(MongoSessions::new(Arc::clone(&connection))),
            contacts: Arc::new(MongoContacts::new(Arc::clone(&connection))),
            conversations: Arc::new(MongoConversations::new(Arc::clone(&connection))),
            messages: Arc::new(MongoMessages::new(Arc::clone(&connection))),
            media: Arc::new(MongoMedia::new(Arc::clone(&connection))),
            keys: Arc::new(MongoKeys::new(Arc::clone(&connection))),
            meta: Arc::new(MongoMeta::new(Arc::clone(&connection))),
            connection,
        })
    }

    /// Returns the store of bytes in GridFS, in the collections `media.files` and `media.chunks` of this database.
    pub fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(GridFs::new(Arc::clone(&self.connection)))
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

    fn media(&self) -> Arc<dyn MediaRepository> {
        Arc::clone(&self.media) as _
    }

    fn blobs(&self) -> Result<Option<Arc<dyn BlobStore>>, BlobError> {
        Ok(Some(Self::blobs(self)))
    }

    fn keys(&self) -> Arc<dyn KeyRepository> {
        Arc::clone(&self.keys) as _
    }

    fn meta(&self) -> Arc<dyn MetaRepository> {
        Arc::clone(&self.meta) as _
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn time(&self) -> Result<Option<Timestamp>, RepositoryError> {
        let mut session = self.connection.session().await?;
        let hello = self
            .connection
            .database()
            .run_command(doc! {"hello": 1})
            .session(&mut *session);
        let answer = Session::step(hello).await?;
        let time = answer.get_datetime("localTime").map_err(RepositoryError::internal)?;
        Ok(Some(moment(*time)))
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
