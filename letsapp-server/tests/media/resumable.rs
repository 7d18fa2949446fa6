//! Uploading a file in parts, by the protocol tus.

use std::time::Duration;

use letsapp_core::Rules;
use letsapp_core::protocol::SignedIn;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::{Answer, ID, Request, World, eventually};

const PART: &str = "application/offset+octet-stream";

impl World {
    /// Begins a request of the protocol.
    fn tus(&self, who: &SignedIn, request: &str) -> Request {
        self.ask(request).by(who).header("tus-resumable", "1.0.0")
    }

    /// Begins an upload of a file `a.txt` and returns its path.
    async fn begin(&self, who: &SignedIn, length: usize) -> String {
        let request = self.tus(who, "POST /v1/uploads");
        let request = request.header("upload-length", length.to_string());
        let answer = request.header("upload-metadata", "filename YS50eHQ=").send("").await;
        let answer = answer.expect(201);
        assert_eq!(answer.header("tus-resumable"), Some("1.0.0"));
        answer.header("location").unwrap().to_owned()
    }

    fn patch(&self, who: &SignedIn, upload: &str, offset: usize) -> Request {
        let request = self.tus(who, &format!("PATCH {upload}"));
        request
            .header("content-type", PART)
            .header("upload-offset", offset.to_string())
    }

    async fn head(&self, who: &SignedIn, upload: &str) -> Answer {
        self.tus(who, &format!("HEAD {upload}")).send("").await
    }

    async fn offset(&self, who: &SignedIn, upload: &str) -> u64 {
        let state = self.head(who, upload).await.expect(200);
        state.header("upload-offset").unwrap().parse().unwrap()
    }

    /// Reads a file of an upload that is complete.
    async fn content(&self, who: &SignedIn, last: &Answer) -> String {
        let link = self.link(who, last.header("upload-media-id").unwrap()).await;
        let read = self.ask(&format!("GET {link}")).send("").await.expect(200);
        String::from_utf8(read.body).unwrap()
    }
}

#[tokio::test]
async fn the_server_tells_what_it_can_do() {
    let world = World::start().await;
    let options = world.ask("OPTIONS /v1/uploads").send("").await.expect(204);
    for (name, value) in [
        ("tus-resumable", "1.0.0"),
        ("tus-version", "1.0.0"),
        ("tus-extension", "creation,termination,expiration,checksum"),
        ("tus-checksum-algorithm", "sha256"),
        ("tus-max-size", "67108864"),
    ] {
        assert_eq!(options.header(name), Some(value), "{}", options.head);
    }
}

