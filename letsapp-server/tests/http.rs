//! HTTP connections, and behaviour common to all routes.

mod common;

use std::time::Duration;

use common::{Server, exchange, get, header, read_to_end, status};
use letsapp_core::LetsApp;
use letsapp_server::Config;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn every_response_has_a_request_id_and_security_headers() {
    let server = Server::start().await;
    for path in ["/healthz", "/v1/me", "/nothing", "/", "/docs"] {
        let answer = get(server.address, path).await;
        assert_eq!(header(&answer, "x-request-id").map(str::len), Some(36), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{path}");
        assert!(header(&answer, "content-security-policy").is_some(), "{path}");
        assert!(header(&answer, "cache-control").is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_valid_request_id_of_the_client_is_kept() {
    let server = Server::start().await;
    let long = "x".repeat(129);
    for (id, kept) in [
        ("trace-7:a/b", true),
        (&long[..128], true),
        (&long, false),
        ("a b", false),
        ("é", false),
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: {id}\r\n\r\n");
        let answer = exchange(server.address, request).await;
        assert_eq!(header(&answer, "x-request-id") == Some(id), kept, "{id}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = Server::start().await;
    let answer = exchange(
        server.address,
        "HEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(status(&answer), 200);
    assert_eq!(header(&answer, "content-length"), Some("15"));
    assert!(answer.ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_allowed_ones() {
    let server = Server::start().await;
    let answer = exchange(
        server.address,
        "PUT /v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(status(&answer), 405);
    assert_eq!(header(&answer, "allow"), Some("GET, HEAD, PATCH, DELETE"));
}

#[tokio::test]
async fn too_large_request_headers_are_refused() {
    let server = Server::start().await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
    assert!(matches!(status(&exchange(server.address, long).await), 414 | 431));
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert_eq!(status(&exchange(server.address, many).await), 431);
    assert_eq!(status(&exchange(server.address, "what is this\r\n\r\n").await), 400);
}

#[tokio::test]
async fn a_body_with_a_too_large_content_length_is_not_read() {
    let server = Server::start().await;
    let head = "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 99999999\r\n\r\n";
    assert_eq!(status(&exchange(server.address, head).await), 413);
}

#[tokio::test]
async fn a_chunked_body_is_counted_as_well() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..17 {
        // Sixteen of these are a mebibyte. The server may close the connection before it has read the last one.
        let _ = stream.write_all(chunk.as_bytes()).await;
    }
    assert_eq!(status(&read_to_end(&mut stream).await), 413);
}

#[tokio::test(start_paused = true)]
async fn request_headers_that_never_end_time_out() {
    let server = Server::start().await;
    let started = tokio::time::Instant::now();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost:").await.unwrap();
    read_to_end(&mut stream).await;
    let waited = started.elapsed();
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(16)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_free_place() {
    let config = Config {
        max_connections: 1,
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    let ana = server.person("ana").await;
    let mut socket = server.connect(&ana).await;
    socket.event_of("hello").await;
    let waiting = tokio::spawn(get(server.address, "/healthz"));
    socket.done("ping", json!({})).await;
    assert!(!waiting.is_finished(), "an open socket holds its place");
    drop(socket);
    assert_eq!(status(&waiting.await.unwrap()), 200);
}

#[tokio::test]
async fn metrics_are_on_the_admin_listener_only() {
    let server = Server::start().await;
    assert_eq!(status(&get(server.address, "/metrics").await), 404);
    get(server.address, "/v1/users/8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10").await;
    let metrics = get(server.admin, "/metrics").await;
    assert_eq!(status(&metrics), 200);
    let counted = r#"letsapp_http_requests_total{method="GET",route="/v1/users/{id}",status="401"}"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert!(metrics.contains("letsapp_sockets"));
    assert_eq!(status(&get(server.admin, "/readyz").await), 200);
    assert_eq!(status(&get(server.admin, "/v1/me").await), 404);
}

#[tokio::test]
async fn the_admin_listener_answers_for_its_own_names_only() {
    let config = Config {
        admin_hosts: vec!["letsapp".to_owned()],
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    for (host, expected) in [
        ("localhost:8081", 200),
        ("letsapp:8081", 200),
        ("evil.example", 421),
        ("evil.example:8081", 421),
    ] {
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(status(&exchange(server.admin, request).await), expected, "{host}");
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_while_the_server_shuts_down() {
    let server = Server::start().await;
    server.person("ana").await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = json!({"username": "ana", "password": "a long password"}).to_string();
    let head = format!(
        "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request is in flight.
    let mut asked = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut asked)
        .await
        .unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"));
    let stopped = server.stop();
    stream.write_all(body.as_bytes()).await.unwrap();
    assert_eq!(status(&read_to_end(&mut stream).await), 200);
    tokio::time::timeout(common::READ_TIMEOUT, stopped)
        .await
        .expect("in time")
        .unwrap();
}
