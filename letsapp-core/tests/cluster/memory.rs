//! Several servers on one store in memory, connected by the bus of one process.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is a finding")]

mod apart;
mod deaths;
mod delivery;
mod facts;
mod faulty;
mod losses;
mod servers;

use std::sync::Arc;

use letsapp_core::LetsAppBuilder;
use letsapp_core::adapters::memory::{MemoryBus, MemoryStore};
use letsapp_core::ports::{Clock, EventBus};

use crate::servers::Installation;

/// Creates an installation: a store that servers share, and its bus.
#[expect(clippy::unused_async, reason = "the real ones connect")]
async fn installation(clock: Arc<dyn Clock>) -> Option<Installation> {
    let store = MemoryStore::new();
    let bus: Arc<dyn EventBus> = Arc::new(MemoryBus::new(clock));
    let with_store = move |builder: LetsAppBuilder| {
        let builder = builder.store(store.another());
        Box::pin(std::future::ready(builder)) as _
    };
    Some(Installation {
        with_store: Box::new(with_store),
        bus,
    })
}
