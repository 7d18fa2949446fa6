//! The LetsApp server: HTTP, WebSocket and a web client over [`letsapp_core`].
//!
//! [`run`] serves an application on listeners until it is told to stop; [`compose::open`] builds the application that a
//! [`Config`] asks for. What is not here: rules. Routes and socket parse, call a service, and write what it returns.

mod admin;
mod api;
mod asyncapi;
mod client_connection;
pub mod compose;
pub mod config;
mod error;
pub mod file_keys;
mod middleware;
mod openapi;
mod rate_limits;
mod response;
mod serve;
mod server_context;
mod telemetry;
#[cfg(test)]
mod testing;
mod web;
mod ws;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use letsapp_core::LetsApp;
use letsapp_core::domain::limit::Table;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

pub use config::Config;
use config::Limits;
use middleware::Middleware;
use rate_limits::RequestInspector;
use server_context::ServerContext;

/// How long requests and sockets may take to end once the server goes away.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);

/// How long the application may take to put everything away after that.
const APP_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(2_500);

/// How many connections the admin listener takes.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// Where a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub public: TcpListener,
    /// For those who run the server.
    pub admin: TcpListener,
}

impl Listeners {
    /// Binds the addresses that a configuration names.
    ///
    /// # Errors
    /// When one can't be bound; the error names it.
    pub async fn bind(config: &Config) -> io::Result<Self> {
        let bind = async |address: &str| {
            let bound = TcpListener::bind(address).await;
            bound.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
        };
        Ok(Self {
            public: bind(&config.listen).await?,
            admin: bind(&config.admin_listen).await?,
        })
    }

    /// Returns the line that tells where the server listens.
    ///
    /// # Errors
    /// When the operating system does not know.
    pub fn announcement(&self) -> io::Result<String> {
        let (public, admin) = (self.public.local_addr()?, self.admin.local_addr()?);
        Ok(format!(
            "letsapp-server listening on http://{public}, admin on http://{admin}"
        ))
    }
}

/// Prepares the process for a server: it logs to standard error as a configuration says, and may open as many files as
/// the system lets it, since every socket is one.
pub fn prepare_process(config: &Config) {
    telemetry::log(config.log_format);
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Serves an application until `shutdown` is done: then no connection is taken any more, requests in flight are
/// answered, sockets are told, and the application is shut down.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use letsapp_server::{Config, Listeners, run};
///
/// let anywhere = || "127.0.0.1:0".to_owned();
/// let config = Config { listen: anywhere(), admin_listen: anywhere(), ..Config::default() };
/// let listeners = Listeners::bind(&config).await?;
/// println!("{}", listeners.announcement()?);
/// let app = letsapp_core::LetsApp::in_memory().await?;
/// # let ctrl_c = async {};
/// run(app, &config, listeners, ctrl_c).await;
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub async fn run(app: LetsApp, config: &Config, listeners: Listeners, shutdown: impl Future<Output = ()>) {
    let table = match config.limits {
        Limits::On => config.limit_table,
        Limits::Off => Table::UNLIMITED,
    };
    let server = Arc::new(ServerContext::new(app.clone()).with_limits(table));
    let (routes, served) = api::routes(&server);
    let inspector = RequestInspector::new(config.trusted_proxies.clone(), config.forwarded_header);
    let public = Middleware::new(&server, routes, served).with_rate_limits(inspector);
    let (routes, served) = admin::routes(&server);
    let admin = Middleware::new(&server, routes, served);
    tokio::spawn(serve::serve(
        listeners.public,
        public,
        config.max_connections,
        server.shutdown_signal(),
    ));
    tokio::spawn(serve::serve(
        listeners.admin,
        admin,
        MAX_ADMIN_CONNECTIONS,
        server.shutdown_signal(),
    ));

    shutdown.await;
    tracing::info!("going away");
    if tokio::time::timeout(DRAIN_TIMEOUT, server.shut_down()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
    if tokio::time::timeout(APP_SHUTDOWN_TIMEOUT, app.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("the application did not shut down in time");
    }
}
