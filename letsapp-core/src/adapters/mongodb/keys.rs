//! The server's own keys, shared by all servers on one database.

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::{Binary, DateTime, doc};
use mongodb::options::FindOptions;
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::fields::{VERSION, array, binary, date, moment, word};
use super::retry::{Backoff, Deadline, VISIBILITY_TIMEOUT};
use super::schema::KEYS;
use crate::domain::key::{Key, KeyPurpose, Kid};
use crate::ports::{KeyRepository, RepositoryError};

/// Key repository on the collection `keys`.
#[derive(Debug)]
pub(super) struct MongoKeys {
    connection: Arc<Connection>,
}

/// A document of `keys`.
#[derive(Debug, Serialize, Deserialize)]
struct KeyDocument {
    #[serde(rename = "_id")]
    kid: String,
    v: i32,
    purpose: String,
    secret: Binary,
    created_at: DateTime,
    /// Purpose, set in the first key of each purpose only. Unique, so that of several servers that start on an empty
    /// database one creates the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_of: Option<String>,
}

impl MongoKeys {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    /// Reads the keys of a purpose, newest first.
    async fn of(&self, purpose: KeyPurpose) -> Result<Vec<Key>, RepositoryError> {
        let options = FindOptions::builder().sort(doc! {"created_at": -1, "_id": -1}).build();
        let filter = doc! {"purpose": purpose.as_str()};
        let found: Vec<KeyDocument> = self.connection.find(KEYS, filter, options).await?;
        found.into_iter().map(KeyDocument::into_key).collect()
    }
}

#[async_trait]
impl KeyRepository for MongoKeys {
    async fn keys(&self, purpose: KeyPurpose, candidate: Key) -> Result<Vec<Key>, RepositoryError> {
        let document = KeyDocument::first(purpose, &candidate);
        let deadline = Deadline::after(VISIBILITY_TIMEOUT);
        let mut backoff = Backoff::new();
        loop {
            let keys = self.of(purpose).await?;
            if !keys.is_empty() {
                return Ok(keys);
            }
            if self.connection.insert(KEYS, &document).await?.is_some() {
                // Another server has inserted its key, which reads show once a majority has it.
                if deadline.has_passed() {
                    return Err(RepositoryError::unavailable(
                        "the key of another server is not readable yet",
                    ));
                }
                backoff.pause().await;
            }
        }
    }
}

impl KeyDocument {
    /// Returns the document of the first key of a purpose.
    fn first(purpose: KeyPurpose, key: &Key) -> Self {
        Self {
            kid: key.kid.0.clone(),
            v: VERSION,
            purpose: purpose.as_str().to_owned(),
            secret: binary(&key.secret),
            created_at: date(key.created_at),
            first_of: Some(purpose.as_str().to_owned()),
        }
    }

    fn into_key(self) -> Result<Key, RepositoryError> {
        Ok(Key {
            kid: Kid(self.kid),
            purpose: word(&self.purpose, KeyPurpose::from_word)?,
            secret: array(self.secret)?,
            created_at: moment(self.created_at),
        })
    }
}
