//! The newest message that each of some users has sent: in a whole conversation, or in a span.
//!
//! The server finds each in the index by sender without looking at the messages before it (a distinct scan). Such a
//! scan skips along one field, so a query is a union of branches: one user in several conversations, or several users
//! in one conversation. A union takes about 0.1 ms per branch, a lookup per user with `$lookup` as much for each user.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::bson::{Document, Uuid, doc};
use mongodb::options::AggregateOptions;
use serde::Deserialize;

use super::content::SYSTEM;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::{Id, count, long, uuids};
use crate::adapters::mongodb::schema::MESSAGES;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::window::Span;
use crate::ports::{RepositoryError, SenderQuery};

/// Maximum number of branches in one query. The server works through a union by recursion, and refuses a pipeline of
/// more than a thousand stages.
const MAX_BRANCHES: usize = 100;
/// Number of queries under way at once, for more branches than one query takes.
const CONCURRENT_QUERIES: usize = 4;

/// Part of a query: the newest messages of some users in some conversations.
enum Branch {
    /// Of one user, in each of several conversations.
    OfUser(UserId, Vec<ConversationId>),
    /// Of each of several users, in one conversation.
    In(ConversationId, Vec<UserId>),
    /// Of each of several users, in a span of one conversation.
    Within(Span, Vec<UserId>),
}

/// A user's newest message, as a branch finds it.
#[derive(Debug, Deserialize)]
struct NewestDocument {
    /// Index of the branch.
    branch: i64,
    conversation_id: Uuid,
    sender_id: Uuid,
    seq: i64,
}

/// Returns the newest message that each user has sent, without those who have sent none.
///
/// # Errors
/// [`RepositoryError`] if a query fails.
pub(super) async fn last_sent(
    connection: &Arc<Connection>,
    of: &[(ConversationId, UserId)],
) -> Result<Vec<((ConversationId, UserId), Seq)>, RepositoryError> {
    let found = newest(connection, &branches(of)).await?;
    Ok(found
        .into_iter()
        .map(|newest| (newest.key(), Seq(count(newest.seq))))
        .collect())
}

/// Returns, for each query, the users who sent messages in its span.
///
/// # Errors
/// [`RepositoryError`] if a query fails.
pub(super) async fn senders(
    connection: &Arc<Connection>,
    asked: &[SenderQuery],
) -> Result<Vec<Vec<UserId>>, RepositoryError> {
    let branches: Vec<_> = asked
        .iter()
        .map(|query| Branch::Within(query.span, query.among.clone()))
        .collect();
    let mut senders = vec![Vec::new(); asked.len()];
    for newest in newest(connection, &branches).await? {
        if let Some(senders) = usize::try_from(newest.branch).ok().and_then(|n| senders.get_mut(n)) {
            senders.push(UserId::from_bson(newest.sender_id));
        }
    }
    Ok(senders)
}

/// Sorts users and their conversations into as few branches as possible: usually most are of the user who lists their
/// conversations, or all are of one conversation.
fn branches(of: &[(ConversationId, UserId)]) -> Vec<Branch> {
    let mut by_user: BTreeMap<UserId, Vec<ConversationId>> = BTreeMap::new();
    for (conversation_id, user_id) in of {
        by_user.entry(*user_id).or_default().push(*conversation_id);
    }
    let mut branches = Vec::new();
    let mut by_conversation: BTreeMap<ConversationId, Vec<UserId>> = BTreeMap::new();
    for (user_id, conversations) in by_user {
        if let [only] = conversations[..] {
            by_conversation.entry(only).or_default().push(user_id);
        } else {
            branches.push(Branch::OfUser(user_id, conversations));
        }
    }
    branches.extend(by_conversation.into_iter().map(|(id, users)| Branch::In(id, users)));
    branches
}

/// Returns the newest messages of all branches, with as few queries as possible.
async fn newest(connection: &Arc<Connection>, branches: &[Branch]) -> Result<Vec<NewestDocument>, RepositoryError> {
    let pipelines: Vec<_> = (0_i64..)
        .zip(branches)
        .filter_map(|(n, branch)| branch.pipeline(n))
        .collect();
    let queries: Vec<_> = pipelines
        .chunks(MAX_BRANCHES)
        .map(|pipelines| {
            let mut pipelines = pipelines.iter().cloned();
            let mut union = pipelines.next().unwrap_or_default();
            union.extend(pipelines.map(|pipeline| doc! {"$unionWith": {"coll": MESSAGES, "pipeline": pipeline}}));
            connection.aggregate(MESSAGES, union, AggregateOptions::default())
        })
        .collect();
    let found: Vec<Vec<NewestDocument>> = stream::iter(queries)
        .buffer_unordered(CONCURRENT_QUERIES)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

impl Branch {
    /// Builds the pipeline of the branch with this index; `None` if nobody is asked about.
    fn pipeline(&self, n: i64) -> Option<Vec<Document>> {
        let (conversations, users, skipped) = match self {
            Self::OfUser(user_id, conversations) => {
                (&conversations[..], std::slice::from_ref(user_id), "$conversation_id")
            }
            Self::In(id, users) => (std::slice::from_ref(id), &users[..], "$sender_id"),
            Self::Within(span, users) => (std::slice::from_ref(&span.conversation_id), &users[..], "$sender_id"),
        };
        if conversations.is_empty() || users.is_empty() {
            return None;
        }
        // Not as a filter of what is found: the type is in the index, so the scan passes over system messages itself.
        let mut of = doc! {
            "conversation_id": {"$in": uuids(conversations)},
            "sender_id": {"$in": uuids(users)},
            "content.type": {"$ne": SYSTEM},
        };
        if let Self::Within(span, _) = self {
            of.insert("seq", doc! {"$gt": long(span.after.0), "$lte": long(span.through.0)});
        }
        Some(vec![
            doc! {"$match": of},
            // The order of the index read backwards; for any other the server would sort by itself.
            doc! {"$sort": {"conversation_id": -1, "sender_id": -1, "seq": -1}},
            doc! {"$group": {
                "_id": skipped,
                "conversation_id": {"$first": "$conversation_id"},
                "sender_id": {"$first": "$sender_id"},
                "seq": {"$first": "$seq"},
            }},
            doc! {"$set": {"branch": n}},
        ])
    }
}

impl NewestDocument {
    fn key(&self) -> (ConversationId, UserId) {
        (
            ConversationId::from_bson(self.conversation_id),
            UserId::from_bson(self.sender_id),
        )
    }
}
