//! Rate limiting with the generic cell rate algorithm, as a state machine without a clock.
//!
//! The algorithm comes from telephone networks (ITU-T I.371, annex A, "virtual scheduling"); the `governor` crate made
//! it known for servers. Its only state is one point in time: the end of everything used so far, at the allowed rate.
//! The algorithm is as exact as a token bucket, but needs no refilling.
//!
//! The state of each client is kept by the caller.

use std::time::Duration;

use crate::domain::steady_time::SteadyTime;

/// Number of uses allowed within a period.
///
/// All of them can be used at once; they then become available again one by one, at a constant rate.
///
/// ```
/// # use std::time::Duration;
/// # use letsapp_core::domain::limit::{Pace, Quota, Verdict};
/// # use letsapp_core::domain::steady_time::SteadyTime;
/// let quota = Quota::new(2, Duration::from_secs(60)).expect("a sensible quota");
/// let now = SteadyTime::from_millis(0);
/// let (pace, first) = Pace::default().step(quota, 1, now);
/// let (pace, second) = pace.step(quota, 1, now);
/// let (pace, third) = pace.step(quota, 1, now);
/// assert_eq!([first.remaining, second.remaining], [1, 0]);
/// assert_eq!((third.verdict, third.retry_after), (Verdict::Denied, Duration::from_secs(30)));
/// assert_eq!(pace.step(quota, 1, now.plus(third.retry_after)).1.verdict, Verdict::Allowed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    amount: u32,
    window: Duration,
    /// Microseconds until one use becomes available again, rounded up so that the quota is never exceeded.
    interval: i64,
}

/// Used part of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    due: i64,
}

/// Decision about one use, and the state of the quota after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the use is allowed.
    pub verdict: Verdict,
    /// Number of uses that are available now.
    pub remaining: u32,
    /// If denied, the time until the same use is allowed; if allowed, the time until one more than `remaining` is
    /// available.
    pub retry_after: Duration,
    /// Time until the whole quota is available.
    pub reset_after: Duration,
}

/// Outcome of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed and counted.
    Allowed,
    /// Denied and not counted.
    Denied,
}

/// Maximum period: ten years. Sums of several periods and any date must fit into 64 bits of microseconds.
const MAX_WINDOW: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

impl Quota {
    /// Returns the quota of `amount` per `window`. `None` if either is zero, or the window is longer than ten years.
    pub const fn new(amount: u32, window: Duration) -> Option<Self> {
        if amount == 0 || window.is_zero() || window.as_secs() > MAX_WINDOW.as_secs() {
            return None;
        }
        // Cannot overflow: ten years are about 2^48 microseconds.
        let interval = window.as_micros().div_ceil(amount as u128) as i64;
        Some(Self {
            amount,
            window,
            interval: if interval == 0 { 1 } else { interval },
        })
    }

    /// Returns the number of uses per period.
    pub const fn amount(self) -> u32 {
        self.amount
    }

    /// Returns the period in which the whole quota becomes available.
    pub const fn window(self) -> Duration {
        self.window
    }

    /// Returns the microseconds until one use becomes available again.
    #[cfg(feature = "redis")]
    pub(crate) const fn interval(self) -> i64 {
        self.interval
    }

    /// Returns the microseconds that a use takes at the allowed rate: a cost above the whole quota takes as long as that.
    pub(crate) const fn takes(self, cost: u32) -> i64 {
        let cost = if cost < self.amount { cost } else { self.amount };
        self.interval.saturating_mul(cost as i64)
    }

    /// Returns the microseconds that the whole quota takes at the allowed rate.
    pub(crate) const fn whole(self) -> i64 {
        self.interval.saturating_mul(self.amount as i64)
    }
}

impl Default for Pace {
    /// Returns the state in which nothing is used.
    fn default() -> Self {
        Self { due: i64::MIN }
    }
}

