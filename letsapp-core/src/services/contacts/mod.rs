//! Listing people, and blocking them.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::contact::{Alias, Block, Contact, ContactEdge};
use crate::domain::id::{ConversationId, UserId};
use crate::domain::page::{Limit, Page};
use crate::domain::principal::Principal;
use crate::domain::user::User;
use crate::engine::Engine;
use crate::engine::detached::run_detached;
use crate::engine::presence::Listing;
use crate::ports::RepositoryError;
use crate::protocol;

/// Contacts and blocks. Nobody is told that they are listed, or blocked.
///
/// Between two of whom one blocks the other, neither sees when the other was last connected, nor whether they are now,
/// and in their direct conversation neither says anything new: sending, editing and reacting is
/// [`Forbidden`](crate::engine::error::ConversationError::Forbidden) to both. The one who blocks is told to take the
/// block down first; the other learns no more than somebody who writes to a deleted account. All that was said before
/// stays readable, can be deleted, and is what a retry is answered with. In groups a block changes nothing.
///
/// ```
/// # use letsapp_core::{LetsApp, domain::contact::Alias, protocol::requests::{CreateConversation, SendMessage}};
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
    engine: Arc<Engine>,
}

/// Why somebody was not listed or blocked.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// There is no such user, or not any more.
    #[error("there is no such user")]
    NotFound,
    /// It takes somebody else.
    #[error("one can neither list nor block oneself")]
    Oneself,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

impl ContactService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
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
        let contacts = self
            .engine
            .stores
            .contacts
            .contacts(principal.user_id, after, more)
            .await?;
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
            added_at: self.engine.runtime.clock.now(),
        };
        let engine = Arc::clone(&self.engine);
        let put = async move {
            let edge = ContactEdge::new(contact.owner_id, contact.user_id);
            let put = engine.stores.contacts.put(contact).await;
            listed(
                &engine,
                edge,
                put.as_ref().map_or(Listing::Unknown, |_| Listing::Listed),
            );
            put
        };
        let contact = run_detached(put).await?;
        let user = self.engine.visibility.show(principal.user_id, &[user]).await?.pop();
        let user = user.ok_or(ContactError::NotFound)?;
        Ok(protocol::Contact::new(contact, user))
    }

    /// Takes somebody off one's list, where they may not have been.
    ///
    /// # Errors
    /// [`ContactError::Store`] when the store fails.
    pub async fn remove(&self, principal: &Principal, user_id: UserId) -> Result<(), ContactError> {
        let (engine, edge) = (Arc::clone(&self.engine), ContactEdge::new(principal.user_id, user_id));
        let remove = async move {
            let removed = engine.stores.contacts.remove(edge).await;
            listed(
                &engine,
                edge,
                removed.as_ref().map_or(Listing::Unknown, |_| Listing::Unlisted),
            );
            removed
        };
        run_detached(remove).await?;
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
        let blocks = self
            .engine
            .stores
            .contacts
            .blocks(principal.user_id, after, more)
            .await?;
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
            blocked_at: self.engine.runtime.clock.now(),
        };
        let engine = Arc::clone(&self.engine);
        let put_up = async move {
            let blocked = engine.stores.contacts.block(block).await;
            renew(&engine, block.edge());
            blocked
        };
        run_detached(put_up).await?;
        Ok(())
    }

    /// Takes a block down, where there may have been none.
    ///
    /// # Errors
    /// [`ContactError::Store`] when the store fails.
    pub async fn unblock(&self, principal: &Principal, user_id: UserId) -> Result<(), ContactError> {
        let (engine, edge) = (Arc::clone(&self.engine), ContactEdge::new(principal.user_id, user_id));
        let take_down = async move {
            let unblocked = engine.stores.contacts.unblock(edge).await;
            renew(&engine, edge);
            unblocked
        };
        run_detached(take_down).await?;
        Ok(())
    }

    async fn somebody_else(&self, principal: &Principal, user_id: UserId) -> Result<User, ContactError> {
        if user_id == principal.user_id {
            return Err(ContactError::Oneself);
        }
        let found = self.engine.stores.users.find(&[user_id]).await?.pop();
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
        let users = self.engine.stores.users.find(&ids).await?;
        let shown = self.engine.visibility.show(principal.user_id, &users).await?;
        Ok(shown.into_iter().map(|user| (user.id, user)).collect())
    }
}

/// Reads anew what is between two users, also where it is unknown whether the store changed it.
fn renew(engine: &Engine, edge: ContactEdge) {
    let chat = ConversationId::of_pair(edge.owner_id, edge.user_id);
    engine.rosters.forget(chat);
    engine.presence.block_changed(edge.owner_id, edge.user_id);
}

/// Checks anew which of the two users sees the other.
fn listed(engine: &Engine, edge: ContactEdge, listing: Listing) {
    engine.presence.contact_changed(edge.owner_id, edge.user_id, listing);
}
