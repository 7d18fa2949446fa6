//! The typed client: HTTP here and in [`routes`], the socket in [`live`].

mod error;
mod http;
pub(crate) mod live;
mod routes;
mod server;
mod session;
mod tls;
mod token_file;
mod token_store;

use std::sync::Arc;

use letsapp_core::id::{IdSource, SystemIds};
use letsapp_core::time::{Clock, SystemClock};
use uuid::Uuid;

pub use error::ClientError;
pub use routes::{HistoryRange, Page, collect_pages};
pub use server::Server;
pub use token_file::FileTokens;
pub use token_store::{MemoryTokens, TokenStore};

pub(crate) use error::is_temporary;
pub(crate) use http::Http;
pub(crate) use token_file::{make_private_directory, replace_private_file};

/// A user's way to a server. Cheap to clone; clones share connections and tokens.
///
/// Each method is one route. Access tokens are refreshed as they expire, once for all requests that wait for it.
///
/// ```no_run
/// # use letsapp_cli::{Client, Page};
/// # use letsapp_cli::requests::{Login, Password};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new("http://127.0.0.1:8080")?;
/// let login = Login {
///     username: "ana".to_owned(),
///     password: Password::presented("correct horse").map_err(|_| "too long")?,
///     device_name: Some("reporter".to_owned()),
/// };
/// client.login(&login).await?;
///
/// for ben in client.find_users("ben", Page::default()).await?.items {
///     let chat = client.direct_conversation(ben.id).await?;
///     client.send_text(chat.id, "Hello!").await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    http: Arc<Http>,
}

/// Puts a [`Client`] together.
#[derive(Debug)]
pub struct ClientBuilder {
    server: String,
    tokens: Arc<dyn TokenStore>,
    user_agent: String,
}

impl Client {
    /// Makes a client that keeps its tokens in memory.
    ///
    /// # Errors
    /// [`ClientError::Url`] when `server` is no `http://` or `https://` address.
    pub fn new(server: impl Into<String>) -> Result<Self, ClientError> {
        Self::builder(server).build()
    }

    /// Begins a client of the server at that address.
    pub fn builder(server: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            server: server.into(),
            tokens: Arc::new(MemoryTokens::default()),
            user_agent: concat!("letsapp/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Returns the server's address.
    pub fn server(&self) -> &Server {
        &self.http.server
    }
}

impl ClientBuilder {
    /// Keeps the tokens there, so that a later run is still signed in.
    #[must_use]
    pub fn tokens(self, tokens: Arc<dyn TokenStore>) -> Self {
        Self { tokens, ..self }
    }

    /// Names the program to the server: `mybot/1.0`.
    #[must_use]
    pub fn user_agent(self, user_agent: impl Into<String>) -> Self {
        Self {
            user_agent: user_agent.into(),
            ..self
        }
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Url`] when the server's address is no `http://` or `https://` one.
    pub fn build(self) -> Result<Client, ClientError> {
        let http = Http::new(self.server.parse()?, self.user_agent, self.tokens)?;
        Ok(Client { http: Arc::new(http) })
    }
}

/// Mints an id that sorts by time, as is advised for what a client names.
pub(crate) fn new_id() -> Uuid {
    let ids: &dyn IdSource = &SystemIds;
    ids.timed(SystemClock.now())
}
