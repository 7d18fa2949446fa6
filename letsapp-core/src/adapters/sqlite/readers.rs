//! A few threads that read, each with a connection of its own, while the writer writes.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error;
use super::error::closed;
use super::queue::{Queue, Served};
use crate::ports::RepositoryError;

/// Hands reads to the threads.
pub(super) struct Readers {
    queue: Arc<Queue<Read>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> io::Result<Self> {
        let readers = Self {
            queue: Arc::new(Queue::new()),
            threads: Mutex::default(),
        };
        for connection in connections {
            let queue = Arc::clone(&readers.queue);
            let thread = thread::Builder::new()
                .name("letsapp-sqlite-reader".to_owned())
                .spawn(move || work(&connection, &queue))?;
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
        self.queue.push(job).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Lets the threads finish what they were given, and waits for their end.
    pub(super) fn finish(&self) {
        self.queue.close();
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread that reads has panicked");
            }
        }
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

fn work(connection: &Connection, queue: &Queue<Read>) {
    let _served = Served(queue);
    while let Some(read) = queue.take() {
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
