//! Measures LetsApp and its baseline in alternation, so that whatever slows the machine down slows both.

use std::{
    hint::black_box,
    ops::AddAssign,
    time::{Duration, Instant},
};

use letsapp_core::ports::BoxError;

/// Turns that each side gets in [`compare_rates`]. A turn of a full run is longer than a second, so that connections
/// and batches settle, and four of them spread both sides over the same minute.
const RATE_TURNS: u32 = 4;

/// Turns that each side gets in [`compare_costs`]: short enough for some of them to pass without being interrupted.
const COST_TURNS: u32 = 40;

/// Operations done, and the time they took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Throughput {
    /// Operations that were completed: rows stored, pages read.
    pub count: u64,
    /// Time from the first operation's start to the last one's end.
    pub elapsed: Duration,
}

/// Throughput of both sides in the same time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Sum of LetsApp's turns.
    pub letsapp: Throughput,
    /// Sum of the baseline's turns.
    pub baseline: Throughput,
}

/// Time that one operation takes on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// LetsApp's time for one operation.
    pub letsapp: Duration,
    /// The baseline's time for one operation.
    pub baseline: Duration,
}

impl Throughput {
    /// Returns operations per second.
    pub fn rate(self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns microseconds per operation.
    pub fn micros(self) -> f64 {
        1e6 / self.rate()
    }
}

impl AddAssign for Throughput {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.elapsed += other.elapsed;
    }
}

/// Calls `letsapp` and `baseline` in alternation, each for `duration` in all. Their argument is the length of the turn.
///
/// # Errors
/// Returns the first error of either side.
pub fn compare_rates<E: Into<BoxError>>(
    duration: Duration,
    mut letsapp: impl FnMut(Duration) -> Result<Throughput, BoxError>,
    mut baseline: impl FnMut(Duration) -> Result<Throughput, E>,
) -> Result<Rates, BoxError> {
    let turn = duration / RATE_TURNS;
    // Not counted: connections are opened and caches filled in the meantime.
    let warm_up = turn / 2;
    letsapp(warm_up)?;
    baseline(warm_up).map_err(Into::into)?;
    let mut rates = Rates {
        letsapp: Throughput::default(),
        baseline: Throughput::default(),
    };
    for _ in 0..RATE_TURNS {
        rates.letsapp += letsapp(turn)?;
        rates.baseline += baseline(turn).map_err(Into::into)?;
    }
    Ok(rates)
}

/// Times `letsapp` and `baseline` in alternation, for `duration` each.
///
/// The fastest of many short turns counts on each side: whatever takes longer was interrupted by other programs.
pub fn compare_costs<T, U>(
    duration: Duration,
    mut letsapp: impl FnMut() -> T,
    mut baseline: impl FnMut() -> U,
) -> Costs {
    let turn = duration / COST_TURNS;
    let mut costs = Costs {
        letsapp: Duration::MAX,
        baseline: Duration::MAX,
    };
    for _ in 0..=COST_TURNS {
        costs.letsapp = costs.letsapp.min(time(turn, &mut letsapp));
        costs.baseline = costs.baseline.min(time(turn, &mut baseline));
    }
    costs
}

/// Repeats `operation` for about `duration`, and returns the mean time of one.
///
/// Reading the clock costs as much as the smallest operations, so it is read between ever larger groups of them.
fn time<T>(duration: Duration, operation: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    let (mut times, mut next) = (0_u32, 1_u32);
    loop {
        for _ in 0..next {
            black_box(operation());
        }
        times += next;
        let elapsed = start.elapsed();
        if elapsed >= duration {
            return elapsed / times;
        }
        let left = (duration - elapsed).as_nanos() * u128::from(times) / elapsed.as_nanos().max(1);
        next = u32::try_from(left).unwrap_or(u32::MAX).clamp(1, times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_get_the_same_turns() {
        let (mut letsapp, mut baseline) = (Vec::new(), Vec::new());
        let done = |turns: &mut Vec<_>, turn, count| {
            turns.push(turn);
            Ok::<_, BoxError>(Throughput { count, elapsed: turn })
        };
        let rates = compare_rates(
            Duration::from_secs(4),
            |turn| done(&mut letsapp, turn, 10),
            |turn| done(&mut baseline, turn, 30),
        )
        .expect("neither fails");
        assert_eq!(letsapp, baseline);
        assert_eq!(rates.letsapp.elapsed, Duration::from_secs(4));
        assert_eq!((rates.letsapp.count, rates.baseline.count), (40, 120));
    }

    #[test]
    fn the_slower_side_costs_more() {
        let work = |rounds: u64| (0..rounds).fold(1_u64, |sum, n| black_box(sum.wrapping_mul(31) ^ n));
        let costs = compare_costs(Duration::from_millis(40), || work(20_000), || work(1_000));
        assert!(costs.letsapp > costs.baseline * 5, "{costs:?}");
    }
}
