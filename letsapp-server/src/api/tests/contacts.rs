use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{Got, Person, World};

const NOBODY: &str = "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10";

impl World {
    async fn list_as(&self, who: &Person, whom: &Person, body: &Value) -> Got {
        self.put(format!("/v1/contacts/{}", whom.id)).by(who).json(body).await
    }

    async fn block(&self, who: &Person, whom: &Person) {
        let path = format!("/v1/blocks/{}", whom.id);
        self.put(path).by(who).send().await.expect(204);
    }

    async fn try_say(&self, who: &Person, conversation: &str) -> Got {
        let path = format!("/v1/conversations/{conversation}/messages");
        self.post(path).by(who).json(&json!({"body": "psst"})).await
    }
}

fn usernames(got: &Got) -> Vec<Value> {
    let mut names: Vec<_> = got.each("user").iter().map(|user| user["username"].clone()).collect();
    names.sort_by_key(Value::to_string);
    names
}

#[tokio::test]
async fn contacts_are_put_renamed_listed_and_removed() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let first = world
        .list_as(&ana, &ben, &json!({"alias": " Benny "}))
        .await
        .expect(200);
    assert_eq!(first.body["user"]["username"], "ben");
    assert_eq!(
        (&first.body["alias"], &first.body["added_at"]),
        (&json!("Benny"), &json!("2026-11-22T09:00:00.000Z"))
    );
    world.clock.advance(std::time::Duration::from_secs(60));
    let again = world.list_as(&ana, &ben, &json!({})).await.expect(200);
    assert_eq!(
        (&again.body["alias"], &again.body["added_at"]),
        (&json!(null), &first.body["added_at"]),
        "a put says all of it, and does not begin anew"
    );
    let listed = world.get("/v1/contacts").by(&ana).send().await.expect(200);
    assert_eq!(listed.body, json!({"items": [again.body], "next_cursor": null}));
    let theirs = world.get("/v1/contacts").by(&ben).send().await.expect(200);
    assert_eq!(theirs.body["items"], json!([]), "nobody is told who lists them");
    for _ in 0..2 {
        let path = format!("/v1/contacts/{}", ben.id);
        world.delete(path).by(&ana).send().await.expect(204);
    }
    let listed = world.get("/v1/contacts").by(&ana).send().await.expect(200);
    assert_eq!(listed.body["items"], json!([]));
}

#[tokio::test]
async fn a_contact_is_put_without_a_body() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let path = format!("/v1/contacts/{}", ben.id);
    let put = world.put(path.as_str()).by(&ana).send().await.expect(200);
    assert_eq!(put.body["alias"], json!(null));
    world
        .put(path.as_str())
        .by(&ana)
        .bytes("application/json", "")
        .await
        .expect(200);
    let status = |got: Got| got.status;
    let plain = world.put(path.as_str()).by(&ana).bytes("text/plain", "").await;
    assert_eq!(status(plain), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let broken = world.put(path.as_str()).by(&ana).bytes("application/json", "{").await;
    assert_eq!(status(broken), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn invalid_aliases_and_users_are_refused() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    for alias in [
        json!(""),
        json!("\u{200b}"),
        json!("a\nb"),
        json!("x".repeat(65)),
        json!(7),
    ] {
        let request = json!({"alias": alias});
        world.list_as(&ana, &ben, &request).await.at_fault(&["alias"]);
    }
    for list in ["contacts", "blocks"] {
        let path = format!("/v1/{list}/{}", ana.id);
        world.put(path).by(&ana).send().await.at_fault(&["user_id"]);
        let unknown = world.put(format!("/v1/{list}/{NOBODY}")).by(&ana).send().await;
        unknown.expect(404).refused("not_found");
        let path = format!("/v1/{list}/{NOBODY}");
        world.delete(path).by(&ana).send().await.expect(204);
        world
            .get(format!("/v1/{list}?limit=0"))
            .by(&ana)
            .send()
            .await
            .at_fault(&["limit"]);
    }
}

#[tokio::test]
async fn lists_are_paged_and_a_cursor_fits_its_own_list_only() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    for n in 0..5 {
        let friend = world.person(&format!("friend{n}")).await;
        world.list_as(&ana, &friend, &json!({})).await.expect(200);
        world.block(&ana, &friend).await;
    }
    for (list, other) in [("contacts", "blocks"), ("blocks", "contacts")] {
        let mut found = Vec::new();
        let mut path = format!("/v1/{list}?limit=2");
        loop {
            let page = world.get(path.as_str()).by(&ana).send().await.expect(200);
            found.extend(usernames(&page));
            let Some(cursor) = page.body["next_cursor"].as_str() else {
                break;
            };
            let stray = world.get(format!("/v1/{other}?cursor={cursor}")).by(&ana).send().await;
            stray.expect(400).refused("invalid_request");
            path = format!("/v1/{list}?limit=2&cursor={cursor}");
        }
        found.sort_by_key(Value::to_string);
        let expected: Vec<_> = (0..5).map(|n| json!(format!("friend{n}"))).collect();
        assert_eq!(found, expected, "{list}");
    }
}

#[tokio::test]
async fn a_block_refuses_direct_messages_without_naming_itself() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let (chat, group) = (world.chat(&ana, &ben).await, world.group(&ana, &[&ben]).await);
    world.say(&ben, &chat, "before").await;
    world.block(&ana, &ben).await;
    world.block(&ana, &ben).await;
    let blocks = world.get("/v1/blocks").by(&ana).send().await.expect(200);
    assert_eq!(usernames(&blocks), [json!("ben")]);
    assert_eq!(blocks.each("blocked_at"), [json!("2026-11-22T09:00:00.000Z")]);

    let refused = world.try_say(&ben, &chat).await.expect(403).refused("forbidden");
    assert!(
        !refused.body["detail"].to_string().contains("block"),
        "{}",
        refused.body
    );
    let own = world.try_say(&ana, &chat).await.expect(403).refused("forbidden");
    assert!(
        own.body["detail"].to_string().contains("block"),
        "the one who blocks knows"
    );
    world.say(&ben, &group, "here all is as before").await;

    let history = format!("/v1/conversations/{chat}/messages");
    let history = world.get(history).by(&ben).send().await.expect(200);
    assert_eq!(history.each("body"), [json!("before")]);
    let opened = json!({"kind": "direct", "user_id": ana.id});
    world.post("/v1/conversations").by(&ben).json(&opened).await.expect(200);
    let profile = format!("/v1/users/{}", ana.id);
    let profile = world.get(profile).by(&ben).send().await.expect(200);
    assert_eq!(profile.body["username"], "ana");
    let theirs = world.get("/v1/blocks").by(&ben).send().await.expect(200);
    assert_eq!(theirs.body["items"], json!([]), "nobody is told who blocks them");

    let path = format!("/v1/blocks/{}", ben.id);
    world.delete(path.as_str()).by(&ana).send().await.expect(204);
    world.delete(path.as_str()).by(&ana).send().await.expect(204);
    world.say(&ben, &chat, "after").await;
}
