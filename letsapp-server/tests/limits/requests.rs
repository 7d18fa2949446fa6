//! Rate limits of requests, frames and new sockets.

use std::time::Duration;

use letsapp_core::LetsApp;
use letsapp_core::domain::limit::{Class, Quota, Table};
use letsapp_server::Config;
use letsapp_server::config::Limits;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{header, status};
use crate::{HOME, World, common, waits};

#[tokio::test]
async fn writes_are_counted_across_devices_and_separately_from_reads() {
    let world = World::with(&[(Class::Writes, 3, 60), (Class::Searches, 1, 60)]).await;
    let (ana, ben) = (world.server.person("ana").await, world.server.person("ben").await);
    let chat = world.server.chat(&ana, &ben).await;
    let path = format!("POST /v1/conversations/{chat}/messages");
    let mut socket = world.server.connect(&ana).await;
    for left in [2, 1] {
        let answer = world.ask(&ana, &path, &json!({"body": "Hello"})).await;
        assert_eq!(status(&answer), 201);
        assert_eq!(
            header(&answer, "ratelimit-policy"),
            Some("\"requests\";q=12000;w=60, \"writes\";q=3;w=60")
        );
        let expected = format!("\"writes\";r={left};t=20");
        assert_eq!(
            header(&answer, "ratelimit").unwrap().split(", ").last(),
            Some(&*expected)
        );
    }
    socket
        .done("message.send", json!({"conversation_id": chat, "body": "Hello"}))
        .await;
    assert_eq!(waits(&world.ask(&ana, &path, &json!({"body": "Hello"})).await), 20);
    let id = socket
        .ask("message.send", json!({"conversation_id": chat, "body": "Hello"}))
        .await;
    let error = socket.reply(id).await["error"].clone();
    assert_eq!(
        (&error["code"], &error["retry_after"]),
        (&json!("rate_limited"), &json!(20))
    );
    assert_eq!(
        status(&world.ask(&ben, &path, &json!({"body": "Hello"})).await),
        201,
        "somebody else"
    );
    let none = Value::Null;
    assert_eq!(
        status(
            &world
                .ask(&ana, &format!("GET /v1/conversations/{chat}/messages"), &none)
                .await
        ),
        200
    );
    assert_eq!(status(&world.ask(&ana, "GET /v1/users?query=b", &none).await), 200);
    assert_eq!(waits(&world.ask(&ana, "GET /v1/users/?query=b", &none).await), 60);
    world.clock.advance(Duration::from_secs(20));
    socket
        .done("message.send", json!({"conversation_id": chat, "body": "Hello"}))
        .await;
}

#[tokio::test]
async fn a_socket_with_too_many_requests_is_told_to_wait_and_then_closed() {
    let world = World::with(&[(Class::Frames, 4, 60), (Class::Refusals, 3, 60)]).await;
    let ana = world.server.person("ana").await;
    let (mut loud, mut quiet) = (world.server.connect(&ana).await, world.server.connect(&ana).await);
    for _ in 0..4 {
        loud.done("ping", json!({})).await;
    }
    for _ in 0..2 {
        let id = loud.ask("ping", json!({})).await;
        let error = loud.reply(id).await["error"].clone();
        assert_eq!(
            (&error["code"], &error["status"], &error["retry_after"]),
            (&json!("rate_limited"), &json!(429), &json!(15))
        );
    }
    assert_eq!(
        loud.refused("message.sing", json!({})).await,
        "rate_limited",
        "whatever it asks"
    );
    loud.ask("ping", json!({})).await;
    assert_eq!(loud.closed().await, 4003);
    quiet.done("ping", json!({})).await;
}

#[tokio::test]
async fn pings_and_pongs_are_frames_too() {
    let world = World::with(&[(Class::Frames, 4, 60), (Class::Refusals, 3, 60)]).await;
    let mut socket = world.server.connect(&world.server.person("ana").await).await;
    for _ in 0..8 {
        socket.send(Message::Pong(Vec::new().into())).await;
    }
    assert_eq!(socket.closed().await, 4003);
}

