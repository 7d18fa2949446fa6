//! Servers that end, in virtual time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::{Clock, TokioClock};
use letsapp_core::protocol::{Event, PresenceStatus};

use crate::faulty::Faulty;
use crate::servers::Person;

#[tokio::test(start_paused = true)]
async fn a_server_that_shuts_down_makes_nobody_sync() {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::at(Timestamp::from_millis(1_795_338_000_000)));
    let installation = crate::installation(clock.clone()).await.unwrap();
    let east = installation.server(clock.clone(), installation.bus.clone()).await;
    let west = installation.server(clock.clone(), installation.bus.clone()).await;
    let mut ana = Person::on(&east, "ana").await;
    let ben = Person::on(&west, "ben").await;
    ana.list(ben.principal.user_id).await;
    let (viewer, ben_id) = (ana.principal, ben.principal.user_id);
    let found = async || east.presence().find(&viewer, &[ben_id]).await.unwrap().remove(0);
    while found().await.status == PresenceStatus::Offline {
        tokio::task::yield_now().await;
    }
    let chat = ana.direct(&ben).await;
    ben.say(chat, "goodbye").await;
    west.shutdown().await;
    assert_eq!(ana.hear().await, "goodbye");
    let next = ana.until(|event| match event {
        Event::Presence(presence) => Some(presence.status == PresenceStatus::Offline),
        Event::Resync {} => Some(false),
        _ => None,
    });
    assert!(next.await, "offline, without a sync before");
    // Far beyond the time after which its silence would be noticed. In steps, within which the other renews its lease.
    for _ in 0..40 {
        tokio::time::advance(Duration::from_millis(500)).await;
        tokio::task::yield_now().await;
    }
    let chat = ana.direct(&ben).await;
    let again = Person::connect(&east, ben.principal).await;
    again.say(chat, "back").await;
    let next = ana.until(|event| match event {
        Event::MessageCreated(message) => Some(message.body == "back"),
        Event::Resync {} => Some(false),
        _ => None,
    });
    assert!(next.await, "no sync meanwhile");
}

#[tokio::test(start_paused = true)]
async fn the_users_of_a_server_that_ended_go_offline_after_the_grace_period() {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::at(Timestamp::from_millis(1_795_338_000_000)));
    let installation = crate::installation(clock.clone()).await.unwrap();
    let east = installation.server(clock.clone(), installation.bus.clone()).await;
    let dying = Faulty::over(installation.bus.clone());
    let west = installation.server(clock.clone(), dying.clone()).await;
    let mut ana = Person::on(&east, "ana").await;
    let ben = Person::on(&west, "ben").await;
    let ben_id = ben.principal.user_id;
    ana.list(ben_id).await;
    let viewer = ana.principal;
    let found = async || east.presence().find(&viewer, &[ben_id]).await.unwrap().remove(0);
    while found().await.status == PresenceStatus::Offline {
        tokio::task::yield_now().await;
    }
    let ended_at = clock.now();
    // As if its process was killed: it says nothing on the bus any more.
    dying.hangs.store(true, Ordering::SeqCst);
    let offline = ana.until(|event| match event {
        Event::Presence(presence) if presence.status == PresenceStatus::Offline => Some(presence.last_seen_at),
        _ => None,
    });
    let last_seen = offline.await.expect("Ben shows it");
    let waited = clock.now().since(ended_at);
    assert!(waited >= Duration::from_secs(8), "the lease was respected: {waited:?}");
    assert!(waited <= Duration::from_secs(15), "{waited:?}");
    assert!(last_seen > ended_at);
    // Stored by those who live, as the dead one could not.
    let stored = async || found().await.last_seen_at;
    while stored().await < Some(ended_at) {
        tokio::time::advance(Duration::from_millis(100)).await;
    }
}
