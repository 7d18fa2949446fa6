//! Table of who sees, previews, attaches, forwards and deletes a file, by what shows it and when.

use letsapp_core::protocol::SignedIn;
use serde_json::{Value, json};

use crate::{GIF, World, eventually};

/// People in the order of the columns: the owner, a member, one who joined later, one who has left, one who was
/// removed, the other of a direct conversation whom the owner blocks by now, a contact of the owner, and an outsider.
const PEOPLE: [&str; 8] = ["ana", "ben", "late", "gone", "cut", "kim", "con", "out"];

/// Statuses by column.
type Row = [u16; 8];

const OWNER_ALONE: Row = [200, 404, 404, 404, 404, 404, 404, 404];
/// Members at the time of a message, also if they have left since.
const EARLY: Row = [200, 200, 404, 200, 200, 404, 404, 404];
/// Present members.
const MEMBERS: Row = [200, 200, 200, 404, 404, 404, 404, 404];
/// Any user whom the owner does not block.
const PROFILE: Row = [200, 200, 200, 200, 200, 404, 200, 200];

struct Table {
    world: World,
    people: Vec<SignedIn>,
    group: String,
    direct: String,
}

impl Table {
    async fn start() -> Self {
        let world = World::start().await;
        let mut people = Vec::new();
        for name in PEOPLE {
            people.push(world.server.person(name).await);
        }
        let id = |who: usize| people[who].user.id;
        let group = json!({"kind": "group", "title": "Tea", "member_ids": [id(1), id(3), id(4)]});
        let direct = json!({"kind": "direct", "user_id": id(5)});
        let mut made = Vec::new();
        for conversation in [group, direct] {
            let request = world.ask("POST /v1/conversations").by(&people[0]);
            made.push(request.json(&conversation).await.expect(201).text("id"));
        }
        let contact = format!("PUT /v1/contacts/{}", id(6));
        world.ask(&contact).by(&people[0]).json(&json!({})).await.expect(200);
        let direct = made.pop().unwrap();
        let group = made.pop().unwrap();
        Self {
            world,
            people,
            group,
            direct,
        }
    }

    fn ana(&self) -> &SignedIn {
        &self.people[0]
    }

    /// Uploads a picture of the owner, and waits for its preview.
    async fn picture(&self) -> String {
        let id = self.world.upload(self.ana(), "a.gif", GIF).await;
        let path = format!("GET /v1/media/{id}");
        let is_ready = async || self.world.ask(&path).by(self.ana()).send("").await.text("status") == "ready";
        eventually(is_ready).await;
        id
    }

    async fn send(&self, chat: &str, files: &[&str]) -> Value {
        let request = self.world.ask(&format!("POST /v1/conversations/{chat}/messages"));
        let message = json!({"body": "see", "attachments": files});
        request.by(self.ana()).json(&message).await.expect(201).value()
    }

    async fn by_owner(&self, request: &str, body: &Value, status: u16) {
        self.world.ask(request).by(self.ana()).json(body).await.expect(status);
    }

    /// Asserts what each gets of a picture: the description, links to it and its preview, and the bytes behind them.
    async fn assert_seen(&self, what: &str, id: &str, expected: Row) {
        for (who, expected) in self.people.iter().zip(expected) {
            let name = format!("{what} for {:?}", who.user.username);
            let found = self.world.ask(&format!("GET /v1/media/{id}")).by(who).send("").await;
            assert_eq!(found.status(), expected, "{name}");
            for variant in ["original", "thumbnail"] {
                let request = self.world.ask(&format!("POST /v1/media/{id}/url")).by(who);
                let linked = request.json(&json!({"variant": variant})).await;
                assert_eq!(linked.status(), expected, "{name}, {variant}");
                if expected == 200 {
                    let read = self.world.ask(&format!("GET {}", linked.text("url"))).send("").await;
                    assert_eq!(read.status(), 200, "{name}, the {variant}'s content");
                }
            }
        }
    }

