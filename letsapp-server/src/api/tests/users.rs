use serde_json::json;

use crate::testing::World;

#[tokio::test]
async fn the_own_profile_is_changed_field_by_field() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let patch = async |request: serde_json::Value| world.patch("/v1/me").by(&ana).json(&request).await;
    let changed =
        patch(json!({"display_name": "Ana", "email": "ana@example.org", "settings": {"last_seen": "nobody"}})).await;
    let changed = changed.expect(200).body;
    assert_eq!(
        (&changed["display_name"], &changed["email"]),
        (&json!("Ana"), &json!("ana@example.org"))
    );
    assert_eq!(
        changed["settings"],
        json!({"last_seen": "nobody", "read_receipts": true, "groups": "everyone"})
    );
    let settings = json!({"read_receipts": false, "groups": "contacts"});
    let changed = patch(json!({"email": null, "about": "Tea.", "settings": settings}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&changed["display_name"], &changed["email"], &changed["about"]),
        (&json!("Ana"), &json!(null), &json!("Tea."))
    );
    assert_eq!(
        changed["settings"],
        json!({"last_seen": "nobody", "read_receipts": false, "groups": "contacts"})
    );
    patch(json!({"display_name": "", "settings": {"last_seen": "friends", "groups": "nobody"}}))
        .await
        .at_fault(&["display_name", "settings.last_seen", "settings.groups"]);
    patch(json!({"avatar_media_id": "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10"}))
        .await
        .at_fault(&["avatar_media_id"]);
}

#[tokio::test]
async fn an_email_belongs_to_one_user() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let request = json!({"email": "tea@example.org"});
    world.patch("/v1/me").by(&ana).json(&request).await.expect(200);
    world
        .patch("/v1/me")
        .by(&ben)
        .json(&request)
        .await
        .expect(409)
        .refused("conflict");
}

#[tokio::test]
async fn emails_are_hidden_from_other_users() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    world
        .patch("/v1/me")
        .by(&ana)
        .json(&json!({"email": "ana@example.org"}))
        .await
        .expect(200);
    let profile = world
        .get(format!("/v1/users/{}", ana.id))
        .by(&ben)
        .send()
        .await
        .expect(200)
        .body;
    assert_eq!(profile["username"], "ana");
    assert!(profile.get("email").is_none());
    world
        .get("/v1/users/8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10")
        .by(&ben)
        .send()
        .await
        .expect(404)
        .refused("not_found");
    world
        .get("/v1/users/me")
        .by(&ben)
        .send()
        .await
        .expect(404)
        .refused("not_found");
    world.get(format!("/v1/users/{}", ana.id)).send().await.expect(401);
}

#[tokio::test]
async fn an_account_is_deleted_with_its_password_and_its_name_stays_taken() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    world.say(&ana, &chat, "Goodbye!").await;
    let delete = async |request: serde_json::Value| world.delete("/v1/me").by(&ana).json(&request).await;
    delete(json!({})).await.at_fault(&["password"]);
    delete(json!({"password": "x"})).await.expect(403).refused("forbidden");
    let gone = delete(json!({"password": "a long password"})).await.expect(204);
    assert_eq!(gone.body, json!(null));
    delete(json!({"password": "a long password"}))
        .await
        .expect(401)
        .refused("unauthenticated");
    let account = json!({"username": "Ana", "password": "a long password"});
    let login = world.post("/v1/auth/login").json(&account).await;
    login.expect(401).refused("unauthenticated");
    let register = world.post("/v1/auth/register").json(&account).await;
    register.expect(409).refused("conflict");

    let profile = world
        .get(format!("/v1/users/{}", ana.id))
        .by(&ben)
        .send()
        .await
        .expect(200);
    assert_eq!(
        (
            &profile.body["deleted"],
            &profile.body["username"],
            &profile.body["display_name"]
        ),
        (&json!(true), &json!(null), &json!(""))
    );
    let path = format!("/v1/conversations/{chat}");
    let seen = world.get(&path).by(&ben).send().await.expect(200);
    assert_eq!(seen.body["peer"]["deleted"], true);
    assert_eq!(seen.body["head"]["last_message"]["body"], "Goodbye!");
}

#[tokio::test]
async fn users_are_found_by_prefix_page_by_page() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    for username in ["tea.1", "tea.2", "tea.3", "coffee"] {
        world.person(username).await;
    }
    let first = world
        .get("/v1/users?query=TEA&limit=2")
        .by(&ana)
        .send()
        .await
        .expect(200);
    assert_eq!(first.each("username"), [json!("tea.1"), json!("tea.2")]);
    let cursor = first.text("next_cursor");
    let second = world
        .get(format!("/v1/users?query=TEA&limit=2&cursor={cursor}"))
        .by(&ana)
        .send()
        .await
        .expect(200);
    assert_eq!(
        (second.each("username"), &second.body["next_cursor"]),
        (vec![json!("tea.3")], &json!(null))
    );
    let stolen = format!("/v1/users?query=coffee&cursor={cursor}");
    world
        .get(stolen)
        .by(&ana)
        .send()
        .await
        .expect(400)
        .refused("invalid_request");
    world
        .get("/v1/users?query=t&cursor=x")
        .by(&ana)
        .send()
        .await
        .expect(400)
        .refused("invalid_request");
}

#[tokio::test]
async fn a_user_search_requires_a_query() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    world.get("/v1/users").by(&ana).send().await.at_fault(&["query"]);
    world
        .get("/v1/users?limit=201")
        .by(&ana)
        .send()
        .await
        .at_fault(&["query", "limit"]);
    let long = |length| format!("/v1/users?query={}", "x".repeat(length));
    world.get(long(257)).by(&ana).send().await.at_fault(&["query"]);
    world.get(long(256)).by(&ana).send().await.expect(200);
    let empty = world.get("/v1/users?query=").by(&ana).send().await.expect(200);
    assert_eq!(empty.body, json!({"items": [], "next_cursor": null}));
}
