//! Servers, a proxy that simulates network failures, and users.

mod command;
mod proxy;
mod server;

use std::time::Duration;

use letsapp_cli::id::ConversationId;
use letsapp_cli::protocol::Message;
use letsapp_cli::requests::{Password, Register};
use letsapp_cli::{Backoff, Client, Live, Update, Updates};
use letsapp_core::domain::user::Username;

pub(crate) use command::{Cli, ana_and_ben};
pub(crate) use proxy::Proxy;
pub(crate) use server::Server;

/// Limit for anything that a test waits for. Only reached when a test fails, so it is long enough for a busy CI
/// machine.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Delays that keep the tests fast.
pub(crate) const FAST_BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(10),
    max: Duration::from_millis(50),
    reset_after: Duration::from_secs(1),
};

pub(crate) const PASSWORD: &str = "a long password";

/// Registers a user at the server, or the proxy, at `url`.
pub(crate) async fn sign_up(url: &str, username: &str) -> Client {
    let client = Client::new(url).unwrap();
    client.register(&registration(username)).await.unwrap();
    client
}

pub(crate) fn registration(username: &str) -> Register {
    Register {
        username: Username::parse(username).unwrap(),
        password: Password::parse(PASSWORD).unwrap(),
        display_name: None,
        email: None,
        device_name: Some("test".to_owned()),
    }
}

/// Two users with a direct conversation.
pub(crate) struct Pair {
    pub(crate) ana: Client,
    pub(crate) ben: Client,
    pub(crate) chat: ConversationId,
}

impl Pair {
    /// Registers both users, Ana through `ana_url` if it is given.
    pub(crate) async fn sign_up(server: &Server, ana_url: Option<&str>) -> Self {
        let url = server.url();
        let ana = sign_up(ana_url.unwrap_or(&url), "ana").await;
        let ben = sign_up(&url, "ben").await;
        let chat = ben
            .direct_conversation(ana.me().await.unwrap().user.id)
            .await
            .unwrap()
            .id;
        Self { ana, ben, chat }
    }
}

/// Opens a live connection and waits until it has caught up.
pub(crate) async fn connect(client: &Client) -> (Live, Updates) {
    let (live, mut updates) = client.live().backoff(FAST_BACKOFF).start();
    wait_for(&mut updates, |update| matches!(update, Update::CaughtUp)).await;
    (live, updates)
}

/// Returns the next update that `matches`.
pub(crate) async fn wait_for(updates: &mut Updates, matches: impl Fn(&Update) -> bool) -> Update {
    let found = async {
        loop {
            let update = updates.next().await.expect("the stream is open");
            if matches(&update) {
                return update;
            }
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, found)
        .await
        .expect("an update before the timeout")
}

/// Returns the next new or changed message.
pub(crate) async fn next_message(updates: &mut Updates) -> (&'static str, Message) {
    match wait_for(updates, |update| {
        matches!(update, Update::Message(_) | Update::MessageChanged(_))
    })
    .await
    {
        Update::Message(message) => ("new", message),
        Update::MessageChanged(message) => ("changed", message),
        update => unreachable!("{update:?}"),
    }
}
