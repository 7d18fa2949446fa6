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
use crate::ports::Change;

/// A change of a group, or the creation of one, as one transaction carries it out.
struct GroupUpdate<'a> {
    /// Write to the conversation's own document.
    conversation: ConversationWrite<'a>,
    /// Changes of members.
    members: &'a [MemberChange],
    /// System messages about the change except the last one, in order.
    preceding: Vec<Numbered<'a>>,
    /// Last system message about the change.
    message: Numbered<'a>,
}

/// A new message. Its `seq`, `rev` and `ordinal` are those of the head.
struct Numbered<'a> {
    message: &'a Message,
    /// Head of the conversation after the message.
    head: Head,
}

/// Carries out a change and writes its system messages, in one transaction. `before` is the conversation's head before
/// the change.
///
/// # Errors
/// [`TransactionError`] if the transaction was not, or may not have been, committed.
pub(super) async fn carry_out(
    connection: &Arc<Connection>,
    change: &Change,
    before: Head,
) -> Result<(), TransactionError> {
    let update = GroupUpdate::new(change, before);
    let mut transaction = Transaction::begin(connection).await?;
    let done = update.write(&mut transaction).await;
    transaction.end(done).await
}

impl<'a> GroupUpdate<'a> {
    /// Describes the transaction for a change.
    fn new(change: &'a Change, before: Head) -> Self {
        let mut before = before;
        let preceding = change.preceding().iter().map(|message| {
            let numbered = Numbered::behind(before, message);
            before = numbered.head;
            numbered
        });
        let preceding = preceding.collect();
        let message = Numbered::behind(before, change.message());
        let (conversation, members): (_, &[MemberChange]) = match change {
            Change::Create {
                conversation, members, ..
            } => (ConversationWrite::Insert(conversation), members),
            Change::UpdateGroup {
                conversation, members, ..
            } => (
                conversation
                    .as_deref()
                    .map_or(ConversationWrite::Keep, ConversationWrite::Replace),
                members,
            ),
            Change::Append { .. } | Change::Revise { .. } => (ConversationWrite::Keep, &[]),
        };
        Self {
            conversation,
            members,
            preceding,
            message,
        }
    }

    /// Writes everything within the transaction. The messages come before the members, because their unique numbers
    /// decide early whether another server was faster.
    async fn write(&self, transaction: &mut Transaction<'_>) -> Result<(), TransactionError> {
        transaction.write_conversation(&self.conversation).await?;
        let messages = self.preceding.iter().chain([&self.message]);
        let documents = messages
            .map(|new| serialize_to_raw_document_buf(&MessageDocument::new(new.message, new.head)))
            .collect::<Result<Vec<_>, _>>()?;
        transaction.write(command::insert(MESSAGES, documents)).await?;
        let members = self.members_after(transaction).await?;
        transaction.upsert_members(&members).await
    }

    /// Works out the new records of the members that the change concerns. Changes without effect, such as removing a
    /// former member, are left out.
    async fn members_after(&self, transaction: &mut Transaction<'_>) -> Result<Vec<Member>, TransactionError> {
        let Numbered { message, head } = &self.message;
        let conversation_id = message.conversation_id;
        let users: Vec<UserId> = self.members.iter().map(MemberChange::user_id).collect();
        let mut records = transaction.records(conversation_id, &users).await?;
        let mut changed = HashMap::new();
        let (mut joined, mut left) = (0, 0);
        for change in self.members {
            let user_id = change.user_id();
            let before = records.get(&user_id);
            let was_in = before.is_some_and(Member::is_in);
            let after = change.apply(conversation_id, before, head.seq, head.sent_at);
            if let Some(after) = after {
                joined += usize::from(after.is_in() && !was_in);
                left += usize::from(was_in && !after.is_in());
                records.insert(user_id, after.clone());
                changed.insert(user_id, after);
            }
        }
        if left > 0 && !self.conversation.deletes() {
            // The members are not written yet, so the ones counted are those before the change.
            let (conversation, present) = transaction.standing(conversation_id).await?;
            let remaining = (present + joined).saturating_sub(left);
            let departure = Box::new(conversation.departure(head.position(), remaining));
            for member in changed.values_mut().filter(|member| !member.is_in()) {
                member.departure = Some(departure.clone());
            }
        }
        Ok(changed.into_values().collect())
    }
}

impl<'a> Numbered<'a> {
    /// Assigns a new message the numbers that follow the head `before`.
    fn behind(before: Head, message: &'a Message) -> Self {
        Self {
            message,
            head: before.after(message),
        }
    }
}
