//! The bus between servers on Redis: sharded publish and subscribe, and the directory in hashes.

mod directory;
mod inbox;
mod scripts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use futures_util::stream::BoxStream;
use redis::{Pipeline, pipe};

use self::directory::Directory;
use self::inbox::Channels;
use super::address::{Address, Arrangement};
use super::connect_error::ConnectError;
use super::connector::Connector;
use super::link::Commands;
use crate::domain::id::{ServerId, UserId};
use crate::ports::{BusError, BusMessage, Channel, EventBus, Incoming, Lease, Peer};

/// A bus between servers on Redis, version 7 or later: a single server, or a cluster.
///
/// The address is `redis://[user:password@]host[:port][/database]`, with `rediss://` for TLS by the certificates that
/// the system trusts. Several hosts, separated by commas, are nodes of a cluster; so is one with `?cluster=true`. With
/// `?prefix=name`, all keys and channels begin with that name instead of `letsapp`: servers with another prefix form a
/// bus of their own.
///
/// Every call has an answer or an error within two seconds. Redis keeps nothing that can't be made again: if it loses
/// its data, the servers enter their users again at the next renewal of their leases. When a replica takes over from a
/// server that has failed, entries of its last moments may be missing until their users connect again, because Redis
/// replicates without waiting.
///
/// ```no_run
/// # async fn open() -> Result<(), letsapp_core::adapters::redis::ConnectError> {
/// use letsapp_core::adapters::redis::RedisBus;
///
/// let bus = RedisBus::connect("redis://localhost:6379").await?;
/// # drop(bus);
/// # Ok(())
/// # }
/// ```
pub struct RedisBus {
    commands: Arc<Commands>,
    arrangement: Arrangement,
    channels: Arc<Channels>,
    directory: Directory,
}

impl RedisBus {
    /// Connects to an address, and checks that the server knows sharded channels.
    ///
    /// # Errors
    /// [`ConnectError`] if the address is not valid, no server answers, or it is too old.
    pub async fn connect(address: &str) -> Result<Self, ConnectError> {
        let address = Address::parse(address)?;
        let commands = Arc::new(Commands::new(Connector::new(&address)?));
        let channels = Channels::new(&address.prefix);
        let mut probe = pipe();
        probe.cmd("PUBSUB").arg("SHARDNUMSUB").arg(channels.everyone());
        let probed = commands.run::<Vec<redis::Value>>(&probe).await;
        probed.map_err(|cause| ConnectError::Unusable {
            hosts: address.hosts,
            cause: cause.into(),
        })?;
        Ok(Self {
            directory: Directory::new(Arc::clone(&commands), address.arrangement, &address.prefix),
            commands,
            arrangement: address.arrangement,
            channels: Arc::new(channels),
        })
    }

    /// Gathers messages in the pipelines that can be sent at once, each with its order.
    fn pipelines(&self, messages: Vec<BusMessage>) -> Vec<Pipeline> {
        let mut pipelines: Vec<(Option<Channel>, Pipeline)> = Vec::new();
        for BusMessage { channel, bytes } in messages {
            // In a cluster every channel has a server of its own.
            let key = (self.arrangement == Arrangement::Cluster).then_some(channel);
            let at = pipelines.iter().position(|(of, _)| *of == key).unwrap_or_else(|| {
                pipelines.push((key, pipe()));
                pipelines.len() - 1
            });
            let publish = pipelines[at].1.cmd("SPUBLISH");
            publish.arg(&*self.channels.name(channel)).arg(&*bytes).ignore();
        }
        pipelines.into_iter().map(|(_, pipeline)| pipeline).collect()
    }
}

#[async_trait]
impl EventBus for RedisBus {
    async fn join(&self, server_id: ServerId) -> Result<BoxStream<'static, Incoming>, BusError> {
        inbox::open(Arc::clone(&self.commands), Arc::clone(&self.channels), server_id).await
    }

    async fn send(&self, messages: Vec<BusMessage>) -> Result<(), BusError> {
        let pipelines = self.pipelines(messages);
        try_join_all(pipelines.iter().map(|pipeline| self.commands.run::<()>(pipeline))).await?;
        Ok(())
    }

    async fn renew(&self, server_id: ServerId, ttl: Duration) -> Result<Lease, BusError> {
        self.directory.renew(server_id, ttl).await
    }

    async fn enter(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.directory.enter(server_id, user_ids).await
    }

    async fn leave(&self, server_id: ServerId, user_ids: &[UserId]) -> Result<(), BusError> {
        self.directory.leave(server_id, user_ids).await
    }

    async fn locate(&self, user_ids: &[UserId]) -> Result<Vec<Vec<ServerId>>, BusError> {
        self.directory.locate(user_ids).await
    }

    async fn servers(&self) -> Result<Vec<Peer>, BusError> {
        self.directory.servers().await
    }

    async fn users_of(
        &self,
        server_id: ServerId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, BusError> {
        self.directory.users_of(server_id, after, limit).await
    }

    async fn retire(&self, server_id: ServerId) -> Result<(), BusError> {
        self.directory.retire(server_id).await
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus")
            .field("arrangement", &self.arrangement)
            .finish_non_exhaustive()
    }
}