#[tokio::test]
async fn a_file_arrives_in_pieces() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let create = async || {
        let request = world.tus(&ana, "POST /v1/uploads").header("upload-length", "10");
        let metadata = "filename R3LDvMOfZSDwn46JLnR4dA==,filetype dGV4dC9wbGFpbg==,id OGM1ZjFiMWUtMGIxZC00ZDZlLTlhNTEtNmI0YzFmMWYwYTEw";
        request.header("upload-metadata", metadata).send("").await
    };
    let created = create().await.expect(201);
    let upload = format!("/v1/uploads/{ID}");
    assert_eq!(created.header("location"), Some(&*upload));
    assert_eq!(created.header("upload-offset"), Some("0"));
    assert_eq!(created.header("upload-expires"), Some("Mon, 23 Nov 2026 09:00:00 GMT"));
    let first = world.patch(&ana, &upload, 0).send("some ").await.expect(204);
    assert_eq!(
        (first.header("upload-offset"), first.header("upload-media-id")),
        (Some("5"), None)
    );
    assert_eq!(
        create().await.expect(200).header("upload-offset"),
        Some("5"),
        "the same upload"
    );
    world.clock.advance(Duration::from_secs(60));
    let second = world.patch(&ana, &upload, 5).send("wo").await.expect(204);
    assert_eq!(second.header("upload-expires"), Some("Mon, 23 Nov 2026 09:01:00 GMT"));
    let state = world.head(&ana, &upload).await.expect(200);
    for (name, value) in [
        ("upload-offset", "7"),
        ("upload-length", "10"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(state.header(name), Some(value), "{}", state.head);
    }
    let last = world.patch(&ana, &upload, 7).send("rds").await.expect(204);
    assert_eq!(
        (last.header("upload-offset"), last.header("upload-media-id")),
        (Some("10"), Some(ID))
    );
    assert_eq!(world.content(&ana, &last).await, "some words");
    let media = world
        .ask(&format!("GET /v1/media/{ID}"))
        .by(&ana)
        .send("")
        .await
        .expect(200)
        .value();
    assert_eq!(
        (&media["file_name"], &media["size"]),
        (&json!("Grüße 🎉.txt"), &json!(10))
    );

    // A client that has lost the last answer learns of the file by asking or by beginning again.
    for answer in [world.head(&ana, &upload).await, create().await] {
        let answer = answer.expect(200);
        for (name, value) in [
            ("upload-offset", "10"),
            ("upload-length", "10"),
            ("upload-media-id", ID),
        ] {
            assert_eq!(answer.header(name), Some(value), "{}", answer.head);
        }
    }
    assert_eq!(world.patch(&ana, &upload, 10).send("").await.refused(410), "not_found");
    world.tus(&ana, &format!("DELETE {upload}")).send("").await.expect(410);
    eventually(async || world.blobs.len() == 1).await;
}

#[tokio::test]
async fn an_empty_file_needs_no_part() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let created = world.tus(&ana, "POST /v1/uploads").header("upload-length", "0");
    let created = created
        .header("upload-metadata", "filename YS50eHQ=")
        .send("")
        .await
        .expect(201);
    let id = created.header("upload-media-id").unwrap();
    let media = world
        .ask(&format!("GET /v1/media/{id}"))
        .by(&ana)
        .send("")
        .await
        .expect(200);
    assert_eq!(
        (&media.value()["size"], media.text("file_name")),
        (&json!(0), "a.txt".to_owned())
    );
    assert_eq!(world.content(&ana, &created).await, "");
}

#[tokio::test]
async fn a_user_has_so_many_unfinished_uploads_and_no_more() {
    let world = World::with(Rules {
        media_uploads: 2,
        media_quota: 100,
        ..Rules::default()
    })
    .await;
    let (ana, ben) = (world.server.person("ana").await, world.server.person("ben").await);
    let create = async |who, length: &str| {
        let request = world.tus(who, "POST /v1/uploads").header("upload-length", length);
        request.send("").await
    };
    let (first, second) = (world.begin(&ana, 90).await, world.begin(&ana, 90).await);
    assert_eq!(create(&ana, "1").await.refused(413), "upload too_many_uploads");
    world.patch(&ana, &first, 0).send("a".repeat(60)).await.expect(204);
    let beyond = world.patch(&ana, &second, 0).send("a".repeat(60)).await;
    assert_eq!(beyond.refused(413), "file quota_exceeded");
    world.tus(&ana, &format!("DELETE {second}")).send("").await.expect(204);
    assert_eq!(create(&ana, "41").await.refused(413), "file quota_exceeded");
    create(&ana, "40").await.expect(201);
    create(&ben, "90").await.expect(201);
}