impl Decision {
    /// Makes the decision on a use with which `wanted` microseconds of the quota would be used, and `used` are.
    pub(crate) fn of(quota: Quota, used: i64, wanted: i64) -> Self {
        let whole = quota.whole();
        let verdict = if wanted <= whole {
            Verdict::Allowed
        } else {
            Verdict::Denied
        };
        let left = whole - used;
        let retry_after = match verdict {
            Verdict::Denied => wanted - whole,
            Verdict::Allowed if used == 0 => 0,
            Verdict::Allowed => quota.interval - left % quota.interval,
        };
        Self {
            verdict,
            remaining: u32::try_from(left / quota.interval).unwrap_or(quota.amount),
            retry_after: duration(retry_after),
            reset_after: duration(used),
        }
    }
}

impl Pace {
    /// Decides whether `cost` may be used now. A cost above the whole quota counts as the whole quota, so that it is
    /// denied for a time but not for ever.
    ///
    /// A clock that was set back is tolerated: no wait is ever longer than `cost` takes to become available.
    #[must_use]
    pub fn step(self, quota: Quota, cost: u32, now: SteadyTime) -> (Self, Decision) {
        let (now, whole) = (micros(now), quota.whole());
        // The lower bound discards unused time from the past; the upper bound limits the effect of a clock that was set
        // back.
        let due = self.due.clamp(now, now.saturating_add(whole));
        let cost = quota.takes(cost);
        let (used, wanted) = (due.saturating_sub(now), due.saturating_add(cost).saturating_sub(now));
        let used = if wanted <= whole { wanted } else { used };
        let decision = Decision::of(quota, used, wanted);
        (
            Self {
                due: now.saturating_add(used),
            },
            decision,
        )
    }

    /// Returns the state in which the whole quota is available no sooner than `reset_after` from now: what another
    /// counter says of the same uses.
    #[must_use]
    pub fn at_least(self, reset_after: Duration, now: SteadyTime) -> Self {
        let used = i64::try_from(reset_after.as_micros()).unwrap_or(i64::MAX);
        Self {
            due: self.due.max(micros(now).saturating_add(used)),
        }
    }

    /// Reports whether the whole quota is available, so that the state need not be kept any longer.
    pub fn is_over(self, now: SteadyTime) -> bool {
        self.due <= micros(now)
    }
}

/// Converts a timestamp to microseconds, in which intervals of large quotas are not rounded to zero.
fn micros(moment: SteadyTime) -> i64 {
    moment.as_millis().saturating_mul(1_000)
}

