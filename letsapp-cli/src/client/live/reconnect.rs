//! State machine that decides when to connect, with exponential backoff.
//!
//! Neither a clock nor randomness is built in: the time (elapsed since any fixed moment) and the jitter (from 0 to 1)
//! are passed in.

use std::time::Duration;

/// Delays between attempts to connect. Each delay is twice the previous one, shortened by a random part of up to half,
/// so that clients that lost the same server do not all come back at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first failure.
    pub initial: Duration,
    /// Upper limit of the delay.
    pub max: Duration,
    /// Age at which a lost connection counts as a success, so that the delays start over. Shorter connections count as
    /// failures, which protects a server that accepts connections only to close them.
    pub reset_after: Duration,
}

/// State of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not connected; the next attempt is due at `until`.
    Waiting { until: Duration },
    /// Connecting.
    Dialing,
    /// Connected since `since`.
    Open { since: Duration },
    /// Ended for good.
    Over,
}

/// Event that changes the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The time returned by [`Reconnect::deadline`] has come.
    Due,
    /// The connection is open.
    Opened,
    /// The attempt has failed or the connection was lost. The next attempt waits for `retry_after` at least, if the
    /// server has asked for it.
    Lost { retry_after: Duration },
    /// The session has ended, or the connection is no longer needed.
    Ended,
}

/// Action for the caller to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Start an attempt to connect.
    Dial,
    /// Nothing now; the next attempt is due after this time.
    Wait(Duration),
}

/// Error for an input that is not possible in the current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidInput;

/// The state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reconnect {
    backoff: Backoff,
    state: State,
    /// Failed attempts in a row.
    failures: u32,
}

impl Default for Backoff {
    /// From half a second, for a server that restarts, to half a minute, so that users are not kept waiting once it is
    /// back.
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(500),
            max: Duration::from_secs(30),
            reset_after: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// Returns the delay after `failures` failures in a row.
    fn delay(&self, failures: u32, jitter: f64) -> Duration {
        // Keeps the shift below within 32 bits. The delay reaches `max` long before.
        let doublings = failures.saturating_sub(1).min(31);
        let full = self.initial.saturating_mul(1 << doublings).min(self.max);
        full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }
}

