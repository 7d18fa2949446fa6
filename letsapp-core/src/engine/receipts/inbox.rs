//! Stored advances that wait to be published.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::member::MemberKey;
use crate::engine::events::ExcludedConnection;
use crate::ports::Advanced;

/// A stored advance that is to be published.
pub(super) struct ReceiptUpdate {
    pub(super) key: MemberKey,
    pub(super) advanced: Advanced,
    pub(super) excluded: ExcludedConnection,
}

/// Waiting advances, those of one member merged into one: from the watermarks before the first to those after the last.
/// One task takes them out.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Wakes the task that takes them out.
    changed: Notify,
}

#[derive(Default)]
struct State {
    updates: HashMap<MemberKey, ReceiptUpdate>,
    closed: bool,
}

/// Maximum number of members whose advances wait, at about a hundred bytes each. With more, the store has not answered
/// for a while, and the events of further members are given up.
const CAPACITY: usize = 65_536;

impl Inbox {
    /// Adds advances.
    pub(super) fn put(&self, updates: impl IntoIterator<Item = ReceiptUpdate>) {
        let mut lost = 0_u64;
        let mut state = self.lock();
        let mut room = CAPACITY.saturating_sub(state.updates.len());
        for update in updates {
            if let Some(before) = state.updates.get_mut(&update.key) {
                before.advanced.to = update.advanced.to;
                before.excluded.merge(update.excluded);
            } else if room > 0 {
                room -= 1;
                state.updates.insert(update.key, update);
            } else {
                lost += 1;
            }
        }
        drop(state);
        if lost > 0 {
            metrics::counter!("letsapp_receipts_unpublished_total").increment(lost);
            tracing::warn!(lost, "too many receipts wait to be published; clients will sync");
        }
        self.changed.notify_one();
    }

    /// Waits until there are advances; false if there are none and the inbox is closed.
    pub(super) async fn wait(&self) -> bool {
        loop {
            {
                let state = self.lock();
                if !state.updates.is_empty() || state.closed {
                    return !state.updates.is_empty();
                }
            }
            self.changed.notified().await;
        }
    }

    /// Takes out all advances, without waiting.
    pub(super) fn take(&self) -> Vec<ReceiptUpdate> {
        std::mem::take(&mut self.lock().updates).into_values().collect()
    }

    /// Closes the inbox, after the last advance was added.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits until the inbox is closed.
    pub(super) async fn closed(&self) {
        while !self.lock().closed {
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ConnectionId, Seq, UserId};
    use crate::domain::member::Watermarks;
    use crate::engine::fixtures::CHAT;

    fn update(n: usize, from: u64, to: u64, origin: u8) -> ReceiptUpdate {
        let mut excluded = ExcludedConnection::default();
        excluded.add(Some(ConnectionId::from_bytes([origin; 16])));
        let [from, to] = [from, to].map(|seq| Watermarks::read(Seq(seq)));
        ReceiptUpdate {
            key: (CHAT, UserId::from_bytes((n as u128).to_be_bytes())),
            advanced: Advanced { from, to },
            excluded,
        }
    }

    #[tokio::test]
    async fn the_advances_of_a_member_are_merged() {
        let inbox = Inbox::default();
        inbox.put([update(1, 0, 3, 1), update(2, 1, 2, 1), update(1, 3, 5, 2)]);
        assert!(inbox.wait().await);
        let mut taken = inbox.take();
        taken.sort_unstable_by_key(|update| update.key);
        let read = |update: &ReceiptUpdate| (update.advanced.from.read.0, update.advanced.to.read.0);
        assert_eq!(taken.iter().map(read).collect::<Vec<_>>(), [(0, 5), (1, 2)]);
        assert_eq!(taken[0].excluded.except(), None, "two connections have asked");
        assert!(taken[1].excluded.except().is_some());
        inbox.close();
        inbox.closed().await;
        assert!(!inbox.wait().await);
    }

    #[test]
    fn no_more_than_its_capacity_waits() {
        let inbox = Inbox::default();
        inbox.put((0..CAPACITY + 10).map(|n| update(n, 0, 1, 1)));
        inbox.put([update(0, 1, 2, 1)]);
        let taken = inbox.take();
        assert_eq!(taken.len(), CAPACITY);
        let raised = |update: &&ReceiptUpdate| update.advanced.to.read == Seq(2);
        assert_eq!(
            taken.iter().filter(raised).count(),
            1,
            "a member who waits already is kept up to date"
        );
    }
}
