//! Tests of the operations without a network. Every frame is checked against the AsyncAPI document.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use letsapp_core::domain::id::ConnectionId;
use letsapp_core::engine::events::Connection;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::codec::SocketRequest;
use super::ops::OpHandler;
use crate::asyncapi;
use crate::server_context::ServerContext;
use crate::testing::{Document, Person, World};

/// A connection of a user, without a socket.
struct TestConnection {
    handler: OpHandler,
    connection: Connection,
    document: Document,
}

impl TestConnection {
    async fn of(world: &World, person: &Person, number: u8) -> Self {
        let server = Arc::new(ServerContext::new(world.app.clone()));
        let principal = world
            .app
            .auth()
            .authenticate(&person.access_token)
            .await
            .expect("a good token");
        let connection_id = ConnectionId::from_bytes([number; 16]);
        let connection = world.app.hub().connect(principal, connection_id);
        let handler = OpHandler {
            server,
            principal,
            connection_id,
        };
        Self {
            handler,
            connection,
            document: Document(asyncapi::document()),
        }
    }

    /// Sends a request and returns the reply, both checked against the document.
    async fn ask(&self, op: &str, data: Value) -> Value {
        let frame = json!({"id": 7, "op": op, "data": data}).to_string();
        let request = SocketRequest::read(&frame).ok().expect("a request");
        let reply = read(self.handler.handle(&request).await);
        let described = if reply.get("ok").is_some() {
            format!("{op}.reply")
        } else {
            "error".to_owned()
        };
        self.insist(&described, &reply);
        if reply.get("ok").is_some() {
            self.insist(op, &serde_json::from_str(&frame).expect("JSON"));
        }
        reply
    }

    /// Returns the next events up to the wanted one, checked against the document. Waits, since some events follow the
    /// reply to the request that caused them.
    async fn events_until(&self, mut wanted: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        while !events.iter().any(&mut wanted) {
            let mut drained = Vec::new();
            let drain = tokio::time::timeout(Duration::from_secs(30), self.connection.drain(&mut drained));
            drain
                .await
                .unwrap_or_else(|_| panic!("it is not among {events:?}"))
                .expect("an open connection");
            for event in drained {
                let event = serde_json::from_slice(event.frame()).expect("JSON");
                self.insist("event", &event);
                events.push(event);
            }
        }
        events
    }

    fn insist(&self, message: &str, frame: &Value) {
        let schema = &self.document.0["components"]["messages"][message]["payload"];
        assert!(schema.is_object(), "{message} is not described");
        self.document.insist(schema, frame);
    }
}

#[tokio::test]
async fn frames_are_as_the_document_describes_them() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.chat(&ana, &ben).await;
    let (anas, bens) = (
        TestConnection::of(&world, &ana, 1).await,
        TestConnection::of(&world, &ben, 2).await,
    );
    let at = json!({"conversation_id": chat, "seq": 1});
    let with = |more: Value| {
        let mut data = at.clone();
        let more = more.as_object().expect("an object").clone();
        data.as_object_mut().expect("an object").extend(more);
        data
    };
    anas.ask(
        "message.send",
        json!({"conversation_id": chat, "body": "Tea?", "mentions": [ben.id]}),
    )
    .await;
    anas.ask("message.edit", with(json!({"body": "Coffee?"}))).await;
    bens.ask("message.react", with(json!({"emoji": "👍"}))).await;
    bens.ask("receipt", json!({"conversation_id": chat, "read": 1})).await;
    anas.ask("message.delete", at.clone()).await;
    bens.ask("sync", json!({"conversations": {&chat: 0}})).await;
    bens.ask("ping", json!({})).await;
    let refused = bens.ask("message.delete", at.clone()).await;
    assert_eq!(refused["error"]["code"], "forbidden");
    let kinds = |events: &[Value]| events.iter().map(|event| event["event"].clone()).collect::<Vec<_>>();
    let deleted = |event: &Value| event["data"]["deleted_at"].is_string();
    assert_eq!(
        kinds(&bens.events_until(deleted).await),
        [
            "conversation.created",
            "message.created",
            "message.updated",
            "message.updated"
        ]
    );
    let told = kinds(&anas.events_until(|event| event["event"] == "receipt.updated").await);
    assert!(told.contains(&json!("message.updated")), "{told:?}");
    let group = world.group(&ana, &[&ben]).await;
    world
        .patch(format!("/v1/conversations/{group}"))
        .by(&ana)
        .json(&json!({"title": "Coffee"}))
        .await
        .expect(200);
    world
        .delete(format!("/v1/conversations/{group}/members/{}", ben.id))
        .by(&ana)
        .send()
        .await
        .expect(204);
    let told = bens
        .events_until(|event| event["event"] == "conversation.removed")
        .await;
    assert_eq!(
        kinds(&told),
        [
            "conversation.created",
            "message.created",
            "message.created",
            "conversation.updated",
            "message.created",
            "conversation.removed"
        ]
    );
}

