//! Tests of live connections, with interruptions and without.

use std::collections::BTreeMap;

use letsapp_cli::id::Seq;
use letsapp_cli::protocol::{Code, PresenceStatus};
use letsapp_cli::requests::{EditMessage, ReceiptRequest, SendMessage};
use letsapp_cli::{ClientError, HistoryRange, Page, Positions, Update};
use letsapp_core::domain::{body::Body, emoji::Emoji};

use crate::support::{FAST_BACKOFF, Pair, Proxy, Server, TEST_TIMEOUT, connect, next_message, wait_for};

#[tokio::test]
async fn two_users_exchange_messages() {
    let server = Server::start().await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, None).await;
    let (ana_live, mut ana_updates) = connect(&ana).await;
    let (ben_live, mut ben_updates) = connect(&ben).await;

    let sent = ana_live.send_text(chat, "hello").await.unwrap();
    assert_eq!(next_message(&mut ben_updates).await.1.body, "hello");
    let (kind, own) = next_message(&mut ana_updates).await;
    assert_eq!((kind, own.id), ("new", sent.id), "own messages are delivered, too");

    ben_live
        .acknowledge(
            chat,
            ReceiptRequest {
                delivered: None,
                read: Some(sent.seq),
            },
        )
        .await
        .unwrap();
    let receipts = wait_for(&mut ana_updates, |update| matches!(update, Update::Receipts { .. })).await;
    let Update::Receipts { items, .. } = receipts else {
        unreachable!()
    };
    assert_eq!(items[0].watermarks.read_seq, sent.seq);

    ben_live
        .react(chat, sent.seq, Emoji::parse("👍").unwrap())
        .await
        .unwrap();
    let (kind, liked) = next_message(&mut ana_updates).await;
    assert_eq!((kind, liked.reactions[0].emoji.as_str()), ("changed", "👍"));
    ben_live
        .unreact(chat, sent.seq, Emoji::parse("👍").unwrap())
        .await
        .unwrap();
    let edit = EditMessage {
        body: Body::parse("hallo").unwrap(),
        mentions: Vec::new(),
        attachments: None,
    };
    ana_live.edit(chat, sent.seq, edit).await.unwrap();
    ana_live.delete(chat, sent.seq).await.unwrap();
    let mut revs = Vec::new();
    for _ in 0..4 {
        revs.push(next_message(&mut ben_updates).await.1.rev.0);
    }
    assert_eq!(revs, [2, 3, 4, 5]);
    assert_eq!(
        ben_live.delete(chat, Seq(99)).await.unwrap_err().code(),
        Some(Code::NotFound)
    );
}

#[tokio::test]
async fn missed_changes_arrive_once_and_in_order() {
    let server = Server::start().await;
    let proxy = Proxy::in_front_of(server.address).await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, Some(&proxy.url())).await;
    let (_live, mut updates) = connect(&ana).await;
    let mut seen = BTreeMap::new();
    let mut last = 0;
    for round in 0..5 {
        ben.send_text(chat, format!("live {round}")).await.unwrap();
        let (_, message) = next_message(&mut updates).await;
        last = message.rev.0.max(last);
        seen.insert(message.seq, message);
        proxy.cut().await;
        wait_for(&mut updates, |update| matches!(update, Update::Disconnected { .. })).await;
        for n in 0..3 {
            ben.send_text(chat, format!("missed {round} {n}")).await.unwrap();
        }
        let edit = EditMessage {
            body: Body::parse(format!("edited {round}")).unwrap(),
            mentions: Vec::new(),
            attachments: None,
        };
        ben.edit(chat, Seq(1), &edit).await.unwrap();
        proxy.restore();
        for _ in 0..4 {
            let (kind, message) = next_message(&mut updates).await;
            assert!(message.rev.0 > last, "{} after {last}", message.rev);
            last = message.rev.0;
            assert_eq!(kind == "new", !seen.contains_key(&message.seq));
            seen.insert(message.seq, message);
        }
    }
    let history = ben
        .history(chat, HistoryRange::After(Seq::ZERO), Page::of(200))
        .await
        .unwrap()
        .items;
    let bodies: Vec<_> = history.into_iter().map(|message| message.body).collect();
    assert_eq!(
        seen.into_values().map(|message| message.body).collect::<Vec<_>>(),
        bodies
    );
}

