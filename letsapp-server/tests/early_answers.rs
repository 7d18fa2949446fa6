//! Answers that are sent before the body of the request was read, to clients that go on sending.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::time::Duration;

use common::{READ_TIMEOUT, Server, get, header, read_to_end, status};
use letsapp_core::LetsApp;
use letsapp_core::domain::limit::{Class, Quota};
use letsapp_server::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Length of the bodies that are sent although they are not wanted: above the limit of JSON bodies, and so many pieces
/// that a connection that is reset is noticed.
const LENGTH: usize = 3 * 1024 * 1024;

/// The head of a request for each status that is known before the body is read.
const REFUSED: [(&str, &str, u16); 5] = [
    ("POST /v1/conversations", "application/json", 401),
    ("POST /v1/nothing", "multipart/form-data; boundary=x", 404),
    ("PUT /v1/me", "application/json", 405),
    ("POST /v1/auth/login", "application/json", 413),
    ("POST /v1/auth/login", "text/plain", 415),
];

/// Sends a head, waits until the answer has arrived, then sends a body in pieces without reading, and returns the
/// answer. Writing fails if the server has reset the connection.
async fn send_all_then_read(server: &Server, head: &str, chunked: bool) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; 64 * 1024];
    // A part of the body comes before the answer, the rest after it.
    let send = async |stream: &mut TcpStream| {
        if chunked {
            stream.write_all(b"10000\r\n").await?;
        }
        stream.write_all(&piece).await?;
        if chunked {
            stream.write_all(b"\r\n").await
        } else {
            Ok(())
        }
    };
    let _ = send(&mut stream).await;
    tokio::time::timeout(READ_TIMEOUT, stream.readable())
        .await
        .expect("an answer")
        .unwrap();
    for sent in 1..LENGTH / piece.len() {
        send(&mut stream)
            .await
            .unwrap_or_else(|error| panic!("{head}: the connection broke after {sent} pieces: {error}"));
    }
    stream.shutdown().await.unwrap();
    read_to_end(&mut stream).await
}

fn with_length(request: &str, content_type: &str) -> String {
    format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ncontent-length: {LENGTH}\r\n\r\n")
}

#[tokio::test]
async fn a_client_that_sends_its_whole_body_first_gets_the_answer() {
    let server = Server::start().await;
    for (request, content_type, expected) in REFUSED {
        let answer = send_all_then_read(&server, &with_length(request, content_type), false).await;
        assert_eq!(status(&answer), expected, "{request}");
        assert_eq!(header(&answer, "connection"), Some("close"), "{request}");
    }
}

#[tokio::test]
async fn a_client_that_sends_chunks_gets_the_answer() {
    let server = Server::start().await;
    for (request, content_type, expected) in REFUSED {
        if expected == 413 {
            // Known only after a mebibyte, which `http.rs` has a test for.
            continue;
        }
        let head = format!(
            "{request} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let answer = send_all_then_read(&server, &head, true).await;
        assert_eq!(status(&answer), expected, "{request}");
        assert_eq!(header(&answer, "connection"), Some("close"), "{request}");
    }
}

#[tokio::test]
async fn a_client_over_its_limit_gets_the_answer() {
    let mut config = Config::default();
    config
        .limit_table
        .set(Class::Credentials, Quota::new(1, Duration::from_secs(3_600)));
    let server = Server::with(LetsApp::builder(), config).await;
    let head = with_length("POST /v1/auth/login", "application/json");
    assert_eq!(status(&send_all_then_read(&server, &head, false).await), 413);
    let answer = send_all_then_read(&server, &head, false).await;
    assert_eq!(status(&answer), 429);
    assert!(header(&answer, "retry-after").is_some());
}

#[tokio::test]
async fn a_small_body_that_nobody_read_leaves_the_connection_open() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..50 {
        for (request, content_type, expected) in REFUSED {
            if expected == 413 {
                continue;
            }
            let body = "x".repeat(10_000);
            let length = body.len();
            let head = format!(
                "{request} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
            let answer = one_answer(&mut stream).await;
            assert_eq!(
                (status(&answer), header(&answer, "connection")),
                (expected, None),
                "{request}"
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_send_is_only_refused() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head =
        with_length("POST /v1/nothing", "application/json").replace("host: x", "host: x\r\nexpect: 100-continue");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert_eq!(status(&answer), 404, "and not 100");
    assert_eq!(header(&answer, "connection"), Some("close"));
}

/// Returns a client that was answered with 404, and stops in the middle of its body.
async fn stopped(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = with_length("POST /v1/nothing", "application/json");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(status(&read_to_end(&mut stream).await), 404);
    stream
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_sending_is_dropped() {
    let config = Config {
        max_connections_per_address: 1,
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    let started = tokio::time::Instant::now();
    let _stream = stopped(&server).await;
    // The only place of the address is taken until there has been no byte for ten seconds.
    let answer = loop {
        let answer = get(server.address, "/healthz").await;
        if !answer.is_empty() {
            break answer;
        }
        let pause = tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>());
        let _elapsed = pause.await;
    };
    assert_eq!(status(&answer), 200);
    let waited = started.elapsed();
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(13)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn clients_that_stop_sending_do_not_keep_others_out() {
    let config = Config {
        max_connections: 2,
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    let (_first, _second) = (stopped(&server).await, stopped(&server).await);
    let started = tokio::time::Instant::now();
    for _ in 0..2 {
        assert_eq!(status(&get(server.address, "/healthz").await), 200);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// Reads one response with a body of known length.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        let part = tokio::time::timeout(READ_TIMEOUT, stream.read_buf(&mut read)).await;
        assert_ne!(
            part.expect("an answer in time").unwrap(),
            0,
            "the connection ended: {text}"
        );
    }
}
