//! The typed client: [`routes`] for requests over HTTP, [`live`] for the WebSocket connection.

mod error;
mod http;
pub(crate) mod live;
mod routes;
mod server;
mod session;
mod tls;
mod token_file;
mod token_store;
mod transfer;

use std::sync::Arc;

use letsapp_core::ports::{Clock, IdSource, SystemClock, SystemIds};
use uuid::Uuid;

pub use error::ClientError;
pub use routes::{HistoryRange, Page, collect_pages};
pub use server::Server;
pub use token_file::FileTokens;
pub use token_store::{MemoryTokens, TokenStore};
pub use transfer::{Download, Existing, Progress, Upload};

pub(crate) use error::is_temporary;
pub(crate) use http::Http;
pub(crate) use token_file::{make_private_directory, replace_private_file};

/// A client of one server, signed in as one user at most. Cheap to clone; clones share connections and tokens.
///
/// Each method is one route of the API. Expired access tokens are refreshed automatically, once for all requests that
/// wait.
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

/// Builder of a [`Client`].
#[derive(Debug)]
pub struct ClientBuilder {
    server: String,
    tokens: Arc<dyn TokenStore>,
    user_agent: String,
}

impl Client {
    /// Creates a client that keeps its tokens in memory.
    ///
    /// # Errors
    /// [`ClientError::Url`] if `server` is not an `http://` or `https://` URL.
    pub fn new(server: impl Into<String>) -> Result<Self, ClientError> {
        Self::builder(server).build()
    }

    /// Returns a builder for a client of the server at this URL.
    pub fn builder(server: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            server: server.into(),
            tokens: Arc::new(MemoryTokens::default()),
            user_agent: concat!("letsapp/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Returns the server's URL.
    pub fn server(&self) -> &Server {
        &self.http.server
    }
}

impl ClientBuilder {
    /// Sets the store of the tokens. With a persistent one, the program is still signed in when it runs again.
    #[must_use]
    pub fn tokens(self, tokens: Arc<dyn TokenStore>) -> Self {
        Self { tokens, ..self }
    }

    /// Sets the `User-Agent` header, such as `mybot/1.0`.
    #[must_use]
    pub fn user_agent(self, user_agent: impl Into<String>) -> Self {
        Self {
            user_agent: user_agent.into(),
            ..self
        }
    }

    /// Builds the client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Url`] if the server's URL is not an `http://` or `https://` one.
    pub fn build(self) -> Result<Client, ClientError> {
        let http = Http::new(self.server.parse()?, self.user_agent, self.tokens)?;
        Ok(Client { http: Arc::new(http) })
    }
}

/// Generates a UUIDv7. Ids that sort by time keep the server's indexes compact.
pub(crate) fn new_id() -> Uuid {
    let ids: &dyn IdSource = &SystemIds;
    ids.timed(SystemClock.now())
}
