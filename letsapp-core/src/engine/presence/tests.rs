//! Tests of presence in virtual time, on the in-memory store.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::adapters::memory::MemoryStore;
use crate::domain::contact::{Block, Contact, ContactEdge};
use crate::domain::credential::PasswordHash;
use crate::domain::id::{ConnectionId, SessionId, UserId};
use crate::domain::presence::MAX_WATCHED;
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{Audience, ProfilePatch, User, Username};
use crate::engine::events::{Connection, Delivery, Hub};
use crate::engine::fixtures;
use crate::engine::fixtures::user;
use crate::engine::presence::PresenceRegistry;
use crate::ports::{
    Clock, ContactRepository, Envelope, EventSink, Listing, MockContactRepository, Repositories, RepositoryError,
    Stores, TokioClock,
};
use crate::protocol::{Event, Presence, PresenceStatus};
use crate::services::presence::*;

const START: Timestamp = Timestamp::from_millis(1_795_338_000_000);
const GRACE: Duration = Duration::from_secs(10);
const ANA: UserId = UserId::from_bytes([1; 16]);
const BEN: UserId = UserId::from_bytes([2; 16]);
const CEM: UserId = UserId::from_bytes([3; 16]);

/// A registry over an in-memory store that contains all users.
struct House {
    store: MemoryStore,
    hub: Arc<Hub>,
    clock: Arc<TokioClock>,
    registry: Arc<PresenceRegistry>,
    service: PresenceService,
    driver: JoinHandle<()>,
    connections: AtomicUsize,
}

/// A connection of a user.
struct Device {
    principal: Principal,
    connection: Connection,
    waiting: Mutex<VecDeque<Presence>>,
}

impl House {
    async fn new() -> Self {
        let store = MemoryStore::new();
        let contacts = store.contacts();
        Self::over(store, contacts).await
    }

    async fn over(store: MemoryStore, contacts: Arc<dyn ContactRepository>) -> Self {
        for id in [ANA, BEN, CEM] {
            store
                .users()
                .create(user(id, true), PasswordHash::from_phc(""))
                .await
                .unwrap();
        }
        let (hub, clock) = (Arc::new(Hub::default()), Arc::new(TokioClock::at(START)));
        let stores = Stores {
            contacts,
            ..Stores::of(&store)
        };
        let engine = Arc::new(fixtures::engine(stores, hub.clone(), clock.clone()));
        let registry = engine.presence.clone();
        let observer: std::sync::Weak<PresenceRegistry> = Arc::downgrade(&registry);
        hub.observe(observer);
        Self {
            driver: engine.start_driver(),
            service: PresenceService::new(engine),
            store,
            hub,
            clock,
            registry,
            connections: AtomicUsize::new(0),
        }
    }

    /// Connects a user, and waits until their contacts' presence is sent.
    async fn connect(&self, user_id: UserId) -> Device {
        let number = u128::try_from(self.connections.fetch_add(1, Ordering::Relaxed)).unwrap();
        let principal = Principal {
            user_id,
            session_id: SessionId::from_bytes(number.to_be_bytes()),
        };
        let connection = self
            .hub
            .connect(principal, ConnectionId::from_bytes(number.to_be_bytes()));
        self.service.settled(&principal).await;
        Device::of(principal, connection)
    }

    async fn list(&self, owner_id: UserId, user_id: UserId) {
        let contact = Contact {
            owner_id,
            user_id,
            alias: None,
            added_at: self.clock.now(),
        };
        self.store.contacts().put(contact).await.unwrap();
        self.registry.contact_changed(owner_id, user_id, Listing::Listed);
    }

    async fn unlist(&self, owner_id: UserId, user_id: UserId) {
        self.store
            .contacts()
            .remove(ContactEdge::new(owner_id, user_id))
            .await
            .unwrap();
        self.registry.contact_changed(owner_id, user_id, Listing::Unlisted);
    }

    async fn block(&self, owner_id: UserId, user_id: UserId) {
        let block = Block {
            owner_id,
            user_id,
            blocked_at: self.clock.now(),
        };
        self.store.contacts().block(block).await.unwrap();
        self.registry.block_changed(owner_id, user_id);
    }

