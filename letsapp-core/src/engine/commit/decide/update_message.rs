//! Deciding edits, deletions and reactions: the new state of an existing message.

use std::time::Duration;

use crate::domain::conversation::Kind;
use crate::domain::emoji::Emoji;
use crate::domain::id::UserId;
use crate::domain::member::Member;
use crate::domain::message::{Content, Message, Reaction};
use crate::domain::permission::{Action, allows};
use crate::domain::timestamp::Timestamp;
use crate::engine::commit::command::{Command, Submission};
use crate::engine::commit::decide::decision::check_mentions;
use crate::engine::commit::files::Files;
use crate::engine::error::{ConversationError, Forbidden};
use crate::engine::rosters::CachedRoster;
use crate::ports::TermsChange;

/// Maximum number of different reactions to one message, which bounds the size of a message however many members react.
const MAX_REACTIONS: usize = 32;

/// Computes the new state of a message and the effect on its index terms; `None` if nothing changes.
pub(super) fn revise(
    submission: &Submission,
    known: &CachedRoster,
    actor: &Member,
    message: &Message,
    files: &Files,
    edit_window: Duration,
) -> Result<Option<(Message, TermsChange)>, ConversationError> {
    if !message.is_from_user() {
        return Err(ConversationError::Forbidden(Forbidden::System));
    }
    match &submission.command {
        Command::Edit {
            body,
            mentions,
            files: attached,
            ..
        } => {
            known.direct_policy.check(actor.user_id)?;
            check_edit(message, actor.user_id, submission.at, edit_window)?;
            check_mentions(known, mentions, &message.mentions)?;
            let attachments = match attached {
                Some(attached) => files.attachments(actor.user_id, attached, &message.attachments)?,
                None => message.attachments.clone(),
            };
            if message.body() == body && message.mentions == *mentions && message.attachments == attachments {
                return Ok(None);
            }
            if body.is_empty() && attachments.is_empty() {
                return Err(ConversationError::invalid(
                    "body",
                    "too_short",
                    "a message needs text or an attachment",
                ));
            }
            let edited = Message {
                content: Content::Text(body.clone()),
                mentions: mentions.clone(),
                attachments,
                edited_at: Some(submission.at),
                ..message.clone()
            };
            Ok(Some((edited, TermsChange::Replace)))
        }
        Command::Delete { .. } => {
            check_delete(message, actor, known.roster.conversation.kind)?;
            let deleted = || (tombstone(message, submission.at), TermsChange::Replace);
            Ok(message.deleted_at.is_none().then(deleted))
        }
        Command::React { emoji, .. } => {
            known.direct_policy.check(actor.user_id)?;
            react(message, actor.user_id, emoji)
        }
        Command::Unreact { emoji, .. } => {
            let is_meant = |reaction: &Reaction| {
                reaction.user_id == actor.user_id && emoji.as_ref().is_none_or(|emoji| reaction.emoji == *emoji)
            };
            if !message.reactions.iter().any(is_meant) {
                return Ok(None);
            }
            let mut message = message.clone();
            message.reactions.retain(|reaction| !is_meant(reaction));
            Ok(Some((message, TermsChange::Keep)))
        }
        Command::Create { .. } | Command::Send(..) | Command::UpdateGroup(_) | Command::Barrier => {
            unreachable!("these revise no message")
        }
    }
}

fn check_edit(message: &Message, actor: UserId, at: Timestamp, edit_window: Duration) -> Result<(), ConversationError> {
    let forbidden = if message.sender_id != actor {
        Forbidden::NotTheSender
    } else if message.deleted_at.is_some() {
        Forbidden::Deleted
    } else if at.since(message.sent_at) > edit_window {
        Forbidden::TooLate
    } else {
        return Ok(());
    };
    Err(ConversationError::Forbidden(forbidden))
}

fn check_delete(message: &Message, actor: &Member, kind: Kind) -> Result<(), ConversationError> {
    if message.sender_id == actor.user_id {
        return Ok(());
    }
    match kind {
        Kind::Group if allows(actor.role, Action::DeleteMessage) => Ok(()),
        Kind::Group => Err(ConversationError::Forbidden(Forbidden::Role)),
        Kind::Direct => Err(ConversationError::Forbidden(Forbidden::NotTheSender)),
    }
}

/// Sets a user's reaction to a message, replacing the previous one.
fn react(
    message: &Message,
    user_id: UserId,
    emoji: &Emoji,
) -> Result<Option<(Message, TermsChange)>, ConversationError> {
    if message.deleted_at.is_some() {
        return Err(ConversationError::Forbidden(Forbidden::Deleted));
    }
    let is_mine = |reaction: &Reaction| reaction.user_id == user_id;
    let mine = message.reactions.iter().find(|reaction| is_mine(reaction));
    if mine.is_some_and(|mine| mine.emoji == *emoji) {
        return Ok(None);
    }
    let others = message.reactions.iter().filter(|reaction| !is_mine(reaction));
    let mut different: Vec<_> = others.map(|reaction| &reaction.emoji).chain([emoji]).collect();
    different.sort_unstable();
    different.dedup();
    if different.len() > MAX_REACTIONS {
        let detail = format!("a message can have at most {MAX_REACTIONS} different reactions");
        return Err(ConversationError::invalid("emoji", "too_many", detail));
    }
    let mut message = message.clone();
    message.reactions.retain(|reaction| !is_mine(reaction));
    message.reactions.push(Reaction {
        user_id,
        emoji: emoji.clone(),
    });
    Ok(Some((message, TermsChange::Keep)))
}

fn tombstone(message: &Message, at: Timestamp) -> Message {
    Message {
        content: Content::Text(String::new()),
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        deleted_at: Some(at),
        ..message.clone()
    }
}
