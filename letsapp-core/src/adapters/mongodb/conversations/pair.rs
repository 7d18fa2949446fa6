//! Creation of direct conversations, of which each pair of users has at most one.

use std::sync::Arc;

use super::reading::read;
use super::transaction::{ConversationWrite, Transaction, TransactionError};
use crate::adapters::mongodb::abandoned_transactions::AbandonedTransactions;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::retry;
use crate::adapters::mongodb::retry::{Backoff, Deadline};
use crate::domain::conversation::Conversation;
use crate::domain::member::Member;
use crate::domain::timestamp::Timestamp;
use crate::ports::{Creation, RepositoryError};

/// Creates the direct conversation of a pair, or returns the existing one.
///
/// # Errors
/// [`RepositoryError::Unavailable`] if neither succeeds within [`retry::COMMIT_TIMEOUT`].
pub(super) async fn create(
    connection: &Arc<Connection>,
    conversation: Conversation,
    at: Timestamp,
) -> Result<Creation, RepositoryError> {
    let connection = &connection.admit().await?;
    let deadline = Deadline::after(retry::COMMIT_TIMEOUT);
    let mut backoff = Backoff::new();
    let mut abandoned = AbandonedTransactions::begin();
    // Whether an earlier attempt may have been carried out without a reply.
    let mut in_doubt = false;
    loop {
        let found = read(connection, &[conversation.id]).await?.pop();
        if let Some(found) = found {
            // After an attempt in doubt, an equal conversation is taken for the one that the attempt created.
            return Ok(if in_doubt && found == conversation {
                Creation::Created(found)
            } else {
                Creation::Existing(found)
            });
        }
        let cause = match try_create(connection, &conversation, at).await {
            Ok(()) => return Ok(Creation::Created(conversation)),
            Err(TransactionError::Failed(cause)) => return Err(RepositoryError::internal(cause)),
            Err(TransactionError::Doubt(cause)) => {
                in_doubt = true;
                cause
            }
            Err(TransactionError::Conflict(cause)) => cause,
            Err(TransactionError::Taken | TransactionError::Overtaken) => {
                "another server has created it, but it is not readable yet".to_owned()
            }
        };
        if deadline.has_passed() {
            return Err(RepositoryError::unavailable(cause));
        }
        abandoned.end_if_stalled(connection).await;
        backoff.pause().await;
    }
}

/// Creates the conversation and its two members in one transaction.
async fn try_create(
    connection: &Arc<Connection>,
    conversation: &Conversation,
    at: Timestamp,
) -> Result<(), TransactionError> {
    let mut transaction = Transaction::begin(connection).await?;
    let done = async {
        transaction
            .write_conversation(&ConversationWrite::Insert(conversation))
            .await?;
        let pair = conversation.pair.into_iter().flat_map(|(a, b)| [a, b]);
        let members: Vec<_> = pair
            .map(|user_id| Member::of_pair(conversation.id, user_id, at))
            .collect();
        transaction.insert_pair(conversation, &members).await
    };
    let done = done.await;
    transaction.end(done).await
}
