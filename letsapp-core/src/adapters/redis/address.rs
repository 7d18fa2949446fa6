//! Addresses such as `redis://user:password@host:6379/0?prefix=letsapp`.

use redis::io::tcp::TcpSettings;
use redis::{ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};

use super::connect_error::ConnectError;

/// Beginning of all keys and channels unless the address names another.
const DEFAULT_PREFIX: &str = "letsapp";

/// Longest prefix. It is repeated in every key.
const MAX_PREFIX_BYTES: usize = 64;

/// A parsed address.
#[derive(Debug)]
pub(super) struct Address {
    /// The single node, or some nodes of the cluster, through which the others are found.
    pub(super) nodes: Vec<ConnectionInfo>,
    pub(super) arrangement: Arrangement,
    /// Beginning of all keys and channels.
    pub(super) prefix: String,
    /// Hosts as they stand in the address, for messages.
    pub(super) hosts: String,
    pub(super) encryption: Encryption,
}

/// Arrangement of Redis' servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// A single server has all keys.
    Single,
    /// Keys and channels are spread over servers by their slots.
    Cluster,
}

/// Whether connections are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    None,
    Tls,
}

impl Address {
    /// Parses an address.
    ///
    /// # Errors
    /// [`ConnectError::Address`] if it is not valid.
    pub(super) fn parse(text: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let encryption = match scheme {
            "redis" => Encryption::None,
            "rediss" => Encryption::Tls,
            _ => return Err(invalid("it begins with redis:// or rediss://")),
        };
        if rest.contains('#') {
            return Err(invalid("it has no fragment; write # in a password as %23"));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let nodes = hosts
            .split(',')
            .map(|host| node(&format!("{scheme}://{user}{host}/{database}")))
            .collect::<Result<Vec<_>, _>>()?;
        let mut arrangement = if nodes.len() > 1 {
            Arrangement::Cluster
        } else {
            Arrangement::Single
        };
        let mut prefix = DEFAULT_PREFIX;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("prefix", value)) if is_prefix(value) => prefix = value,
                Some(("prefix", _)) => {
                    return Err(invalid("prefix has 1 to 64 letters, digits, and characters of -_.:"));
                }
                Some(("cluster", "true")) => arrangement = Arrangement::Cluster,
                Some(("cluster", "false")) if nodes.len() == 1 => {}
                Some(("cluster", _)) => {
                    return Err(invalid("cluster is true or false, and true if there are several hosts"));
                }
                _ => return Err(invalid("the only options are prefix and cluster")),
            }
        }
        if arrangement == Arrangement::Cluster && nodes.iter().any(|node| node.redis_settings().db() != 0) {
            return Err(invalid("a cluster has only database 0"));
        }
        Ok(Self {
            nodes,
            arrangement,
            prefix: prefix.to_owned(),
            hosts: hosts.to_owned(),
            encryption,
        })
    }
}

/// Parses the address of one node.
fn node(text: &str) -> Result<ConnectionInfo, ConnectError> {
    // The client's error does not repeat the address, which may hold a password.
    let info = text
        .into_connection_info()
        .map_err(|error| ConnectError::Address(error.to_string()))?;
    // Pushes, by which messages arrive, are of the third version.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp_settings()))
}

/// Returns the settings of sockets. Small packets are not held back, as they are by default.
pub(super) fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

/// Reports whether a prefix leaves keys as they are meant: without braces, which choose the slot in a cluster.
fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=MAX_PREFIX_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

fn invalid(cause: &str) -> ConnectError {
    ConnectError::Address(cause.to_owned())
}

#[cfg(test)]
mod tests {
    use redis::ConnectionAddr;

    use super::*;

    fn ports(address: &Address) -> Vec<u16> {
        let port = |node: &ConnectionInfo| match node.addr() {
            ConnectionAddr::Tcp(_, port) | ConnectionAddr::TcpTls { port, .. } => *port,
            _ => panic!("a socket file"),
        };
        address.nodes.iter().map(port).collect()
    }

    #[test]
    fn an_address_names_a_node_or_a_cluster() {
        let single = Address::parse("redis://localhost").unwrap();
        assert_eq!(
            (single.arrangement, single.prefix.as_str()),
            (Arrangement::Single, "letsapp")
        );
        assert_eq!(single.encryption, Encryption::None);
        assert_eq!(ports(&single), [6379]);
        let full = Address::parse("rediss://me:secret%23@a.example:7000/3?prefix=chat.eu&cluster=false").unwrap();
        assert_eq!(
            (full.arrangement, full.prefix.as_str()),
            (Arrangement::Single, "chat.eu")
        );
        assert_eq!(
            (full.encryption, full.hosts.as_str()),
            (Encryption::Tls, "a.example:7000")
        );
        let settings = full.nodes[0].redis_settings();
        assert_eq!(
            (settings.username(), settings.password()),
            (Some("me"), Some("secret#"))
        );
        assert_eq!((settings.db(), settings.protocol()), (3, ProtocolVersion::RESP3));
        for cluster in ["redis://:pw@a:1,b:2,c:3", "redis://:pw@a:1,b:2,c:3/?cluster=true"] {
            let cluster = Address::parse(cluster).unwrap();
            assert_eq!(cluster.arrangement, Arrangement::Cluster);
            assert_eq!(ports(&cluster), [1, 2, 3]);
            assert!(
                cluster
                    .nodes
                    .iter()
                    .all(|node| node.redis_settings().password() == Some("pw"))
            );
        }
        let found_through_one = Address::parse("redis://a?cluster=true").unwrap();
        assert_eq!(found_through_one.arrangement, Arrangement::Cluster);
    }

    #[test]
    fn what_would_be_misunderstood_is_refused() {
        for text in [
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://a:x",
            "redis://a,,b",
            "redis://a/one",
            "redis://a?prefix=",
            "redis://a?prefix={tag}",
            "redis://a?cluster=yes",
            "redis://a,b?cluster=false",
            "redis://a/2?cluster=true",
            "redis://a?perfix=x",
            "rediss://a/#insecure",
        ] {
            let refused = Address::parse(text);
            assert!(matches!(refused, Err(ConnectError::Address(_))), "{text}: {refused:?}");
        }
        let refused = Address::parse("redis://me:secret@a:x").unwrap_err();
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}
