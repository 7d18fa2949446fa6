//! The state of a conversation that former members continue to see, stored in their memberships.

use std::sync::Arc;

use mongodb::bson::{Bson, doc, serialize_to_document};

use super::documents::{DepartureDocument, MembershipKey, changed};
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::fields::long;
use crate::adapters::mongodb::schema::MEMBERSHIPS;
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, UserId};
use crate::ports::RepositoryError;

/// Stores the departure of a member whose last window ends with it; a listed one only where there is none.
pub(super) async fn put(
    connection: &Arc<Connection>,
    conversation_id: ConversationId,
    user_id: UserId,
    departure: &Departure,
) -> Result<(), RepositoryError> {
    let connection = connection.admit().await?;
    let key = MembershipKey::new(conversation_id, user_id);
    let document = serialize_to_document(&DepartureDocument::from(departure)).map_err(RepositoryError::internal)?;
    let end = doc! {"$let": {"vars": {"last": {"$last": "$windows"}}, "in": "$$last.to"}};
    let ends_with_it = doc! {"$eq": [end, long(departure.seq.0)]};
    let mut which = doc! {"_id": key, "user_id": key.user, "$expr": ends_with_it};
    if departure.listed {
        which.insert("departure", Bson::Null);
    }
    let statement = doc! {
        "q": which,
        "u": {"$set": {"departure": document}, "$currentDate": changed()},
    };
    let command = command::update(MEMBERSHIPS, [statement], command::Order::Kept).map_err(RepositoryError::internal)?;
    connection.persist(command).await
}
