//! Embedded store that keeps everything in one SQLite file.
//!
//! A single thread writes. Steps that arrive while it waits for the disk go into its next transaction, so many callers
//! share one sync. Callers are answered after the sync, when their data is durable. A few other threads read at the
//! same time, each from a snapshot. Searches have threads of their own, since one may take as long as a thousand reads.
//!
//! A file belongs to one process at a time; opening it in a second one fails with [`OpenError::InUse`].

mod admission;
mod checkpoint;
mod contacts;
mod conversations;
mod database;
mod departure;
mod error;
mod heads;
mod interruption;
mod keys;
mod media;
mod members;
mod messages;
mod meta;
mod open;
mod purge;
mod readers;
mod schema;
mod sessions;
mod standings;
mod terms;
#[cfg(test)]
mod tests;
mod transaction;
mod users;
mod values;
mod wiping;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use self::contacts::SqliteContacts;
use self::conversations::SqliteConversations;
use self::database::Database;
use self::keys::SqliteKeys;
use self::media::SqliteMedia;
use self::messages::SqliteMessages;
use self::meta::SqliteMeta;
use self::sessions::SqliteSessions;
use self::users::SqliteUsers;
use crate::adapters::blobs::FileBlobs;
use crate::ports::{
    BlobError, BlobStore, ContactRepository, ConversationRepository, KeyRepository, MediaRepository, MessageRepository,
    MetaRepository, Repositories, RepositoryError, SessionRepository, UserRepository,
};

pub use self::open::{OpenError, SqliteOptions};
pub use self::schema::SCHEMA;

/// A store that keeps everything in one SQLite file.
///
/// # Examples
/// ```
/// # use letsapp_core::adapters::sqlite::{OpenError, SqliteStore};
/// # use letsapp_core::ports::Repositories;
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("letsapp.db");
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = SqliteStore::open(&path).unwrap();
/// assert!(matches!(SqliteStore::open(&path), Err(OpenError::InUse { .. })));
/// store.close().await;
/// assert!(SqliteStore::open(&path).is_ok());
/// # });
/// ```
pub struct SqliteStore {
    database: Arc<Database>,
    users: Arc<SqliteUsers>,
    sessions: Arc<SqliteSessions>,
    contacts: Arc<SqliteContacts>,
    conversations: Arc<SqliteConversations>,
    messages: Arc<SqliteMessages>,
    media: Arc<SqliteMedia>,
    keys: Arc<SqliteKeys>,
    meta: Arc<SqliteMeta>,
    /// Folder for the bytes of media.
    media_folder: PathBuf,
}

impl SqliteStore {
    /// Opens a file with [`SqliteOptions::default`], like [`SqliteOptions::open`].
    ///
    /// # Errors
    /// [`OpenError`] when the file can't be used. Its message is meant for the person who started the program.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SqliteOptions::default().open(path)
    }

    /// Returns the number of transactions committed since the store was opened. Smaller than the number of calls that
    /// wrote whenever calls shared a transaction.
    pub fn transactions(&self) -> u64 {
        self.database.writer.transactions()
    }

    /// Opens the store of bytes in the folder beside the database file that is named like it, with `-media` appended:
    /// `letsapp.db-media` for `letsapp.db`. Creates the folder if it is missing.
    ///
    /// Blocks the thread, usually for less than a millisecond.
    ///
    /// # Errors
    /// [`BlobError::Internal`] if the folder can't be written to. The cause names it.
    pub fn blobs(&self) -> Result<Arc<dyn BlobStore>, BlobError> {
        Ok(Arc::new(FileBlobs::open(&self.media_folder)?))
    }

    fn new(database: Database, media_folder: PathBuf) -> Self {
        let database = Arc::new(database);
        Self {
            users: Arc::new(SqliteUsers(Arc::clone(&database))),
            sessions: Arc::new(SqliteSessions(Arc::clone(&database))),
            contacts: Arc::new(SqliteContacts(Arc::clone(&database))),
            conversations: Arc::new(SqliteConversations(Arc::clone(&database))),
            messages: Arc::new(SqliteMessages(Arc::clone(&database))),
            media: Arc::new(SqliteMedia(Arc::clone(&database))),
            keys: Arc::new(SqliteKeys(Arc::clone(&database))),
            meta: Arc::new(SqliteMeta(Arc::clone(&database))),
            database,
            media_folder,
        }
    }
}

impl SqliteOptions {
    /// Opens a file. Creates it and its directory if they are missing.
    ///
    /// Blocks the thread: for milliseconds with a new file, longer with one that was not closed and has to be
    /// recovered.
    ///
    /// # Errors
    /// [`OpenError`] when the file can't be used. Its message is meant for the person who started the program.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let path = path.as_ref();
        let database = self.open_database(path)?;
        // As the lock beside it, not named after a link to the file.
        let mut media = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
        media.push("-media");
        Ok(SqliteStore::new(database, media.into()))
    }
}

#[async_trait]
impl Repositories for SqliteStore {
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
        Self::blobs(self).map(Some)
    }

    fn keys(&self) -> Arc<dyn KeyRepository> {
        Arc::clone(&self.keys) as _
    }

    fn meta(&self) -> Arc<dyn MetaRepository> {
        Arc::clone(&self.meta) as _
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        // Asks the writer and a reader, since either can fail alone.
        self.database.writer.write(|_| Ok(())).await?;
        let count = |connection: &rusqlite::Connection| connection.query_row("SELECT 1", [], |_| Ok(()));
        self.database.readers.read(count).await
    }

    async fn close(&self) {
        // Joining the threads blocks, so it runs outside of the async executor.
        let database = Arc::clone(&self.database);
        let finished = tokio::task::spawn_blocking(move || database.finish()).await;
        if finished.is_err() {
            tracing::error!("closing the store was interrupted; its file is recovered when it is opened again");
        }
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("transactions", &self.transactions())
            .finish_non_exhaustive()
    }
}
