//! The leases: a document for each server, with the time at which its lease ends by the clock of the database.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{DateTime, Document, Uuid, doc};
use mongodb::options::AggregateOptions;
use serde::Deserialize;

use super::collections::LEASES;
use super::directory::Directory;
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id as _, VERSION};
use crate::domain::id::ServerId;
use crate::ports::{Lease, Peer, RepositoryError};

/// The leases.
#[derive(Debug)]
pub(super) struct Leases {
    connection: Arc<Connection>,
    directory: Directory,
}

/// A server, as it is read.
#[derive(Debug, Deserialize)]
struct Server {
    #[serde(rename = "_id")]
    id: Uuid,
    alive: bool,
}

impl Leases {
    pub(super) const fn new(connection: Arc<Connection>, directory: Directory) -> Self {
        Self { connection, directory }
    }

    pub(super) async fn renew(&self, server_id: ServerId, ttl: Duration) -> Result<Lease, RepositoryError> {
        let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX >> 12);
        let taken = vec![doc! {"$set": {"v": VERSION, "until": {"$add": ["$$NOW", ttl]}}}];
        let id = server_id.to_bson();
        let valid = doc! {"_id": id, "$expr": {"$gt": ["$until", "$$NOW"]}};
        if self.change(doc! {"q": valid, "u": taken.clone()}).await? > 0 {
            return Ok(Lease::Renewed);
        }
        self.directory.clear(server_id).await?;
        self.change(doc! {"q": {"_id": id}, "u": taken, "upsert": true}).await?;
        Ok(Lease::New)
    }

    pub(super) async fn servers(&self) -> Result<Vec<Peer>, RepositoryError> {
        let pipeline = vec![doc! {"$project": {"alive": {"$gt": ["$until", "$$NOW"]}}}];
        let servers = self
            .connection
            .aggregate::<Server>(LEASES, pipeline, AggregateOptions::default());
        let peer = |server: Server| Peer {
            id: ServerId::from_bson(server.id),
            is_alive: server.alive,
        };
        Ok(servers.await?.into_iter().map(peer).collect())
    }

    pub(super) async fn retire(&self, server_id: ServerId) -> Result<(), RepositoryError> {
        let id = server_id.to_bson();
        // Expired first, and gone last: if the server lives after all, its next renewal finds no lease, and it enters
        // its users again. If this stops half-way, the server can be retired again.
        let expired = doc! {"$set": {"until": DateTime::from_millis(0)}};
        self.change(doc! {"q": {"_id": id}, "u": expired}).await?;
        self.directory.clear(server_id).await?;
        let removal = command::delete(LEASES, &doc! {"_id": id}).map_err(RepositoryError::internal)?;
        self.connection.persist(removal).await
    }

    /// Carries out a change, and returns the number of leases that it found.
    async fn change(&self, statement: Document) -> Result<usize, RepositoryError> {
        let command = command::update(LEASES, [statement], command::Order::Kept).map_err(RepositoryError::internal)?;
        self.connection.persist_counted(command).await
    }
}
