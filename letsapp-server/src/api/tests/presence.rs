use letsapp_core::domain::id::ConnectionId;
use letsapp_core::engine::events::Connection;
use serde_json::{Value, json};

use crate::testing::{Person, World};

const NOW: &str = "2026-11-22T09:00:00.000Z";

/// Connects a user, who is then online.
async fn connect(world: &World, person: &Person) -> Connection {
    let principal = world.app.auth().authenticate(&person.access_token).await.unwrap();
    let connection_id = ConnectionId::from_uuid(world.app.ids().random());
    world.app.hub().connect(principal, connection_id)
}

async fn presence(world: &World, viewer: &Person, of: &[&Person]) -> Value {
    let ids: Vec<_> = of.iter().map(|person| person.id.as_str()).collect();
    let path = format!("/v1/presence?user_ids={}", ids.join(","));
    world.get(path).by(viewer).send().await.expect(200).body["items"].clone()
}

#[tokio::test]
async fn presence_is_returned_for_named_users() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let _bens = connect(&world, &ben).await;
    assert_eq!(
        presence(&world, &ana, &[&eve, &ben, &eve]).await,
        json!([
            {"user_id": eve.id, "status": "offline", "last_seen_at": null},
            {"user_id": ben.id, "status": "online", "last_seen_at": NOW},
        ])
    );
    world
        .get(format!("/v1/presence?user_ids={}", ben.id))
        .send()
        .await
        .expect(401);
}

#[tokio::test]
async fn a_hidden_user_is_offline_and_never_seen() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let _bens = connect(&world, &ben).await;
    let hide = json!({"settings": {"last_seen": "nobody"}});
    world.patch("/v1/me").by(&ben).json(&hide).await.expect(200);
    let hidden = json!([{"user_id": ben.id, "status": "offline", "last_seen_at": null}]);
    assert_eq!(presence(&world, &ana, &[&ben]).await, hidden);
    let contacts = json!({"settings": {"last_seen": "contacts"}});
    world.patch("/v1/me").by(&ben).json(&contacts).await.expect(200);
    assert_eq!(presence(&world, &ana, &[&ben]).await, hidden, "Ben does not list Ana");
    world
        .put(format!("/v1/contacts/{}", ana.id))
        .by(&ben)
        .json(&json!({}))
        .await
        .expect(200);
    assert_eq!(presence(&world, &ana, &[&ben]).await[0]["status"], "online");
    world
        .put(format!("/v1/blocks/{}", ben.id))
        .by(&ana)
        .send()
        .await
        .expect(204);
    assert_eq!(presence(&world, &ana, &[&ben]).await, hidden, "not across a block");
}

#[tokio::test]
async fn invalid_ids_and_too_many_ids_are_refused() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let ask = async |query: &str| world.get(format!("/v1/presence{query}")).by(&ana).send().await;
    ask("").await.at_fault(&["user_ids"]);
    ask(&format!("?user_ids=ben,{},eve", ana.id))
        .await
        .at_fault(&["user_ids.0", "user_ids.2"]);
    ask(&format!("?user_ids={}", vec![ana.id.as_str(); 201].join(",")))
        .await
        .at_fault(&["user_ids"]);
    let many = ask(&format!("?user_ids={}", vec![ana.id.as_str(); 200].join(",")))
        .await
        .expect(200);
    assert_eq!(many.each("user_id"), [json!(ana.id)]);
    let unknown = "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10";
    let nobody = ask(&format!("?user_ids={unknown}")).await.expect(200);
    assert_eq!(nobody.body, json!({"items": []}), "one who does not exist is left out");
}
