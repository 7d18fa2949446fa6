//! The task that passes time to state machines with deadlines.
//!
//! The driver only knows when something is due; the machines decide what happens then.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::domain::timestamp::Timestamp;
use crate::engine::panics::{Panic, catch_panic};
use crate::ports::Clock;

/// A set of state machines with deadlines.
pub(crate) trait Timed: Send + Sync {
    /// Passes the current time to every machine whose deadline has come, and returns the earliest remaining deadline.
    fn elapse(&self, now: Timestamp) -> Option<Timestamp>;
}

/// Wakes the driver for a deadline that is earlier than the one it sleeps until.
#[derive(Clone, Debug, Default)]
pub(crate) struct DriverWaker(Arc<Notify>);

/// Longest sleep of the driver. The clock may be set or moved by hand, independently of the timer that the driver
/// sleeps by; this bounds how late a deadline can be met then.
const MAX_SLEEP: Duration = Duration::from_secs(1);

/// Shortest sleep of the driver, so that deadlines close to each other are handled in one wake-up.
const MIN_SLEEP: Duration = Duration::from_millis(5);

impl DriverWaker {
    /// Wakes the driver.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

/// Starts the driver as a task of the current runtime. It runs until it is aborted.
pub(crate) fn start(clock: Arc<dyn Clock>, waker: DriverWaker, timed: Vec<Arc<dyn Timed>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let now = clock.now();
            let mut next = None;
            for timed in &timed {
                let deadline = elapse(&**timed, now).await;
                next = next.into_iter().chain(deadline).min();
            }
            // A wake-up while the machines were stepped above is not lost: `Notify` stores one permit.
            let woken = waker.0.notified();
            match next {
                None => woken.await,
                Some(deadline) => {
                    let pause = deadline.since(now).clamp(MIN_SLEEP, MAX_SLEEP);
                    let _elapsed = tokio::time::timeout(pause, woken).await;
                }
            }
        }
    })
}

/// Passes the current time to one set of machines. If it panics, it is tried again after [`MAX_SLEEP`], so that a bug
/// in one set does not stop the others.
async fn elapse(timed: &dyn Timed, now: Timestamp) -> Option<Timestamp> {
    match catch_panic(async { timed.elapse(now) }).await {
        Ok(deadline) => deadline,
        Err(Panic(panic)) => {
            tracing::error!(
                panic,
                "a panic while deadlines were handled; they are tried again in a second"
            );
            Some(now.plus(MAX_SLEEP))
        }
    }
}

/// The deadlines of many machines, ordered by time.
#[derive(Debug)]
pub(crate) struct Deadlines<K>(BTreeSet<(Timestamp, K)>);

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Copy + Ord> Deadlines<K> {
    /// Moves a machine's deadline. Returns true if it is now the earliest of all and earlier than the earliest before:
    /// the driver has to be woken.
    pub(crate) fn moved(&mut self, key: K, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
        if from == to {
            return false;
        }
        let earliest = self.earliest();
        if let Some(from) = from {
            self.0.remove(&(from, key));
        }
        let Some(to) = to else { return false };
        self.0.insert((to, key));
        earliest.is_none_or(|earliest| to < earliest)
    }

    /// Removes the deadline of a machine, whenever it is. Looks at all: for few machines.
    pub(crate) fn remove(&mut self, key: K) {
        self.0.retain(|(_, other)| *other != key);
    }

    /// Returns the machine with the earliest deadline, if that deadline has come.
    pub(crate) fn due(&self, now: Timestamp) -> Option<K> {
        self.0
            .first()
            .filter(|(deadline, _)| *deadline <= now)
            .map(|(_, key)| *key)
    }

    /// Returns the earliest deadline of all machines.
    pub(crate) fn earliest(&self) -> Option<Timestamp> {
        self.0.first().map(|(deadline, _)| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::ports::TokioClock;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn machines_are_due_in_order_of_their_deadlines() {
        let mut deadlines = Deadlines::default();
        assert!(deadlines.moved('b', None, Some(at(20))), "the first is the earliest");
        assert!(deadlines.moved('a', None, Some(at(10))));
        assert!(!deadlines.moved('c', None, Some(at(30))), "there are earlier ones");
        assert_eq!((deadlines.due(at(9)), deadlines.due(at(10))), (None, Some('a')));
        assert!(!deadlines.moved('a', Some(at(10)), Some(at(40))), "later than it was");
        assert_eq!((deadlines.earliest(), deadlines.due(at(40))), (Some(at(20)), Some('b')));
        assert!(!deadlines.moved('b', Some(at(20)), None));
        assert_eq!(deadlines.due(at(40)), Some('c'));
    }

    /// A machine with one deadline that records the times at which it was met.
    struct Once(Mutex<(Option<Timestamp>, Vec<Timestamp>)>);

    impl Timed for Once {
        fn elapse(&self, now: Timestamp) -> Option<Timestamp> {
            let mut state = self.0.lock().unwrap();
            if state.0.is_some_and(|deadline| deadline <= now) {
                state.0 = None;
                state.1.push(now);
            }
            state.0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_met_in_time_and_an_earlier_one_wakes_the_driver() {
        let clock = Arc::new(TokioClock::at(at(0)));
        let (waker, once) = (DriverWaker::default(), Arc::new(Once(Mutex::default())));
        let task = start(clock.clone(), waker.clone(), vec![once.clone()]);
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(once.0.lock().unwrap().1, [], "nothing was to be met");
        once.0.lock().unwrap().0 = Some(at(9_500));
        waker.wake();
        while once.0.lock().unwrap().1.is_empty() {
            tokio::time::advance(Duration::from_millis(1)).await;
            tokio::task::yield_now().await;
        }
        let met = once.0.lock().unwrap().1[0];
        assert!((9_500..9_600).contains(&met.as_millis()), "{met}");
        task.abort();
    }

    /// A machine that panics the first two times.
    #[derive(Default)]
    struct Faulty(AtomicUsize);

    impl Timed for Faulty {
        fn elapse(&self, _: Timestamp) -> Option<Timestamp> {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) >= 2, "a fault of a machine's");
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_in_one_set_stops_no_other_and_it_is_tried_again() {
        let clock = Arc::new(TokioClock::at(at(0)));
        let (faulty, once) = (Arc::new(Faulty::default()), Arc::new(Once(Mutex::default())));
        once.0.lock().unwrap().0 = Some(at(300));
        let task = start(clock, DriverWaker::default(), vec![faulty.clone(), once.clone()]);
        for _ in 0..200 {
            tokio::time::advance(Duration::from_millis(10)).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(
            (once.0.lock().unwrap().1.len(), faulty.0.load(Ordering::SeqCst)),
            (1, 3)
        );
        task.abort();
    }
}
