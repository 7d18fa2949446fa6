//! Contract of buses between servers, on Redis: a single server, and a cluster of three.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use letsapp_core::adapters::memory::MemoryBus;
use letsapp_core::adapters::redis::{ConnectError, RedisBus};
use letsapp_core::contract::bus::BusSubject;
use letsapp_core::domain::id::{ServerId, UserId};
use letsapp_core::ports::{BusMessage, Channel, EventBus, Incoming, Lease, SystemClock};
use letsapp_testkit::redis::{Redis, RedisCluster};

/// Keys and channels of one case.
enum Shared {
    Prefixed {
        /// Address with the prefix.
        address: String,
        prefix: String,
        /// Addresses of all servers.
        nodes: Vec<String>,
    },
    /// No Redis is available. The test kit prints a warning, and the cases run in memory.
    Absent(MemoryBus),
}

impl Shared {
    fn single() -> Self {
        Self::new(letsapp_testkit::redis::shared().map(|url| (url.to_owned(), vec![url.to_owned()])))
    }

    fn cluster() -> Self {
        Self::new(RedisCluster::shared().map(|cluster| {
            let nodes = cluster.nodes().iter().map(|node| node.url().to_owned());
            (cluster.url().to_owned(), nodes.collect())
        }))
    }

    fn new(place: Option<(String, Vec<String>)>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Some((url, nodes)) = place else {
            return Self::Absent(MemoryBus::new(Arc::new(SystemClock)));
        };
        let prefix = format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self::Prefixed {
            address: format!("{url}?prefix={prefix}"),
            prefix,
            nodes,
        }
    }
}

#[async_trait]
impl BusSubject for Shared {
    async fn open(&self) -> Arc<dyn EventBus> {
        match self {
            Self::Prefixed { address, .. } => {
                let bus = RedisBus::connect(address).await;
                Arc::new(bus.expect("Redis accepts connections"))
            }
            Self::Absent(bus) => Arc::new(bus.clone()),
        }
    }

    async fn inboxes(&self) -> Option<usize> {
        let Self::Prefixed { prefix, nodes, .. } = self else {
            return None;
        };
        let mut inboxes = 0;
        for node in nodes {
            let found: Vec<String> = ask(
                node,
                redis::cmd("PUBSUB")
                    .arg("SHARDCHANNELS")
                    .arg(format!("{prefix}:server:*")),
            )
            .await;
            inboxes += found.len();
        }
        Some(inboxes)
    }

    async fn discard(&self) {
        if let Self::Prefixed { prefix, nodes, .. } = self {
            for node in nodes {
                let keys: Vec<String> = ask(node, redis::cmd("KEYS").arg(format!("{{{prefix}.*"))).await;
                for key in keys {
                    let _removed: u8 = ask(node, redis::cmd("DEL").arg(key)).await;
                }
            }
        }
    }
}

/// Runs a command on one server.
async fn ask<T: redis::FromRedisValue>(node: &str, command: &redis::Cmd) -> T {
    let client = redis::Client::open(node).expect("the address is valid");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("it accepts connections");
    command.query_async(&mut connection).await.expect("it answers")
}

letsapp_core::bus_contract_suite!(redis_single, Shared::single());
letsapp_core::bus_contract_suite!(redis_cluster, Shared::cluster());

/// Time for something to arrive.
const DEADLINE: Duration = Duration::from_secs(60);

/// Time limit of a call: two seconds, and some for a machine that is busy.
const CALL_DEADLINE: Duration = Duration::from_secs(4);

/// A lease that outlives the test.
const LONG: Duration = Duration::from_secs(600);

fn server(n: u8) -> ServerId {
    ServerId::from_bytes([n; 16])
}

/// Returns users in every part of a directory.
fn users() -> Vec<UserId> {
    (0..=255).map(|n| UserId::from_bytes([n; 16])).collect()
}

fn hello(text: &'static str) -> Vec<BusMessage> {
    [Channel::Inbox(server(1)), Channel::Everyone]
        .map(|channel| BusMessage {
            channel,
            bytes: text.into(),
        })
        .to_vec()
}

async fn next(stream: &mut BoxStream<'static, Incoming>) -> Incoming {
    let next = tokio::time::timeout(DEADLINE, stream.next()).await;
    next.expect("nothing arrives").expect("the stream goes on")
}

/// Asserts that messages on both channels arrive, in any order, and nothing else.
async fn assert_arrives(bus: &RedisBus, stream: &mut BoxStream<'static, Incoming>, text: &'static str) {
    letsapp_testkit::until(DEADLINE, async || bus.locate(&users()).await.is_ok()).await;
    bus.send(hello(text)).await.expect("Redis answers");
    let mut arrived = [next(stream).await, next(stream).await];
    arrived
        .sort_by_key(|incoming| matches!(incoming, Incoming::Message(message) if message.channel == Channel::Everyone));
    assert_eq!(
        arrived.to_vec(),
        hello(text).into_iter().map(Incoming::Message).collect::<Vec<_>>()
    );
}

