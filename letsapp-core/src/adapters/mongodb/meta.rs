//! The description of the store, in the one document of the collection `meta`.

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use super::connection::{Connection, Session};
use super::fields::{Id, VERSION};
use super::schema::{META, SCHEMA_VERSION};
use crate::domain::id::Epoch;
use crate::domain::meta::Meta;
use crate::domain::search::ANALYSIS_VERSION;
use crate::ports::{MetaRepository, RepositoryError};

/// Meta repository on the collection `meta`.
#[derive(Debug)]
pub(super) struct MongoMeta {
    connection: Arc<Connection>,
}

/// The document of `meta`.
#[derive(Debug, Deserialize)]
struct MetaDocument {
    epoch: Uuid,
    schema: i64,
    analysis: i64,
}

/// `_id` of the document. Unique, so that of several servers that start on an empty database one creates it.
const ONLY: &str = "store";

impl MongoMeta {
    pub(super) const fn new(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    /// Applies an update that sets `epoch` to the document, which is created if it is missing, and returns it.
    async fn upsert(&self, mut update: Document) -> Result<Meta, RepositoryError> {
        // An older server beside a newer one must not lower the version.
        update.insert("$max", doc! {"schema": SCHEMA_VERSION});
        update
            .entry("$setOnInsert")
            .or_insert_with(|| doc! {}.into())
            .as_document_mut()
            .expect("it is a document")
            .extend(doc! {"v": VERSION, "analysis": i64::from(ANALYSIS_VERSION)});
        // Two upserts at the same time may both try to insert; the driver repeats the one that fails.
        let mut session = self.connection.session().await?;
        let collection = self.connection.collection::<MetaDocument>(META);
        let upsert = collection
            .find_one_and_update(doc! {"_id": ONLY}, update)
            .upsert(true)
            .return_document(ReturnDocument::After)
            .session(&mut *session);
        let document = Session::step(upsert).await?;
        let document = document.ok_or_else(|| RepositoryError::internal("an upsert has returned no document"))?;
        let number = |value| u32::try_from(value).map_err(RepositoryError::internal);
        Ok(Meta {
            epoch: Epoch::from_bson(document.epoch),
            schema: number(document.schema)?,
            analysis: number(document.analysis)?,
        })
    }
}

#[async_trait]
impl MetaRepository for MongoMeta {
    async fn meta(&self, candidate: Epoch) -> Result<Meta, RepositoryError> {
        self.upsert(doc! {"$setOnInsert": {"epoch": candidate.to_bson()}}).await
    }

    async fn renew_epoch(&self, to: Epoch) -> Result<Meta, RepositoryError> {
        self.upsert(doc! {"$set": {"epoch": to.to_bson()}}).await
    }
}