#[tokio::test]
async fn a_message_whose_reply_was_lost_is_sent_again_and_stored_once() {
    let server = Server::start().await;
    let proxy = Proxy::in_front_of(server.address).await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, Some(&proxy.url())).await;
    let (live, mut updates) = connect(&ana).await;
    let (_ben_live, mut ben_updates) = connect(&ben).await;

    proxy.drop_replies();
    let sending = tokio::spawn({
        let live = live.clone();
        async move { live.send_text(chat, "once").await }
    });
    assert_eq!(next_message(&mut ben_updates).await.1.body, "once");
    assert!(!sending.is_finished(), "the reply was dropped");
    proxy.cut().await;
    wait_for(&mut updates, |update| matches!(update, Update::Disconnected { .. })).await;
    let offline = tokio::spawn({
        let live = live.clone();
        async move { live.send_text(chat, "typed while offline").await }
    });
    proxy.restore();
    let sent = tokio::time::timeout(TEST_TIMEOUT, sending)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(sent.seq, Seq(1));
    assert_eq!(
        tokio::time::timeout(TEST_TIMEOUT, offline)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
            .seq,
        Seq(2)
    );
    let history = ben
        .history(chat, HistoryRange::Newest, Page::default())
        .await
        .unwrap()
        .items;
    assert_eq!(history.len(), 2);
    let received = [next_message(&mut updates).await, next_message(&mut updates).await];
    assert_eq!(
        received.map(|(kind, message)| (kind, message.seq.0)),
        [("new", 1), ("new", 2)]
    );
}

#[tokio::test]
async fn the_connection_survives_a_restart_of_the_server() {
    let server = Server::start_on_disk().await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, None).await;
    let (live, mut updates) = connect(&ana).await;
    live.send_text(chat, "before").await.unwrap();
    let server = server.restart().await;
    wait_for(&mut updates, |update| matches!(update, Update::Disconnected { .. })).await;
    wait_for(&mut updates, |update| matches!(update, Update::CaughtUp)).await;
    live.send_text(chat, "after").await.unwrap();
    assert_eq!(
        ben.history(chat, HistoryRange::Newest, Page::default())
            .await
            .unwrap()
            .items
            .len(),
        2
    );
    drop(server);
}

#[tokio::test]
async fn a_program_continues_from_its_positions() {
    let server = Server::start().await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, None).await;
    ben.send_text(chat, "history").await.unwrap();
    let (live, mut updates) = connect(&ana).await;
    ben.send_text(chat, "live").await.unwrap();
    assert_eq!(
        next_message(&mut updates).await.1.body,
        "live",
        "earlier messages are not delivered"
    );
    let saved = serde_json::to_string(updates.positions()).unwrap();
    live.close().await;
    assert!(matches!(live.send_text(chat, "x").await, Err(ClientError::Closed)));

    ben.send_text(chat, "meanwhile").await.unwrap();
    let other = sign_up_and_write(&server, &ana).await;
    let positions: Positions = serde_json::from_str(&saved).unwrap();
    let (_live, mut updates) = ana.live().positions(positions).backoff(FAST_BACKOFF).start();
    let mut bodies = BTreeMap::new();
    for _ in 0..2 {
        let (_, message) = next_message(&mut updates).await;
        bodies.insert(message.body, message.conversation_id);
    }
    assert_eq!(
        bodies,
        BTreeMap::from([("meanwhile".to_owned(), chat), ("we have not met".to_owned(), other)])
    );
}

