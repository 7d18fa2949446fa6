//! Counts of a running load: messages, latencies, CPU time.

use std::{
    cell::{Cell, RefCell},
    io,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::time::sleep;

use crate::process::Process;

/// Significant digits of recorded latencies: 1.23 ms and 1.24 ms are different values.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Longest latency that is recorded as it is, in microseconds. The timeouts of the loads are shorter.
const LONGEST: u64 = 60_000_000;

/// Phases of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Length of the first phase, in which nothing is counted.
    pub warm_up: Duration,
    /// Length of the second phase, which is measured.
    pub measure: Duration,
}

/// Result of a load, over its measured phase.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Actual length of the phase.
    pub elapsed: Duration,
    /// Messages acknowledged to their sender.
    pub acknowledged: u64,
    /// Messages that arrived, counted once per recipient.
    pub delivered: u64,
    /// Receipts that were acknowledged.
    pub receipts: u64,
    /// Latencies in microseconds, from when a message was due to its arrival.
    pub to_delivery: Histogram<u64>,
    /// CPU time of the server, all threads.
    pub server_cpu: Duration,
    /// CPU time of the load client.
    pub client_cpu: Duration,
}

/// Counters of a running load, on the one thread that it has.
#[derive(Debug)]
pub(crate) struct Meter {
    phase: Cell<Phase>,
    counts: Cell<Counts>,
    to_delivery: RefCell<Histogram<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    WarmUp,
    Measuring,
    /// Nothing new is sent; messages in flight may still arrive.
    Draining,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    acknowledged: u64,
    delivered: u64,
    receipts: u64,
}

impl Outcome {
    /// Returns messages delivered per second.
    pub fn delivered_rate(&self) -> f64 {
        self.delivered as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns messages per second that were both acknowledged and delivered, with their receipts if any were sent.
    pub fn complete_rate(&self) -> f64 {
        let least = self.acknowledged.min(self.delivered);
        let complete = if self.receipts > 0 {
            least.min(self.receipts)
        } else {
            least
        };
        complete as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns the latency from due to delivered that `quantile` (0 to 1) of the messages did not exceed, in milliseconds.
    pub fn delivery_millis(&self, quantile: f64) -> f64 {
        self.to_delivery.value_at_quantile(quantile) as f64 / 1e3
    }

    /// Returns the server's CPU time per delivered message, in microseconds.
    pub fn server_micros(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.delivered as f64
    }

    /// Returns the load client's CPU time per delivered message, in microseconds.
    pub fn client_micros(&self) -> f64 {
        self.client_cpu.as_secs_f64() * 1e6 / self.delivered as f64
    }
}

impl Meter {
    /// Waits for the phases of a load that runs meanwhile, and returns the result of the measured one.
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
            to_delivery: self.to_delivery.replace(histogram()),
            server_cpu: server.cpu()? - server_cpu,
            client_cpu: Process::current().cpu()? - client_cpu,
        })
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.phase.get() == Phase::Draining
    }

    pub(crate) fn acknowledged(&self) {
        let counts = self.counts.get();
        self.counts.set(Counts {
            acknowledged: counts.acknowledged + 1,
            ..counts
        });
    }

    pub(crate) fn delivered(&self, latency: Duration) {
        let counts = self.counts.get();
        self.counts.set(Counts {
            delivered: counts.delivered + 1,
            ..counts
        });
        if self.phase.get() == Phase::Measuring {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            self.to_delivery.borrow_mut().saturating_record(micros);
        }
    }

    pub(crate) fn receipted(&self) {
        let counts = self.counts.get();
        self.counts.set(Counts {
            receipts: counts.receipts + 1,
            ..counts
        });
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            phase: Cell::default(),
            counts: Cell::default(),
            to_delivery: RefCell::new(histogram()),
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LONGEST, SIGNIFICANT_DIGITS).expect("the bounds are in order")
}
