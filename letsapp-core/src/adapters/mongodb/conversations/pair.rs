//! Making the one conversation of a pair.

use std::sync::Arc;

use super::reading::read;
use super::transaction::{Establish, Stumble, Transaction};
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::orphans::Vigil;
use crate::adapters::mongodb::patience;
use crate::adapters::mongodb::patience::{Backoff, Deadline};
use crate::domain::conversation::Conversation;
use crate::domain::member::Member;
use crate::domain::timestamp::Timestamp;
use crate::ports::{Creation, RepositoryError};

/// Makes the direct conversation of a pair, or finds it.
pub(super) async fn create(
    connection: &Arc<Connection>,
    conversation: Conversation,
    at: Timestamp,
) -> Result<Creation, RepositoryError> {
    let connection = &connection.admit().await?;
    let deadline = Deadline::after(patience::COMMIT);
    let mut backoff = Backoff::new();
    let mut vigil = Vigil::begin();
    let mut in_doubt = false;
    loop {
        let found = read(connection, &[conversation.id]).await?.pop();
        if let Some(found) = found {
            return Ok(if in_doubt && found == conversation {
                Creation::Created(found)
            } else {
                Creation::Existing(found)
            });
        }
        let cause = match try_create(connection, &conversation, at).await {
            Ok(()) => return Ok(Creation::Created(conversation)),
            Err(Stumble::Failed(cause)) => return Err(RepositoryError::internal(cause)),
            Err(Stumble::Doubt(cause)) => {
                in_doubt = true;
                cause
            }
            Err(Stumble::Conflict(cause)) => cause,
            Err(Stumble::Taken | Stumble::Overtaken) => "its id is taken by what can't be seen yet".to_owned(),
        };
        if deadline.has_passed() {
            return Err(RepositoryError::unavailable(cause));
        }
        vigil.is_held_up(connection).await;
        backoff.pause().await;
    }
}

async fn try_create(connection: &Arc<Connection>, conversation: &Conversation, at: Timestamp) -> Result<(), Stumble> {
    let mut transaction = Transaction::begin(connection).await?;
    let done = async {
        transaction.establish(&Establish::Made(conversation)).await?;
        let pair = conversation.pair.into_iter().flat_map(|(a, b)| [a, b]);
        let members: Vec<_> = pair
            .map(|user_id| Member::of_pair(conversation.id, user_id, at))
            .collect();
        transaction.enrol(&members).await
    };
    let done = done.await;
    transaction.end(done).await
}
