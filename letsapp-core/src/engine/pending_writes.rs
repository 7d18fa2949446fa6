//! Changes that have a timestamp and may not be stored yet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::timestamp::Timestamp;
use crate::ports::Clock;

/// The timestamps of changes that are being stored. A client that asks for changes since its last sync would never see
/// a change whose timestamp is before that sync but which was stored after it. So a sync only reaches up to the oldest
/// of these timestamps.
#[derive(Debug, Default)]
pub(crate) struct PendingWrites {
    pending: Mutex<Vec<Timestamp>>,
}

/// A change that is being stored. Dropping it marks the change as stored (or as failed).
pub(crate) struct PendingWrite<'a> {
    writes: &'a PendingWrites,
    pub(crate) at: Timestamp,
}

impl PendingWrites {
    /// Takes the timestamp of a change that is about to be stored.
    pub(crate) fn begin(&self, clock: &dyn Clock) -> PendingWrite<'_> {
        let mut pending = self.lock();
        // The clock is read while the list is locked, so that no sync can fall between the two steps.
        let at = clock.now();
        pending.push(at);
        PendingWrite { writes: self, at }
    }

    /// Returns the time up to which a sync may reach: every change with an earlier timestamp is stored.
    pub(crate) fn settled_until(&self, clock: &dyn Clock) -> Timestamp {
        let pending = self.lock();
        let now = clock.now();
        pending.iter().copied().min().map_or(now, |oldest| oldest.min(now))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Timestamp>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PendingWrite<'_> {
    fn drop(&mut self) {
        let mut pending = self.writes.lock();
        if let Some(place) = pending.iter().position(|at| *at == self.at) {
            pending.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::ManualClock;

    #[test]
    fn a_sync_reaches_up_to_the_oldest_change_that_is_not_stored() {
        let clock = ManualClock::at(Timestamp::from_millis(10));
        let writes = PendingWrites::default();
        let first = writes.begin(&clock);
        clock.advance(std::time::Duration::from_millis(5));
        let second = writes.begin(&clock);
        clock.advance(std::time::Duration::from_millis(5));
        assert_eq!(writes.settled_until(&clock), Timestamp::from_millis(10));
        drop(first);
        assert_eq!(writes.settled_until(&clock), Timestamp::from_millis(15));
        drop(second);
        assert_eq!(writes.settled_until(&clock), Timestamp::from_millis(20));
    }
}