    /// Asserts what each is answered who attaches a file to a message in a group of their own.
    async fn assert_attachable(&self, what: &str, id: &str, is_forwarded: bool, expected: Row) {
        for (who, expected) in self.people.iter().zip(expected) {
            let own = json!({"kind": "group", "title": "Notes", "member_ids": []});
            let own = self.world.ask("POST /v1/conversations").by(who).json(&own).await;
            let path = format!("POST /v1/conversations/{}/messages", own.expect(201).text("id"));
            let message = json!({"body": "see", "attachments": [id], "forwarded": is_forwarded});
            let sent = self.world.ask(&path).by(who).json(&message).await;
            assert_eq!(sent.status(), expected, "{what} by {:?}", who.user.username);
        }
    }

    async fn assert_deletable(&self, what: &str, id: &str, expected: Row) {
        // The owner last, who may succeed.
        for (who, expected) in self.people.iter().zip(expected).rev() {
            let deleted = self.world.ask(&format!("DELETE /v1/media/{id}")).by(who).send("").await;
            assert_eq!(deleted.status(), expected, "{what} by {:?}", who.user.username);
        }
    }
}

#[tokio::test]
async fn a_picture_is_seen_by_whom_something_shows_it_and_as_long() {
    let table = Table::start().await;
    let group = table.group.clone();
    let [unsent, early, dropped, kept, direct, late] = [
        table.picture().await,
        table.picture().await,
        table.picture().await,
        table.picture().await,
        table.picture().await,
        table.picture().await,
    ];
    let (profile, logo) = (table.picture().await, table.picture().await);
    let early_message = table.send(&group, &[&early]).await;
    let edited = table.send(&group, &[&dropped]).await;
    table.send(&table.direct, &[&direct]).await;
    table
        .by_owner("PATCH /v1/me", &json!({"avatar_media_id": profile}), 200)
        .await;
    let settings = format!("PATCH /v1/conversations/{group}");
    table.by_owner(&settings, &json!({"avatar_media_id": logo}), 200).await;
    table
        .assert_seen("a group's picture while they are in", &logo, EARLY)
        .await;

    let leaving = format!("DELETE /v1/conversations/{group}/members/{}", table.people[3].user.id);
    table
        .world
        .ask(&leaving)
        .by(&table.people[3])
        .send("")
        .await
        .expect(204);
    let removal = format!("DELETE /v1/conversations/{group}/members/{}", table.people[4].user.id);
    table.by_owner(&removal, &json!({}), 204).await;
    let adding = format!("POST /v1/conversations/{group}/members");
    table
        .by_owner(&adding, &json!({"user_ids": [table.people[2].user.id]}), 200)
        .await;
    let blocking = format!("PUT /v1/blocks/{}", table.people[5].user.id);
    table.by_owner(&blocking, &json!({}), 204).await;
    table.send(&group, &[&late]).await;
    let edit = format!("PATCH /v1/conversations/{group}/messages/{}", edited["seq"]);
    table
        .by_owner(&edit, &json!({"body": "see", "attachments": [kept]}), 200)
        .await;

    table.assert_seen("an unsent picture", &unsent, OWNER_ALONE).await;
    table.assert_seen("a picture from before", &early, EARLY).await;
    table.assert_seen("a picture from after", &late, MEMBERS).await;
    table
        .assert_seen("one that was edited out", &dropped, OWNER_ALONE)
        .await;
    table.assert_seen("one that was edited in", &kept, EARLY).await;
    // Who is blocked keeps what they were sent.
    let both = [200, 404, 404, 404, 404, 200, 404, 404];
    table.assert_seen("one of a direct conversation", &direct, both).await;
    table.assert_seen("a profile's picture", &profile, PROFILE).await;
    // Former members know which picture the group had, but it is shown to members alone.
    table.assert_seen("a group's picture", &logo, MEMBERS).await;

    table
        .assert_deletable("an unsent picture", &unsent, [204, 404, 404, 404, 404, 404, 404, 404])
        .await;
    table
        .assert_deletable(
            "a picture from before",
            &early,
            [409, 403, 404, 403, 403, 404, 404, 404],
        )
        .await;
    table
        .assert_deletable("a picture from after", &late, [409, 403, 403, 404, 404, 404, 404, 404])
        .await;
    table
        .assert_deletable(
            "a profile's picture",
            &profile,
            [409, 403, 403, 403, 403, 404, 403, 403],
        )
        .await;
    table
        .assert_deletable("a group's picture", &logo, [409, 403, 403, 404, 404, 404, 404, 404])
        .await;

    let message = format!("DELETE /v1/conversations/{group}/messages/{}", early_message["seq"]);
    table.by_owner(&message, &json!({}), 200).await;
    table.assert_seen("one of a deleted message", &early, OWNER_ALONE).await;
    let (new_profile, new_logo) = (table.picture().await, table.picture().await);
    table
        .by_owner("PATCH /v1/me", &json!({"avatar_media_id": new_profile}), 200)
        .await;
    table
        .by_owner(&settings, &json!({"avatar_media_id": new_logo}), 200)
        .await;
    table
        .assert_seen("a profile's picture that was replaced", &profile, OWNER_ALONE)
        .await;
    table
        .assert_seen("a group's picture that was replaced", &logo, OWNER_ALONE)
        .await;
    table
        .assert_seen("a profile's new picture", &new_profile, PROFILE)
        .await;
    table.assert_seen("a group's new picture", &new_logo, MEMBERS).await;

    let leaving = format!("DELETE /v1/conversations/{group}/members/{}", table.people[1].user.id);
    table
        .world
        .ask(&leaving)
        .by(&table.people[1])
        .send("")
        .await
        .expect(204);
    let last = table.picture().await;
    table.send(&group, &[&last]).await;
    table.assert_seen("one from before one left", &late, MEMBERS).await;
    table
        .assert_seen(
            "one from after one left",
            &last,
            [200, 404, 200, 404, 404, 404, 404, 404],
        )
        .await;
}

