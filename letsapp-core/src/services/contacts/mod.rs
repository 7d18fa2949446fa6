//! Contacts and blocks.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::contact::{Alias, Block, Contact, ContactEdge};
use crate::domain::conversation::Conversation;
use crate::domain::id::{ConversationId, UserId};
use crate::domain::page::{Limit, Page};
use crate::domain::principal::Principal;
use crate::domain::user::User;
use crate::engine::Engine;
use crate::engine::commit::{Command, Submission};
use crate::engine::detached::run_detached;
use crate::engine::error::ConversationError;
use crate::ports::{Fact, Listing, RepositoryError};
use crate::protocol;

/// The service for contacts and blocks. Users are not notified when someone adds them as a contact or blocks them.
///
/// While one of two users blocks the other, neither sees the presence or the last-seen time of the other. In their
/// direct conversation sending, editing and reacting are
/// [`Forbidden`](crate::engine::error::ConversationError::Forbidden) for both. The error tells the blocking user to
/// remove the block first; the blocked user gets the same error as for a deleted account. Earlier messages stay
/// readable and can be deleted, and a retry of an earlier send still returns its message. Groups are not affected.
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

/// The reason why a contact or block was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// No user has this id, or the account was erased.
    #[error("there is no such user")]
    NotFound,
    /// The user is the caller.
    #[error("you can't add yourself as a contact or block yourself")]
    Oneself,
    /// The store failed; the change may or may not have been made.
    #[error(transparent)]
    Store(#[from] RepositoryError),
}

impl ContactService {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Returns the contacts of the caller, ordered by user id, including erased accounts. `after` is where the previous
    /// page ended.
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
        let mut users = self
            .engine
            .shown(principal.user_id, contacts.iter().map(|contact| contact.user_id))
            .await?;
        let shown = contacts.into_iter().map(|contact| {
            let user = users.remove(&contact.user_id);
            (contact.user_id, user.map(|user| protocol::Contact::new(contact, user)))
        });
        Ok(Page::cut(shown, limit).flatten())
    }

    /// Adds a user to the caller's contacts, or changes the alias of an existing contact. `None` removes the alias.
    ///
    /// # Errors
    /// [`ContactError::NotFound`] for an unknown or erased user, [`ContactError::Oneself`] for the caller.
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
            // After an error it is unknown whether the store has made the change, so the registry has to ask it.
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

    /// Removes a user from the caller's contacts. Succeeds as well if the user is not a contact.
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

    /// Returns the users whom the caller blocks, ordered by user id, including erased accounts. `after` is where the
    /// previous page ended.
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
        let mut users = self
            .engine
            .shown(principal.user_id, blocks.iter().map(|block| block.user_id))
            .await?;
        let shown = blocks.into_iter().map(|block| {
            let blocked_at = block.blocked_at;
            let user = users.remove(&block.user_id);
            (block.user_id, user.map(|user| protocol::Block { user, blocked_at }))
        });
        Ok(Page::cut(shown, limit).flatten())
    }

    /// Blocks a user. On this server the block holds as soon as the future is ready, on other servers a few seconds
    /// later, when their cached rosters expire.
    ///
    /// # Errors
    /// [`ContactError::NotFound`] for an unknown or erased user, [`ContactError::Oneself`] for the caller.
    pub async fn block(&self, principal: &Principal, user_id: UserId) -> Result<(), ContactError> {
        self.somebody_else(principal, user_id).await?;
        let block = Block {
            owner_id: principal.user_id,
            user_id,
            blocked_at: self.engine.runtime.clock.now(),
        };
        let engine = Arc::clone(&self.engine);
        let block = async move {
            let blocked = engine.stores.contacts.block(block).await;
            let renewed = renew(&engine, block.edge()).await;
            blocked?;
            let Some(conversation_id) = renewed? else {
                return Ok(());
            };
            // A message that was decided before the block may not be committed yet. Once the barrier is answered, none
            // follows.
            let barrier = Submission {
                conversation_id,
                actor: block.owner_id,
                origin: None,
                at: block.blocked_at,
                operation: [0; 16],
                command: Command::Barrier,
            };
            if let Err(ConversationError::Store(error)) = engine.committer.submit(barrier).await {
                return Err(error);
            }
            Ok(())
        };
        run_detached(block).await?;
        Ok(())
    }

    /// Removes a block. Succeeds as well if there is none.
    ///
    /// # Errors
    /// [`ContactError::Store`] when the store fails.
    pub async fn unblock(&self, principal: &Principal, user_id: UserId) -> Result<(), ContactError> {
        let (engine, edge) = (Arc::clone(&self.engine), ContactEdge::new(principal.user_id, user_id));
        let unblock = async move {
            let unblocked = engine.stores.contacts.unblock(edge).await;
            let renewed = renew(&engine, edge).await;
            unblocked.and(renewed)
        };
        run_detached(unblock).await?;
        Ok(())
    }

    /// Reads a user who is neither the caller nor erased.
    async fn somebody_else(&self, principal: &Principal, user_id: UserId) -> Result<User, ContactError> {
        if user_id == principal.user_id {
            return Err(ContactError::Oneself);
        }
        let found = self.engine.stores.users.find(&[user_id]).await?.pop();
        found
            .filter(|user| user.deleted_at.is_none())
            .ok_or(ContactError::NotFound)
    }
}

/// Drops cached state that depends on a block between two users, and returns their direct conversation if they have one.
/// Called after errors too, because the store may have made the change before it failed.
async fn renew(engine: &Engine, edge: ContactEdge) -> Result<Option<ConversationId>, RepositoryError> {
    engine.presence.block_changed(edge.owner_id, edge.user_id);
    let pair = Conversation::pair_of(edge.owner_id, edge.user_id);
    // Looked up after the change: a conversation that is made later is read with the change.
    let found = engine.stores.conversations.direct(&[pair]).await;
    match &found {
        Ok(found) => found.iter().for_each(|(_, id)| engine.rosters.forget(*id)),
        Err(_) => engine.rosters.forget_all(),
    }
    engine.runtime.sink.announce(Fact::BlockChanged {
        owner_id: edge.owner_id,
        user_id: edge.user_id,
        conversation_id: found.as_ref().ok().and_then(|found| found.first()).map(|(_, id)| *id),
    });
    Ok(found?.pop().map(|(_, id)| id))
}

/// Tells the presence registry that a contact was added or removed, as settings may show presence to contacts only.
fn listed(engine: &Engine, edge: ContactEdge, listing: Listing) {
    engine.presence.contact_changed(edge.owner_id, edge.user_id, listing);
    engine.runtime.sink.announce(Fact::ContactChanged {
        owner_id: edge.owner_id,
        user_id: edge.user_id,
        listing,
    });
}
