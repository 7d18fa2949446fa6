//! Checkpoints of SQLite's write-ahead log, on a thread of their own.
//!
//! A commit is appended to the log; a checkpoint copies the log's pages into the database file. SQLite would do that
//! inside a commit every 1000 pages, which makes that one commit slow. Here the writer only looks at the length of the
//! log and wakes a thread that copies.
//!
//! The log also holds what the copied pages contained before: text that was deleted since. So the thread empties the log
//! at an interval, which is how long deleted text can stay in the files.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

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
    flags: Arc<Flags>,
    /// Length of the log, in pages, from which the writer restarts it.
    restart_at: u32,
}

/// State that the writer and the thread share.
#[derive(Default)]
struct Flags {
    /// True from waking the thread until its checkpoint is done.
    copying: AtomicBool,
    /// True if the log may hold anything.
    filled: AtomicBool,
    /// True if the writer is to empty the log after its next commit, because the thread could not.
    to_empty: AtomicBool,
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

/// Time to wait for readers when the log is restarted or emptied. Every write waits meanwhile, so this is far shorter
/// than [`BUSY_TIMEOUT`]; an attempt that fails is repeated later.
const RESTART_TIMEOUT: Duration = Duration::from_millis(50);

/// Default interval at which the log is emptied: long enough that its cost does not show, a checkpoint a minute.
pub(super) const DEFAULT_WIPE_INTERVAL: Duration = Duration::from_secs(60);

/// Pause before the log is emptied again after a long read has prevented it.
const WIPE_RETRY_INTERVAL: Duration = Duration::from_secs(1);

impl Checkpointer {
    /// Starts the thread, which makes its checkpoints on `connection` and empties the log at each `wipe_interval`.
    pub(super) fn start(connection: Connection, wipe_interval: Duration) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let flags = Arc::new(Flags::default());
        // A program that crashed may have left a log with deleted text.
        flags.filled.store(true, Ordering::Release);
        let worker = Worker {
            connection,
            woken,
            flags: Arc::clone(&flags),
            wipe_interval,
        };
        let thread = thread::Builder::new()
            .name("letsapp-sqlite-checkpoint".to_owned())
            .spawn(move || worker.work())?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            flags,
            restart_at: RESTART_THRESHOLD_PAGES,
        })
    }

    /// Checks the length of the log after a commit, and starts a checkpoint if one is worthwhile. `connection` is the
    /// writer's.
    pub(super) fn after_commit(&mut self, connection: &Connection) {
        self.flags.filled.store(true, Ordering::Release);
        if self.flags.copying.load(Ordering::Acquire) {
            // SQLite allows one checkpoint at a time, and after the running one little will be left to copy.
            return;
        }
        let Ok(log) = checkpoint(connection, Mode::Noop) else {
            return;
        };
        if self.flags.to_empty.swap(false, Ordering::AcqRel) {
            // Without an answer: the thread tries again if the log is not empty afterwards.
            let _busy = restart(connection, Mode::Truncate);
        } else if log.pages >= self.restart_at {
            let emptied = restart(connection, Mode::Restart).is_ok_and(|log| !log.busy);
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
            self.flags.copying.store(true, Ordering::Release);
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

/// State of the thread.
struct Worker {
    connection: Connection,
    woken: Receiver<()>,
    flags: Arc<Flags>,
    wipe_interval: Duration,
}

impl Worker {
    /// Makes a checkpoint each time it is woken, and empties the log at each interval, until the sender is dropped.
    fn work(self) {
        let mut due = now() + self.wipe_interval;
        loop {
            match self.woken.recv_timeout(due.saturating_duration_since(now())) {
                Ok(()) => {
                    if let Err(error) = checkpoint(&self.connection, Mode::Passive) {
                        tracing::warn!(%error, "a checkpoint failed; it is tried again after a later commit");
                    }
                    self.flags.copying.store(false, Ordering::Release);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let wait = if self.empty() {
                        self.wipe_interval
                    } else {
                        WIPE_RETRY_INTERVAL
                    };
                    due = now() + wait.min(self.wipe_interval);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Empties the log if it may hold anything. Returns false if it could not.
    fn empty(&self) -> bool {
        if !self.flags.filled.swap(false, Ordering::AcqRel) {
            return true;
        }
        // Until the end the writer starts no checkpoint of its own.
        self.flags.copying.store(true, Ordering::Release);
        // Passive first, beside the writer: little is left to be copied while it waits.
        let emptied =
            checkpoint(&self.connection, Mode::Passive).and_then(|_| restart(&self.connection, Mode::Truncate));
        self.flags.copying.store(false, Ordering::Release);
        match emptied {
            Ok(log) if !log.busy => return true,
            // A writer without a pause keeps its lock; it does it itself then.
            Ok(_) => self.flags.to_empty.store(true, Ordering::Release),
            Err(error) => tracing::warn!(%error, "the write-ahead log was not emptied; it is tried again soon"),
        }
        self.flags.filled.store(true, Ordering::Release);
        false
    }
}

/// Copies the rest of the log, and makes the next commit start at its beginning or truncates it, as `mode` says.
fn restart(connection: &Connection, mode: Mode) -> rusqlite::Result<Log> {
    connection.busy_timeout(RESTART_TIMEOUT)?;
    let log = checkpoint(connection, mode);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    log
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long the log has held something, on a thread without a runtime; nothing of it is stored"
)]
fn now() -> Instant {
    Instant::now()
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
