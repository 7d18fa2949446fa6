//! Creating, changing, leaving and deleting conversations.

mod creation;
mod picture;
mod reads;
#[cfg(test)]
mod tests;

pub use reads::{ListPosition, MemberPosition};

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::departure::Departure;
use crate::domain::id::{ConnectionId, ConversationId, UserId};
use crate::domain::member::{Member, PreferencesPatch};
use crate::domain::message::{Content, Message, SystemEvent};
use crate::domain::page::Page;
use crate::domain::permission::{Action, allows};
use crate::domain::principal::Principal;
use crate::domain::role::Role;
use crate::engine::Engine;
use crate::engine::adding::UsersField;
use crate::engine::commit::{Command, CommitReply, Description, GroupChange, Submission};
use crate::engine::detached::run_detached;
use crate::engine::error::{ConversationError, Forbidden};
use crate::ports::Envelope;
use crate::protocol;
use crate::protocol::Event;
use crate::protocol::requests::{AddMembers, CreateConversation, UpdateConversation};
use crate::services::conversations::creation::{Group, check_addition, check_users, create_direct, create_group};
use crate::services::made::Made;

/// The service for conversations and their members.
///
/// Changes of a group are carried out from its commit queue, one at a time, and each appends a system message.
///
/// ```
/// # use letsapp_core::{LetsApp, protocol::requests::CreateConversation};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// let request = CreateConversation::Direct { user_id: ben.user_id };
/// let (made, _) = app.conversations().create(&ana, request, None).await?;
/// assert_eq!(app.conversations().find(&ben, made.id).await?.peer.unwrap().id, ana.user_id);
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct ConversationService {
    engine: Arc<Engine>,
}

