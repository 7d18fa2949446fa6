//! The URL of a server, and the URLs of its routes.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use super::ClientError;

/// The URL of a server: `http://…` or `https://…`, with a path if a proxy serves LetsApp below one.
///
/// ```
/// # use letsapp_cli::Server;
/// let server: Server = "https://chat.example.org/".parse()?;
/// assert_eq!(server.to_string(), "https://chat.example.org");
/// assert!("chat.example.org".parse::<Server>().is_err());
/// # Ok::<_, letsapp_cli::ClientError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server(Url);

impl Server {
    /// Returns `true` if the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns the URL of a route. Each segment of the path is escaped, so that an emoji or a slash stays within its
    /// own.
    pub(crate) fn route(&self, path: &[&str]) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut()
            .expect("an http URL has a path")
            .pop_if_empty()
            .push("v1")
            .extend(path);
        url
    }

    /// Returns the complete address of a link, which is one already or a path on this server.
    pub(crate) fn resolve(&self, link: &str) -> Option<Url> {
        let url = match link.starts_with("/v1/") {
            // Below the server's own path, which a proxy takes off before the server sees it.
            true => Url::parse(&format!("{self}{link}")),
            false => Url::parse(link),
        };
        url.ok().filter(|url| matches!(url.scheme(), "http" | "https"))
    }

    /// Returns the URL of the WebSocket endpoint.
    pub(crate) fn socket(&self) -> String {
        let url = self.route(&["ws"]);
        let rest = url.as_str().strip_prefix("http").expect("the scheme is http or https");
        format!("ws{rest}")
    }
}

impl FromStr for Server {
    type Err = ClientError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ClientError::Url(text.to_owned());
        let url = Url::parse(text).map_err(|_| refused())?;
        // A password in the URL would end up in logs and in the configuration file.
        let plain =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
            Ok(Self(url))
        } else {
            Err(refused())
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_below_the_path_of_the_server() {
        let at_root: Server = "http://127.0.0.1:8080".parse().unwrap();
        assert_eq!(
            at_root.route(&["users", "x"]).as_str(),
            "http://127.0.0.1:8080/v1/users/x"
        );
        let below: Server = "https://example.org/chat/".parse().unwrap();
        assert_eq!(below.route(&["me"]).as_str(), "https://example.org/chat/v1/me");
        assert_eq!(below.socket(), "wss://example.org/chat/v1/ws");
        assert_eq!(at_root.socket(), "ws://127.0.0.1:8080/v1/ws");
    }

    #[test]
    fn a_link_is_complete_or_below_the_path_of_the_server() {
        let below: Server = "https://example.org/chat/".parse().unwrap();
        let resolved = |link| below.resolve(link).map(String::from);
        assert_eq!(
            resolved("/v1/media/x/content?key=1"),
            Some("https://example.org/chat/v1/media/x/content?key=1".to_owned())
        );
        let elsewhere = "https://bucket.example.com/a?signature=b";
        assert_eq!(resolved(elsewhere), Some(elsewhere.to_owned()));
        for link in ["", "file:///etc/passwd", "//example.com/x", "media/x"] {
            assert_eq!(resolved(link), None, "{link}");
        }
    }

    #[test]
    fn an_emoji_and_a_slash_stay_within_a_segment() {
        let server: Server = "http://localhost".parse().unwrap();
        let url = server.route(&["reactions", "❤/?#"]);
        assert_eq!(url.path(), "/v1/reactions/%E2%9D%A4%2F%3F%23");
    }

    #[test]
    fn only_http_urls_without_credentials_and_query_are_servers() {
        for text in [
            "",
            "localhost:8080",
            "ftp://x",
            "ws://x",
            "http://a:b@x",
            "http://x?q",
            "http://x#f",
        ] {
            assert!(matches!(text.parse::<Server>(), Err(ClientError::Url(_))), "{text}");
        }
    }
}
