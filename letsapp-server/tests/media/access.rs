//! Tables of who may do what with a file, and when.

use letsapp_core::protocol::SignedIn;
use serde_json::{Value, json};

use crate::{GIF, ID, World};

/// People in the order of the columns below: the owner, a member, a removed member, an outsider, and a user whom the
/// owner blocks.
type People = [SignedIn; 5];

/// Asserts what finding a file and making a link to it answer to each. A link that was made leads to the file.
async fn assert_seen(world: &World, people: &People, what: &str, id: &str, expected: [u16; 5]) {
    for (who, expected) in people.iter().zip(expected) {
        let name = format!("{what} for {:?}", who.user.username);
        let found = world.ask(&format!("GET /v1/media/{id}")).by(who).send("").await;
        assert_eq!(found.status(), expected, "{name}");
        let linked = world.ask(&format!("POST /v1/media/{id}/url")).by(who).send("").await;
        assert_eq!(linked.status(), expected, "{name}, a link");
        if expected == 200 {
            let read = world.ask(&format!("GET {}", linked.text("url"))).send("").await;
            assert_eq!(read.status(), 200, "{name}, the content");
        }
    }
}

async fn assert_deletable(world: &World, people: &People, what: &str, id: &str, expected: [u16; 5]) {
    // The owner last, who may succeed.
    for (who, expected) in people.iter().zip(expected).rev() {
        let deleted = world.ask(&format!("DELETE /v1/media/{id}")).by(who).send("").await;
        assert_eq!(deleted.status(), expected, "{what} by {:?}", who.user.username);
    }
}

async fn send(world: &World, who: &SignedIn, chat: &str, file: &str) -> Value {
    let request = world.ask(&format!("POST /v1/conversations/{chat}/messages")).by(who);
    let message = json!({"body": "see", "attachments": [file]});
    request.json(&message).await.expect(201).value()
}

#[tokio::test]
async fn a_file_is_seen_by_its_owner_and_where_something_shows_it() {
    let world = World::start().await;
    let mut people = Vec::new();
    for name in ["ana", "ben", "cem", "dan", "eve"] {
        people.push(world.server.person(name).await);
    }
    let people: People = people.try_into().unwrap();
    let [ana, ben, cem, _, eve] = &people;
    let group = json!({"kind": "group", "title": "Tea", "member_ids": [ben.user.id, cem.user.id]});
    let group = world
        .ask("POST /v1/conversations")
        .by(ana)
        .json(&group)
        .await
        .expect(201)
        .text("id");
    let (early, late) = (
        world.upload(ana, "early.txt", "early").await,
        world.upload(ana, "late.txt", "late").await,
    );
    let (unsent, picture, logo) = (
        world.upload(ana, "unsent.txt", "unsent").await,
        world.upload(ana, "me.gif", GIF).await,
        world.upload(ana, "logo.gif", [GIF, b"!"].concat()).await,
    );
    send(&world, ana, &group, &early).await;
    let removal = format!("DELETE /v1/conversations/{group}/members/{}", cem.user.id);
    world.ask(&removal).by(ana).send("").await.expect(204);
    let sent = send(&world, ana, &group, &late).await;
    let blocking = format!("PUT /v1/blocks/{}", eve.user.id);
    world.ask(&blocking).by(ana).send("").await.expect(204);
    let profile = world.ask("PATCH /v1/me").by(ana);
    profile.json(&json!({"avatar_media_id": picture})).await.expect(200);
    let settings = world.ask(&format!("PATCH /v1/conversations/{group}")).by(ana);
    settings.json(&json!({"avatar_media_id": logo})).await.expect(200);

    assert_seen(&world, &people, "an unsent file", &unsent, [200, 404, 404, 404, 404]).await;
    assert_seen(&world, &people, "a file from before", &early, [200, 200, 200, 404, 404]).await;
    assert_seen(&world, &people, "a file from after", &late, [200, 200, 404, 404, 404]).await;
    assert_seen(
        &world,
        &people,
        "a profile's picture",
        &picture,
        [200, 200, 200, 200, 404],
    )
    .await;
    assert_seen(&world, &people, "a group's picture", &logo, [200, 200, 404, 404, 404]).await;
    assert_seen(&world, &people, "no file", ID, [404; 5]).await;

    assert_deletable(&world, &people, "an unsent file", &unsent, [204, 404, 404, 404, 404]).await;
    assert_seen(&world, &people, "a deleted file", &unsent, [404; 5]).await;
    assert_deletable(&world, &people, "a file from before", &early, [409, 403, 403, 404, 404]).await;
    assert_deletable(&world, &people, "a file from after", &late, [409, 403, 404, 404, 404]).await;
    assert_deletable(
        &world,
        &people,
        "a profile's picture",
        &picture,
        [409, 403, 403, 403, 404],
    )
    .await;
    assert_deletable(&world, &people, "a group's picture", &logo, [409, 403, 404, 404, 404]).await;

    // A deleted message carries nothing.
    let message = format!("DELETE /v1/conversations/{group}/messages/{}", sent["seq"]);
    world.ask(&message).by(ana).send("").await.expect(200);
    assert_seen(
        &world,
        &people,
        "a file of a tombstone",
        &late,
        [200, 404, 404, 404, 404],
    )
    .await;
    // A profile or a group without it shows it no more.
    let profile = world.ask("PATCH /v1/me").by(ana);
    profile.json(&json!({"avatar_media_id": null})).await.expect(200);
    assert_seen(&world, &people, "a former picture", &picture, [200, 404, 404, 404, 404]).await;
}

#[tokio::test]
async fn nothing_is_answered_without_a_token() {
    let world = World::start().await;
    for request in [
        "POST /v1/media".to_owned(),
        format!("GET /v1/media/{ID}"),
        format!("POST /v1/media/{ID}/url"),
        format!("DELETE /v1/media/{ID}"),
        "POST /v1/uploads".to_owned(),
        format!("HEAD /v1/uploads/{ID}"),
        format!("PATCH /v1/uploads/{ID}"),
        format!("DELETE /v1/uploads/{ID}"),
    ] {
        assert_eq!(world.ask(&request).send("").await.status(), 401, "{request}");
    }
    // A link is its own proof, and nothing else is.
    let ana = world.server.person("ana").await;
    let content = format!(
        "GET /v1/media/{}/content",
        world.upload(&ana, "a.txt", "some words").await
    );
    assert_eq!(world.ask(&content).send("").await.status(), 403);
    assert_eq!(world.ask(&content).by(&ana).send("").await.status(), 403);
}
