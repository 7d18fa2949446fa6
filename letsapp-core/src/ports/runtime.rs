//! The time, randomness, the sink of events and the connected users, which running parts need beside the store.

use std::sync::Arc;

use crate::ports::clock::Clock;
use crate::ports::connections::Connections;
use crate::ports::events::EventSink;
use crate::ports::ids::IdSource;

/// The clock, the source of random bytes, the sinks of events and the connected users. Clones share them.
#[derive(Clone)]
pub(crate) struct Runtime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    /// Delivers events to connections to any server.
    pub(crate) sink: Arc<dyn EventSink>,
    /// Delivers events to connections to this server alone.
    pub(crate) local: Arc<dyn EventSink>,
    pub(crate) connections: Arc<dyn Connections>,
}