impl Reconnect {
    /// Creates a machine whose first attempt is due immediately.
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            state: State::Waiting { until: Duration::ZERO },
            failures: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Returns the time at which [`Input::Due`] is to be passed in.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Dialing | State::Open { .. } | State::Over => None,
        }
    }

    /// Applies an input. Returns the new state and the action that follows from it.
    pub(super) fn step(self, input: Input, now: Duration, jitter: f64) -> Result<(Self, Option<Output>), InvalidInput> {
        let to = |state| Self { state, ..self };
        match (self.state, input) {
            (State::Waiting { until }, Input::Due) if now >= until => Ok((to(State::Dialing), Some(Output::Dial))),
            (State::Waiting { .. }, Input::Due) => Ok((self, None)),
            (State::Dialing, Input::Opened) => Ok((to(State::Open { since: now }), None)),
            (State::Dialing, Input::Lost { retry_after }) => Ok(self.wait(self.failures + 1, retry_after, now, jitter)),
            (State::Open { since }, Input::Lost { retry_after }) => {
                let is_settled = now.saturating_sub(since) >= self.backoff.reset_after;
                let failures = if is_settled { 1 } else { self.failures + 1 };
                Ok(self.wait(failures, retry_after, now, jitter))
            }
            (_, Input::Ended) => Ok((to(State::Over), None)),
            (State::Waiting { .. }, Input::Opened | Input::Lost { .. })
            | (State::Dialing, Input::Due)
            | (State::Open { .. }, Input::Due | Input::Opened)
            | (State::Over, Input::Due | Input::Opened | Input::Lost { .. }) => Err(InvalidInput),
        }
    }

    fn wait(self, failures: u32, minimum: Duration, now: Duration, jitter: f64) -> (Self, Option<Output>) {
        let wait = self.backoff.delay(failures, jitter).max(minimum);
        let state = State::Waiting { until: now + wait };
        (
            Self {
                state,
                failures,
                ..self
            },
            Some(Output::Wait(wait)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const LOST: Input = Input::Lost {
        retry_after: Duration::ZERO,
    };
    const BACKOFF: Backoff = Backoff {
        initial: S,
        max: Duration::from_secs(30),
        reset_after: Duration::from_secs(10),
    };

    fn at(state: State) -> Reconnect {
        Reconnect {
            backoff: BACKOFF,
            state,
            failures: 0,
        }
    }

    #[test]
    fn every_input_is_handled_in_every_state() {
        let (waiting, dialing, open, over) = (
            State::Waiting { until: S },
            State::Dialing,
            State::Open { since: S },
            State::Over,
        );
        let waits = |now: Duration| State::Waiting { until: now + S };
        let (early, late) = (Duration::ZERO, 2 * S);
        let table = [
            (waiting, Input::Due, early, Ok((waiting, None))),
            (waiting, Input::Due, late, Ok((dialing, Some(Output::Dial)))),
            (waiting, Input::Opened, late, Err(InvalidInput)),
            (waiting, LOST, late, Err(InvalidInput)),
            (waiting, Input::Ended, late, Ok((over, None))),
            (dialing, Input::Due, late, Err(InvalidInput)),
            (dialing, Input::Opened, late, Ok((State::Open { since: late }, None))),
            (dialing, LOST, late, Ok((waits(late), Some(Output::Wait(S))))),
            (dialing, Input::Ended, late, Ok((over, None))),
            (open, Input::Due, late, Err(InvalidInput)),
            (open, Input::Opened, late, Err(InvalidInput)),
            (open, LOST, late, Ok((waits(late), Some(Output::Wait(S))))),
            (open, Input::Ended, late, Ok((over, None))),
            (over, Input::Due, late, Err(InvalidInput)),
            (over, Input::Opened, late, Err(InvalidInput)),
            (over, LOST, late, Err(InvalidInput)),
            (over, Input::Ended, late, Ok((over, None))),
        ];
        for (state, input, now, expected) in table {
            let got = at(state)
                .step(input, now, 0.0)
                .map(|(machine, output)| (machine.state(), output));
            assert_eq!(got, expected, "{state:?} {input:?} at {now:?}");
        }
    }

    /// Runs the machine against a server that is reachable at some times, and returns the times of all attempts.
    fn dials(up: impl Fn(Duration) -> bool, until: Duration, jitter: f64) -> Vec<Duration> {
        let mut machine = Reconnect::new(BACKOFF);
        let mut dials = Vec::new();
        while let Some(now) = machine.deadline().filter(|now| *now <= until) {
            let (next, output) = machine.step(Input::Due, now, jitter).unwrap();
            assert_eq!(output, Some(Output::Dial));
            dials.push(now);
            let input = if up(now) { Input::Opened } else { LOST };
            machine = next.step(input, now, jitter).unwrap().0;
        }
        dials
    }

    #[test]
    fn delays_double_up_to_the_maximum() {
        let seconds: Vec<_> = dials(|_| false, 130 * S, 0.0).iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [0, 1, 3, 7, 15, 31, 61, 91, 121]);
    }

    #[test]
    fn jitter_shortens_a_delay_by_up_to_half() {
        assert_eq!(BACKOFF.delay(3, 0.0), 4 * S);
        assert_eq!(BACKOFF.delay(3, 0.5), 3 * S);
        assert_eq!(BACKOFF.delay(3, 1.0), 2 * S);
    }

    #[test]
    fn no_attempts_are_made_while_connected() {
        let dialed = dials(|now| now >= 10 * S, 1_000 * S, 0.0);
        assert_eq!(dialed.last(), Some(&(15 * S)));
    }

    #[test]
    fn delays_do_not_overflow() {
        assert_eq!(BACKOFF.delay(u32::MAX, 0.0), BACKOFF.max);
        assert_eq!(BACKOFF.delay(0, 0.0), S);
    }

    #[test]
    fn short_connections_count_as_failures() {
        let mut machine = Reconnect {
            failures: 3,
            ..at(State::Open { since: S })
        };
        let (next, output) = machine.step(LOST, 2 * S, 0.0).unwrap();
        assert_eq!((output, next.failures), (Some(Output::Wait(8 * S)), 4));
        machine.state = State::Open { since: S };
        let (settled, output) = machine.step(LOST, 11 * S, 0.0).unwrap();
        assert_eq!(
            (output, settled.failures),
            (Some(Output::Wait(S)), 1),
            "a long connection resets the failures"
        );
    }

    #[test]
    fn the_server_can_ask_for_a_longer_delay() {
        let (_, output) = at(State::Dialing)
            .step(Input::Lost { retry_after: 60 * S }, S, 0.0)
            .unwrap();
        assert_eq!(output, Some(Output::Wait(60 * S)));
    }
}
