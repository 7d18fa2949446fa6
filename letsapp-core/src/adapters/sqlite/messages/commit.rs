//! Carrying out changes, each at the next numbers of its conversation.

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

/// Carries out changes in order, and returns what came of each.
pub(super) fn carry_out(
    transaction: &mut Transaction<'_>,
    changes: &[Change],
) -> rusqlite::Result<Vec<rusqlite::Result<Outcome>>> {
    changes
        .iter()
        .map(|change| transaction.step(|transaction| one(transaction, change)))
        .collect()
}

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
            let told = Told {
                succession: succession.as_deref(),
                message,
                members,
            };
            update_group(transaction, conversation.as_deref(), told, *fence)
        }
    }
}

/// What is told of a group, and of whom.
#[derive(Clone, Copy)]
struct Told<'a> {
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
    let told = Told {
        succession: None,
        message,
        members,
    };
    let outcome = tell(transaction, Head::default(), told)?;
    // A message that was there before its conversation: there is nothing sensible to do with it.
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
    let Some((docid, ordinal)) = row::update(transaction, message, rev)? else {
        return Ok(Outcome::Outdated);
    };
    reactions::replace(transaction, message, message.seq)?;
    if terms == TermsChange::Replace {
        row::forget(transaction, docid)?;
        row::index(transaction, docid, message)?;
    }
    transaction.moved(message.conversation_id, Head { rev, ..head });
    let seq = message.seq;
    Ok(Outcome::Committed(Position { seq, rev, ordinal }))
}

fn update_group(
    transaction: &mut Transaction<'_>,
    conversation: Option<&Conversation>,
    told: Told<'_>,
    fence: Seq,
) -> rusqlite::Result<Outcome> {
    let outcome = match current(transaction, told.message, fence)? {
        Some(head) => tell(transaction, head, told)?,
        None => None,
    };
    let Some(outcome) = outcome else {
        return match (refused(transaction, told.message)?, told.succession) {
            (Outcome::Outdated, Some(succession)) => refused(transaction, succession),
            (outcome, _) => Ok(outcome),
        };
    };
    if let Some(conversation) = conversation {
        conversations::update(transaction, conversation)?;
    }
    Ok(outcome)
}

/// Returns where the message's conversation stands; `None` if there is no such conversation, or its fence is another.
fn current(transaction: &mut Transaction<'_>, message: &Message, fence: Seq) -> rusqlite::Result<Option<Head>> {
    let head = transaction.head(message.conversation_id)?;
    Ok(head.filter(|head| head.fence == fence))
}

/// Says why a message was not added: its conversation has it, or it was decided on what is no longer so.
fn refused(transaction: &Transaction<'_>, message: &Message) -> rusqlite::Result<Outcome> {
    let first = by_id(transaction.connection(), message.conversation_id, message.id)?;
    Ok(first.map_or(Outcome::Outdated, |first| Outcome::Duplicate(Box::new(first))))
}

/// Adds a system message, behind its succession, and carries out what it tells of the members; `None`, and nothing is
/// done, if its conversation has one of their ids.
fn tell(transaction: &mut Transaction<'_>, mut head: Head, told: Told<'_>) -> rusqlite::Result<Option<Outcome>> {
    let message = told.message;
    if let Some(succession) = told.succession {
        head = head.after(succession);
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
    for change in told.members {
        let before = members::one(transaction.connection(), message.conversation_id, change.user_id())?;
        let after = change.apply(message.conversation_id, before.as_ref(), position.seq, message.sent_at);
        if let Some(member) = after {
            members::put(transaction, &member)?;
        }
    }
    transaction.moved(message.conversation_id, head);
    Ok(Some(Outcome::Committed(position)))
}

/// Adds a message; `None`, and nothing is done, if its conversation has one of its id.
fn add(transaction: &Transaction<'_>, message: &Message, position: Position) -> rusqlite::Result<Option<DocId>> {
    let docid = row::insert(transaction, message, position)?;
    if docid.is_some() && !message.reactions.is_empty() {
        reactions::replace(transaction, message, position.seq)?;
    }
    Ok(docid)
}