/// Asserts that every call fails within its time.
async fn assert_all_fail(bus: &RedisBus) {
    let failing = async {
        let ids = users();
        let (send, renew) = (bus.send(hello("lost")), bus.renew(server(1), LONG));
        let (enter, leave, locate) = (bus.enter(server(1), &ids), bus.leave(server(1), &ids), bus.locate(&ids));
        let (servers, retire) = (bus.servers(), bus.retire(server(1)));
        let (page, join) = (bus.users_of(server(1), None, 10), bus.join(server(2)));
        let many = futures_util::future::join_all((0..300).map(|_| bus.locate(&ids[..3])));
        let all = tokio::join!(send, renew, enter, leave, locate, servers, retire, page, join, many);
        assert!(all.0.is_err() && all.1.is_err() && all.2.is_err() && all.3.is_err() && all.4.is_err());
        assert!(all.5.is_err() && all.6.is_err() && all.7.is_err() && all.8.is_err());
        assert!(all.9.iter().all(Result::is_err));
    };
    let in_time = tokio::time::timeout(CALL_DEADLINE, failing).await;
    assert!(in_time.is_ok(), "a call takes longer than its limit");
}

/// Returns a bus whose server 1 has joined and has users.
async fn begun(url: &str) -> (RedisBus, BoxStream<'static, Incoming>) {
    let bus = RedisBus::connect(url).await.expect("Redis answers");
    let mut stream = bus.join(server(1)).await.expect("Redis answers");
    assert_eq!(bus.renew(server(1), LONG).await.expect("Redis answers"), Lease::New);
    bus.enter(server(1), &users()).await.expect("Redis answers");
    assert_arrives(&bus, &mut stream, "before").await;
    (bus, stream)
}

async fn assert_entries_are_lost(bus: &RedisBus) {
    assert_eq!(bus.renew(server(1), LONG).await.expect("Redis answers"), Lease::New);
    assert!(
        bus.locate(&users())
            .await
            .expect("Redis answers")
            .iter()
            .all(Vec::is_empty)
    );
    bus.enter(server(1), &users()).await.expect("Redis answers");
    assert_eq!(bus.renew(server(1), LONG).await.expect("Redis answers"), Lease::Renewed);
    assert!(
        bus.locate(&users())
            .await
            .expect("Redis answers")
            .iter()
            .all(|servers| *servers == [server(1)])
    );
}

