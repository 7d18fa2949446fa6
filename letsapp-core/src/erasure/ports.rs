//! What the end of accounts stands on.

use std::sync::Arc;

use crate::auth::Sessions;
use crate::contacts::ContactRepository;
use crate::conversations::ConversationRepository;
use crate::conversations::dating::Dating;
use crate::conversations::lane::Lanes;
use crate::conversations::rosters::Rosters;
use crate::conversations::view::Views;
use crate::event::EventBus;
use crate::id::IdSource;
use crate::time::Clock;
use crate::users::UserRepository;

/// What [`ErasureService`](crate::erasure::ErasureService), and what goes on in the background, work with.
pub(crate) struct Ports {
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) contacts: Arc<dyn ContactRepository>,
    pub(crate) conversations: Arc<dyn ConversationRepository>,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) views: Arc<Views>,
    pub(crate) dating: Arc<Dating>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}
