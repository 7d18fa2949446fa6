//! Deciding changes of a group itself: its description, its members and their roles.

use crate::domain::conversation::{Conversation, Kind, MAX_MEMBERS};
use crate::domain::id::UserId;
use crate::domain::member::{Member, MemberChange};
use crate::domain::message::SystemEvent;
use crate::domain::permission::{Action, allows};
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::engine::commit::command::{GroupChange, Submission};
use crate::engine::commit::decide::decision::{Decision, system};
use crate::engine::error::{ConversationError, Forbidden};
use crate::engine::rosters::CachedRoster;
use crate::ports::Change;

/// Decides a change of the group itself, by the role of the actor.
pub(super) fn update_group(
    submission: &Submission,
    known: &CachedRoster,
    actor: &Member,
    change: &GroupChange,
) -> Result<Decision, ConversationError> {
    let conversation = &known.roster.conversation;
    let may = |action| match conversation.kind {
        Kind::Direct => Err(ConversationError::Forbidden(Forbidden::Direct)),
        Kind::Group if allows(actor.role, action) => Ok(()),
        Kind::Group => Err(ConversationError::Forbidden(Forbidden::Role)),
    };
    let commit = |conversation: Option<Conversation>, members: Vec<MemberChange>, event: SystemEvent| {
        let message = system(submission, b"", event);
        Ok(Decision::Commit(Change::UpdateGroup {
            conversation: conversation.map(Box::new),
            members,
            succession: None,
            message,
            fence: known.roster.fence,
        }))
    };
    match change {
        GroupChange::Title(title) => {
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
        GroupChange::About(about) => {
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
        GroupChange::Picture(avatar_media_id) => {
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
        GroupChange::AddMembers(user_ids) => {
            may(Action::Add)?;
            let new: Vec<_> = user_ids
                .iter()
                .copied()
                .filter(|user_id| known.member(*user_id).is_none())
                .collect();
            if new.is_empty() {
                return Ok(Decision::Nothing);
            }
            if known.member_ids.len() + new.len() > MAX_MEMBERS {
                let detail = format!("a group holds at most {MAX_MEMBERS} members");
                return Err(ConversationError::invalid("user_ids", "too_many", detail).into());
            }
            let joins = new
                .iter()
                .map(|user_id| MemberChange::Joined(*user_id, Role::Member))
                .collect();
            commit(None, joins, SystemEvent::MembersAdded { user_ids: new })
        }
        GroupChange::RemoveMember(user_id) if *user_id == actor.user_id => {
            may(Action::Leave)?;
            Ok(Decision::Commit(leave(submission, known, actor)))
        }
        GroupChange::RemoveMember(user_id) => {
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
        GroupChange::ChangeRole(user_id, role) => {
            let target = known.member(*user_id);
            let present = target.map_or(Role::Member, |target| target.role);
            may(match role {
                Role::Owner => Action::TransferOwnership(present),
                Role::Admin | Role::Member => Action::Assign(present),
            })?;
            let target = target.ok_or(ConversationError::NotFound)?;
            if target.role == *role {
                return Ok(Decision::Nothing);
            }
            if target.role == Role::Owner {
                let detail = "a group has one owner: transfer ownership to another member instead";
                return Err(ConversationError::invalid("role", "owner_required", detail).into());
            }
            if *role == Role::Owner {
                let members = vec![
                    MemberChange::Role(*user_id, Role::Owner),
                    MemberChange::Role(actor.user_id, Role::Admin),
                ];
                return commit(None, members, owned_by(*user_id));
            }
            let event = SystemEvent::RoleChanged {
                user_id: *user_id,
                role: *role,
            };
            commit(None, vec![MemberChange::Role(*user_id, *role)], event)
        }
        GroupChange::Delete => {
            may(Action::DeleteGroup)?;
            let departures = known.member_ids.iter().map(|user_id| MemberChange::Left(*user_id));
            commit(
                Some(conversation.deleted(submission.at)),
                departures.collect(),
                SystemEvent::GroupDeleted,
            )
        }
    }
}

/// Returns the next owner when the owner leaves: the admin who joined first, or else the member who joined first.
fn heir(known: &CachedRoster, leaving: &Member) -> Option<UserId> {
    if leaving.role != Role::Owner {
        return None;
    }
    let others = known
        .roster
        .members
        .iter()
        .filter(|member| member.user_id != leaving.user_id);
    let joined = |member: &Member| member.windows.last().map(|window| window.from);
    let heir = others.min_by_key(|member| (member.role != Role::Admin, joined(member), member.user_id));
    heir.map(|member| member.user_id)
}

/// Makes the change by which a member leaves. If it is the owner, another member becomes the owner in the same step:
/// the group is never without an owner, and two members who leave at the same time can't hand it to each other.
fn leave(submission: &Submission, known: &CachedRoster, leaving: &Member) -> Change {
    let user_id = leaving.user_id;
    let heir = heir(known, leaving);
    let mut members = vec![MemberChange::Left(user_id)];
    members.extend(heir.map(|heir| MemberChange::Role(heir, Role::Owner)));
    Change::UpdateGroup {
        conversation: None,
        members,
        succession: heir.map(|heir| system(submission, b"succession", owned_by(heir))),
        message: system(submission, b"", SystemEvent::MemberLeft { user_id }),
        fence: known.roster.fence,
    }
}

const fn owned_by(user_id: UserId) -> SystemEvent {
    let role = Role::Owner;
    SystemEvent::RoleChanged { user_id, role }
}
