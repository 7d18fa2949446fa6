//! What a wish comes to, decided from the roster and the message that it is about. Pure: no store, no clock.

use std::time::Duration;

use crate::conversations::lane::command::{Act, Command, Refusal, Submission};
use crate::conversations::permission::{Action, allows};
use crate::conversations::rosters::KnownRoster;
use crate::conversations::{Conversation, ConversationError, Forbidden, Kind, MAX_MEMBERS, Member, MemberChange, Role};
use crate::id::{MessageId, Rev, Seq, UserId};
use crate::messages::{Change, Content, Fingerprint, IndexTerms, Message, Reaction, SystemEvent, TermsChange};
use crate::text::Title;
use crate::time::Timestamp;

/// How many different reactions a message can have.
const MAX_REACTIONS: usize = 32;

/// What a wish comes to.
pub(super) enum Decision {
    /// This is to be committed.
    Commit(Change),
    /// This is to be committed, and then the wish to be decided again.
    First(Change),
    /// It is so already; this is the message.
    Unchanged(Message),
    /// It is so already.
    Nothing,
}

/// Decides a wish. `target` is the message that [`Command::target`] names, in its present state, if there is one.
pub(super) fn decide(
    submission: &Submission,
    known: Option<&KnownRoster>,
    target: Option<&Message>,
    edit_window: Duration,
) -> Result<Decision, Refusal> {
    if let Command::Create { conversation, user_ids } = &submission.command {
        return Ok(Decision::Commit(create(submission, conversation, user_ids)));
    }
    let known = known.ok_or(Refusal::Outsider)?;
    let actor = known.member(submission.actor).ok_or(Refusal::Outsider)?;
    let fence = known.roster.fence;
    match &submission.command {
        Command::Create { .. } => unreachable!("decided above"),
        Command::Send { message, terms } => {
            check_reply(known, actor, message.reply_to, target)?;
            check_mentions(known, &message.mentions)?;
            Ok(Decision::Commit(Change::Append {
                message: message.clone(),
                terms: terms.clone(),
                fence,
            }))
        }
        Command::Govern(act) => govern(submission, known, actor, act),
        Command::Edit { .. } | Command::Delete { .. } | Command::React { .. } => {
            let target = target
                .filter(|message| actor.sees(message.seq))
                .ok_or(ConversationError::NotFound)?;
            Ok(match revise(submission, known, actor, target, edit_window)? {
                Some((message, terms)) => Decision::Commit(Change::Revise { message, terms, fence }),
                None => Decision::Unchanged(target.clone()),
            })
        }
    }
}