#[tokio::test]
async fn new_sockets_are_limited_per_address() {
    let world = World::with(&[(Class::Connections, 2, 60)]).await;
    let ana = world.server.person("ana").await;
    world.server.connect(&ana).await;
    world.server.connect(&ana).await;
    let bearer = format!("letsapp.v1, bearer.{}", ana.tokens.access_token);
    assert_eq!(world.server.connect_with(&bearer).await.err(), Some(429));
    world.clock.advance(Duration::from_secs(30));
    world.server.connect(&ana).await;
}

#[tokio::test]
async fn pages_health_and_the_admin_listener_are_not_counted() {
    let world = World::with(&[(Class::Requests, 1, 60)]).await;
    for path in ["/healthz", "/", "/main.js", "/openapi.json", "/readyz"] {
        let answer = world.send(&format!("GET {path}"), HOME, "", "").await;
        assert_eq!((status(&answer), header(&answer, "ratelimit")), (200, None), "{path}");
    }
    assert_eq!(status(&world.send("GET /v1/nothing", HOME, "", "").await), 404);
    assert_eq!(waits(&world.send("GET /v1/nothing", HOME, "", "").await), 60);
    for _ in 0..3 {
        let metrics = common::get(world.server.admin, "/metrics").await;
        assert_eq!(status(&metrics), 200);
    }
}

#[tokio::test]
async fn without_limits_nothing_is_counted() {
    let mut config = Config {
        limits: Limits::Off,
        ..Config::default()
    };
    for class in Class::ALL {
        config.limit_table.set(*class, Quota::new(1, Duration::from_secs(60)));
    }
    let world = World::configured(config).await;
    let ana = world.server.person("ana").await;
    for _ in 0..10 {
        let answer = world.login(HOME, "ana", "a wrong password").await;
        assert_eq!((status(&answer), header(&answer, "ratelimit")), (401, None));
        assert_eq!(status(&world.ask(&ana, "GET /v1/me", &Value::Null).await), 200);
        world.server.connect(&ana).await.done("ping", json!({})).await;
    }
}

#[tokio::test]
async fn strangers_are_added_to_groups_a_few_at_a_time() {
    let world = World::with(&[(Class::Strangers, 2, 60)]).await;
    let ana = world.server.person("ana").await;
    let mut strangers = Vec::new();
    for n in 0..4 {
        strangers.push(world.server.person(&format!("stranger{n}")).await.user.id);
    }
    let create = async |members: &[letsapp_core::domain::id::UserId]| {
        let group = json!({"kind": "group", "title": "Tea", "member_ids": members});
        world.ask(&ana, "POST /v1/conversations", &group).await
    };
    assert_eq!(status(&create(&strangers[1..]).await), 422, "never so many at once");
    assert_eq!(status(&create(&strangers[..2]).await), 201);
    let refused = create(&strangers[2..3]).await;
    assert_eq!(waits(&refused), 30);
    let last = |name| header(&refused, name).and_then(|value| value.split(", ").last());
    assert_eq!(last("ratelimit-policy"), Some("\"strangers\";q=2;w=60"));
    assert_eq!(last("ratelimit"), Some("\"strangers\";r=0;t=30"));
    assert_eq!(
        status(&create(&strangers[..2]).await),
        201,
        "they are strangers no longer"
    );
    let contact = format!("PUT /v1/contacts/{}", strangers[3]);
    assert_eq!(status(&world.ask(&ana, &contact, &json!({})).await), 200);
    assert_eq!(status(&create(&strangers[3..]).await), 201);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(status(&create(&strangers[2..3]).await), 201);
}

#[tokio::test]
async fn the_limits_of_the_application_hold_for_requests_too() {
    let mut limits = Table::UNLIMITED;
    limits.set(Class::Reads, Quota::new(1, Duration::from_secs(60)));
    let server = common::Server::with(LetsApp::builder().limits(limits), Config::default()).await;
    let ana = server.person("ana").await;
    let authorization = format!("authorization: Bearer {}\r\n", ana.tokens.access_token);
    let request = format!("GET /v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}\r\n");
    for expected in [200, 429] {
        let answer = common::exchange(server.address, request.clone()).await;
        assert_eq!(status(&answer), expected);
        assert_eq!(header(&answer, "ratelimit-policy"), Some("\"reads\";q=1;w=60"));
    }
}
