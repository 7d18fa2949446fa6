//! Errors of opening the store.

use mongodb::error::Error;

use crate::ports::BoxError;

/// Reason for which the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not a valid MongoDB connection string.
    #[error("the MongoDB address is not valid: {0}")]
    Address(#[source] BoxError),
    /// No server answered at the address.
    #[error("MongoDB at {hosts} can't be reached: {cause}")]
    Unreachable {
        /// Hosts of the address, separated by commas.
        hosts: String,
        /// Error of the driver.
        #[source]
        cause: BoxError,
    },
    /// The server is a standalone server. Without a replication log there is no majority to acknowledge a write.
    #[error(
        "MongoDB at {hosts} is neither a replica set nor a sharded cluster; to make it a replica set, restart it with \
         `mongod --replSet rs0 …`, then run `mongosh --eval 'rs.initiate()'`"
    )]
    Standalone {
        /// Hosts of the address, separated by commas.
        hosts: String,
    },
    /// The collections or indexes could not be created, or differ from the ones that this version needs.
    #[error("the MongoDB database `{database}` can't be used: {cause}")]
    Schema {
        /// Name of the database.
        database: String,
        /// Error of the server, which names the collection or index.
        #[source]
        cause: BoxError,
    },
    /// The database is in use by a newer version of LetsApp.
    #[error(
        "the MongoDB database `{database}` is used by a newer version of LetsApp (schema version {found}; this one \
         supports up to {known})"
    )]
    Newer {
        /// Name of the database.
        database: String,
        /// Schema version of the database.
        found: i64,
        /// Newest schema version that this program supports.
        known: i64,
    },
}

impl ConnectError {
    /// Reports a database whose collections are of a newer version than this program's.
    pub(super) fn newer(database: &str, found: i64, known: i64) -> Self {
        Self::Newer {
            database: database.to_owned(),
            found,
            known,
        }
    }

    /// Wraps the driver's error about an address or its options.
    pub(super) fn address(cause: Error) -> Self {
        Self::Address(cause.into())
    }
}
