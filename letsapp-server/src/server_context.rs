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
    closing: watch::Sender<bool>,
}

/// A part of the server that ends when the server goes away; the server waits until it is dropped.
#[derive(Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl ServerContext {
    /// Puts a server's parts together, with the limits as they are by default.
    pub(crate) fn new(app: LetsApp) -> Self {
        Self {
            limiter: Limiter::new(Table::default(), Arc::clone(app.clock())),
            app,
            meters: Meters::new(),
            closing: watch::Sender::new(false),
        }
    }

    /// Goes by these limits instead.
    pub(crate) fn limited_by(self, table: Table) -> Self {
        let limiter = Limiter::new(table, Arc::clone(self.app.clock()));
        Self { limiter, ..self }
    }

    /// Returns what tells a part of the server that it shall end.
    pub(crate) fn closing(&self) -> Closing {
        Closing(self.closing.subscribe())
    }

    /// Tells every part of the server to end, and waits until all have.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        self.closing.closed().await;
    }
}

impl Closing {
    /// Waits until the server goes away.
    pub(crate) async fn begun(&mut self) {
        // Without a sender there is no server any more.
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}
