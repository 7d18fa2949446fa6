//! Login sessions, one document each. MongoDB removes a session within minutes of its end, by a TTL index.

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Binary, DateTime, Document, Uuid, doc, serialize_to_document};
use mongodb::options::{FindOptions, Hint};
use serde::{Deserialize, Serialize};

use super::command;
use super::connection::{Connection, Session as Ask};
use super::fields::{DocumentVersion, Id, Keyed, VERSION, array, binary, date, ids, limited, moment, uuids};
use super::schema::{EXPIRY, SESSIONS};
use crate::domain::id::{SessionId, UserId};
use crate::domain::key::Kid;
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::timestamp::Timestamp;
use crate::ports::{RepositoryError, Revoke, SessionRepository};

/// Session repository on the collection `sessions`.
#[derive(Debug)]
pub(super) struct MongoSessions {
    connection: Arc<Connection>,
}

/// A document of `sessions`.
#[derive(Debug, Serialize, Deserialize)]
struct SessionDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    v: DocumentVersion,
    user_id: Uuid,
    /// Name that the client gave its device at login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_name: Option<String>,
    created_at: DateTime,
    last_used_at: DateTime,
    /// End of the session; the TTL index removes the document after it.
    expires_at: DateTime,
    /// Present generation of the refresh token.
    refresh: GenerationDocument,
    /// Hash of the refresh token before the present one, set by each rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Binary>,
}

/// Generation of a session's refresh token, embedded in a session.
#[derive(Debug, Serialize, Deserialize)]
struct GenerationDocument {
    number: i64,
    hash: Binary,
    kid: String,
    issued_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_at: Option<DateTime>,
}

impl MongoSessions {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    fn collection(&self) -> Collection<SessionDocument> {
        self.connection.collection(SESSIONS)
    }

    async fn read(&self, filter: Document, options: FindOptions) -> Result<Vec<Session>, RepositoryError> {
        let found: Vec<SessionDocument> = self.connection.find(SESSIONS, filter, options).await?;
        found.into_iter().map(SessionDocument::into_session).collect()
    }
}

#[async_trait]
impl SessionRepository for MongoSessions {
    async fn create(&self, session: Session) -> Result<(), RepositoryError> {
        let mut ask = self.connection.session().await?;
        let collection = self.collection();
        let insert = collection.insert_one(SessionDocument::new(&session)).session(&mut *ask);
        Ok(Ask::step(insert).await.map(drop)?)
    }

    async fn find(&self, ids: &[SessionId]) -> Result<Vec<Session>, RepositoryError> {
        self.read(doc! {"_id": {"$in": uuids(ids)}}, FindOptions::default())
            .await
    }

    async fn of_user(&self, user_id: UserId) -> Result<Vec<Session>, RepositoryError> {
        let options = FindOptions::builder().sort(doc! {"created_at": -1, "_id": -1}).build();
        self.read(doc! {"user_id": user_id.to_bson()}, options).await
    }

    async fn rotate(
        &self,
        id: SessionId,
        from: TokenHash,
        to: Generation,
        expires_at: Timestamp,
    ) -> Result<bool, RepositoryError> {
        let mut ask = self.connection.session().await?;
        // Matches only while `from` is the present token: of two rotations at the same time, one finds nothing.
        let in_force = doc! {"_id": id.to_bson(), "refresh.hash": binary(&from.0)};
        let issued_at = date(to.issued_at);
        let replace = doc! {"$set": {
            "previous": binary(&from.0),
            "refresh": serialize_to_document(&GenerationDocument::new(&to)).map_err(RepositoryError::internal)?,
            "expires_at": date(expires_at),
            "last_used_at": issued_at,
        }};
        let collection = self.collection();
        let update = collection.update_one(in_force, replace).session(&mut *ask);
        Ok(Ask::step(update).await?.matched_count == 1)
    }

    async fn used(&self, id: SessionId, number: u32, at: Timestamp) -> Result<(), RepositoryError> {
        let mut ask = self.connection.session().await?;
        let at = date(at);
        // A pipeline, because it depends on the stored number: a use of an older generation only moves `last_used_at`.
        let first = doc! {"$and": [
            {"$eq": ["$refresh.number", i64::from(number)]},
            {"$eq": [{"$type": "$refresh.used_at"}, "missing"]},
        ]};
        let note = vec![doc! {"$set": {
            "last_used_at": {"$max": ["$last_used_at", at]},
            "refresh": {"$cond": [first, {"$mergeObjects": ["$refresh", {"used_at": at}]}, "$refresh"]},
        }}];
        let collection = self.collection();
        let update = collection
            .update_one(doc! {"_id": id.to_bson()}, note)
            .session(&mut *ask);
        Ok(Ask::step(update).await.map(drop)?)
    }

