//! Applies changes to conversations and assigns their `seq`, `rev` and `ordinal`.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::params;

use super::super::terms::DocId;
use super::super::transaction::Transaction;
use super::super::{conversations, members, terms as index};
use super::row::by_id;
use super::sent::Sent;
use super::{reactions, row};
use crate::domain::conversation::{Conversation, Head};
use crate::domain::id::{Seq, UserId};
use crate::domain::member::{Member, MemberChange};
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
            preceding,
            message,
            fence,
        } => {
            let update = GroupUpdate {
                conversation: conversation.as_deref(),
                preceding,
                message,
                members,
            };
            update_group(transaction, update, *fence)
        }
    }
}

/// A change of a group: the system messages that announce it, and the changes of its members.
#[derive(Clone, Copy)]
struct GroupUpdate<'a> {
    /// New state of the conversation; `None` if it stays the same.
    conversation: Option<&'a Conversation>,
    /// System messages appended right before `message`.
    preceding: &'a [Arc<Message>],
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
        conversation: None,
        preceding: &[],
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
    index::add(transaction, docid, message)?;
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
    // Read before they are replaced: the index removes a message by its former terms.
    let former = match terms {
        TermsChange::Replace => row::one(
            transaction.connection(),
            row::BY_SEQ,
            params![message.conversation_id, message.seq],
        )?,
        TermsChange::Keep => None,
    };
    let Some((docid, position)) = row::update(transaction, message, rev)? else {
        return Ok(Outcome::Outdated);
    };
    reactions::replace(transaction, message, message.seq)?;
    if let Some(former) = former {
        index::remove(transaction, docid, &former)?;
        index::add(transaction, docid, message)?;
    }
    transaction.moved(message.conversation_id, Head { rev, ..head });
    Ok(Outcome::Committed(position))
}

fn update_group(transaction: &mut Transaction<'_>, update: GroupUpdate<'_>, fence: Seq) -> rusqlite::Result<Outcome> {
    let outcome = match current(transaction, update.message, fence)? {
        Some(head) => apply_group_update(transaction, head, update)?,
        None => None,
    };
    if let Some(outcome) = outcome {
        return Ok(outcome);
    }
    // The id of a preceding message may be the one that is taken. Outdated would be the wrong answer then: no newer state
    // of the conversation makes the change succeed.
    let existing = taken(transaction, update)?;
    Ok(existing.map_or(Outcome::Outdated, |existing| Outcome::Duplicate(Box::new(existing))))
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

/// Returns the first message of an update whose id is taken, in its current state: the last message if it is there, or
/// else the first of the preceding ones.
fn taken(transaction: &Transaction<'_>, update: GroupUpdate<'_>) -> rusqlite::Result<Option<Message>> {
    let preceding = update.preceding.iter().map(|message| &**message);
    for message in [update.message].into_iter().chain(preceding) {
        let existing = by_id(transaction.connection(), message.conversation_id, message.id)?;
        if existing.is_some() {
            return Ok(existing);
        }
    }
    Ok(None)
}

/// Appends the system messages of a group update and applies the changes of its members. Returns `None`, and changes
/// nothing, if one of the ids is taken.
fn apply_group_update(
    transaction: &mut Transaction<'_>,
    mut head: Head,
    update: GroupUpdate<'_>,
) -> rusqlite::Result<Option<Outcome>> {
    let message = update.message;
    // Looked up before the first insert: nothing is rolled back here, so all ids must be free before.
    if !update.preceding.is_empty() && taken(transaction, update)?.is_some() {
        return Ok(None);
    }
    for message in update.preceding {
        head = head.after(message);
        if add(transaction, message, head.position())?.is_none() {
            return Ok(None);
        }
    }
    head = head.after(message);
    let position = head.position();
    if add(transaction, message, position)?.is_none() {
        return Ok(None);
    }
    if let Some(conversation) = update.conversation {
        conversations::update(transaction, conversation)?;
    }
    for member in members_after(transaction, update, position)? {
        members::put(transaction, &member)?;
    }
    transaction.moved(message.conversation_id, head);
    Ok(Some(Outcome::Committed(position)))
}

/// Works out the new records of the members that an update concerns. Those who leave with it keep the state of the
/// conversation.
fn members_after(
    transaction: &Transaction<'_>,
    update: GroupUpdate<'_>,
    position: Position,
) -> rusqlite::Result<Vec<Member>> {
    let (id, connection) = (update.message.conversation_id, transaction.connection());
    let mut changed: HashMap<UserId, Member> = HashMap::new();
    let (mut joined, mut left) = (0, 0);
    for change in update.members {
        let user_id = change.user_id();
        let before = match changed.get(&user_id) {
            Some(changed) => Some(changed.clone()),
            None => members::one(connection, id, user_id)?,
        };
        let was_in = before.as_ref().is_some_and(Member::is_in);
        if let Some(after) = change.apply(id, before.as_ref(), position.seq, position.sent_at) {
            joined += usize::from(after.is_in() && !was_in);
            left += usize::from(was_in && !after.is_in());
            changed.insert(user_id, after);
        }
    }
    if left > 0 {
        let conversation = conversations::existing(connection, id)?;
        // Of a deleted one nobody sees anything.
        if conversation.deleted_at.is_none() {
            // The members are not written yet, so the ones counted are those before the change.
            let present = members::counts(connection, &[id])?;
            let present = present.first().map_or(0, |(_, count)| *count);
            let departure = Box::new(conversation.departure(position, (present + joined).saturating_sub(left)));
            for member in changed.values_mut().filter(|member| !member.is_in()) {
                member.departure = Some(departure.clone());
            }
        }
    }
    Ok(changed.into_values().collect())
}

/// Inserts a message with its reactions. Returns `None`, and inserts nothing, if its id is taken in the conversation.
fn add(transaction: &mut Transaction<'_>, message: &Message, position: Position) -> rusqlite::Result<Option<DocId>> {
    let docid = row::insert(transaction, message, position)?;
    if docid.is_some() && message.is_from_user() {
        transaction.sent(Sent {
            conversation_id: message.conversation_id,
            sender_id: message.sender_id,
            seq: position.seq,
        });
    }
    if docid.is_some() && !message.reactions.is_empty() {
        reactions::replace(transaction, message, position.seq)?;
    }
    Ok(docid)
}
