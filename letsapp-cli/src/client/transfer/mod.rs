//! Files sent and received piece by piece, never held in memory whole.

mod download;
mod upload;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub use download::{Download, Existing};
pub use upload::Upload;

pub(crate) use upload::{FileBody, read_failure};

/// Limit for a transfer without progress. Longer than a server takes to check and store a file after its last byte.
pub(crate) const STALL_LIMIT: Duration = Duration::from_secs(60);

/// Limit for a whole transfer. Long enough for any file on any network that works: [`STALL_LIMIT`] is what ends one.
pub(crate) const TRANSFER_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// State of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Number of bytes transferred so far, with those of an earlier attempt that count.
    pub done: u64,
    /// Number of bytes in all.
    pub total: u64,
}

/// Function to call with the progress of a transfer.
#[derive(Clone)]
pub(crate) struct Watcher(Arc<dyn Fn(Progress) + Send + Sync>);

/// Signs of life of a transfer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity(Arc<Notify>);

impl Watcher {
    pub(crate) fn new(watch: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(watch))
    }

    fn report(&self, done: u64, total: u64) {
        (self.0)(Progress { done, total });
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl Activity {
    fn report(&self) {
        self.0.notify_one();
    }

    /// Waits for a transfer. `None` if there is no activity for too long.
    pub(crate) async fn watch<T>(&self, transfer: impl Future<Output = T>) -> Option<T> {
        let mut transfer = pin!(transfer);
        loop {
            tokio::select! {
                biased;
                result = &mut transfer => return Some(result),
                () = self.0.notified() => {}
                () = tokio::time::sleep(STALL_LIMIT) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_transfer_may_take_long_but_not_stop() {
        let activity = Activity::default();
        let slow = async {
            for _ in 0..100 {
                tokio::time::advance(STALL_LIMIT / 2).await;
                activity.report();
                tokio::task::yield_now().await;
            }
            "done"
        };
        assert_eq!(activity.watch(slow).await, Some("done"));
        assert_eq!(activity.watch(std::future::pending::<()>()).await, None);
    }
}