/// Converts microseconds to a duration; negative ones to zero.
fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(amount: u32, millis: u64) -> Quota {
        Quota::new(amount, Duration::from_millis(millis)).unwrap()
    }

    fn at(millis: i64) -> SteadyTime {
        SteadyTime::from_millis(millis)
    }

    #[test]
    fn each_step_of_a_quota_of_four_in_two_seconds() {
        use Verdict::{Allowed, Denied};
        // Time in milliseconds, cost; verdict, remaining, milliseconds to wait, milliseconds until all is available.
        let steps = [
            (0, 1, Allowed, 3, 500, 500),
            (0, 0, Allowed, 3, 500, 500),
            (100, 1, Allowed, 2, 400, 900),
            (100, 3, Denied, 2, 400, 900),
            (100, 2, Allowed, 0, 400, 1_900),
            (499, 1, Denied, 0, 1, 1_501),
            (500, 1, Allowed, 0, 500, 2_000),
            // A cost above the whole quota counts as the whole quota.
            (2_499, 9, Denied, 3, 1, 1),
            (2_500, 9, Allowed, 0, 500, 2_000),
            (9_000, 0, Allowed, 4, 0, 0),
            // The clock was set back by an hour: no client waits for that hour.
            (9_000, 4, Allowed, 0, 500, 2_000),
            (-3_591_000, 1, Denied, 0, 500, 2_000),
            (-3_590_500, 1, Allowed, 0, 500, 2_000),
        ];
        let mut pace = Pace::default();
        for (place, (now, cost, verdict, remaining, retry_after, reset_after)) in steps.into_iter().enumerate() {
            let decision;
            (pace, decision) = pace.step(quota(4, 2_000), cost, at(now));
            let expected = Decision {
                verdict,
                remaining,
                retry_after: Duration::from_millis(retry_after),
                reset_after: Duration::from_millis(reset_after),
            };
            assert_eq!(decision, expected, "step {place}");
            assert_eq!(pace.is_over(at(now)), reset_after == 0, "step {place}");
        }
    }

    #[test]
    fn zero_and_too_long_windows_are_refused() {
        for (amount, window) in [
            (0, Duration::from_secs(1)),
            (1, Duration::ZERO),
            (1, Duration::MAX),
            (1, MAX_WINDOW + Duration::from_secs(1)),
        ] {
            assert_eq!(Quota::new(amount, window), None, "{amount} in {window:?}");
        }
        // The finest rate is one per microsecond.
        assert_eq!(Quota::new(u32::MAX, Duration::from_nanos(1)).unwrap().interval, 1);
        assert_eq!(quota(3, 1).interval, 334, "rounded to the side of fewer");
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let quota = Quota::new(u32::MAX, MAX_WINDOW).unwrap();
        for now in [i64::MIN, -1, i64::MAX] {
            let (pace, first) = Pace::default().step(quota, 1, at(now));
            assert_eq!(first.verdict, Verdict::Allowed, "{now}");
            for then in [i64::MIN, 0, i64::MAX] {
                let _ = pace.step(quota, u32::MAX, at(then));
            }
        }
    }

    /// Returns requests in order: milliseconds since the one before, and cost.
    fn asked() -> impl Strategy<Value = Vec<(i64, u32)>> {
        prop::collection::vec((prop_oneof![Just(0), 0..50_i64, 0..5_000_i64], 1..4_u32), 1..200)
    }

    proptest! {
        #[test]
        fn no_period_allows_more_than_the_quota_and_what_became_available(
            amount in 1..20_u32, window in 1..10_000_u64, asked in asked()
        ) {
            let quota = quota(amount, window);
            let (mut pace, mut now, mut allowed) = (Pace::default(), 0, Vec::new());
            for (after, cost) in asked {
                now += after;
                let decision;
                (pace, decision) = pace.step(quota, cost, at(now));
                if decision.verdict == Verdict::Allowed {
                    allowed.push((now, i64::from(cost.min(amount))));
                }
            }
            for (place, (from, _)) in allowed.iter().enumerate() {
                let mut seen = 0;
                for (to, cost) in &allowed[place..] {
                    seen += cost;
                    let back = (to - from) * i64::from(amount) / i64::try_from(window).unwrap();
                    prop_assert!(seen <= i64::from(amount) + back, "{seen} from {from} to {to}");
                }
            }
        }

        #[test]
        fn a_client_is_allowed_exactly_after_retry_after(
            amount in 1..20_u32, seconds in 1..100_u64, asked in asked()
        ) {
            // Whole milliseconds, as the clock has them.
            let quota = quota(amount, seconds * u64::from(amount));
            let (mut pace, mut now) = (Pace::default(), at(0));
            for (after, cost) in asked {
                now = now.plus(Duration::from_millis(after.unsigned_abs()));
                let decision;
                (pace, decision) = pace.step(quota, cost, now);
                if decision.verdict == Verdict::Denied {
                    let then = now.plus(decision.retry_after);
                    let early = SteadyTime::from_millis(then.as_millis() - 1);
                    prop_assert_eq!(pace.step(quota, cost, early).1.verdict, Verdict::Denied);
                    prop_assert_eq!(pace.step(quota, cost, then).1.verdict, Verdict::Allowed);
                } else {
                    let again = pace.step(quota, 0, now.plus(decision.retry_after)).1;
                    prop_assert!(again.remaining > decision.remaining || again.remaining == amount);
                }
                prop_assert!(pace.is_over(now.plus(decision.reset_after)));
            }
        }

        #[test]
        fn no_clock_change_makes_a_wait_longer_than_its_cost(
            moments in prop::collection::vec((any::<i32>(), 1..5_u32), 1..50)
        ) {
            let quota = quota(4, 2_000);
            let mut pace = Pace::default();
            for (now, cost) in moments {
                let decision;
                (pace, decision) = pace.step(quota, cost, at(i64::from(now)));
                prop_assert!(decision.retry_after <= Duration::from_millis(500 * u64::from(cost.min(4))));
                prop_assert!(decision.reset_after <= Duration::from_millis(2_000));
            }
        }
    }
}
