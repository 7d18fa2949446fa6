//! Changes that touch more than a message: the conversation itself, or its members. Each is one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::serialize_to_raw_document_buf;

use super::documents::MessageDocument;
use crate::adapters::mongodb::command;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::conversations::transaction::{ConversationWrite, Transaction, TransactionError};
use crate::adapters::mongodb::schema::MESSAGES;
use crate::domain::conversation::Head;
use crate::domain::id::UserId;
use crate::domain::member::{Member, MemberChange};
use crate::domain::message::Message;

/// A change of a group, or the creation of one, as one transaction carries it out.
pub(super) struct Deed<'a> {
    /// Write to the conversation's own document.
    pub(super) conversation: ConversationWrite<'a>,
    /// Changes of members.
    pub(super) members: &'a [MemberChange],
    /// System message about a new owner, right before `message`.
    pub(super) succession: Option<Placed>,
    /// System message about the change.
    pub(super) message: Placed,
}

/// A new message with its numbers assigned.
pub(super) struct Placed {
    /// Message with `seq`, `rev` and `ordinal`.
    pub(super) message: Message,
    /// Head of the conversation after the message.
    pub(super) head: Head,
}

/// Carries out a change and writes its system messages, in one transaction.
///
/// # Errors
/// [`TransactionError`] if the transaction was not, or may not have been, committed.
pub(super) async fn carry_out(connection: &Arc<Connection>, deed: &Deed<'_>) -> Result<(), TransactionError> {
    let mut transaction = Transaction::begin(connection).await?;
    let done = tell(&mut transaction, deed).await;
    transaction.end(done).await
}

/// Writes everything within the transaction. The messages come before the members, because their unique numbers decide
/// early whether another server was faster.
async fn tell(transaction: &mut Transaction<'_>, deed: &Deed<'_>) -> Result<(), TransactionError> {
    transaction.write_conversation(&deed.conversation).await?;
    let told = deed.succession.iter().chain([&deed.message]);
    let documents = told
        .map(|told| serialize_to_raw_document_buf(&MessageDocument::new(&told.message, told.head)))
        .collect::<Result<Vec<_>, _>>()?;
    transaction.write(command::insert(MESSAGES, documents)).await?;
    let members = members_after(transaction, deed).await?;
    transaction.upsert_members(&members).await
}

/// Works out the new records of the members that the change concerns. Changes without effect, such as removing a former
/// member, are left out.
async fn members_after(transaction: &mut Transaction<'_>, deed: &Deed<'_>) -> Result<Vec<Member>, TransactionError> {
    let message = &deed.message.message;
    let conversation_id = message.conversation_id;
    let users: Vec<UserId> = deed.members.iter().map(MemberChange::user_id).collect();
    let mut records = transaction.records(conversation_id, &users).await?;
    let mut changed = HashMap::new();
    let (mut joined, mut left) = (0, 0);
    for change in deed.members {
        let user_id = change.user_id();
        let before = records.get(&user_id);
        let was_in = before.is_some_and(Member::is_in);
        let after = change.apply(conversation_id, before, message.seq, message.sent_at);
        if let Some(after) = after {
            joined += usize::from(after.is_in() && !was_in);
            left += usize::from(was_in && !after.is_in());
            records.insert(user_id, after.clone());
            changed.insert(user_id, after);
        }
    }
    let deleted = deed.conversation.deletes();
    if left > 0 && !deleted {
        // The members are not written yet, so the ones counted are those before the change.
        let (conversation, present) = transaction.standing(conversation_id).await?;
        let remaining = (present + joined).saturating_sub(left);
        let departure = Box::new(conversation.departure(message.position(), message.sent_at, remaining));
        for member in changed.values_mut().filter(|member| !member.is_in()) {
            member.departure = Some(departure.clone());
        }
    }
    Ok(changed.into_values().collect())
}
