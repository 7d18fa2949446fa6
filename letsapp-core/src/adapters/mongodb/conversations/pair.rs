//! Creation of direct conversations, of which each pair of users has at most one.

use std::sync::Arc;

use mongodb::bson::{Bson, doc};
use mongodb::options::FindOptions;

use super::documents::{PairDocument, PairKey};
use super::reading::read;
use super::transaction::{ConversationWrite, Transaction, TransactionError};
use crate::adapters::mongodb::abandoned_transactions::AbandonedTransactions;
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::Id;
use crate::adapters::mongodb::retry;
use crate::adapters::mongodb::retry::{Backoff, Deadline};
use crate::adapters::mongodb::schema::PAIRS;
use crate::domain::conversation::{Conversation, Pair};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::member::Member;
use crate::domain::timestamp::Timestamp;
use crate::ports::{Creation, RepositoryError};

/// Returns the direct conversations of those of the pairs that have one, in any order.
pub(super) async fn find(
    connection: &Arc<Connection>,
    pairs: &[Pair],
) -> Result<Vec<(Pair, ConversationId)>, RepositoryError> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let keys = pairs.iter().map(|pair| Bson::from(PairKey::new(*pair)));
    let filter = doc! {"_id": {"$in": keys.collect::<Vec<_>>()}};
    let found: Vec<PairDocument> = connection.find(PAIRS, filter, FindOptions::default()).await?;
    let found = found
        .into_iter()
        .map(|document| (document.key.pair(), ConversationId::from_bson(document.conversation_id)));
    Ok(found.collect())
}

/// Creates the direct conversation of a pair, or returns the one that it has.
///
/// # Errors
/// [`RepositoryError::Unavailable`] if neither succeeds within [`retry::COMMIT_TIMEOUT`].
pub(super) async fn create(
    connection: &Arc<Connection>,
    conversation: Conversation,
    at: Timestamp,
) -> Result<Creation, RepositoryError> {
    let connection = &connection.admit().await?;
    let pair = conversation
        .pair
        .ok_or_else(|| RepositoryError::internal("a direct conversation has a pair"))?;
    let deadline = Deadline::after(retry::COMMIT_TIMEOUT);
    let mut backoff = Backoff::new();
    let mut abandoned = AbandonedTransactions::begin();
    let mut is_repeated = false;
    loop {
        if let Some((_, id)) = find(connection, &[pair]).await?.pop() {
            let found = read(connection, &[id]).await?.pop();
            let found = found.ok_or_else(|| RepositoryError::internal("a pair's conversation is missing"))?;
            // With this id, an earlier round has created the conversation, without a reply.
            return Ok(if is_repeated && id == conversation.id {
                Creation::Created(found)
            } else {
                Creation::Existing(found)
            });
        }
        let cause = match try_create(connection, &conversation, pair, at).await {
            Ok(()) => return Ok(Creation::Created(conversation)),
            Err(TransactionError::Failed(cause)) => return Err(RepositoryError::internal(cause)),
            Err(TransactionError::Doubt(cause) | TransactionError::Conflict(cause)) => cause,
            Err(TransactionError::Taken | TransactionError::Overtaken) => {
                "another server has created it, but it is not readable yet".to_owned()
            }
        };
        if deadline.has_passed() {
            return Err(RepositoryError::unavailable(cause));
        }
        is_repeated = true;
        abandoned.end_if_stalled(connection).await;
        backoff.pause().await;
    }
}

/// Claims the pair, and creates the conversation and its two members, in one transaction.
async fn try_create(
    connection: &Arc<Connection>,
    conversation: &Conversation,
    pair: (UserId, UserId),
    at: Timestamp,
) -> Result<(), TransactionError> {
    let mut transaction = Transaction::begin(connection).await?;
    let done = async {
        // The claim comes first, since its key decides early whether another server was faster.
        let claim = PairDocument::new(pair, conversation.id);
        transaction.write(command::insert_one(PAIRS, &claim)?).await?;
        transaction
            .write_conversation(&ConversationWrite::Insert(conversation))
            .await?;
        let members = [pair.0, pair.1].map(|user_id| Member::of_pair(conversation.id, user_id, at));
        transaction.insert_pair(conversation, &members).await
    };
    let done = done.await;
    transaction.end(done).await
}
