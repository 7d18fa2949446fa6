//! Changes whose request is cancelled before the store answers: caches must be updated nevertheless.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tokio::sync::Notify;

use crate::adapters::memory::MemoryStore;
use crate::domain::id::{ConversationId, SessionId, UserId};
use crate::domain::principal::Principal;
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, NOW, Recorder, direct};
use crate::ports::{
    ContactRepository, ManualClock, MockConversationRepository, Repositories as _, RepositoryError, Stores,
};
use crate::services::contacts::*;

/// A store whose `block` and `unblock` wait until the test lets them go on.
struct Slow {
    inner: Arc<dyn ContactRepository>,
    go: Notify,
}

#[async_trait]
impl ContactRepository for Slow {
    async fn put(&self, contact: Contact) -> Result<Contact, RepositoryError> {
        self.inner.put(contact).await
    }

    async fn remove(&self, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.inner.remove(edge).await
    }

    async fn contacts(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Contact>, RepositoryError> {
        self.inner.contacts(owner_id, after, limit).await
    }

    async fn listed(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        self.inner.listed(edges).await
    }

    async fn block(&self, block: Block) -> Result<Block, RepositoryError> {
        self.go.notified().await;
        self.inner.block(block).await
    }

    async fn unblock(&self, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.go.notified().await;
        self.inner.unblock(edge).await
    }

    async fn blocks(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Block>, RepositoryError> {
        self.inner.blocks(owner_id, after, limit).await
    }

    async fn blocked(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        self.inner.blocked(edges).await
    }

    async fn forget(&self, owner_id: UserId) -> Result<(), RepositoryError> {
        self.inner.forget(owner_id).await
    }
}

#[tokio::test]
async fn a_block_takes_effect_although_its_request_was_cancelled() {
    let chat = ConversationId::of_pair(ANA, BEN);
    let contacts = Arc::new(Slow {
        inner: MemoryStore::new().contacts(),
        go: Notify::new(),
    });
    let mut conversations = MockConversationRepository::new();
    conversations.expect_rosters().returning(move |_| {
        let mut roster = direct();
        roster.conversation.id = chat;
        Ok(vec![roster])
    });
    let stores = Stores {
        contacts: contacts.clone(),
        conversations: Arc::new(conversations),
        ..fixtures::stores()
    };
    let clock = Arc::new(ManualClock::at(NOW));
    let engine = Arc::new(fixtures::engine(stores, Arc::new(Recorder::default()), clock));
    let (service, rosters) = (ContactService::new(engine.clone()), &engine.rosters);
    let ana = Principal {
        user_id: ANA,
        session_id: SessionId::from_bytes([9; 16]),
    };
    let may_write = async || {
        let known = rosters.load([chat].into_iter()).await.unwrap();
        known[&chat].direct_policy.check(BEN).is_ok()
    };
    assert!(may_write().await);
    for (change, open) in [
        (service.block(&ana, BEN).boxed(), false),
        (service.unblock(&ana, BEN).boxed(), true),
    ] {
        assert!(change.now_or_never().is_none(), "the store takes its time");
        contacts.go.notify_one();
        for _ in 0..9 {
            tokio::task::yield_now().await;
        }
        assert_eq!(may_write().await, open);
    }
}
