//! URLs of the places that the server keeps its data in, or reaches other servers by.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The store to use.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// Keeps everything in memory, until the process ends.
    Memory,
    /// Path of a SQLite database file.
    Sqlite(PathBuf),
    /// URL of a MongoDB replica set or sharded cluster, with the name of the database.
    MongoDb(String),
}

/// The place for the bytes of uploaded files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobsUrl {
    /// The store's own: memory, files beside SQLite, GridFS.
    Store,
    /// Files in this directory.
    File(PathBuf),
    /// Bucket of an S3-compatible storage, as `s3://BUCKET/PREFIX`.
    S3(String),
}

/// The bus between servers that share a store.
#[derive(Clone, PartialEq, Eq)]
pub enum BusUrl {
    /// None: there is a single server.
    Local,
    /// URL of a Redis server or cluster.
    Redis(String),
    /// The change streams of the MongoDB that is the store.
    MongoDb,
}

impl fmt::Debug for StoreUrl {
    /// Writes the store without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::MongoDb(url) => f.debug_tuple("MongoDb").field(&without_secrets(url)).finish(),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "memory:, sqlite:PATH or mongodb://…/DATABASE";
        if url == "memory:" {
            return Ok(Self::Memory);
        }
        if let Some(path) = url.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        let address = url
            .strip_prefix("mongodb://")
            .or_else(|| url.strip_prefix("mongodb+srv://"));
        let database = address
            .and_then(|address| address.split_once('/'))
            .map(|(_, rest)| rest);
        match database.and_then(|rest| rest.split('?').next()) {
            Some(database) if !database.is_empty() => Ok(Self::MongoDb(url.to_owned())),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

impl FromStr for BlobsUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if url == "store:" {
            return Ok(Self::Store);
        }
        if let Some(path) = url.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Ok(Self::File(PathBuf::from(path)));
        }
        let bucket = url.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
        match bucket {
            Some(bucket) if !bucket.is_empty() => Ok(Self::S3(url.to_owned())),
            _ => Err("store:, file:PATH or s3://BUCKET/PREFIX".to_owned()),
        }
    }
}

impl fmt::Debug for BusUrl {
    /// Writes the bus without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(url) => f.debug_tuple("Redis").field(&without_secrets(url)).finish(),
            Self::Local => f.write_str("Local"),
            Self::MongoDb => f.write_str("MongoDb"),
        }
    }
}

impl FromStr for BusUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let host = url.strip_prefix("redis://").or_else(|| url.strip_prefix("rediss://"));
        match (url, host) {
            ("local:", _) => Ok(Self::Local),
            ("mongodb:", _) => Ok(Self::MongoDb),
            (_, Some(host)) if !host.is_empty() => Ok(Self::Redis(url.to_owned())),
            _ => Err("local:, redis://HOST, rediss://HOST or mongodb:".to_owned()),
        }
    }
}

/// Returns a value for an error: a URL loses its user, its password and its parameters. They end at the last `@`, since
/// a password that makes a URL invalid may have any character.
pub(super) fn without_secrets(value: &str) -> String {
    let Some((secret, host)) = value.rsplit_once('@') else {
        return value.to_owned();
    };
    let scheme = secret
        .split_inclusive("//")
        .next()
        .filter(|scheme| scheme.ends_with("//"));
    let (host, parameters) = match host.split_once('?') {
        Some((host, _)) => (host, "?…"),
        None => (host, ""),
    };
    format!("{}…@{host}{parameters}", scheme.unwrap_or_default())
}
