//! What every request can reach.

use letsapp_core::LetsApp;
use tokio::sync::watch;

use crate::telemetry::Meters;

/// The application, and the server around it.
pub(crate) struct Context {
    /// The application.
    pub(crate) app: LetsApp,
    /// What the server counts.
    pub(crate) meters: Meters,
    /// Whether the server is going away.
    closing: watch::Sender<bool>,
}

/// A part of the server that ends when the server goes away; the server waits until it is dropped.
#[derive(Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Context {
    /// Puts a server's parts together.
    pub(crate) fn new(app: LetsApp) -> Self {
        Self {
            app,
            meters: Meters::new(),
            closing: watch::Sender::new(false),
        }
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
