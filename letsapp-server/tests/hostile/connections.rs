//! Connections, below any account.

use std::net::SocketAddr;
use std::time::Duration;

use letsapp_core::LetsApp;
use letsapp_server::Config;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use crate::common::{READ_TIMEOUT, Server, exchange, get, status};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Returns a server that allows so many connections of one address.
async fn with_connections_per_address(max: usize, proxies: &str) -> Server {
    let config = Config {
        max_connections_per_address: max,
        trusted_proxies: proxies.parse().unwrap(),
        ..Config::default()
    };
    Server::with(LetsApp::builder(), config).await
}

/// Sends requests until one is answered, which those on connections that are closed at once are not.
async fn answered(address: SocketAddr) -> String {
    loop {
        let answer = get(address, "/healthz").await;
        if !answer.is_empty() {
            return answer;
        }
    }
}

/// Sends a request on an open connection and returns the status of its answer, whose body is short.
async fn ask(stream: &mut TcpStream, request: &str) -> u16 {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = timeout(READ_TIMEOUT, stream.read(&mut answer))
        .await
        .expect("an answer")
        .unwrap();
    status(&String::from_utf8_lossy(&answer[..read]))
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_never_read_ends_after_twenty_seconds() {
    let server = with_connections_per_address(1, "").await;
    let started = Instant::now();
    let mut hostile = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n";
    // Far more answers than the buffers on the way hold, so that the server has to wait for this client.
    hostile.write_all(request.repeat(100).as_bytes()).await.unwrap();
    assert_eq!(
        get(server.address, "/healthz").await,
        "",
        "the address has its one connection"
    );
    // Virtual time passes only when nothing else can happen, so that it needs a pause between the attempts.
    let again = async {
        loop {
            let pause = timeout(Duration::from_secs(1), std::future::pending::<()>());
            let _elapsed = pause.await;
            let answer = get(server.address, "/healthz").await;
            if !answer.is_empty() {
                return answer;
            }
        }
    };
    let answer = timeout(Duration::from_secs(60), again);
    assert_eq!(status(&answer.await.expect("the connection ends")), 200);
    let held = started.elapsed();
    assert!(
        (Duration::from_secs(20)..Duration::from_secs(31)).contains(&held),
        "{held:?}"
    );
    drop(hostile);
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_others_have_their_own() {
    let server = with_connections_per_address(2, "").await;
    let ana = server.person("ana").await;
    let mut socket = server.connect(&ana).await;
    socket.event_of("hello").await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(ask(&mut idle, HEALTH).await, 200);
    assert_eq!(
        get(server.address, "/healthz").await,
        "",
        "the socket and the idle connection are two"
    );
    let other = TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = other.connect(server.address).await.unwrap();
    assert_eq!(ask(&mut other, HEALTH).await, 200);
    drop(idle);
    let answer = timeout(READ_TIMEOUT, answered(server.address)).await;
    assert_eq!(status(&answer.expect("a place is free again")), 200);
    socket.done("ping", json!({})).await;
}

#[tokio::test]
async fn a_proxys_connection_counts_for_the_client_that_it_carries() {
    let server = with_connections_per_address(1, "127.0.0.1").await;
    let of = |client: &str| format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {client}\r\n\r\n");
    let (ana, ben) = (of("198.51.100.1"), of("198.51.100.2"));
    let mut first = TcpStream::connect(server.address).await.unwrap();
    let mut second = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(ask(&mut first, &ana).await, 200);
    assert_eq!(ask(&mut second, &ana).await, 429, "her second connection");
    assert_eq!(ask(&mut second, HEALTH).await, 200, "a check of the proxy itself");
    assert_eq!(ask(&mut first, &ana).await, 200, "her first one is still hers");
    assert_eq!(ask(&mut first, &ben).await, 200, "the proxy uses it for another client");
    assert_eq!(ask(&mut second, &ana).await, 200, "so she has none");
}

#[tokio::test(start_paused = true)]
async fn idle_connections_do_not_keep_operators_out() {
    let server = Server::start().await;
    let started = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(server.admin).await.unwrap();
        assert_eq!(ask(&mut stream, HEALTH).await, 200);
        idle.push(stream);
    }
    for _ in 0..3 {
        assert_eq!(status(&get(server.admin, "/readyz").await), 200);
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(
        idle[0].read(&mut [0]).await.unwrap(),
        0,
        "the one that was idle longest made room"
    );
    assert_eq!(ask(&mut idle[63], HEALTH).await, 200);
}

#[tokio::test(start_paused = true)]
async fn silent_connections_do_not_keep_clients_out() {
    let config = Config {
        max_connections: 8,
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    let started = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let answer = exchange(server.address, HEALTH.replace("host:", "connection: close\r\nhost:")).await;
    assert_eq!(status(&answer), 200);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}
