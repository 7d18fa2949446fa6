//! Queries and aggregations, each in a session of its own.

use futures_util::TryStreamExt;
use mongodb::bson::Document;
use mongodb::options::{AggregateOptions, FindOptions};
use serde::de::DeserializeOwned;

use super::Connection;
use super::time_limit::timed;
use crate::adapters::mongodb::retry;
use crate::ports::RepositoryError;

/// Maximum number of documents per reply of a query. Larger than any roster, so that nearly every query takes one round
/// trip; the server's default for the first reply is 101.
const CURSOR_BATCH_SIZE: u32 = 4096;

impl Connection {
    /// Reads the documents that a filter selects, in one query.
    ///
    /// # Errors
    /// [`RepositoryError`] if the query fails or takes longer than [`retry::STEP_TIMEOUT`].
    pub(in crate::adapters::mongodb) async fn find<D>(
        &self,
        collection: &str,
        filter: Document,
        options: FindOptions,
    ) -> Result<Vec<D>, RepositoryError>
    where
        D: DeserializeOwned + Send + Sync,
    {
        let mut session = self.session().await?;
        let query = async {
            let collection = self.collection::<D>(collection);
            let mut options = options;
            options.batch_size.get_or_insert(CURSOR_BATCH_SIZE);
            let found = collection.find(filter).with_options(options).session(&mut *session);
            found.await?.stream(&mut session).try_collect().await
        };
        Ok(timed(retry::STEP_TIMEOUT, query).await?)
    }

    /// Reads the documents that an aggregation pipeline returns.
    ///
    /// # Errors
    /// [`RepositoryError`] if the query fails or takes longer than [`retry::STEP_TIMEOUT`].
    pub(in crate::adapters::mongodb) async fn aggregate<D>(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        mut options: AggregateOptions,
    ) -> Result<Vec<D>, RepositoryError>
    where
        D: DeserializeOwned + Send + Sync,
    {
        let mut session = self.session().await?;
        options.batch_size.get_or_insert(CURSOR_BATCH_SIZE);
        let query = async {
            let collection = self.collection::<Document>(collection);
            let made = collection.aggregate(pipeline).with_type::<D>().with_options(options);
            made.session(&mut *session)
                .await?
                .stream(&mut session)
                .try_collect()
                .await
        };
        Ok(timed(retry::STEP_TIMEOUT, query).await?)
    }
}
