//! What accounts and sessions stand on.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Key, SessionRepository};
use crate::event::EventBus;
use crate::id::IdSource;
use crate::time::Clock;
use crate::users::UserRepository;

/// What [`AuthService`](crate::auth::AuthService) works with.
pub(crate) struct Ports {
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) sessions: Arc<dyn SessionRepository>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    /// Newest first.
    pub(crate) access_keys: Vec<Key>,
    /// Newest first.
    pub(crate) refresh_keys: Vec<Key>,
    pub(crate) access_ttl: Duration,
    pub(crate) refresh_ttl: Duration,
}
