//! A network that can be broken.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Carries everything.
    Forward,
    /// Carries everything, until somebody asks for this.
    DropRepliesTo(&'static str),
    /// Carries requests, and loses what is answered.
    DropReplies,
    /// Carries nothing, and every connection breaks.
    Down,
}

/// A way to a server that can be broken.
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

    /// Breaks every connection, and lets no new one through.
    pub(crate) async fn cut(&self) {
        self.mode.send_replace(Mode::Down);
        self.mode.closed().await;
    }

    /// Lets through what is asked, but nothing that is answered.
    pub(crate) fn drop_replies(&self) {
        self.mode.send_replace(Mode::DropReplies);
    }

    /// The same, from the moment on when somebody asks for this.
    pub(crate) fn drop_replies_to(&self, request: &'static str) {
        self.mode.send_replace(Mode::DropRepliesTo(request));
    }

    /// Carries everything again.
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
    let asked = |chunk: &[u8]| {
        let now = *mode.borrow();
        if let Mode::DropRepliesTo(request) = now
            && String::from_utf8_lossy(chunk).contains(request)
        {
            mode.send_replace(Mode::DropReplies);
        }
        true
    };
    let answered = |_: &[u8]| matches!(*mode.borrow(), Mode::Forward | Mode::DropRepliesTo(_));
    tokio::select! {
        () = pipe(from_client, to_server, asked) => {}
        () = pipe(from_server, to_client, answered) => {}
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
