//! A few threads that read, each with a connection of its own, while the writer writes.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error;
use super::error::closed;
use crate::ports::RepositoryError;

/// Hands reads to the threads.
pub(super) struct Readers {
    /// `None` once the readers are finished.
    queue: Mutex<Option<mpsc::UnboundedSender<Read>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

impl Readers {
    /// Starts a thread of this name for each connection.
    pub(super) fn start(name: &str, connections: Vec<Connection>) -> io::Result<Self> {
        let (queue, reads) = mpsc::unbounded_channel();
        let reads = Arc::new(Mutex::new(reads));
        let readers = Self {
            queue: Mutex::new(Some(queue)),
            threads: Mutex::default(),
        };
        for connection in connections {
            let reads = Arc::clone(&reads);
            let thread = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&connection, &reads))?;
            readers.threads().push(thread);
        }
        Ok(readers)
    }

    /// Reads. All that `read` asks for is of one moment, whatever is written meanwhile.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, RepositoryError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Read = Box::new(move |connection| {
            if !reply.is_closed() {
                // A caller that stopped waiting meanwhile is not told.
                let _gone = reply.send(snapshot(connection, read).map_err(error::of));
            }
        });
        self.queue()
            .as_ref()
            .ok_or_else(closed)?
            .send(job)
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Lets the threads finish what they were given, and waits for their end.
    pub(super) fn finish(&self) {
        drop(self.queue().take());
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread that reads has panicked");
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Option<mpsc::UnboundedSender<Read>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Carries out reads until the queue is closed and empty. One idle thread waits in the queue, the others for its turn.
fn work(connection: &Connection, reads: &Mutex<mpsc::UnboundedReceiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(read) = next else { return };
        read(connection);
    }
}

fn snapshot<T>(connection: &Connection, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let execute = |sql| connection.prepare_cached(sql)?.execute([]);
    execute("BEGIN")?;
    let result = read(connection);
    if !connection.is_autocommit() {
        execute("ROLLBACK")?;
    }
    result
}
