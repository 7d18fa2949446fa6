//! Moves what is in the write-ahead log into the database, beside the writer instead of in its way.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

/// Keeps the log short. A thread copies its pages while the writer goes on; only when that never catches up does the
/// writer stop for the few pages that are left, so that the log begins again from its start.
pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    copying: Arc<AtomicBool>,
    restart_at: u32,
}

/// Pages in the log that are worth copying: 4 MiB.
const WORTHWHILE: u32 = 1024;

/// Pages in the log that are too many: 64 MiB.
const TOO_MANY: u32 = 16 * 1024;

/// How long a person may hold the file with SQLite's own tools before a step is given up as unavailable.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the writer waits for readers so that the log can begin anew.
const PATIENCE: Duration = Duration::from_millis(50);

impl Checkpointer {
    /// Starts the thread.
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
            restart_at: TOO_MANY,
        })
    }

    /// Looks at the log after a commit, on the writer's connection, and has it copied if that is worthwhile.
    pub(super) fn after_commit(&mut self, connection: &Connection) {
        if self.copying.load(Ordering::Acquire) {
            // Two can't copy at once, and when this one is through, little will be left.
            return;
        }
        let Ok(log) = checkpoint(connection, Mode::LookOnly) else {
            return;
        };
        if log.pages >= self.restart_at {
            let emptied = restart(connection).is_ok_and(|log| !log.busy);
            // Somebody who reads for long holds the log; waiting for them after each commit would help nobody.
            self.restart_at = if emptied { TOO_MANY } else { log.pages + TOO_MANY };
        } else if log.pages.saturating_sub(log.copied) >= WORTHWHILE
            && let Some(wake) = &self.wake
        {
            self.copying.store(true, Ordering::Release);
            let _ended = wake.try_send(());
        }
    }

    /// Ends the thread, and empties the log on the writer's connection.
    pub(super) fn finish(mut self, connection: &Connection) {
        self.join();
        if let Err(error) = checkpoint(connection, Mode::Truncate) {
            tracing::warn!(%error, "the write-ahead log stays as it is");
        }
    }

    fn join(&mut self) {
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

fn work(connection: &Connection, woken: &Receiver<()>, copying: &AtomicBool) {
    while woken.recv().is_ok() {
        if let Err(error) = checkpoint(connection, Mode::Passive) {
            tracing::warn!(%error, "a checkpoint failed");
        }
        copying.store(false, Ordering::Release);
    }
}

fn restart(connection: &Connection) -> rusqlite::Result<Log> {
    connection.busy_timeout(PATIENCE)?;
    let log = checkpoint(connection, Mode::Restart);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    log
}

/// How much a checkpoint may get in the way.
#[derive(Clone, Copy)]
enum Mode {
    /// Does nothing but tell how long the log is.
    LookOnly,
    /// Copies what can be copied while others read and write.
    Passive,
    /// Waits for readers and begins the log anew.
    Restart,
    /// Likewise, and makes the file empty.
    Truncate,
}

/// The log after a checkpoint.
struct Log {
    busy: bool,
    pages: u32,
    copied: u32,
}

fn checkpoint(connection: &Connection, mode: Mode) -> rusqlite::Result<Log> {
    let sql = match mode {
        Mode::LookOnly => "PRAGMA wal_checkpoint(NOOP)",
        Mode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Mode::Restart => "PRAGMA wal_checkpoint(RESTART)",
        Mode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    connection.prepare_cached(sql)?.query_row([], |row| {
        // Both are -1 where there is no log.
        let count = |column| Ok::<_, rusqlite::Error>(u32::try_from(row.get::<_, i64>(column)?).unwrap_or(0));
        Ok(Log {
            busy: row.get(0)?,
            pages: count(1)?,
            copied: count(2)?,
        })
    })
}
