//! Changes of documents that older programs wrote, carried out at start.
//!
//! Each can be repeated, so that a crash in between and several servers that start at the same time do no harm. The
//! collection `migrations` has the names of those that are finished.

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Result as DriverResult;

use super::connect_error::ConnectError;
use super::connection::{Connection, timed};
use super::fields::VERSION;
use super::schema::{CONVERSATIONS, MIGRATIONS, PAIRS, STEP_TIMEOUT};

/// Name of the migration that claims the pairs of the direct conversations made before pairs were claimed.
const CLAIM_PAIRS: &str = "pairs";

/// Number of conversations per step. The whole may take long; each step has to end within [`STEP_TIMEOUT`].
const STEP: u64 = 10_000;

/// Carries out the migrations that are not finished.
///
/// # Errors
/// [`ConnectError::Schema`] if the server refuses a step, or one takes longer than [`STEP_TIMEOUT`].
pub(super) async fn run(connection: &Connection) -> Result<(), ConnectError> {
    migrate(connection).await.map_err(|cause| ConnectError::Schema {
        database: connection.database().name().to_owned(),
        cause: cause.into(),
    })
}

async fn migrate(connection: &Connection) -> DriverResult<()> {
    let finished = connection.collection::<Document>(MIGRATIONS);
    let found = timed(STEP_TIMEOUT, finished.find_one(doc! {"_id": CLAIM_PAIRS})).await?;
    if found.is_none() {
        claim_pairs(connection).await?;
        let mark = doc! {"$setOnInsert": {"v": VERSION}, "$currentDate": {"finished_at": true}};
        let marked = finished.update_one(doc! {"_id": CLAIM_PAIRS}, mark).upsert(true);
        timed(STEP_TIMEOUT, marked).await?;
    }
    Ok(())
}

/// Adds a claim for each direct conversation whose pair has none.
async fn claim_pairs(connection: &Connection) -> DriverResult<()> {
    let conversations = connection.collection::<Document>(CONVERSATIONS);
    let claim = doc! {
        "_id": {"a": {"$first": "$pair"}, "b": {"$last": "$pair"}}, "v": {"$literal": VERSION},
        "conversation_id": "$_id",
    };
    let mut after = Bson::MinKey;
    loop {
        let last = conversations
            .find_one(doc! {"_id": {"$gt": &after}})
            .sort(doc! {"_id": 1})
            .skip(STEP - 1)
            .projection(doc! {"_id": 1});
        let last = timed(STEP_TIMEOUT, last)
            .await?
            .and_then(|last| last.get("_id").cloned());
        let mut within = doc! {"$gt": &after};
        if let Some(last) = &last {
            within.insert("$lte", last);
        }
        let pipeline = [
            doc! {"$match": {"_id": within, "pair": {"$exists": true}}},
            doc! {"$project": claim.clone()},
            doc! {"$merge": {"into": PAIRS, "on": "_id", "whenMatched": "keepExisting", "whenNotMatched": "insert"}},
        ];
        timed(STEP_TIMEOUT, conversations.aggregate(pipeline)).await?;
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}
