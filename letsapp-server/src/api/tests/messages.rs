use std::time::Duration;

use serde_json::{Value, json};

use crate::testing::World;

const ID: &str = "01935a00-0000-7000-8000-000000000001";

#[tokio::test]
async fn a_message_is_sent_once_by_its_id() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let messages = format!("/v1/conversations/{}/messages", world.chat(&ana, &ben).await);
    let request = json!({"id": ID, "body": "Hello 👩‍👩‍👧", "mentions": [ben.id]});
    let sent = world.post(&messages).by(&ana).json(&request).await.expect(201).body;
    assert_eq!(
        (&sent["id"], &sent["seq"], &sent["rev"]),
        (&json!(ID), &json!(1), &json!(1))
    );
    assert_eq!(
        (&sent["body"], &sent["my_reaction"]),
        (&json!("Hello 👩‍👩‍👧"), &json!(null))
    );
    let again = world.post(&messages).by(&ana).json(&request).await.expect(200).body;
    assert_eq!(again, sent);
    let other = json!({"id": ID, "body": "Hello"});
    world
        .post(&messages)
        .by(&ana)
        .json(&other)
        .await
        .expect(409)
        .refused("conflict");
    world
        .post(&messages)
        .by(&ben)
        .json(&request)
        .await
        .expect(409)
        .refused("conflict");
    world
        .post(&messages)
        .by(&eve)
        .json(&request)
        .await
        .expect(404)
        .refused("not_found");
    let unknown = "/v1/conversations/01935a00-0000-7000-8000-000000000009/messages";
    world
        .post(unknown)
        .by(&ana)
        .json(&request)
        .await
        .expect(404)
        .refused("not_found");
}

#[tokio::test]
async fn invalid_messages_are_refused_by_field() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let messages = format!("/v1/conversations/{}/messages", world.chat(&ana, &ben).await);
    let send = async |request: Value| world.post(&messages).by(&ana).json(&request).await;
    send(json!({"body": ""})).await.at_fault(&["body"]);
    send(json!({"body": "a".repeat(4097)})).await.at_fault(&["body"]);
    send(json!({"body": "a\u{7}b"})).await.at_fault(&["body"]);
    send(json!({"body": "a", "reply_to": 7})).await.at_fault(&["reply_to"]);
    send(json!({"body": "a", "reply_to": "1", "mentions": {}}))
        .await
        .at_fault(&["reply_to", "mentions"]);
    send(json!({"body": "a", "attachments": [ID]}))
        .await
        .at_fault(&["attachments"]);
    send(json!({"body": "é".repeat(4096)})).await.expect(201);
}

#[tokio::test]
async fn history_is_read_both_ways() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let chat = world.chat(&ana, &ben).await;
    for n in 1..=5 {
        world.say(&ana, &chat, &n.to_string()).await;
    }
    let messages = format!("/v1/conversations/{chat}/messages");
    let read = async |query: &str| world.get(format!("{messages}?{query}")).by(&ben).send().await;
    assert_eq!(read("").await.expect(200).each("seq"), [5, 4, 3, 2, 1]);
    assert_eq!(read("before=3").await.each("seq"), [2, 1]);
    assert_eq!(read("after=3").await.each("seq"), [4, 5]);
    assert_eq!(read("after=1&before=5").await.each("seq"), [2, 3, 4]);
    assert!(read("after=3&before=3").await.each("seq").is_empty());
    for (query, pages) in [
        ("limit=2", vec![vec![5, 4], vec![3, 2], vec![1]]),
        ("after=0&limit=3", vec![vec![1, 2, 3], vec![4, 5]]),
        ("after=1&before=5&limit=2", vec![vec![2, 3], vec![4]]),
    ] {
        let mut cursor = String::new();
        for (place, page) in pages.iter().enumerate() {
            let got = read(&format!("{query}{cursor}")).await.expect(200);
            assert_eq!(got.each("seq"), *page);
            if place + 1 < pages.len() {
                cursor = format!("&cursor={}", got.text("next_cursor"));
            } else {
                assert_eq!(got.body["next_cursor"], json!(null));
            }
        }
    }
    read("before=x&limit=0").await.at_fault(&["before", "limit"]);
    read("cursor=forged").await.expect(400).refused("invalid_request");
    world
        .get(&messages)
        .by(&eve)
        .send()
        .await
        .expect(404)
        .refused("not_found");
    world.get(format!("{messages}/3")).by(&ben).send().await.expect(200);
    for unknown in ["0", "6", "x", "-1", "99999999999999999999"] {
        world
            .get(format!("{messages}/{unknown}"))
            .by(&ben)
            .send()
            .await
            .expect(404)
            .refused("not_found");
    }
}

