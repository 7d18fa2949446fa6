//! WebSocket connections, with real clients on loopback.

mod common;

use std::time::Duration;

use common::{READ_TIMEOUT, Server};
use futures_util::SinkExt;
use letsapp_core::LetsApp;
use letsapp_core::engine::events::Hub;
use letsapp_server::Config;
use letsapp_server::config::Limits;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const ID: &str = "01935a00-0000-7000-8000-000000000001";

#[tokio::test]
async fn a_new_socket_receives_a_hello() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let (mut one, mut other) = (server.connect(&ana).await, server.connect(&ana).await);
    let (hello, also) = (one.event_of("hello").await, other.event_of("hello").await);
    assert_eq!(hello["user_id"], ana.user.id.to_string());
    assert_eq!(hello["heartbeat_ms"], 30_000);
    assert_eq!(hello["max_frame_bytes"], 512 * 1024);
    assert_eq!(hello["session_id"], also["session_id"]);
    assert_ne!(hello["connection_id"], also["connection_id"]);
    assert!(one.done("ping", json!({})).await["server_time"].is_string());
    let synced = other.done("sync", json!({"conversations": {}})).await;
    assert_eq!((&hello["epoch"], &also["epoch"]), (&synced["epoch"], &synced["epoch"]));
    assert!(hello["epoch"].is_string());
}

#[tokio::test]
async fn a_browser_brings_its_token_as_a_subprotocol() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let token = &ana.tokens.access_token;
    let (mut socket, chosen) = server
        .connect_with(&format!("letsapp.v1, bearer.{token}"))
        .await
        .ok()
        .unwrap();
    assert_eq!(chosen.as_deref(), Some("letsapp.v1"));
    socket.event_of("hello").await;
    assert_eq!(
        server.connect_with("letsapp.v1, bearer.nonsense").await.err(),
        Some(401)
    );
    assert_eq!(server.connect_with("letsapp.v1").await.err(), Some(401));
    assert_eq!(
        server.connect_with(&format!("mqtt, bearer.{token}")).await.err(),
        Some(400)
    );
}

#[tokio::test]
async fn a_message_reaches_everybody_but_the_socket_that_sent_it() {
    let server = Server::start().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.chat(&ana, &ben).await;
    let (mut phone, mut tablet, mut bens) = (
        server.connect(&ana).await,
        server.connect(&ana).await,
        server.connect(&ben).await,
    );
    for socket in [&mut phone, &mut tablet, &mut bens] {
        socket.event_of("hello").await;
    }
    let sent = phone
        .done(
            "message.send",
            json!({"conversation_id": chat, "id": ID, "body": "Hello, Ben!"}),
        )
        .await;
    assert_eq!((&sent["seq"], &sent["my_reaction"]), (&json!(1), &json!(null)));
    // The first message shows the conversation to Ben.
    assert_eq!(bens.event().await["event"], "conversation.created");
    for socket in [&mut tablet, &mut bens] {
        let event = socket.event().await;
        assert_eq!(event["event"], "message.created");
        assert_eq!(
            (&event["data"]["id"], &event["data"]["body"]),
            (&json!(ID), &json!("Hello, Ben!"))
        );
        assert!(
            event["data"].get("my_reaction").is_none(),
            "events are the same for all"
        );
    }
    // An event of the sender's own message would arrive before the reply to this request.
    let read = json!({"conversation_id": chat, "read": 1});
    bens.done("receipt", read).await;
    let next = phone.event().await;
    assert_eq!(next["event"], "receipt.updated", "{next}");
}

#[tokio::test]
async fn messages_take_their_place_in_the_order_sent() {
    let server = Server::start().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let (chat, group) = (
        server.chat(&ana, &ben).await,
        server.chat(&ana, &server.person("eve").await).await,
    );
    let mut socket = server.connect(&ana).await;
    let mut asked = Vec::new();
    for n in 0..300 {
        let conversation_id = if n % 3 == 0 { &group } else { &chat };
        let data = json!({"conversation_id": conversation_id, "body": n.to_string()});
        asked.push((conversation_id, socket.ask("message.send", data).await));
    }
    for conversation in [&chat, &group] {
        let mut expected = 0;
        for (_, id) in asked
            .iter()
            .filter(|(conversation_id, _)| *conversation_id == conversation)
        {
            expected += 1;
            assert_eq!(socket.reply(*id).await["ok"]["seq"], expected);
        }
    }
}

