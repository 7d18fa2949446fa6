//! A bus that loses messages or does not answer, on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use letsapp_core::domain::id::{ServerId, UserId};
use letsapp_core::ports::{BusError, BusMessage, EventBus, Incoming, Lease, Peer};

/// A bus that fails on demand.
pub(crate) struct Faulty {
    bus: Arc<dyn EventBus>,
    /// Whether all calls fail.
    pub(crate) is_down: AtomicBool,
    /// Number of sends that are still to be lost without an error.
    pub(crate) losing: AtomicU64,
    /// Whether calls never answer.
    pub(crate) hangs: AtomicBool,
}

impl Faulty {
    pub(crate) fn over(bus: Arc<dyn EventBus>) -> Arc<Self> {
        Arc::new(Self {
            bus,
            is_down: AtomicBool::default(),
            losing: AtomicU64::default(),
            hangs: AtomicBool::default(),
        })
    }

    async fn pass(&self) -> Result<(), BusError> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_down.load(Ordering::SeqCst) {
            return Err(BusError::new("it is down"));
        }
        Ok(())
    }
}

#[async_trait]
impl EventBus for Faulty {
    async fn join(&self, server_id: ServerId) -> Result<BoxStream<'static, Incoming>, BusError> {
        self.bus.join(server_id).await
    }

    async fn send(&self, messages: Vec<BusMessage>) -> Result<(), BusError> {
        self.pass().await?;
        let lose = |left: u64| left.checked_sub(1);
        if self
            .losing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose)
            .is_ok()
        {
            return Ok(());
        }
        self.bus.send(messages).await
    }

    async fn renew(&self, server_id: ServerId, ttl: Duration) -> Result<Lease, BusError> {
        self.pass().await?;
        self.bus.renew(server_id, ttl).await
    }

    async fn enter(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.pass().await?;
        self.bus.enter(server_id, user_ids).await
    }

    async fn leave(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.pass().await?;
        self.bus.leave(server_id, user_ids).await
    }

    async fn locate(&self, user_ids: &[UserId]) -> Result<Vec<Vec<ServerId>>, BusError> {
        self.pass().await?;
        self.bus.locate(user_ids).await
    }

    async fn servers(&self) -> Result<Vec<Peer>, BusError> {
        self.pass().await?;
        self.bus.servers().await
    }

    async fn users_of(
        &self,
        server_id: ServerId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, BusError> {
        self.pass().await?;
        self.bus.users_of(server_id, after, limit).await
    }

    async fn retire(&self, server_id: ServerId) -> Result<(), BusError> {
        self.bus.retire(server_id).await
    }
}
