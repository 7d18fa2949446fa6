//! What members may do with conversations.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::auth::Principal;
use crate::conversations::lane::{Act, Command, Done, Lanes, Wish};
use crate::conversations::receipts::Receipts;
use crate::conversations::sync::Syncing;
use crate::conversations::view::Views;
use crate::conversations::{
    Access, Conversation, ConversationError, ConversationRepository, Creation, Kind, MAX_MEMBERS, PreferencesPatch,
    Role,
};
use crate::event::{Envelope, Event, EventBus};
use crate::id::{ConnectionId, ConversationId, IdSource, UserId};
use crate::messages::{Content, Message, MessageRepository, SystemEvent};
use crate::page::{Limit, Page};
use crate::protocol::requests::{AddMembers, CreateConversation, UpdateConversation};
use crate::protocol::{self, Receipt};
use crate::time::{Clock, Timestamp};
use crate::users::{About, UserRepository};

/// Conversations, as their members handle them.
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
    ports: Arc<Ports>,
}

pub(crate) struct Ports {
    pub(crate) conversations: Arc<dyn ConversationRepository>,
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) views: Arc<Views>,
    pub(crate) access: Access,
    /// Whether other servers write to the stores.
    pub(crate) shared: bool,
}

/// Whether something was made now or was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Now.
    Now,
    /// Before, by the same request.
    Before,
}

/// A place in the list of one's conversations: the latest activity first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPosition(Timestamp, ConversationId);

/// A place in the list of a group's members: who joined first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPosition(Timestamp, UserId);

impl ConversationService {
    pub(crate) fn new(ports: Ports) -> Self {
        Self { ports: Arc::new(ports) }
    }

    /// Makes a conversation, or finds the one that the same request made before: the one of a pair, or a group by its
    /// id.
    ///
    /// # Errors
    /// - [`ConversationError::Invalid`] for a conversation with oneself, unknown users, or too many of them;
    /// - [`ConversationError::Conflict`] when the id stands for something else.
    pub async fn create(
        &self,
        principal: &Principal,
        request: CreateConversation,
        origin: Option<ConnectionId>,
    ) -> Result<(protocol::Conversation, Made), ConversationError> {
        let (id, made) = match request {
            CreateConversation::Direct { user_id } => self.create_direct(principal, user_id, origin).await?,
            CreateConversation::Group {
                id,
                title,
                about,
                member_ids,
            } => {
                let now = self.ports.clock.now();
                let mut user_ids = member_ids;
                user_ids.retain(|user_id| *user_id != principal.user_id);
                user_ids.sort_unstable();
                user_ids.dedup();
                user_ids.insert(0, principal.user_id);
                let conversation = Conversation {
                    id: id.unwrap_or_else(|| ConversationId::from_uuid(self.ports.ids.random())),
                    kind: Kind::Group,
                    fingerprint: Some(fingerprint(title.as_str(), about.as_ref(), &user_ids)),
                    title: Some(title),
                    about: about.unwrap_or_default(),
                    avatar_media_id: None,
                    created_by: principal.user_id,
                    created_at: now,
                    pair: None,
                };
                self.create_group(principal, conversation, user_ids, origin).await?
            }
        };
        Ok((self.find(principal, id).await?, made))
    }

    /// Returns one's conversations, the latest activity first.
    ///
    /// # Errors
    /// [`ConversationError::Store`] when the store fails.
    pub async fn list(
        &self,
        principal: &Principal,
        after: Option<ListPosition>,
        limit: Limit,
    ) -> Result<Page<protocol::Conversation, ListPosition>, ConversationError> {
        let mut members = self.ports.conversations.memberships(principal.user_id).await?;
        members.retain(crate::conversations::Member::is_in);
        let views = self.ports.views.of(members).await?;
        let position = |view: &protocol::Conversation| {
            let last = view
                .head
                .last_message
                .as_ref()
                .map_or(view.me.joined_at, |message| message.sent_at);
            ListPosition(last, view.id)
        };
        let mut views: Vec<_> = views.into_iter().map(|(_, view)| (position(&view), view)).collect();
        views.sort_unstable_by_key(|(at, _)| std::cmp::Reverse((at.0, at.1)));
        views.retain(|(at, _)| after.is_none_or(|after| (at.0, at.1) < (after.0, after.1)));
        views.truncate(limit.get() + 1);
        let page = Page::cut(views, limit, |(at, _)| *at);
        Ok(page.map(|(_, view)| view))
    }

