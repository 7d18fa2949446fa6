//! Tests of requests to any route: content type, size, authentication and headers.

use serde_json::json;

use crate::api::body::MAX_BODY_BYTES;
use crate::testing::World;

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let world = World::new().await;
    let login = || world.post("/v1/auth/login");
    login()
        .bytes("text/plain", "{}")
        .await
        .expect(415)
        .refused("unsupported_media_type");
    login().send().await.expect(415).refused("unsupported_media_type");
    login()
        .bytes("application/json", "{\"username\":")
        .await
        .expect(400)
        .refused("invalid_request");
    login()
        .bytes("application/json", b"{\"username\": \"\xff\"}")
        .await
        .expect(400)
        .refused("invalid_request");
    login()
        .bytes("application/json", "")
        .await
        .expect(400)
        .refused("invalid_request");
    login()
        .bytes("application/json", "[1]")
        .await
        .expect(422)
        .refused("validation_failed");
    login()
        .bytes("Application/JSON; charset=utf-8", "{}")
        .await
        .at_fault(&["username", "password"]);
}

#[tokio::test]
async fn a_body_over_the_maximum_is_refused() {
    let world = World::new().await;
    let padded = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
    let login = || world.post("/v1/auth/login");
    login()
        .bytes("application/json", padded(MAX_BODY_BYTES))
        .await
        .expect(422);
    login()
        .bytes("application/json", padded(MAX_BODY_BYTES + 1))
        .await
        .expect(413)
        .refused("payload_too_large");
}

#[tokio::test]
async fn authentication_is_checked_before_the_request() {
    let world = World::new().await;
    world
        .patch("/v1/me")
        .bytes("text/plain", "?")
        .await
        .expect(401)
        .refused("unauthenticated");
    world
        .get("/v1/conversations?limit=x")
        .send()
        .await
        .expect(401)
        .refused("unauthenticated");
}

#[tokio::test]
async fn an_unknown_path_and_an_unknown_method_are_told_apart() {
    let world = World::new().await;
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v2/me",
        "/v1/conversations/x",
        "/nothing.js",
    ] {
        world.get(path).send().await.expect(404).refused("not_found");
        world.post(path).send().await.expect(404).refused("not_found");
    }
    world.get("/docs/nothing").send().await.expect(404).refused("not_found");
    for path in [
        "/v1/me",
        "/v1/conversations/8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10/messages/1",
        "/healthz",
        "/docs",
        "/",
    ] {
        world.put(path).send().await.expect(405).refused("method_not_allowed");
    }
}

#[tokio::test]
async fn an_unavailable_store_is_reported() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    world.get("/readyz").send().await.expect(200);
    world.app.shutdown().await;
    world.get("/readyz").send().await.expect(503).refused("unavailable");
    world.get("/healthz").send().await.expect(200);
    let messages = format!("/v1/conversations/{chat}/messages");
    let sent = world
        .post(&messages)
        .by(&ana)
        .json(&json!({"body": "?"}))
        .await
        .expect(503)
        .refused("unavailable");
    assert_eq!(
        sent.body["detail"], sent.body["title"],
        "what is the matter is not for clients"
    );
    world
        .get(&messages)
        .by(&ana)
        .send()
        .await
        .expect(503)
        .refused("unavailable");
}
