//! Rate limits of the server, with real connections and a virtual clock.

#![allow(clippy::unwrap_used, reason = "what goes wrong in a test is a panic")]

#[path = "../common/mod.rs"]
mod common;
mod credentials;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use common::{Server, exchange, header, status};
use letsapp_core::LetsApp;
use letsapp_core::domain::limit::{Class, Quota};
use letsapp_core::protocol::SignedIn;
use letsapp_core::{domain::timestamp::Timestamp, ports::ManualClock};
use letsapp_server::Config;
use serde_json::{Value, json};

const HOME: &str = "198.51.100.1";
const PASSWORD: &str = "a long password";

/// A server behind a proxy on loopback, and its clock.
struct World {
    server: Server,
    clock: Arc<ManualClock>,
}

impl World {
    /// Starts a server with these limits in place of the defaults.
    async fn with(limits: &[(Class, u32, u64)]) -> Self {
        let mut config = Config {
            trusted_proxies: "127.0.0.1".parse().unwrap(),
            ..Config::default()
        };
        for (class, amount, seconds) in limits {
            config
                .limit_table
                .set(*class, Quota::new(*amount, Duration::from_secs(*seconds)));
        }
        Self::configured(config).await
    }

    async fn configured(config: Config) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
        let builder = LetsApp::builder().clock(clock.clone());
        let server = Server::with(builder, config).await;
        Self { server, clock }
    }

    /// Sends a request through the proxy, with additional headers, and returns the response.
    async fn send(&self, request: &str, from: &str, headers: &str, body: &str) -> String {
        let request = format!(
            "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {from}\r\n{headers}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(self.server.address, request).await
    }

    /// Sends a request as a signed-in user.
    async fn ask(&self, who: &SignedIn, request: &str, body: &Value) -> String {
        let authorization = format!("authorization: Bearer {}\r\n", who.tokens.access_token);
        self.send(request, HOME, &authorization, &body.to_string()).await
    }

    async fn login(&self, from: &str, username: &str, password: &str) -> String {
        let body = json!({"username": username, "password": password}).to_string();
        self.send("POST /v1/auth/login", from, "", &body).await
    }
}

/// Checks that a response is a refusal by a rate limit, and returns the seconds of its `Retry-After`.
#[track_caller]
fn waits(answer: &str) -> u64 {
    assert_eq!(status(answer), 429, "{answer}");
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"));
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&problem["code"], &problem["status"]),
        (&json!("rate_limited"), &json!(429))
    );
    assert!(
        problem["detail"].as_str().unwrap().contains("try again in"),
        "{problem}"
    );
    assert!(problem.get("retry_after").is_none(), "that is said in a header");
    header(answer, "retry-after").unwrap().parse().unwrap()
}
