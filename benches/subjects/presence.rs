//! Users who connect and disconnect, beside connections to the hub and a loop that pushes shared bytes into queues.
//!
//! Both connect a thousand users and disconnect them again, encode an event each time, push it into the queue of every
//! watcher, and empty the queues. LetsApp also counts devices, finds the watchers and checks that they may see the user,
//! reads the user's own contacts, and stores when the user was last seen. Without watchers this should cost little; what
//! each watcher adds is the cost of delivering an event, which `fanout` measures.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use letsapp_core::{
    LetsApp, Rules,
    adapters::memory::MemoryStore,
    domain::{
        id::ConnectionId,
        key::Kid,
        principal::Principal,
        session::{Generation, Session, TokenHash},
        timestamp::Timestamp,
    },
    engine::events::{Connection, Delivery, Hub},
    ports::{BoxError, Repositories},
    protocol::{Event, Presence, PresenceStatus},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    compare::{Costs, compare_costs},
    embedded::create_user,
    report::Row,
    sample::{SplitMix, unix_milliseconds},
    scale::Scale,
    subjects::{Run, Server, Subject},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "presence",
    question: "Cost of a user who connects or disconnects",
    server: Server::NotNeeded,
    run,
};

/// Users who connect and disconnect in one round.
const USERS: usize = 1_000;

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    for watchers in [0, 10, 100] {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let fixture = runtime.block_on(Fixture::with(watchers))?;
        let costs = connect_and_disconnect(scale, &runtime, &fixture)?;
        let changes = 2.0 * USERS as f64;
        let each = |cost: Duration| cost.as_secs_f64() * 1e6 / changes;
        let label = format!("user comes or goes, {watchers} watching, beside as many queues");
        let row = Row::new(label, "µs/change").letsapp(each(costs.letsapp));
        report.row(row.baseline(each(costs.baseline)))?;
        runtime.block_on(fixture.app.shutdown());
    }
    Ok(())
}

/// Application with users who are offline, and watchers who are connected.
struct Fixture {
    app: LetsApp,
    users: Vec<Principal>,
    watching: Vec<Connection>,
}

fn connect_and_disconnect(scale: Scale, runtime: &Runtime, fixture: &Fixture) -> Result<Costs, BoxError> {
    let mut taken = Vec::new();
    let letsapp = || runtime.block_on(fixture.connect_and_disconnect(&mut taken));
    let hub = Arc::new(Hub::default());
    let queues: Vec<Mutex<VecDeque<Bytes>>> = fixture.watching.iter().map(|_| Mutex::default()).collect();
    let mut popped = Vec::new();
    let now = Timestamp::from_millis(i64::try_from(unix_milliseconds())?);
    let push = |event: Event| {
        if queues.is_empty() {
            return;
        }
        let frame = Bytes::from(serde_json::to_vec(&event).expect("events are plain data"));
        for queue in &queues {
            queue.lock().expect("no thread panics").push_back(frame.clone());
        }
    };
    let baseline = || {
        let connections: Vec<_> = fixture.users.iter().map(|user| connect(&hub, *user)).collect();
        for user in &fixture.users {
            push(Event::Presence(Presence::online(user.user_id, now)));
        }
        drop(connections);
        for user in &fixture.users {
            push(Event::Presence(Presence::offline(user.user_id, Some(now))));
        }
        for queue in &queues {
            popped.extend(queue.lock().expect("no thread panics").drain(..));
        }
        assert_eq!(popped.len(), 2 * USERS * queues.len());
        popped.clear();
    };
    Ok(compare_costs(scale.measure(), letsapp, baseline))
}

impl Fixture {
    async fn with(watchers: usize) -> Result<Self, BoxError> {
        let rules = Rules {
            presence_grace: Duration::ZERO,
            ..Rules::default()
        };
        let store: Arc<dyn Repositories> = Arc::new(MemoryStore::new());
        let app = LetsApp::builder()
            .shared_store(Arc::clone(&store))
            .rules(rules)
            .build()
            .await?;
        let mut random = SplitMix::new(1);
        let mut all = Vec::with_capacity(USERS + watchers);
        for number in 0..(USERS + watchers) as u64 {
            all.push(sign_up(&*store, &mut random, number).await?);
        }
        let users = all.split_off(watchers);
        let ids: Vec<_> = users.iter().map(|user| user.user_id).collect();
        let mut watching = Vec::with_capacity(watchers);
        for watcher in all {
            let connection = connect(app.hub(), watcher);
            app.presence().watch(&watcher, connection.connection_id(), &ids).await?;
            watching.push(connection);
        }
        Ok(Self { app, users, watching })
    }

    /// Connects and disconnects all users, and waits until all are offline and every watcher has received both events.
    async fn connect_and_disconnect(&self, taken: &mut Vec<Delivery>) {
        let connections: Vec<_> = self.users.iter().map(|user| connect(self.app.hub(), *user)).collect();
        assert_eq!(self.status_of_last().await, PresenceStatus::Online);
        drop(connections);
        // Without a grace period all go offline at once, as soon as other tasks may run.
        while self.status_of_last().await == PresenceStatus::Online {
            tokio::task::yield_now().await;
        }
        for connection in &self.watching {
            while taken.len() < 2 * USERS {
                match connection.drain(taken).now_or_never() {
                    Some(drained) => drained.expect("the queue is open"),
                    None => tokio::task::yield_now().await,
                }
            }
            assert_eq!(taken.len(), 2 * USERS);
            taken.clear();
        }
    }

    /// Returns the status of the user who connects and disconnects last. A few of these queries add little to the two
    /// thousand changes of a round.
    async fn status_of_last(&self) -> PresenceStatus {
        let last = self.users[USERS - 1].user_id;
        let found = self.app.presence().find(&self.users[0], &[last]).await;
        found.expect("the store is in memory")[0].status
    }
}

fn connect(hub: &Arc<Hub>, principal: Principal) -> Connection {
    // Each session has one connection, so its id serves for both.
    hub.connect(principal, ConnectionId::from_bytes(*principal.session_id.as_bytes()))
}

/// Creates a user who is signed in.
async fn sign_up(store: &dyn Repositories, random: &mut SplitMix, number: u64) -> Result<Principal, BoxError> {
    let now = Timestamp::from_millis(i64::try_from(unix_milliseconds())?);
    let principal = create_user(store, random, number, now).await?;
    let session = Session {
        id: principal.session_id,
        user_id: principal.user_id,
        device_name: None,
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(Duration::from_secs(24 * 60 * 60)),
        refresh: Generation {
            number: 1,
            hash: TokenHash([0; 32]),
            kid: Kid("none".to_owned()),
            issued_at: now,
            used_at: None,
        },
        previous: None,
    };
    store.sessions().create(session).await?;
    Ok(principal)
}
