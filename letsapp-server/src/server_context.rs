//! What every request can reach.

use std::sync::Arc;

use letsapp_core::LetsApp;
use letsapp_core::{domain::limit::Table, engine::limiter::Limiter};
use tokio::sync::watch;

use crate::telemetry::Meters;

/// The application, and the server around it.
pub(crate) struct ServerContext {
    /// The application.
    pub(crate) app: LetsApp,
    /// What the server counts.
    pub(crate) meters: Meters,
    /// Who has done what how often.
    pub(crate) limiter: Limiter,
    /// Whether the server is going away.
    shutting_down: watch::Sender<bool>,
}

/// A part of the server that ends when the server goes away; the server waits until it is dropped.
#[derive(Clone)]
pub(crate) struct ShutdownSignal(watch::Receiver<bool>);

impl ServerContext {
    /// Puts a server's parts together, with the limits as they are by default.
    pub(crate) fn new(app: LetsApp) -> Self {
        Self {
            limiter: Limiter::new(Table::default(), Arc::clone(app.clock())),
            app,
            meters: Meters::new(),
            shutting_down: watch::Sender::new(false),
        }
    }

    /// Goes by these limits instead.
    pub(crate) fn with_limits(self, table: Table) -> Self {
        let limiter = Limiter::new(table, Arc::clone(self.app.clock()));
        Self { limiter, ..self }
    }

    /// Returns what tells a part of the server that it shall end.
    pub(crate) fn shutdown_signal(&self) -> ShutdownSignal {
        ShutdownSignal(self.shutting_down.subscribe())
    }

    /// Tells every part of the server to end, and waits until all have.
    pub(crate) async fn shut_down(&self) {
        self.shutting_down.send_replace(true);
        self.shutting_down.closed().await;
    }
}

impl ShutdownSignal {
    /// Waits until the server goes away.
    pub(crate) async fn received(&mut self) {
        // Without a sender there is no server any more.
        let _ = self.0.wait_for(|shutting_down| *shutting_down).await;
    }
}
