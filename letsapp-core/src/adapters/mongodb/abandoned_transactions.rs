//! Transactions whose server died between two of their steps. They keep what they touched locked until MongoDB ends
//! them, a minute later; so whoever is held up ends them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Uuid, doc};
use serde::Deserialize;

use crate::adapters::mongodb::connection::{APP_NAME, Connection, timed};
use crate::adapters::mongodb::retry;
use crate::adapters::mongodb::retry::Deadline;

/// Ours take milliseconds; one that has been idle for this long has nobody to go on with it. Should there be somebody
/// after all, their commit fails as a whole, and they begin again.
const ABANDONED_AFTER: Duration = Duration::from_secs(3);
/// How long one waits before asking (again) who is in the way.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, Deserialize)]
struct Idle {
    lsid: SessionId,
}

#[derive(Debug, Deserialize)]
struct SessionId {
    id: Uuid,
}

/// Somebody who gets on, or is held up.
#[derive(Debug)]
pub(super) struct AbandonedTransactions(Deadline);

impl AbandonedTransactions {
    pub(super) fn begin() -> Self {
        Self(Deadline::after(CHECK_INTERVAL))
    }

    /// Notes that nothing is in the way.
    pub(super) fn progressed(&mut self) {
        *self = Self::begin();
    }

    /// Ends abandoned transactions, if this has been held up for a while. Where the database does not let us, they
    /// have to be waited for.
    pub(super) async fn end_if_stalled(&mut self, connection: &Arc<Connection>) {
        if !self.0.has_passed() {
            return;
        }
        match end_abandoned(connection).await {
            Ok(0) => {}
            Ok(ended) => tracing::warn!(ended, "ended transactions that a server has left behind"),
            Err(error) => tracing::debug!(%error, "can't look for abandoned transactions"),
        }
        *self = Self::begin();
    }
}

async fn end_abandoned(connection: &Connection) -> mongodb::error::Result<usize> {
    let admin = connection.admin();
    let idle = i64::try_from(ABANDONED_AFTER.as_micros()).unwrap_or(i64::MAX);
    let pipeline = [
        doc! {"$currentOp": {"idleSessions": true}},
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
