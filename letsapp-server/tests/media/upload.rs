//! Uploading a file at once.

use letsapp_core::Rules;
use serde_json::json;

use crate::{GIF, ID, World};

const EICAR: &[u8] = br"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
const PROGRAM: &[u8] = b"\x7FELF\x02\x01\x01\0";

#[tokio::test]
async fn a_form_and_bare_bytes_make_the_same_file() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let upload = || world.ask("POST /v1/media").by(&ana);
    let text = "some words".as_bytes();
    let answers = [
        upload().form(&[("name=file; filename=\"Grüße 🎉.txt\"", text)]).await,
        upload()
            .header("content-disposition", "attachment; filename=\"Grüße 🎉.txt\"")
            .header("content-type", "image/png")
            .send(text)
            .await,
        upload()
            .header(
                "content-disposition",
                "inline; filename=x; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%F0%9F%8E%89.txt",
            )
            .send(text)
            .await,
    ];
    for answer in answers {
        let media = answer.expect(201).value();
        let found = world.ask(&format!("GET /v1/media/{}", media["id"].as_str().unwrap()));
        assert_eq!(found.by(&ana).send("").await.expect(200).value(), media);
        assert_eq!(
            (&media["file_name"], &media["content_type"], &media["size"]),
            (&json!("Grüße 🎉.txt"), &json!("text/plain"), &json!(10))
        );
        assert_eq!(
            (&media["owner_id"], &media["status"]),
            (&json!(ana.user.id), &json!("ready"))
        );
        let sum = "050777a35dcd48838062824126e60a0780dc322c5b1f84c3a32636cc7466b1b6";
        assert_eq!(media["sha256"], sum);
    }
    let nameless = upload().send(text).await.expect(201);
    assert_eq!(nameless.text("file_name"), "file");
    let traversing = upload()
        .form(&[("name=file; filename=\"../../etc/passwd\"", text)])
        .await;
    assert_eq!(traversing.expect(201).text("file_name"), ".._.._etc_passwd");
}

#[tokio::test]
async fn an_upload_with_an_id_is_safe_to_repeat() {
    let world = World::start().await;
    let (ana, ben) = (world.server.person("ana").await, world.server.person("ben").await);
    let in_query = || {
        let request = world.ask(&format!("POST /v1/media?id={ID}"));
        request.header("content-disposition", "attachment; filename=a.txt")
    };
    let first = in_query().by(&ana).send("some words").await.expect(201).value();
    assert_eq!(first["id"], ID);
    let again = in_query().by(&ana).send("some words").await.expect(200).value();
    assert_eq!(again, first);
    let in_form = async |name: &str, bytes: &[u8]| {
        let file = format!("name=file; filename={name}");
        let request = world.ask("POST /v1/media").by(&ana);
        request.form(&[("name=id", ID.as_bytes()), (&file, bytes)]).await
    };
    assert_eq!(in_form("a.txt", b"some words").await.expect(200).value(), first);
    assert_eq!(in_form("a.txt", b"other words").await.refused(409), "conflict");
    assert_eq!(in_form("b.txt", b"some words").await.refused(409), "conflict");
    let foreign = in_query().by(&ben).send("some words").await;
    assert_eq!(foreign.refused(409), "conflict");
    assert_eq!(world.blobs.len(), 1);
    let of_time = world
        .ask("POST /v1/media?id=8c5f1b1e-0b1d-1d6e-9a51-6b4c1f1f0a10")
        .by(&ana);
    assert_eq!(of_time.send("some words").await.refused(422), "id not_a_uuid");
}

#[tokio::test]
async fn the_parts_of_a_form_come_in_any_order() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    for (n, order) in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        .iter()
        .enumerate()
    {
        let id = format!("8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a1{n}");
        let document = format!("%PDF-1.7\n{n}");
        let parts: [(&str, &[u8]); 3] = [
            ("name=id", id.as_bytes()),
            ("name=preview; filename=page.gif", GIF),
            ("name=\"file\"; filename=\"page.pdf\"", document.as_bytes()),
        ];
        let mut form: Vec<_> = order.iter().map(|place| parts[*place]).collect();
        form.push(("name=unknown", b"ignored"));
        let media = world
            .ask("POST /v1/media")
            .by(&ana)
            .form(&form)
            .await
            .expect(201)
            .value();
        assert_eq!(
            (&media["id"], &media["content_type"]),
            (&json!(id), &json!("application/pdf"))
        );
        assert_eq!(media["thumbnail"]["width"], 1, "{media}");
    }
}

#[tokio::test]
async fn the_waveform_of_a_sound_is_the_uploaders() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let sound = b"\x1A\x45\xDF\xA3\x84webm\x81A_OPUS\xFF";
    let points = json!((0..64).collect::<Vec<_>>());
    let compact = points.to_string();
    let in_query = world.ask(&format!("POST /v1/media?waveform={compact}")).by(&ana);
    let in_query = in_query.header("content-disposition", "attachment; filename=a.weba");
    assert_eq!(in_query.send(sound).await.expect(201).value()["waveform"], points);
    for wrong in [
        "[1,2]",
        "[]",
        "x",
        "{}",
        &compact.replace("63", "101"),
        &compact.replace("63", "-1"),
    ] {
        let parts: [(&str, &[u8]); 2] = [
            ("name=waveform", wrong.as_bytes()),
            ("name=file; filename=b.weba", sound),
        ];
        let refused = world.ask("POST /v1/media").by(&ana).form(&parts).await;
        assert_eq!(refused.refused(422), "waveform not_a_waveform", "{wrong}");
    }
}