#[tokio::test]
async fn typing_and_presence_are_as_the_document_describes_them() {
    let world = World::new().await;
    let (ana, ben, eve) = (
        world.person("ana").await,
        world.person("ben").await,
        world.person("eve").await,
    );
    let chat = world.chat(&ana, &ben).await;
    let anas = TestConnection::of(&world, &ana, 1).await;
    let watched = anas.ask("presence.watch", json!({"user_ids": [ben.id]})).await;
    assert_eq!(
        watched["ok"],
        json!({"items": [{"user_id": ben.id, "status": "offline", "last_seen_at": null}]})
    );
    anas.ask("message.send", json!({"conversation_id": chat, "body": "Tea?"}))
        .await;
    let bens = TestConnection::of(&world, &ben, 2).await;
    let told = anas.events_until(|event| event["event"] == "presence").await;
    assert_eq!(
        told,
        [json!({"event": "presence", "data": {
            "user_id": ben.id, "status": "online", "last_seen_at": "2026-11-22T09:00:00.000Z",
        }})]
    );
    for typing in [true, true, false] {
        let data = json!({"conversation_id": chat, "typing": typing});
        assert_eq!(bens.ask("typing", data).await["ok"], json!({}));
    }
    let typing = |typing: bool| {
        let data = json!({"conversation_id": chat, "user_id": ben.id, "typing": typing});
        json!({"event": "typing", "data": data})
    };
    let told = anas.events_until(|event| *event == typing(false)).await;
    assert_eq!(told, [typing(true), typing(false)]);

    let eves = TestConnection::of(&world, &eve, 3).await;
    let refused = eves
        .ask("typing", json!({"conversation_id": chat, "typing": true}))
        .await;
    assert_eq!(refused["error"]["code"], "not_found");
    for (op, data, field) in [
        ("typing", json!({"conversation_id": chat}), "typing"),
        ("presence.watch", json!({}), "user_ids"),
        ("presence.watch", json!({"user_ids": ["ben"]}), "user_ids.0"),
        ("presence.watch", json!({"user_ids": vec![&ben.id; 1_025]}), "user_ids"),
    ] {
        let refused = eves.ask(op, data).await;
        assert_eq!(refused["error"]["code"], "validation_failed");
        assert_eq!(refused["error"]["errors"][0]["field"], field, "{op}");
    }
}

#[tokio::test]
async fn every_operation_reports_all_invalid_fields() {
    let world = World::new().await;
    let line = TestConnection::of(&world, &world.person("ana").await, 1).await;
    let messages = line.document.0["components"]["messages"]
        .as_object()
        .expect("an object");
    let mut tried = 0;
    for message in messages.values() {
        let properties = &message["payload"]["properties"];
        let Some(op) = properties["op"]["const"].as_str() else {
            continue;
        };
        let wrong = line.document.all_wrong(&properties["data"]);
        if wrong.is_empty() {
            continue;
        }
        let reply = line.ask(op, wrong.clone().into()).await;
        let errors = reply["error"]["errors"].as_array().unwrap_or_else(|| panic!("{reply}"));
        let outermost = |error: &Value| {
            error["field"]
                .as_str()
                .and_then(|field| Some(field.split('.').next()?.to_owned()))
        };
        let named: BTreeSet<_> = errors.iter().filter_map(outermost).collect();
        assert_eq!(named, wrong.keys().cloned().collect(), "{op}");
        tried += 1;
    }
    assert!(tried >= 6, "only {tried} operations take anything");
}

fn read(message: Message) -> Value {
    let Message::Frame(frame) = message else {
        panic!("a frame is expected")
    };
    serde_json::from_slice(frame.payload()).expect("JSON")
}
