//! Reading a file behind a link.

use std::time::Duration;

use serde_json::json;

use crate::{GIF, ID, World};

const WORDS: &str = "some words";

#[tokio::test]
async fn a_file_is_read_whole_in_part_and_not_at_all() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let id = world.upload(&ana, "a.txt", WORDS).await;
    let link = world.link(&ana, &id).await;
    let read = |method: &str| world.ask(&format!("{method} {link}"));
    let whole = read("GET").send("").await.expect(200);
    assert_eq!(whole.body, WORDS.as_bytes());
    for (name, value) in [
        ("content-length", "10"),
        ("content-type", "text/plain; charset=utf-8"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, max-age=3600, immutable"),
    ] {
        assert_eq!(whole.header(name), Some(value), "{}", whole.head);
    }
    let head = read("HEAD").send("").await.expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), (Some("10"), 0));
    assert_eq!(head.header("etag"), whole.header("etag"));

    for (range, status, content_range, body) in [
        ("bytes=0-0", 206, Some("bytes 0-0/10"), "s"),
        ("bytes=5-", 206, Some("bytes 5-9/10"), "words"),
        ("bytes=-5", 206, Some("bytes 5-9/10"), "words"),
        ("bytes=5-99", 206, Some("bytes 5-9/10"), "words"),
        ("bytes=0-9", 206, Some("bytes 0-9/10"), WORDS),
        ("bytes=0-1,4-5", 200, None, WORDS),
        ("bytes=x", 200, None, WORDS),
        ("pages=1", 200, None, WORDS),
    ] {
        let part = read("GET").header("range", range).send("").await.expect(status);
        assert_eq!(part.header("content-range"), content_range, "{range}");
        assert_eq!(String::from_utf8(part.body).unwrap(), body, "{range}");
    }
    for range in ["bytes=10-", "bytes=-0", "bytes=99-100"] {
        let beyond = read("GET").header("range", range).send("").await;
        assert_eq!(beyond.header("content-range"), Some("bytes */10"), "{range}");
        assert_eq!(beyond.refused(416), "range_not_satisfiable");
    }
    let head = read("HEAD").header("range", "bytes=5-").send("").await.expect(206);
    assert_eq!((head.header("content-length"), head.body.len()), (Some("5"), 0));
}

#[tokio::test]
async fn a_file_that_the_client_has_already_is_not_sent_again() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let id = world.upload(&ana, "a.txt", WORDS).await;
    let link = world.link(&ana, &id).await;
    let read = || world.ask(&format!("GET {link}"));
    let whole = read().send("").await;
    let etag = whole.header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"'), "strong: {etag}");
    for tags in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"other\", {etag}"),
        "*".to_owned(),
    ] {
        let same = read().header("if-none-match", &tags).send("").await.expect(304);
        assert_eq!((same.header("etag"), same.body.len()), (Some(&*etag), 0), "{tags}");
        // The condition comes before the range.
        let part = read().header("if-none-match", &tags).header("range", "bytes=5-");
        part.send("").await.expect(304);
    }
    read().header("if-none-match", "\"other\"").send("").await.expect(200);
    for (tag, status, body) in [
        (etag.clone(), 206, "words"),
        (format!("W/{etag}"), 200, WORDS),
        ("\"other\"".to_owned(), 200, WORDS),
        ("Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 200, WORDS),
    ] {
        let part = read().header("range", "bytes=5-").header("if-range", &tag);
        let part = part.send("").await.expect(status);
        assert_eq!(String::from_utf8(part.body).unwrap(), body, "{tag}");
    }
    // The same bytes under another id have the same tag; others do not.
    let again = world.upload(&ana, "b.txt", WORDS).await;
    let again = world
        .ask(&format!("GET {}", world.link(&ana, &again).await))
        .send("")
        .await;
    assert_eq!(again.header("etag"), Some(&*etag));
    let other = world.upload(&ana, "c.txt", "other words").await;
    let other = world
        .ask(&format!("GET {}", world.link(&ana, &other).await))
        .send("")
        .await;
    assert_ne!(other.header("etag"), Some(&*etag));
}

