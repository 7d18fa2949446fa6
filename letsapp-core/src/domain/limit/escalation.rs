//! How long somebody waits who fails to prove who they are, again and again: a machine without a clock.
//!
//! A few failures are a person's; after them each one doubles the wait, up to a longest. That is what OWASP's
//! Authentication Cheat Sheet advises ("exponential lockout") in place of locking an account, which anybody could do to
//! anybody, and what NIST SP 800-63B-4 (section 3.2.2) lists: "wait … for a period of time that increases". The numbers
//! are those that OWASP's testing guide names as good practice (WSTG-ATHN-03, after Amazon Cognito): five failures are
//! free, then one second, doubled each time, at most a quarter of an hour. That leaves a guesser about a hundred guesses
//! a day, which is where NIST draws the line.

use std::time::Duration;

use crate::domain::timestamp::Timestamp;

/// The rule: who failed `free` times waits for `first`, and twice as long after each failure more, up to `longest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// How many failures are a person's.
    pub free: u32,
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

/// The failures so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    failures: u32,
    /// Until when nothing is tried.
    until: Timestamp,
    /// From when on the failures count no more.
    forgotten: Timestamp,
}

/// What can happen to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEvent {
    /// Somebody tries. It counts as a failure from here on, so that a thousand that try at once are one after the other.
    Begun,
    /// They were right.
    Succeeded,
    /// Whether they were right was never found out: it counts no more.
    Abandoned,
}

/// Somebody has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failures: wait for {} s", .0.as_secs_f64())]
pub struct Wait(pub Duration);

impl Escalation {
    /// How long who failed so often waits.
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

    /// How long failures are remembered: the longest wait for each failure on the way up to it, so that who waits for
    /// them to be forgotten has no more guesses than who tries as often as they may.
    fn memory(self) -> Duration {
        let doublings = self.longest.as_millis() / self.first.as_millis().max(1);
        let doublings = doublings.checked_ilog2().map_or(0, |doublings| doublings + 1);
        self.longest.saturating_mul(self.free.saturating_add(doublings + 1))
    }
}

impl Default for Attempts {
    /// No failure.
    fn default() -> Self {
        Self {
            failures: 0,
            until: Timestamp::from_millis(i64::MIN),
            forgotten: Timestamp::from_millis(i64::MIN),
        }
    }
}

impl Attempts {
    /// Takes note of what happened. What is tried while one has to wait is not counted: else a stranger could keep
    /// somebody waiting for ever.
    ///
    /// # Errors
    /// [`Wait`] when somebody tries who has to wait.
    pub fn step(self, rule: Escalation, event: AttemptEvent, now: Timestamp) -> Result<Self, Wait> {
        let failures = if self.is_over(now) { 0 } else { self.failures };
        let failed = |failures: u32| Self {
            failures,
            until: now.plus(rule.wait(failures)),
            forgotten: now.plus(rule.memory()),
        };
        match event {
            AttemptEvent::Begun => {
                // A clock that was set back lengthens no wait.
                let wait = self.until.since(now).min(rule.wait(failures));
                if wait > Duration::ZERO {
                    return Err(Wait(wait));
                }
                Ok(failed(failures.saturating_add(1)))
            }
            AttemptEvent::Succeeded => Ok(Self::default()),
            AttemptEvent::Abandoned if failures <= 1 => Ok(Self::default()),
            AttemptEvent::Abandoned => Ok(Self {
                until: now,
                ..failed(failures - 1)
            }),
        }
    }

    /// Tells whether there is nothing to remember.
    pub fn is_over(self, now: Timestamp) -> bool {
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

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
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
        // What was before, when what happens; and how long the next one waits then.
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
    fn an_abandoned_attempt_is_as_if_it_had_not_been() {
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
        fn however_it_is_tried_there_are_no_more_guesses_than_the_longest_wait_allows(
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
