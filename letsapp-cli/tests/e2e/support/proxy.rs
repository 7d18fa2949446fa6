//! A network that can be broken.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    /// Carries everything.
    Fair,
    /// Carries everything, until somebody asks for this.
    DeafTo(&'static str),
    /// Carries requests, and loses what is answered.
    Deaf,
    /// Carries nothing, and every connection breaks.
    Down,
}

/// A way to a server that can be broken.
pub(crate) struct Proxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
}

impl Proxy {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = Arc::new(watch::Sender::new(Weather::Fair));
        let sky = Arc::clone(&weather);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *sky.borrow() != Weather::Down {
                    tokio::spawn(carry(client, server, Arc::clone(&sky)));
                }
            }
        });
        Self { address, weather }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks every connection, and lets no new one through.
    pub(crate) async fn cut(&self) {
        self.weather.send_replace(Weather::Down);
        self.weather.closed().await;
    }

    /// Lets through what is asked, but nothing that is answered.
    pub(crate) fn lose_answers(&self) {
        self.weather.send_replace(Weather::Deaf);
    }

    /// The same, from the moment on when somebody asks for this.
    pub(crate) fn lose_answers_to(&self, request: &'static str) {
        self.weather.send_replace(Weather::DeafTo(request));
    }

    /// Carries everything again.
    pub(crate) fn mend(&self) {
        self.weather.send_replace(Weather::Fair);
    }
}

async fn carry(client: TcpStream, server: SocketAddr, weather: Arc<watch::Sender<Weather>>) {
    let mut sky = weather.subscribe();
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let asked = |chunk: &[u8]| {
        let now = *weather.borrow();
        if let Weather::DeafTo(request) = now
            && String::from_utf8_lossy(chunk).contains(request)
        {
            weather.send_replace(Weather::Deaf);
        }
        true
    };
    let answered = |_: &[u8]| matches!(*weather.borrow(), Weather::Fair | Weather::DeafTo(_));
    tokio::select! {
        () = pipe(from_client, to_server, asked) => {}
        () = pipe(from_server, to_client, answered) => {}
        _ = sky.wait_for(|weather| *weather == Weather::Down) => {}
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
