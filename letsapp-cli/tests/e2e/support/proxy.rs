//! A proxy that simulates network failures.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Behaviour of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Forwards everything.
    Forward,
    /// Forwards everything until a request contains this text, then behaves like `DropReplies`.
    DropRepliesTo(&'static str),
    /// Forwards requests and drops replies.
    DropReplies,
    /// Closes all connections and accepts no new ones.
    Down,
}

/// A proxy in front of a server.
pub(crate) struct Proxy {
    address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
}

impl Proxy {
    pub(crate) async fn in_front_of(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = Arc::new(watch::Sender::new(Mode::Forward));
        let mode_changes = Arc::clone(&mode);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *mode_changes.borrow() != Mode::Down {
                    tokio::spawn(forward(client, server, Arc::clone(&mode_changes)));
                }
            }
        });
        Self { address, mode }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes all connections and accepts no new ones.
    pub(crate) async fn cut(&self) {
        self.mode.send_replace(Mode::Down);
        self.mode.closed().await;
    }

    /// Forwards requests but drops replies.
    pub(crate) fn drop_replies(&self) {
        self.mode.send_replace(Mode::DropReplies);
    }

    /// Drops replies as soon as a request contains this text.
    pub(crate) fn drop_replies_to(&self, request: &'static str) {
        self.mode.send_replace(Mode::DropRepliesTo(request));
    }

    /// Forwards everything again.
    pub(crate) fn restore(&self) {
        self.mode.send_replace(Mode::Forward);
    }
}

async fn forward(client: TcpStream, server: SocketAddr, mode: Arc<watch::Sender<Mode>>) {
    let mut mode_changes = mode.subscribe();
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let forward_request = |chunk: &[u8]| {
        let now = *mode.borrow();
        if let Mode::DropRepliesTo(request) = now
            && String::from_utf8_lossy(chunk).contains(request)
        {
            mode.send_replace(Mode::DropReplies);
        }
        true
    };
    let forward_reply = |_: &[u8]| matches!(*mode.borrow(), Mode::Forward | Mode::DropRepliesTo(_));
    tokio::select! {
        () = pipe(from_client, to_server, forward_request) => {}
        () = pipe(from_server, to_client, forward_reply) => {}
        _ = mode_changes.wait_for(|mode| *mode == Mode::Down) => {}
    }
}

async fn pipe(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, passes: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let chunk = &buffer[..length];
        if passes(chunk) && to.write_all(chunk).await.is_err() {
            break;
        }
    }
}
