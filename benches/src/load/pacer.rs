//! Due times that are fixed beforehand.

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

/// Tells each pair when its messages are due, from a thread of its own: the runtime's timer counts in milliseconds.
pub(super) struct Pacer {
    interval: Duration,
    pairs: Vec<UnboundedSender<Instant>>,
}

/// Ends its pacer when stopped or dropped: also when the load fails.
pub(super) struct Pacing {
    is_over: Arc<AtomicBool>,
}

impl Pacer {
    pub(super) fn new(pace: Pace, pairs: usize) -> (Self, Vec<UnboundedReceiver<Instant>>) {
        let (senders, receivers) = (0..pairs).map(|_| unbounded_channel()).unzip();
        let (interval, pairs) = match pace {
            Pace::InFlight(_) => (Duration::MAX, Vec::new()),
            Pace::PerSecond(rate) => (Duration::from_secs_f64(rate.recip()), senders),
        };
        (Self { interval, pairs }, receivers)
    }

    pub(super) fn start(self) -> Pacing {
        let pacing = Pacing {
            is_over: Arc::default(),
        };
        let is_over = pacing.is_over.clone();
        if !self.pairs.is_empty() {
            thread::spawn(move || self.pace(&is_over));
        }
        pacing
    }

    #[expect(clippy::disallowed_methods, reason = "the thread serves nobody else")]
    fn pace(&self, is_over: &AtomicBool) {
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

impl Pacing {
    pub(super) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Drop for Pacing {
    fn drop(&mut self) {
        self.stop();
    }
}
