//! Contract of buses between servers, on MongoDB; and what only that bus has: indexes, and a log that can be lost.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use letsapp_core::adapters::memory::MemoryBus;
use letsapp_core::adapters::mongodb::{MongoBus, MongoStore};
use letsapp_core::contract::bus::BusSubject;
use letsapp_core::domain::id::{ServerId, UserId};
use letsapp_core::ports::{BusMessage, Channel, EventBus, Incoming, Repositories as _, SystemClock};
use letsapp_testkit::mongodb::ReplicaSet;
use mongodb::bson::{Bson, Document, Uuid, doc};
use mongodb::{Client, Database};

/// Time for something to arrive. A failover is the slowest.
const DEADLINE: Duration = Duration::from_secs(60);

/// Database of one case, dropped at its end.
enum Shared {
    Database(String),
    /// No MongoDB is available. The test kit prints a warning, and the cases run in memory.
    Absent(MemoryBus),
}

impl Shared {
    fn new() -> Self {
        match letsapp_testkit::mongodb::shared() {
            Some(uri) => Self::Database(uri.unique_database_uri()),
            None => Self::Absent(MemoryBus::new(Arc::new(SystemClock))),
        }
    }
}

async fn database(uri: &str) -> Database {
    let client = Client::with_uri_str(uri).await.expect("the address is valid");
    client.default_database().expect("the address names a database")
}

async fn bus(uri: &str) -> MongoBus {
    MongoBus::connect(uri)
        .await
        .expect("the replica set accepts connections")
}

#[async_trait]
impl BusSubject for Shared {
    async fn open(&self) -> Arc<dyn EventBus> {
        match self {
            Self::Database(uri) => Arc::new(bus(uri).await),
            Self::Absent(bus) => Arc::new(bus.clone()),
        }
    }

    async fn inboxes(&self) -> Option<usize> {
        let Self::Database(uri) = self else { return None };
        let database = database(uri).await;
        let messages = format!("{}.bus_messages", database.name());
        let cursors = [
            doc! {"$currentOp": {"allUsers": true, "idleCursors": true}},
            // A change stream is either waiting in the server for something new, or idle.
            doc! {"$match": {"ns": messages, "$or": [{"type": "idleCursor"}, {"op": "getmore"}]}},
        ];
        let admin = database.client().database("admin");
        let found = admin
            .aggregate(cursors)
            .await
            .expect("a user may see the own operations");
        Some(found.count().await)
    }

    async fn discard(&self) {
        if let Self::Database(uri) = self {
            database(uri).await.drop().await.expect("the database can be dropped");
        }
    }
}

letsapp_core::bus_contract_suite!(on_mongodb, Shared::new());

fn server(n: u8) -> ServerId {
    ServerId::from_bytes([n; 16])
}

fn hello(text: &'static str) -> Vec<BusMessage> {
    vec![BusMessage {
        channel: Channel::Inbox(server(1)),
        bytes: text.into(),
    }]
}

async fn next(stream: &mut BoxStream<'static, Incoming>) -> Option<Incoming> {
    let next = tokio::time::timeout(DEADLINE, stream.next()).await;
    next.expect("nothing arrives")
}

async fn explained(database: &Database, command: Document) -> Document {
    let explain = doc! {"explain": command, "verbosity": "executionStats"};
    database
        .run_command(explain)
        .await
        .expect("the command can be explained")
}

#[tokio::test]
async fn lookups_and_pages_read_no_more_than_they_return() {
    let Some(uri) = letsapp_testkit::mongodb::shared().map(letsapp_testkit::mongodb::Uri::unique_database_uri) else {
        return;
    };
    let (bus, database) = (bus(&uri).await, database(&uri).await);
    let users: Vec<_> = (0..=200_u8).map(|n| UserId::from_bytes([n; 16])).collect();
    bus.enter(server(1), &users).await.unwrap();
    bus.enter(server(2), &users[..50]).await.unwrap();
    let id = |n: u8| Bson::from(Uuid::from_bytes([n; 16]));
    let filters = [
        doc! {"_id": {"$in": [id(3), id(60), id(250)]}},
        doc! {"servers": id(2), "_id": {"$gt": id(9)}},
    ];
    for (filter, sort, most) in [(&filters[0], doc! {}, 3), (&filters[1], doc! {"_id": 1}, 10)] {
        let find = doc! {"find": "bus_directory", "filter": filter.clone(), "sort": sort, "limit": 10};
        let plan = explained(&database, find).await;
        let text = plan.to_string();
        assert!(text.contains("\"IXSCAN\"") && !text.contains("\"COLLSCAN\""), "{text}");
        assert!(!text.contains("\"SORT\""), "{text}");
        let read = plan
            .get_document("executionStats")
            .unwrap()
            .get_i32("totalDocsExamined")
            .unwrap();
        assert!(read <= most, "{read} documents read: {text}");
    }
    database.drop().await.unwrap();
}

