//! Write commands, with the write concern and the time limits of the adapter.

use std::time::Duration;

use mongodb::bson::raw::RawArrayBuf;
use mongodb::bson::{RawDocumentBuf, cstr, rawdoc, serialize_to_raw_document_buf};
use mongodb::error::Result as DriverResult;
use serde::Serialize;

use super::Connection;
use super::operation_time::saw;
use super::time_limit::timed;
use crate::adapters::mongodb::error::{Fault, Key, Reply, is_passing};
use crate::adapters::mongodb::retry;
use crate::adapters::mongodb::retry::{Backoff, Deadline};
use crate::ports::RepositoryError;

impl Connection {
    /// Sends a write command once, without retries; for an [admitted](Self::admit) connection.
    ///
    /// # Errors
    /// The driver's error. Unless it is a refusal, the command may have been carried out nevertheless.
    pub(in crate::adapters::mongodb) async fn write(&self, command: RawDocumentBuf) -> DriverResult<Reply> {
        self.write_within(command, retry::WRITE_TIMEOUT, retry::STEP_TIMEOUT)
            .await
    }

    /// Sends a write command like [`write`](Self::write), with time limits of its own: for the server's work, and for
    /// the reply to arrive.
    ///
    /// # Errors
    /// The driver's error, as for [`write`](Self::write).
    pub(in crate::adapters::mongodb) async fn write_within(
        &self,
        mut command: RawDocumentBuf,
        server_limit: Duration,
        client_limit: Duration,
    ) -> DriverResult<Reply> {
        command.append(
            cstr!("writeConcern"),
            rawdoc! {"w": "majority", "j": true, "wtimeout": millis(retry::MAJORITY_TIMEOUT)},
        );
        command.append(cstr!("maxTimeMS"), millis(server_limit));
        // Without a session, which a single write does not need; its operation time is noted below.
        let answer = timed(client_limit, self.database.run_raw_command(command)).await;
        // Errors have an operation time too. A read that asks for it sees what an interrupted command has written.
        let time = match &answer {
            Ok(answer) => answer.get_timestamp("operationTime").ok(),
            Err(error) => error
                .server_response()
                .and_then(|answer| answer.get_timestamp("operationTime").ok()),
        };
        if let Some(time) = time {
            saw(&self.seen, time);
        }
        Reply::read(&RawDocumentBuf::try_from(&answer?)?)
    }

    /// Sends a write command once, and returns when one server has carried it out, whose journal is not waited for.
    ///
    /// The operation time is not noted: reads would wait for a majority to have it.
    ///
    /// # Errors
    /// The driver's error, as for [`write`](Self::write).
    pub(in crate::adapters::mongodb) async fn post(&self, mut command: RawDocumentBuf) -> DriverResult<Reply> {
        command.append(cstr!("writeConcern"), rawdoc! {"w": 1, "j": false});
        command.append(cstr!("maxTimeMS"), millis(retry::WRITE_TIMEOUT));
        let answer = timed(retry::STEP_TIMEOUT, self.database.run_raw_command(command)).await?;
        Reply::read(&RawDocumentBuf::try_from(&answer)?)
    }

    /// Inserts one document, or returns the unique key that another document already has.
    ///
    /// # Errors
    /// [`RepositoryError`] for any failure but a duplicate key.
    pub(in crate::adapters::mongodb) async fn insert(
        &self,
        collection: &str,
        document: &impl Serialize,
    ) -> Result<Option<Key>, RepositoryError> {
        let document = serialize_to_raw_document_buf(document).map_err(RepositoryError::internal)?;
        let mut command = rawdoc! {"insert": collection};
        command.append(cstr!("documents"), RawArrayBuf::from_iter([document]));
        let reply = self.admit().await?.write(command).await?;
        match (reply.refusal.map(|refusal| refusal.fault), reply.unconfirmed) {
            (None, None) => Ok(None),
            (Some(Fault::Duplicate(key)), _) => Ok(Some(key)),
            (Some(Fault::Lasting(cause)), _) => Err(RepositoryError::internal(cause)),
            (Some(Fault::Passing(cause)), _) | (None, Some(cause)) => Err(RepositoryError::unavailable(cause)),
        }
    }

    /// Sends an idempotent write command until a majority acknowledges it.
    ///
    /// # Errors
    /// [`RepositoryError::Internal`] if the server refuses it for good, [`RepositoryError::Unavailable`] if it is not
    /// acknowledged within [`retry::COMMIT_TIMEOUT`].
    pub(in crate::adapters::mongodb) async fn persist(&self, command: RawDocumentBuf) -> Result<(), RepositoryError> {
        self.persist_counted(command).await.map(drop)
    }

    /// Sends an idempotent write command like [`persist`](Self::persist), and returns the number of documents that it
    /// found or removed.
    ///
    /// # Errors
    /// [`RepositoryError`], as for [`persist`](Self::persist).
    pub(in crate::adapters::mongodb) async fn persist_counted(
        &self,
        command: RawDocumentBuf,
    ) -> Result<usize, RepositoryError> {
        let deadline = Deadline::after(retry::COMMIT_TIMEOUT);
        let mut backoff = Backoff::new();
        loop {
            let failure = match self.write(command.clone()).await {
                Ok(Reply {
                    refusal: None,
                    unconfirmed: None,
                    done,
                    ..
                }) => return Ok(done),
                Ok(reply) => match reply.refusal.map(|refusal| refusal.fault) {
                    Some(Fault::Lasting(cause)) => return Err(RepositoryError::internal(cause)),
                    _ => RepositoryError::unavailable("not acknowledged by a majority"),
                },
                Err(error) if is_passing(&error) => RepositoryError::unavailable(error),
                Err(error) => return Err(RepositoryError::internal(error)),
            };
            if deadline.has_passed() {
                return Err(failure);
            }
            backoff.pause().await;
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