#[tokio::test]
async fn a_server_that_was_killed_has_lost_the_leases_and_interrupts_the_streams() {
    let Some(redis) = Redis::start() else { return };
    let (bus, mut stream) = begun(redis.url()).await;
    redis.kill();
    assert_all_fail(&bus).await;
    redis.restart();
    assert_eq!(next(&mut stream).await, Incoming::Interrupted);
    assert_arrives(&bus, &mut stream, "after").await;
    assert_entries_are_lost(&bus).await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_fails_calls_in_time_and_interrupts_the_streams() {
    let Some(redis) = Redis::start() else { return };
    let (bus, mut stream) = begun(redis.url()).await;
    redis.pause();
    assert_all_fail(&bus).await;
    let silence = tokio::time::timeout(Duration::from_secs(3), stream.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    redis.resume();
    assert_eq!(next(&mut stream).await, Incoming::Interrupted);
    assert_arrives(&bus, &mut stream, "after").await;
}

#[tokio::test]
async fn a_server_that_was_flushed_has_lost_the_leases_but_no_stream() {
    let Some(redis) = Redis::start() else { return };
    let (bus, mut stream) = begun(redis.url()).await;
    let _flushed: String = ask(redis.url(), &redis::cmd("FLUSHALL")).await;
    assert!(bus.servers().await.unwrap().is_empty());
    assert_arrives(&bus, &mut stream, "after").await;
    assert_entries_are_lost(&bus).await;
}

#[tokio::test]
async fn a_key_that_was_lost_ends_the_leases_of_all() {
    let Some(redis) = Redis::start() else { return };
    let (bus, _stream) = begun(redis.url()).await;
    for key in ["users", "entries", "leases"] {
        assert_eq!(bus.renew(server(2), LONG).await.unwrap(), Lease::New);
        let removed: u8 = ask(redis.url(), redis::cmd("DEL").arg(format!("{{letsapp.0}}{key}"))).await;
        assert_eq!(removed, 1, "{key}");
        // The other is the first to notice, and makes the key again.
        assert_eq!(bus.renew(server(2), LONG).await.unwrap(), Lease::New, "{key}");
        assert_entries_are_lost(&bus).await;
        bus.retire(server(2)).await.unwrap();
    }
    bus.retire(server(1)).await.unwrap();
    let keys: Vec<String> = ask(redis.url(), redis::cmd("KEYS").arg("*")).await;
    assert!(keys.is_empty(), "{keys:?}");
}

#[tokio::test]
async fn a_part_of_a_cluster_that_was_killed_ends_the_lease_as_a_whole() {
    let Some(cluster) = RedisCluster::start() else { return };
    let (bus, mut stream) = begun(cluster.url()).await;
    // The one with the channel of everyone, so that the stream notices it.
    let mut with_channel = None;
    for node in cluster.nodes() {
        let found: Vec<String> = ask(
            node.url(),
            redis::cmd("PUBSUB").arg("SHARDCHANNELS").arg("letsapp:everyone"),
        )
        .await;
        with_channel = with_channel.or((!found.is_empty()).then_some(node));
    }
    let node = with_channel.expect("a server has the channel");
    node.kill();
    assert!(bus.locate(&users()).await.is_err());
    node.restart();
    assert_eq!(next(&mut stream).await, Incoming::Interrupted);
    assert_arrives(&bus, &mut stream, "after").await;
    assert!(
        bus.servers()
            .await
            .unwrap()
            .iter()
            .any(|peer| peer.id == server(1) && peer.is_alive)
    );
    assert_entries_are_lost(&bus).await;
}

#[tokio::test]
async fn an_address_without_a_server_is_named_in_the_error() {
    let port = letsapp_testkit::free_port();
    let refused = RedisBus::connect(&format!("redis://:secret@127.0.0.1:{port}")).await;
    let error = refused.expect_err("nobody listens").to_string();
    assert!(
        error.contains(&format!("127.0.0.1:{port}")) && !error.contains("secret"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_without_encryption_is_not_spoken_to_at_an_address_with_it() {
    let Some(url) = letsapp_testkit::redis::shared() else {
        return;
    };
    let refused = RedisBus::connect(&url.replacen("redis://", "rediss://", 1)).await;
    assert!(matches!(refused, Err(ConnectError::Unusable { .. })), "{refused:?}");
}

/// Redis' own processor time per message between two users, lookup and publishing included. Most of a lone message is
/// waking up for it, twice. Under load a server sends what has gathered in the meantime.
#[tokio::test]
#[ignore = "measures, and needs a quiet machine"]
#[expect(clippy::print_stdout, reason = "the measurement is what the test is for")]
async fn a_message_under_load_costs_redis_at_most_15_microseconds() {
    let Some(redis) = Redis::start() else { return };
    let bus = RedisBus::connect(redis.url()).await.unwrap();
    let mut stream = bus.join(server(1)).await.unwrap();
    let reader = tokio::spawn(async move { while stream.next().await.is_some() {} });
    bus.renew(server(1), LONG).await.unwrap();
    let user = |n: u32| UserId::from_bytes([n.to_be_bytes(); 4].concat().try_into().expect("sixteen bytes"));
    for part in (0..100_000).map(user).collect::<Vec<_>>().chunks(1_000) {
        bus.enter(server(1), part).await.unwrap();
    }
    let processor_time = async || {
        let info: String = ask(redis.url(), redis::cmd("INFO").arg("cpu")).await;
        let times = info
            .lines()
            .filter(|line| line.starts_with("used_cpu_sys:") || line.starts_with("used_cpu_user:"));
        times
            .map(|line| {
                line.split_once(':')
                    .expect("a value")
                    .1
                    .parse::<f64>()
                    .expect("seconds")
            })
            .sum::<f64>()
    };
    for batch in [1, 4, 16, 64] {
        let (begin, messages) = (processor_time().await, 20_000_u32);
        for first in (0..messages).step_by(batch) {
            let batch = u32::try_from(batch).expect("a small number");
            // Two users each: the sender's other devices hear of the message too.
            let ids: Vec<_> = (first * 2..(first + batch) * 2)
                .map(|n| user(n * 7 % 100_000))
                .collect();
            let places = bus.locate(&ids).await.unwrap();
            assert!(places.iter().all(|servers| *servers == [server(1)]));
            let bytes: bytes::Bytes = vec![7; 400 * batch as usize].into();
            let channel = Channel::Inbox(server(1));
            bus.send(vec![BusMessage { channel, bytes }]).await.unwrap();
        }
        let cost = (processor_time().await - begin) * 1e6 / f64::from(messages);
        println!("{batch} messages at once: {cost:.1} µs of Redis each");
        assert!(batch < 16 || cost <= 15.0);
    }
    let stats: String = ask(redis.url(), redis::cmd("INFO").arg("commandstats")).await;
    println!("{stats}");
    reader.abort();
}