#[tokio::test]
async fn the_database_removes_messages_after_a_minute_of_its_own_time() {
    let Some(uri) = letsapp_testkit::mongodb::shared().map(letsapp_testkit::mongodb::Uri::unique_database_uri) else {
        return;
    };
    let (bus, database) = (bus(&uri).await, database(&uri).await);
    bus.renew(server(1), DEADLINE).await.unwrap();
    bus.send(hello("hello")).await.unwrap();
    let messages = database.collection::<Document>("bus_messages");
    let mut indexes = messages.list_indexes().await.unwrap();
    let mut lifetime = None;
    while let Some(index) = indexes.next().await {
        lifetime = lifetime.or(index.unwrap().options.and_then(|options| options.expire_after));
    }
    assert_eq!(lifetime, Some(Duration::from_secs(60)));
    let message = messages.find_one(doc! {}).await.unwrap().expect("the message");
    let now = database.run_command(doc! {"hello": 1}).await.unwrap();
    let now = now.get_datetime("localTime").unwrap().timestamp_millis();
    let age = now - message.get_datetime("at").unwrap().timestamp_millis();
    assert!((0..30_000).contains(&age), "{age} ms old");
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_stream_whose_place_in_the_log_is_lost_says_so_and_goes_on() {
    let Some(uri) = letsapp_testkit::mongodb::shared().map(letsapp_testkit::mongodb::Uri::unique_database_uri) else {
        return;
    };
    let (bus, database) = (bus(&uri).await, database(&uri).await);
    let mut stream = bus.join(server(1)).await.unwrap();
    bus.send(hello("before")).await.unwrap();
    assert_eq!(
        next(&mut stream).await,
        Some(Incoming::Message(hello("before").remove(0)))
    );
    // A change stream can't be resumed across the end of its collection.
    database.collection::<Document>("bus_messages").drop().await.unwrap();
    assert_eq!(next(&mut stream).await, Some(Incoming::Interrupted));
    bus.send(hello("after")).await.unwrap();
    assert_eq!(
        next(&mut stream).await,
        Some(Incoming::Message(hello("after").remove(0)))
    );
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_stream_goes_on_after_a_failover_without_a_loss() {
    let Some(mongodb) = ReplicaSet::of(3) else { return };
    let bus = bus(&mongodb.uri().unique_database_uri()).await;
    let mut stream = bus.join(server(1)).await.unwrap();
    bus.send(hello("before")).await.unwrap();
    assert_eq!(
        next(&mut stream).await,
        Some(Incoming::Message(hello("before").remove(0)))
    );
    mongodb.kill_primary().await;
    mongodb.await_primary().await;
    letsapp_testkit::until(DEADLINE, async || bus.send(hello("after")).await.is_ok()).await;
    assert_eq!(
        next(&mut stream).await,
        Some(Incoming::Message(hello("after").remove(0)))
    );
}

#[tokio::test]
async fn a_bus_on_a_store_ends_with_it() {
    let Some(uri) = letsapp_testkit::mongodb::shared().map(letsapp_testkit::mongodb::Uri::unique_database_uri) else {
        return;
    };
    let store = MongoStore::connect(&uri).await.unwrap();
    let bus = MongoBus::on(&store).await.unwrap();
    let mut stream = bus.join(server(1)).await.unwrap();
    bus.send(hello("hello")).await.unwrap();
    assert_eq!(
        next(&mut stream).await,
        Some(Incoming::Message(hello("hello").remove(0)))
    );
    store.close().await;
    assert_eq!(next(&mut stream).await, None);
    assert!(bus.send(hello("too late")).await.is_err());
    assert!(bus.join(server(1)).await.is_err());
    database(&uri).await.drop().await.unwrap();
}

/// The database's own processor time per message between two users, with the change streams of two servers.
#[tokio::test]
#[ignore = "measures, and needs a quiet machine"]
#[expect(clippy::print_stdout, reason = "the measurement is what the test is for")]
async fn the_cost_of_a_message_is_told() {
    let Some(mongodb) = ReplicaSet::of(1) else { return };
    let uri = mongodb.uri().unique_database_uri();
    let (bus, database) = (bus(&uri).await, database(&uri).await);
    for n in 1..=2 {
        let mut stream = bus.join(server(n)).await.unwrap();
        tokio::spawn(async move { while stream.next().await.is_some() {} });
    }
    let users: Vec<_> = (0..=200_u8).map(|n| UserId::from_bytes([n; 16])).collect();
    bus.enter(server(1), &users).await.unwrap();
    let processor_time = async || {
        let status = database.run_command(doc! {"serverStatus": 1}).await.unwrap();
        let times = status.get_document("extra_info").unwrap();
        let time = |kind| times.get_i64(kind).expect("Linux tells it");
        time("user_time_us") + time("system_time_us")
    };
    for batch in [1, 4, 16, 64] {
        let (begin, sends) = (processor_time().await, 500);
        for n in 0..sends {
            let ids: Vec<_> = (0..batch * 2).map(|user| users[(n * 7 + user) % 200]).collect();
            assert!(
                bus.locate(&ids)
                    .await
                    .unwrap()
                    .iter()
                    .all(|servers| *servers == [server(1)])
            );
            let channel = Channel::Inbox(server(1));
            let bytes = vec![7; 400 * batch].into();
            bus.send(vec![BusMessage { channel, bytes }]).await.unwrap();
        }
        let messages = i64::try_from(sends * batch).unwrap();
        let cost = (processor_time().await - begin) / messages;
        println!("{batch} messages at once: {cost} µs of MongoDB each");
    }
}
