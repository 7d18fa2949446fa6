//! Several servers on one MongoDB database, connected by its change streams.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]
#![allow(dead_code, reason = "the fixture serves the tests that run in memory too")]

mod delivery;
mod facts;
mod servers;

use std::sync::Arc;

use letsapp_core::LetsAppBuilder;
use letsapp_core::adapters::mongodb::{MongoBus, MongoStore};
use letsapp_core::ports::{Clock, EventBus};

use crate::servers::Installation;

/// Creates an installation on a new database of the shared MongoDB. Without MongoDB, of which the test kit warns, there is
/// none.
async fn installation(_: Arc<dyn Clock>) -> Option<Installation> {
    let uri = letsapp_testkit::mongodb::shared()?.unique_database_uri();
    let bus: Arc<dyn EventBus> = Arc::new(MongoBus::connect(&uri).await.unwrap());
    let with_store = move |builder: LetsAppBuilder| {
        let uri = uri.clone();
        Box::pin(async move { builder.store(MongoStore::connect(&uri).await.unwrap()) }) as _
    };
    Some(Installation {
        with_store: Box::new(with_store),
        bus,
    })
}
