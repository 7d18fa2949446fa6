//! Applies changes to conversations and assigns their `seq`, `rev` and `ordinal`.

use super::super::transaction::Transaction;
use super::super::{conversations, members};
use super::row::DocId;
use super::row::by_id;
use super::{reactions, row};
use crate::domain::conversation::{Conversation, Head};
use crate::domain::id::Seq;
use crate::domain::member::MemberChange;
use crate::domain::message::{Message, Position};
use crate::ports::{Change, Outcome, TermsChange};

/// Applies changes in order, and returns the outcome of each.
///
/// The outer error fails the whole transaction; an inner one only fails its own change.
pub(super) fn carry_out(
    transaction: &mut Transaction<'_>,
    changes: &[Change],
) -> rusqlite::Result<Vec<rusqlite::Result<Outcome>>> {
    changes
        .iter()
        .map(|change| transaction.step(|transaction| one(transaction, change)))
        .collect()
}

/// Applies one change.
fn one(transaction: &mut Transaction<'_>, change: &Change) -> rusqlite::Result<Outcome> {
    match change {
        Change::Create {
            conversation,
            members,
            message,
        } => create(transaction, conversation, members, message),
        Change::Append { message, fence } => append(transaction, message, *fence),
        Change::Revise { message, terms, fence } => revise(transaction, message, *terms, *fence),
        Change::UpdateGroup {
            conversation,
            members,
            succession,
            message,
            fence,
        } => {
            let update = GroupUpdate {
                succession: succession.as_deref(),
                message,
                members,
            };
            update_group(transaction, conversation.as_deref(), update, *fence)
        }
    }
}

/// A change of a group: the system message that announces it, and the changes of its members.
#[derive(Clone, Copy)]
struct GroupUpdate<'a> {
    /// System message that names the new owner when the owner leaves, appended right before `message`.
    succession: Option<&'a Message>,
    message: &'a Message,
    members: &'a [MemberChange],
}

fn create(
    transaction: &mut Transaction<'_>,
    conversation: &Conversation,
    members: &[MemberChange],
    message: &Message,
) -> rusqlite::Result<Outcome> {
    if !conversations::insert(transaction, conversation)? {
        let existing = conversations::existing(transaction.connection(), conversation.id)?;
        return Ok(Outcome::Exists(Box::new(existing)));
    }
    let update = GroupUpdate {
        succession: None,
        message,
        members,
    };
    let outcome = apply_group_update(transaction, Head::default(), update)?;
    // The conversation is new, so its first message can't be a duplicate unless the file is inconsistent.
    outcome.ok_or(rusqlite::Error::StatementChangedRows(0))
}

fn append(transaction: &mut Transaction<'_>, message: &Message, fence: Seq) -> rusqlite::Result<Outcome> {
    let Some(head) = current(transaction, message, fence)? else {
        return refused(transaction, message);
    };
    let head = head.after(message);
    let position = head.position();
    let Some(docid) = add(transaction, message, position)? else {
        return refused(transaction, message);
    };
    row::index(transaction, docid, message)?;
    transaction.moved(message.conversation_id, head);
    Ok(Outcome::Committed(position))
}

fn revise(
    transaction: &mut Transaction<'_>,
    message: &Message,
    terms: TermsChange,
    fence: Seq,
) -> rusqlite::Result<Outcome> {
    let Some(head) = current(transaction, message, fence)? else {
        return Ok(Outcome::Outdated);
    };
    let rev = head.rev.next();
    let Some((docid, position)) = row::update(transaction, message, rev)? else {
        return Ok(Outcome::Outdated);
    };
    reactions::replace(transaction, message, message.seq)?;
    if terms == TermsChange::Replace {
        row::forget(transaction, docid)?;
        row::index(transaction, docid, message)?;
    }
    transaction.moved(message.conversation_id, Head { rev, ..head });
    Ok(Outcome::Committed(position))
}

fn update_group(
    transaction: &mut Transaction<'_>,
    conversation: Option<&Conversation>,
    update: GroupUpdate<'_>,
    fence: Seq,
) -> rusqlite::Result<Outcome> {
    let outcome = match current(transaction, update.message, fence)? {
        Some(head) => apply_group_update(transaction, head, update)?,
        None => None,
    };
    let Some(outcome) = outcome else {
        // The id of the succession may be the one that is taken. Outdated would be the wrong answer then: no newer
        // state of the conversation makes the change succeed.
        return match (refused(transaction, update.message)?, update.succession) {
            (Outcome::Outdated, Some(succession)) => refused(transaction, succession),
            (outcome, _) => Ok(outcome),
        };
    };
    if let Some(conversation) = conversation {
        conversations::update(transaction, conversation)?;
    }
    Ok(outcome)
}

/// Returns the head of the message's conversation; `None` if there is no such conversation, or its fence has moved.
fn current(transaction: &mut Transaction<'_>, message: &Message, fence: Seq) -> rusqlite::Result<Option<Head>> {
    let head = transaction.head(message.conversation_id)?;
    Ok(head.filter(|head| head.fence == fence))
}

/// Returns the reason why a message was not added: its id is taken ([`Outcome::Duplicate`]), or the fence has moved
/// ([`Outcome::Outdated`]).
fn refused(transaction: &Transaction<'_>, message: &Message) -> rusqlite::Result<Outcome> {
    let first = by_id(transaction.connection(), message.conversation_id, message.id)?;
    Ok(first.map_or(Outcome::Outdated, |first| Outcome::Duplicate(Box::new(first))))
}

/// Appends the system messages of a group update and applies the changes of its members. Returns `None`, and changes
/// nothing, if one of the ids is taken.
fn apply_group_update(
    transaction: &mut Transaction<'_>,
    mut head: Head,
    update: GroupUpdate<'_>,
) -> rusqlite::Result<Option<Outcome>> {
    let message = update.message;
    if let Some(succession) = update.succession {
        head = head.after(succession);
        // Looked up before the succession is inserted: nothing is rolled back here, so all ids must be free before the
        // first insert.
        if by_id(transaction.connection(), message.conversation_id, message.id)?.is_some()
            || add(transaction, succession, head.position())?.is_none()
        {
            return Ok(None);
        }
    }
    head = head.after(message);
    let position = head.position();
    if add(transaction, message, position)?.is_none() {
        return Ok(None);
    }
    for change in update.members {
        let before = members::one(transaction.connection(), message.conversation_id, change.user_id())?;
        let after = change.apply(message.conversation_id, before.as_ref(), position.seq, position.sent_at);
        if let Some(member) = after {
            members::put(transaction, &member)?;
        }
    }
    transaction.moved(message.conversation_id, head);
    Ok(Some(Outcome::Committed(position)))
}

/// Inserts a message with its reactions. Returns `None`, and inserts nothing, if its id is taken in the conversation.
fn add(transaction: &Transaction<'_>, message: &Message, position: Position) -> rusqlite::Result<Option<DocId>> {
    let docid = row::insert(transaction, message, position)?;
    if docid.is_some() && !message.reactions.is_empty() {
        reactions::replace(transaction, message, position.seq)?;
    }
    Ok(docid)
}
