//! A bus that loses messages or does not answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::{AnchoredClock, Clock, TokioClock};
use letsapp_core::protocol::Event;

use crate::faulty::Faulty;
use crate::servers::{Person, eventually};

/// Two servers, the first of them behind a bus that fails on demand, with a person each.
async fn two(clock: Arc<dyn Clock>) -> (Arc<Faulty>, Person, Person) {
    let installation = crate::installation(clock.clone()).await.unwrap();
    let faulty = Faulty::over(installation.bus.clone());
    let east = installation.server(clock.clone(), faulty.clone()).await;
    let west = installation.server(clock, installation.bus.clone()).await;
    let (ana, ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    (faulty, ana, ben)
}

async fn resync(person: &mut Person) {
    person
        .until(|event| matches!(event, Event::Resync {}).then_some(()))
        .await;
}

#[tokio::test]
async fn a_lost_message_makes_the_receivers_clients_sync() {
    let (faulty, ana, mut ben) = two(Arc::new(AnchoredClock::new())).await;
    let chat = ana.direct(&ben).await;
    ana.say(chat, "arrives").await;
    assert_eq!(ben.hear().await, "arrives");
    faulty.losing.store(1, Ordering::SeqCst);
    ana.say(chat, "is lost").await;
    eventually("it is lost", async || faulty.losing.load(Ordering::SeqCst) == 0).await;
    // Even if nothing follows but a heartbeat.
    resync(&mut ben).await;
    ana.say(chat, "arrives again").await;
    assert_eq!(ben.hear().await, "arrives again");
}

#[tokio::test]
async fn a_bus_that_is_down_delays_nobody_and_those_concerned_sync_when_it_is_back() {
    let (faulty, ana, mut ben) = two(Arc::new(AnchoredClock::new())).await;
    let chat = ana.direct(&ben).await;
    ana.say(chat, "arrives").await;
    assert_eq!(ben.hear().await, "arrives");
    faulty.is_down.store(true, Ordering::SeqCst);
    for n in 0..20 {
        ana.say(chat, &n.to_string()).await;
    }
    faulty.is_down.store(false, Ordering::SeqCst);
    ana.say(chat, "back").await;
    resync(&mut ben).await;
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_never_answers_delays_nobody() {
    let clock = Arc::new(TokioClock::at(Timestamp::from_millis(1_795_338_000_000)));
    let (faulty, ana, mut ben) = two(clock.clone()).await;
    let chat = ana.direct(&ben).await;
    ana.say(chat, "arrives").await;
    assert_eq!(ben.hear().await, "arrives");
    faulty.hangs.store(true, Ordering::SeqCst);
    let began = clock.steady();
    for n in 0..20 {
        ana.say(chat, &n.to_string()).await;
    }
    let took = clock.steady().since(began);
    assert!(took < Duration::from_secs(1), "{took:?}");
    resync(&mut ben).await;
}
