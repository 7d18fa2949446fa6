//! Client networks, by which requests without a user are counted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network whose requests are counted together: an IPv4 address, or the upper 64 bits of an IPv6 address.
///
/// A site gets at least 64 bits of IPv6 addresses (RFC 6177) and could otherwise evade a limit by changing its address.
///
/// ```
/// # use letsapp_core::domain::limit::Client;
/// let client = |address: &str| Client::at(address.parse().unwrap());
/// assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::2"));
/// assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
/// assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(Network);

/// Network part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Network::V4(octets) => Ipv4Addr::from(octets).fmt(f),
            Network::V6([a, b, c, d, e, g, h, i]) => {
                let network = Ipv6Addr::from([a, b, c, d, e, g, h, i, 0, 0, 0, 0, 0, 0, 0, 0]);
                write!(f, "{network}/64")
            }
        }
    }
}

impl Client {
    /// Returns the network to which an address belongs. IPv4 addresses mapped to IPv6 count as IPv4.
    pub fn at(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => Network::V4(address.octets()),
            IpAddr::V6(address) => {
                let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
                Network::V6(network)
            }
        })
    }
}
