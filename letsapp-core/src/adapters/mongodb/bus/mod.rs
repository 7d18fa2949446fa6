//! The bus between servers on MongoDB, for installations without Redis: messages in a collection that every server
//! follows by a change stream, and the directory and the leases in two more.
//!
//! The collections have no validators: nothing in them outlives a minute, or the servers that wrote it.

mod collections;
mod directory;
mod inbox;
mod leases;
mod messages;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use mongodb::options::ClientOptions;

use self::directory::Directory;
use self::leases::Leases;
use super::MongoStore;
use super::connect_error::ConnectError;
use super::connection::Connection;
use crate::domain::id::{ServerId, UserId};
use crate::ports::{BusError, BusMessage, EventBus, Incoming, Lease, Peer, RepositoryError};

/// A bus between servers on a MongoDB replica set or sharded cluster.
///
/// The costs are far above those of Redis. A message is a document that the primary inserts, replicates and removes a
/// minute later, and that every server's change stream reads from the log, also to find that it is for another server:
/// with `n` servers, `n` cursors on the primary look at each write of the whole deployment. A message arrives once a
/// majority has it, some milliseconds later than with Redis. Behind `mongos`, change streams wait for the slowest
/// shard: a shard without writes delays messages by up to ten seconds (`periodicNoopIntervalSecs`). The metric
/// `letsapp_bus_lag_seconds` tells how far a server is behind the log.
///
/// ```no_run
/// # async fn open() -> Result<(), letsapp_core::adapters::mongodb::ConnectError> {
/// use letsapp_core::adapters::mongodb::{MongoBus, MongoStore};
///
/// let store = MongoStore::connect("mongodb://localhost:27017/letsapp?replicaSet=rs0").await?;
/// let bus = MongoBus::on(&store).await?;
/// # drop(bus);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MongoBus {
    connection: Arc<Connection>,
    directory: Directory,
    leases: Leases,
}

impl MongoBus {
    /// Connects to the database that an address such as `mongodb://host:27017/DATABASE` names, and creates or checks
    /// the collections of the bus. The database may also have a store.
    ///
    /// # Errors
    /// [`ConnectError`], as for [`MongoStore::connect`].
    pub async fn connect(uri: &str) -> Result<Self, ConnectError> {
        let options = ClientOptions::parse(uri).await.map_err(ConnectError::address)?;
        let connection = Connection::open(options, MongoStore::DEFAULT_DATABASE).await?;
        Self::open(Arc::new(connection)).await
    }

    /// Opens the bus in the database of a store, on its connections. Closing the store closes the bus.
    ///
    /// # Errors
    /// [`ConnectError::Schema`] if the collections of the bus can't be used.
    pub async fn on(store: &MongoStore) -> Result<Self, ConnectError> {
        Self::open(Arc::clone(&store.connection)).await
    }

    async fn open(connection: Arc<Connection>) -> Result<Self, ConnectError> {
        collections::prepare(&connection).await?;
        let directory = Directory::new(Arc::clone(&connection));
        Ok(Self {
            leases: Leases::new(Arc::clone(&connection), directory.clone()),
            directory,
            connection,
        })
    }
}

#[async_trait]
impl EventBus for MongoBus {
    async fn join(&self, server_id: ServerId) -> Result<BoxStream<'static, Incoming>, BusError> {
        inbox::open(Arc::clone(&self.connection), server_id).await
    }

    async fn send(&self, messages: Vec<BusMessage>) -> Result<(), BusError> {
        messages::send(&self.connection, &messages).await.map_err(failed)
    }

    async fn renew(&self, server_id: ServerId, ttl: Duration) -> Result<Lease, BusError> {
        self.leases.renew(server_id, ttl).await.map_err(failed)
    }

    async fn enter(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.directory.enter(server_id, user_ids).await.map_err(failed)
    }

    async fn leave(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.directory.leave(server_id, user_ids).await.map_err(failed)
    }

    async fn locate(&self, user_ids: &[UserId]) -> Result<Vec<Vec<ServerId>>, BusError> {
        self.directory.locate(user_ids).await.map_err(failed)
    }

    async fn servers(&self) -> Result<Vec<Peer>, BusError> {
        self.leases.servers().await.map_err(failed)
    }

    async fn users_of(
        &self,
        server_id: ServerId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, BusError> {
        self.directory.users_of(server_id, after, limit).await.map_err(failed)
    }

    async fn retire(&self, server_id: ServerId) -> Result<(), BusError> {
        self.leases.retire(server_id).await.map_err(failed)
    }
}

fn failed(error: RepositoryError) -> BusError {
    BusError::new(error)
}
