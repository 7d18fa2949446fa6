//! Tests of the task of one socket, with a connection on loopback.

use letsapp_core::domain::id::ConnectionId;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::testing::World;

/// Returns a socket of a new user, and the client's end.
async fn open(world: &World) -> (Socket, WebSocketStream<TcpStream>) {
    let ana = world.person("ana").await;
    let principal = world.app.auth().authenticate(&ana.access_token).await.unwrap();
    let connection = world.app.hub().connect(principal, ConnectionId::from_bytes([1; 16]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let stream = WebSocketStream::from_raw_socket(ClientStream::new(accepted.unwrap().0), Role::Server, None).await;
    let client = WebSocketStream::from_raw_socket(client.unwrap(), Role::Client, None).await;
    let server = Arc::new(ServerContext::new(world.app.clone()));
    (Socket::new(server, connection, stream), client)
}

#[tokio::test]
async fn replies_wait_while_much_is_to_be_written() {
    const REPLIES: usize = 64;
    let reply = "x".repeat(MAX_OUTGOING_BYTES / 2);
    let world = World::new().await;
    let (mut socket, mut client) = open(&world).await;
    for _ in 0..REPLIES {
        let reply = Message::text(reply.clone());
        socket.in_flight.push(Op::Ping, 0, Box::pin(std::future::ready(reply)));
    }
    let mut shutdown = socket.handler.server.shutdown_signal();
    // One poll goes on until the client, which reads nothing yet, holds it up.
    assert!(futures_util::poll!(pin!(socket.serve(&mut shutdown))).is_pending());
    let queued = socket.transport.outgoing_bytes;
    assert!(queued <= MAX_OUTGOING_BYTES + reply.len(), "{queued} bytes are queued");

    let read = async {
        for _ in 0..REPLIES {
            let read = futures_util::StreamExt::next(&mut client).await.unwrap().unwrap();
            assert_eq!(read.len(), reply.len());
        }
    };
    tokio::select! {
        _ = socket.serve(&mut shutdown) => panic!("the socket has ended"),
        () = read => {}
    }
}
