//! Changes of documents that older programs wrote, carried out at start.
//!
//! Each can be repeated, so that a crash in between and several servers that start at the same time do no harm. The
//! collection `migrations` has the names of those that are finished.

use mongodb::bson::{Document, doc};
use mongodb::error::Result as DriverResult;

use super::connect_error::ConnectError;
use super::connection::{Connection, timed};
use super::fields::VERSION;
use super::schema::{CONVERSATIONS, MIGRATIONS, PAIRS, SCHEMA_TIMEOUT};

/// Name of the migration that claims the pairs of the direct conversations made before pairs were claimed.
const CLAIM_PAIRS: &str = "pairs";

/// Carries out the migrations that are not finished.
///
/// # Errors
/// [`ConnectError::Schema`] if the server refuses a step.
pub(super) async fn run(connection: &Connection) -> Result<(), ConnectError> {
    let migrated = timed(SCHEMA_TIMEOUT, migrate(connection));
    migrated.await.map_err(|cause| ConnectError::Schema {
        database: connection.database().name().to_owned(),
        cause: cause.into(),
    })
}

async fn migrate(connection: &Connection) -> DriverResult<()> {
    let finished = connection.collection::<Document>(MIGRATIONS);
    if finished.find_one(doc! {"_id": CLAIM_PAIRS}).await?.is_none() {
        claim_pairs(connection).await?;
        let mark = doc! {"$setOnInsert": {"v": VERSION}, "$currentDate": {"finished_at": true}};
        finished
            .update_one(doc! {"_id": CLAIM_PAIRS}, mark)
            .upsert(true)
            .await?;
    }
    Ok(())
}

/// Adds a claim for each direct conversation whose pair has none.
async fn claim_pairs(connection: &Connection) -> DriverResult<()> {
    let claim = doc! {
        "_id": {"a": {"$first": "$pair"}, "b": {"$last": "$pair"}}, "v": {"$literal": VERSION},
        "conversation_id": "$_id",
    };
    let pipeline = [
        doc! {"$match": {"pair": {"$exists": true}}},
        doc! {"$project": claim},
        doc! {"$merge": {"into": PAIRS, "on": "_id", "whenMatched": "keepExisting", "whenNotMatched": "insert"}},
    ];
    connection
        .collection::<Document>(CONVERSATIONS)
        .aggregate(pipeline)
        .await
        .map(drop)
}
