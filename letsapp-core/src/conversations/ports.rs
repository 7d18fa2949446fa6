//! What the handling of conversations stands on.

use std::sync::Arc;

use crate::conversations::dating::Dating;
use crate::conversations::lane::Lanes;
use crate::conversations::receipts::Receipts;
use crate::conversations::rosters::Rosters;
use crate::conversations::view::Views;
use crate::conversations::{Access, ConversationRepository};
use crate::event::EventBus;
use crate::id::IdSource;
use crate::messages::MessageRepository;
use crate::time::Clock;
use crate::users::UserRepository;
use crate::users::visibility::Visibility;

/// What [`ConversationService`](crate::conversations::ConversationService) works with.
pub(crate) struct Ports {
    pub(crate) conversations: Arc<dyn ConversationRepository>,
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) views: Arc<Views>,
    pub(crate) visibility: Visibility,
    pub(crate) access: Access,
    pub(crate) dating: Arc<Dating>,
    /// Whether other servers write to the stores.
    pub(crate) shared: bool,
}