    async fn revoke(&self, user_id: UserId, which: Revoke) -> Result<Vec<SessionId>, RepositoryError> {
        let mut filter = doc! {"user_id": user_id.to_bson()};
        match which {
            Revoke::One(id) => _ = filter.insert("_id", id.to_bson()),
            Revoke::AllBut(id) => _ = filter.insert("_id", doc! {"$ne": id.to_bson()}),
            Revoke::All => {}
        }
        let connection = self.connection.admit().await?;
        let mut revoked = Vec::new();
        // Repeats until none is found, so that a session that begins meanwhile is revoked too.
        loop {
            let options = FindOptions::builder().projection(doc! {"_id": 1}).build();
            let found: Vec<Keyed<Uuid>> = connection.find(SESSIONS, filter.clone(), options).await?;
            if found.is_empty() {
                return Ok(ids(revoked));
            }
            let found: Vec<Uuid> = found.into_iter().map(|found| found.key).collect();
            let mut ask = connection.session().await?;
            let collection = self.collection();
            let delete = collection
                .delete_many(doc! {"_id": {"$in": &found}, "user_id": user_id.to_bson()})
                .session(&mut *ask);
            Ask::step(delete).await?;
            revoked.extend(found);
        }
    }

    async fn remove_expired(&self, before: Timestamp, limit: usize) -> Result<bool, RepositoryError> {
        if limit == 0 {
            return Ok(false);
        }
        // Mostly finds nothing, because MongoDB has been faster.
        let options = FindOptions::builder()
            .projection(doc! {"_id": 1})
            .sort(doc! {"expires_at": 1})
            .limit(limited(limit))
            .hint(Hint::Name(EXPIRY.to_owned()))
            .build();
        let filter = doc! {"expires_at": {"$lt": date(before)}};
        let connection = self.connection.admit().await?;
        let found: Vec<Keyed<Uuid>> = connection.find(SESSIONS, filter, options).await?;
        if found.is_empty() {
            return Ok(true);
        }
        let count = found.len();
        let ids: Vec<_> = found.into_iter().map(|found| found.key).collect();
        // With the end once more: a session that is refreshed meanwhile stays.
        let those = doc! {"_id": {"$in": ids}, "expires_at": {"$lt": date(before)}};
        let command = command::delete(SESSIONS, &those).map_err(RepositoryError::internal)?;
        connection.persist(command).await?;
        Ok(count < limit)
    }
}

impl SessionDocument {
    fn new(session: &Session) -> Self {
        Self {
            id: session.id.to_bson(),
            v: VERSION,
            user_id: session.user_id.to_bson(),
            device_name: session.device_name.clone(),
            created_at: date(session.created_at),
            last_used_at: date(session.last_used_at),
            expires_at: date(session.expires_at),
            refresh: GenerationDocument::new(&session.refresh),
            previous: session.previous.map(|hash| binary(&hash.0)),
        }
    }

    fn into_session(self) -> Result<Session, RepositoryError> {
        Ok(Session {
            id: SessionId::from_bson(self.id),
            user_id: UserId::from_bson(self.user_id),
            device_name: self.device_name,
            created_at: moment(self.created_at),
            last_used_at: moment(self.last_used_at),
            expires_at: moment(self.expires_at),
            refresh: self.refresh.into_generation()?,
            previous: self.previous.map(array).transpose()?.map(TokenHash),
        })
    }
}

impl GenerationDocument {
    fn new(generation: &Generation) -> Self {
        Self {
            number: i64::from(generation.number),
            hash: binary(&generation.hash.0),
            kid: generation.kid.0.clone(),
            issued_at: date(generation.issued_at),
            used_at: generation.used_at.map(date),
        }
    }

    fn into_generation(self) -> Result<Generation, RepositoryError> {
        Ok(Generation {
            number: u32::try_from(self.number).map_err(RepositoryError::internal)?,
            hash: TokenHash(array(self.hash)?),
            kid: Kid(self.kid),
            issued_at: moment(self.issued_at),
            used_at: self.used_at.map(moment),
        })
    }
}
