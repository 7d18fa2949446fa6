//! Watermarks of members: many of them are raised by one command.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Bson, DateTime, Uuid, doc};
use mongodb::options::{FindOptions, Hint};
use serde::Deserialize;

use super::documents::{MembershipKey, WatermarksDocument, changed};
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{date, long};
use crate::adapters::mongodb::schema::MEMBERSHIPS;
use crate::domain::member::Watermarks;
use crate::ports::{Advance, Advanced, RepositoryError};

/// Key and watermarks of a document of `memberships`.
#[derive(Debug, Deserialize)]
struct MembershipWatermarks {
    #[serde(rename = "_id")]
    key: MembershipKey,
    watermarks: WatermarksDocument,
}

/// New watermarks of one member.
struct Rise {
    /// Higher of the stored and the requested watermarks.
    to: Watermarks,
    /// Latest time of the advances that led here.
    at: DateTime,
}

/// Raises watermarks, by one query and one command for those that rise. Returns, for each advance in order, the values
/// before and after, or `None` if there is no such membership.
///
/// # Errors
/// [`RepositoryError`] if the store fails; some of the watermarks may be raised then.
pub(super) async fn advance(
    connection: &Arc<Connection>,
    advances: Vec<Advance>,
) -> Result<Vec<Option<Advanced>>, RepositoryError> {
    let connection = connection.admit().await?;
    let mut stored = stored(&connection, &advances).await?;
    let mut rises: HashMap<MembershipKey, Rise> = HashMap::new();
    let mut raise = |advance: &Advance| {
        let key = key(advance);
        let watermarks = stored.get_mut(&key)?;
        let from = *watermarks;
        let to = from.merge(advance.to);
        if to != from {
            // A later advance of the same member in this batch starts from here.
            *watermarks = to;
            let at = date(advance.at);
            let rise = rises.entry(key).or_insert(Rise { to, at });
            rise.to = to;
            rise.at = rise.at.max(at);
        }
        Some(Advanced { from, to })
    };
    let advanced = advances.iter().map(&mut raise).collect();
    if !rises.is_empty() {
        let statements = rises.into_iter().map(|(key, rise)| rise.statement(key));
        let command =
            command::update(MEMBERSHIPS, statements, command::Order::Any).map_err(RepositoryError::internal)?;
        connection.persist(command).await?;
    }
    Ok(advanced)
}

/// Reads the present watermarks of the members.
async fn stored(
    connection: &Arc<Connection>,
    advances: &[Advance],
) -> Result<HashMap<MembershipKey, Watermarks>, RepositoryError> {
    let (keys, mut users): (Vec<Bson>, Vec<Uuid>) =
        advances.iter().map(key).map(|key| (Bson::from(key), key.user)).unzip();
    users.sort_unstable();
    users.dedup();
    let filter = doc! {"_id": {"$in": keys}, "user_id": {"$in": users}};
    let options = FindOptions::builder()
        .projection(doc! {"watermarks": 1})
        .hint(Hint::Keys(doc! {"_id": 1}))
        .build();
    let found: Vec<MembershipWatermarks> = connection.find(MEMBERSHIPS, filter, options).await?;
    let pairs = found
        .into_iter()
        .map(|document| (document.key, Watermarks::from(document.watermarks)));
    Ok(pairs.collect())
}

impl Rise {
    /// Builds the update. `$max` keeps the higher value, so that a rise that another server has written since the query
    /// is not undone.
    fn statement(self, key: MembershipKey) -> mongodb::bson::Document {
        doc! {
            "q": {"_id": key, "user_id": key.user},
            "u": {
                "$max": {
                    "watermarks.delivered": long(self.to.delivered.0),
                    "watermarks.read": long(self.to.read.0),
                    "changed_at": self.at,
                },
                "$currentDate": changed(),
            },
        }
    }
}

/// Returns the key of an advance's membership.
fn key(advance: &Advance) -> MembershipKey {
    MembershipKey::new(advance.conversation_id, advance.user_id)
}
