//! Sockets of signed-in users.

use std::time::Duration;

use letsapp_core::LetsApp;
use letsapp_core::protocol::SignedIn;
use letsapp_core::protocol::requests::SendMessage;
use letsapp_server::Config;
use letsapp_server::config::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::common::{READ_TIMEOUT, Server, Socket};

/// An unfinished text frame of a client, with the mask 0: `{`.
const UNFINISHED: [u8; 7] = [0x01, 0x81, 0, 0, 0, 0, b'{'];

/// An empty continuation frame of a client, unfinished as well.
const EMPTY: [u8; 6] = [0x00, 0x80, 0, 0, 0, 0];

async fn without_limits() -> Server {
    let config = Config {
        limits: Limits::Off,
        ..Config::default()
    };
    Server::with(LetsApp::builder(), config).await
}

/// Stores so many long messages in a new conversation of two users, and returns its id.
async fn long_history(server: &Server, ana: &SignedIn, messages: usize) -> String {
    let ben = server.person("ben").await;
    let chat = server.chat(ana, &ben).await;
    let principal = server.app.auth().authenticate(&ana.tokens.access_token).await.unwrap();
    let (id, body) = (chat.parse().unwrap(), "x".repeat(4_000));
    for _ in 0..messages {
        let message = SendMessage::text(&body).unwrap();
        server.app.messages().send(&principal, id, message, None).await.unwrap();
    }
    chat
}

/// Writes frames without end while reading, and returns the code of the close frame that ends it.
async fn flood(socket: &mut Socket, begin: &[u8], frames: &[u8]) -> u16 {
    let (mut read, mut write) = socket.stream().get_mut().split();
    let mut heard = Vec::new();
    let flood = async {
        let _ = write.write_all(begin).await;
        // Ends with an error once the server has closed the connection.
        while write.write_all(frames).await.is_ok() {}
    };
    let listen = async {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = read.read(&mut part).await {
            heard.extend_from_slice(&part[..count]);
        }
    };
    timeout(READ_TIMEOUT, futures_util::future::join(flood, listen))
        .await
        .expect("the server ends it");
    close_code(&heard)
}

/// Returns the code of the close frame at the end of what a server sent; 1006 if there is none.
fn close_code(heard: &[u8]) -> u16 {
    let close = heard
        .windows(4)
        .rev()
        .find(|window| window[0] == 0x88 && window[1] >= 2 && window[2] < 0x10);
    close.map_or(1006, |close| u16::from_be_bytes([close[2], close[3]]))
}

#[tokio::test]
async fn an_endless_message_of_empty_frames_is_ended() {
    let server = without_limits().await;
    let mut socket = server.connect(&server.person("ana").await).await;
    socket.event_of("hello").await;
    assert_eq!(flood(&mut socket, &UNFINISHED, &EMPTY.repeat(1_000)).await, 4000);
}

#[tokio::test]
async fn pings_between_the_frames_of_an_endless_message_do_not_hide_it() {
    let server = without_limits().await;
    let mut socket = server.connect(&server.person("ana").await).await;
    socket.event_of("hello").await;
    let mut frames = EMPTY.repeat(1_000);
    frames.extend([0x89, 0x80, 0, 0, 0, 0]);
    assert_eq!(flood(&mut socket, &UNFINISHED, &frames).await, 4000);
}

#[tokio::test(start_paused = true)]
async fn a_message_must_be_complete_within_thirty_seconds() {
    let server = Server::start().await;
    let mut socket = server.connect(&server.person("ana").await).await;
    socket.event_of("hello").await;
    let started = Instant::now();
    let stream = socket.stream().get_mut();
    stream.write_all(&UNFINISHED).await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    let lived = started.elapsed();
    assert!(
        (Duration::from_secs(30)..Duration::from_secs(34)).contains(&lived),
        "{lived:?}"
    );
    assert_eq!(close_code(&heard), 4000);
}

/// A client that reads 16 KiB a second, for which an answer of 4 MiB takes four minutes.
#[tokio::test(start_paused = true)]
async fn a_slow_client_gets_a_long_answer_to_its_end() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let chat = long_history(&server, &ana, 990).await;
    // Small, as with a slow network, where what was read makes room at once: of megabytes, a sixteenth has to be free.
    let mut socket = server.connect_with_buffer(&ana, 64 * 1024).await;
    socket.event_of("hello").await;
    let started = Instant::now();
    socket.ask("sync", json!({"conversations": {chat: 0}})).await;
    let (mut part, mut taken) = (vec![0; 32 * 1024], 0);
    while taken < 3_900_000 {
        let pause = timeout(Duration::from_secs(2), std::future::pending::<()>());
        let _elapsed = pause.await;
        let read = socket.stream().get_mut().read(&mut part).await.unwrap();
        assert!(
            read > 0,
            "the server gave up after {taken} bytes and {:?}",
            started.elapsed()
        );
        taken += read;
    }
    assert!(started.elapsed() > Duration::from_secs(150), "{:?}", started.elapsed());
}

#[tokio::test]
async fn many_syncs_at_once_are_answered_a_few_at_a_time() {
    let server = without_limits().await;
    let ana = server.person("ana").await;
    let chat = long_history(&server, &ana, 300).await;
    let mut socket = server.connect(&ana).await;
    let mut asked = Vec::new();
    for _ in 0..16 {
        asked.push(socket.ask("sync", json!({"conversations": {&chat: 0}})).await);
    }
    let last = socket.ask("ping", json!({})).await;
    for id in asked {
        assert_eq!(socket.reply(id).await["ok"]["changes"].as_array().unwrap().len(), 300);
    }
    assert!(socket.reply(last).await["ok"].is_object());
}

#[tokio::test]
async fn a_users_oldest_socket_gives_way_to_one_too_many() {
    let config = Config {
        max_sockets_per_user: 2,
        limits: Limits::Off,
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    let (ana, ben) = (server.person("ana").await, server.person("ben").await);
    let (mut first, mut second) = (server.connect(&ana).await, server.connect(&ana).await);
    for socket in [&mut first, &mut second] {
        socket.event_of("hello").await;
    }
    let mut bens = server.connect(&ben).await;
    bens.event_of("hello").await;
    let mut third = server.connect(&ana).await;
    third.event_of("hello").await;
    assert_eq!(first.closed().await, 4003);
    for socket in [&mut second, &mut third, &mut bens] {
        socket.done("ping", json!({})).await;
    }
}

/// The oldest socket is full of unread answers, so that it takes no event and no close frame.
#[tokio::test]
async fn a_socket_that_is_never_read_gives_way_at_once() {
    let config = Config {
        max_sockets_per_user: 1,
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    let ana = server.person("ana").await;
    let chat = long_history(&server, &ana, 900).await;
    let mut first = server.connect_narrowly(&ana).await;
    first.event_of("hello").await;
    first.ask("sync", json!({"conversations": {&chat: 0}})).await;
    let started = Instant::now();
    let mut second = server.connect(&ana).await;
    second.event_of("hello").await;
    let closing = async {
        while server.app.hub().connections() > 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(READ_TIMEOUT, closing).await.expect("it has left the hub");
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "before its writes time out"
    );
}
