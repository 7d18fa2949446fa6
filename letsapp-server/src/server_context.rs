//! The state that all requests share: the application, metrics, rate limits and the shutdown signal.

use std::sync::Arc;

use http::HeaderValue;
use letsapp_core::LetsApp;
use letsapp_core::domain::limit::Table;
use letsapp_core::engine::limiter::Limiter;
use tokio::sync::{OnceCell, watch};

use crate::config::DEFAULT_MAX_SOCKETS_PER_USER;
use crate::telemetry::Meters;
use crate::web;

/// The state that all requests share.
pub(crate) struct ServerContext {
    /// The application.
    pub(crate) app: LetsApp,
    /// Metrics that are updated for every frame.
    pub(crate) meters: Meters,
    /// Counts requests per client and user against the rate limits, those of login attempts included. The application
    /// counts with it as well.
    pub(crate) limiter: Arc<Limiter>,
    /// Maximum number of open sockets of one user.
    pub(crate) max_sockets_per_user: usize,
    /// Policy of the web client's page, once it is known.
    web_policy: OnceCell<HeaderValue>,
    /// True once the server shuts down. Each receiver is a [`ShutdownSignal`].
    shutting_down: watch::Sender<bool>,
}

/// Signals to one part of the server, such as a socket, that the server shuts down. [`ServerContext::shut_down`] waits
/// until every signal is dropped, so a part keeps its signal until it has ended.
#[derive(Clone)]
pub(crate) struct ShutdownSignal(watch::Receiver<bool>);

impl ServerContext {
    /// Creates the state of a server with the rate limits of the application, or the default ones if it has none.
    #[cfg(test)]
    pub(crate) fn new(app: LetsApp) -> Self {
        Self::with_limits(app, Table::default())
    }

    /// Creates the state of a server with the rate limits of the application, or else with these.
    pub(crate) fn with_limits(app: LetsApp, table: Table) -> Self {
        Self {
            limiter: app.limiter_or(table),
            app,
            meters: Meters::new(),
            max_sockets_per_user: DEFAULT_MAX_SOCKETS_PER_USER,
            web_policy: OnceCell::new(),
            shutting_down: watch::Sender::new(false),
        }
    }

    /// Replaces the maximum number of sockets of one user.
    pub(crate) fn with_max_sockets_per_user(self, max_sockets_per_user: usize) -> Self {
        Self {
            max_sockets_per_user,
            ..self
        }
    }

    /// Returns the content security policy of the web client. It names the place of uploaded files, which takes the
    /// credentials of a bucket: while those can't be had, the page shows no files, and the next request tries again.
    pub(crate) async fn web_policy(&self) -> HeaderValue {
        let policy = |origin: Option<String>| {
            let policy = web::content_security_policy(origin.as_deref());
            HeaderValue::from_str(&policy).expect("an origin is visible ASCII, and so is the rest")
        };
        let known = self
            .web_policy
            .get_or_try_init(|| async { self.app.media().origin().await.map(policy) });
        match known.await {
            Ok(policy) => policy.clone(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the place of files is not known"
                );
                policy(None)
            }
        }
    }

    /// Returns a shutdown signal for one part of the server.
    pub(crate) fn shutdown_signal(&self) -> ShutdownSignal {
        ShutdownSignal(self.shutting_down.subscribe())
    }

    /// Signals the shutdown to every part of the server, and waits until all have ended.
    pub(crate) async fn shut_down(&self) {
        self.shutting_down.send_replace(true);
        self.shutting_down.closed().await;
    }
}

impl ShutdownSignal {
    /// Waits until the server shuts down.
    pub(crate) async fn received(&mut self) {
        // An error means that the server was dropped without a shutdown, which ends its parts as well.
        let _ = self.0.wait_for(|shutting_down| *shutting_down).await;
    }
}
