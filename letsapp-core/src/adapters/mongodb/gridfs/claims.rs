//! Claims of ids by those who write blobs, renewed while the writer lives.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::bson::oid::ObjectId;
use tokio::task::JoinHandle;

use super::documents::renewal;
use crate::adapters::mongodb::command::{Order, update};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::retry;
use crate::adapters::mongodb::schema::BLOBS;
use crate::domain::id::BlobId;
use crate::ports::RepositoryError;

/// Age at which a claim, or a removal, counts as left behind. By the database's own clock, so that clocks of servers do
/// not matter.
pub(super) const MAX_AGE: Duration = Duration::from_secs(600);

/// Interval of the renewals. Several may fail before a claim is given up.
const INTERVAL: Duration = Duration::from_secs(60);

/// Renews a claim until it is dropped.
#[derive(Debug)]
pub(super) struct Renewals(JoinHandle<()>);

impl Renewals {
    /// Starts to renew the claim of a blob.
    pub(super) fn start(connection: Arc<Connection>, id: BlobId, token: ObjectId) -> Self {
        Self(tokio::spawn(async move {
            loop {
                retry::until(Some(retry::now() + INTERVAL)).await;
                // One that fails is made up for by the next. If the claim is lost, the completion notices.
                if let Err(error) = apply(&connection, renewal(id, token)).await {
                    tracing::debug!(blob.id = %id, %error, "the claim of a blob was not renewed");
                }
            }
        }))
    }
}

impl Drop for Renewals {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends an idempotent update of one document until a majority acknowledges it, and returns the number of documents
/// found.
///
/// # Errors
/// [`RepositoryError`], as for [`Connection::persist_counted`].
pub(super) async fn apply(connection: &Connection, statement: Document) -> Result<usize, RepositoryError> {
    let command = update(BLOBS, [statement], Order::Kept).map_err(RepositoryError::internal)?;
    connection.persist_counted(command).await
}
