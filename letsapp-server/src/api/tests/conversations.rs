use serde_json::{Value, json};

use crate::testing::World;

const ID: &str = "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10";

#[tokio::test]
async fn two_users_have_one_direct_conversation() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let id = world.chat(&ana, &ben).await;
    let request = json!({"kind": "direct", "user_id": ana.id});
    let again = world
        .post("/v1/conversations")
        .by(&ben)
        .json(&request)
        .await
        .expect(200);
    assert_eq!((again.text("id"), &again.body["peer"]["id"]), (id, &json!(ana.id)));
    let alone = json!({"kind": "direct", "user_id": ana.id});
    world
        .post("/v1/conversations")
        .by(&ana)
        .json(&alone)
        .await
        .at_fault(&["user_id"]);
    let unknown = json!({"kind": "direct", "user_id": ID});
    world
        .post("/v1/conversations")
        .by(&ana)
        .json(&unknown)
        .await
        .at_fault(&["user_id"]);
}

#[tokio::test]
async fn a_group_is_created_once_by_its_id() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let request = json!({"kind": "group", "id": ID, "title": "Tea", "member_ids": [ben.id]});
    let made = world
        .post("/v1/conversations")
        .by(&ana)
        .json(&request)
        .await
        .expect(201);
    assert_eq!(
        (&made.body["me"]["role"], &made.body["member_count"]),
        (&json!("owner"), &json!(2))
    );
    let again = world
        .post("/v1/conversations")
        .by(&ana)
        .json(&request)
        .await
        .expect(200);
    assert_eq!(again.body["id"], ID);
    let other = json!({"kind": "group", "id": ID, "title": "Coffee", "member_ids": [ben.id]});
    world
        .post("/v1/conversations")
        .by(&ana)
        .json(&other)
        .await
        .expect(409)
        .refused("conflict");
    world
        .post("/v1/conversations")
        .by(&ben)
        .json(&request)
        .await
        .expect(409)
        .refused("conflict");
}

#[tokio::test]
async fn invalid_conversations_are_refused_by_field() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let create = async |request: Value| world.post("/v1/conversations").by(&ana).json(&request).await;
    create(json!({})).await.at_fault(&["kind"]);
    create(json!({"kind": "party"})).await.at_fault(&["kind"]);
    create(json!({"kind": "direct"})).await.at_fault(&["user_id"]);
    create(json!({"kind": "group", "title": "", "id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}))
        .await
        .at_fault(&["id", "title"]);
    create(json!({"kind": "group", "title": "Tea", "member_ids": [ID, "x"]}))
        .await
        .at_fault(&["member_ids.1"]);
    create(json!({"kind": "group", "title": "Tea", "member_ids": [ID]}))
        .await
        .at_fault(&["member_ids"]);
}

#[tokio::test]
async fn only_the_users_conversations_are_listed_the_latest_first() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let (chat, group) = (world.chat(&ana, &ben).await, world.group(&ana, &[&ben]).await);
    world.clock.advance(std::time::Duration::from_secs(1));
    world.say(&ben, &chat, "Hello, Ana!").await;
    let list = world.get("/v1/conversations").by(&ana).send().await.expect(200);
    assert_eq!(list.each("id"), [json!(chat), json!(group)]);
    assert_eq!(list.body["items"][0]["me"]["unread"], 1);
    assert_eq!(list.body["items"][0]["head"]["last_message"]["body"], "Hello, Ana!");
    let first = world.get("/v1/conversations?limit=1").by(&ana).send().await.expect(200);
    let next = format!("/v1/conversations?limit=1&cursor={}", first.text("next_cursor"));
    let second = world.get(next).by(&ana).send().await.expect(200);
    assert_eq!(
        (second.each("id"), &second.body["next_cursor"]),
        (vec![json!(group)], &json!(null))
    );
    assert!(
        world
            .get("/v1/conversations")
            .by(&eve)
            .send()
            .await
            .expect(200)
            .each("id")
            .is_empty()
    );
    world
        .get(format!("/v1/conversations/{chat}"))
        .by(&eve)
        .send()
        .await
        .expect(404)
        .refused("not_found");
    world
        .get(format!("/v1/conversations/{chat}"))
        .by(&ben)
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_group_is_changed_by_admins_and_the_owner() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let group = format!("/v1/conversations/{}", world.group(&ana, &[&ben]).await);
    let request = json!({"title": "Coffee", "about": "Not tea."});
    let changed = world.patch(&group).by(&ana).json(&request).await.expect(200).body;
    assert_eq!(
        (&changed["title"], &changed["about"]),
        (&json!("Coffee"), &json!("Not tea."))
    );
    world
        .patch(&group)
        .by(&ben)
        .json(&request)
        .await
        .expect(403)
        .refused("forbidden");
    world
        .patch(&group)
        .by(&eve)
        .json(&request)
        .await
        .expect(404)
        .refused("not_found");
    world
        .patch(&group)
        .by(&ana)
        .json(&json!({"title": null}))
        .await
        .at_fault(&["title"]);
    let chat = format!("/v1/conversations/{}", world.chat(&ana, &ben).await);
    world
        .patch(&chat)
        .by(&ana)
        .json(&request)
        .await
        .expect(403)
        .refused("forbidden");
}

#[tokio::test]
async fn preferences_are_changed_for_the_current_user_only() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let chat = world.chat(&ana, &ben).await;
    let mine = format!("/v1/conversations/{chat}/me");
    let request = json!({"muted_until": "2027-01-01T00:00:00Z", "archived": true, "pinned": true});
    let changed = world.patch(&mine).by(&ana).json(&request).await.expect(200).body;
    assert_eq!(changed["me"]["muted_until"], "2027-01-01T00:00:00.000Z");
    let changed = world
        .patch(&mine)
        .by(&ana)
        .json(&json!({"muted_until": null}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&changed["me"]["muted_until"], &changed["me"]["archived"]),
        (&json!(null), &json!(true))
    );
    let theirs = world
        .get(format!("/v1/conversations/{chat}"))
        .by(&ben)
        .send()
        .await
        .expect(200)
        .body;
    assert_eq!(theirs["me"]["pinned"], false);
    world.patch(&mine).by(&eve).json(&request).await.expect(404);
    world
        .patch(&mine)
        .by(&ana)
        .json(&json!({"muted_until": "later", "pinned": 1}))
        .await
        .at_fault(&["muted_until", "pinned"]);
}