impl ConversationService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Creates a conversation, or returns the existing one.
    ///
    /// Two users have only one direct conversation. A group whose request carries an `id` is created once, however
    /// often the request is repeated.
    ///
    /// # Errors
    /// - [`ConversationError::Invalid`] for a direct conversation with the caller, unknown users, or too many members;
    /// - [`ConversationError::Conflict`] when the id already belongs to another conversation;
    /// - [`ConversationError::NotAddable`] for users who do not let the caller add them to groups,
    ///   [`ConversationError::RateLimited`] after too many others.
    pub async fn create(
        &self,
        principal: &Principal,
        request: CreateConversation,
        origin: Option<ConnectionId>,
    ) -> Result<(protocol::Conversation, Made), ConversationError> {
        let engine = &self.engine;
        let (id, made) = match request {
            CreateConversation::Direct { user_id } => create_direct(engine, principal, user_id, origin).await?,
            CreateConversation::Group {
                id,
                title,
                about,
                member_ids,
            } => {
                let group = Group {
                    id,
                    title,
                    about,
                    member_ids,
                };
                create_group(engine, principal, group, origin).await?
            }
        };
        Ok((self.find(principal, id).await?, made))
    }

    /// Changes the title, description and picture of a group in one step, with a system message for each.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] unless the caller is an admin or the owner; [`ConversationError::Invalid`] for
    /// an unknown picture.
    pub async fn update(
        &self,
        principal: &Principal,
        id: ConversationId,
        request: UpdateConversation,
        origin: Option<ConnectionId>,
    ) -> Result<protocol::Conversation, ConversationError> {
        let UpdateConversation {
            title,
            about,
            avatar_media_id,
        } = request;
        self.engine.access.participant(id, principal.user_id).await?;
        // Checked after membership, so that strangers get the same answer as for a conversation that does not exist.
        let replaced = match avatar_media_id {
            Some(picture) => picture::replacing(&self.engine, principal.user_id, id, picture).await?,
            None => None,
        };
        let description = Description {
            title,
            about,
            avatar_media_id,
        };
        if !description.is_empty() {
            self.update_group(principal, id, GroupChange::Describe(description), origin)
                .await?;
        }
        if let Some(replaced) = replaced {
            replaced.release(&self.engine, id).await;
        }
        self.find(principal, id).await
    }

    /// Changes the preferences of the caller in a conversation, such as muting or archiving it, also in one that the
    /// caller has left.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller never was a member.
    pub async fn update_mine(
        &self,
        principal: &Principal,
        id: ConversationId,
        patch: PreferencesPatch,
        origin: Option<ConnectionId>,
    ) -> Result<protocol::Conversation, ConversationError> {
        self.engine.access.reader(id, principal.user_id).await?;
        let (engine, user_id) = (Arc::clone(&self.engine), principal.user_id);
        // Detached, because a change that has begun is made and published, even if the request is cancelled.
        run_detached(async move {
            let conversations = &engine.stores.conversations;
            let now = engine.runtime.clock.now();
            let member = conversations.update_preferences(id, user_id, patch, now).await?;
            let member = member.ok_or(ConversationError::NotFound)?;
            let view = engine.views.of(vec![member]).await?.pop();
            let (_, view) = view.ok_or(ConversationError::NotFound)?;
            let event = Event::ConversationUpdated(Box::new(view.clone()));
            engine
                .runtime
                .sink
                .publish(Envelope::to_users([user_id], origin, event));
            Ok(view)
        })
        .await
    }

    /// Removes a conversation that the caller has left from the caller's list, until the caller is added again.
    /// Succeeds as well if it was removed before.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when the caller never was a member, [`ConversationError::Forbidden`] while they
    /// are one.
    pub async fn unlist(
        &self,
        principal: &Principal,
        id: ConversationId,
        origin: Option<ConnectionId>,
    ) -> Result<(), ConversationError> {
        let user_id = principal.user_id;
        let mut members = [self.engine.access.reader(id, user_id).await?.0];
        if members[0].is_in() {
            return Err(ConversationError::Forbidden(Forbidden::StillAMember));
        }
        self.engine.views.complete(&mut members).await?;
        let [member] = members;
        let departure = member.departure.filter(|departure| departure.listed);
        if let Some(departure) = departure {
            let unlisted = Departure {
                listed: false,
                ..*departure
            };
            let engine = Arc::clone(&self.engine);
            // Detached, because a change that has begun is made and published, even if the request is cancelled.
            run_detached::<_, ConversationError>(async move {
                engine.stores.conversations.put_departure(id, user_id, unlisted).await?;
                let event = Event::ConversationRemoved { id };
                engine
                    .runtime
                    .sink
                    .publish(Envelope::to_users([user_id], origin, event));
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Adds users to a group and returns the new members. Users who are members already are skipped.
    ///
    /// # Errors
    /// - [`ConversationError::Forbidden`] unless the caller is an admin or the owner;
    /// - [`ConversationError::Invalid`] for unknown users, or more members than a group may have;
    /// - [`ConversationError::NotAddable`] for users who do not let the caller add them,
    ///   [`ConversationError::RateLimited`] after too many others.
    pub async fn add_members(
        &self,
        principal: &Principal,
        id: ConversationId,
        request: AddMembers,
        origin: Option<ConnectionId>,
    ) -> Result<Vec<protocol::Member>, ConversationError> {
        let mut user_ids = request.user_ids.clone();
        user_ids.sort_unstable();
        user_ids.dedup();
        let granted = self.engine.access.participant(id, principal.user_id).await?;
        let new = self.check_new_members(&granted.0, &request.user_ids, &user_ids).await?;
        let change = GroupChange::AddMembers(user_ids);
        let Some(message) = self.update_members(principal, id, change, new, origin).await? else {
            return Ok(Vec::new());
        };
        let Content::System(SystemEvent::MembersAdded { user_ids }) = &message.content else {
            return Ok(Vec::new());
        };
        let mut users = self.engine.shown(principal.user_id, user_ids.iter().copied()).await?;
        let joined = user_ids.iter().filter_map(|user_id| {
            let member = protocol::Member {
                user: users.remove(user_id)?,
                role: Role::Member,
                joined_at: message.sent_at,
            };
            Some((*user_id, member))
        });
        // A thousand of the longest profiles don't fit into an answer. The list of members has the others.
        Ok(Page::fit(joined).items)
    }

    /// Removes a member from a group, or leaves it if `user_id` is the caller.
    ///
    /// If the owner leaves, the admin who joined first becomes the owner or, without admins, the member who joined
    /// first. Removing a user who has left already succeeds, so that the request can be repeated.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] when the caller's role does not allow it, [`ConversationError::NotFound`] when
    /// the user never was a member.
    pub async fn remove_member(
        &self,
        principal: &Principal,
        id: ConversationId,
        user_id: UserId,
        origin: Option<ConnectionId>,
    ) -> Result<(), ConversationError> {
        let leaving = user_id == principal.user_id;
        match self
            .update_group(principal, id, GroupChange::RemoveMember(user_id), origin)
            .await
        {
            Err(ConversationError::Forbidden(Forbidden::NotAMember)) if leaving => Ok(()),
            Err(ConversationError::NotFound) if !leaving => match self.engine.access.reader(id, user_id).await {
                // The user is a former member. Only callers who may remove members get here, and they may know that.
                Ok(_) if self.engine.access.participant(id, principal.user_id).await.is_ok() => Ok(()),
                Ok(_) => Err(ConversationError::NotFound),
                Err(error) => Err(error),
            },
            outcome => outcome.map(drop),
        }
    }

    /// Changes the role of a member. [`Role::Owner`] transfers the ownership, and the caller becomes an admin.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] unless the caller is the owner, [`ConversationError::NotFound`] when the user
    /// is not a member.
    pub async fn change_role(
        &self,
        principal: &Principal,
        id: ConversationId,
        user_id: UserId,
        role: Role,
        origin: Option<ConnectionId>,
    ) -> Result<protocol::Member, ConversationError> {
        self.update_group(principal, id, GroupChange::ChangeRole(user_id, role), origin)
            .await?;
        let member = self.engine.stores.conversations.members(&[(id, user_id)]).await?.pop();
        let member = member.ok_or(ConversationError::NotFound)?;
        let user = self
            .engine
            .shown(principal.user_id, [user_id].into_iter())
            .await?
            .remove(&user_id);
        Ok(protocol::Member {
            user: user.ok_or(ConversationError::NotFound)?,
            role: member.role,
            joined_at: member.joined_at,
        })
    }

    /// Deletes a group for all present and former members. Afterwards its methods fail with
    /// [`ConversationError::NotFound`].
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] unless the caller is the owner.
    pub async fn delete(
        &self,
        principal: &Principal,
        id: ConversationId,
        origin: Option<ConnectionId>,
    ) -> Result<(), ConversationError> {
        let known = self.engine.access.roster(id, principal.user_id).await?;
        let role = known.member(principal.user_id).map(|member| member.role);
        // Each member's record gets the state of the group at leaving. A refusal writes nothing.
        let leaving = if role.is_some_and(|role| allows(role, Action::DeleteGroup)) {
            known.member_ids.len()
        } else {
            0
        };
        self.update_members(principal, id, GroupChange::Delete, leaving, origin)
            .await
            .map(drop)
    }

    /// Checks that a member may add those of the users who are not members yet, and returns their number. `asked` is
    /// the list of the request.
    async fn check_new_members(
        &self,
        adder: &Member,
        asked: &[UserId],
        user_ids: &[UserId],
    ) -> Result<usize, ConversationError> {
        let engine = &*self.engine;
        if !allows(adder.role, Action::Add) {
            // Refused by the commit path, whoever the others are; their settings don't concern a mere member.
            check_users(engine, "user_ids", user_ids).await?;
            return Ok(0);
        }
        let records: Vec<_> = user_ids
            .iter()
            .map(|user_id| (adder.conversation_id, *user_id))
            .collect();
        let mut present = engine.stores.conversations.members(&records).await?;
        present.retain(Member::is_in);
        let present: HashSet<_> = present.into_iter().map(|member| member.user_id).collect();
        let new: Vec<_> = user_ids.iter().copied().filter(|id| !present.contains(id)).collect();
        let field = UsersField {
            name: "user_ids",
            ids: asked,
        };
        check_addition(engine, adder.user_id, field, &new).await?;
        Ok(new.len())
    }

    /// Submits a change of one member or none to the queue of a group. Returns its system message, or `None` if there
    /// was nothing to change.
    async fn update_group(
        &self,
        principal: &Principal,
        id: ConversationId,
        change: GroupChange,
        origin: Option<ConnectionId>,
    ) -> Result<Option<Arc<Message>>, ConversationError> {
        self.update_members(principal, id, change, 1, origin).await
    }

    /// Submits a change that writes this many member records to the queue of a group.
    async fn update_members(
        &self,
        principal: &Principal,
        id: ConversationId,
        change: GroupChange,
        members: usize,
        origin: Option<ConnectionId>,
    ) -> Result<Option<Arc<Message>>, ConversationError> {
        let mut operation = [0; 16];
        self.engine.runtime.ids.fill(&mut operation);
        let (engine, actor) = (Arc::clone(&self.engine), principal.user_id);
        let update = async move {
            let submission = Submission {
                conversation_id: id,
                actor,
                origin,
                // The change is dated when its turn has come.
                at: engine.runtime.clock.now(),
                operation,
                command: Command::UpdateGroup(change),
            };
            engine.committer.submit(submission).await
        };
        match self.engine.large_changes.pace(members, update).await {
            Ok(CommitReply::Changed(message) | CommitReply::Unchanged(message)) => Ok(Some(message)),
            Ok(CommitReply::Nothing | CommitReply::Exists(_) | CommitReply::Sent(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
