//! Ours and bare by turns: a machine that others slow down slows both.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use letsapp_core::storage::BoxError;

use crate::bare::Inserted;

/// What ours and bare did in the same time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duel {
    /// What LetsApp did, all turns together.
    pub ours: Inserted,
    /// What the bare thing did, all turns together.
    pub bare: Inserted,
}

/// What one operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// Of LetsApp.
    pub ours: Duration,
    /// Of the bare thing.
    pub bare: Duration,
}

const ROUNDS: u32 = 4;

/// Calls `ours` and `bare` by turns, each for `duration` in all: what they are given is how long a turn lasts.
///
/// # Errors
/// The first that either of them has.
pub fn by_turns<E: Into<BoxError>>(
    duration: Duration,
    mut ours: impl FnMut(Duration) -> Result<Inserted, BoxError>,
    mut bare: impl FnMut(Duration) -> Result<Inserted, E>,
) -> Result<Duel, BoxError> {
    let turn = duration / ROUNDS;
    // Not counted: connections are opened, caches filled.
    let warm_up = turn / 2;
    ours(warm_up)?;
    bare(warm_up).map_err(Into::into)?;
    let mut duel = Duel {
        ours: Inserted::default(),
        bare: Inserted::default(),
    };
    for _ in 0..ROUNDS {
        duel.ours += ours(turn)?;
        duel.bare += bare(turn).map_err(Into::into)?;
    }
    Ok(duel)
}

/// Times `ours` and `bare` by turns, for `duration` each.
///
/// The best turn of each counts, of many short ones: what takes longer than that is other people's work.
pub fn cost_by_turns<T, U>(duration: Duration, mut ours: impl FnMut() -> T, mut bare: impl FnMut() -> U) -> Costs {
    const TURNS: u32 = 40;
    let turn = duration / TURNS;
    let (mut best_of_ours, mut best_of_bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..=TURNS {
        best_of_ours = best_of_ours.min(time(turn, &mut ours));
        best_of_bare = best_of_bare.min(time(turn, &mut bare));
    }
    Costs {
        ours: best_of_ours,
        bare: best_of_bare,
    }
}

/// Repeats it for about so long, and returns what it took each time. Looking at the clock costs as much as small things
/// do, so it is looked at only now and then.
fn time<T>(duration: Duration, act: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    let (mut times, mut next) = (0_u32, 1_u32);
    loop {
        for _ in 0..next {
            black_box(act());
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
    fn both_get_as_many_turns_as_long() {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        let inserted = |turns: &mut Vec<_>, turn, rows| {
            turns.push(turn);
            Ok::<_, BoxError>(Inserted { rows, elapsed: turn })
        };
        let duel = by_turns(
            Duration::from_secs(4),
            |turn| inserted(&mut ours, turn, 10),
            |turn| inserted(&mut bare, turn, 30),
        )
        .expect("neither fails");
        assert_eq!(ours, bare);
        assert_eq!(duel.ours.elapsed, Duration::from_secs(4));
        assert_eq!((duel.ours.rows, duel.bare.rows), (40, 120));
    }

    #[test]
    fn the_slower_one_costs_more() {
        let work = |rounds: u64| (0..rounds).fold(1_u64, |sum, n| black_box(sum.wrapping_mul(31) ^ n));
        let costs = cost_by_turns(Duration::from_millis(40), || work(20_000), || work(1_000));
        assert!(costs.ours > costs.bare * 5, "{costs:?}");
    }
}