#[tokio::test]
async fn members_come_go_and_get_roles() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let group = format!("/v1/conversations/{}", world.group(&ana, &[&ben]).await);
    let members = format!("{group}/members");
    let add = json!({"user_ids": [eve.id, ben.id]});
    world
        .post(&members)
        .by(&ben)
        .json(&add)
        .await
        .expect(403)
        .refused("forbidden");
    let added = world.post(&members).by(&ana).json(&add).await.expect(200).body;
    assert_eq!(
        (
            added["items"].as_array().unwrap().len(),
            &added["items"][0]["user"]["id"]
        ),
        (1, &json!(eve.id))
    );
    world
        .post(&members)
        .by(&ana)
        .json(&json!({"user_ids": [ID]}))
        .await
        .at_fault(&["user_ids"]);
    world
        .post(&members)
        .by(&ana)
        .json(&json!({}))
        .await
        .at_fault(&["user_ids"]);

    let of = |id: &str| format!("{members}/{id}");
    let role = |role: &str| json!({"role": role});
    assert_eq!(
        world
            .patch(of(&ben.id))
            .by(&ana)
            .json(&role("admin"))
            .await
            .expect(200)
            .body["role"],
        "admin"
    );
    world
        .patch(of(&eve.id))
        .by(&ben)
        .json(&role("admin"))
        .await
        .expect(403)
        .refused("forbidden");
    world
        .patch(of(&eve.id))
        .by(&ana)
        .json(&role("king"))
        .await
        .at_fault(&["role"]);
    world
        .patch(of(ID))
        .by(&ana)
        .json(&role("admin"))
        .await
        .expect(404)
        .refused("not_found");

    world.delete(of(&eve.id)).by(&ben).send().await.expect(204);
    world
        .post(format!("{group}/messages"))
        .by(&eve)
        .json(&json!({"body": "?"}))
        .await
        .expect(403)
        .refused("forbidden");
    world.delete(of(&ana.id)).by(&ana).send().await.expect(204);
    let left = world.get(&members).by(&ben).send().await.expect(200).body;
    assert_eq!(
        (left["items"].as_array().unwrap().len(), &left["items"][0]["role"]),
        (1, &json!("owner"))
    );
    world
        .get(&members)
        .by(&eve)
        .send()
        .await
        .expect(403)
        .refused("forbidden");
    let nobody = world.person("nobody").await;
    world
        .get(&members)
        .by(&nobody)
        .send()
        .await
        .expect(404)
        .refused("not_found");
}

