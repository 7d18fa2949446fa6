//! The log lines about security, and what is never in a log.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use common::{Server, exchange, status};
use letsapp_core::LetsApp;
use letsapp_server::Config;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// Address of the client, by the header of a trusted proxy.
const HOME: &str = "198.51.100.7";

/// The log of this thread, on which everything of a test runs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let logs = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_ansi(false)
            .with_target(false);
        (log, tracing::subscriber::set_default(logs.finish()))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns the lines of an event with an outcome.
    fn lines(&self, event: &str, outcome: &str) -> Vec<String> {
        let (event, outcome) = (format!("security=\"{event}\""), format!("outcome=\"{outcome}\""));
        let is_one = |line: &&str| line.contains(&event) && line.contains(&outcome);
        self.text().lines().filter(is_one).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

async fn ask(server: &Server, request: &str, token: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {HOME}\r\n\
         authorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(server.address, head).await;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status(&answer), serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn security_events_are_logged_with_address_account_and_outcome() {
    let (log, _guard) = Log::start();
    let config = Config {
        trusted_proxies: "127.0.0.1".parse().unwrap(),
        ..Config::default()
    };
    let server = Server::with(LetsApp::builder(), config).await;
    let (old, new) = ("a first password", "a second password");
    let (code, made) = ask(
        &server,
        "POST /v1/auth/register",
        "",
        &json!({"username": "ana", "password": old}),
    )
    .await;
    assert_eq!(code, 201);
    let id = made["user"]["id"].as_str().unwrap().to_owned();
    let token = made["tokens"]["access_token"].as_str().unwrap().to_owned();
    let login = async |name: &str, password: &str| {
        ask(
            &server,
            "POST /v1/auth/login",
            "",
            &json!({"username": name, "password": password}),
        )
        .await
    };
    let other = login("ana", old).await.1;
    assert_eq!(login("typed my secret here", "x").await.0, 401);
    let change = json!({"current_password": "wrong", "new_password": new});
    assert_eq!(ask(&server, "POST /v1/auth/password", &token, &change).await.0, 403);
    let change = json!({"current_password": old, "new_password": new});
    assert_eq!(ask(&server, "POST /v1/auth/password", &token, &change).await.0, 204);
    let email = json!({"email": "ana@example.org"});
    assert_eq!(ask(&server, "PATCH /v1/me", &token, &email).await.0, 200);
    // The session of the other device has ended with the password, and a third one is ended by hand.
    let ended = json!({"refresh_token": other["tokens"]["refresh_token"]});
    assert_eq!(ask(&server, "POST /v1/auth/refresh", "", &ended).await.0, 401);
    login("ana", new).await;
    let sessions = ask(&server, "GET /v1/auth/sessions", &token, &json!({})).await.1;
    let third = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["current"] == false)
        .unwrap();
    let revoke = format!("DELETE /v1/auth/sessions/{}", third["id"].as_str().unwrap());
    assert_eq!(ask(&server, &revoke, &token, &json!({})).await.0, 204);
    assert_eq!(ask(&server, "POST /v1/auth/logout", &token, &json!({})).await.0, 204);
    while login("ana", "guess").await.0 != 429 {}

    for (event, outcome, account, least) in [
        ("registration", "done", id.as_str(), 1),
        ("login", "done", "ana", 2),
        ("login", "refused", "(no name)", 1),
        ("login", "refused", "ana", 1),
        ("login", "locked_out", "ana", 1),
        ("password_change", "refused", &id, 1),
        ("password_change", "done", &id, 1),
        ("email_change", "done", &id, 1),
        ("refresh", "refused", "(unknown)", 1),
        ("revocation", "done", &id, 1),
        ("logout", "done", &id, 1),
    ] {
        let lines = log.lines(event, outcome);
        let named: Vec<_> = lines
            .iter()
            .filter(|line| line.contains(&format!("account={account}")))
            .collect();
        assert!(named.len() >= least, "{event} {outcome} {account}: {lines:?}");
        assert!(
            named.iter().all(|line| line.contains(&format!("client={HOME}"))),
            "{named:?}"
        );
    }
    let text = log.text();
    for secret in [
        old,
        new,
        "guess",
        "typed my secret",
        &token,
        ended["refresh_token"].as_str().unwrap(),
    ] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn the_reuse_of_a_refresh_token_is_logged() {
    let (log, _guard) = Log::start();
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let mut token = ana.tokens.refresh_token.clone();
    let first = token.clone();
    for _ in 0..4 {
        let (code, answer) = ask(&server, "POST /v1/auth/refresh", "", &json!({"refresh_token": token})).await;
        assert_eq!(code, 200);
        token = answer["tokens"]["refresh_token"].as_str().unwrap().to_owned();
    }
    assert_eq!(
        ask(&server, "POST /v1/auth/refresh", "", &json!({"refresh_token": first}))
            .await
            .0,
        401
    );
    let lines = log.lines("token_reuse", "revoked");
    let account = format!("account={}", ana.user.id);
    assert!(
        lines.len() == 1 && lines[0].contains(&account) && lines[0].contains("client=127.0.0.1"),
        "{lines:?}"
    );
    assert!(!log.text().contains(&first), "no token is in the log");
}

#[tokio::test]
async fn a_panic_is_one_line() {
    let (log, _guard) = Log::start();
    letsapp_server::prepare_process(&Config::default());
    let long = "x".repeat(100_000);
    let panicked = std::panic::catch_unwind(|| panic!("{long}"));
    // Other tests of this program shall fail as usual.
    let _ = std::panic::take_hook();
    panicked.unwrap_err();
    let text = log.text();
    assert_eq!(
        text.lines().filter(|line| line.contains("a panic")).count(),
        1,
        "{text}"
    );
    assert!(
        text.len() < 2_000 && text.contains("security_log.rs"),
        "{} bytes",
        text.len()
    );
}