/// Works out a message's new state, and what becomes of its index terms; `None` if nothing changes.
fn revise(
    submission: &Submission,
    known: &KnownRoster,
    actor: &Member,
    message: &Message,
    edit_window: Duration,
) -> Result<Option<(Message, TermsChange)>, ConversationError> {
    if !message.is_from_user() {
        return Err(ConversationError::Forbidden(Forbidden::System));
    }
    match &submission.command {
        Command::Edit {
            body, mentions, terms, ..
        } => {
            check_edit(message, actor.user_id, submission.at, edit_window)?;
            check_mentions(known, mentions)?;
            if message.body() == body && message.mentions == *mentions {
                return Ok(None);
            }
            if body.is_empty() && message.attachments.is_empty() {
                return Err(ConversationError::invalid(
                    "body",
                    "too_short",
                    "a message needs words or an attachment",
                ));
            }
            let edited = Message {
                content: Content::Text(body.clone()),
                mentions: mentions.clone(),
                edited_at: Some(submission.at),
                ..message.clone()
            };
            Ok(Some((edited, TermsChange::Replace(terms.clone()))))
        }
        Command::Delete { .. } => {
            check_delete(message, actor, known.roster.conversation.kind)?;
            Ok(message.deleted_at.is_none().then(|| {
                (
                    tombstone(message, submission.at),
                    TermsChange::Replace(IndexTerms::default()),
                )
            }))
        }
        Command::React { emoji: Some(emoji), .. } => {
            if message.deleted_at.is_some() {
                return Err(ConversationError::Forbidden(Forbidden::Deleted));
            }
            let mine = message
                .reactions
                .iter()
                .find(|reaction| reaction.user_id == actor.user_id);
            if mine.is_some_and(|reaction| reaction.emoji == *emoji) {
                return Ok(None);
            }
            let mut reactions: Vec<_> = message
                .reactions
                .iter()
                .filter(|reaction| reaction.user_id != actor.user_id)
                .cloned()
                .collect();
            reactions.push(Reaction {
                user_id: actor.user_id,
                emoji: emoji.clone(),
            });
            let mut different: Vec<_> = reactions.iter().map(|reaction| &reaction.emoji).collect();
            different.sort_unstable();
            different.dedup();
            if different.len() > MAX_REACTIONS {
                let detail = format!("a message can have at most {MAX_REACTIONS} different reactions");
                return Err(ConversationError::invalid("emoji", "too_many", detail));
            }
            Ok(Some((
                Message {
                    reactions,
                    ..message.clone()
                },
                TermsChange::Keep,
            )))
        }
        Command::React { emoji: None, .. } => {
            let reactions: Vec<_> = message
                .reactions
                .iter()
                .filter(|reaction| reaction.user_id != actor.user_id)
                .cloned()
                .collect();
            Ok((reactions.len() < message.reactions.len()).then(|| {
                (
                    Message {
                        reactions,
                        ..message.clone()
                    },
                    TermsChange::Keep,
                )
            }))
        }
        Command::Create { .. } | Command::Send { .. } | Command::Govern(_) => unreachable!("these revise no message"),
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

fn check_reply(
    known: &KnownRoster,
    actor: &Member,
    reply_to: Option<Seq>,
    target: Option<&Message>,
) -> Result<(), ConversationError> {
    match reply_to {
        Some(seq) if !actor.sees(seq) || !(known.has_reached(seq) || target.is_some()) => Err(
            ConversationError::invalid("reply_to", "not_found", "there is no such message to answer"),
        ),
        _ => Ok(()),
    }
}

fn check_mentions(known: &KnownRoster, mentions: &[UserId]) -> Result<(), ConversationError> {
    match mentions.iter().find(|user_id| known.member(**user_id).is_none()) {
        Some(user_id) => Err(ConversationError::invalid(
            "mentions",
            "not_a_member",
            format!("{user_id} is not a member"),
        )),
        None => Ok(()),
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
        conversation: conversation.clone(),
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

fn govern(submission: &Submission, known: &KnownRoster, actor: &Member, act: &Act) -> Result<Decision, Refusal> {
    let conversation = &known.roster.conversation;
    let may = |action| match conversation.kind {
        Kind::Direct => Err(ConversationError::Forbidden(Forbidden::Direct)),
        Kind::Group if allows(actor.role, action) => Ok(()),
        Kind::Group => Err(ConversationError::Forbidden(Forbidden::Role)),
    };
    let commit = |conversation: Option<Conversation>, members: Vec<MemberChange>, event: SystemEvent| {
        let message = system(submission, b"", event);
        Ok(Decision::Commit(Change::Govern {
            conversation,
            members,
            message,
            fence: known.roster.fence,
        }))
    };
    match act {
        Act::Retitle(title) => {
            may(Action::Describe)?;
            if conversation.title.as_ref() == Some(title) {
                return Ok(Decision::Nothing);
            }
            let event = SystemEvent::TitleChanged {
                title: title.to_string(),
            };
            commit(
                Some(Conversation {
                    title: Some(Title::clone(title)),
                    ..conversation.clone()
                }),
                Vec::new(),
                event,
            )
        }
        Act::Describe(about) => {
            may(Action::Describe)?;
            if conversation.about == *about {
                return Ok(Decision::Nothing);
            }
            let event = SystemEvent::AboutChanged {
                about: about.to_string(),
            };
            commit(
                Some(Conversation {
                    about: about.clone(),
                    ..conversation.clone()
                }),
                Vec::new(),
                event,
            )
        }
        Act::Picture(avatar_media_id) => {
            may(Action::Describe)?;
            if conversation.avatar_media_id == *avatar_media_id {
                return Ok(Decision::Nothing);
            }
            let event = SystemEvent::PictureChanged {
                avatar_media_id: *avatar_media_id,
            };
            let avatar_media_id = *avatar_media_id;
            commit(
                Some(Conversation {
                    avatar_media_id,
                    ..conversation.clone()
                }),
                Vec::new(),
                event,
            )
        }
        Act::Add(user_ids) => {
            may(Action::Add)?;
            let new: Vec<_> = user_ids
                .iter()
                .copied()
                .filter(|user_id| known.member(*user_id).is_none())
                .collect();
            if new.is_empty() {
                return Ok(Decision::Nothing);
            }
            if known.everyone.len() + new.len() > MAX_MEMBERS {
                let detail = format!("a group holds at most {MAX_MEMBERS} members");
                return Err(ConversationError::invalid("user_ids", "too_many", detail).into());
            }
            let joins = new
                .iter()
                .map(|user_id| MemberChange::Joined(*user_id, Role::Member))
                .collect();
            commit(None, joins, SystemEvent::MembersAdded { user_ids: new })
        }
        Act::Remove(user_id) if *user_id == actor.user_id => {
            if conversation.kind == Kind::Direct {
                return Err(ConversationError::Forbidden(Forbidden::Direct).into());
            }
            if let Some(heir) = heir(known, actor) {
                return Ok(Decision::First(hand_over(
                    submission,
                    known,
                    actor,
                    heir,
                    b"succession",
                )));
            }
            commit(
                None,
                vec![MemberChange::Left(*user_id)],
                SystemEvent::MemberLeft { user_id: *user_id },
            )
        }
        Act::Remove(user_id) => {
            let Some(target) = known.member(*user_id) else {
                may(Action::Remove(Role::Member))?;
                return Err(ConversationError::NotFound.into());
            };
            may(Action::Remove(target.role))?;
            commit(
                None,
                vec![MemberChange::Left(*user_id)],
                SystemEvent::MemberRemoved { user_id: *user_id },
            )
        }
        Act::Assign(user_id, role) => {
            may(Action::Assign)?;
            let target = known.member(*user_id).ok_or(ConversationError::NotFound)?;
            if target.role == *role {
                return Ok(Decision::Nothing);
            }
            if target.role == Role::Owner {
                let detail = "a group has one owner: hand ownership over to somebody else instead";
                return Err(ConversationError::invalid("role", "owner_required", detail).into());
            }
            if *role == Role::Owner {
                return Ok(Decision::Commit(hand_over(submission, known, actor, *user_id, b"")));
            }
            let event = SystemEvent::RoleChanged {
                user_id: *user_id,
                role: *role,
            };
            commit(None, vec![MemberChange::Role(*user_id, *role)], event)
        }
    }
}

/// Who gets a leaving owner's group: the admin who joined first, else the member who did; members stand in that order.
fn heir(known: &KnownRoster, leaving: &Member) -> Option<UserId> {
    if leaving.role != Role::Owner {
        return None;
    }
    let others = || {
        known
            .roster
            .members
            .iter()
            .filter(|member| member.user_id != leaving.user_id)
    };
    let admin = others().find(|member| member.role == Role::Admin);
    admin.or_else(|| others().next()).map(|member| member.user_id)
}

fn hand_over(submission: &Submission, known: &KnownRoster, owner: &Member, heir: UserId, step: &[u8]) -> Change {
    let event = SystemEvent::RoleChanged {
        user_id: heir,
        role: Role::Owner,
    };
    Change::Govern {
        conversation: None,
        members: vec![
            MemberChange::Role(heir, Role::Owner),
            MemberChange::Role(owner.user_id, Role::Admin),
        ],
        message: system(submission, step, event),
        fence: known.roster.fence,
    }
}

/// Makes the system message that tells of one step of an operation.
fn system(submission: &Submission, step: &[u8], event: SystemEvent) -> Message {
    let conversation_id = submission.conversation_id;
    let operation = [submission.operation.as_slice(), step].concat();
    Message {
        conversation_id,
        id: MessageId::of_operation(conversation_id, &operation),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id: submission.actor,
        content: Content::System(event),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: submission.at,
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint::SYSTEM,
    }
}