#[tokio::test]
async fn members_are_listed_page_by_page() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let members = format!("/v1/conversations/{}/members", world.group(&ana, &[&ben, &eve]).await);
    let mut seen = Vec::new();
    let mut path = format!("{members}?limit=1");
    for _ in 0..3 {
        let page = world.get(&path).by(&ana).send().await.expect(200);
        seen.push(page.body["items"][0]["user"]["username"].clone());
        path = format!(
            "{members}?limit=1&cursor={}",
            page.body["next_cursor"].as_str().unwrap_or_default()
        );
    }
    seen.sort_by_key(ToString::to_string);
    assert_eq!(seen, [json!("ana"), json!("ben"), json!("eve")]);
    let other = format!("/v1/conversations/{}/members", world.group(&ana, &[&ben]).await);
    let cursor = world
        .get(format!("{members}?limit=1"))
        .by(&ana)
        .send()
        .await
        .text("next_cursor");
    let stolen = format!("{other}?cursor={cursor}");
    world
        .get(stolen)
        .by(&ana)
        .send()
        .await
        .expect(400)
        .refused("invalid_request");
}

#[tokio::test]
async fn sync_returns_the_changes_since() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    world.say(&ana, &chat, "one").await;
    let first = world
        .post("/v1/sync")
        .by(&ben)
        .json(&json!({"conversations": {}}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&first["positions"][&chat], first["changes"].as_array().unwrap().len()),
        (&json!(1), 0)
    );
    world.say(&ana, &chat, "two").await;
    let held = json!({"conversations": first["positions"], "since": first["mark"]});
    let second = world.post("/v1/sync").by(&ben).json(&held).await.expect(200).body;
    assert_eq!(
        (&second["changes"][0]["body"], &second["positions"][&chat]),
        (&json!("two"), &json!(2))
    );
    let stranger = json!({"conversations": {ID: 3, (chat.as_str()): 2}, "since": second["mark"]});
    let removed = world.post("/v1/sync").by(&ben).json(&stranger).await.expect(200).body;
    assert_eq!(removed["removed"], json!([ID]));
    assert_eq!(
        (&removed["conversations"], &removed["changes"]),
        (&json!([]), &json!([]))
    );
    world
        .post("/v1/sync")
        .by(&ben)
        .json(&json!({"since": 7}))
        .await
        .at_fault(&["conversations", "since"]);
    for since in ["yesterday", "m1.2"] {
        let wrong = json!({"conversations": {}, "since": since});
        world.post("/v1/sync").by(&ben).json(&wrong).await.at_fault(&["since"]);
    }
    let old = json!({"conversations": first["positions"], "since": first["server_time"]});
    let by_time = world.post("/v1/sync").by(&ben).json(&old).await.expect(200).body;
    assert_eq!(by_time["epoch"], first["epoch"]);
}

#[tokio::test]
async fn a_group_is_deleted_by_its_owner_and_is_not_found_from_then_on() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let request = json!({"kind": "group", "id": ID, "title": "Tea", "member_ids": [ben.id]});
    let create = async || world.post("/v1/conversations").by(&ana).json(&request).await;
    create().await.expect(201);
    world.say(&ben, ID, "Hello!").await;
    let path = format!("/v1/conversations/{ID}");
    let chat = world.chat(&ana, &ben).await;
    world.say(&ana, &chat, "Hello, Ben!").await;
    let delete = async |who, path: &str| world.delete(path).by(who).send().await;
    delete(&ben, &path).await.expect(403).refused("forbidden");
    delete(&eve, &path).await.expect(404).refused("not_found");
    delete(&ana, &format!("/v1/conversations/{chat}"))
        .await
        .expect(403)
        .refused("forbidden");
    delete(&ana, &path).await.expect(204);
    for who in [&ana, &ben] {
        delete(who, &path).await.expect(404).refused("not_found");
        for part in [
            "",
            "/messages",
            "/messages/2",
            "/changes?after=0",
            "/members",
            "/receipts",
        ] {
            let got = world.get(format!("{path}{part}")).by(who).send().await;
            got.expect(404).refused("not_found");
        }
        let list = world.get("/v1/conversations").by(who).send().await.expect(200);
        assert_eq!(list.each("id"), [json!(chat)]);
        let sync = json!({"conversations": {ID: 1}});
        let sync = world.post("/v1/sync").by(who).json(&sync).await.expect(200);
        assert_eq!(
            (&sync.body["removed"], &sync.body["changes"]),
            (&json!([ID]), &json!([]))
        );
    }
    create().await.expect(404).refused("not_found");
    let other = json!({"kind": "group", "id": ID, "title": "Coffee", "member_ids": [ben.id]});
    let taken = world.post("/v1/conversations").by(&ana).json(&other).await;
    taken.expect(409).refused("conflict");
}

