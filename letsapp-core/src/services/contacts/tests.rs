//! Changes whose request is cancelled before the store answers: caches must be updated nevertheless.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tokio::sync::Notify;

use crate::adapters::memory::MemoryStore;
use crate::domain::id::{ConversationId, Rev, Seq, SessionId, UserId};
use crate::domain::message::{Message, Position};
use crate::domain::principal::Principal;
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, CHAT, NOW, Recorder, direct, message};
use crate::ports::{
    ContactRepository, ManualClock, MockConversationRepository, MockMessageRepository, Outcome, Outcomes,
    Repositories as _, RepositoryError, Stores,
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
    let chat = CHAT;
    let contacts = Arc::new(Slow {
        inner: MemoryStore::new().contacts(),
        go: Notify::new(),
    });
    let mut conversations = MockConversationRepository::new();
    conversations
        .expect_direct()
        .returning(|pairs| Ok(vec![(pairs[0], CHAT)]));
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

#[tokio::test]
async fn a_block_waits_for_the_messages_that_were_decided_before_it() {
    let chat = CHAT;
    let mut conversations = MockConversationRepository::new();
    conversations
        .expect_direct()
        .returning(|pairs| Ok(vec![(pairs[0], CHAT)]));
    conversations.expect_rosters().returning(move |_| {
        let mut roster = direct();
        roster.conversation.id = chat;
        Ok(vec![roster])
    });
    conversations.expect_members().returning(|asked| {
        let record = |(_, user_id): &(ConversationId, UserId)| direct().member(*user_id).cloned();
        let record = |key: &(ConversationId, UserId)| {
            record(key).map(|member| crate::domain::member::Member {
                conversation_id: key.0,
                ..member
            })
        };
        Ok(asked.iter().filter_map(record).collect())
    });
    let (mut messages, go) = (MockMessageRepository::new(), Arc::new(Notify::new()));
    messages.expect_concurrent_commits().return_const(1_usize);
    messages.expect_commit().returning({
        let go = go.clone();
        move |_| {
            let go = go.clone();
            let position = Position {
                seq: Seq(1),
                rev: Rev(1),
                ordinal: 1,
                sent_at: NOW,
            };
            Outcomes::together(async move {
                go.notified().await;
                vec![Ok(Outcome::Committed(position))]
            })
        }
    });
    let stores = Stores {
        contacts: MemoryStore::new().contacts(),
        conversations: Arc::new(conversations),
        messages: Arc::new(messages),
        ..fixtures::stores()
    };
    let clock = Arc::new(ManualClock::at(NOW));
    let engine = Arc::new(fixtures::engine(stores, Arc::new(Recorder::default()), clock));
    let message = Message {
        conversation_id: chat,
        ..message(BEN, 0)
    };
    let sent = engine.committer.submit(Submission {
        conversation_id: chat,
        actor: BEN,
        origin: None,
        at: NOW,
        operation: [0; 16],
        command: Command::Send(Arc::new(message), Vec::new()),
    });
    let ana = Principal {
        user_id: ANA,
        session_id: SessionId::from_bytes([9; 16]),
    };
    let service = ContactService::new(engine.clone());
    let mut block = service.block(&ana, BEN).boxed();
    for _ in 0..9 {
        assert!(
            (&mut block).now_or_never().is_none(),
            "Ben's message is still on its way"
        );
        tokio::task::yield_now().await;
    }
    go.notify_one();
    block.await.unwrap();
    assert!(
        sent.now_or_never().is_some_and(|sent| sent.is_ok()),
        "it came before the block"
    );
}
