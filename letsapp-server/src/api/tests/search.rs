use std::time::Duration;

use serde_json::{Value, json};

use crate::testing::{Got, Person, World};

async fn search(world: &World, who: &Person, query: &str) -> Got {
    world.get(format!("/v1/search?{query}")).by(who).send().await
}

fn seqs(got: &Got) -> Vec<u64> {
    got.each("message")
        .iter()
        .map(|message| message["seq"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn messages_are_found_and_marked() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    let said = world.say(&ana, &chat, "👩‍👩‍👧 Tea at the Café Zoë").await;
    world.say(&ben, &chat, "teapots").await;
    let got = search(&world, &ben, "q=te").await.expect(200);
    assert_eq!((seqs(&got), &got.body["next_cursor"]), (vec![2, 1], &json!(null)));
    let got = search(&world, &ben, "q=cafe+TEA+").await.expect(200);
    let hit = &got.body["items"][0];
    assert_eq!(
        (&hit["message"]["id"], &hit["message"]["my_reaction"]),
        (&said["id"], &json!(null))
    );
    assert_eq!(hit["score"], 20);
    assert_eq!(
        hit["highlights"],
        json!([{"field": "body", "start": 6, "end": 9}, {"field": "body", "start": 17, "end": 21}])
    );
    assert_eq!(search(&world, &ben, "q=tea").await.each("score"), [20, 10]);
    world.get("/v1/search?q=tea").send().await.expect(401);
}

#[tokio::test]
async fn invalid_searches_are_refused_by_field() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    search(&world, &ana, "").await.at_fault(&["q"]);
    search(&world, &ana, "q=").await.at_fault(&["q"]);
    search(&world, &ana, "q=%20%09").await.at_fault(&["q"]);
    let long = "a".repeat(257);
    search(&world, &ana, &format!("q={long}")).await.at_fault(&["q"]);
    search(&world, &ana, &format!("q={}", &long[1..])).await.expect(200);
    search(
        &world,
        &ana,
        "q=a&conversation_id=x&from=y&before=yesterday&after=1&limit=0",
    )
    .await
    .at_fault(&["conversation_id", "from", "before", "after", "limit"]);
    for hostile in [
        "%22", "*", "-", "a%00b", "((((", "%F0%9F", "?!", "NEAR(", "%24where", "body%3A",
    ] {
        let got = search(&world, &ana, &format!("q={hostile}")).await.expect(200);
        assert_eq!(got.body, json!({"items": [], "next_cursor": null}), "{hostile}");
    }
}

#[tokio::test]
async fn hits_come_page_by_page() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    for n in 1..=7 {
        world.say(&ana, &chat, if n % 2 == 0 { "teapot" } else { "tea" }).await;
        world.clock.advance(Duration::from_secs(1));
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let got = search(&world, &ben, &format!("q=tea&limit=2{cursor}"))
            .await
            .expect(200);
        found.extend(seqs(&got));
        match &got.body["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    assert_eq!(found, [7, 5, 3, 1, 6, 4, 2]);
    for other in ["q=teapot", "q=tea+", "q=tea&after=2020-01-01T00:00:00Z"] {
        let got = search(&world, &ben, &format!("{other}{cursor}")).await;
        got.expect(400).refused("invalid_request");
    }
    search(&world, &ben, "q=tea&cursor=forged")
        .await
        .expect(400)
        .refused("invalid_request");
}

#[tokio::test]
async fn only_visible_messages_are_found() {
    let world = World::new().await;
    let [ana, ben, eve] = world.people(["ana", "ben", "eve"]).await;
    let chat = world.chat(&ana, &ben).await;
    let group = world.group(&ana, &[&ben]).await;
    world.say(&ana, &chat, "tea for two").await;
    world.say(&ben, &group, "tea for all").await;
    assert_eq!(search(&world, &ben, "q=tea").await.expect(200).each("score").len(), 2);
    let one = search(&world, &ben, &format!("q=tea&conversation_id={group}"))
        .await
        .expect(200);
    assert_eq!(one.body["items"][0]["message"]["body"], "tea for all");
    let anas = search(&world, &ben, &format!("q=tea&from={}", ana.id)).await;
    assert_eq!(anas.body["items"][0]["message"]["body"], "tea for two");
    assert_eq!(anas.body["items"].as_array().unwrap().len(), 1);

    assert_eq!(search(&world, &eve, "q=tea").await.expect(200).body["items"], json!([]));
    for hidden in [group.as_str(), "01935a00-0000-7000-8000-000000000009"] {
        let got = search(&world, &eve, &format!("q=tea&conversation_id={hidden}")).await;
        got.expect(404).refused("not_found");
    }
    world
        .delete(format!("/v1/conversations/{group}/members/{}", ben.id))
        .by(&ben)
        .send()
        .await
        .expect(204);
    world.say(&ana, &group, "tea without ben").await;
    let left = search(&world, &ben, &format!("q=tea&conversation_id={group}"))
        .await
        .expect(200);
    assert_eq!(seqs(&left), [2]);
}

#[tokio::test]
async fn results_are_limited_by_time() {
    let world = World::new().await;
    let [ana, ben] = world.people(["ana", "ben"]).await;
    let chat = world.chat(&ana, &ben).await;
    for _ in 1..=3 {
        world.clock.advance(Duration::from_secs(1));
        world.say(&ana, &chat, "tea").await;
    }
    let second = "2026-11-22T09:00:02.000Z";
    assert_eq!(
        seqs(&search(&world, &ben, &format!("q=tea&before={second}")).await),
        [1]
    );
    assert_eq!(seqs(&search(&world, &ben, &format!("q=tea&after={second}")).await), [3]);
    let zoned = "2026-11-22T10:00:02%2B01:00";
    assert_eq!(seqs(&search(&world, &ben, &format!("q=tea&after={zoned}")).await), [3]);
}
