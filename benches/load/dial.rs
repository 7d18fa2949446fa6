//! Connections from addresses of one's own choice, as a server counts its clients by their addresses.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::net::{TcpSocket, TcpStream};

/// Returns an address of the loopback network, of which Linux answers to all: number `number` of a block.
///
/// # Panics
/// Panics beyond 65,536 addresses.
pub fn loopback(block: u8, number: usize) -> Ipv4Addr {
    let [high, low] = u16::try_from(number)
        .expect("a block has 65,536 addresses")
        .to_be_bytes();
    Ipv4Addr::new(127, block, high, low)
}

/// Connects from an address.
pub(super) async fn dial(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // The usual address needs no system call to be chosen.
    if from != Ipv4Addr::LOCALHOST {
        socket.bind(SocketAddr::from((from, 0)))?;
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
