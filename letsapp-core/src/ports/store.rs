//! A store as the set of its repositories.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::timestamp::Timestamp;
use crate::ports::blobs::{BlobError, BlobStore};
use crate::ports::contacts::ContactRepository;
use crate::ports::conversations::ConversationRepository;
use crate::ports::error::RepositoryError;
use crate::ports::keys::KeyRepository;
use crate::ports::media::MediaRepository;
use crate::ports::messages::MessageRepository;
use crate::ports::meta::MetaRepository;
use crate::ports::sessions::SessionRepository;
use crate::ports::users::UserRepository;

/// A store as the application uses it: one repository per aggregate.
#[async_trait]
pub trait Repositories: Send + Sync {
    /// Returns the store of users and their credentials.
    fn users(&self) -> Arc<dyn UserRepository>;

    /// Returns the store of sessions.
    fn sessions(&self) -> Arc<dyn SessionRepository>;

    /// Returns the store of contacts and blocks.
    fn contacts(&self) -> Arc<dyn ContactRepository>;

    /// Returns the store of conversations and their members.
    fn conversations(&self) -> Arc<dyn ConversationRepository>;

    /// Returns the store of messages.
    fn messages(&self) -> Arc<dyn MessageRepository>;

    /// Returns the store of uploaded files' records.
    fn media(&self) -> Arc<dyn MediaRepository>;

    /// Returns the place for the bytes of files, if the store has one. Without one, an application takes files only if
    /// it is [given a place](crate::LetsAppBuilder::blobs).
    ///
    /// # Errors
    /// [`BlobError`] if the place can't be used.
    fn blobs(&self) -> Result<Option<Arc<dyn BlobStore>>, BlobError> {
        Ok(None)
    }

    /// Returns the store of the server's own keys.
    fn keys(&self) -> Arc<dyn KeyRepository>;

    /// Returns the store of its own description.
    fn meta(&self) -> Arc<dyn MetaRepository>;

    /// Reports whether other servers may write to the same data at the same time.
    fn is_shared(&self) -> bool {
        false
    }

    /// Returns the present time of the store, if other servers may go by it; `None` otherwise. It is not exact: by the
    /// time it arrives, it has passed.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] when the store does not answer.
    async fn time(&self) -> Result<Option<Timestamp>, RepositoryError> {
        Ok(None)
    }

    /// Checks that the store can serve requests.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] when it can't.
    async fn ping(&self) -> Result<(), RepositoryError>;

    /// Finishes all accepted work and closes files and connections. Later calls return
    /// [`RepositoryError::Unavailable`].
    async fn close(&self);
}

/// The repositories of one store, for all parts that read or write data. Clones share them.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) users: Arc<dyn UserRepository>,
    pub(crate) sessions: Arc<dyn SessionRepository>,
    pub(crate) contacts: Arc<dyn ContactRepository>,
    pub(crate) conversations: Arc<dyn ConversationRepository>,
    pub(crate) messages: Arc<dyn MessageRepository>,
    pub(crate) media: Arc<dyn MediaRepository>,
    /// True if other servers write to the same data; see [`Repositories::is_shared`].
    pub(crate) shared: bool,
}

impl Stores {
    /// Collects the repositories of a store.
    pub(crate) fn of(store: &dyn Repositories) -> Self {
        Self {
            users: store.users(),
            sessions: store.sessions(),
            contacts: store.contacts(),
            conversations: store.conversations(),
            messages: store.messages(),
            media: store.media(),
            shared: store.is_shared(),
        }
    }
}