#[tokio::test]
async fn a_browser_executes_nothing_of_a_file() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    for (name, bytes, content_type, disposition) in [
        ("a.txt", &b"some words"[..], "text/plain; charset=utf-8", "inline"),
        ("a.gif", GIF, "image/gif", "inline"),
        ("a.pdf", b"%PDF-1.7\n", "application/pdf", "inline"),
        (
            "a.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
            "image/svg+xml",
            "attachment",
        ),
        (
            "a.html",
            b"<!DOCTYPE html><script>x()</script>",
            "text/html; charset=utf-8",
            "attachment",
        ),
        (
            "a.xml",
            b"<?xml version='1.0'?><a/>",
            "text/xml; charset=utf-8",
            "attachment",
        ),
        ("a.js", b"x()", "text/javascript; charset=utf-8", "attachment"),
        ("a.bin", b"\0\x01\x02\x03", "application/octet-stream", "attachment"),
    ] {
        let id = world.upload(&ana, name, bytes).await;
        let read = world.ask(&format!("GET {}", world.link(&ana, &id).await));
        let read = read.send("").await.expect(200);
        assert_eq!(read.header("content-type"), Some(content_type), "{name}");
        let written = format!("{disposition}; filename=\"{name}\"");
        assert_eq!(read.header("content-disposition"), Some(&*written));
        assert_eq!(read.header("x-content-type-options"), Some("nosniff"));
        let policy = read.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("sandbox"),
            "{policy}"
        );
        assert!(!policy.contains("script-src"), "{policy}");
    }
}

#[tokio::test]
async fn a_name_is_sent_exactly_and_in_ascii() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    for (name, expected) in [
        ("a b.txt", "filename=\"a b.txt\""),
        (
            "Grüße.txt",
            "filename=\"Gr__e.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt",
        ),
        ("100%.txt", "filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("🎉", "filename=\"_\"; filename*=UTF-8''%F0%9F%8E%89"),
    ] {
        let id = world.upload(&ana, name, WORDS).await;
        let read = world.ask(&format!("GET {}", world.link(&ana, &id).await));
        let expected = format!("inline; {expected}");
        assert_eq!(read.send("").await.header("content-disposition"), Some(&*expected));
    }
}

#[tokio::test]
async fn an_altered_or_expired_link_leads_nowhere() {
    let world = World::start().await;
    let ana = world.server.person("ana").await;
    let (id, other) = (
        world.upload(&ana, "a.txt", WORDS).await,
        world.upload(&ana, "b.txt", "other words").await,
    );
    let url = format!("/v1/media/{id}/url");
    let ask = async |body| world.ask(&format!("POST {url}")).by(&ana).json(&body).await;
    let answer = ask(json!({"variant": "original", "expires_in": 60})).await.expect(200);
    assert_eq!(answer.text("expires_at"), "2026-11-22T09:01:00.000Z");
    let link = answer.text("url");
    let expires = link
        .split(['?', '&'])
        .find(|part| part.starts_with("expires="))
        .unwrap();
    let later = format!("expires={}", expires[8..].parse::<i64>().unwrap() + 1);
    let signature = link.split("signature=").nth(1).unwrap();
    let read = async |link: &str| world.ask(&format!("GET {link}")).send("").await;
    read(&link).await.expect(200);
    for altered in [
        link.replace(&id, &other),
        link.replace(&id, ID),
        link.replace("variant=original", "variant=thumbnail"),
        link.replace("variant=original", "variant=other"),
        link.replace(expires, &later),
        link.replace(expires, "expires=99999999999999999999"),
        link.replace(expires, "expires=9223372036854775807"),
        link.replace(signature, &signature.chars().rev().collect::<String>()),
        link.replace(signature, "AAAA"),
        link.replace(signature, ""),
        link.replace("key=", "key=x"),
        link.replace("key=", "k="),
        link.split('?').next().unwrap().to_owned(),
    ] {
        assert_ne!(altered, link);
        assert_eq!(read(&altered).await.refused(403), "forbidden", "{altered}");
    }
    world.clock.advance(Duration::from_secs(59));
    read(&link).await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(read(&link).await.refused(403), "forbidden");

    // A link to a file that is gone is one to nothing.
    let answer = ask(json!({})).await.expect(200);
    let deleted = world.ask(&format!("DELETE /v1/media/{id}")).by(&ana);
    deleted.send("").await.expect(204);
    assert_eq!(read(&answer.text("url")).await.refused(404), "not_found");
    let url = format!("POST /v1/media/{other}/url");
    for (body, expected) in [
        (json!({"expires_in": 0}), "expires_in"),
        (json!({"expires_in": 3601}), "expires_in"),
        (json!({"variant": "large"}), "variant"),
    ] {
        let refused = world.ask(&url).by(&ana).json(&body).await.refused(422);
        assert!(refused.starts_with(expected), "{refused}");
    }
    let thumbnail = world.ask(&url).by(&ana).json(&json!({"variant": "thumbnail"})).await;
    assert_eq!(thumbnail.refused(404), "not_found", "text has no preview");
}
