//! The hosts by which the admin listener may be addressed.
//!
//! A web page can let its own name resolve to 127.0.0.1 and then read what it likes from a listener on loopback,
//! through the browser of somebody on that machine (DNS rebinding). The browser sends that name in `Host`, which gives
//! it away.

use std::net::IpAddr;

use http::header::HOST;
use http::{HeaderMap, StatusCode};

use crate::request_check::Refusal;

/// Names of the admin listener. Addresses and `localhost` are none of a web page's, and always accepted.
#[derive(Clone, Debug)]
pub(crate) struct AdminHosts(Vec<String>);

impl AdminHosts {
    /// Creates the list from the listener's own address, as `HOST:PORT`, and more names.
    pub(crate) fn new(listen: &str, more: &[String]) -> Self {
        let own = without_port(listen).to_owned();
        Self(more.iter().cloned().chain([own]).collect())
    }

    /// Checks the header `Host` of a request.
    ///
    /// # Errors
    /// Refuses with 421 (Misdirected Request) if it names another host.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        // Browsers always send the header; clients of HTTP/1.0 have none.
        let Some(host) = headers.get(HOST) else { return Ok(()) };
        if host.to_str().is_ok_and(|host| self.accepts(without_port(host))) {
            return Ok(());
        }
        tracing::warn!(
            host = %String::from_utf8_lossy(host.as_bytes()).chars().take(64).collect::<String>(),
            "refused a request on the admin listener for another host; LETSAPP_ADMIN_HOSTS adds names"
        );
        Err(Refusal::Status(StatusCode::MISDIRECTED_REQUEST))
    }

    fn accepts(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self.0.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// Returns the host of `HOST:PORT` or `HOST`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_addresses_and_own_names_are_accepted() {
        let hosts = AdminHosts::new("metrics.internal:8081", &["letsapp".to_owned()]);
        for (host, accepted) in [
            ("127.0.0.1:8081", true),
            ("127.0.0.1", true),
            ("[::1]:8081", true),
            ("[::1]", true),
            ("10.0.0.7:8081", true),
            ("localhost:8081", true),
            ("LocalHost", true),
            ("metrics.internal:8081", true),
            ("letsapp:8081", true),
            ("evil.example", false),
            ("evil.example:8081", false),
            ("localhost.evil.example:8081", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            assert_eq!(hosts.check(&headers).is_ok(), accepted, "{host:?}");
        }
        assert!(hosts.check(&HeaderMap::new()).is_ok());
    }
}
