//! Gate through which every operation passes, so that a store can be closed: it waits for those under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Gate of a store.
///
/// A read-write lock was rejected: an operation that asks for a second pass would wait behind the one who closes the
/// gate, who waits for the first.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    /// Wakes those who close the gate when the last pass is given back.
    empty: Notify,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Number of passes given out and not given back.
    passes: usize,
}

/// Keeps the store open while it is held.
#[derive(Debug)]
pub(super) struct Pass(Arc<Gate>);

impl Gate {
    /// Returns a pass, or `None` if the gate is closed. Never waits.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Pass> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.passes += 1;
        drop(state);
        Some(Pass(Arc::clone(self)))
    }

    /// Closes the gate, and waits until all passes are given back.
    pub(super) async fn close(&self) {
        loop {
            // Made before the look, so that a pass that is given back in between is not missed.
            let empty = self.empty.notified();
            {
                let mut state = self.lock();
                state.closed = true;
                if state.passes == 0 {
                    return;
                }
            }
            empty.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.passes -= 1;
        if state.passes == 0 {
            self.0.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn closing_waits_for_the_passes_and_gives_out_no_more() {
        let gate = Arc::new(Gate::default());
        let (first, second) = (gate.enter().unwrap(), gate.enter().unwrap());
        let (mut closing, mut again) = (Box::pin(gate.close()), Box::pin(gate.close()));
        assert!((&mut closing).now_or_never().is_none());
        assert!((&mut again).now_or_never().is_none());
        assert!(
            gate.enter().is_none(),
            "refused at once, although the gate is not closed yet"
        );
        drop(first);
        assert!((&mut closing).now_or_never().is_none());
        drop(second);
        closing.await;
        again.await;
        gate.close().await;
    }
}
