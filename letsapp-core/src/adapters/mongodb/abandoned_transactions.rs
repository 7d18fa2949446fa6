//! Ending of transactions whose server died between two of their steps.
//!
//! Such a transaction keeps its documents locked until MongoDB ends it, which takes a minute by default. A writer that
//! makes no progress for some seconds therefore looks for abandoned transactions and ends them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Uuid, doc};
use serde::Deserialize;

use crate::adapters::mongodb::connection::{APP_NAME, Connection, timed};
use crate::adapters::mongodb::retry;
use crate::adapters::mongodb::retry::Deadline;

/// Idle time after which a transaction counts as abandoned. Transactions of this store take milliseconds. Should the
/// server be slow rather than dead, its commit fails as a whole and it begins again, so a wrong guess costs only time.
const ABANDONED_AFTER: Duration = Duration::from_secs(3);
/// Time without progress before a writer looks for abandoned transactions, and between two looks. Ordinary conflicts
/// pass sooner, and a look costs the database an aggregation over all its sessions.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// A session with an idle transaction, as `$currentOp` reports it.
#[derive(Debug, Deserialize)]
struct Idle {
    lsid: SessionId,
}

#[derive(Debug, Deserialize)]
struct SessionId {
    id: Uuid,
}

/// Watches one writer's progress and ends abandoned transactions when the writer stalls. Holds the time of the next
/// look.
#[derive(Debug)]
pub(super) struct AbandonedTransactions(Deadline);

impl AbandonedTransactions {
    /// Starts watching; the first look is due after [`CHECK_INTERVAL`].
    pub(super) fn begin() -> Self {
        Self(Deadline::after(CHECK_INTERVAL))
    }

    /// [Ends](end) abandoned transactions if the writer has made no progress for [`CHECK_INTERVAL`].
    pub(super) async fn end_if_stalled(&mut self, connection: &Arc<Connection>) {
        if !self.0.has_passed() {
            return;
        }
        end(connection).await;
        *self = Self::begin();
    }
}

/// Ends abandoned transactions. A user without the privilege to list or end sessions waits until MongoDB ends the
/// transactions itself.
pub(super) async fn end(connection: &Connection) {
    match end_abandoned(connection).await {
        Ok(0) => {}
        Ok(ended) => tracing::warn!(ended, "ended transactions that another server had abandoned"),
        Err(error) => tracing::debug!(%error, "can't end abandoned transactions; waiting until MongoDB does"),
    }
}

/// Ends the abandoned transactions of this application and returns their number.
async fn end_abandoned(connection: &Connection) -> mongodb::error::Result<usize> {
    let admin = connection.admin();
    let idle = i64::try_from(ABANDONED_AFTER.as_micros()).unwrap_or(i64::MAX);
    let pipeline = [
        doc! {"$currentOp": {"idleSessions": true}},
        // Only sessions under this application's name: others on the same database may have their reasons to idle.
        doc! {"$match": {
            "type": "idleSession",
            "appName": APP_NAME,
            "transaction.timeInactiveMicros": {"$gt": idle},
        }},
        doc! {"$project": {"lsid.id": 1}},
    ];
    let found = timed(retry::STEP_TIMEOUT, async {
        let found = admin.aggregate(pipeline).with_type::<Idle>().await?;
        found.try_collect::<Vec<_>>().await
    });
    let sessions: Vec<_> = found.await?.into_iter().map(|idle| doc! {"id": idle.lsid.id}).collect();
    let count = sessions.len();
    if count > 0 {
        timed(retry::STEP_TIMEOUT, admin.run_command(doc! {"killSessions": sessions})).await?;
    }
    Ok(count)
}
