//! An open database file: its writer, its readers, and the lock that keeps other processes out.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use super::messages::last_sent::LastSent;
use super::readers::Readers;
use super::writer::Writer;

/// An open database file, shared by all repositories.
pub(super) struct Database {
    pub(super) writer: Writer,
    pub(super) readers: Readers,
    /// Readers for searches alone, so that no other read waits for one.
    pub(super) searchers: Readers,
    pub(super) last_sent: Arc<LastSent>,
    /// Locked file beside the database; `None` once the store is closed.
    lock: Mutex<Option<File>>,
}

impl Database {
    /// Combines the parts of an open file.
    pub(super) fn new(
        writer: Writer,
        readers: Readers,
        searchers: Readers,
        last_sent: Arc<LastSent>,
        lock: File,
    ) -> Self {
        Self {
            writer,
            readers,
            searchers,
            last_sent,
            lock: Mutex::new(Some(lock)),
        }
    }

    /// Ends the threads and then releases the lock. A second call waits until the first is done.
    pub(super) fn finish(&self) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // The readers end first: an open read would keep the writer's last checkpoint from emptying the log. The lock
        // is released last, when nothing of this process touches the file any more.
        self.readers.finish();
        self.searchers.finish();
        self.writer.finish();
        *lock = None;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.finish();
    }
}
