//! Raw MongoDB driver: inserts the documents that the MongoDB store would insert, with the same write concern and
//! indexes.
//!
//! The inserts are unordered and need no decision: all sequence numbers are known before.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Binary, DateTime, Uuid, doc, spec::BinarySubtype},
    error::{Error, Result},
    options::{Acknowledgment, CollectionOptions, IndexOptions, WriteConcern},
};
use serde::Serialize;

use crate::{compare::Throughput, sample::MessageRow};

/// Collection of messages, alone in its database.
#[derive(Debug, Clone)]
pub struct Messages {
    database: Database,
}

/// Drops the database that the URI names.
///
/// # Errors
/// Fails if the server can't be reached.
///
/// # Panics
/// Panics if the URI names no database.
pub async fn drop_database(uri: &str) -> Result<()> {
    let client = Client::with_uri_str(uri).await?;
    client
        .default_database()
        .expect("the URI names a database")
        .drop()
        .await
}

/// Documents that are sent but not acknowledged at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// Tasks, each with one command in flight.
    pub tasks: usize,
    /// Documents per command.
    pub batch: usize,
}

impl Messages {
    /// Creates the collection and its indexes in the database that the URI names.
    ///
    /// # Errors
    /// Fails if the server can't be reached.
    ///
    /// # Panics
    /// Panics if the URI names no database.
    pub async fn create(uri: &str) -> Result<Self> {
        let client = Client::with_uri_str(uri).await?;
        let messages = Self {
            database: client.default_database().expect("the URI names a database"),
        };
        messages.collection().create_indexes(indexes()).await?;
        Ok(messages)
    }

    /// Keeps documents in flight for about `duration`: each task takes the next rows and inserts them with one unordered
    /// command, journaled and acknowledged by a majority.
    ///
    /// # Errors
    /// Fails if a document is refused, or the connection is lost.
    ///
    /// # Panics
    /// Panics if one of the tasks did.
    pub async fn insert_for<'a>(
        &self,
        duration: Duration,
        in_flight: InFlight,
        rows: impl Iterator<Item = MessageRow<'a>> + Send,
    ) -> Result<Throughput> {
        let rows = Mutex::new(rows);
        let next_batch = || {
            let mut rows = rows.lock().expect("no task panics while it holds the rows");
            rows.by_ref().take(in_flight.batch).collect::<Vec<_>>()
        };
        let start = Instant::now();
        let task = async || {
            let (collection, mut count) = (self.collection(), 0);
            while start.elapsed() < duration {
                let documents = next_batch().into_iter().map(Document::from);
                let inserted = collection.insert_many(documents).ordered(false).await?;
                count += inserted.inserted_ids.len() as u64;
            }
            Ok::<u64, Error>(count)
        };
        let counts = futures_util::future::try_join_all((0..in_flight.tasks).map(|_| task())).await?;
        Ok(Throughput {
            count: counts.iter().sum(),
            elapsed: start.elapsed(),
        })
    }

    /// Drops the database.
    ///
    /// # Errors
    /// Fails if the server can't be reached.
    pub async fn drop_database(self) -> Result<()> {
        self.database.drop().await
    }

    fn collection<'a>(&self) -> Collection<Document<'a>> {
        let concern = WriteConcern::builder()
            .w(Acknowledgment::Majority)
            .journal(true)
            .build();
        let options = CollectionOptions::builder().write_concern(concern).build();
        self.database.collection_with_options("messages", options)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "_id")]
    id: Id,
    v: i32,
    conversation_id: Uuid,
    seq: i64,
    rev: i64,
    revs: [i64; 1],
    ordinal: i64,
    head: Head,
    sender_id: Uuid,
    content: Content<'a>,
    sent_at: DateTime,
    fingerprint: Fingerprint,
    tokens: &'a [String],
}

#[derive(Serialize)]
struct Id {
    conversation: Uuid,
    message: Uuid,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    body: &'a str,
}

#[derive(Serialize)]
struct Head {
    seq: i64,
    ordinal: i64,
    fence: i64,
}

#[derive(Serialize)]
struct Fingerprint {
    version: i32,
    hash: Binary,
}

impl<'a> From<MessageRow<'a>> for Document<'a> {
    fn from(row: MessageRow<'a>) -> Self {
        let conversation = Uuid::from_bytes(row.conversation.into_bytes());
        Self {
            id: Id {
                conversation,
                message: Uuid::from_bytes(row.id.into_bytes()),
            },
            v: 1,
            conversation_id: conversation,
            seq: row.seq,
            rev: row.seq,
            revs: [row.seq],
            ordinal: row.seq,
            head: Head {
                seq: row.seq,
                ordinal: row.seq,
                fence: 0,
            },
            sender_id: Uuid::from_bytes(row.sender.into_bytes()),
            content: Content {
                kind: "text",
                body: &row.text.body,
            },
            sent_at: DateTime::from_millis(row.sent_at),
            fingerprint: Fingerprint {
                version: 1,
                hash: Binary {
                    subtype: BinarySubtype::Generic,
                    bytes: row.fingerprint.to_vec(),
                },
            },
            tokens: &row.text.tokens,
        }
    }
}

/// Returns the indexes of the MongoDB store.
fn indexes() -> [IndexModel; 6] {
    let unique = || IndexOptions::builder().unique(true).build();
    // Named, as the default name would be that of the unique index over the same keys.
    let deleted = IndexOptions::builder()
        .name("deleted".to_owned())
        .partial_filter_expression(doc! {"deleted_at": {"$exists": true}})
        .build();
    [
        (doc! {"conversation_id": 1, "seq": 1}, Some(unique())),
        (doc! {"conversation_id": 1, "revs": 1}, Some(unique())),
        (doc! {"conversation_id": 1, "rev": 1}, None),
        // By sender, as the store has it: each index is work for every insert.
        (
            doc! {"conversation_id": 1, "sender_id": 1, "seq": 1, "content.type": 1},
            None,
        ),
        (doc! {"conversation_id": 1, "seq": 1}, Some(deleted)),
        (doc! {"conversation_id": 1, "tokens": 1}, None),
    ]
    .map(|(keys, options)| IndexModel::builder().keys(keys).options(options).build())
}
