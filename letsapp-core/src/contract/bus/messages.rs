//! Messages: to whom they go, in which order, and that they arrive as they are.

use bytes::Bytes;

use super::BusTrial;
use super::fixtures::{message, server};
use crate::ports::{Channel, MAX_MESSAGE_BYTES};

/// Contents that can be told apart: a name and the numbers from 0.
fn numbered(name: &str, count: usize) -> Vec<Bytes> {
    (0..count).map(|n| Bytes::from(format!("{name} {n}"))).collect()
}

pub async fn messages_arrive_in_the_order_in_which_they_were_sent(trial: BusTrial) {
    let mut inbox = trial.join(1).await;
    let contents = numbered("message", 120);
    for (n, content) in contents.iter().enumerate() {
        let channel = Channel::Inbox(server(1));
        trial.bus.send(vec![message(channel, content.clone())]).await.unwrap();
        // Some arrive while others are sent, some wait.
        if n % 7 == 6 {
            let arrived = inbox.contents(channel, 7).await;
            assert_eq!(arrived, contents[n - 6..=n]);
        }
    }
    assert_eq!(inbox.next().await.bytes, contents[119]);
    inbox.assert_empty(&*trial.bus).await;
}

pub async fn many_messages_in_one_send_keep_their_order_in_each_channel(trial: BusTrial) {
    let (mut first, mut second) = (trial.join(1).await, trial.join(2).await);
    let channels = [Channel::Inbox(server(1)), Channel::Everyone, Channel::Inbox(server(2))];
    let contents = numbered("message", 3_000);
    let messages = contents.iter().zip(channels.iter().cycle());
    let messages = messages.map(|(content, channel)| message(*channel, content.clone()));
    trial.bus.send(messages.collect()).await.unwrap();
    let of = |channel: usize| -> Vec<_> { contents.iter().skip(channel).step_by(3).cloned().collect() };
    for (inbox, own) in [(&mut first, 0), (&mut second, 2)] {
        let (mut to_it, mut to_everyone) = (Vec::new(), Vec::new());
        for _ in 0..2_000 {
            let next = inbox.next().await;
            if next.channel == Channel::Everyone {
                to_everyone.push(next.bytes);
            } else {
                assert_eq!(next.channel, channels[own]);
                to_it.push(next.bytes);
            }
        }
        assert_eq!(to_it, of(own));
        assert_eq!(to_everyone, of(1));
    }
}

pub async fn a_message_to_one_server_reaches_no_other(trial: BusTrial) {
    let (mut first, mut second) = (trial.join(1).await, trial.join(2).await);
    let channel = Channel::Inbox(server(1));
    let contents = numbered("secret", 50);
    let messages = contents.iter().map(|content| message(channel, content.clone()));
    trial.bus.send(messages.collect()).await.unwrap();
    assert_eq!(first.contents(channel, 50).await, contents);
    second.assert_empty(&*trial.bus).await;
}

pub async fn a_message_to_everyone_reaches_all_and_the_sender(trial: BusTrial) {
    let mut inboxes = Vec::new();
    for n in 1..=4 {
        inboxes.push(trial.join(n).await);
    }
    let contents = numbered("news", 20);
    let messages = contents
        .iter()
        .map(|content| message(Channel::Everyone, content.clone()));
    trial.bus.send(messages.collect()).await.unwrap();
    for inbox in &mut inboxes {
        assert_eq!(inbox.contents(Channel::Everyone, 20).await, contents);
    }
}

pub async fn a_message_arrives_once(trial: BusTrial) {
    let mut inbox = trial.join(1).await;
    let channel = Channel::Inbox(server(1));
    // The same content twice is two messages.
    let twice = vec![message(channel, "twice"), message(channel, "twice")];
    trial.bus.send(twice).await.unwrap();
    assert_eq!(inbox.contents(channel, 2).await, ["twice", "twice"]);
    inbox.assert_empty(&*trial.bus).await;
    trial.bus.send(vec![message(Channel::Everyone, "once")]).await.unwrap();
    assert_eq!(inbox.contents(Channel::Everyone, 1).await, ["once"]);
    inbox.assert_empty(&*trial.bus).await;
}

pub async fn large_messages_arrive_whole(trial: BusTrial) {
    let mut inbox = trial.join(1).await;
    for channel in [Channel::Inbox(server(1)), Channel::Everyone] {
        let content = |n: u8| -> Bytes {
            let bytes = (0..MAX_MESSAGE_BYTES).map(|at| n.wrapping_add(at.to_le_bytes()[0] ^ at.to_le_bytes()[1]));
            bytes.collect()
        };
        let large = (0..12).map(|n| message(channel, content(n)));
        trial.bus.send(large.collect()).await.unwrap();
        for n in 0..12 {
            let next = inbox.next().await;
            assert_eq!(next.channel, channel);
            assert!(next.bytes == content(n), "other bytes in message {n}");
        }
    }
}

pub async fn any_bytes_arrive_as_they_were_sent(trial: BusTrial) {
    let mut inbox = trial.join(1).await;
    let contents = [
        Bytes::new(),
        Bytes::from_static(b"\0"),
        Bytes::from_static(b"\r\n$-1\r\n*0\r\n"),
        Bytes::from_static(b"\xff\xfe\xfd"),
        (0..=255).collect(),
        (0..=255).rev().collect(),
        Bytes::from("{\"$set\": {}}\n"),
    ];
    for channel in [Channel::Inbox(server(1)), Channel::Everyone] {
        let messages = contents.iter().map(|content| message(channel, content.clone()));
        trial.bus.send(messages.collect()).await.unwrap();
        assert_eq!(inbox.contents(channel, contents.len()).await, contents);
    }
}

pub async fn the_messages_of_two_senders_keep_each_their_order(trial: BusTrial) {
    let mut inbox = trial.join(1).await;
    let channel = Channel::Inbox(server(1));
    let senders = ["east", "west"].map(|name| {
        let trial = trial.clone();
        tokio::spawn(async move {
            let bus = trial.another().await;
            for part in numbered(name, 400).chunks(5) {
                let messages = part.iter().map(|content| message(channel, content.clone()));
                bus.send(messages.collect()).await.unwrap();
            }
        })
    });
    let arrived = inbox.contents(channel, 800).await;
    for name in ["east", "west"] {
        let of_sender: Vec<_> = arrived
            .iter()
            .filter(|content| content.starts_with(name.as_bytes()))
            .collect();
        assert_eq!(of_sender, numbered(name, 400).iter().collect::<Vec<_>>());
    }
    for sender in senders {
        sender.await.unwrap();
    }
    inbox.assert_empty(&*trial.bus).await;
}

pub async fn a_message_to_nobody_is_no_error(trial: BusTrial) {
    trial.bus.send(Vec::new()).await.unwrap();
    trial
        .bus
        .send(vec![message(Channel::Everyone, "nobody")])
        .await
        .unwrap();
    trial
        .bus
        .send(vec![message(Channel::Inbox(server(1)), "too early")])
        .await
        .unwrap();
    let mut inbox = trial.join(1).await;
    inbox.assert_empty(&*trial.bus).await;
}
