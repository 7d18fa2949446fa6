//! What the handling of messages stands on.

use std::sync::Arc;

use crate::conversations::lane::Lanes;
use crate::conversations::receipts::Receipts;
use crate::conversations::rosters::Rosters;
use crate::conversations::{Access, ConversationRepository};
use crate::id::IdSource;
use crate::messages::MessageRepository;
use crate::time::Clock;
use crate::typing::Typists;
use crate::users::UserRepository;

/// What [`MessageService`](crate::messages::MessageService) works with.
pub(crate) struct Ports {
    pub(crate) conversations: Arc<dyn ConversationRepository>,
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) rosters: Arc<Rosters>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) typists: Arc<Typists>,
    pub(crate) access: Access,
}
