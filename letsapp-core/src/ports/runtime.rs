//! The surroundings of the running parts, apart from the store.

use std::sync::Arc;

use crate::ports::bus::EventBus;
use crate::ports::clock::Clock;
use crate::ports::ids::IdSource;

/// The time, randomness and the event bus, for all parts that need them. Clones share them.
#[derive(Clone)]
pub(crate) struct Runtime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) bus: Arc<dyn EventBus>,
}
