//! Listing people, and blocking them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::Principal;
use crate::contacts::{Alias, Block, Contact, ContactError, ContactRepository, Tie};
use crate::conversations::rosters::Rosters;
use crate::id::{ConversationId, UserId};
use crate::page::{Limit, Page};
use crate::presence::{Board, Listing};
use crate::protocol;
use crate::task::see_through;
use crate::time::Clock;
use crate::users::visibility::Visibility;
use crate::users::{User, UserRepository};

/// Contacts and blocks. Nobody is told that they are listed, or blocked.
///
/// Between two of whom one blocks the other, neither sees when the other was last connected, nor whether they are now,
/// and in their direct conversation neither says anything new: sending, editing and reacting is
/// [`Forbidden`](crate::conversations::ConversationError::Forbidden) to both. The one who blocks is told to take the
/// block down first; the other learns no more than somebody who writes to a deleted account. All that was said before
/// stays readable, can be deleted, and is what a retry is answered with. In groups a block changes nothing.
///
/// ```
/// # use letsapp_core::{LetsApp, contacts::Alias, protocol::requests::{CreateConversation, SendMessage}};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let app = LetsApp::in_memory().await?;
/// let (ana, ben) = (app.sign_up("ana", "a long password").await?, app.sign_up("ben", "a long password").await?);
/// let contact = app.contacts().put(&ana, ben.user_id, Some(Alias::parse("Benny")?)).await?;
/// assert_eq!(contact.alias.as_deref(), Some("Benny"));
///
/// app.contacts().block(&ana, ben.user_id).await?;
/// let direct = CreateConversation::Direct { user_id: ana.user_id };
/// let (chat, _) = app.conversations().create(&ben, direct, None).await?;
/// let refused = app.messages().send(&ben, chat.id, SendMessage::text("Hello?")?, None).await;
/// assert!(refused.is_err());
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct ContactService {
    ports: Arc<Ports>,
}