/// Registers a third user, who sends Ana a message.
async fn sign_up_and_write(server: &Server, ana: &letsapp_cli::Client) -> letsapp_cli::id::ConversationId {
    let carol = crate::support::sign_up(&server.url(), "carol").await;
    let chat = carol
        .direct_conversation(ana.me().await.unwrap().user.id)
        .await
        .unwrap()
        .id;
    carol.send_text(chat, "we have not met").await.unwrap();
    chat
}

#[tokio::test]
async fn a_new_conversation_is_followed_from_its_first_message() {
    let server = Server::start().await;
    let Pair { ana, .. } = Pair::sign_up(&server, None).await;
    let (_live, mut updates) = connect(&ana).await;
    let chat = sign_up_and_write(&server, &ana).await;
    let (kind, message) = next_message(&mut updates).await;
    assert_eq!(
        (kind, message.conversation_id, message.body.as_str()),
        ("new", chat, "we have not met")
    );
}

#[tokio::test]
async fn the_stream_ends_with_the_session() {
    let server = Server::start().await;
    let Pair { ana, chat, .. } = Pair::sign_up(&server, None).await;
    let (live, mut updates) = connect(&ana).await;
    ana.logout().await.unwrap();
    wait_for(&mut updates, |update| matches!(update, Update::SignedOut { .. })).await;
    assert_eq!(updates.next().await, None);
    assert!(live.send_text(chat, "x").await.is_err());

    let (live, mut updates) = ana.live().start();
    wait_for(&mut updates, |update| matches!(update, Update::SignedOut { .. })).await;
    assert!(matches!(
        live.send_text(chat, "x").await,
        Err(ClientError::SignedOut | ClientError::Closed)
    ));
}

#[tokio::test]
async fn a_slow_consumer_misses_nothing() {
    const FLOOD: u64 = 4_600;
    let server = Server::start().await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, None).await;
    let (ana_live, mut updates) = connect(&ana).await;
    let (ben_live, _ben_updates) = connect(&ben).await;
    let sends = (0..FLOOD).map(|n| {
        let ben_live = ben_live.clone();
        async move {
            ben_live
                .send(chat, SendMessage::text(n.to_string()).unwrap())
                .await
                .unwrap()
        }
    });
    futures_util::future::join_all(sends).await;
    // The consumer reads no updates, but its own requests are answered nevertheless.
    ana_live.send_text(chat, "last").await.unwrap();
    for expected in 1..=FLOOD + 1 {
        let (kind, message) = next_message(&mut updates).await;
        assert_eq!((kind, message.seq), ("new", Seq(expected)));
    }
}

#[tokio::test]
async fn typing_and_presence_are_delivered() {
    let server = Server::start().await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, None).await;
    let (ben_id, ana_id) = (ben.me().await.unwrap().user.id, ana.me().await.unwrap().user.id);
    let (ana_live, mut ana_updates) = connect(&ana).await;
    assert_eq!(
        ana.presence(&[ben_id, ana_id]).await.unwrap()[1].status,
        PresenceStatus::Online
    );
    let found = ana_live.watch_presence(vec![ben_id]).await.unwrap();
    assert_eq!(found[0].status, PresenceStatus::Offline);
    let of_ben = |update: &Update| matches!(update, Update::Presence(presence) if presence.user_id == ben_id);
    let update = wait_for(&mut ana_updates, of_ben).await;
    assert_eq!(update, Update::Presence(found[0]), "the reply is also an update");
    let (ben_live, _ben_updates) = connect(&ben).await;
    let Update::Presence(received) = wait_for(&mut ana_updates, of_ben).await else {
        unreachable!()
    };
    assert_eq!(received.status, PresenceStatus::Online);

    ben_live.send_text(chat, "hello").await.unwrap();
    ben_live.typing(chat, true).await.unwrap();
    ben_live.typing(chat, false).await.unwrap();
    for expected in [true, false] {
        let received = wait_for(&mut ana_updates, |update| matches!(update, Update::Typing { .. })).await;
        let typing = Update::Typing {
            conversation_id: chat,
            user_id: ben_id,
            typing: expected,
        };
        assert_eq!(received, typing);
    }
}
