//! What does it cost that users come and go, beside connecting them, and pushing shared bytes into the queues of those
//! who watch?
//!
//! Both connect a thousand users and let them go again, encode an event each time, hand it to every queue, and empty the
//! queues. Ours also counts devices, finds out who watches and may see it, reads whom those who come list themselves, and
//! keeps when they were seen. Watched by nobody, none of it may cost more than a little; what each who watches adds is
//! what the hub takes to deliver an event, see `fanout`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use letsapp_benches::{
    report::{Report, Row},
    sample::{SplitMix, unix_milliseconds},
    scale::Scale,
    turns::{Costs, cost_by_turns},
};
use letsapp_core::{
    LetsApp, Rules,
    adapters::memory::MemoryStore,
    auth::{Generation, Kid, PasswordHash, Principal, Session, TokenHash},
    event::{Connection, Event, Hub, Shared},
    id::{ConnectionId, SessionId, UserId},
    protocol::{Presence, PresenceStatus},
    storage::{BoxError, Repositories},
    time::Timestamp,
    users::{About, DisplayName, Settings, User, Username},
};
use tokio::runtime::{Builder, Runtime};

const USERS: usize = 1_000;

fn main() -> Result<(), BoxError> {
    let scale = Scale::from_env();
    let mut report = Report::new("presence")?;
    for watchers in [0, 10, 100] {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let house = runtime.block_on(House::with(watchers))?;
        let costs = come_and_go(scale, &runtime, &house)?;
        let transitions = 2.0 * USERS as f64;
        let each = |cost: Duration| cost.as_secs_f64() * 1e6 / transitions;
        let name = format!("a user comes or goes, {watchers} watching · so many queues");
        report.row(
            &Row::new(name, "µs/transition")
                .ours(each(costs.ours))
                .bare(each(costs.bare)),
        )?;
        runtime.block_on(house.app.shutdown());
    }
    Ok(())
}

/// An application with users who are away, and some who watch them.
struct House {
    app: LetsApp,
    users: Vec<Principal>,
    watching: Vec<Connection>,
}

fn come_and_go(scale: Scale, runtime: &Runtime, house: &House) -> Result<Costs, BoxError> {
    let mut taken = Vec::new();
    let ours = || runtime.block_on(house.come_and_go(&mut taken));
    let hub = Arc::new(Hub::default());
    let queues: Vec<Mutex<VecDeque<Bytes>>> = house.watching.iter().map(|_| Mutex::default()).collect();
    let mut popped = Vec::new();
    let now = Timestamp::from_millis(i64::try_from(unix_milliseconds())?);
    let push = |event: Event| {
        if queues.is_empty() {
            return;
        }
        let frame = Bytes::from(serde_json::to_vec(&event).expect("events are plain data"));
        for queue in &queues {
            queue.lock().expect("nothing panics").push_back(frame.clone());
        }
    };
    let bare = || {
        let connections: Vec<_> = house.users.iter().map(|user| connect(&hub, *user)).collect();
        for user in &house.users {
            push(Event::Presence(Presence::online(user.user_id, now)));
        }
        drop(connections);
        for user in &house.users {
            push(Event::Presence(Presence::offline(user.user_id, Some(now))));
        }
        for queue in &queues {
            popped.extend(queue.lock().expect("nothing panics").drain(..));
        }
        assert_eq!(popped.len(), 2 * USERS * queues.len());
        popped.clear();
    };
    Ok(cost_by_turns(scale.measure(), ours, bare))
}

impl House {
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
        let mut people = Vec::with_capacity(USERS + watchers);
        for number in 0..USERS + watchers {
            people.push(sign_up(&*store, &mut random, number).await?);
        }
        let users = people.split_off(watchers);
        let ids: Vec<_> = users.iter().map(|user| user.user_id).collect();
        let mut watching = Vec::with_capacity(watchers);
        for watcher in people {
            let connection = connect(app.hub(), watcher);
            app.presence().watch(&watcher, connection.connection_id(), &ids).await?;
            watching.push(connection);
        }
        Ok(Self { app, users, watching })
    }

    /// Connects everyone, lets everyone go, and waits until nobody is there and all who watch have heard of both.
    async fn come_and_go(&self, taken: &mut Vec<Arc<Shared>>) {
        let connections: Vec<_> = self.users.iter().map(|user| connect(self.app.hub(), *user)).collect();
        assert_eq!(self.status_of_last().await, PresenceStatus::Online);
        drop(connections);
        // Without grace all are announced as gone at once, as soon as something else may run.
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

    /// Asks whether the one who comes and goes last is there: a few questions beside two thousand transitions.
    async fn status_of_last(&self) -> PresenceStatus {
        let last = self.users[USERS - 1].user_id;
        let found = self.app.presence().find(&self.users[0], &[last]).await;
        found.expect("the store is in memory")[0].status
    }
}

fn connect(hub: &Arc<Hub>, principal: Principal) -> Connection {
    // Each has one connection, named as its session is.
    hub.connect(principal, ConnectionId::from_bytes(*principal.session_id.as_bytes()))
}

/// Makes somebody who is signed in, without a password: hashing one takes as long as a thousand transitions.
async fn sign_up(store: &dyn Repositories, random: &mut SplitMix, number: usize) -> Result<Principal, BoxError> {
    let username = Username::parse(format!("person_{number}"))?;
    let now = Timestamp::from_millis(i64::try_from(unix_milliseconds())?);
    let user = User {
        id: UserId::from_uuid(random.uuid_v4()),
        display_name: DisplayName::from(&username),
        username,
        about: About::default(),
        email: None,
        avatar_media_id: None,
        settings: Settings::default(),
        created_at: now,
        last_seen_at: None,
        deleted_at: None,
    };
    let session = Session {
        id: SessionId::from_uuid(random.uuid_v4()),
        user_id: user.id,
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
    let principal = Principal {
        user_id: user.id,
        session_id: session.id,
    };
    store.users().create(user, PasswordHash::from_phc("")).await?;
    store.sessions().create(session).await?;
    Ok(principal)
}
