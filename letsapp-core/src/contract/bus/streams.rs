//! Joining and leaving.

use super::BusTrial;
use super::fixtures::{eventually, message, server};
use crate::ports::Channel;

pub async fn messages_sent_right_after_joining_arrive(trial: BusTrial) {
    for n in 1..=20 {
        let mut inbox = trial.join(n).await;
        let own = Channel::Inbox(server(n));
        trial.bus.send(vec![message(own, "hello")]).await.unwrap();
        assert_eq!(inbox.contents(own, 1).await, ["hello"]);
        let mut other = trial.join(100 + n).await;
        trial.bus.send(vec![message(Channel::Everyone, "hello")]).await.unwrap();
        assert_eq!(other.contents(Channel::Everyone, 1).await, ["hello"]);
    }
}

pub async fn a_dropped_stream_leaves_the_bus(trial: BusTrial) {
    let (leaving, mut staying) = (trial.join(1).await, trial.join(2).await);
    if let Some(inboxes) = trial.subject.inboxes().await {
        assert_eq!(inboxes, 2);
    }
    drop(leaving);
    trial
        .bus
        .send(vec![message(Channel::Inbox(server(1)), "nobody reads this")])
        .await
        .unwrap();
    staying.assert_empty(&*trial.bus).await;
    eventually("the dropped stream to leave the bus", async || {
        trial.subject.inboxes().await.is_none_or(|inboxes| inboxes == 1)
    })
    .await;
    drop(staying);
    eventually("both to leave the bus", async || {
        trial.subject.inboxes().await.is_none_or(|inboxes| inboxes == 0)
    })
    .await;
}

pub async fn a_server_that_joins_again_gets_what_is_sent_from_then_on(trial: BusTrial) {
    let channel = Channel::Inbox(server(1));
    for round in ["first", "second", "third"] {
        let mut inbox = trial.join(1).await;
        inbox.assert_empty(&*trial.bus).await;
        trial.bus.send(vec![message(channel, round)]).await.unwrap();
        assert_eq!(inbox.contents(channel, 1).await, [round]);
        drop(inbox);
        trial.bus.send(vec![message(channel, "in between")]).await.unwrap();
        trial
            .bus
            .send(vec![message(Channel::Everyone, "in between")])
            .await
            .unwrap();
    }
}

pub async fn a_server_that_does_not_read_delays_no_other(trial: BusTrial) {
    let (mut idle, mut busy) = (trial.join(1).await, trial.join(2).await);
    let (to_idle, to_busy) = (Channel::Inbox(server(1)), Channel::Inbox(server(2)));
    let part = || (0..50).flat_map(|_| [to_idle, to_busy].map(|channel| message(channel, vec![7; 2_000])));
    for _ in 0..40 {
        trial.bus.send(part().collect()).await.unwrap();
        busy.contents(to_busy, 50).await;
    }
    // Nor has it lost anything by then: four megabytes are little.
    idle.contents(to_idle, 2_000).await;
    idle.assert_empty(&*trial.bus).await;
}
