//! Standings of a user: what a sync reads of all conversations.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Bson, DateTime, Document, Timestamp, Uuid, doc};
use mongodb::options::{AggregateOptions, FindOptions, Hint};
use serde::Deserialize;

use super::documents::{MembershipKey, PeerDocument};
use super::reading::deleted;
use crate::adapters::mongodb::connection::{Connection, pack, unpack};
use crate::adapters::mongodb::fields::{Id, count, date, moment, uuids};
use crate::adapters::mongodb::schema::{CONVERSATIONS, MEMBERSHIPS, MESSAGES};
use crate::domain::conversation::Kind;
use crate::domain::id::{ConversationId, Rev, UserId};
use crate::domain::mark::{Mark, Since};
use crate::ports::{RepositoryError, Standing, Standings};

/// Time before a mark from which changes count again. The cluster's time is taken when a document is written, and a
/// transaction shows it some time later.
const OVERLAP: Duration = Duration::from_secs(10);

/// A document of `memberships`, without what a sync does not need of most of them.
#[derive(Debug, Deserialize)]
struct StandingDocument {
    conversation_id: Uuid,
    /// Absent in documents that a server of an older version has written since the migration.
    #[serde(default)]
    peer: Option<PeerDocument>,
    #[serde(default)]
    windows: Vec<WindowEnd>,
    /// The cluster's time of the last change; absent if an older version made it.
    #[serde(default)]
    changed: Option<Timestamp>,
    changed_at: DateTime,
}

#[derive(Debug, Deserialize)]
struct WindowEnd {
    #[serde(default)]
    to: Option<i64>,
}

/// Membership of the other user of a direct conversation.
#[derive(Debug, Deserialize)]
struct PeerStanding {
    conversation_id: Uuid,
    #[serde(default)]
    changed: Option<Timestamp>,
    changed_at: DateTime,
}

/// Pair of a direct conversation.
#[derive(Debug, Deserialize)]
struct PairDocument {
    #[serde(rename = "_id")]
    conversation_id: Uuid,
    pair: (Uuid, Uuid),
}

/// Newest change of a conversation.
#[derive(Debug, Deserialize)]
struct RevDocument {
    #[serde(rename = "_id")]
    conversation_id: Uuid,
    rev: i64,
}

/// Returns the standings of a user: one query for the memberships, and one for the other users of direct conversations.
pub(super) async fn of(
    connection: &Arc<Connection>,
    user_id: UserId,
    since: Since,
) -> Result<Standings, RepositoryError> {
    // Before the queries: they show everything up to this time, and perhaps more.
    let mark = Mark(connection.newest_seen());
    let since = match since {
        Since::Mark(since) => Since::Mark(Mark(since.0.saturating_sub(OVERLAP.as_secs() << 32))),
        since => since,
    };
    let fields = doc! {"_id": 0, "conversation_id": 1, "peer": 1, "windows.to": 1, "changed": 1, "changed_at": 1};
    let options = FindOptions::builder().projection(fields).build();
    let found: Vec<StandingDocument> = connection
        .find(MEMBERSHIPS, doc! {"user_id": user_id.to_bson()}, options)
        .await?;
    let mut standings: HashMap<Uuid, Standing> = HashMap::with_capacity(found.len());
    let (mut peers, mut unknown) = (Vec::new(), Vec::new());
    for document in found {
        match document.peer {
            Some(peer) => peers.extend(peer.user.map(|peer| (document.conversation_id, peer))),
            None => unknown.push(document.conversation_id),
        }
        let standing = Standing {
            conversation_id: ConversationId::from_bson(document.conversation_id),
            is_in: document.windows.last().is_some_and(|window| window.to.is_none()),
            moved: moved(document.changed, document.changed_at, since),
        };
        standings.insert(document.conversation_id, standing);
    }
    if since != Since::Beginning {
        peers.extend(pairs(connection, user_id, &unknown).await?);
        for peer in moved_peers(connection, peers, since).await? {
            if let Some(standing) = standings.get_mut(&peer.conversation_id) {
                standing.moved = standing.moved.max(moved(peer.changed, peer.changed_at, since));
            }
        }
    }
    let left = standings.values().filter(|standing| !standing.is_in);
    for id in deleted(connection, left.map(|standing| standing.conversation_id).collect()).await? {
        standings.remove(&id.to_bson());
    }
    Ok(Standings {
        memberships: standings.into_values().collect(),
        mark,
    })
}