#[tokio::test]
async fn a_group_that_was_left_stays_as_it_was_until_it_is_removed_from_the_list() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let group = world.group(&ana, &[&ben]).await;
    let (path, mine) = (
        format!("/v1/conversations/{group}"),
        format!("/v1/conversations/{group}/me"),
    );
    let member = world.get(&path).by(&ben).send().await.expect(200);
    assert_eq!(member.body["me"]["left_at"], json!(null));
    let early = world.delete(&mine).by(&ben).send().await;
    early.expect(403).refused("forbidden");
    let out = format!("{path}/members/{}", ben.id);
    world.delete(out).by(&ana).send().await.expect(204);
    let rename = world.patch(&path).by(&ana).json(&json!({"title": "Without Ben"})).await;
    rename.expect(200);

    let list = world.get("/v1/conversations").by(&ben).send().await.expect(200);
    let left = &list.body["items"][0];
    assert_eq!((&left["title"], &left["member_count"]), (&json!("Tea"), &json!(1)));
    assert_eq!((&left["head"]["seq"], &left["head"]["rev"]), (&json!(2), &json!(2)));
    assert!(left["me"]["left_at"].is_string(), "{left}");
    let pinned = world
        .patch(&mine)
        .by(&ben)
        .json(&json!({"pinned": true}))
        .await
        .expect(200);
    assert_eq!(
        (&pinned.body["me"]["pinned"], &pinned.body["title"]),
        (&json!(true), &json!("Tea"))
    );
    for _ in 0..2 {
        world.delete(&mine).by(&ben).send().await.expect(204);
    }
    let list = world.get("/v1/conversations").by(&ben).send().await.expect(200);
    assert_eq!(list.body["items"], json!([]));
    world
        .delete(&mine)
        .by(&eve)
        .send()
        .await
        .expect(404)
        .refused("not_found");
}

#[tokio::test]
async fn people_who_can_not_be_added_to_a_group_are_named() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let settings = json!({"settings": {"groups": "contacts"}});
    world.patch("/v1/me").by(&ben).json(&settings).await.expect(200);
    let named = |body: &Value| -> Vec<(String, String)> {
        let errors = body["errors"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        errors
            .map(|error| (text(&error["field"]), text(&error["code"])))
            .collect()
    };
    let request = json!({"kind": "group", "title": "Tea", "member_ids": [cem.id, ben.id]});
    let refused = world
        .post("/v1/conversations")
        .by(&ana)
        .json(&request)
        .await
        .expect(403);
    let refused = refused.refused("forbidden");
    assert_eq!(
        named(&refused.body),
        [("member_ids.1".to_owned(), "not_allowed".to_owned())]
    );
    let group = world.group(&ana, &[&cem]).await;
    let request = json!({"user_ids": [ben.id]});
    let members = format!("/v1/conversations/{group}/members");
    let refused = world.post(&members).by(&ana).json(&request).await.expect(403);
    let refused = refused.refused("forbidden");
    assert_eq!(
        named(&refused.body),
        [("user_ids.0".to_owned(), "not_allowed".to_owned())]
    );
    let contact = format!("/v1/contacts/{}", ana.id);
    world.put(contact).by(&ben).json(&json!({})).await.expect(200);
    world.post(&members).by(&ana).json(&request).await.expect(200);
}
