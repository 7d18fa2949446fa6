//! Growing waits after failed authentication, as a state machine without a clock.
//!
//! A few failures are free, since people mistype; each one after them doubles the wait, up to a maximum. OWASP's
//! Authentication Cheat Sheet recommends this ("exponential lockout") over locking an account, which anybody could do
//! to any account, and NIST SP 800-63B-4 (section 3.2.2) lists it: "wait … for a period of time that increases". The
//! default numbers are those that OWASP's testing guide names as good practice (WSTG-ATHN-03, after Amazon Cognito):
//! five free failures, then one second, doubled each time, at most a quarter of an hour. A guesser is left with about a
//! hundred guesses per day, which is NIST's limit.

use std::time::Duration;

use crate::domain::steady_time::SteadyTime;

/// Rule for growing waits: after `free` failures the wait is `first`, doubled by each further failure up to `longest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Number of failures without a wait.
    pub free: u32,
    /// First wait.
    pub first: Duration,
    /// Maximum wait.
    pub longest: Duration,
}

/// Failed attempts of one client or at one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    failures: u32,
    /// Time before which no attempt is allowed.
    until: SteadyTime,
    /// Time at which the failures are forgotten.
    forgotten: SteadyTime,
}

/// Event of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEvent {
    /// The attempt starts. Counts as a failure at once, so that a thousand attempts at the same time cannot all pass
    /// before the first one has failed.
    Begun,
    /// The attempt succeeded.
    Succeeded,
    /// The attempt ended without a result, for example because the store failed. No longer counts.
    Abandoned,
}

/// Error for an attempt that must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failures: wait for {} s", .0.as_secs_f64())]
pub struct Wait(pub Duration);

impl Escalation {
    /// Returns the wait after this number of failures.
    fn wait(self, failures: u32) -> Duration {
        match failures.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(more) => {
                let wait = 1_u32
                    .checked_shl(more)
                    .and_then(|doubled| self.first.checked_mul(doubled));
                wait.map_or(self.longest, |wait| wait.min(self.longest))
            }
        }
    }

    /// Returns the time for which failures are remembered: the maximum wait, once for each failure on the way up to it.
    /// A client that waits until its failures are forgotten therefore gets no more attempts than one that tries as
    /// often as allowed.
    fn memory(self) -> Duration {
        let doublings = self.longest.as_millis() / self.first.as_millis().max(1);
        let doublings = doublings.checked_ilog2().map_or(0, |doublings| doublings + 1);
        self.longest.saturating_mul(self.free.saturating_add(doublings + 1))
    }
}

impl Default for Attempts {
    /// Returns the state without failures.
    fn default() -> Self {
        Self {
            failures: 0,
            until: SteadyTime::from_millis(i64::MIN),
            forgotten: SteadyTime::from_millis(i64::MIN),
        }
    }
}

impl Attempts {
    /// Returns the state after an event. An attempt that must wait is not counted; otherwise a stranger could lock out
    /// a user for ever.
    ///
    /// # Errors
    /// Returns [`Wait`] if an attempt begins before the wait is over.
    pub fn step(self, rule: Escalation, event: AttemptEvent, now: SteadyTime) -> Result<Self, Wait> {
        let failures = if self.is_over(now) { 0 } else { self.failures };
        let failed = |failures: u32| Self {
            failures,
            until: now.plus(rule.wait(failures)),
            forgotten: now.plus(rule.memory()),
        };
        match event {
            AttemptEvent::Begun => {
                // A clock that was set back must not lengthen the wait.
                let wait = self.until.since(now).min(rule.wait(failures));
                if wait > Duration::ZERO {
                    return Err(Wait(wait));
                }
                Ok(failed(failures.saturating_add(1)))
            }
            AttemptEvent::Succeeded => Ok(Self::default()),
            AttemptEvent::Abandoned if failures <= 1 => Ok(Self::default()),
            // Takes back the failure that `Begun` counted, together with its wait.
            AttemptEvent::Abandoned => Ok(Self {
                until: now,
                ..failed(failures - 1)
            }),
        }
    }

