use super::node::{Mongod, Part};
use super::replica_set::start_all;
use super::{Uri, program};
use crate::block_on;
use crate::process::Scratch;

/// A server that is no replica set, as a plain `mongod` is. Ends when dropped, or with the process.
pub struct Standalone {
    uri: Uri,
    _node: Vec<Mongod>,
    /// Last, so that it goes after the one who writes to it.
    _files: Scratch,
}

impl Standalone {
    /// Starts it, and blocks until it listens. `None` where there is no MongoDB to be had, which has then been said on
    /// standard error.
    ///
    /// # Panics
    ///
    /// If MongoDB is there but doesn't start; if it isn't there, and `CI` is set.
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

    /// The address of the server.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}
