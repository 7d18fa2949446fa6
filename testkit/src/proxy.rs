//! A link that can be cut: a TCP proxy on loopback, between a program under test and a service.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// State of a link that does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Requests do not arrive; answers do.
    ToServer,
    /// Answers do not arrive; requests do.
    ToClient,
    /// Nothing arrives, as if the cable was pulled. Connections stay open.
    Both,
    /// Connections are closed, and new ones too.
    Closed,
}

impl Cut {
    const fn holds(self, direction: Direction) -> bool {
        match self {
            Self::ToServer => matches!(direction, Direction::ToServer),
            Self::ToClient => matches!(direction, Direction::ToClient),
            Self::Both | Self::Closed => true,
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

/// A link to a service. Ends when dropped.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use letsapp_testkit::proxy::{Cut, Proxy};
///
/// let service = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let link = Proxy::to(service.local_addr()?).await;
/// let _client = tokio::net::TcpStream::connect(link.address()).await?;
/// let _accepted = service.accept().await?;
/// link.cut(Cut::Both);
/// link.mend();
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<watch::Sender<Option<Cut>>>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Opens a link to the service at `target`, on the current tokio runtime.
    ///
    /// # Panics
    ///
    /// Panics if no port on loopback is free.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(watch::Sender::new(None));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, target, Arc::clone(&state)));
        Self {
            address,
            state,
            _accepting: accepting,
        }
    }

    /// Returns the address for clients.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the link.
    pub fn cut(&self, cut: Cut) {
        self.state.send_replace(Some(cut));
    }

    /// Mends the link. What was held back arrives.
    pub fn mend(&self) {
        self.state.send_replace(None);
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, state: Arc<watch::Sender<Option<Cut>>>) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                links.spawn(link(client, target, state.subscribe()));
            }
            Some(_) = links.join_next() => {}
        }
    }
}

async fn link(client: TcpStream, target: SocketAddr, mut state: watch::Receiver<Option<Cut>>) {
    if *state.borrow() == Some(Cut::Closed) {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let directions = [state.clone(), state.clone()];
    let [forth, back] = directions;
    tokio::select! {
        () = forward(from_client, to_server, Direction::ToServer, forth) => {}
        () = forward(from_server, to_client, Direction::ToClient, back) => {}
        _ = state.wait_for(|state| *state == Some(Cut::Closed)) => {}
    }
}

/// Passes bytes on until either end closes, and holds them back while the direction is cut.
async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    direction: Direction,
    mut state: watch::Receiver<Option<Cut>>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let passes = |state: &Option<Cut>| !state.is_some_and(|cut| cut.holds(direction));
        if state.wait_for(passes).await.is_err() || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ended = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn says(stream: &mut TcpStream, byte: u8) -> Option<u8> {
        stream.write_all(&[byte]).await.ok()?;
        timeout(Duration::from_millis(100), stream.read_u8()).await.ok()?.ok()
    }

    #[tokio::test]
    async fn a_link_holds_back_what_it_is_cut_for_and_delivers_it_later() {
        let link = Proxy::to(echo().await).await;
        for cut in [Cut::ToServer, Cut::ToClient, Cut::Both] {
            let mut stream = TcpStream::connect(link.address()).await.unwrap();
            assert_eq!(says(&mut stream, 1).await, Some(1));
            link.cut(cut);
            assert_eq!(says(&mut stream, 2).await, None, "{cut:?}");
            link.mend();
            assert_eq!(stream.read_u8().await.unwrap(), 2, "{cut:?}");
        }
        let mut stream = TcpStream::connect(link.address()).await.unwrap();
        assert_eq!(says(&mut stream, 3).await, Some(3));
        link.cut(Cut::Closed);
        assert!(stream.read_u8().await.is_err(), "it is closed");
        let mut refused = TcpStream::connect(link.address()).await.unwrap();
        assert!(refused.read_u8().await.is_err(), "new ones too");
    }
}
