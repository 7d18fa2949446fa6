//! The client's address behind trusted proxies, from `X-Forwarded-For` or `Forwarded`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Addresses and networks of the proxies whose forwarding header is trusted. Empty by default: then the peer is the
/// client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// The header in which the trusted proxies name their client. Only one is read: a proxy sets the one that it knows, and
/// passes the other on as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: a list of addresses. Each proxy appends its client's.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same list, with the address in the parameter `for` of each element.
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl TrustedProxies {
    /// Returns the address of the client: the last hop that is not a trusted proxy. Only the peer's address is certain,
    /// so the hops are read from the right, as long as they are trusted; those further left may be forged.
    pub(crate) fn client(&self, peer: IpAddr, header: ForwardedHeader, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let mut hops = match header {
            ForwardedHeader::XForwardedFor => hops(headers, &X_FORWARDED_FOR, addresses),
            ForwardedHeader::Forwarded => hops(headers, &http::header::FORWARDED, elements),
        };
        while self.trusts(client) {
            match hops.pop().flatten() {
                Some(hop) => client = hop,
                // The request began at the last trusted proxy, or that proxy doesn't name its client.
                None => break,
            }
        }
        client
    }

    /// Returns whether an address, in its canonical form, is a trusted proxy's.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let network = |text: &str| {
            let text = text.trim();
            let address = || {
                text.parse::<IpAddr>()
                    .map(|address| IpNet::from(address.to_canonical()))
            };
            text.parse::<IpNet>()
                .or_else(|_| address())
                .map_err(|_| "addresses and networks such as 10.0.0.0/8, ::1".to_owned())
        };
        let entries = list.split(',').filter(|entry| !entry.trim().is_empty());
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for ForwardedHeader {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("x-forwarded-for or forwarded".to_owned()),
        }
    }
}

/// The address of a hop; `None` if it can't be parsed.
type Hop = Option<IpAddr>;

/// Returns the hops of all lines of a header, in order: a header that is repeated is one list.
fn hops(headers: &HeaderMap, name: &HeaderName, of_line: fn(&str) -> Vec<Hop>) -> Vec<Hop> {
    let lines = headers.get_all(name).iter();
    // Replaces invalid UTF-8, so that a client's bytes can't hide the hops that proxies append.
    let hops = lines.flat_map(|line| of_line(&String::from_utf8_lossy(line.as_bytes())));
    hops.collect()
}

/// Parses a line of `X-Forwarded-For`.
fn addresses(line: &str) -> Vec<Hop> {
    line.split(',').map(address).collect()
}

/// Parses a line of `Forwarded`.
fn elements(line: &str) -> Vec<Hop> {
    match unquoted(line, ',') {
        Some(elements) => elements.into_iter().map(node_for).collect(),
        // With unbalanced quotes the client's commas can't be told from the proxy's: trust nothing in the line.
        None => vec![None],
    }
}

