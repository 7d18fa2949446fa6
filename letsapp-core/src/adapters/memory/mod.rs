//! The store in memory: for tests, for trying things out, and as the measure of what the other stores add.
//!
//! Nothing is kept once the last instance is gone. What is not here: any rule, and any file.

mod chats;
mod contacts;
mod conversations;
mod gate;
mod keys;
mod log;
mod messages;
mod record;
mod sessions;
mod users;

use std::sync::Arc;

use async_trait::async_trait;

use self::contacts::MemoryContacts;
use self::conversations::MemoryConversations;
use self::gate::Gate;
use self::keys::MemoryKeys;
use self::messages::MemoryMessages;
use self::sessions::MemorySessions;
use self::users::MemoryUsers;
use crate::ports::{
    ContactRepository, ConversationRepository, KeyRepository, MessageRepository, Repositories, RepositoryError,
    SessionRepository, UserRepository,
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
    keys: Arc<MemoryKeys>,
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::open(Data::default())
    }

    /// Opens another instance on the same data, as another server would.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::open(Data {
            accounts: Arc::clone(&self.users.accounts),
            signed_in: Arc::clone(&self.sessions.signed_in),
            edges: Arc::clone(&self.contacts.edges),
            chats: Arc::clone(&self.messages.chats),
            rings: Arc::clone(&self.keys.rings),
        })
    }

    fn open(data: Data) -> Self {
        let gate = Gate::default();
        let Data {
            accounts,
            signed_in,
            edges,
            chats,
            rings,
        } = data;
        Self {
            users: Arc::new(MemoryUsers {
                gate: gate.clone(),
                accounts,
            }),
            sessions: Arc::new(MemorySessions {
                gate: gate.clone(),
                signed_in,
            }),
            contacts: Arc::new(MemoryContacts {
                gate: gate.clone(),
                edges,
            }),
            conversations: Arc::new(MemoryConversations {
                gate: gate.clone(),
                chats: Arc::clone(&chats),
            }),
            messages: Arc::new(MemoryMessages {
                gate: gate.clone(),
                chats,
            }),
            keys: Arc::new(MemoryKeys {
                gate: gate.clone(),
                rings,
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

    fn keys(&self) -> Arc<dyn KeyRepository> {
        Arc::clone(&self.keys) as _
    }

    /// It is as long as there is another instance on the same data.
    fn is_shared(&self) -> bool {
        Arc::strong_count(&self.users.accounts) > 1
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        self.gate.pass()
    }

    async fn close(&self) {
        self.gate.shut();
    }
}

/// What all instances share.
#[derive(Default)]
struct Data {
    accounts: users::Shared,
    signed_in: sessions::Shared,
    edges: contacts::Shared,
    chats: chats::Shared,
    rings: keys::Shared,
}
