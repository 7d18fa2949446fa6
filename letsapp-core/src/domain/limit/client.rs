//! From where somebody asks.

use std::net::IpAddr;

/// Those who can't be told apart by their address: an IPv4 address, or the 64 bits of an IPv6 address that a network is
/// given at least (RFC 6177), for whoever has them has as many addresses as they like.
///
/// ```
/// # use letsapp_core::domain::limit::client::Client;
/// let client = |address: &str| Client::at(address.parse().unwrap());
/// assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::2"));
/// assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
/// assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(Network);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl Client {
    /// Tells who may be behind an address.
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
