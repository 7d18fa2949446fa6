//! From where a request really comes, when it comes through proxies.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The proxies that are believed when they say for whom they ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// In which header proxies say for whom they ask. Only one is read: a proxy sets the one that it knows, and passes on
/// the other as whoever asks has written it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses, each proxy adding its client's at the end.
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239: the same, as `for=` among other parameters.
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl TrustedProxies {
    /// Returns the address of the client: the last hop that is no trusted proxy, counted from the peer, which alone is
    /// known for certain. What stands to the left of it, anybody may have made up.
    pub(crate) fn client(&self, peer: IpAddr, header: ForwardedHeader, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let mut hops = match header {
            ForwardedHeader::XForwardedFor => hops(headers, &X_FORWARDED_FOR, addresses),
            ForwardedHeader::Forwarded => hops(headers, &http::header::FORWARDED, elements),
        };
        while self.trusts(client) {
            match hops.pop().flatten() {
                Some(hop) => client = hop,
                // It came from the last proxy that is known, or that one does not say.
                None => break,
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
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

/// A hop; `None` for one that can't be read.
type Hop = Option<IpAddr>;

/// Returns the hops of all lines of a header, in order.
fn hops(headers: &HeaderMap, name: &HeaderName, of_line: fn(&str) -> Vec<Hop>) -> Vec<Hop> {
    let lines = headers.get_all(name).iter();
    // What is no text is the fault of its own hop alone.
    let hops = lines.flat_map(|line| of_line(&String::from_utf8_lossy(line.as_bytes())));
    hops.collect()
}

/// Reads a line of `X-Forwarded-For`.
fn addresses(line: &str) -> Vec<Hop> {
    line.split(',').map(address).collect()
}

/// Reads a line of `Forwarded`.
fn elements(line: &str) -> Vec<Hop> {
    match unquoted(line, ',') {
        Some(elements) => elements.into_iter().map(node_for).collect(),
        // Which of its commas are a proxy's, and which the client's, can't be told.
        None => vec![None],
    }
}

/// Finds `for=` among the parameters of one element.
fn node_for(element: &str) -> Hop {
    let parameters = unquoted(element, ';')?.into_iter();
    let mut named = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// Splits at a separator, but not within quotation marks; `None` where these don't stand around whole values.
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

/// Reads an address, with or without a port, an IPv6 one in brackets or not.
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

    /// Asks from `peer`, with these lines of the header, who the client is.
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
    fn a_client_is_the_last_hop_that_is_no_trusted_proxy() {
        let cases: &[(&str, &[&'static str], &str)] = &[
            // Nobody who is not trusted is believed.
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("192.0.2.8", &["198.51.100.1"], "192.0.2.8"),
            // A trusted proxy says for whom it asks.
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("192.0.2.7", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            // What the client made up stands to the left of what the proxy added.
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.2, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["nonsense, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["é, 198.51.100.1"], "198.51.100.1"),
            // Proxies behind proxies.
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1,10.0.0.3", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            // Whose last word can't be read is the client itself.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, é"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
            // Somebody inside asks through them.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Some add ports.
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
            // What a client has called the host, a proxy passes on within quotation marks.
            ("10.0.0.1", &["for=198.51.100.1;host=\"a,for=1.1.1.1\""], "198.51.100.1"),
            ("10.0.0.1", &["host=\"a;for=1.1.1.1\";for=198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["host=\"a\\\",for=1.1.1.1\";for=198.51.100.1"],
                "198.51.100.1",
            ),
            // Marks that a client left open turn those of the proxy inside out.
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
