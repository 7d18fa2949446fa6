//! Requests that break the rules of HTTP or of the WebSocket handshake, each answered with the status defined for it.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use common::{READ_TIMEOUT, Server, exchange, header, read_to_end, status};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Sends the head of a request and returns the response.
async fn answer(server: &Server, head: &str) -> String {
    exchange(
        server.address,
        format!("{head}\r\n\r\n").replace('\n', "\r\n").replace("\r\r", "\r"),
    )
    .await
}

#[tokio::test]
async fn faults_of_http_have_the_status_that_it_defines() {
    let server = Server::start().await;
    let post = "POST /v1/auth/login HTTP/1.1\nhost: x\nconnection: close";
    for (head, expected) in [
        ("CONNECT x:80 HTTP/1.1\nhost: x:80\nconnection: close".to_owned(), 405),
        ("CONNECT x:80 HTTP/1.1\nconnection: close".to_owned(), 405),
        ("OPTIONS * HTTP/1.1\nhost: x\nconnection: close".to_owned(), 404),
        ("GET * HTTP/1.1\nhost: x\nconnection: close".to_owned(), 400),
        (
            "GET http://x/healthz HTTP/1.1\nhost: x\nconnection: close".to_owned(),
            200,
        ),
        ("GET /healthz HTTP/1.1\nconnection: close".to_owned(), 400),
        (
            "GET /healthz HTTP/1.1\nhost: x\nhost: x\nconnection: close".to_owned(),
            400,
        ),
        ("GET /healthz HTTP/1.1\nhost: a b\nconnection: close".to_owned(), 400),
        ("GET /healthz HTTP/1.1\nhost: x@y\nconnection: close".to_owned(), 400),
        (
            "GET /healthz HTTP/1.1\nhost: [::1]:8080\nconnection: close".to_owned(),
            200,
        ),
        ("GET /healthz HTTP/1.1\nhost:\nconnection: close".to_owned(), 200),
        ("GET /healthz HTTP/1.0".to_owned(), 200),
        (format!("{post}\ntransfer-encoding: gzip, chunked\n\n0\n"), 501),
        (format!("{post}\ntransfer-encoding: gzip"), 400),
        (format!("{post}\ntransfer-encoding: chunked, chunked\n\n0\n"), 400),
        (format!("{post}\ncontent-length: x"), 400),
        (
            format!("{post}\ncontent-type: application/json; charset=iso-8859-1\ncontent-length: 2\n\n{{}}"),
            415,
        ),
        (
            format!("{post}\ncontent-type: application/json; charset=\"UTF-8\"\ncontent-length: 2\n\n{{}}"),
            422,
        ),
        (
            format!("GET /{} HTTP/1.1\nhost: x\nconnection: close", "x".repeat(16 * 1024)),
            414,
        ),
    ] {
        let found = answer(&server, &head).await;
        let start: String = head.chars().take(80).collect();
        assert_eq!(status(&found), expected, "{start}\n{found}");
    }
}

#[tokio::test]
async fn a_request_to_connect_elsewhere_is_answered_without_a_panic() {
    let server = Server::start().await;
    let found = answer(&server, "CONNECT x:80 HTTP/1.1\nhost: x:80\nconnection: close").await;
    assert!(header(&found, "x-request-id").is_some(), "{found}");
    assert!(header(&found, "allow").is_some(), "{found}");
    assert!(found.contains("method_not_allowed"), "{found}");
}

#[tokio::test]
async fn only_a_sound_handshake_opens_a_socket() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let handshake = |request: &str, key: &str| {
        format!(
            "{request} HTTP/1.1\nhost: x\nauthorization: Bearer {}\nconnection: upgrade\nupgrade: websocket\n\
             sec-websocket-version: 13\nsec-websocket-key: {key}",
            ana.tokens.access_token
        )
    };
    let sound = "dGhlIHNhbXBsZSBub25jZQ==";
    for request in ["HEAD /v1/ws", "HEAD /v1/ws/"] {
        let request = handshake(request, sound).replace("upgrade\nupgrade", "close\nupgrade");
        let head = answer(&server, &request).await;
        assert_eq!((status(&head), header(&head, "allow")), (405, Some("GET")));
    }
    for key in ["x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSBhbmQgbW9yZQ=="] {
        let found = answer(&server, &(handshake("GET /v1/ws", key) + "\nconnection: close")).await;
        assert_eq!(status(&found), 400, "{key}");
    }
    let old = handshake("GET /v1/ws", sound).replace("version: 13", "version: 8") + "\nconnection: close";
    let found = answer(&server, &old).await;
    assert_eq!(
        (status(&found), header(&found, "sec-websocket-version")),
        (400, Some("13"))
    );
}

#[tokio::test]
async fn a_head_above_its_bounds_is_refused_even_if_it_arrives_at_once() {
    let server = Server::start().await;
    for (length, expected) in [(30 * 1024, 200), (33 * 1024, 431), (300 * 1024, 431)] {
        let head = format!(
            "GET /healthz HTTP/1.1\nhost: x\nconnection: close\nx-long: {}",
            "x".repeat(length)
        );
        assert_eq!(status(&answer(&server, &head).await), expected, "{length} bytes");
    }
    for (count, expected) in [(62, 200), (63, 431)] {
        let many: String = (0..count).map(|n| format!("\nx-{n}: y")).collect();
        let head = format!("GET /healthz HTTP/1.1\nhost: x\nconnection: close{many}");
        assert_eq!(status(&answer(&server, &head).await), expected, "{count} headers more");
    }
}

#[tokio::test]
async fn a_client_that_still_sends_its_head_gets_the_refusal() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let long = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}", "x".repeat(40 * 1024));
    stream.write_all(long.as_bytes()).await.unwrap();
    // The answer is there, unread, while the client goes on.
    tokio::time::timeout(READ_TIMEOUT, stream.readable())
        .await
        .expect("an answer")
        .unwrap();
    for _ in 0..100 {
        stream.write_all(&[b'x'; 10_000]).await.expect("the server still reads");
    }
    stream.shutdown().await.unwrap();
    assert_eq!(status(&read_to_end(&mut stream).await), 431);
}
