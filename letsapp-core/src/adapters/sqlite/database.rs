//! An open file: its writer, its readers, and the lock that keeps other processes out.

use std::fs::File;
use std::sync::{Mutex, PoisonError};

use super::readers::Readers;
use super::writer::Writer;

/// What the repositories share.
pub(super) struct Database {
    pub(super) writer: Writer,
    pub(super) readers: Readers,
    lock: Mutex<Option<File>>,
}

impl Database {
    pub(super) fn new(writer: Writer, readers: Readers, lock: File) -> Self {
        Self {
            writer,
            readers,
            lock: Mutex::new(Some(lock)),
        }
    }

    /// Ends the threads and then lets go of the file; whoever comes second waits for the first.
    pub(super) fn finish(&self) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.readers.finish();
        self.writer.finish();
        *lock = None;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.finish();
    }
}
