//! Typing indicators and presence on the socket, with real clients on loopback.
#![allow(clippy::unwrap_used, reason = "what goes wrong in a test is a panic")]

mod common;

use std::time::Duration;

use common::{Server, Socket};
use letsapp_core::protocol::SignedIn;
use letsapp_core::{LetsApp, Rules};
use letsapp_server::Config;
use serde_json::{Value, json};

/// Starts a server with short grace periods.
async fn server() -> Server {
    let rules = Rules {
        presence_grace: Duration::from_millis(300),
        typing_timeout: Duration::from_millis(300),
        ..Rules::default()
    };
    Server::with(LetsApp::builder().rules(rules), Config::default()).await
}

/// Makes `owner` add `other` to their contacts.
async fn list(server: &Server, owner: &SignedIn, other: &SignedIn) {
    let principal = server
        .app
        .auth()
        .authenticate(&owner.tokens.access_token)
        .await
        .unwrap();
    server
        .app
        .contacts()
        .put(&principal, other.user.id, None)
        .await
        .unwrap();
}

async fn greeted(server: &Server, person: &SignedIn) -> Socket {
    let mut socket = server.connect(person).await;
    socket.event_of("hello").await;
    socket
}

#[tokio::test]
async fn contacts_receive_presence_changes() {
    let server = server().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    list(&server, &ana, &ben).await;
    let mut anas = greeted(&server, &ana).await;
    let bens = greeted(&server, &ben).await;
    let online = anas.event_of("presence").await;
    assert_eq!(
        (&online["user_id"], &online["status"]),
        (&json!(ben.user.id), &json!("online"))
    );
    drop(bens);
    let offline = anas.event_of("presence").await;
    assert_eq!(offline["status"], "offline");
    assert!(offline["last_seen_at"].is_string());
}

#[tokio::test]
async fn a_socket_receives_the_presence_of_users_it_watches() {
    let server = server().await;
    let (ana, ben, eve) = (
        server.person("ana").await,
        server.person("ben").await,
        server.person("eve").await,
    );
    let mut anas = greeted(&server, &ana).await;
    let bens = greeted(&server, &ben).await;
    let watched = anas
        .done("presence.watch", json!({"user_ids": [ben.user.id, eve.user.id]}))
        .await;
    let statuses: Vec<_> = watched["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["status"].clone())
        .collect();
    assert_eq!(statuses, ["online", "offline"]);
    drop(bens);
    let offline = anas.event_of("presence").await;
    assert_eq!(
        (&offline["user_id"], &offline["status"]),
        (&json!(ben.user.id), &json!("offline"))
    );
    let _eves = greeted(&server, &eve).await;
    assert_eq!(anas.event_of("presence").await["user_id"], json!(eve.user.id));
}

#[tokio::test]
async fn a_signed_out_user_is_offline() {
    let server = server().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    list(&server, &ana, &ben).await;
    let mut anas = greeted(&server, &ana).await;
    let _bens = greeted(&server, &ben).await;
    assert_eq!(anas.event_of("presence").await["status"], "online");
    let principal = server.app.auth().authenticate(&ben.tokens.access_token).await.unwrap();
    server.app.auth().logout(&principal).await.unwrap();
    assert_eq!(anas.event_of("presence").await["status"], "offline");
}

#[tokio::test]
async fn typing_reaches_the_other_members_and_expires() {
    let server = server().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.begun_chat(&ana, &ben).await;
    let (mut anas, mut bens) = (greeted(&server, &ana).await, greeted(&server, &ben).await);
    let typing = |typing: bool| json!({"conversation_id": chat, "typing": typing});
    let told = |typing: bool| -> Value { json!({"conversation_id": chat, "user_id": ana.user.id, "typing": typing}) };
    for _ in 0..20 {
        assert_eq!(anas.done("typing", typing(true)).await, json!({}));
    }
    assert_eq!(bens.event_of("typing").await, told(true));
    assert_eq!(bens.event_of("typing").await, told(false), "once, and then its end");
}

#[tokio::test]
async fn typing_does_not_reach_a_user_who_blocks_the_writer() {
    let server = server().await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let chat = server.begun_chat(&ana, &ben).await;
    let (mut anas, mut bens) = (greeted(&server, &ana).await, greeted(&server, &ben).await);
    let principal = server.app.auth().authenticate(&ben.tokens.access_token).await.unwrap();
    server.app.contacts().block(&principal, ana.user.id).await.unwrap();
    let typing = json!({"conversation_id": chat, "typing": true});
    assert_eq!(
        anas.done("typing", typing.clone()).await,
        json!({}),
        "she does not learn of it"
    );
    assert_eq!(bens.events_so_far().await, [] as [Value; 0]);
    server.app.contacts().unblock(&principal, ana.user.id).await.unwrap();
    anas.done("typing", typing).await;
    assert_eq!(bens.event_of("typing").await["typing"], true);
}
