//! The time, randomness and the event bus, which running parts need beside the store.

use std::sync::Arc;

use crate::ports::bus::EventBus;
use crate::ports::clock::Clock;
use crate::ports::ids::IdSource;

/// The clock, the source of random bytes and the event bus. Clones share them.
#[derive(Clone)]
pub(crate) struct Runtime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) bus: Arc<dyn EventBus>,
}
