//! A server, a bad network, and people.

mod command;
mod proxy;
mod server;

use std::time::Duration;

use letsapp_cli::id::ConversationId;
use letsapp_cli::protocol::Message;
use letsapp_cli::requests::{Password, Register};
use letsapp_cli::{Backoff, Client, Live, Update, Updates};
use letsapp_core::users::Username;

pub(crate) use command::Cli;
pub(crate) use proxy::Proxy;
pub(crate) use server::Server;

/// How long anything may take before a test gives up.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Dials again at once, or nearly.
pub(crate) const FAST_BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(10),
    max: Duration::from_millis(50),
    reset_after: Duration::from_secs(1),
};

pub(crate) const PASSWORD: &str = "a long password";

/// Signs somebody up, by a client that speaks to `url`.
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

/// Two people who have a chat.
pub(crate) struct Pair {
    pub(crate) ana: Client,
    pub(crate) ben: Client,
    pub(crate) chat: ConversationId,
}

impl Pair {
    /// Signs both up; Ana by way of another address, if there is one.
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

/// Starts a live connection and waits until it follows.
pub(crate) async fn connect(client: &Client) -> (Live, Updates) {
    let (live, mut updates) = client.live().backoff(FAST_BACKOFF).start();
    wait_for(&mut updates, |update| matches!(update, Update::CaughtUp)).await;
    (live, updates)
}

/// Waits for an update, and returns it.
pub(crate) async fn wait_for(updates: &mut Updates, matches: impl Fn(&Update) -> bool) -> Update {
    let found = async {
        loop {
            let update = updates.next().await.expect("the stream has not ended");
            if matches(&update) {
                return update;
            }
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, found)
        .await
        .expect("it came in time")
}

/// Waits for the next message, new or changed.
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
