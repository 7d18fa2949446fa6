//! Builds the application that a configuration asks for: the only place that names adapters.

use std::path::Path;

use letsapp_core::adapters::memory::MemoryStore;
#[cfg(feature = "mongodb")]
use letsapp_core::adapters::mongodb::{ConnectError, MongoStore};
use letsapp_core::adapters::sqlite::{OpenError, SqliteStore};
use letsapp_core::ports::RepositoryError;
use letsapp_core::{LetsApp, LetsAppBuilder};

use crate::config::{Config, StoreUrl};
use crate::error::chain;
use crate::file_keys::{FileKeys, KeyFileError};

/// Why a server can't start, in one line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The SQLite file can't be used.
    #[error("{0}")]
    Sqlite(OpenError),
    /// MongoDB can't be used.
    #[cfg(feature = "mongodb")]
    #[error("{0}")]
    MongoDb(ConnectError),
    /// This program was built without MongoDB.
    #[cfg(not(feature = "mongodb"))]
    #[error("this server was built without the store on MongoDB")]
    NoMongoDb,
    /// The server's keys can't be kept in the data directory.
    #[error("{0}")]
    Keys(KeyFileError),
    /// The store does not give what is needed to start.
    #[error("{}", chain(.0))]
    Store(RepositoryError),
}

/// Opens the store that a configuration names, and builds the application over it.
///
/// # Errors
/// [`StartError`], in words for the person who starts the server.
pub async fn open(config: &Config) -> Result<LetsApp, StartError> {
    let builder = LetsApp::builder().rules(config.rules);
    let builder = match config.store() {
        StoreUrl::Memory => builder.store(MemoryStore::new()),
        StoreUrl::Sqlite(path) => on_sqlite(builder, path, &config.data_dir).await?,
        #[cfg(feature = "mongodb")]
        StoreUrl::MongoDb(url) => builder.store(MongoStore::connect(&url).await.map_err(StartError::MongoDb)?),
        #[cfg(not(feature = "mongodb"))]
        StoreUrl::MongoDb(_) => return Err(StartError::NoMongoDb),
    };
    builder.build().await.map_err(StartError::Store)
}

/// A server that is alone keeps its keys in files, apart from the data: a copy of the one is no use without the other.
async fn on_sqlite(
    builder: LetsAppBuilder,
    path: std::path::PathBuf,
    data_dir: &Path,
) -> Result<LetsAppBuilder, StartError> {
    let keys = FileKeys::open(data_dir.join("keys")).map_err(StartError::Keys)?;
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(path)).await;
    let store = opened
        .expect("opening a file does not panic")
        .map_err(StartError::Sqlite)?;
    Ok(builder.keys(keys).store(store))
}
