//! A map of states by key in bounded memory. Expired states are removed little by little.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::cache::Cache;
use crate::domain::limit::{Attempts, Pace};
use crate::domain::steady_time::SteadyTime;

/// A state that expires: after a while it equals the default state.
pub(super) trait State: Copy + Default {
    /// Returns true if the state equals the default one by now.
    fn is_over(self, now: SteadyTime) -> bool;
}

/// States by key. An unknown key has the default state.
///
/// A step locks one shard, and allocates nothing if the key is known. There are at most `2 * SHARDS * SHARD_CAPACITY`
/// states. Beyond that, the states that were not used for the longest time are dropped: an attack from more addresses
/// than that weakens the limits on its own addresses and does not fill the memory.
pub(super) struct Keyed<K, S> {
    shards: Vec<Mutex<Cache<K, S>>>,
    hasher: RandomState,
    /// Time at which the next shard is swept, in milliseconds since the Unix epoch.
    next_sweep: AtomicI64,
    /// Number of sweeps so far, which names the next shard.
    swept: AtomicUsize,
}

/// Number of shards, which bounds how often threads wait for the same lock.
const SHARDS: usize = 16;

/// Capacity of each generation of a shard's cache; a shard holds at most twice as many states.
const SHARD_CAPACITY: usize = 4_096;

/// Milliseconds between the sweeps of two shards. With 16 shards each one is swept every 16 seconds, and no request has
/// to sweep more than one.
const SWEEP_INTERVAL_MILLIS: i64 = 1_000;

impl<K: Eq + Hash + Clone, S: State> Keyed<K, S> {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(Cache::new(SHARD_CAPACITY))).collect(),
            hasher: RandomState::new(),
            next_sweep: AtomicI64::new(i64::MIN),
            swept: AtomicUsize::new(0),
        }
    }

    /// Steps the state of a key. `step` returns the next state and the outcome.
    pub(super) fn step<R>(&self, key: K, now: SteadyTime, step: impl FnOnce(S) -> (S, R)) -> R {
        self.sweep_in_turn(now);
        let place = usize::try_from(self.hasher.hash_one(&key) % SHARDS as u64).unwrap_or(0);
        let mut shard = lock(&self.shards[place]);
        let (next, outcome) = step(shard.lookup(&key).unwrap_or_default());
        if next.is_over(now) {
            shard.forget(&key);
        } else {
            shard.insert(key, next);
        }
        outcome
    }

    /// Sweeps one shard if it is time, on the thread that happens to call: there is no background task.
    fn sweep_in_turn(&self, now: SteadyTime) {
        let (now, due) = (now.as_millis(), self.next_sweep.load(Ordering::Relaxed));
        // A clock that was set back must not delay the sweep.
        let waits = now < due && due.saturating_sub(now) <= SWEEP_INTERVAL_MILLIS;
        // Of several threads, only the one that moves the time forward sweeps.
        let mine = || {
            let next = now.saturating_add(SWEEP_INTERVAL_MILLIS);
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            self.next_sweep.compare_exchange(due, next, success, failure).is_ok()
        };
        if !waits && mine() {
            let place = self.swept.fetch_add(1, Ordering::Relaxed) % SHARDS;
            let now = SteadyTime::from_millis(now);
            lock(&self.shards[place]).retain(|state| !state.is_over(now));
        }
    }

    #[cfg(test)]
    fn count(&self, count: impl Fn(&Cache<K, S>) -> usize) -> usize {
        self.shards.iter().map(|shard| count(&lock(shard))).sum()
    }
}

impl State for Pace {
    fn is_over(self, now: SteadyTime) -> bool {
        Self::is_over(self, now)
    }
}

impl State for Attempts {
    fn is_over(self, now: SteadyTime) -> bool {
        Self::is_over(self, now)
    }
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::limit::{Quota, Verdict};

    const QUOTA: Quota = Quota::new(2, Duration::from_secs(60)).unwrap();

    fn ask(keyed: &Keyed<u32, Pace>, key: u32, now: SteadyTime) -> Verdict {
        keyed.step(key, now, |pace| pace.step(QUOTA, 1, now)).verdict
    }

    #[test]
    fn states_of_a_million_addresses_are_bounded_and_expire() {
        let keyed = Keyed::new();
        let mut now = SteadyTime::from_millis(0);
        for address in 0..1_000_000 {
            ask(&keyed, address, now);
        }
        let (held, room) = (keyed.count(Cache::len), keyed.count(Cache::room));
        assert!(held <= 2 * SHARDS * SHARD_CAPACITY, "{held} are held");
        assert!(room <= 8 * SHARDS * SHARD_CAPACITY, "there is room for {room}");
        // The quota's minute passes, and then the time to sweep all shards.
        now = now.plus(Duration::from_secs(60));
        for second in 0..SHARDS {
            ask(&keyed, 0, now.plus(Duration::from_secs(second as u64)));
        }
        assert_eq!(keyed.count(Cache::len), 1);
        let room = keyed.count(Cache::room);
        assert!(room <= SHARDS * 16, "there is still room for {room}");
    }

    #[test]
    fn a_key_in_use_is_kept_however_many_others_come() {
        let (keyed, now) = (Keyed::new(), SteadyTime::from_millis(0));
        assert_eq!(ask(&keyed, 0, now), Verdict::Allowed);
        assert_eq!(ask(&keyed, 0, now), Verdict::Allowed);
        for stranger in 1..=1_000_000 {
            if stranger % 1_000 == 0 {
                assert_eq!(ask(&keyed, 0, now), Verdict::Denied, "before {stranger}");
            }
            ask(&keyed, stranger, now);
        }
    }

    #[test]
    fn keys_are_independent() {
        let (keyed, now) = (Keyed::new(), SteadyTime::from_millis(0));
        let verdicts = [1, 2, 1, 2, 1, 2].map(|key| ask(&keyed, key, now));
        use Verdict::{Allowed, Denied};
        assert_eq!(verdicts, [Allowed, Allowed, Allowed, Allowed, Denied, Denied]);
    }

    #[test]
    fn a_clock_that_is_set_back_delays_no_sweep() {
        let keyed = Keyed::new();
        ask(&keyed, 1, SteadyTime::from_millis(1_000_000_000));
        let early = SteadyTime::from_millis(0);
        for second in 0..100 {
            ask(&keyed, 2, early.plus(Duration::from_secs(second)));
        }
        assert!(keyed.swept.load(Ordering::Relaxed) >= 100);
    }
}
