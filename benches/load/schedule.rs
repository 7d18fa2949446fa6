//! Due times that are fixed beforehand, so that a slow server can't slow down the load (an open-loop load).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Pace;

/// Announces to each pair when its messages are due.
///
/// The schedule runs on a thread of its own, as the runtime's timer has a resolution of a millisecond.
pub(super) struct Schedule {
    /// Time between two messages of all pairs together.
    interval: Duration,
    pairs: Vec<UnboundedSender<Instant>>,
}

/// Handle on a running schedule, which ends when this is stopped or dropped.
pub(super) struct Running {
    is_over: Arc<AtomicBool>,
}

impl Schedule {
    /// Makes a schedule, and returns the due times of each pair. At [`Pace::InFlight`] nothing is ever due.
    pub(super) fn new(pace: Pace, pairs: usize) -> (Self, Vec<UnboundedReceiver<Instant>>) {
        let (senders, receivers) = (0..pairs).map(|_| unbounded_channel()).unzip();
        let (interval, pairs) = match pace {
            Pace::InFlight(_) => (Duration::MAX, Vec::new()),
            Pace::PerSecond(rate) => (Duration::from_secs_f64(rate.recip()), senders),
        };
        (Self { interval, pairs }, receivers)
    }

    pub(super) fn start(self) -> Running {
        let running = Running {
            is_over: Arc::default(),
        };
        let is_over = running.is_over.clone();
        if !self.pairs.is_empty() {
            thread::spawn(move || self.run(&is_over));
        }
        running
    }

    #[expect(clippy::disallowed_methods, reason = "the thread has nothing else to do")]
    fn run(&self, is_over: &AtomicBool) {
        let mut due = Instant::now();
        for pair in self.pairs.iter().cycle() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if is_over.load(Ordering::Relaxed) || pair.send(due).is_err() {
                return;
            }
            due += self.interval;
        }
    }
}

impl Running {
    /// Ends the schedule: the receivers of due times are closed.
    pub(super) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// A load that fails must not leave the thread behind.
impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
