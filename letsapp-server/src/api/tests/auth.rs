use std::time::Duration;

use serde_json::json;

use crate::testing::{Person, World};

#[tokio::test]
async fn registering_signs_in() {
    let world = World::new().await;
    let account = json!({"username": "Ana.B", "password": "a long password", "display_name": "Ana", "email": "ana@example.org", "device_name": "phone"});
    let got = world.post("/v1/auth/register").json(&account).await.expect(201);
    assert_eq!(
        (&got.body["user"]["username"], &got.body["user"]["display_name"]),
        (&json!("ana.b"), &json!("Ana"))
    );
    assert_eq!(
        (&got.body["tokens"]["token_type"], &got.body["tokens"]["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    let me = world.get("/v1/me").by(&Person::of(&got.body)).send().await.expect(200);
    assert_eq!(me.body["email"], "ana@example.org");
}

#[tokio::test]
async fn a_username_is_taken_once_whatever_its_case() {
    let world = World::new().await;
    world.person("ana").await;
    let again = json!({"username": "ANA", "password": "another password"});
    world
        .post("/v1/auth/register")
        .json(&again)
        .await
        .expect(409)
        .refused("conflict");
}

#[tokio::test]
async fn every_invalid_field_is_named() {
    let world = World::new().await;
    let account = json!({"username": "a b", "password": "short", "email": 7});
    let got = world.post("/v1/auth/register").json(&account).await.expect(422);
    got.at_fault(&["username", "password", "email"]);
    world
        .post("/v1/auth/register")
        .json(&json!({}))
        .await
        .at_fault(&["username", "password"]);
    world
        .post("/v1/auth/login")
        .json(&json!({"username": "ana"}))
        .await
        .at_fault(&["password"]);
    world
        .post("/v1/auth/refresh")
        .json(&json!({}))
        .await
        .at_fault(&["refresh_token"]);
}

#[tokio::test]
async fn a_wrong_username_and_a_wrong_password_get_the_same_error() {
    let world = World::new().await;
    world.person("ana").await;
    let login = async |username: &str, password: &str| {
        let request = json!({"username": username, "password": password});
        world.post("/v1/auth/login").json(&request).await
    };
    let name = login("nobody", "a long password")
        .await
        .expect(401)
        .refused("unauthenticated");
    let password = login("ana", "a wrong password")
        .await
        .expect(401)
        .refused("unauthenticated");
    let short = login("ana", "x").await.expect(401);
    assert_eq!(name.body, password.body);
    assert_eq!(name.body, short.body);
    assert!(name.headers.contains_key("www-authenticate"));
    login("ANA", "a long password").await.expect(200);
}

#[tokio::test]
async fn refreshing_rotates_tokens_and_returns_the_same_pair_until_it_was_used() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let refresh = async |token: &str| {
        world
            .post("/v1/auth/refresh")
            .json(&json!({"refresh_token": token}))
            .await
    };
    let first = refresh(&ana.refresh_token).await.expect(200);
    let successor = first.body["tokens"]["refresh_token"].as_str().unwrap();
    let retried = refresh(&ana.refresh_token).await.expect(200);
    assert_eq!(retried.body["tokens"]["refresh_token"], successor);
    refresh(successor).await.expect(200);
    world.clock.advance(Duration::from_secs(11));
    refresh(&ana.refresh_token).await.expect(401).refused("unauthenticated");
    refresh(successor).await.expect(401);
    refresh("nonsense").await.expect(401).refused("unauthenticated");
}

#[tokio::test]
async fn a_token_is_missing_broken_or_expired() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    world.get("/v1/me").send().await.expect(401).refused("unauthenticated");
    for value in [
        "Basic YTpi",
        "Bearer",
        "Bearer x.y.z",
        &format!("Bearer {}x", ana.access_token),
    ] {
        world
            .get("/v1/me")
            .header("authorization", value)
            .send()
            .await
            .expect(401)
            .refused("unauthenticated");
    }
    world
        .get("/v1/me")
        .header("authorization", &format!("bearer {}", ana.access_token))
        .send()
        .await
        .expect(200);
    world.clock.advance(Duration::from_secs(901));
    world
        .get("/v1/me")
        .by(&ana)
        .send()
        .await
        .expect(401)
        .refused("token_expired");
}

#[tokio::test]
async fn logging_out_ends_the_session_at_once() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    world.post("/v1/auth/logout").by(&ana).send().await.expect(204);
    world
        .get("/v1/me")
        .by(&ana)
        .send()
        .await
        .expect(401)
        .refused("unauthenticated");
    world.post("/v1/auth/logout").by(&ana).send().await.expect(401);
}

#[tokio::test]
async fn devices_are_listed_and_signed_out() {
    let world = World::new().await;
    let phone = world.person("ana").await;
    let login = json!({"username": "ana", "password": "a long password", "device_name": "tablet"});
    let tablet = Person::of(&world.post("/v1/auth/login").json(&login).await.expect(200).body);
    let sessions = world.get("/v1/auth/sessions").by(&phone).send().await.expect(200);
    let items = sessions.body["items"].as_array().unwrap();
    let other = items
        .iter()
        .find(|item| item["current"] == false)
        .expect("the other device");
    assert_eq!((items.len(), &other["device_name"]), (2, &json!("tablet")));
    let path = format!("/v1/auth/sessions/{}", other["id"].as_str().unwrap());
    world.delete(&path).by(&phone).send().await.expect(204);
    world.get("/v1/me").by(&tablet).send().await.expect(401);
    world
        .delete(&path)
        .by(&phone)
        .send()
        .await
        .expect(404)
        .refused("not_found");
    let ben = world.person("ben").await;
    let sessions = world.get("/v1/auth/sessions").by(&ben).send().await.expect(200);
    let path = format!(
        "/v1/auth/sessions/{}",
        sessions.body["items"][0]["id"].as_str().unwrap()
    );
    world
        .delete(path)
        .by(&phone)
        .send()
        .await
        .expect(404)
        .refused("not_found");
}

#[tokio::test]
async fn changing_the_password_ends_every_other_session() {
    let world = World::new().await;
    let phone = world.person("ana").await;
    let login = json!({"username": "ana", "password": "a long password"});
    let tablet = Person::of(&world.post("/v1/auth/login").json(&login).await.expect(200).body);
    let change = async |current: &str, new: &str| {
        let request = json!({"current_password": current, "new_password": new});
        world.post("/v1/auth/password").by(&phone).json(&request).await
    };
    change("a wrong password", "a new password")
        .await
        .expect(403)
        .refused("forbidden");
    change("a long password", "short").await.at_fault(&["new_password"]);
    change("a long password", "a new password").await.expect(204);
    world.get("/v1/me").by(&tablet).send().await.expect(401);
    world.get("/v1/me").by(&phone).send().await.expect(200);
    world.post("/v1/auth/login").json(&login).await.expect(401);
}
