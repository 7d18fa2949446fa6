//! What a load counts, and when.

use std::{
    cell::{Cell, RefCell},
    io,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::Histogram;
use crate::process::Process;

/// How long a load runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Before anything is counted.
    pub warm_up: Duration,
    /// While it is.
    pub measure: Duration,
}

/// What a load did while it was measured.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How long that was.
    pub elapsed: Duration,
    /// Messages that their sender saw acknowledged.
    pub acknowledged: u64,
    /// Messages that arrived, once for each who got them.
    pub delivered: u64,
    /// Receipts that were acknowledged.
    pub receipts: u64,
    /// From when a message was due to its acknowledgement.
    pub to_acknowledgement: Histogram,
    /// From when a message was due to its arrival.
    pub to_delivery: Histogram,
    /// The server's CPU time, all threads.
    pub server_cpu: Duration,
    /// The load client's own.
    pub client_cpu: Duration,
}

/// Counts as a load runs. It lives on one thread.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    phase: Cell<Phase>,
    counts: Cell<Counts>,
    to_acknowledgement: RefCell<Histogram>,
    to_delivery: RefCell<Histogram>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    WarmUp,
    Measuring,
    Draining,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    acknowledged: u64,
    delivered: u64,
    receipts: u64,
}

impl Outcome {
    /// Returns messages delivered a second.
    pub fn delivered_rate(&self) -> f64 {
        self.delivered as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns messages a second that went all the way: acknowledged and delivered, and where receipts were asked
    /// for, these too.
    pub fn complete_rate(&self) -> f64 {
        let least = self.acknowledged.min(self.delivered);
        let complete = if self.receipts > 0 {
            least.min(self.receipts)
        } else {
            least
        };
        complete as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns the server's CPU time for one delivered message, in microseconds.
    pub fn server_micros(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.delivered as f64
    }

    /// Returns the client's CPU time for one delivered message, in microseconds.
    pub fn client_micros(&self) -> f64 {
        self.client_cpu.as_secs_f64() * 1e6 / self.delivered as f64
    }
}

impl Meter {
    /// Lets the load run for its span, and returns what it did in the measured part of it.
    pub(crate) async fn watch(&self, span: Span, server: Process) -> io::Result<Outcome> {
        sleep(span.warm_up).await;
        let (counts, server_cpu, client_cpu) = (self.counts.get(), server.cpu()?, Process::current().cpu()?);
        let start = Instant::now();
        self.phase.set(Phase::Measuring);
        sleep(span.measure).await;
        self.phase.set(Phase::Draining);
        let elapsed = start.elapsed();
        Ok(Outcome {
            elapsed,
            acknowledged: self.counts.get().acknowledged - counts.acknowledged,
            delivered: self.counts.get().delivered - counts.delivered,
            receipts: self.counts.get().receipts - counts.receipts,
            to_acknowledgement: self.to_acknowledgement.take(),
            to_delivery: self.to_delivery.take(),
            server_cpu: server.cpu()? - server_cpu,
            client_cpu: Process::current().cpu()? - client_cpu,
        })
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.phase.get() == Phase::Draining
    }

    pub(crate) fn acknowledged(&self, latency: Duration) {
        let counts = self.counts.get();
        self.counts.set(Counts {
            acknowledged: counts.acknowledged + 1,
            ..counts
        });
        self.record(&self.to_acknowledgement, latency);
    }

    pub(crate) fn delivered(&self, latency: Duration) {
        let counts = self.counts.get();
        self.counts.set(Counts {
            delivered: counts.delivered + 1,
            ..counts
        });
        self.record(&self.to_delivery, latency);
    }

    pub(crate) fn receipted(&self) {
        let counts = self.counts.get();
        self.counts.set(Counts {
            receipts: counts.receipts + 1,
            ..counts
        });
    }

    fn record(&self, histogram: &RefCell<Histogram>, latency: Duration) {
        if self.phase.get() == Phase::Measuring {
            histogram.borrow_mut().record(latency);
        }
    }
}