    async fn unblock(&self, owner_id: UserId, user_id: UserId) {
        self.store
            .contacts()
            .unblock(ContactEdge::new(owner_id, user_id))
            .await
            .unwrap();
        self.registry.block_changed(owner_id, user_id);
    }

    async fn show_to(&self, user_id: UserId, audience: Audience) {
        let patch = ProfilePatch {
            last_seen: Some(audience),
            ..ProfilePatch::default()
        };
        self.store.users().update(user_id, patch).await.unwrap();
        self.registry.settings_changed(user_id);
    }

    async fn watch(&self, device: &Device, user_ids: &[UserId]) -> Vec<Presence> {
        let connection_id = device.connection.connection_id();
        self.service
            .watch(&device.principal, connection_id, user_ids)
            .await
            .unwrap()
    }

    async fn find(&self, viewer: UserId, user_ids: &[UserId]) -> Vec<Presence> {
        let principal = Principal {
            user_id: viewer,
            session_id: SessionId::from_bytes([9; 16]),
        };
        self.service.find(&principal, user_ids).await.unwrap()
    }

    async fn stored(&self, user_id: UserId) -> Option<Timestamp> {
        self.store.users().find(&[user_id]).await.unwrap()[0].last_seen_at
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Device {
    fn of(principal: Principal, connection: Connection) -> Self {
        Self {
            principal,
            connection,
            waiting: Mutex::default(),
        }
    }

    /// Returns the next presence event, of any user.
    async fn notified(&self) -> Presence {
        let presence = |event: &Delivery| match event.event().unwrap() {
            Event::Presence(presence) => presence,
            other => panic!("not of presence: {other:?}"),
        };
        loop {
            if let Some(presence) = self.waiting.lock().unwrap().pop_front() {
                return presence;
            }
            let mut events = Vec::new();
            let drained = tokio::time::timeout(seconds(3_600), self.connection.drain(&mut events)).await;
            drained
                .expect("a notification within an hour")
                .expect("the connection is open");
            self.waiting.lock().unwrap().extend(events.iter().map(presence));
        }
    }

    /// Asserts that no presence event arrives for this time.
    async fn is_not_notified_for(&self, time: Duration) {
        assert_eq!(*self.waiting.lock().unwrap(), []);
        let mut events = Vec::new();
        let drained = tokio::time::timeout(time, self.connection.drain(&mut events)).await;
        assert!(drained.is_err(), "{events:?}");
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Asserts that something happened at the expected time or a moment later.
#[track_caller]
fn soon_after(expected: Timestamp, happened: Timestamp) {
    assert!(
        expected <= happened && happened.since(expected) < seconds(1),
        "{expected}, {happened}"
    );
}

#[tokio::test(start_paused = true)]
async fn contacts_see_a_user_online_at_once_and_offline_after_the_grace_time() {
    let house = House::new().await;
    house.list(ANA, BEN).await;
    let (ana, cem) = (house.connect(ANA).await, house.connect(CEM).await);
    let ben = house.connect(BEN).await;
    assert_eq!(ana.notified().await, Presence::online(BEN, START));
    ana.is_not_notified_for(seconds(100)).await;
    drop(ben);
    let left_at = house.now();
    assert_eq!(ana.notified().await, Presence::offline(BEN, Some(left_at)));
    soon_after(left_at.plus(GRACE), house.now());
    cem.is_not_notified_for(seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn reconnecting_within_the_grace_time_makes_no_event() {
    let house = House::new().await;
    house.list(ANA, BEN).await;
    let (ana, ben) = (house.connect(ANA).await, house.connect(BEN).await);
    assert_eq!(ana.notified().await.status, PresenceStatus::Online);
    drop(ben);
    ana.is_not_notified_for(seconds(9)).await;
    assert_eq!(house.find(ANA, &[BEN]).await[0].status, PresenceStatus::Online);
    let ben = house.connect(BEN).await;
    ana.is_not_notified_for(seconds(60)).await;
    drop(ben);
    assert_eq!(ana.notified().await.status, PresenceStatus::Offline);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_online_as_long_as_one_device_is() {
    let house = House::new().await;
    house.list(ANA, BEN).await;
    let ana = house.connect(ANA).await;
    let (phone, desk) = (house.connect(BEN).await, house.connect(BEN).await);
    assert_eq!(ana.notified().await.status, PresenceStatus::Online);
    drop(phone);
    ana.is_not_notified_for(seconds(60)).await;
    drop(desk);
    assert_eq!(
        ana.notified().await,
        Presence::offline(BEN, Some(START.plus(seconds(60))))
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_session_ended_counts_no_more_although_it_is_open() {
    let house = House::new().await;
    house.list(ANA, BEN).await;
    let (ana, ben) = (house.connect(ANA).await, house.connect(BEN).await);
    assert_eq!(ana.notified().await.status, PresenceStatus::Online);
    let Principal { user_id, session_id } = ben.principal;
    house
        .hub
        .publish(Envelope::end_of_session(user_id, session_id, "revoked"));
    assert_eq!(ana.notified().await.status, PresenceStatus::Offline);
    // Dropping the connection afterwards changes nothing.
    let _desk = house.connect(BEN).await;
    assert_eq!(ana.notified().await.status, PresenceStatus::Online);
    drop(ben);
    ana.is_not_notified_for(seconds(60)).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_returns_the_presence_and_then_its_changes() {
    let house = House::new().await;
    let (ana, ben) = (house.connect(ANA).await, house.connect(BEN).await);
    let stranger = UserId::from_bytes([77; 16]);
    let found = house.watch(&ana, &[CEM, BEN, stranger, BEN]).await;
    assert_eq!(found, [Presence::offline(CEM, None), Presence::online(BEN, START)]);
    let cem = house.connect(CEM).await;
    assert_eq!(ana.notified().await, Presence::online(CEM, START));
    drop((ben, cem));
    let gone = [ana.notified().await, ana.notified().await].map(|presence| presence.status);
    assert_eq!(gone, [PresenceStatus::Offline; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_with_the_connection_that_asked_for_it() {
    let house = House::new().await;
    let (phone, desk) = (house.connect(ANA).await, house.connect(ANA).await);
    house.watch(&phone, &[BEN]).await;
    let ben = house.connect(BEN).await;
    assert_eq!(phone.notified().await.status, PresenceStatus::Online);
    assert_eq!(
        desk.notified().await.status,
        PresenceStatus::Online,
        "every device of a user is notified"
    );
    drop(phone);
    drop(ben);
    desk.is_not_notified_for(seconds(60)).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_watches_the_users_it_named_last() {
    let house = House::new().await;
    let ana = house.connect(ANA).await;
    let others = |from: u128, count: u128| -> Vec<UserId> {
        (from..from + count)
            .map(|n| UserId::from_bytes(n.to_be_bytes()))
            .collect()
    };
    house.watch(&ana, &[BEN, CEM]).await;
    let most = u128::try_from(MAX_WATCHED).unwrap();
    let people = [others(1 << 64, most - 2), others(2 << 64, 1)].concat();
    for (number, id) in people.into_iter().enumerate() {
        let person = User {
            username: Username::parse(format!("person_{number}")).unwrap(),
            ..user(id, true)
        };
        let users = house.store.users();
        users.create(person, PasswordHash::from_phc("")).await.unwrap();
    }
    house.watch(&ana, &others(1 << 64, most - 2)).await;
    house.watch(&ana, &[BEN]).await;
    house.watch(&ana, &others(2 << 64, 1)).await;
    let (_cem, _ben) = (house.connect(CEM).await, house.connect(BEN).await);
    assert_eq!(
        ana.notified().await.user_id,
        BEN,
        "named again, and so not the first to go"
    );
    ana.is_not_notified_for(seconds(1)).await;
    let too_many = others(0, most + 1);
    let refused = house
        .service
        .watch(&ana.principal, ana.connection.connection_id(), &too_many)
        .await;
    assert!(matches!(refused, Err(PresenceError::TooMany)));
}

#[tokio::test(start_paused = true)]
async fn made_up_ids_are_not_watched_and_displace_nobody() {
    let house = House::new().await;
    let ana = house.connect(ANA).await;
    house.watch(&ana, &[BEN]).await;
    for round in 1..=3_u128 {
        let most = u128::try_from(MAX_WATCHED).unwrap();
        let made_up = (0..most).map(|n| UserId::from_bytes(((round << 64) + n).to_be_bytes()));
        assert_eq!(house.watch(&ana, &made_up.collect::<Vec<_>>()).await, []);
    }
    assert_eq!(house.registry.lock().watchers.len(), 1);
    let _ben = house.connect(BEN).await;
    assert_eq!(ana.notified().await.user_id, BEN);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_hides_their_presence_is_hidden_at_once() {
    let house = House::new().await;
    let (ana, ben) = (house.connect(ANA).await, house.connect(BEN).await);
    house.show_to(BEN, Audience::Nobody).await;
    let nothing = Presence::offline(BEN, None);
    assert_eq!(house.find(ANA, &[BEN]).await, [nothing]);
    assert_eq!(house.watch(&ana, &[BEN]).await, [nothing]);
    assert_eq!(
        house.find(BEN, &[BEN]).await[0].status,
        PresenceStatus::Online,
        "users see their own presence"
    );
    house.show_to(BEN, Audience::Everyone).await;
    assert_eq!(ana.notified().await, Presence::online(BEN, house.now()));
    house.show_to(BEN, Audience::Nobody).await;
    assert_eq!(ana.notified().await, nothing);
    drop(ben);
    ana.is_not_notified_for(seconds(60)).await;
    house.show_to(BEN, Audience::Everyone).await;
    assert_eq!(
        ana.notified().await,
        Presence::offline(BEN, Some(START)),
        "as it is by now"
    );
}

#[tokio::test(start_paused = true)]
async fn presence_for_contacts_is_shown_to_the_users_on_the_owners_list() {
    let house = House::new().await;
    house.show_to(BEN, Audience::Contacts).await;
    house.list(ANA, BEN).await;
    let (ana, _ben) = (house.connect(ANA).await, house.connect(BEN).await);
    ana.is_not_notified_for(seconds(1)).await;
    assert_eq!(
        house.find(ANA, &[BEN]).await,
        [Presence::offline(BEN, None)],
        "it is Ben's list that counts"
    );
    house.list(BEN, ANA).await;
    assert_eq!(ana.notified().await.status, PresenceStatus::Online);
    house.unlist(BEN, ANA).await;
    assert_eq!(ana.notified().await, Presence::offline(BEN, None));
}

#[tokio::test(start_paused = true)]
async fn a_block_hides_both_users_from_each_other() {
    let house = House::new().await;
    let (ana, ben) = (house.connect(ANA).await, house.connect(BEN).await);
    house.watch(&ana, &[BEN]).await;
    house.watch(&ben, &[ANA]).await;
    house.block(BEN, ANA).await;
    assert_eq!(ana.notified().await, Presence::offline(BEN, None));
    assert_eq!(ben.notified().await, Presence::offline(ANA, None));
    assert_eq!(house.find(ANA, &[BEN, CEM]).await[0], Presence::offline(BEN, None));
    house.unblock(BEN, ANA).await;
    assert_eq!(ana.notified().await.status, PresenceStatus::Online);
    assert_eq!(ben.notified().await.status, PresenceStatus::Online);
}

#[tokio::test(start_paused = true)]
async fn a_changed_contact_list_changes_the_watches() {
    let house = House::new().await;
    let ana = house.connect(ANA).await;
    house.list(ANA, BEN).await;
    let ben = house.connect(BEN).await;
    assert_eq!(ana.notified().await.status, PresenceStatus::Online);
    house.unlist(ANA, BEN).await;
    drop(ben);
    ana.is_not_notified_for(seconds(60)).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_remains_of_a_user_who_is_offline() {
    let house = House::new().await;
    house.list(ANA, BEN).await;
    let ana = house.connect(ANA).await;
    house.watch(&ana, &[CEM]).await;
    let ben = house.connect(BEN).await;
    drop(ana);
    // Until the user is offline and their last-seen time is stored, a little is remembered.
    ben.is_not_notified_for(seconds(120)).await;
    let here = house.registry.lock();
    assert!(!here.is_known(ANA));
    assert!(here.watchers.is_empty(), "nobody is watched any more");
}

#[tokio::test(start_paused = true)]
async fn last_seen_is_stored_once_a_minute_and_when_the_user_leaves() {
    let house = House::new().await;
    let ben = house.connect(BEN).await;
    let wait = async |time| house.connect(CEM).await.is_not_notified_for(time).await;
    wait(seconds(1)).await;
    assert_eq!(house.stored(BEN).await, Some(START));
    wait(seconds(50)).await;
    assert_eq!(house.stored(BEN).await, Some(START), "not a minute yet");
    wait(seconds(20)).await;
    soon_after(START.plus(seconds(60)), house.stored(BEN).await.unwrap());
    drop(ben);
    let left_at = house.now();
    wait(seconds(9)).await;
    soon_after(START.plus(seconds(60)), house.stored(BEN).await.unwrap());
    wait(seconds(2)).await;
    assert_eq!(house.stored(BEN).await, Some(left_at));
    assert_eq!(house.find(ANA, &[BEN]).await, [Presence::offline(BEN, Some(left_at))]);
    wait(seconds(300)).await;
    assert_eq!(
        house.find(ANA, &[BEN]).await,
        [Presence::offline(BEN, Some(left_at))],
        "by the store alone"
    );
}

#[tokio::test(start_paused = true)]
async fn closing_stores_the_online_users_as_last_seen_now() {
    let house = House::new().await;
    let (_ana, ben) = (house.connect(ANA).await, house.connect(BEN).await);
    house.connect(CEM).await.is_not_notified_for(seconds(5)).await;
    drop(ben);
    let left_at = house.now();
    house.connect(CEM).await.is_not_notified_for(seconds(5)).await;
    house.registry.close().await;
    assert_eq!(house.stored(ANA).await, Some(house.now()));
    assert_eq!(
        house.stored(BEN).await,
        Some(left_at),
        "who has just left was seen when they left"
    );
}

/// A store of contacts whose first `failures` calls fail, and in which Ana lists Ben.
fn fails_at_first(failures: usize) -> Arc<dyn ContactRepository> {
    let asked = Arc::new(AtomicUsize::new(0));
    let fails = move || asked.fetch_add(1, Ordering::SeqCst) < failures;
    let failure = || RepositoryError::unavailable("out for lunch");
    let mut contacts = MockContactRepository::new();
    contacts.expect_contacts().returning({
        let fails = fails.clone();
        move |owner_id, _, _| match (fails(), owner_id) {
            (true, _) => Err(failure()),
            (false, ANA) => Ok(vec![lists(ANA, BEN)]),
            (false, _) => Ok(vec![]),
        }
    });
    contacts.expect_listed().returning(|_| Ok(vec![]));
    contacts
        .expect_blocked()
        .returning(move |_| if fails() { Err(failure()) } else { Ok(vec![]) });
    Arc::new(contacts)
}

#[tokio::test(start_paused = true)]
async fn a_failed_query_is_tried_again() {
    for failures in 1..4 {
        let house = House::over(MemoryStore::new(), fails_at_first(failures)).await;
        let principal = Principal {
            user_id: ANA,
            session_id: SessionId::from_bytes([9; 16]),
        };
        let connection = house.hub.connect(principal, ConnectionId::from_bytes([9; 16]));
        let ana = Device::of(principal, connection);
        ana.is_not_notified_for(seconds(10)).await;
        let ben = house.connect(BEN).await;
        assert_eq!(ana.notified().await.status, PresenceStatus::Online);
        drop(ben);
    }
}

/// A store of contacts that always fails, with the number of failed calls for Ana's contacts and for blocks.
fn out_for_lunch() -> (Arc<dyn ContactRepository>, Arc<[AtomicUsize; 2]>) {
    let asked = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let refuse = |place: usize| {
        let asked = Arc::clone(&asked);
        move |count: bool| {
            asked[place].fetch_add(usize::from(count), Ordering::SeqCst);
            RepositoryError::unavailable("out for lunch")
        }
    };
    let (contact, block) = (refuse(0), refuse(1));
    let mut contacts = MockContactRepository::new();
    contacts
        .expect_contacts()
        .returning(move |owner_id, _, _| Err(contact(owner_id == ANA)));
    contacts.expect_blocked().returning(move |_| Err(block(true)));
    (Arc::new(contacts), asked)
}

#[tokio::test(start_paused = true)]
async fn repeated_failed_watches_share_one_retrying_task() {
    let (contacts, asked) = out_for_lunch();
    let house = House::over(MemoryStore::new(), contacts).await;
    let (ana, cem) = (house.connect(ANA).await, house.connect(CEM).await);
    for _ in 0..5 {
        let connection_id = ana.connection.connection_id();
        let refused = house.service.watch(&ana.principal, connection_id, &[BEN]).await;
        assert!(matches!(refused, Err(PresenceError::Store(_))));
    }
    let again = async || {
        let before = asked[1].load(Ordering::SeqCst);
        cem.is_not_notified_for(seconds(10)).await;
        asked[1].load(Ordering::SeqCst) - before
    };
    let watched = again().await;
    assert!((9..=11).contains(&watched), "once a second: {watched}");
    drop(ana);
    cem.is_not_notified_for(seconds(2)).await;
    assert_eq!(again().await, 0, "nobody watches any more");
}

#[tokio::test(start_paused = true)]
async fn contacts_of_users_who_left_are_not_read() {
    let (contacts, asked) = out_for_lunch();
    let house = House::over(MemoryStore::new(), contacts).await;
    let cem = house.connect(CEM).await;
    let again = async || {
        let before = asked[0].load(Ordering::SeqCst);
        cem.is_not_notified_for(seconds(10)).await;
        asked[0].load(Ordering::SeqCst) - before
    };
    drop(house.connect(ANA).await);
    cem.is_not_notified_for(GRACE * 2).await;
    assert_eq!(again().await, 0);
    let _ana = house.connect(ANA).await;
    let there = again().await;
    assert!((9..=11).contains(&there), "once a second: {there}");
}

#[tokio::test(start_paused = true)]
async fn a_contact_list_that_changes_while_it_is_read_is_read_again() {
    let registry = Arc::new(OnceLock::<Arc<PresenceRegistry>>::new());
    let mut contacts = MockContactRepository::new();
    contacts.expect_blocked().returning(|_| Ok(vec![]));
    contacts.expect_contacts().returning({
        let (registry, readings) = (registry.clone(), AtomicUsize::new(0));
        move |owner_id, _, _| {
            if owner_id != ANA {
                return Ok(vec![]);
            }
            if readings.fetch_add(1, Ordering::SeqCst) == 0 {
                registry.get().unwrap().contact_changed(ANA, BEN, Listing::Listed);
                return Ok(vec![]);
            }
            Ok(vec![lists(ANA, BEN)])
        }
    });
    let house = House::over(MemoryStore::new(), Arc::new(contacts)).await;
    assert!(registry.set(house.registry.clone()).is_ok());
    let ana = house.connect(ANA).await;
    let _ben = house.connect(BEN).await;
    assert_eq!(ana.notified().await, Presence::online(BEN, START));
}

fn lists(owner_id: UserId, user_id: UserId) -> Contact {
    Contact {
        owner_id,
        user_id,
        alias: None,
        added_at: START,
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_could_not_be_answered_is_kept() {
    let house = House::over(MemoryStore::new(), fails_at_first(1)).await;
    let principal = Principal {
        user_id: CEM,
        session_id: SessionId::from_bytes([9; 16]),
    };
    let connection = house.hub.connect(principal, ConnectionId::from_bytes([9; 16]));
    // The first call of all is made by this watch: nothing else has run yet.
    let asked = house
        .service
        .watch(&principal, connection.connection_id(), &[BEN])
        .await;
    assert!(matches!(asked, Err(PresenceError::Store(_))));
    let cem = Device::of(principal, connection);
    cem.is_not_notified_for(seconds(10)).await;
    let _ben = house.connect(BEN).await;
    assert_eq!(cem.notified().await.status, PresenceStatus::Online);
}

#[tokio::test(start_paused = true)]
async fn erased_users_are_shown_to_nobody() {
    let house = House::new().await;
    let gone = UserId::from_bytes([4; 16]);
    let erased = User {
        deleted_at: Some(START),
        last_seen_at: Some(START),
        ..user(gone, true)
    };
    house
        .store
        .users()
        .create(erased, PasswordHash::from_phc(""))
        .await
        .unwrap();
    assert_eq!(house.find(ANA, &[gone]).await, [Presence::offline(gone, None)]);
}