#[tokio::test]
async fn a_message_is_edited_by_its_sender_in_time() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    world.say(&ana, &chat, "Helo").await;
    let message = format!("/v1/conversations/{chat}/messages/1");
    let request = json!({"body": "Hello"});
    let edited = world.patch(&message).by(&ana).json(&request).await.expect(200).body;
    assert_eq!(
        (&edited["body"], &edited["rev"], edited["edited_at"].is_string()),
        (&json!("Hello"), &json!(2), true)
    );
    assert_eq!(
        world.patch(&message).by(&ana).json(&request).await.expect(200).body["rev"],
        2
    );
    world
        .patch(&message)
        .by(&ben)
        .json(&request)
        .await
        .expect(403)
        .refused("forbidden");
    world
        .patch(&message)
        .by(&ana)
        .json(&json!({"body": ""}))
        .await
        .at_fault(&["body"]);
    world.clock.advance(Duration::from_secs(15 * 60 + 1));
    let late = Person {
        refresh: ana.refresh_token,
    };
    let ana = late.refreshed(&world).await;
    world
        .patch(&message)
        .by(&ana)
        .json(&json!({"body": "Hallo"}))
        .await
        .expect(403)
        .refused("forbidden");
}

#[tokio::test]
async fn a_deleted_message_leaves_a_tombstone() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    world.say(&ana, &chat, "Oh no").await;
    let message = format!("/v1/conversations/{chat}/messages/1");
    world
        .delete(&message)
        .by(&ben)
        .send()
        .await
        .expect(403)
        .refused("forbidden");
    let deleted = world.delete(&message).by(&ana).send().await.expect(200).body;
    assert_eq!(
        (&deleted["body"], deleted["deleted_at"].is_string(), &deleted["rev"]),
        (&json!(""), true, &json!(2))
    );
    assert_eq!(world.delete(&message).by(&ana).send().await.expect(200).body["rev"], 2);
    world
        .patch(&message)
        .by(&ana)
        .json(&json!({"body": "Oh yes"}))
        .await
        .expect(403)
        .refused("forbidden");
    world
        .delete(format!("/v1/conversations/{chat}/messages/2"))
        .by(&ana)
        .send()
        .await
        .expect(404);
}

#[tokio::test]
async fn a_reaction_is_one_emoji_of_one_user() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    world.say(&ana, &chat, "Tea?").await;
    let reactions = format!("/v1/conversations/{chat}/messages/1/reactions");
    let thumb = format!("{reactions}/%F0%9F%91%8D");
    let reacted = world.put(&thumb).by(&ben).send().await.expect(200).body;
    assert_eq!(
        reacted["reactions"],
        json!([{"emoji": "👍", "count": 1, "user_ids": [ben.id]}])
    );
    assert_eq!((&reacted["my_reaction"], &reacted["rev"]), (&json!("👍"), &json!(2)));
    assert_eq!(world.put(&thumb).by(&ben).send().await.expect(200).body["rev"], 2);
    let replaced = world
        .put(format!("{reactions}/%E2%9D%A4"))
        .by(&ben)
        .send()
        .await
        .expect(200)
        .body;
    assert_eq!(replaced["reactions"][0]["emoji"], "❤");
    let list = world.get(&reactions).by(&ana).send().await.expect(200).body;
    assert_eq!(
        list,
        json!({"items": [{"user_id": ben.id, "emoji": "❤"}], "next_cursor": null})
    );
    let removed = world
        .delete(format!("{reactions}/%E2%9D%A4"))
        .by(&ben)
        .send()
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&removed["reactions"], &removed["my_reaction"]),
        (&json!([]), &json!(null))
    );
    world
        .put(format!("{reactions}/tea"))
        .by(&ben)
        .send()
        .await
        .at_fault(&["emoji"]);
    world
        .put(format!("{reactions}/%FF"))
        .by(&ben)
        .send()
        .await
        .at_fault(&["emoji"]);
    world
        .put(thumb.replace("/1/", "/9/"))
        .by(&ben)
        .send()
        .await
        .expect(404)
        .refused("not_found");
}

