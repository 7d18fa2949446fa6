//! Deciding a submission from the roster and the message that it is about. Pure: no store, no clock.

mod decision;
#[cfg(test)]
mod tests;
mod update_group;
mod update_message;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::conversation::Conversation;
use crate::domain::id::{Seq, UserId};
use crate::domain::member::{Member, MemberChange};
use crate::domain::message::{Message, SystemEvent};
use crate::domain::role::Role;
use crate::engine::commit::command::{Command, Submission};
pub(super) use crate::engine::commit::decide::decision::Decision;
use crate::engine::commit::decide::decision::{check_mentions, system};
use crate::engine::commit::decide::update_group::update_group;
use crate::engine::commit::decide::update_message::revise;
use crate::engine::commit::files::Files;
use crate::engine::error::{ConversationError, Forbidden};
use crate::engine::rosters::CachedRoster;
use crate::ports::Change;

/// Decides a submission. `target` is the message that [`Command::target`] names, in its current state, if it exists.
pub(super) fn decide(
    submission: &Submission,
    known: Option<&CachedRoster>,
    target: Option<&Message>,
    files: &Files,
    edit_window: Duration,
) -> Result<Decision, ConversationError> {
    if let Command::Create { conversation, user_ids } = &submission.command {
        return Ok(Decision::Commit(create(submission, conversation, user_ids)));
    }
    let known = known.ok_or(ConversationError::Forbidden(Forbidden::NotAMember))?;
    let actor = known
        .member(submission.actor)
        .ok_or(ConversationError::Forbidden(Forbidden::NotAMember))?;
    let fence = known.roster.fence;
    match &submission.command {
        Command::Create { .. } => unreachable!("decided above"),
        Command::Barrier => Ok(Decision::Nothing),
        Command::Send(message, attached) => {
            known.direct_policy.check(actor.user_id)?;
            check_reply(known, actor, message.reply_to, target)?;
            check_mentions(known, &message.mentions, &[])?;
            let message = if attached.is_empty() {
                Arc::clone(message)
            } else {
                Arc::new(Message {
                    attachments: files.attachments(actor.user_id, attached, &[])?,
                    ..Message::clone(message)
                })
            };
            Ok(Decision::Commit(Change::Append { message, fence }))
        }
        Command::UpdateGroup(change) => update_group(submission, known, actor, change),
        Command::Edit { .. } | Command::Delete { .. } | Command::React { .. } | Command::Unreact { .. } => {
            let target = target
                .filter(|message| actor.sees(message.seq))
                .ok_or(ConversationError::NotFound)?;
            Ok(match revise(submission, known, actor, target, files, edit_window)? {
                Some((message, terms)) => Decision::Commit(Change::Revise {
                    message: Arc::new(message),
                    terms,
                    fence,
                }),
                None => Decision::Unchanged(Arc::new(target.clone())),
            })
        }
    }
}

fn check_reply(
    known: &CachedRoster,
    actor: &Member,
    reply_to: Option<Seq>,
    target: Option<&Message>,
) -> Result<(), ConversationError> {
    match reply_to {
        Some(seq) if !actor.sees(seq) || !(known.has_reached(seq) || target.is_some()) => Err(
            ConversationError::invalid("reply_to", "not_found", "there is no such message to reply to"),
        ),
        _ => Ok(()),
    }
}

fn create(submission: &Submission, conversation: &Conversation, user_ids: &[UserId]) -> Change {
    let role = |user_id| {
        if user_id == submission.actor {
            Role::Owner
        } else {
            Role::Member
        }
    };
    Change::Create {
        conversation: Box::new(conversation.clone()),
        members: user_ids
            .iter()
            .map(|user_id| MemberChange::Joined(*user_id, role(*user_id)))
            .collect(),
        message: system(
            submission,
            b"created",
            SystemEvent::GroupCreated {
                user_ids: user_ids.to_vec(),
            },
        ),
    }
}
