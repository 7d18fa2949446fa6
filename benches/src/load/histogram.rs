//! Latencies, counted in buckets no wider than 1.6 % of what they hold.

use std::time::Duration;

const STEPS: u64 = 64;
const BUCKETS: usize = (64 * 40) as usize;

/// Counts of latencies.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// Counts nothing yet.
    pub fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }

    /// Counts a latency.
    pub fn record(&mut self, latency: Duration) {
        let bucket = bucket_of(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)).min(BUCKETS - 1);
        self.counts[bucket] += 1;
        self.total += 1;
    }

    /// Counts all that another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.total += other.total;
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Returns the latency that `quantile` (0 to 1) of all were at most; zero when there are none.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(highest_in(bucket));
            }
        }
        Duration::ZERO
    }

    /// Returns how many latencies were counted.
    pub fn count(&self) -> u64 {
        self.total
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| self.quantile(quantile));
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, p99.9 {p999:.1?} of {}", self.total)
    }
}

/// Microseconds below 64 have a bucket each; above, every doubling is split into 64 steps.
fn bucket_of(micros: u64) -> usize {
    let doublings = (u64::BITS - (micros / STEPS).leading_zeros()) as u64;
    let shift = doublings.saturating_sub(1);
    if doublings == 0 {
        micros as usize
    } else {
        (doublings * STEPS + ((micros >> shift) - STEPS)) as usize
    }
}

fn highest_in(bucket: usize) -> u64 {
    let (doublings, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    if doublings == 0 {
        step
    } else {
        ((STEPS + step + 1) << (doublings - 1)) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_narrow() {
        for micros in (0..2_000_000).step_by(7).chain([63, 64, 127, 128, 129]) {
            let highest = highest_in(bucket_of(micros));
            assert!(
                highest >= micros && (highest - micros) * STEPS <= micros,
                "{micros} is put at {highest}"
            );
            assert_eq!(bucket_of(highest), bucket_of(micros));
            assert_eq!(bucket_of(highest + 1), bucket_of(micros) + 1);
        }
    }

    #[test]
    fn quantiles_are_of_the_right_rank() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        for micros in 1..=60 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.quantile(0.5), Duration::from_micros(30));
        assert_eq!(histogram.quantile(1.0), Duration::from_micros(60));
    }

    #[test]
    fn the_longest_wait_is_counted_too() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::MAX);
        assert!(histogram.quantile(0.5) > Duration::from_secs(3_600));
    }
}