pub(crate) struct Ports {
    pub(crate) contacts: Arc<dyn ContactRepository>,
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) visibility: Visibility,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl ContactService {
    pub(crate) fn new(ports: Ports) -> Self {
        Self { ports: Arc::new(ports) }
    }

    /// Returns one's contacts, ordered by user; erased accounts among them as such.
    ///
    /// # Errors
    /// [`ContactError::Store`] when the store fails.
    pub async fn list(
        &self,
        principal: &Principal,
        after: Option<UserId>,
        limit: Limit,
    ) -> Result<Page<protocol::Contact, UserId>, ContactError> {
        let more = limit.get() + 1;
        let contacts = self.ports.contacts.contacts(principal.user_id, after, more).await?;
        let page = Page::cut(contacts, limit, |contact| contact.user_id);
        let mut users = self
            .shown(principal, page.items.iter().map(|contact| contact.user_id))
            .await?;
        let items = page.items.into_iter().filter_map(|contact| {
            let user = users.remove(&contact.user_id)?;
            Some(protocol::Contact::new(contact, user))
        });
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    /// Lists somebody, or changes what one calls them; `None` takes the alias away.
    ///
    /// # Errors
    /// [`ContactError::NotFound`] when there is no such user, [`ContactError::Oneself`] for oneself.
    pub async fn put(
        &self,
        principal: &Principal,
        user_id: UserId,
        alias: Option<Alias>,
    ) -> Result<protocol::Contact, ContactError> {
        let user = self.somebody_else(principal, user_id).await?;
        let contact = Contact {
            owner_id: principal.user_id,
            user_id,
            alias,
            added_at: self.ports.clock.now(),
        };
        let ports = Arc::clone(&self.ports);
        let put = async move {
            let tie = Tie::new(contact.owner_id, contact.user_id);
            let put = ports.contacts.put(contact).await;
            ports.listed(tie, put.as_ref().map_or(Listing::Unknown, |_| Listing::Listed));
            put
        };
        let contact = see_through(put).await?;
        let user = self.ports.visibility.show(principal.user_id, &[user]).await?.pop();
        let user = user.ok_or(ContactError::NotFound)?;
        Ok(protocol::Contact::new(contact, user))
    }

    /// Takes somebody off one's list, where they may not have been.
    ///
    /// # Errors
    /// [`ContactError::Store`] when the store fails.
    pub async fn remove(&self, principal: &Principal, user_id: UserId) -> Result<(), ContactError> {
        let (ports, tie) = (Arc::clone(&self.ports), Tie::new(principal.user_id, user_id));
        let remove = async move {
            let removed = ports.contacts.remove(tie).await;
            ports.listed(tie, removed.as_ref().map_or(Listing::Unknown, |_| Listing::Unlisted));
            removed
        };
        see_through(remove).await?;
        Ok(())
    }

    /// Returns one's blocks, ordered by user; erased accounts among them as such.
    ///
    /// # Errors
    /// [`ContactError::Store`] when the store fails.
    pub async fn blocks(
        &self,
        principal: &Principal,
        after: Option<UserId>,
        limit: Limit,
    ) -> Result<Page<protocol::Block, UserId>, ContactError> {
        let more = limit.get() + 1;
        let blocks = self.ports.contacts.blocks(principal.user_id, after, more).await?;
        let page = Page::cut(blocks, limit, |block| block.user_id);
        let mut users = self
            .shown(principal, page.items.iter().map(|block| block.user_id))
            .await?;
        let items = page.items.into_iter().filter_map(|block| {
            Some(protocol::Block {
                user: users.remove(&block.user_id)?,
                blocked_at: block.blocked_at,
            })
        });
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    /// Blocks somebody: on this server from when it is done, on others within a few seconds.
    ///
    /// # Errors
    /// [`ContactError::NotFound`] when there is no such user, [`ContactError::Oneself`] for oneself.
    pub async fn block(&self, principal: &Principal, user_id: UserId) -> Result<(), ContactError> {
        self.somebody_else(principal, user_id).await?;
        let block = Block {
            owner_id: principal.user_id,
            user_id,
            blocked_at: self.ports.clock.now(),
        };
        let ports = Arc::clone(&self.ports);
        let put_up = async move {
            let blocked = ports.contacts.block(block).await;
            ports.renew(block.tie());
            blocked
        };
        see_through(put_up).await?;
        Ok(())
    }

    /// Takes a block down, where there may have been none.
    ///
    /// # Errors
    /// [`ContactError::Store`] when the store fails.
    pub async fn unblock(&self, principal: &Principal, user_id: UserId) -> Result<(), ContactError> {
        let (ports, tie) = (Arc::clone(&self.ports), Tie::new(principal.user_id, user_id));
        let take_down = async move {
            let unblocked = ports.contacts.unblock(tie).await;
            ports.renew(tie);
            unblocked
        };
        see_through(take_down).await?;
        Ok(())
    }

    async fn somebody_else(&self, principal: &Principal, user_id: UserId) -> Result<User, ContactError> {
        if user_id == principal.user_id {
            return Err(ContactError::Oneself);
        }
        let found = self.ports.users.find(&[user_id]).await?.pop();
        found
            .filter(|user| user.deleted_at.is_none())
            .ok_or(ContactError::NotFound)
    }

    /// Returns these users as one sees them.
    async fn shown(
        &self,
        principal: &Principal,
        ids: impl Iterator<Item = UserId>,
    ) -> Result<HashMap<UserId, protocol::User>, ContactError> {
        let ids: Vec<_> = ids.collect();
        let users = self.ports.users.find(&ids).await?;
        let shown = self.ports.visibility.show(principal.user_id, &users).await?;
        Ok(shown.into_iter().map(|user| (user.id, user)).collect())
    }
}

impl Ports {
    /// Has what stands between two read anew from here on, also where it is not known whether it was changed.
    fn renew(&self, tie: Tie) {
        let chat = ConversationId::of_pair(tie.owner_id, tie.user_id);
        self.rosters.forget(chat);
        self.board.block_changed(tie.owner_id, tie.user_id);
    }

    /// Has it found out anew who of the two sees the other.
    fn listed(&self, tie: Tie, listing: Listing) {
        self.board.contact_changed(tie.owner_id, tie.user_id, listing);
    }
}
