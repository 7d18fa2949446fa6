//! Several servers on one database, connected by a bus: nothing acknowledged is lost, doubled or out of order, whatever
//! fails.

use std::time::Duration;

use letsapp_testkit::mongodb;
use letsapp_testkit::proxy::{Cut, Proxy};
use letsapp_testkit::redis::Redis;
use letsapp_testkit::server::{Binary, Running};
use serde_json::json;
use tokio::time::timeout;

use crate::http::Http;
use crate::load::Load;
use crate::people::Person;
use crate::socket::{Events, Socket};
use crate::{random, server, verdict};

/// Number of servers.
const SERVERS: usize = 3;

/// A length of the faults.
#[derive(Clone, Copy)]
struct Faults {
    rounds: u32,
    /// Time for which a server or a link stands still.
    standstill: Duration,
}

/// For every change: longer than a server's silence goes unnoticed, shorter than its lease.
const SHORT: Faults = Faults {
    rounds: 1,
    standstill: Duration::from_secs(4),
};

/// For a thorough run: longer than a lease.
const LONG: Faults = Faults {
    rounds: 10,
    standstill: Duration::from_secs(30),
};

/// The processes and links of an installation.
struct Cluster {
    binaries: Vec<Binary>,
    servers: Vec<Running>,
    /// Redis with a link to each server, if it is the bus.
    redis: Option<(Redis, Vec<Proxy>)>,
    _directories: Vec<tempfile::TempDir>,
}

impl Cluster {
    async fn on_redis() -> Option<Self> {
        let redis = Redis::start()?;
        let address = redis
            .url()
            .trim_start_matches("redis://")
            .parse()
            .expect("it is an address");
        let mut links = Vec::new();
        for _ in 0..SERVERS {
            links.push(Proxy::to(address).await);
        }
        let urls: Vec<_> = links.iter().map(|link| format!("redis://{}", link.address())).collect();
        let mut cluster = Self::start(&urls).await?;
        cluster.redis = Some((redis, links));
        Some(cluster)
    }

    async fn on_mongodb() -> Option<Self> {
        Self::start(&vec!["mongodb:".to_owned(); SERVERS]).await
    }

    async fn start(buses: &[String]) -> Option<Self> {
        let store = mongodb::shared()?.unique_database_uri();
        let directories: Vec<_> = buses.iter().map(|_| tempfile::tempdir().unwrap()).collect();
        let binaries: Vec<_> = directories
            .iter()
            .zip(buses)
            .map(|(directory, bus)| server::at_one_address(directory.path()).args(["--store", &store, "--bus", bus]))
            .collect();
        let mut servers = Vec::new();
        for binary in &binaries {
            servers.push(binary.start().await);
        }
        Some(Self {
            binaries,
            servers,
            redis: None,
            _directories: directories,
        })
    }

    fn https(&self) -> Vec<Http> {
        self.servers.iter().map(|server| Http::new(server.url())).collect()
    }

    async fn kill(&mut self, at: usize) {
        self.servers[at].kill9();
        self.servers[at] = self.binaries[at].start().await;
    }

    async fn restart(&mut self, at: usize) {
        assert!(self.servers[at].terminate().await.success());
        self.servers[at] = self.binaries[at].start().await;
    }

    /// Lets every process and link fail in turn, while the load goes on.
    async fn suffer(&mut self, load: &mut Load, faults: Faults) {
        for _ in 0..faults.rounds {
            let victim = usize::try_from(random::below(SERVERS as u64)).expect("it is small");
            self.kill(victim).await;
            load.progress(50).await;
            self.servers[victim].pause();
            stand_still(faults.standstill).await;
            self.servers[victim].resume();
            load.progress(50).await;
            for at in 0..SERVERS {
                self.restart(at).await;
                load.progress(20).await;
            }
            if let Some((redis, links)) = &self.redis {
                for cut in [Cut::ToServer, Cut::ToClient, Cut::Both, Cut::Closed] {
                    links[victim].cut(cut);
                    load.progress(20).await;
                    stand_still(faults.standstill / 4).await;
                    links[victim].mend();
                }
                redis.restart();
                load.progress(50).await;
                redis.pause();
                stand_still(faults.standstill).await;
                redis.resume();
                load.progress(50).await;
            }
        }
    }
}