    /// Reports whether there is nothing to remember.
    pub fn is_over(self, now: SteadyTime) -> bool {
        self.forgotten <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::limit::escalation::AttemptEvent::{Abandoned, Begun, Succeeded};

    const RULE: Escalation = Escalation {
        free: 3,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5),
    };

    fn at(seconds: i64) -> SteadyTime {
        SteadyTime::from_millis(seconds * 1_000)
    }

    fn run(events: &[(i64, AttemptEvent)]) -> Attempts {
        let step = |attempts: Attempts, (now, event): &(i64, AttemptEvent)| attempts.step(RULE, *event, at(*now));
        events.iter().try_fold(Attempts::default(), step).unwrap()
    }

    #[test]
    fn every_event_in_every_state() {
        let fresh: &[_] = &[];
        let failed_once: &[_] = &[(0, Begun)];
        let waiting: &[_] = &[(0, Begun), (0, Begun), (0, Begun)];
        let waiting_long: &[_] = &[(0, Begun), (0, Begun), (0, Begun), (1, Begun), (3, Begun), (7, Begun)];
        // Earlier events, time and event; the wait before the next attempt.
        let cases: &[(&[_], i64, AttemptEvent, Result<u64, u64>)] = &[
            (fresh, 0, Begun, Ok(0)),
            (fresh, 0, Succeeded, Ok(0)),
            (fresh, 0, Abandoned, Ok(0)),
            (failed_once, 0, Begun, Ok(0)),
            (failed_once, 0, Succeeded, Ok(0)),
            (failed_once, 0, Abandoned, Ok(0)),
            (waiting, 0, Begun, Err(1)),
            (waiting, 0, Succeeded, Ok(0)),
            (waiting, 0, Abandoned, Ok(0)),
            (waiting, 1, Begun, Ok(2)),
            (waiting_long, 7, Begun, Err(5)),
            (waiting_long, 11, Begun, Err(1)),
            (waiting_long, 12, Begun, Ok(5)),
            (waiting_long, 7, Succeeded, Ok(0)),
            (waiting_long, 7, Abandoned, Ok(0)),
            // Forgotten, 35 seconds after the last.
            (waiting_long, 41, Begun, Ok(5)),
            (waiting_long, 42, Begun, Ok(0)),
            // The clock was set back.
            (waiting_long, -1_000, Begun, Err(5)),
        ];
        for (place, (before, now, event, expected)) in cases.iter().enumerate() {
            let stepped = run(before).step(RULE, *event, at(*now));
            let outcome = match stepped {
                Err(Wait(wait)) => Err(wait.as_secs()),
                Ok(attempts) => Ok(match attempts.step(RULE, Begun, at(*now)) {
                    Err(Wait(wait)) => wait.as_secs(),
                    Ok(_) => 0,
                }),
            };
            assert_eq!(
                outcome, *expected,
                "case {place}: {event:?} at {now} s after {before:?}"
            );
        }
    }

    #[test]
    fn an_abandoned_attempt_does_not_count() {
        let three = run(&[(0, Begun), (0, Begun), (0, Begun), (0, Abandoned)]);
        assert!(three.step(RULE, Begun, at(0)).is_ok());
        let again = three.step(RULE, Begun, at(0)).unwrap();
        assert_eq!(again.step(RULE, Begun, at(0)), Err(Wait(Duration::from_secs(1))));
        assert!(run(&[(0, Begun), (0, Abandoned)]).is_over(at(0)));
    }

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let waits: Vec<_> = (0..9).map(|failures| RULE.wait(failures).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 5, 5, 5]);
        assert_eq!(RULE.wait(u32::MAX), RULE.longest);
    }

    proptest! {
        #[test]
        fn no_timing_allows_more_guesses_than_the_longest_wait(
            pauses in prop::collection::vec(0..40_i64, 1..300)
        ) {
            let (mut attempts, mut now, mut guesses) = (Attempts::default(), 0, 0);
            for pause in pauses {
                now += pause;
                if let Ok(next) = attempts.step(RULE, Begun, at(now)) {
                    (attempts, guesses) = (next, guesses + 1);
                }
            }
            // Three that are free, three on the way up to five seconds, then one each five seconds.
            prop_assert!(guesses <= 6 + now / 5, "{guesses} guesses in {now} s");
        }
    }
}