/// Returns the mark of a record's last change, if it is after `since`.
fn moved(changed: Option<Timestamp>, changed_at: DateTime, since: Since) -> Option<Mark> {
    let mark = changed.map_or(Mark::ZERO, |changed| Mark(pack(changed)));
    let moved = match since {
        Since::Beginning => true,
        Since::Mark(since) => mark >= since && changed.is_some(),
        Since::Time(since) => moment(changed_at) >= since,
    };
    moved.then_some(mark)
}

/// Returns the other users of those of the conversations that are direct.
async fn pairs(
    connection: &Arc<Connection>,
    user_id: UserId,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, RepositoryError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let filter = doc! {"_id": {"$in": ids}, "kind": Kind::Direct.as_str()};
    let options = FindOptions::builder().projection(doc! {"pair": 1}).build();
    let found: Vec<PairDocument> = connection.find(CONVERSATIONS, filter, options).await?;
    let own = user_id.to_bson();
    let pair = |document: PairDocument| {
        let (low, high) = document.pair;
        (document.conversation_id, if low == own { high } else { low })
    };
    Ok(found.into_iter().map(pair).collect())
}

/// Returns those of the memberships `(conversation, user)` that have changed.
async fn moved_peers(
    connection: &Arc<Connection>,
    peers: Vec<(Uuid, Uuid)>,
    since: Since,
) -> Result<Vec<PeerStanding>, RepositoryError> {
    if peers.is_empty() {
        return Ok(Vec::new());
    }
    let changed: Document = match since {
        Since::Beginning => doc! {},
        Since::Mark(since) => {
            doc! {"changed": {"$gte": unpack(since.0).unwrap_or(Timestamp { time: 0, increment: 0 })}}
        }
        Since::Time(since) => doc! {"changed_at": {"$gte": date(since)}},
    };
    let key = |(conversation, user): (Uuid, Uuid)| (Bson::from(MembershipKey { user, conversation }), user);
    let (keys, mut users): (Vec<Bson>, Vec<Uuid>) = peers.into_iter().map(key).unzip();
    users.sort_unstable();
    users.dedup();
    let mut filter = doc! {"_id": {"$in": keys}, "user_id": {"$in": users}};
    filter.extend(changed);
    let options = FindOptions::builder()
        .projection(doc! {"_id": 0, "conversation_id": 1, "changed": 1, "changed_at": 1})
        .hint(Hint::Keys(doc! {"_id": 1}))
        .build();
    connection.find(MEMBERSHIPS, filter, options).await
}

/// Returns the newest `rev` of each conversation that has messages, from the index alone; see
/// [`head::read`](crate::adapters::mongodb::messages::head::read) for the order.
pub(super) async fn revs(
    connection: &Arc<Connection>,
    ids: &[ConversationId],
) -> Result<Vec<(ConversationId, Rev)>, RepositoryError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let pipeline = vec![
        doc! {"$match": {"conversation_id": {"$in": uuids(ids)}}},
        doc! {"$sort": {"conversation_id": -1, "rev": -1}},
        doc! {"$group": {"_id": "$conversation_id", "rev": {"$first": "$rev"}}},
    ];
    let newest: Vec<RevDocument> = connection
        .aggregate(MESSAGES, pipeline, AggregateOptions::default())
        .await?;
    let pair = |newest: RevDocument| {
        (
            ConversationId::from_bson(newest.conversation_id),
            Rev(count(newest.rev)),
        )
    };
    Ok(newest.into_iter().map(pair).collect())
}