    /// Returns a conversation that one is or was in.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when one never was.
    pub async fn find(
        &self,
        principal: &Principal,
        id: ConversationId,
    ) -> Result<protocol::Conversation, ConversationError> {
        let granted = self.ports.access.reader(id, principal.user_id).await?;
        let view = self.ports.views.of(vec![granted.0]).await?.pop();
        view.map(|(_, view)| view).ok_or(ConversationError::NotFound)
    }

    /// Changes a group's title, description or picture, each told by a system message.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] unless one is an admin or the owner.
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
        let acts = [
            title.map(Act::Retitle),
            about.map(Act::Describe),
            avatar_media_id.map(Act::Picture),
        ];
        for act in acts.into_iter().flatten() {
            self.govern(principal, id, act, origin).await?;
        }
        self.find(principal, id).await
    }

    /// Changes what one has set for oneself in a conversation.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when one never was in it, [`ConversationError::Forbidden`] when one is not now.
    pub async fn update_mine(
        &self,
        principal: &Principal,
        id: ConversationId,
        patch: PreferencesPatch,
        origin: Option<ConnectionId>,
    ) -> Result<protocol::Conversation, ConversationError> {
        self.ports.access.participant(id, principal.user_id).await?;
        let now = self.ports.clock.now();
        let member = self
            .ports
            .conversations
            .prefer(id, principal.user_id, patch, now)
            .await?;
        let member = member.ok_or(ConversationError::NotFound)?;
        let view = self.ports.views.of(vec![member]).await?.pop();
        let (_, view) = view.ok_or(ConversationError::NotFound)?;
        let event = Event::ConversationUpdated(Box::new(view.clone()));
        self.ports
            .bus
            .publish(Envelope::to_users([principal.user_id], origin, event));
        Ok(view)
    }

    /// Returns the members of a conversation that one is in, who joined first first.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when one never was in it, [`ConversationError::Forbidden`] when one is not now.
    pub async fn members(
        &self,
        principal: &Principal,
        id: ConversationId,
        after: Option<MemberPosition>,
        limit: Limit,
    ) -> Result<Page<protocol::Member, MemberPosition>, ConversationError> {
        self.ports.access.participant(id, principal.user_id).await?;
        let roster = self
            .ports
            .conversations
            .rosters(&[id])
            .await?
            .pop()
            .ok_or(ConversationError::NotFound)?;
        let mut members = roster.members;
        members.sort_unstable_by_key(|member| (member.joined_at, member.user_id));
        members.retain(|member| after.is_none_or(|after| (member.joined_at, member.user_id) > (after.0, after.1)));
        members.truncate(limit.get() + 1);
        let page = Page::cut(members, limit, |member| {
            MemberPosition(member.joined_at, member.user_id)
        });
        let ids: Vec<_> = page.items.iter().map(|member| member.user_id).collect();
        let users = self.ports.users.find(&ids).await?;
        let items = page.items.into_iter().filter_map(|member| {
            let user = users.iter().find(|user| user.id == member.user_id)?;
            Some(protocol::Member {
                user: user.into(),
                role: member.role,
                joined_at: member.joined_at,
            })
        });
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    /// Brings users into a group and returns those who were not in it.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] unless one is an admin or the owner; [`ConversationError::Invalid`] for
    /// unknown users, or too many of them.
    pub async fn add_members(
        &self,
        principal: &Principal,
        id: ConversationId,
        request: AddMembers,
        origin: Option<ConnectionId>,
    ) -> Result<Vec<protocol::Member>, ConversationError> {
        let mut user_ids = request.user_ids;
        user_ids.sort_unstable();
        user_ids.dedup();
        self.ports.access.participant(id, principal.user_id).await?;
        self.check_users("user_ids", &user_ids).await?;
        let Some(message) = self.govern(principal, id, Act::Add(user_ids), origin).await? else {
            return Ok(Vec::new());
        };
        let Content::System(SystemEvent::MembersAdded { user_ids }) = &message.content else {
            return Ok(Vec::new());
        };
        let users = self.ports.users.find(user_ids).await?;
        let joined = |user| protocol::Member {
            user,
            role: Role::Member,
            joined_at: message.sent_at,
        };
        Ok(users.iter().map(|user| joined(protocol::User::from(user))).collect())
    }

    /// Puts a member out of a group, or leaves it; a leaving owner hands on to the admin who joined first, else to the
    /// member who did.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] when one's role does not allow it, [`ConversationError::NotFound`] when the
    /// user is not in.
    pub async fn remove_member(
        &self,
        principal: &Principal,
        id: ConversationId,
        user_id: UserId,
        origin: Option<ConnectionId>,
    ) -> Result<(), ConversationError> {
        self.govern(principal, id, Act::Remove(user_id), origin).await.map(drop)
    }

    /// Gives a member another role; [`Role::Owner`] hands ownership over.
    ///
    /// # Errors
    /// [`ConversationError::Forbidden`] unless one is the owner, [`ConversationError::NotFound`] when the user is not
    /// in.
    pub async fn change_role(
        &self,
        principal: &Principal,
        id: ConversationId,
        user_id: UserId,
        role: Role,
        origin: Option<ConnectionId>,
    ) -> Result<protocol::Member, ConversationError> {
        self.govern(principal, id, Act::Assign(user_id, role), origin).await?;
        let member = self.ports.conversations.members(&[(id, user_id)]).await?.pop();
        let member = member.ok_or(ConversationError::NotFound)?;
        let user = self
            .ports
            .users
            .find(&[user_id])
            .await?
            .pop()
            .ok_or(ConversationError::NotFound)?;
        Ok(protocol::Member {
            user: (&user).into(),
            role: member.role,
            joined_at: member.joined_at,
        })
    }

    /// Returns how far the members of a conversation that one is in have received and read, as far as they show it.
    ///
    /// # Errors
    /// [`ConversationError::NotFound`] when one never was in it, [`ConversationError::Forbidden`] when one is not now.
    pub async fn receipts(
        &self,
        principal: &Principal,
        id: ConversationId,
        after: Option<UserId>,
        limit: Limit,
    ) -> Result<Page<Receipt, UserId>, ConversationError> {
        self.ports.access.participant(id, principal.user_id).await?;
        let roster = self
            .ports
            .conversations
            .rosters(&[id])
            .await?
            .pop()
            .ok_or(ConversationError::NotFound)?;
        let mut members = roster.members;
        self.ports.receipts.overlay(&mut members);
        let ids: Vec<_> = members.iter().map(|member| member.user_id).collect();
        let users = self.ports.users.find(&ids).await?;
        let shows = |user_id| {
            users
                .iter()
                .any(|user| user.id == user_id && user.settings.read_receipts)
        };
        members.retain(|member| member.user_id == principal.user_id || shows(member.user_id));
        members.sort_unstable_by_key(|member| member.user_id);
        members.retain(|member| after.is_none_or(|after| member.user_id > after));
        members.truncate(limit.get() + 1);
        let page = Page::cut(members, limit, |member| member.user_id);
        Ok(page.map(|member| Receipt {
            user_id: member.user_id,
            watermarks: member.watermarks.into(),
        }))
    }

    /// Returns all that changed since the client last looked.
    ///
    /// # Errors
    /// [`ConversationError::Store`] when the store fails.
    pub async fn sync(
        &self,
        principal: &Principal,
        request: protocol::SyncRequest,
    ) -> Result<protocol::Sync, ConversationError> {
        let ports = &self.ports;
        let syncing = Syncing {
            conversations: &*ports.conversations,
            messages: &*ports.messages,
            receipts: &ports.receipts,
            views: &ports.views,
            shared: ports.shared,
        };
        syncing.sync(principal.user_id, request, ports.clock.now()).await
    }

    async fn create_direct(
        &self,
        principal: &Principal,
        peer: UserId,
        origin: Option<ConnectionId>,
    ) -> Result<(ConversationId, Made), ConversationError> {
        let me = principal.user_id;
        if peer == me {
            let detail = "a direct conversation takes somebody else";
            return Err(ConversationError::invalid("user_id", "is_self", detail));
        }
        self.check_users("user_id", &[peer]).await?;
        let now = self.ports.clock.now();
        let pair = if me < peer { (me, peer) } else { (peer, me) };
        let conversation = Conversation {
            id: ConversationId::of_pair(me, peer),
            kind: Kind::Direct,
            title: None,
            about: About::default(),
            avatar_media_id: None,
            created_by: me,
            created_at: now,
            pair: Some(pair),
            fingerprint: None,
        };
        match self.ports.conversations.create_direct(conversation, now).await? {
            Creation::Created(conversation) => {
                let of = [(conversation.id, me), (conversation.id, peer)];
                let members = self.ports.conversations.members(&of).await?;
                for (viewer, view) in self.ports.views.of(members).await? {
                    let event = Event::ConversationCreated(Box::new(view));
                    self.ports.bus.publish(Envelope::to_users([viewer], origin, event));
                }
                Ok((conversation.id, Made::Now))
            }
            Creation::Existing(found) if found.kind == Kind::Direct && found.pair == Some(pair) => {
                Ok((found.id, Made::Before))
            }
            Creation::Existing(_) => Err(ConversationError::Conflict),
        }
    }

    async fn create_group(
        &self,
        principal: &Principal,
        conversation: Conversation,
        user_ids: Vec<UserId>,
        origin: Option<ConnectionId>,
    ) -> Result<(ConversationId, Made), ConversationError> {
        if user_ids.len() > MAX_MEMBERS {
            let detail = format!("a group holds at most {MAX_MEMBERS} members");
            return Err(ConversationError::invalid("member_ids", "too_many", detail));
        }
        self.check_users("member_ids", &user_ids).await?;
        let (id, fingerprint) = (conversation.id, conversation.fingerprint);
        let wish = Wish {
            conversation_id: id,
            actor: principal.user_id,
            origin,
            at: conversation.created_at,
            operation: *id.as_bytes(),
            command: Command::Create { conversation, user_ids },
        };
        match self.ports.lanes.submit(wish).await {
            Ok(Done::Exists(found)) if found.created_by == principal.user_id && found.fingerprint == fingerprint => {
                Ok((id, Made::Before))
            }
            Ok(Done::Exists(_)) => Err(ConversationError::Conflict),
            Ok(Done::Changed(_)) => Ok((id, Made::Now)),
            Ok(Done::Unchanged(_) | Done::Nothing) => Ok((id, Made::Before)),
            Err(refusal) => Err(self.ports.access.explain(refusal, id, principal.user_id).await),
        }
    }

    /// Carries out a change of a group, and returns the system message that tells of it, if anything changed.
    async fn govern(
        &self,
        principal: &Principal,
        id: ConversationId,
        act: Act,
        origin: Option<ConnectionId>,
    ) -> Result<Option<Arc<Message>>, ConversationError> {
        let mut operation = [0; 16];
        self.ports.ids.fill(&mut operation);
        let wish = Wish {
            conversation_id: id,
            actor: principal.user_id,
            origin,
            at: self.ports.clock.now(),
            operation,
            command: Command::Govern(act),
        };
        match self.ports.lanes.submit(wish).await {
            Ok(Done::Changed(message) | Done::Unchanged(message)) => Ok(Some(message)),
            Ok(Done::Nothing | Done::Exists(_)) => Ok(None),
            Err(refusal) => Err(self.ports.access.explain(refusal, id, principal.user_id).await),
        }
    }

    async fn check_users(&self, field: &str, ids: &[UserId]) -> Result<(), ConversationError> {
        let users = self.ports.users.find(ids).await?;
        let unknown = ids
            .iter()
            .find(|id| !users.iter().any(|user| user.id == **id && user.deleted_at.is_none()));
        match unknown {
            Some(id) => Err(ConversationError::invalid(
                field,
                "unknown_user",
                format!("there is no user {id}"),
            )),
            None => Ok(()),
        }
    }
}

/// Tells a retry of the request that made a group from another request with its id.
fn fingerprint(title: &str, about: Option<&About>, user_ids: &[UserId]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in [title, about.map_or("", About::as_str)] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    for user_id in user_ids {
        hash.update(user_id.as_bytes());
    }
    hash.finalize().into()
}
