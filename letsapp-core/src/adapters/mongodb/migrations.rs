//! Changes of documents that older programs wrote, carried out at start.
//!
//! Each can be repeated, so that a crash in between and several servers that start at the same time do no harm. The
//! collection `migrations` has the names of those that are finished.
//!
//! Servers of older versions must be stopped before the first one of a newer version starts. One that goes on beside it
//! writes documents that the finished migrations do not see: it creates direct conversations without claiming their
//! pairs, so that such a pair may get a second one.

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{ErrorKind, Result as DriverResult};

use super::connect_error::ConnectError;
use super::connection::{Connection, timed};
use super::fields::VERSION;
use super::schema::{CONVERSATIONS, MEMBERSHIPS, MIGRATIONS, PAIRS, STEP_TIMEOUT};

/// Name of the migration that claims the pairs of the direct conversations made before pairs were claimed.
const CLAIM_PAIRS: &str = "pairs";

/// Name of the migration that adds the other user of a direct conversation to memberships made without.
const NAME_PEERS: &str = "peers";

/// Name of the migration that drops the index of memberships by the time of their change, which each receipt wrote.
const DROP_USER_CHANGED: &str = "user_changed";

/// Error codes of dropping an index that is not there, or from a collection that is not.
const NOT_THERE: [i32; 2] = [27, 26];

/// Number of documents per step. The whole may take long; each step has to end within [`STEP_TIMEOUT`].
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
    once(connection, CLAIM_PAIRS, claim_pairs(connection)).await?;
    once(connection, NAME_PEERS, name_peers(connection)).await?;
    once(connection, DROP_USER_CHANGED, drop_user_changed(connection)).await
}

/// Carries out a migration, and marks it as finished, unless it is.
async fn once(
    connection: &Connection,
    name: &str,
    migration: impl Future<Output = DriverResult<()>>,
) -> DriverResult<()> {
    let finished = connection.collection::<Document>(MIGRATIONS);
    let found = timed(STEP_TIMEOUT, finished.find_one(doc! {"_id": name})).await?;
    if found.is_none() {
        migration.await?;
        let mark = doc! {"$setOnInsert": {"v": VERSION}, "$currentDate": {"finished_at": true}};
        let marked = finished.update_one(doc! {"_id": name}, mark).upsert(true);
        timed(STEP_TIMEOUT, marked).await?;
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
    in_steps(connection, CONVERSATIONS, &pipeline).await
}

/// Adds the other user of the conversation to each membership without one, and that there is none in a group. A sync
/// would otherwise read the conversations of these memberships each time.
async fn name_peers(connection: &Connection) -> DriverResult<()> {
    let peer = doc! {"$let": {
        "vars": {"pair": {"$first": "$conversation.pair"}},
        "in": {"$cond": [{"$eq": [{"$first": "$$pair"}, "$user_id"]}, {"$last": "$$pair"}, {"$first": "$$pair"}]},
    }};
    let pipeline = [
        doc! {"$match": {"peer": {"$exists": false}}},
        doc! {"$lookup": {
            "from": CONVERSATIONS, "localField": "conversation_id", "foreignField": "_id", "as": "conversation",
        }},
        doc! {"$project": {"user_id": 1, "peer": {"user_id": {"$ifNull": [peer, "$$REMOVE"]}}}},
        // On `_id`, and on the shard key of a collection that has one.
        doc! {"$merge": {
            "into": MEMBERSHIPS, "whenMatched": [{"$set": {"peer": {"$ifNull": ["$peer", "$$new.peer"]}}}],
            "whenNotMatched": "discard",
        }},
    ];
    in_steps(connection, MEMBERSHIPS, &pipeline).await
}

/// Drops an index that [`schema`](super::schema) no longer has. Queries use the one by user alone, which is built before.
async fn drop_user_changed(connection: &Connection) -> DriverResult<()> {
    let memberships = connection.collection::<Document>(MEMBERSHIPS);
    match timed(STEP_TIMEOUT, memberships.drop_index("user_changed")).await {
        Err(error) if matches!(*error.kind, ErrorKind::Command(ref refused) if NOT_THERE.contains(&refused.code)) => {
            Ok(())
        }
        dropped => dropped,
    }
}

/// Runs a pipeline over all documents of a collection, [`STEP`] at a time in the order of their ids.
async fn in_steps(connection: &Connection, collection: &str, pipeline: &[Document]) -> DriverResult<()> {
    let documents = connection.collection::<Document>(collection);
    let mut after = Bson::MinKey;
    loop {
        let last = documents
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
        let step = [doc! {"$match": {"_id": within}}];
        let step = step.into_iter().chain(pipeline.iter().cloned());
        timed(STEP_TIMEOUT, documents.aggregate(step)).await?;
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}