#[tokio::test]
async fn a_part_that_does_not_fit_is_refused_and_none_of_it_is_kept() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let upload = world.begin(&ana, 10).await;
    world.patch(&ana, &upload, 0).send("some ").await.expect(204);
    for offset in [0, 4, 6, 10, 99] {
        let refused = world.patch(&ana, &upload, offset).send("words").await;
        assert_eq!(refused.header("upload-offset"), Some("5"), "{offset}");
        assert_eq!(refused.refused(409), "upload_conflict", "{offset}");
    }
    let of_some = "sha256 7oLMMFhQIupRAt2h90fL/jRcJh3Xwuq+qKoa1DCL95A=";
    let of_words = "sha256 26Nr/6XKsPki0IejrrF5+dTnRd9AsyPhsUcUAoSMij4=";
    let other = world.patch(&ana, &upload, 5).header("upload-checksum", of_some);
    assert_eq!(other.send("words").await.refused(460), "checksum_mismatch");
    for checksum in ["sha1 AAAA", "sha256 AAAA", "sha256", ""] {
        let unreadable = world.patch(&ana, &upload, 5).header("upload-checksum", checksum);
        assert_eq!(
            unreadable.send("words").await.refused(400),
            "invalid_request",
            "{checksum}"
        );
    }
    let too_long = world.patch(&ana, &upload, 5).send("words and more").await;
    assert_eq!(too_long.refused(413), "upload too_large");
    let untyped = world.tus(&ana, &format!("PATCH {upload}")).header("upload-offset", "5");
    assert_eq!(untyped.send("words").await.refused(415), "unsupported_media_type");
    for offset in ["-1", "+5", "5.0", "x"] {
        let request = world.tus(&ana, &format!("PATCH {upload}")).header("content-type", PART);
        let request = request.header("upload-offset", offset);
        assert_eq!(request.send("words").await.refused(400), "invalid_request", "{offset}");
    }
    assert_eq!(world.offset(&ana, &upload).await, 5);
    assert_eq!(world.blobs.len(), 1, "the first part alone");
    let last = world.patch(&ana, &upload, 5).header("upload-checksum", of_words);
    let last = last.send("words").await.expect(204);
    assert_eq!(world.content(&ana, &last).await, "some words");
}

#[tokio::test]
async fn every_answer_names_the_protocol_and_another_version_is_refused() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let upload = world.begin(&ana, 10).await;
    for request in [
        "POST /v1/uploads".to_owned(),
        format!("HEAD {upload}"),
        format!("PATCH {upload}"),
        format!("DELETE {upload}"),
    ] {
        for version in [None, Some("0.2.2"), Some("")] {
            let asked = world.ask(&request).by(&ana);
            let asked = version
                .into_iter()
                .fold(asked, |asked, version| asked.header("tus-resumable", version));
            let refused = asked.send("").await.expect(412);
            assert_eq!(refused.header("tus-version"), Some("1.0.0"), "{request}");
            assert_eq!(refused.header("tus-resumable"), Some("1.0.0"), "{request}");
        }
        let anonymous = world.ask(&request).send("").await.expect(401);
        assert_eq!(anonymous.header("tus-resumable"), Some("1.0.0"), "{request}");
    }
    let nothing = world.head(&ana, &format!("/v1/uploads/{ID}")).await.expect(404);
    assert_eq!(nothing.header("tus-resumable"), Some("1.0.0"));
    assert_eq!(world.offset(&ana, &upload).await, 0);
}

