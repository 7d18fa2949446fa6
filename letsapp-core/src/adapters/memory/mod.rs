//! In-memory store for tests and experiments, and the baseline that the benches compare the other stores with.
//!
//! Nothing is written to disk: the data is dropped with the last instance that refers to it.

mod bus;
mod contacts;
mod conversation_table;
mod conversations;
mod gate;
mod keys;
mod log;
mod media;
mod media_table;
mod messages;
mod meta;
mod record;
mod sessions;
mod users;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::bus::MemoryBus;
use self::contacts::MemoryContacts;
use self::conversations::MemoryConversations;
use self::gate::Gate;
use self::keys::MemoryKeys;
use self::media::MemoryMedia;
use self::messages::MemoryMessages;
use self::meta::MemoryMeta;
use self::sessions::MemorySessions;
use self::users::MemoryUsers;
use crate::adapters::blobs::MemoryBlobs;
use crate::ports::{
    BlobError, BlobStore, ContactRepository, ConversationRepository, KeyRepository, MediaRepository, MessageRepository,
    MetaRepository, Repositories, RepositoryError, SessionRepository, UserRepository,
};

/// A store that keeps everything in memory.
///
/// ```
/// # use letsapp_core::adapters::memory::MemoryStore;
/// # use letsapp_core::ports::Repositories;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let other = store.another();
/// store.close().await;
/// assert!(store.ping().await.is_err());
/// assert!(other.ping().await.is_ok(), "each instance is closed for itself");
/// # });
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    gate: Gate,
    users: Arc<MemoryUsers>,
    sessions: Arc<MemorySessions>,
    contacts: Arc<MemoryContacts>,
    conversations: Arc<MemoryConversations>,
    messages: Arc<MemoryMessages>,
    media: Arc<MemoryMedia>,
    blobs: Arc<MemoryBlobs>,
    keys: Arc<MemoryKeys>,
    meta: Arc<MemoryMeta>,
}

impl MemoryStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::open(Data::default())
    }

    /// Opens another instance on the same data, as a second server on a shared database would.
    ///
    /// Each instance is closed separately.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::open(Data {
            accounts: Arc::clone(&self.users.accounts),
            sessions: Arc::clone(&self.sessions.table),
            edges: Arc::clone(&self.contacts.edges),
            conversations: Arc::clone(&self.messages.table),
            media: Arc::clone(&self.media.table),
            blobs: Arc::clone(&self.blobs),
            keys: Arc::clone(&self.keys.table),
            epoch: Arc::clone(&self.meta.epoch),
        })
    }

    fn open(data: Data) -> Self {
        let gate = Gate::default();
        let Data {
            accounts,
            sessions,
            edges,
            conversations,
            media,
            blobs,
            keys,
            epoch,
        } = data;
        Self {
            users: Arc::new(MemoryUsers {
                gate: gate.clone(),
                accounts,
            }),
            sessions: Arc::new(MemorySessions {
                gate: gate.clone(),
                table: sessions,
            }),
            contacts: Arc::new(MemoryContacts {
                gate: gate.clone(),
                edges,
            }),
            conversations: Arc::new(MemoryConversations {
                gate: gate.clone(),
                table: Arc::clone(&conversations),
            }),
            messages: Arc::new(MemoryMessages {
                gate: gate.clone(),
                table: conversations,
            }),
            media: Arc::new(MemoryMedia {
                gate: gate.clone(),
                table: media,
            }),
            blobs,
            keys: Arc::new(MemoryKeys {
                gate: gate.clone(),
                table: keys,
            }),
            meta: Arc::new(MemoryMeta {
                gate: gate.clone(),
                epoch,
            }),
            gate,
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Repositories for MemoryStore {
    fn users(&self) -> Arc<dyn UserRepository> {
        Arc::clone(&self.users) as _
    }

    fn sessions(&self) -> Arc<dyn SessionRepository> {
        Arc::clone(&self.sessions) as _
    }

    fn contacts(&self) -> Arc<dyn ContactRepository> {
        Arc::clone(&self.contacts) as _
    }

    fn conversations(&self) -> Arc<dyn ConversationRepository> {
        Arc::clone(&self.conversations) as _
    }

    fn messages(&self) -> Arc<dyn MessageRepository> {
        Arc::clone(&self.messages) as _
    }

    fn media(&self) -> Arc<dyn MediaRepository> {
        Arc::clone(&self.media) as _
    }

    fn blobs(&self) -> Result<Option<Arc<dyn BlobStore>>, BlobError> {
        Ok(Some(Arc::clone(&self.blobs) as _))
    }

    fn keys(&self) -> Arc<dyn KeyRepository> {
        Arc::clone(&self.keys) as _
    }

    fn meta(&self) -> Arc<dyn MetaRepository> {
        Arc::clone(&self.meta) as _
    }

    /// Returns true while another instance uses the same data.
    fn is_shared(&self) -> bool {
        // Every instance holds one reference to the accounts, so the count is the number of instances.
        Arc::strong_count(&self.users.accounts) > 1
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        self.gate.pass()
    }

    async fn close(&self) {
        self.gate.shut();
    }
}

/// Data shared by all instances, as separately locked tables.
#[derive(Default)]
struct Data {
    accounts: users::Shared,
    sessions: sessions::Shared,
    edges: contacts::Shared,
    /// Conversations with their members and messages: a change of a group writes all three in one step.
    conversations: conversation_table::Shared,
    media: media_table::Shared,
    blobs: Arc<MemoryBlobs>,
    keys: keys::Shared,
    epoch: meta::Shared,
}