/// Returns the address in the parameter `for` of one element.
fn node_for(element: &str) -> Hop {
    let parameters = unquoted(element, ';')?.into_iter();
    let mut named = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// Splits at a separator outside of quotation marks; `None` if these don't enclose whole values.
fn unquoted(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => {
                let (before, after) = (&text[..at], text[at + 1..].trim_start());
                let in_place = match quoted {
                    true => after.is_empty() || after.starts_with([',', ';']),
                    false => before.ends_with('='),
                };
                if !in_place {
                    return None;
                }
                quoted = !quoted;
            }
            _ if letter == separator && !quoted => {
                parts.push(&text[begin..at]);
                begin = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    (!quoted).then_some(parts)
}

/// Parses an address with or without a port; IPv6 with or without brackets.
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    let bare = node
        .strip_prefix('[')
        .and_then(|node| node.strip_suffix(']'))
        .unwrap_or(node);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| node.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use ForwardedHeader::{Forwarded, XForwardedFor};
    use http::HeaderValue;

    use super::*;

    /// Returns the client of a request from `peer` with these header lines.
    fn client(header: ForwardedHeader, peer: &str, lines: &[&'static str]) -> String {
        let trusted: TrustedProxies = "10.0.0.0/8, 192.0.2.7, fd00::/8".parse().unwrap();
        let name = match header {
            XForwardedFor => X_FORWARDED_FOR,
            Forwarded => http::header::FORWARDED,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        trusted.client(peer.parse().unwrap(), header, &headers).to_string()
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_a_trusted_proxy() {
        let cases: &[(&str, &[&'static str], &str)] = &[
            // The header of an untrusted peer is ignored.
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("192.0.2.8", &["198.51.100.1"], "192.0.2.8"),
            // A trusted proxy names its client.
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("192.0.2.7", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            // Hops left of the one that the proxy appended may be forged.
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.2, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["nonsense, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["é, 198.51.100.1"], "198.51.100.1"),
            // Proxies behind proxies.
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1,10.0.0.3", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            // A proxy without a readable client is the client.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, é"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
            // The client is in a trusted network itself.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Some proxies append ports.
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
        ];
        for (peer, lines, expected) in cases {
            assert_eq!(client(XForwardedFor, peer, lines), *expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_the_same_way() {
        let cases: &[(&str, &[&'static str], &str)] = &[
            ("203.0.113.9", &["for=198.51.100.1"], "203.0.113.9"),
            ("10.0.0.1", &["for=198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1"],
                "2001:db8::1",
            ),
            (
                "10.0.0.1",
                &["for=1.1.1.1, for=198.51.100.1;host=x, for=10.0.0.2"],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &["for=1.1.1.1", "proto=https;for=\"198.51.100.1:80\""],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["for=unknown"], "10.0.0.1"),
            ("10.0.0.1", &["for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["by=198.51.100.1"], "10.0.0.1"),
            ("10.0.0.1", &["nonsense, for=198.51.100.1"], "198.51.100.1"),
            // A proxy passes the client's Host on within quotation marks.
            ("10.0.0.1", &["for=198.51.100.1;host=\"a,for=1.1.1.1\""], "198.51.100.1"),
            ("10.0.0.1", &["host=\"a;for=1.1.1.1\";for=198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["host=\"a\\\",for=1.1.1.1\";for=198.51.100.1"],
                "198.51.100.1",
            ),
            // A quotation mark that a client leaves open swaps inside and outside for the rest of the line.
            ("10.0.0.1", &["for=198.51.100.1;host=\"a"], "10.0.0.1"),
            ("10.0.0.1", &["for=\"1.1.1.1, for=198.51.100.1"], "10.0.0.1"),
            (
                "10.0.0.1",
                &["x=\", for=198.51.100.1;host=\",for=1.1.1.1;y=\\\"\""],
                "10.0.0.1",
            ),
            (
                "10.0.0.1",
                &["x=\", for=198.51.100.1;host=\"a,for=1.1.1.1;y=\""],
                "10.0.0.1",
            ),
            ("10.0.0.1", &["x=\"", "for=198.51.100.1"], "198.51.100.1"),
        ];
        for (peer, lines, expected) in cases {
            assert_eq!(client(Forwarded, peer, lines), *expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_header_that_the_proxies_do_not_set_is_not_read() {
        let trusted: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(http::header::FORWARDED, HeaderValue::from_static("for=1.1.1.1"));
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.1"));
        let client = |header| trusted.client([10, 0, 0, 1].into(), header, &headers).to_string();
        assert_eq!(
            (client(XForwardedFor), client(Forwarded)),
            ("198.51.100.1".to_owned(), "1.1.1.1".to_owned())
        );
    }

    #[test]
    fn proxies_are_listed_by_address_or_network() {
        let parse = str::parse::<TrustedProxies>;
        assert_eq!(parse("").unwrap(), TrustedProxies::default());
        assert_eq!(parse("10.0.0.1").unwrap(), parse("10.0.0.1/32").unwrap());
        assert_eq!(
            parse("::1 , ::ffff:10.0.0.1,").unwrap(),
            parse("::1/128,10.0.0.1/32").unwrap()
        );
        for wrong in [
            "proxy.example.org",
            "10.0.0.0/33",
            "10.0.0",
            "10.0.0.1 10.0.0.2",
            "10.0.0.1:80",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