#[tokio::test]
async fn receipts_only_rise() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let chat = world.chat(&ana, &ben).await;
    world.say(&ana, &chat, "one").await;
    world.say(&ana, &chat, "two").await;
    let receipts = format!("/v1/conversations/{chat}/receipts");
    let advance = async |request: Value| world.post(&receipts).by(&ben).json(&request).await;
    assert_eq!(
        advance(json!({"delivered": 2})).await.expect(200).body,
        json!({"delivered_seq": 2, "read_seq": 0})
    );
    assert_eq!(
        advance(json!({"read": 1})).await.expect(200).body,
        json!({"delivered_seq": 2, "read_seq": 1})
    );
    assert_eq!(
        advance(json!({"delivered": 1})).await.expect(200).body,
        json!({"delivered_seq": 2, "read_seq": 1})
    );
    advance(json!({"read": 3})).await.at_fault(&["read"]);
    advance(json!({})).await.at_fault(&["read"]);
    world
        .post(&receipts)
        .by(&eve)
        .json(&json!({"read": 1}))
        .await
        .expect(404)
        .refused("not_found");
    let list = world.get(&receipts).by(&ana).send().await.expect(200);
    assert!(
        list.body["items"]
            .as_array()
            .unwrap()
            .contains(&json!({"user_id": ben.id, "delivered_seq": 2, "read_seq": 1}))
    );
    let of = async |seq: u64| {
        let path = format!("/v1/conversations/{chat}/messages/{seq}/receipts");
        world.get(path).by(&ana).send().await.expect(200).body["items"].clone()
    };
    assert_eq!(of(1).await, json!([{"user_id": ben.id, "status": "read"}]));
    assert_eq!(of(2).await, json!([{"user_id": ben.id, "status": "delivered"}]));
}

#[tokio::test]
async fn changed_messages_are_listed_once_in_their_current_state() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    for n in 1..=3 {
        world.say(&ana, &chat, &n.to_string()).await;
    }
    world
        .delete(format!("/v1/conversations/{chat}/messages/1"))
        .by(&ana)
        .send()
        .await
        .expect(200);
    let changes = async |query: &str| {
        world
            .get(format!("/v1/conversations/{chat}/changes?{query}"))
            .by(&ben)
            .send()
            .await
    };
    let all = changes("").await.expect(200);
    assert_eq!(
        (all.each("seq"), &all.body["rev"]),
        (vec![json!(2), json!(3), json!(1)], &json!(4))
    );
    let part = changes("limit=2").await.expect(200);
    assert_eq!(part.body["rev"], 3);
    let rest = changes(&format!("limit=2&cursor={}", part.text("next_cursor")))
        .await
        .expect(200);
    assert_eq!(
        (rest.each("rev"), &rest.body["next_cursor"]),
        (vec![json!(4)], &json!(null))
    );
    assert!(changes("after=4").await.expect(200).each("seq").is_empty());
    changes("after=x").await.at_fault(&["after"]);
}

/// A user whose access token has expired.
struct Person {
    refresh: String,
}

impl Person {
    async fn refreshed(&self, world: &World) -> crate::testing::Person {
        let request = json!({"refresh_token": self.refresh});
        let tokens = world.post("/v1/auth/refresh").json(&request).await.expect(200).body["tokens"].clone();
        crate::testing::Person::of(&json!({"user": {"id": ""}, "tokens": tokens}))
    }
}
