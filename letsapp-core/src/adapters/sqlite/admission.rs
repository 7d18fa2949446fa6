//! Bounds on the work that waits for the store's threads, in bytes.
//!
//! A caller whose work is not admitted gets an error at once. Without a bound, a disk that hangs would let the queues
//! grow until the memory is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::Gauge;

use crate::ports::RepositoryError;

/// Queue in front of the store's threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// Steps that wait for the writer.
    Writer,
    /// Reads that wait for a reader.
    Readers,
    /// Searches that wait for one of the threads that search.
    Searchers,
}

/// Admits work to a queue as long as not too much waits.
pub(super) struct Admission {
    queue: Queue,
    /// Bytes admitted and not finished.
    admitted: Arc<AtomicUsize>,
}

/// Right to a place in a queue, which ends when it is dropped.
pub(super) struct Place {
    queue: Queue,
    admitted: Arc<AtomicUsize>,
    bytes: usize,
}

/// Maximum size of the steps that wait for the writer, in bytes. The commit path hands over batches of at most 8 MiB,
/// so that several of them and thousands of other steps fit.
const MAX_WRITER_BYTES: usize = 64 << 20;

/// Maximum size of the reads that wait for a reader, and of the searches that wait, in bytes: some ten thousand.
const MAX_READERS_BYTES: usize = 16 << 20;

/// Memory that an entry of a queue takes beside its own data, in bytes: its boxes, its reply channel, and the part of
/// the waiting caller.
const ENTRY_BYTES: usize = 1024;

impl Admission {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            queue,
            admitted: Arc::default(),
        }
    }

    /// Admits work of this size, in bytes. An empty queue admits work of any size.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] if too much waits.
    pub(super) fn admit(&self, bytes: usize) -> Result<Place, RepositoryError> {
        let bytes = bytes.saturating_add(ENTRY_BYTES);
        let limit = self.queue.limit();
        let fits = |admitted: usize| {
            let after = admitted.saturating_add(bytes);
            (admitted == 0 || after <= limit).then_some(after)
        };
        match self.admitted.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) {
            Ok(before) => {
                self.queue.gauge().set(float(before + bytes));
                Ok(Place {
                    queue: self.queue,
                    admitted: Arc::clone(&self.admitted),
                    bytes,
                })
            }
            Err(_) => {
                self.queue.count_refusal();
                Err(RepositoryError::unavailable(self.queue.overload()))
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.admitted.fetch_sub(self.bytes, Ordering::AcqRel);
        self.queue.gauge().set(float(before - self.bytes));
    }
}

impl Queue {
    const fn limit(self) -> usize {
        match self {
            Self::Writer => MAX_WRITER_BYTES,
            Self::Readers | Self::Searchers => MAX_READERS_BYTES,
        }
    }

    const fn overload(self) -> &'static str {
        match self {
            Self::Writer => "too many writes are waiting for the store",
            Self::Readers => "too many reads are waiting for the store",
            Self::Searchers => "too many searches are waiting for the store",
        }
    }

    /// Returns the gauge of the queue. The labels are literals, so that looking it up allocates nothing.
    fn gauge(self) -> Gauge {
        match self {
            Self::Writer => metrics::gauge!("letsapp_sqlite_waiting_bytes", "queue" => "writer"),
            Self::Readers => metrics::gauge!("letsapp_sqlite_waiting_bytes", "queue" => "readers"),
            Self::Searchers => metrics::gauge!("letsapp_sqlite_waiting_bytes", "queue" => "searchers"),
        }
    }

    fn count_refusal(self) {
        match self {
            Self::Writer => metrics::counter!("letsapp_sqlite_refused_total", "queue" => "writer"),
            Self::Readers => metrics::counter!("letsapp_sqlite_refused_total", "queue" => "readers"),
            Self::Searchers => metrics::counter!("letsapp_sqlite_refused_total", "queue" => "searchers"),
        }
        .increment(1);
    }
}

/// Converts a number of bytes for a gauge.
fn float(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_admitted_up_to_a_size_and_again_once_some_is_finished() {
        let admission = Admission::new(Queue::Readers);
        let part = MAX_READERS_BYTES / 4 - ENTRY_BYTES;
        let mut places: Vec<_> = (0..4).map(|_| admission.admit(part).unwrap()).collect();
        assert!(matches!(admission.admit(0), Err(RepositoryError::Unavailable(_))));
        places.pop();
        assert!(admission.admit(part).is_ok());
        assert!(admission.admit(part + 1).is_err());
    }

    #[test]
    fn an_empty_queue_admits_work_of_any_size() {
        let admission = Admission::new(Queue::Writer);
        let place = admission.admit(MAX_WRITER_BYTES * 2).unwrap();
        assert!(admission.admit(0).is_err());
        drop(place);
        assert!(admission.admit(0).is_ok());
    }
}