#[tokio::test]
async fn a_file_is_attached_by_its_owner_and_forwarded_by_those_who_see_it() {
    let table = Table::start().await;
    let [early, unsent, profile] = [table.picture().await, table.picture().await, table.picture().await];
    table.send(&table.group, &[&early]).await;
    table
        .by_owner("PATCH /v1/me", &json!({"avatar_media_id": profile}), 200)
        .await;
    for who in [3, 4] {
        let leaving = format!(
            "DELETE /v1/conversations/{}/members/{}",
            table.group, table.people[who].user.id
        );
        table.by_owner(&leaving, &json!({}), 204).await;
    }
    let blocking = format!("PUT /v1/blocks/{}", table.people[5].user.id);
    table.by_owner(&blocking, &json!({}), 204).await;
    let owner = [201, 422, 422, 422, 422, 422, 422, 422];
    for (what, id) in [
        ("an unsent picture", &unsent),
        ("a picture", &early),
        ("a profile's", &profile),
    ] {
        table.assert_attachable(what, id, false, owner).await;
    }
    let forwarded = |row: Row| row.map(|status| if status == 200 { 201 } else { 422 });
    table.assert_attachable("an unsent picture", &unsent, true, owner).await;
    table
        .assert_attachable("a picture", &early, true, forwarded(EARLY))
        .await;
    table
        .assert_attachable("a profile's", &profile, true, forwarded(PROFILE))
        .await;
    // Whoever has forwarded it sees it in their own message from then on.
    let none = json!({"avatar_media_id": null});
    table.by_owner("PATCH /v1/me", &none, 200).await;
    table.assert_seen("a forwarded picture", &profile, PROFILE).await;
}