/// Lets time pass in which something is out of order.
async fn stand_still(duration: Duration) {
    let _passed = timeout(duration, std::future::pending::<()>()).await;
}

async fn nothing_is_lost(run: &str, mut cluster: Cluster, faults: Faults) {
    let mut load = Load::across(&cluster.https()).await;
    load.progress(100).await;
    cluster.suffer(&mut load, faults).await;
    load.progress(100).await;
    let (ledgers, followed) = load.finish().await;
    let acknowledged = verdict::settle(run, &ledgers, &followed).await;
    assert!(acknowledged > 300, "there was a load");
    assert!(followed.live > 0, "there were live events");
    for server in &mut cluster.servers {
        assert!(server.terminate().await.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_on_redis_lose_nothing() {
    let Some(cluster) = Cluster::on_redis().await else {
        return;
    };
    nothing_is_lost("three servers, Redis", cluster, SHORT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_on_change_streams_lose_nothing() {
    let Some(cluster) = Cluster::on_mongodb().await else {
        return;
    };
    nothing_is_lost("three servers, change streams", cluster, SHORT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes many minutes: .ci/long runs it"]
async fn three_servers_lose_nothing_for_long() {
    let Some(cluster) = Cluster::on_redis().await else {
        return;
    };
    nothing_is_lost("three servers, Redis, long", cluster, LONG).await;
    let Some(cluster) = Cluster::on_mongodb().await else {
        return;
    };
    nothing_is_lost("three servers, change streams, long", cluster, LONG).await;
}

/// Returns the next event of a kind.
async fn next(events: &mut Events, kind: &str) -> serde_json::Value {
    let found = async {
        loop {
            let mut event = events.next().await.expect("the socket is open");
            if event["event"] == kind {
                return event["data"].take();
            }
        }
    };
    timeout(Duration::from_secs(30), found)
        .await
        .unwrap_or_else(|_| panic!("no {kind}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_on_different_servers_are_in_one_messenger() {
    for cluster in [Cluster::on_redis().await, Cluster::on_mongodb().await] {
        let Some(mut cluster) = cluster else { return };
        let [east, west, north] = &cluster.https()[..] else {
            unreachable!("there are three")
        };
        let (ana, ben) = (Person::sign_up(east, "ana").await, Person::sign_up(west, "ben").await);
        let phone = Person::sign_in(north, "ben").await;
        let (ana_socket, mut ana_events) = Socket::open(&ana).await.unwrap();
        let (ben_socket, mut ben_events) = Socket::open(&ben).await.unwrap();
        let (_phone_socket, mut phone_events) = Socket::open(&phone).await.unwrap();
        let chat = ana.talk_to(&ben).await;
        let message = json!({"conversation_id": chat, "id": random::fresh_id(), "body": "Across"});
        let sent = ana_socket.ask("message.send", &message).await.unwrap();
        for events in [&mut ben_events, &mut phone_events] {
            assert_eq!(next(events, "message.created").await["body"], "Across");
        }
        let typing = json!({"conversation_id": chat, "typing": true});
        ben_socket.ask("typing", &typing).await.unwrap();
        assert_eq!(next(&mut ana_events, "typing").await["user_id"], *ben.id);
        let read = json!({"conversation_id": chat, "read": sent["seq"]});
        ben_socket.ask("receipt", &read).await.unwrap();
        let receipt = next(&mut ana_events, "receipt.updated").await;
        assert_eq!(receipt["items"][0]["read_seq"], sent["seq"]);
        let watch = json!({"user_ids": [ben.id]});
        let seen = ana_socket.ask("presence.watch", &watch).await.unwrap();
        assert_eq!(seen["items"][0]["status"], "online");
        for server in &mut cluster.servers {
            assert!(server.terminate().await.success());
        }
    }
}
