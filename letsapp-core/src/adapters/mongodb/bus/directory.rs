//! The directory: a document for each user who is connected, with the user's servers.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::FindOptions;
use serde::Deserialize;

use super::collections::DIRECTORY;
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id as _, Keyed, VERSION};
use crate::domain::id::{ServerId, UserId};
use crate::ports::RepositoryError;

/// Number of users in one command.
const MAX_COMMAND_USERS: usize = 1_000;

/// The directory. Writes are acknowledged by a majority, and reads show nothing older.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    connection: Arc<Connection>,
}

/// A document, as it is read.
#[derive(Debug, Deserialize)]
struct Place {
    #[serde(rename = "_id")]
    user: Uuid,
    servers: Vec<Uuid>,
}

impl Directory {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    pub(super) async fn enter(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), RepositoryError> {
        let change = doc! {"$addToSet": {"servers": server_id.to_bson()}, "$setOnInsert": {"v": VERSION}};
        for part in user_ids.chunks(MAX_COMMAND_USERS) {
            let statements = part
                .iter()
                .map(|user_id| doc! {"q": {"_id": user_id.to_bson()}, "u": change.clone(), "upsert": true});
            let command = command::update(DIRECTORY, statements, command::Order::Any);
            self.connection
                .persist(command.map_err(RepositoryError::internal)?)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn leave(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), RepositoryError> {
        let server = server_id.to_bson();
        for part in user_ids.chunks(MAX_COMMAND_USERS) {
            let these = doc! {"$in": bson_ids(part)};
            let statement = doc! {
                "q": {"_id": these.clone(), "servers": server}, "u": {"$pull": {"servers": server}}, "multi": true,
            };
            let command = command::update(DIRECTORY, [statement], command::Order::Any);
            self.connection
                .persist(command.map_err(RepositoryError::internal)?)
                .await?;
            // Whoever has entered in the meantime has a server again.
            let nowhere = doc! {"_id": these, "servers": {"$size": 0}};
            let command = command::delete(DIRECTORY, &nowhere).map_err(RepositoryError::internal)?;
            self.connection.persist(command).await?;
        }
        Ok(())
    }

    pub(super) async fn locate(&self, user_ids: &[UserId]) -> Result<Vec<Vec<ServerId>>, RepositoryError> {
        if user_ids.is_empty() {
            return Ok(Vec::new());
        }
        let options = FindOptions::builder().projection(doc! {"servers": 1}).build();
        let filter = doc! {"_id": {"$in": bson_ids(user_ids)}};
        let places: Vec<Place> = self.connection.find(DIRECTORY, filter, options).await?;
        let servers: HashMap<_, _> = places
            .into_iter()
            .map(|place| {
                let servers: Vec<_> = place.servers.into_iter().map(ServerId::from_bson).collect();
                (UserId::from_bson(place.user), servers)
            })
            .collect();
        let of = |user_id: &UserId| servers.get(user_id).cloned().unwrap_or_default();
        Ok(user_ids.iter().map(of).collect())
    }

    pub(super) async fn users_of(
        &self,
        server_id: ServerId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, RepositoryError> {
        if limit == 0 {
            // To the database, 0 means no limit.
            return Ok(Vec::new());
        }
        let mut filter: Document = doc! {"servers": server_id.to_bson()};
        if let Some(after) = after {
            filter.insert("_id", doc! {"$gt": after.to_bson()});
        }
        let options = FindOptions::builder()
            .projection(doc! {"_id": 1})
            .sort(doc! {"_id": 1})
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .build();
        let users: Vec<Keyed<Uuid>> = self.connection.find(DIRECTORY, filter, options).await?;
        Ok(users.into_iter().map(|user| UserId::from_bson(user.key)).collect())
    }

    /// Removes all users of a server.
    pub(super) async fn clear(&self, server_id: ServerId) -> Result<(), RepositoryError> {
        loop {
            let users = self.users_of(server_id, None, MAX_COMMAND_USERS).await?;
            if users.is_empty() {
                return Ok(());
            }
            self.leave(server_id, &users).await?;
        }
    }
}

fn bson_ids(user_ids: &[UserId]) -> Vec<Uuid> {
    user_ids.iter().map(|user_id| user_id.to_bson()).collect()
}
