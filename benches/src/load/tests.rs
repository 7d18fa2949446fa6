//! The load against the relay, and against servers that break what they promise.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::*;
use crate::{bare::relay, process::Process, sample::Sample};

const SHORT: Span = Span {
    warm_up: Duration::from_millis(10),
    measure: Duration::from_millis(100),
};

#[tokio::test]
async fn all_that_is_sent_is_acknowledged_delivered_and_receipted() {
    let pairs = [pair(relay().await, "a"), pair(relay().await, "b")];
    for (pace, receipts) in [
        (Pace::InFlight(4), Receipts::EachMessage),
        (Pace::InFlight(1), Receipts::None),
        (Pace::PerSecond(1_000.0), Receipts::None),
    ] {
        let outcome = run(&pairs, pace, receipts).await.expect("the relay keeps its promises");
        assert!(outcome.acknowledged > 0 && outcome.delivered > 0, "{outcome:?}");
        assert_eq!(outcome.receipts > 0, receipts == Receipts::EachMessage);
        assert_eq!(outcome.to_delivery.count(), outcome.delivered);
        assert_eq!(outcome.to_acknowledgement.count(), outcome.acknowledged);
    }
}

#[tokio::test]
async fn a_steady_pace_is_not_exceeded() {
    let outcome = run(&[pair(relay().await, "a")], Pace::PerSecond(200.0), Receipts::None)
        .await
        .expect("a load");
    assert!(
        (1..=60).contains(&outcome.delivered),
        "200 a second, for a tenth of one: {outcome:?}"
    );
}

#[tokio::test]
async fn everyone_in_a_room_hears_everything() {
    let room = Room {
        conversation: "a".into(),
        members: vec![seat(relay().await, "a"); 5],
    };
    let load = RoomLoad {
        room: &room,
        in_flight: 3,
        span: SHORT,
        sample: &Sample::new(),
        server: Process::current(),
    };
    let outcome = load.run().await.expect("the relay keeps its promises");
    assert!(
        outcome.acknowledged > 0 && outcome.delivered >= outcome.acknowledged,
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_refusal_ends_the_load() {
    let liar = liar(r#"{"id":1000000000,"error":{"code":"rate_limited"}}"#).await;
    assert_fails_with("rate_limited", liar).await;
}

#[tokio::test]
async fn a_reply_that_comes_twice_ends_the_load() {
    assert_fails_with("answered twice", liar(r#"{"id":1000000000,"ok":{}}"#).await).await;
}

#[tokio::test]
async fn a_message_that_nobody_sent_ends_the_load() {
    assert_fails_with("nobody sent", listeners_liar(&[1, 2, 3]).await).await;
}

#[tokio::test]
async fn a_gap_in_the_order_ends_the_load() {
    assert_fails_with("message 3 after Some(1)", listeners_liar(&[1, 3]).await).await;
}

async fn assert_fails_with(reason: &str, server: SocketAddr) {
    let pair = pair(server, "a");
    let error = run(&[pair], Pace::InFlight(2), Receipts::None)
        .await
        .expect_err("the server lies");
    assert!(error.to_string().contains(reason), "{error}");
}

async fn run(pairs: &[Pair], pace: Pace, receipts: Receipts) -> std::io::Result<Outcome> {
    let (sample, server) = (&Sample::new(), Process::current());
    PairLoad {
        pairs,
        pace,
        receipts,
        span: SHORT,
        sample,
        server,
    }
    .run()
    .await
}

async fn relay() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(relay::serve(listener));
    address
}

/// Answers every frame of the sender, who connects first, with the same reply.
async fn liar(reply: &'static str) -> SocketAddr {
    lie(vec![reply.to_owned()], Vec::new()).await
}

/// Has these messages for the receiver before the sender said anything.
async fn listeners_liar(seqs: &[u64]) -> SocketAddr {
    let message = |seq: &u64| format!(r#"{{"event":"message.created","data":{{"seq":{seq}}}}}"#);
    lie(Vec::new(), seqs.iter().map(message).collect()).await
}

async fn lie(to_sender: Vec<String>, to_receiver: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut sender = accept(&listener).await;
        let mut receiver = accept(&listener).await;
        say(&mut receiver, &to_receiver).await;
        while let Some(Ok(_)) = sender.next().await {
            say(&mut sender, &to_sender).await;
        }
    });
    address
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
    say(&mut socket, &[r#"{"event":"hello","data":{}}"#.to_owned()]).await;
    socket
}

/// The load hangs up as soon as it has caught the lie.
async fn say(socket: &mut WebSocketStream<TcpStream>, frames: &[String]) {
    for frame in frames {
        socket.send(Message::text(frame.as_str())).await.ok();
    }
}

fn pair(address: SocketAddr, room: &str) -> Pair {
    Pair {
        conversation: room.into(),
        sender: seat(address, room),
        receiver: seat(address, room),
    }
}

fn seat(address: SocketAddr, room: &str) -> Seat {
    Seat {
        address,
        path: format!("/v1/ws?room={room}"),
        token: String::new(),
    }
}
