//! Builds the application that a configuration describes.
//!
//! No other module of the server names a store. To add one, add a variant to `StoreUrl` in `config/settings.rs` and an
//! arm to [`open`].

use std::path::Path;
use std::sync::Arc;

use letsapp_core::adapters::blobs::FileBlobs;
#[cfg(feature = "s3")]
use letsapp_core::adapters::blobs::S3Blobs;
use letsapp_core::adapters::clamd::Clamd;
use letsapp_core::adapters::memory::MemoryStore;
#[cfg(feature = "mongodb")]
use letsapp_core::adapters::mongodb::{ConnectError, MongoBus, MongoStore};
use letsapp_core::adapters::sqlite::{OpenError, SqliteStore};
use letsapp_core::ports::{BlobError, RepositoryError};
use letsapp_core::{LetsApp, LetsAppBuilder};

use crate::config::{BlobsUrl, BusUrl, Config, StoreUrl};
use crate::error::chain;
use crate::file_keys::{FileKeys, KeyFileError};
use crate::private_file::{self, NotPrivate};

/// An error that keeps the server from starting. Its display is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The SQLite file can't be opened.
    #[error("{0}")]
    Sqlite(OpenError),
    /// Others can read the SQLite file.
    #[error("{0}")]
    NotPrivate(NotPrivate),
    /// MongoDB can't be reached, or is not suitable.
    #[cfg(feature = "mongodb")]
    #[error("{0}")]
    MongoDb(ConnectError),
    /// The configuration names MongoDB, but the program was built without the feature `mongodb`.
    #[cfg(not(feature = "mongodb"))]
    #[error("this server was built without MongoDB support: build it with the feature `mongodb`")]
    NoMongoDb,
    /// Redis can't be reached, or is not suitable.
    #[cfg(feature = "redis")]
    #[error("{0}")]
    Redis(letsapp_core::adapters::redis::ConnectError),
    /// The configuration names Redis, but the program was built without the feature `redis`.
    #[cfg(not(feature = "redis"))]
    #[error("this server was built without Redis support: build it with the feature `redis`")]
    NoRedis,
    /// The bus needs a store that several servers can share.
    #[error("a bus between servers needs a store that they share: --store mongodb://…, not {0}")]
    NotShared(&'static str),
    /// The data directory can't hold the server's keys.
    #[error("{0}")]
    Keys(KeyFileError),
    /// The place for uploaded files can't be used.
    #[error("{}", chain(.0))]
    Blobs(BlobError),
    /// The configuration names a bucket, but the program was built without the feature `s3`.
    #[cfg(not(feature = "s3"))]
    #[error("this server was built without S3 support: build it with the feature `s3`")]
    NoS3,
    /// The store failed while the application was built.
    #[error("{}", chain(.0))]
    Store(RepositoryError),
}

impl StartError {
    /// Reports whether another process has the store open.
    pub const fn is_in_use(&self) -> bool {
        matches!(self, Self::Sqlite(OpenError::InUse { .. }))
    }
}

/// Opens the store of a configuration and builds the application on it.
///
/// # Errors
/// [`StartError`] if the store or the key files can't be opened.
pub async fn open(config: &Config) -> Result<LetsApp, StartError> {
    let builder = LetsApp::builder().rules(config.rules).limits(config.limits_in_force());
    let builder = match (config.store(), &config.bus) {
        (StoreUrl::Memory, BusUrl::Local) => builder.store(MemoryStore::new()),
        (StoreUrl::Memory, _) => return Err(StartError::NotShared("memory:")),
        (StoreUrl::Sqlite(path), BusUrl::Local) => on_sqlite(builder, path, &config.data_dir).await?,
        (StoreUrl::Sqlite(_), _) => return Err(StartError::NotShared("SQLite")),
        #[cfg(feature = "mongodb")]
        (StoreUrl::MongoDb(url), bus) => on_mongodb(builder, &url, bus).await?,
        #[cfg(not(feature = "mongodb"))]
        (StoreUrl::MongoDb(_), _) => return Err(StartError::NoMongoDb),
    };
    let builder = with_files(builder, config)?;
    builder.build().await.map_err(StartError::Store)
}

/// Adds the place for uploaded files, and the scanner that they must pass.
fn with_files(builder: LetsAppBuilder, config: &Config) -> Result<LetsAppBuilder, StartError> {
    let builder = builder
        .allowed_files(config.media_types.clone())
        .unscanned_files(config.media_unscanned);
    let builder = match &config.media_scanner {
        Some(address) => builder.scanner(Arc::new(Clamd::new(address.clone()))),
        None => builder,
    };
    Ok(match &config.blobs {
        BlobsUrl::Store => builder,
        BlobsUrl::File(path) => builder.blobs(Arc::new(FileBlobs::open(path).map_err(StartError::Blobs)?)),
        #[cfg(feature = "s3")]
        BlobsUrl::S3(url) => {
            let bucket = S3Blobs::open(url, std::env::vars()).map_err(StartError::Blobs)?;
            builder.blobs(Arc::new(bucket))
        }
        #[cfg(not(feature = "s3"))]
        BlobsUrl::S3(_) => return Err(StartError::NoS3),
    })
}

/// Opens MongoDB, and the bus that connects this server with others on it.
#[cfg(feature = "mongodb")]
async fn on_mongodb(builder: LetsAppBuilder, url: &str, bus: &BusUrl) -> Result<LetsAppBuilder, StartError> {
    let store = MongoStore::connect(url).await.map_err(StartError::MongoDb)?;
    let builder = match bus {
        BusUrl::Local => builder,
        BusUrl::MongoDb => builder.bus(Arc::new(MongoBus::on(&store).await.map_err(StartError::MongoDb)?)),
        #[cfg(feature = "redis")]
        BusUrl::Redis(url) => on_redis(builder, url).await?,
        #[cfg(not(feature = "redis"))]
        BusUrl::Redis(_) => return Err(StartError::NoRedis),
    };
    Ok(builder.store(store))
}

/// Connects to Redis, for the bus and the limits that all servers count together.
#[cfg(all(feature = "mongodb", feature = "redis"))]
async fn on_redis(builder: LetsAppBuilder, url: &str) -> Result<LetsAppBuilder, StartError> {
    use letsapp_core::adapters::redis::{RedisBus, RedisPaces};

    let bus = RedisBus::connect(url).await.map_err(StartError::Redis)?;
    let paces = RedisPaces::connect(url).map_err(StartError::Redis)?;
    Ok(builder.bus(Arc::new(bus)).shared_limits(Arc::new(paces)))
}

/// Opens SQLite, with the server's keys in files of their own: a stolen copy of the database alone reveals no keys.
/// Servers that share MongoDB keep the keys there instead, since all need the same ones.
async fn on_sqlite(
    builder: LetsAppBuilder,
    path: std::path::PathBuf,
    data_dir: &Path,
) -> Result<LetsAppBuilder, StartError> {
    private_file::check(&path).map_err(StartError::NotPrivate)?;
    let keys = FileKeys::open(data_dir.join("keys")).map_err(StartError::Keys)?;
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(path)).await;
    let store = opened
        .expect("opening a file does not panic")
        .map_err(StartError::Sqlite)?;
    Ok(builder.keys(keys).store(store))
}