#[tokio::test]
async fn a_message_is_edited_reacted_to_and_deleted() {
    let server = Server::start().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.chat(&ana, &ben).await;
    let (mut anas, mut bens) = (server.connect(&ana).await, server.connect(&ben).await);
    let at = |more: Value| {
        let mut data = json!({"conversation_id": chat, "seq": 1});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    anas.done("message.send", json!({"conversation_id": chat, "body": "Helo"}))
        .await;
    bens.event_of("message.created").await;
    anas.done("message.edit", at(json!({"body": "Hello"}))).await;
    let edited = bens.event_of("message.updated").await;
    assert_eq!((&edited["body"], &edited["rev"]), (&json!("Hello"), &json!(2)));
    assert_eq!(
        bens.done("message.react", at(json!({"emoji": "👍"}))).await["my_reaction"],
        "👍"
    );
    assert_eq!(anas.event_of("message.updated").await["reactions"][0]["count"], 1);
    let removed = bens
        .done("message.react", at(json!({"emoji": "👍", "remove": true})))
        .await;
    assert_eq!((&removed["reactions"], &removed["rev"]), (&json!([]), &json!(4)));
    let deleted = anas.done("message.delete", at(json!({}))).await;
    assert_eq!((&deleted["body"], &deleted["rev"]), (&json!(""), &json!(5)));
    let sync = bens.done("sync", json!({"conversations": {&chat: 1}})).await;
    assert_eq!(sync["changes"][0]["rev"], 5);
}

#[tokio::test]
async fn a_receipt_reaches_the_peer_and_the_senders_other_sockets() {
    let server = Server::start().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.chat(&ana, &ben).await;
    let (mut anas, mut phone, mut tablet) = (
        server.connect(&ana).await,
        server.connect(&ben).await,
        server.connect(&ben).await,
    );
    tablet.event_of("hello").await;
    anas.done("message.send", json!({"conversation_id": chat, "body": "Hello"}))
        .await;
    let marks = phone
        .done("receipt", json!({"conversation_id": chat, "delivered": 1, "read": 1}))
        .await;
    assert_eq!(marks, json!({"delivered_seq": 1, "read_seq": 1}));
    for socket in [&mut anas, &mut tablet] {
        let event = socket.event_of("receipt.updated").await;
        assert_eq!(event["conversation_id"], chat);
        assert_eq!(
            event["items"],
            json!([{"user_id": ben.user.id, "delivered_seq": 1, "read_seq": 1}])
        );
    }
    assert_eq!(
        phone
            .refused("receipt", json!({"conversation_id": chat, "read": 2}))
            .await,
        "validation_failed"
    );
}

#[tokio::test]
async fn refused_requests_have_the_error_codes_of_http() {
    let server = Server::start().await;
    let (ana, ben, eve) = (
        server.person("ana").await,
        server.person("ben").await,
        server.person("eve").await,
    );
    let chat = server.chat(&ana, &ben).await;
    let (mut anas, mut eves) = (server.connect(&ana).await, server.connect(&eve).await);
    assert_eq!(
        eves.refused("message.send", json!({"conversation_id": chat, "body": "?"}))
            .await,
        "not_found"
    );
    assert_eq!(
        anas.refused("message.send", json!({"body": ""})).await,
        "validation_failed"
    );
    assert_eq!(anas.refused("message.sing", json!({})).await, "validation_failed");
    anas.done(
        "message.send",
        json!({"conversation_id": chat, "id": ID, "body": "one"}),
    )
    .await;
    assert_eq!(
        anas.refused(
            "message.send",
            json!({"conversation_id": chat, "id": ID, "body": "two"})
        )
        .await,
        "conflict"
    );
    let edit = json!({"conversation_id": chat, "seq": 9, "body": "x"});
    assert_eq!(anas.refused("message.edit", edit).await, "not_found");
    let id = anas
        .ask("message.react", json!({"conversation_id": "x", "seq": "1"}))
        .await;
    let reply = anas.reply(id).await;
    let named: Vec<_> = reply["error"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(named, ["conversation_id", "seq", "emoji"]);
    assert_eq!(
        (&reply["error"]["status"], reply["error"]["title"].is_string()),
        (&json!(422), true)
    );
}

#[tokio::test]
async fn protocol_violations_close_the_socket() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let long = format!("{{\"id\": 1, \"op\": \"ping\", \"x\": \"{}\"}}", "x".repeat(512 * 1024));
    for message in [
        Message::text("hello"),
        Message::text("[]"),
        Message::text(r#"{"op": "ping"}"#),
        Message::binary(r#"{"id": 1, "op": "ping"}"#),
        Message::text(long),
    ] {
        let mut socket = server.connect(&ana).await;
        socket.event_of("hello").await;
        socket.send(message.clone()).await;
        assert_eq!(socket.closed().await, 4000, "{:.40}", message.to_string());
    }
}

#[tokio::test]
async fn requests_before_a_protocol_violation_are_carried_out() {
    let server = Server::start().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.chat(&ana, &ben).await;
    let long = "x".repeat(512 * 1024);
    for (body, end) in [("one", Message::text("hello")), ("two", Message::text(long))] {
        let (mut hers, mut his) = (server.connect(&ana).await, server.connect(&ben).await);
        hers.event_of("hello").await;
        his.event_of("hello").await;
        let data = json!({"conversation_id": chat, "body": body});
        let asked = json!({"id": 1, "op": "message.send", "data": data}).to_string();
        // Both arrive together: the server sees the second before it has processed the first.
        hers.stream().feed(Message::text(asked)).await.unwrap();
        hers.stream().feed(end).await.unwrap();
        hers.stream().flush().await.unwrap();
        assert_eq!(hers.closed().await, 4000);
        assert_eq!(his.event_of("message.created").await["body"], body);
    }
}

#[tokio::test]
async fn a_close_frame_is_answered_with_one() {
    let server = Server::start().await;
    let mut socket = server.connect(&server.person("ana").await).await;
    socket.event_of("hello").await;
    socket.stream().close(None).await.unwrap();
    let mut rest = Vec::new();
    let returned = timeout(READ_TIMEOUT, socket.stream().get_mut().read_to_end(&mut rest)).await;
    assert!(returned.expect("in time").is_ok());
    assert_eq!(rest.first(), Some(&0x88), "a close frame");
}

#[tokio::test]
async fn the_end_of_a_session_closes_its_sockets() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let mut socket = server.connect(&ana).await;
    socket.event_of("hello").await;
    let principal = server.app.auth().authenticate(&ana.tokens.access_token).await.unwrap();
    server.app.auth().logout(&principal).await.unwrap();
    assert!(socket.event_of("session.revoked").await["reason"].is_string());
    assert_eq!(socket.closed().await, 4001);
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_is_closed_and_can_reconnect() {
    let hub = Hub::with_capacity(256 * 1024);
    let server = Server::with(LetsApp::builder().hub(hub), Config::default()).await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.chat(&ana, &ben).await;
    let (mut anas, mut bens) = (server.connect(&ana).await, server.connect_narrowly(&ben).await);
    let body = "👩‍👩‍👧".repeat(3_000);
    for _ in 0..300 {
        anas.done("message.send", json!({"conversation_id": chat, "body": body}))
            .await;
    }
    assert_eq!(bens.closed().await, 4002);
    let mut again = server.connect(&ben).await;
    let sync = again.done("sync", json!({"conversations": {chat: 0}})).await;
    assert_eq!(sync["changes"][0]["seq"], 1);
}

/// Virtual time passes only when nothing else can happen, so the flood is over when its time limit is reached.
#[tokio::test(start_paused = true)]
async fn requests_that_are_never_read_do_not_pile_up() {
    let config = Config {
        limits: Limits::Off,
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.chat(&ana, &ben).await;
    let mut socket = server.connect_narrowly(&ana).await;
    // More replies than all buffers on the way can hold, so the server stops reading until they are read.
    let body = "x".repeat(4_000);
    let flood = async {
        for _ in 0..20_000 {
            socket
                .ask("message.send", json!({"conversation_id": chat, "body": body}))
                .await;
        }
    };
    assert!(
        timeout(Duration::from_secs(3), flood).await.is_err(),
        "the flood was taken in whole"
    );
    let principal = server.app.auth().authenticate(&ben.tokens.access_token).await.unwrap();
    assert!(
        server.app.users().me(&principal).await.is_ok(),
        "others are served meanwhile"
    );
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_silent_is_dropped_after_two_and_a_half_heartbeats() {
    let server = Server::start().await;
    let mut socket = server.connect(&server.person("ana").await).await;
    let started = tokio::time::Instant::now();
    let mut heard = Vec::new();
    // The underlying TCP stream answers no pings.
    socket.stream().get_mut().read_to_end(&mut heard).await.unwrap();
    let lived = started.elapsed();
    assert!(
        (Duration::from_secs(75)..Duration::from_secs(80)).contains(&lived),
        "{lived:?}"
    );
    assert_eq!(
        heard.iter().rev().take(4).copied().collect::<Vec<_>>(),
        [0, 0x89, 0, 0x89],
        "two pings"
    );
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_answers_pings_lives_past_its_access_token() {
    let server = Server::start().await;
    let mut socket = server.connect(&server.person("ana").await).await;
    socket.event_of("hello").await;
    let mut pings = 0;
    let listening = async {
        loop {
            match futures_util::StreamExt::next(socket.stream()).await {
                Some(Ok(Message::Ping(_))) => pings += 1,
                other => break other,
            }
        }
    };
    let ended = timeout(Duration::from_secs(2 * 60 * 60), listening).await;
    assert!(ended.is_err(), "{ended:?}");
    assert!((235..=241).contains(&pings), "{pings} pings");
    socket.done("ping", json!({})).await;
}

#[tokio::test]
async fn a_server_that_shuts_down_answers_and_closes_its_sockets() {
    let server = Server::start().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.chat(&ana, &ben).await;
    let mut socket = server.connect(&ana).await;
    socket.event_of("hello").await;
    let address = server.address;
    let stopped = server.stop();
    assert_eq!(socket.closed().await, 1001);
    timeout(READ_TIMEOUT, stopped).await.expect("in time").unwrap();
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    drop(chat);
}
