//! Checkpoints of SQLite's write-ahead log, on a thread of their own.
//!
//! A commit is appended to the log; a checkpoint copies the log's pages into the database file. SQLite would do that
//! inside a commit every 1000 pages, which makes that one commit slow. Here the writer only looks at the length of the
//! log and wakes a thread that copies.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

/// Keeps the write-ahead log short.
///
/// A thread copies pages while the writer goes on. SQLite reuses the log from its start only after all of it was
/// copied and no reader needs it. Under constant load that never happens by itself, so the log would grow without end:
/// once it is too long, the writer pauses, copies the few remaining pages itself and restarts the log.
pub(super) struct Checkpointer {
    /// Wakes the thread. `None` once the thread was told to end.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// True from waking the thread until its checkpoint is done.
    copying: Arc<AtomicBool>,
    /// Length of the log, in pages, from which the writer restarts it.
    restart_at: u32,
}

/// Pages not yet copied that make a checkpoint worthwhile: 4 MiB at SQLite's page size of 4 KiB. A checkpoint syncs
/// both files, so a lower number would sync more often for the same data.
const COPY_THRESHOLD_PAGES: u32 = 1024;

/// Length of the log, in pages, from which the writer restarts it: 64 MiB. Bounds the disk space of the log and the
/// time that recovery takes after a crash.
const RESTART_THRESHOLD_PAGES: u32 = 16 * 1024;

/// Time that a statement waits for a lock of the file. Only programs that bypass the lock file, such as the `sqlite3`
/// shell, can hold one; after this time the step fails as unavailable.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Time that the writer waits for readers when it restarts the log. Every write waits meanwhile, so this is far shorter
/// than [`BUSY_TIMEOUT`]; a restart that fails is tried again later.
const RESTART_TIMEOUT: Duration = Duration::from_millis(50);

impl Checkpointer {
    /// Starts the thread, which makes its checkpoints on `connection`.
    pub(super) fn start(connection: Connection) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let copying = Arc::new(AtomicBool::new(false));
        let copies = Arc::clone(&copying);
        let thread = thread::Builder::new()
            .name("letsapp-sqlite-checkpoint".to_owned())
            .spawn(move || work(&connection, &woken, &copies))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            copying,
            restart_at: RESTART_THRESHOLD_PAGES,
        })
    }

    /// Checks the length of the log after a commit, and starts a checkpoint if one is worthwhile. `connection` is the
    /// writer's.
    pub(super) fn after_commit(&mut self, connection: &Connection) {
        if self.copying.load(Ordering::Acquire) {
            // SQLite allows one checkpoint at a time, and after the running one little will be left to copy.
            return;
        }
        let Ok(log) = checkpoint(connection, Mode::Noop) else {
            return;
        };
        if log.pages >= self.restart_at {
            let emptied = restart(connection).is_ok_and(|log| !log.busy);
            // A long read prevents the restart. Trying again after each commit would pause the writer every time, so
            // wait until the log has grown by another 64 MiB.
            self.restart_at = if emptied {
                RESTART_THRESHOLD_PAGES
            } else {
                log.pages + RESTART_THRESHOLD_PAGES
            };
        } else if log.pages.saturating_sub(log.copied) >= COPY_THRESHOLD_PAGES
            && let Some(wake) = &self.wake
        {
            self.copying.store(true, Ordering::Release);
            // Fails only if the thread has ended or a wake-up is pending; neither needs an answer.
            let _ended = wake.try_send(());
        }
    }

    /// Ends the thread, then copies and truncates the log on the writer's connection, so that a closed store is one
    /// file.
    pub(super) fn finish(mut self, connection: &Connection) {
        self.join();
        if let Err(error) = checkpoint(connection, Mode::Truncate) {
            tracing::warn!(%error, "could not empty the write-ahead log; it is read again when the file is opened");
        }
    }

    fn join(&mut self) {
        // Dropping the sender ends the thread's loop.
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.join();
    }
}

/// Makes a checkpoint each time it is woken, until the sender is dropped.
fn work(connection: &Connection, woken: &Receiver<()>, copying: &AtomicBool) {
    while woken.recv().is_ok() {
        if let Err(error) = checkpoint(connection, Mode::Passive) {
            tracing::warn!(%error, "a checkpoint failed; it is tried again after a later commit");
        }
        copying.store(false, Ordering::Release);
    }
}

/// Copies the rest of the log and makes the next commit start at its beginning.
fn restart(connection: &Connection) -> rusqlite::Result<Log> {
    connection.busy_timeout(RESTART_TIMEOUT)?;
    let log = checkpoint(connection, Mode::Restart);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    log
}

/// Modes of SQLite's `wal_checkpoint`, by how much they get in the way of others.
#[derive(Clone, Copy)]
enum Mode {
    /// Copies nothing and returns the length of the log.
    Noop,
    /// Copies what can be copied without waiting for readers or the writer.
    Passive,
    /// Waits for readers, copies everything and restarts the log.
    Restart,
    /// Like [`Restart`](Self::Restart), and truncates the log file.
    Truncate,
}

/// State of the log after a checkpoint.
struct Log {
    /// True if a reader or writer prevented the checkpoint from completing.
    busy: bool,
    /// Pages in the log.
    pages: u32,
    /// Pages of the log that were copied into the database.
    copied: u32,
}

/// Runs a checkpoint.
fn checkpoint(connection: &Connection, mode: Mode) -> rusqlite::Result<Log> {
    let sql = match mode {
        Mode::Noop => "PRAGMA wal_checkpoint(NOOP)",
        Mode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Mode::Restart => "PRAGMA wal_checkpoint(RESTART)",
        Mode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    connection.prepare_cached(sql)?.query_row([], |row| {
        // Both are -1 if the database has no write-ahead log.
        let count = |column| Ok::<_, rusqlite::Error>(u32::try_from(row.get::<_, i64>(column)?).unwrap_or(0));
        Ok(Log {
            busy: row.get(0)?,
            pages: count(1)?,
            copied: count(2)?,
        })
    })
}
