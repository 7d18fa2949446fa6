//! Connections to Redis, with the time limits that the whole adapter relies on.

use std::time::Duration;

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue, Pipeline, RedisResult, cmd};
use rustls::crypto::{CryptoProvider, ring};

use super::address::{Address, Arrangement, Encryption, tcp_settings};
use super::connect_error::ConnectError;

/// Time limit for connecting to a server.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// Time limit for the answer to a command or a pipeline. Answers take well below a millisecond.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Makes connections.
#[derive(Debug)]
pub(super) enum Connector {
    Single(Box<Client>),
    Cluster(Vec<ConnectionInfo>),
}

/// An open connection, to a server or to all servers of a cluster. Clones share it.
#[derive(Clone)]
pub(super) enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connector {
    /// Prepares connections to an address.
    ///
    /// # Errors
    /// [`ConnectError::Address`] if the client does not accept it.
    pub(super) fn new(address: &Address) -> Result<Self, ConnectError> {
        if address.encryption == Encryption::Tls && CryptoProvider::get_default().is_none() {
            // The client takes the provider of the process. Somebody else may have been quicker: then theirs is used.
            let _other = ring::default_provider().install_default();
        }
        let refused = |error: redis::RedisError| ConnectError::Address(error.to_string());
        match address.arrangement {
            Arrangement::Single => Client::open(address.nodes[0].clone()).map(|client| Self::Single(Box::new(client))),
            Arrangement::Cluster => cluster(&address.nodes)
                .build()
                .map(|_| Self::Cluster(address.nodes.clone())),
        }
        .map_err(refused)
    }

    /// Connects.
    pub(super) async fn open(&self) -> RedisResult<Link> {
        match self {
            Self::Single(client) => single(client, config()).await,
            Self::Cluster(nodes) => of_cluster(cluster(nodes).build()?).await,
        }
    }

    /// Connects, and passes what the servers send of their own accord to `pushes`.
    pub(super) async fn open_with(&self, pushes: impl AsyncPushSender) -> RedisResult<Link> {
        match self {
            Self::Single(client) => single(client, config().set_push_sender(pushes)).await,
            Self::Cluster(nodes) => of_cluster(cluster(nodes).push_sender(pushes).build()?).await,
        }
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_LIMIT))
        .set_response_timeout(Some(ANSWER_LIMIT))
}

async fn single(client: &Client, config: AsyncConnectionConfig) -> RedisResult<Link> {
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    connection.await.map(Link::Single)
}

/// Returns the settings for a cluster. A command is never repeated: the first attempt at publishing a message may have
/// succeeded, and no message may arrive twice.
fn cluster(nodes: &[ConnectionInfo]) -> ClusterClientBuilder {
    ClusterClient::builder(nodes.iter().cloned())
        .retries(0)
        .connection_timeout(CONNECT_LIMIT)
        .response_timeout(ANSWER_LIMIT)
        .tcp_settings(tcp_settings())
}

async fn of_cluster(client: ClusterClient) -> RedisResult<Link> {
    client.get_async_connection().await.map(Link::Cluster)
}

impl Link {
    /// Sends commands at once, and returns their replies. In a cluster all keys and channels are of one slot.
    pub(super) async fn run<T: FromRedisValue>(&mut self, commands: &Pipeline) -> RedisResult<T> {
        match self {
            Self::Single(connection) => commands.query_async(connection).await,
            Self::Cluster(connection) => commands.query_async(connection).await,
        }
    }

    /// Subscribes to a sharded channel.
    pub(super) async fn subscribe(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Single(connection) => cmd("SSUBSCRIBE").arg(channel).exec_async(connection).await,
            Self::Cluster(connection) => connection.ssubscribe(channel).await,
        }
    }

    /// Asks the server that has a channel for a sign of life.
    pub(super) async fn ping(&mut self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Single(connection) => cmd("PING").exec_async(connection).await,
            Self::Cluster(connection) => {
                let place = SingleNodeRoutingInfo::SpecificNode(Route::with_key(channel, SlotAddr::Master));
                let answer = connection.route_command(cmd("PING"), RoutingInfo::SingleNode(place));
                answer.await?.extract_error().map(drop)
            }
        }
    }
}