#[tokio::test]
async fn an_upload_that_cannot_become_a_file_is_refused() {
    let world = World::with(Rules {
        media_file_bytes: 100,
        media_quota: 150,
        ..Rules::default()
    })
    .await;
    let (ana, ben) = (world.server.person("ana").await, world.server.person("ben").await);
    let create = async |who, length: &str, metadata: &str| {
        let request = world.tus(who, "POST /v1/uploads").header("upload-length", length);
        request.header("upload-metadata", metadata).send("").await
    };
    for length in ["", "-1", "x", "1.5", "99999999999999999999"] {
        assert_eq!(
            create(&ana, length, "").await.refused(400),
            "invalid_request",
            "{length}"
        );
    }
    assert_eq!(create(&ana, "101", "").await.refused(413), "file too_large");
    world.upload(&ana, "b.txt", "b".repeat(100)).await;
    assert_eq!(create(&ana, "51", "").await.refused(413), "file quota_exceeded");
    for metadata in ["filename ***", "filename /w==", "id bm8="] {
        let status = create(&ana, "10", metadata).await.status();
        assert!(matches!(status, 400 | 422), "{metadata}: {status}");
    }
    let id = "id OGM1ZjFiMWUtMGIxZC00ZDZlLTlhNTEtNmI0YzFmMWYwYTEw";
    create(&ana, "10", id).await.expect(201);
    create(&ana, "10", id).await.expect(200);
    for (who, length, metadata) in [
        (&ana, "11", id.to_owned()),
        (&ana, "10", format!("{id},filename YS50eHQ=")),
        (&ben, "10", id.to_owned()),
    ] {
        assert_eq!(create(who, length, &metadata).await.refused(409), "conflict");
    }

    // The whole is looked at as other uploads are, and the upload is over if it is refused.
    let eicar = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    for (metadata, bytes, status) in [
        ("filename YS50eHQ=", eicar.as_bytes(), 422),
        ("filename cGhvdG8uanBn", b"\x7FELF\x02\x01\x01\0", 415),
    ] {
        let created = create(&ben, &bytes.len().to_string(), metadata).await.expect(201);
        let upload = created.header("location").unwrap();
        world.patch(&ben, upload, 0).send(&bytes[..4]).await.expect(204);
        let refused = world.patch(&ben, upload, 4).send(&bytes[4..]).await;
        assert_eq!(refused.header("tus-resumable"), Some("1.0.0"));
        refused.expect(status);
        world.head(&ben, upload).await.expect(404);
    }
    eventually(async || world.blobs.len() == 1).await;
}

#[tokio::test]
async fn an_upload_is_its_owners_alone() {
    let world = World::start().await;
    let (ana, ben) = (world.server.person("ana").await, world.server.person("ben").await);
    let upload = world.begin(&ana, 10).await;
    world.patch(&ana, &upload, 0).send("some ").await.expect(204);
    world.head(&ben, &upload).await.expect(404);
    assert_eq!(
        world.patch(&ben, &upload, 5).send("words").await.refused(404),
        "not_found"
    );
    world.tus(&ben, &format!("DELETE {upload}")).send("").await.expect(404);
    assert_eq!(world.offset(&ana, &upload).await, 5);

    world.tus(&ana, &format!("DELETE {upload}")).send("").await.expect(204);
    world.head(&ana, &upload).await.expect(404);
    assert_eq!(
        world.patch(&ana, &upload, 5).send("words").await.refused(404),
        "not_found"
    );
    world.tus(&ana, &format!("DELETE {upload}")).send("").await.expect(404);
    world.nothing_is_kept().await;
}

#[tokio::test]
async fn an_upload_that_broke_off_goes_on_where_it_was() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let bytes: String = (0..40_000).map(|n| format!("{n} ")).collect();
    let upload = world.begin(&ana, bytes.len()).await;
    let mut at = 0;
    // Cut off twice: in the first part, and in one that goes on from there.
    for cut in [70_000, 150_001] {
        let request = world.patch(&ana, &upload, at);
        let (mut stream, _) = request.open(bytes.len() - at).await;
        stream.write_all(&bytes.as_bytes()[at..cut]).await.unwrap();
        drop(stream);
        at = cut;
        eventually(async || world.offset(&ana, &upload).await == at as u64).await;
    }
    // With a checksum, nothing counts before everything is there.
    let checksum = "sha256 26Nr/6XKsPki0IejrrF5+dTnRd9AsyPhsUcUAoSMij4=";
    let request = world.patch(&ana, &upload, at).header("upload-checksum", checksum);
    let (mut stream, _) = request.open(bytes.len() - at).await;
    stream.write_all(&bytes.as_bytes()[at..at + 10_000]).await.unwrap();
    drop(stream);
    let last = world.patch(&ana, &upload, at).send(&bytes[at..]).await.expect(204);
    assert!(world.content(&ana, &last).await == bytes);
    eventually(async || world.blobs.len() == 1).await;
}
