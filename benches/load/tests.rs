//! Loads on the relay, and on servers that break the protocol.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::*;
use crate::{baseline::relay, process::Process, sample::Sample};

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
        let outcome = run(&pairs, pace, receipts)
            .await
            .expect("the relay follows the protocol");
        assert!(outcome.acknowledged > 0 && outcome.delivered > 0, "{outcome:?}");
        assert_eq!(outcome.receipts > 0, receipts == Receipts::EachMessage);
        assert_eq!(outcome.to_delivery.len(), outcome.delivered);
    }
}

#[tokio::test]
async fn a_steady_pace_is_not_exceeded() {
    let outcome = run(&[pair(relay().await, "a")], Pace::PerSecond(200.0), Receipts::None)
        .await
        .expect("a load");
    assert!(
        (1..=60).contains(&outcome.delivered),
        "200 a second, for a tenth of a second: {outcome:?}"
    );
}

#[tokio::test]
async fn every_member_of_a_group_receives_every_message() {
    let group = Group {
        conversation: "a".into(),
        members: vec![endpoint(relay().await, "a"); 5],
    };
    let load = GroupLoad {
        group: &group,
        in_flight: 3,
        span: SHORT,
        sample: &Sample::new(),
        server: Process::current(),
    };
    let outcome = load.run().await.expect("the relay follows the protocol");
    assert!(
        outcome.acknowledged > 0 && outcome.delivered >= outcome.acknowledged,
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_refusal_ends_the_load() {
    let server = server_with_reply(r#"{"id":1000000000,"error":{"code":"rate_limited"}}"#).await;
    assert_fails_with("rate_limited", server).await;
}

#[tokio::test]
async fn a_second_reply_ends_the_load() {
    let server = server_with_reply(r#"{"id":1000000000,"ok":{}}"#).await;
    assert_fails_with("got two replies", server).await;
}

#[tokio::test]
async fn a_message_that_was_never_sent_ends_the_load() {
    assert_fails_with("never sent", server_with_messages(&[1, 2, 3]).await).await;
}

#[tokio::test]
async fn a_gap_in_the_order_ends_the_load() {
    assert_fails_with("message 3 after Some(1)", server_with_messages(&[1, 3]).await).await;
}

async fn assert_fails_with(reason: &str, server: SocketAddr) {
    let pair = pair(server, "a");
    let error = run(&[pair], Pace::InFlight(2), Receipts::None)
        .await
        .expect_err("the server breaks the protocol");
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

/// Starts a server that answers every frame of the sender, which connects first, with the same reply.
async fn server_with_reply(reply: &'static str) -> SocketAddr {
    faulty_server(vec![reply.to_owned()], Vec::new()).await
}

/// Starts a server that has these messages for the receiver before the sender sent any.
async fn server_with_messages(seqs: &[u64]) -> SocketAddr {
    let message = |seq: &u64| format!(r#"{{"event":"message.created","data":{{"seq":{seq}}}}}"#);
    faulty_server(Vec::new(), seqs.iter().map(message).collect()).await
}

async fn faulty_server(to_sender: Vec<String>, to_receiver: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut sender = accept(&listener).await;
        let mut receiver = accept(&listener).await;
        send(&mut receiver, &to_receiver).await;
        while let Some(Ok(_)) = sender.next().await {
            send(&mut sender, &to_sender).await;
        }
    });
    address
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
    send(&mut socket, &[r#"{"event":"hello","data":{}}"#.to_owned()]).await;
    socket
}

/// Ignores errors, as the load hangs up as soon as it has seen the fault.
async fn send(socket: &mut WebSocketStream<TcpStream>, frames: &[String]) {
    for frame in frames {
        socket.send(Message::text(frame.as_str())).await.ok();
    }
}

fn pair(address: SocketAddr, conversation: &str) -> Pair {
    Pair {
        conversation: conversation.into(),
        sender: endpoint(address, conversation),
        receiver: endpoint(address, conversation),
    }
}

fn endpoint(address: SocketAddr, conversation: &str) -> Endpoint {
    Endpoint {
        address,
        path: format!("/v1/ws?conversation={conversation}"),
        token: String::new(),
        from: std::net::Ipv4Addr::LOCALHOST,
    }
}
