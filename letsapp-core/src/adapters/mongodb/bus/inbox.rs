//! The inbox of a server: a change stream on the messages to it and to everyone.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use mongodb::bson::{Bson, Document, Timestamp, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ResumeToken;
use mongodb::error::{Error, RESUMABLE_CHANGE_STREAM_ERROR, Result as DriverResult};
use serde::Deserialize;

use super::collections::MESSAGES;
use super::messages::MessageDocument;
use crate::adapters::mongodb::connection::{Connection, timed, unpack};
use crate::adapters::mongodb::error::is_passing;
use crate::adapters::mongodb::fields::Id as _;
use crate::adapters::mongodb::retry::{self, Backoff};
use crate::domain::id::ServerId;
use crate::ports::{BusError, Incoming};

/// Time for which the server holds back the reply while there is nothing new.
const AWAIT_TIME: Duration = Duration::from_secs(1);

/// Begins to follow the messages to a server, and returns what arrives.
pub(super) async fn open(
    connection: Arc<Connection>,
    server_id: ServerId,
) -> Result<BoxStream<'static, Incoming>, BusError> {
    let mut inbox = Inbox {
        connection,
        server_id,
        changes: None,
        token: None,
        backoff: Backoff::new(),
    };
    inbox.follow().await.map_err(BusError::new)?;
    let incoming = stream::unfold(inbox, async |mut inbox| Some((inbox.next().await?, inbox)));
    Ok(incoming.boxed())
}

struct Inbox {
    connection: Arc<Connection>,
    server_id: ServerId,
    /// `None` after a failure.
    changes: Option<ChangeStream<Event>>,
    /// Place in the log up to which everything has been read; `None` if it is lost.
    token: Option<ResumeToken>,
    backoff: Backoff,
}

/// An inserted message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    cluster_time: Timestamp,
    full_document: MessageDocument,
}

impl Inbox {
    /// Returns what arrives next; `None` once the connection is closed.
    async fn next(&mut self) -> Option<Incoming> {
        loop {
            if self.changes.is_none() {
                let is_lost = self.token.is_none();
                match self.follow().await {
                    Ok(()) if is_lost => return Some(Incoming::Interrupted),
                    Ok(()) => {}
                    Err(error) => self.fail(&error).await,
                }
                // A pass can't be had any more once the store is closed.
                self.connection.admit().await.ok()?;
            }
            let Some(changes) = &mut self.changes else { continue };
            match timed(retry::STEP_TIMEOUT, changes.next_if_any()).await {
                Ok(Some(event)) => {
                    self.token = changes.resume_token();
                    self.backoff = Backoff::new();
                    self.measure(event.cluster_time);
                    return Some(Incoming::Message(event.full_document.into_message()));
                }
                Ok(None) if changes.is_alive() => self.token = changes.resume_token(),
                Ok(None) => {
                    // Somebody has dropped the collection: there is no place in the log to go on from.
                    self.token = None;
                    self.changes = None;
                }
                Err(error) => self.fail(&error).await,
            }
        }
    }

    /// Opens the change stream where the last one has ended, or at the present.
    async fn follow(&mut self) -> DriverResult<()> {
        // In the server, so that messages to others do not travel. Null is for everyone.
        let to = [Bson::from(self.server_id.to_bson()), Bson::Null];
        let pipeline = [
            doc! {"$match": {"operationType": "insert", "fullDocument.to": {"$in": to.to_vec()}}},
            doc! {"$project": {"clusterTime": 1, "fullDocument.to": 1, "fullDocument.bytes": 1}},
        ];
        let messages = self.connection.collection::<Document>(MESSAGES);
        let watch = messages
            .watch()
            .pipeline(pipeline)
            .max_await_time(AWAIT_TIME)
            .resume_after(self.token.clone());
        let changes = timed(retry::STEP_TIMEOUT, watch).await?.with_type::<Event>();
        self.token = changes.resume_token();
        self.changes = Some(changes);
        Ok(())
    }

    /// Drops the change stream, and waits a little. Only if the error says that it can't be resumed, the place is lost.
    async fn fail(&mut self, error: &Error) {
        self.changes = None;
        if is_passing(error) || error.contains_label(RESUMABLE_CHANGE_STREAM_ERROR) {
            tracing::debug!(%error, "the change stream of the bus was interrupted; resuming it");
        } else {
            tracing::warn!(%error, "the change stream of the bus can't be resumed; beginning anew");
            self.token = None;
        }
        self.backoff.pause().await;
    }

    /// Notes how far this server is behind the log, in whole seconds of the database's time.
    fn measure(&self, time: Timestamp) {
        let newest = unpack(self.connection.newest_seen()).map_or(0, |newest| newest.time);
        metrics::gauge!("letsapp_bus_lag_seconds").set(f64::from(newest.saturating_sub(time.time)));
    }
}
