//! The time, randomness, the event bus and the connected users, which running parts need beside the store.

use std::sync::Arc;

use crate::ports::bus::EventBus;
use crate::ports::clock::Clock;
use crate::ports::connections::Connections;
use crate::ports::ids::IdSource;

/// The clock, the source of random bytes, the event bus and the connected users. Clones share them.
#[derive(Clone)]
pub(crate) struct Runtime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) connections: Arc<dyn Connections>,
}
