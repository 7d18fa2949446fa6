//! Reader threads, each with a connection of its own, which read while the writer writes.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::admission::{Admission, Queue};
use super::error;
use super::error::closed;
use crate::ports::RepositoryError;

/// Pool of reader threads, with a queue in front of them.
pub(super) struct Readers {
    admission: Admission,
    /// `None` once the readers are finished.
    queue: Mutex<Option<Sender<Read>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

impl Readers {
    /// Starts a thread of this name for each connection. The work that waits for them counts in `admits`.
    pub(super) fn start(name: &str, admits: Queue, connections: Vec<Connection>) -> io::Result<Self> {
        let (queue, reads) = crossbeam_channel::unbounded();
        let readers = Self {
            admission: Admission::new(admits),
            queue: Mutex::new(Some(queue)),
            threads: Mutex::default(),
        };
        for connection in connections {
            let reads = reads.clone();
            let thread = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&connection, &reads))?;
            readers.threads().push(thread);
        }
        Ok(readers)
    }

    /// Runs `read` on one of the threads. All its queries see the same snapshot, whatever is written meanwhile.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, RepositoryError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let place = self.admission.admit(size_of::<F>())?;
        let (reply, answer) = oneshot::channel();
        let job: Read = Box::new(move |connection| {
            if reply.is_closed() {
                return;
            }
            let read = snapshot(connection, read).map_err(error::of);
            // Before the reply, so that the caller's next read finds it free.
            drop(place);
            // Fails only if the caller has stopped waiting.
            let _gone = reply.send(read);
        });
        self.queue()
            .as_ref()
            .ok_or_else(closed)?
            .send(job)
            .map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Closes the queue, and waits until the threads have carried out the queued reads and ended.
    pub(super) fn finish(&self) {
        drop(self.queue().take());
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread that reads has panicked");
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Option<Sender<Read>>> {
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

/// Carries out reads until the queue is closed and empty.
///
/// All threads wait in the same queue, so that a read wakes one of them. With a receiver behind a lock, it would wake
/// two: the one that takes the read, and the next one in line for the lock. A search by a rare word, which is several
/// short reads, took a fifth longer then.
fn work(connection: &Connection, reads: &Receiver<Read>) {
    while let Ok(read) = reads.recv() {
        read(connection);
    }
}

/// Runs a read in a transaction, which ends with the read, also if it panics.
fn snapshot<T>(connection: &Connection, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let execute = |sql| connection.prepare_cached(sql)?.execute([]);
    execute("BEGIN")?;
    let result = error::catch_panic(|| read(connection)).unwrap_or_else(|panic| {
        tracing::error!(panic, "a read panicked; its caller was answered with an error");
        Err(error::panicked(&panic))
    });
    if !connection.is_autocommit() {
        execute("ROLLBACK")?;
    }
    result
}
