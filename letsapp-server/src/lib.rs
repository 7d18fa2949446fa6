//! The LetsApp server: HTTP, WebSocket and a web client over [`letsapp_core`].
//!
//! [`run`] serves an application on listeners until it is asked to shut down; [`compose::open`] builds the application
//! that a [`Config`] describes. The rules of the product are in the core: routes and socket parse a request, call a
//! service, and write the result.

mod address_slots;
mod admin;
mod admin_hosts;
mod api;
mod asyncapi;
mod client_connection;
mod client_stream;
pub mod commands;
pub mod compose;
pub mod config;
mod error;
pub mod file_keys;
mod idle_connections;
mod lingering;
mod middleware;
mod openapi;
mod private_file;
mod rate_limits;
mod request_check;
mod response;
mod security_log;
mod serve;
mod server_context;
pub mod signals;
mod streamed_body;
mod telemetry;
#[cfg(test)]
mod testing;
mod unread_body;
mod web;
mod ws;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use admin_hosts::AdminHosts;
use letsapp_core::LetsApp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

use address_slots::AddressSlots;
pub use config::Config;
use middleware::Middleware;
use rate_limits::RequestInspector;
use serve::{AddressCapacity, Capacity};
use server_context::ServerContext;

/// Time that requests and sockets have to end once the server shuts down. `docker stop` kills a process 10 s after
/// SIGTERM; together with [`APP_SHUTDOWN_TIMEOUT`] this stays below.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);

/// Time that the application then has to write pending data and close its store: the rest of the 10 s, less a margin.
const APP_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Maximum number of concurrent connections on the admin listener: monitoring needs few, and sockets are not served
/// there. An idle one makes room for the next.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// The bound sockets of a server.
#[derive(Debug)]
pub struct Listeners {
    /// Serves the API, the socket and the web client.
    pub public: TcpListener,
    /// Serves `/metrics` and health checks to operators.
    pub admin: TcpListener,
}

impl Listeners {
    /// Binds the addresses of a configuration.
    ///
    /// # Errors
    /// If an address can't be bound; the error names it.
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

    /// Returns the line for standard output with the addresses that the server listens on. Scripts read the ports from
    /// it when the configuration asks for port 0.
    ///
    /// # Errors
    /// If the operating system can't report an address.
    pub fn announcement(&self) -> io::Result<String> {
        let (public, admin) = (self.public.local_addr()?, self.admin.local_addr()?);
        Ok(format!(
            "letsapp-server listening on http://{public}, admin on http://{admin}"
        ))
    }
}

/// Prepares the process for a server: starts logging to standard error, panics included, and raises the soft limit of
/// open files to the hard limit, since every socket takes a file descriptor.
pub fn prepare_process(config: &Config) {
    telemetry::log(config.log_format);
    telemetry::log_panics();
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files; continuing with the current limit");
    }
}

/// Serves an application until `shutdown` completes. Then it accepts no more connections, answers the requests in
/// flight, closes the sockets with code 1001, and shuts the application down.
///
/// The limits are those of the application, if its [builder](letsapp_core::LetsAppBuilder::limits) has set any, and
/// else those of the configuration: for requests as for adding people to groups.
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
    let server = ServerContext::with_limits(app.clone(), config.limits_in_force());
    let server = Arc::new(server.with_max_sockets_per_user(config.max_sockets_per_user));
    let (routes, served) = api::routes(&server);
    let slots = AddressSlots::new(config.max_connections_per_address);
    let inspector = RequestInspector::new(
        config.trusted_proxies.clone(),
        config.forwarded_header,
        Arc::clone(&slots),
    );
    let public = Middleware::new(&server, routes, served).with_rate_limits(inspector);
    let (routes, served) = admin::routes(&server);
    let hosts = AdminHosts::new(&config.admin_listen, &config.admin_hosts);
    let admin = Middleware::new(&server, routes, served).with_hosts(hosts);
    tokio::spawn(serve::serve(
        listeners.public,
        public,
        Capacity {
            connections: config.max_connections,
            of_address: Some(AddressCapacity {
                slots,
                proxies: config.trusted_proxies.clone(),
            }),
        },
        server.shutdown_signal(),
    ));
    tokio::spawn(serve::serve(
        listeners.admin,
        admin,
        Capacity {
            connections: MAX_ADMIN_CONNECTIONS,
            of_address: None,
        },
        server.shutdown_signal(),
    ));

    shutdown.await;
    tracing::info!("shutting down");
    // Connections end before the application does, since requests in flight still need its store.
    if tokio::time::timeout(DRAIN_TIMEOUT, server.shut_down()).await.is_err() {
        tracing::warn!("some connections did not end in time and are dropped");
    }
    if tokio::time::timeout(APP_SHUTDOWN_TIMEOUT, app.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("the application did not shut down in time; exiting anyway");
    }
}
