//! Plain `mongod`, without a replica set.

use super::node::{Mongod, Part};
use super::replica_set::start_all;
use super::{Uri, program};
use crate::block_on;
use crate::process::Scratch;

/// Server that isn't a replica set, as `mongod` is by default. Ends when dropped, or with the process.
pub struct Standalone {
    uri: Uri,
    _node: Vec<Mongod>,
    /// Dropped last, after the node that writes to it has ended.
    _files: Scratch,
}

impl Standalone {
    /// Starts the server, and blocks until it listens.
    ///
    /// Without MongoDB on this machine, a message is written to standard error and the result is `None`.
    ///
    /// # Panics
    ///
    /// Panics if MongoDB is available but doesn't start, or isn't available and `CI` is set.
    pub fn start() -> Option<Self> {
        let program = program()?;
        let files = Scratch::new("mongodb");
        let directory = files.path().to_owned();
        let node = block_on(async move { start_all(program, &directory, 1, Part::Standalone).await });
        Some(Self {
            uri: Uri::new(&format!("mongodb://{}", node[0].address())),
            _node: node,
            _files: files,
        })
    }

    /// Returns the address of the server.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}