#[tokio::test]
async fn a_form_that_is_not_sound_is_refused_and_nothing_of_it_is_kept() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let upload = || world.ask("POST /v1/media").by(&ana);
    let file: (&str, &[u8]) = ("name=file; filename=a.txt", b"some words");
    let many = vec![("name=other", &b"x"[..]); 20];
    let long = vec![b'x'; 5_000];
    let no_picture = vec![0; 1_000];
    let huge = vec![b'x'; 3 << 20];
    for (parts, status, expected) in [
        (vec![], 422, "file required"),
        (vec![("name=id", ID.as_bytes())], 422, "file required"),
        (vec![file, file], 422, "file too_many"),
        (vec![file, ("name=id", b"no id")], 422, "id not_a_uuid"),
        (vec![file, ("name=id", &long)], 422, "id too_long"),
        (vec![file, ("name=other", &long)], 422, "form too_long"),
        (vec![file, ("name=preview", &huge)], 422, "preview too_long"),
        (many, 400, "invalid_request"),
    ] {
        let refused = upload().form(&parts).await;
        assert_eq!(refused.refused(status), expected, "{} parts", parts.len());
    }
    let refused = upload().form(&[file, ("name=preview", &no_picture)]).await.refused(422);
    assert!(refused.starts_with("preview "), "{refused}");

    let sound = crate::form(&[file]);
    let typed = |content_type| upload().header("content-type", content_type);
    let edge = "multipart/form-data; boundary=-edge-";
    for (request, body) in [
        (typed("multipart/form-data"), &sound[..]),
        (typed("multipart/form-data; boundary="), &sound),
        (typed("multipart/form-data; boundary=other"), &sound),
        (typed(edge), &sound[..sound.len() - 12]),
        (typed(edge), &sound[..40]),
        (typed(edge), b""),
        (typed(edge), b"some words"),
        (
            typed(edge),
            b"---edge-\r\n\xFF\xFF: x\r\n\r\nsome words\r\n---edge---\r\n",
        ),
    ] {
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let refused = request.send(body).await;
        assert_eq!(refused.status(), 400, "{start}\n{}", refused.head);
    }
    world.nothing_is_kept().await;
}

#[tokio::test]
async fn a_file_for_which_there_is_no_room_is_refused() {
    let world = World::with(Rules {
        media_file_bytes: 100_000,
        media_quota: 150_000,
        media_files: 3,
        ..Rules::default()
    })
    .await;
    let ana = world.server.person("ana").await;
    // Each with other bytes: the same ones are stored once.
    let bare = async |letter: &str, size: usize| world.ask("POST /v1/media").by(&ana).send(letter.repeat(size)).await;
    let form = async |letter: &str, size: usize| {
        let bytes = letter.repeat(size);
        let file = ("name=file; filename=a.txt", bytes.as_bytes());
        world.ask("POST /v1/media").by(&ana).form(&[file]).await
    };
    // A client that goes on sending three megabytes gets the answer too.
    for size in [100_001, 3_000_000] {
        assert_eq!(bare("a", size).await.refused(413), "file too_large");
        assert_eq!(form("a", size).await.refused(413), "file too_large");
    }
    world.nothing_is_kept().await;
    bare("b", 100_000).await.expect(201);
    assert_eq!(bare("c", 50_001).await.refused(413), "file quota_exceeded");
    assert_eq!(form("c", 50_001).await.refused(413), "file quota_exceeded");
    form("d", 10).await.expect(201);
    bare("e", 10).await.expect(201);
    assert_eq!(bare("f", 1).await.refused(413), "file too_many_files");
}

#[tokio::test]
async fn a_file_that_is_not_what_its_name_says_and_one_that_harms_are_refused() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    for (name, bytes, status, code) in [
        ("photo.jpg", PROGRAM, 415, "unsupported_media_type"),
        ("tool", PROGRAM, 415, "unsupported_media_type"),
        ("photo.png", b"<!DOCTYPE html><script>", 415, "unsupported_media_type"),
        ("notes.txt", EICAR, 422, "infected"),
        ("photo.gif", &GIF[..GIF.len() - 8], 422, "validation_failed"),
    ] {
        let file = format!("name=file; filename={name}");
        let form = world.ask("POST /v1/media").by(&ana).form(&[(&file, bytes)]).await;
        assert_eq!(form.expect(status).text("code"), code, "{name}");
        let bare = world.ask("POST /v1/media").by(&ana);
        let bare = bare.header("content-disposition", format!("attachment; filename={name}"));
        assert_eq!(bare.send(bytes).await.expect(status).text("code"), code, "{name}");
    }
    world.nothing_is_kept().await;
}
