//! Whether somebody is there: one machine for each user, however many devices they have.
//!
//! It counts connections, waits a little before it believes that the last one is gone, and says when it is time to keep
//! when the user was seen. It knows no clock, no store, and nobody who watches.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::domain::machine::Invalid;
use crate::domain::timestamp::Timestamp;

/// How exactly it is kept when somebody who stays was last seen.
const RESOLUTION: Duration = Duration::from_secs(60);

/// Where a user stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Not there, and nothing of them has to be remembered.
    #[default]
    Absent,
    /// There, on so many connections.
    Online {
        /// How many.
        connections: NonZeroUsize,
        /// When it was last kept that they were seen.
        kept_at: Timestamp,
    },
    /// The last connection is gone; others still believe that they are there.
    Leaving {
        /// When it went.
        left_at: Timestamp,
        /// Until when they may come back without anybody noticing.
        until: Timestamp,
        /// When it was last kept that they were seen.
        kept_at: Timestamp,
    },
    /// Not there, and it was kept so lately that coming back is no reason to keep it again.
    Gone {
        /// When the last connection went.
        left_at: Timestamp,
        /// When that was kept.
        kept_at: Timestamp,
    },
}

/// What happens to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// There is one more connection.
    Connected,
    /// There is one less; should it be the last, the user may come back unnoticed until then.
    Disconnected {
        /// When the user has left for good.
        until: Timestamp,
    },
    /// The deadline has come.
    Elapsed,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Tell those who watch that the user is there.
    Online,
    /// Tell them that the user went at that time.
    Offline(Timestamp),
    /// Keep that the user was seen then.
    Keep(Timestamp),
}

impl State {
    /// Takes an input.
    ///
    /// # Errors
    /// [`Invalid`] when a connection goes that never came, or the deadline is said to have come and has not.
    pub(crate) fn step(self, input: Input, now: Timestamp) -> Result<(Self, Vec<Output>), Invalid> {
        let is_due = self.deadline().is_some_and(|deadline| deadline <= now);
        let online = |connections, kept_at| Self::Online { connections, kept_at };
        match (self, input) {
            (Self::Absent, Input::Connected) => {
                Ok((online(NonZeroUsize::MIN, now), vec![Output::Online, Output::Keep(now)]))
            }
            (Self::Online { connections, kept_at }, Input::Connected) => {
                Ok((online(connections.saturating_add(1), kept_at), Vec::new()))
            }
            (Self::Leaving { kept_at, .. }, Input::Connected) => Ok((online(NonZeroUsize::MIN, kept_at), Vec::new())),
            (Self::Gone { kept_at, .. }, Input::Connected) => {
                Ok((online(NonZeroUsize::MIN, kept_at), vec![Output::Online]))
            }
            (Self::Online { connections, kept_at }, Input::Disconnected { until }) => {
                let left = NonZeroUsize::new(connections.get() - 1);
                let leaving = Self::Leaving {
                    left_at: now,
                    until,
                    kept_at,
                };
                Ok((left.map_or(leaving, |left| online(left, kept_at)), Vec::new()))
            }
            (Self::Online { connections, .. }, Input::Elapsed) if is_due => {
                Ok((online(connections, now), vec![Output::Keep(now)]))
            }
            (Self::Leaving { left_at, .. }, Input::Elapsed) if is_due => Ok((
                Self::Gone { left_at, kept_at: now },
                vec![Output::Offline(left_at), Output::Keep(left_at)],
            )),
            (Self::Gone { .. }, Input::Elapsed) if is_due => Ok((Self::Absent, Vec::new())),
            (Self::Absent | Self::Leaving { .. } | Self::Gone { .. }, Input::Disconnected { .. })
            | (_, Input::Elapsed) => Err(Invalid),
        }
    }

    /// Returns when [`Input::Elapsed`] is to come.
    pub(crate) fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Absent => None,
            Self::Online { kept_at, .. } | Self::Gone { kept_at, .. } => Some(kept_at.plus(RESOLUTION)),
            Self::Leaving { until, .. } => Some(until),
        }
    }

    /// Tells whether others are to believe that the user is there.
    pub(crate) const fn is_shown_online(self) -> bool {
        matches!(self, Self::Online { .. } | Self::Leaving { .. })
    }

    /// Returns when the user was last there, as far as this is remembered.
    pub(crate) const fn seen_at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Absent => None,
            Self::Online { .. } => Some(now),
            Self::Leaving { left_at, .. } | Self::Gone { left_at, .. } => Some(left_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GRACE: i64 = 10_000;
    const MINUTE: i64 = 60_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn online(connections: usize, kept_at: i64) -> State {
        State::Online {
            connections: NonZeroUsize::new(connections).unwrap(),
            kept_at: at(kept_at),
        }
    }

    fn leaving(left_at: i64, kept_at: i64) -> State {
        State::Leaving {
            left_at: at(left_at),
            until: at(left_at + GRACE),
            kept_at: at(kept_at),
        }
    }

    fn gone(left_at: i64, kept_at: i64) -> State {
        State::Gone {
            left_at: at(left_at),
            kept_at: at(kept_at),
        }
    }

    #[test]
    fn every_input_in_every_state() {
        use Input::{Connected, Elapsed};
        const NOW: i64 = 100_000;
        const LATELY: i64 = NOW - MINUTE + 1;
        const LONG_AGO: i64 = NOW - MINUTE;
        let gone_for_now = Input::Disconnected { until: at(NOW + GRACE) };
        let table = [
            (
                State::Absent,
                Connected,
                Ok((online(1, NOW), vec![Output::Online, Output::Keep(at(NOW))])),
            ),
            (State::Absent, gone_for_now, Err(Invalid)),
            (State::Absent, Elapsed, Err(Invalid)),
            (online(1, LATELY), Connected, Ok((online(2, LATELY), vec![]))),
            (online(2, LATELY), gone_for_now, Ok((online(1, LATELY), vec![]))),
            (online(1, LATELY), gone_for_now, Ok((leaving(NOW, LATELY), vec![]))),
            (
                online(3, LONG_AGO),
                Elapsed,
                Ok((online(3, NOW), vec![Output::Keep(at(NOW))])),
            ),
            (online(3, LATELY), Elapsed, Err(Invalid)),
            (leaving(NOW - 1, LATELY), Connected, Ok((online(1, LATELY), vec![]))),
            (leaving(NOW - 1, LATELY), gone_for_now, Err(Invalid)),
            (
                leaving(NOW - GRACE, LATELY),
                Elapsed,
                Ok((
                    gone(NOW - GRACE, NOW),
                    vec![Output::Offline(at(NOW - GRACE)), Output::Keep(at(NOW - GRACE))],
                )),
            ),
            (leaving(NOW - GRACE + 1, LATELY), Elapsed, Err(Invalid)),
            (
                gone(1, LATELY),
                Connected,
                Ok((online(1, LATELY), vec![Output::Online])),
            ),
            (gone(1, LATELY), gone_for_now, Err(Invalid)),
            (gone(1, LONG_AGO), Elapsed, Ok((State::Absent, vec![]))),
            (gone(1, LATELY), Elapsed, Err(Invalid)),
        ];
        for (state, input, expected) in table {
            assert_eq!(state.step(input, at(NOW)), expected, "{state:?}, {input:?}");
        }
    }

    #[test]
    fn without_grace_the_deadline_has_come_at_once() {
        let (state, _) = online(1, 0).step(Input::Disconnected { until: at(5) }, at(5)).unwrap();
        assert_eq!(state.deadline(), Some(at(5)));
        let (_, outputs) = state.step(Input::Elapsed, at(5)).unwrap();
        assert_eq!(outputs, [Output::Offline(at(5)), Output::Keep(at(5))]);
    }

    #[derive(Clone, Copy, Debug)]
    enum Move {
        Come,
        Go,
        Wait(i64),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            Just(Move::Come),
            Just(Move::Go),
            (0..3 * GRACE).prop_map(Move::Wait),
            (0..3 * MINUTE).prop_map(Move::Wait)
        ];
        prop::collection::vec(one, 0..60)
    }

    /// Somebody's comings and goings, and what was said of them.
    #[derive(Default)]
    struct Life {
        state: State,
        now: i64,
        connections: usize,
        shown: bool,
        kept_at: Option<i64>,
        left_at: i64,
    }

    impl Life {
        fn live(&mut self, one: Move) {
            match one {
                Move::Come => {
                    self.connections += 1;
                    self.feed(Input::Connected);
                }
                Move::Go if self.connections > 0 => {
                    self.connections -= 1;
                    self.left_at = self.now;
                    let until = at(self.now + GRACE);
                    self.feed(Input::Disconnected { until });
                }
                Move::Go => {}
                Move::Wait(millis) => {
                    let until = self.now + millis;
                    while let Some(deadline) = self.state.deadline().filter(|deadline| *deadline <= at(until)) {
                        self.now = self.now.max(deadline.as_millis());
                        self.feed(Input::Elapsed);
                    }
                    self.now = until;
                }
            }
        }

        fn feed(&mut self, input: Input) {
            let (state, outputs) = self.state.step(input, at(self.now)).unwrap();
            self.state = state;
            for output in outputs {
                match output {
                    Output::Online => assert!(!self.shown, "online is said once"),
                    Output::Offline(left_at) => {
                        assert!(self.shown, "offline is said once");
                        assert_eq!((left_at, self.now), (at(self.left_at), self.left_at + GRACE));
                    }
                    Output::Keep(_) => {
                        let lately = self.kept_at.is_some_and(|kept_at| self.now < kept_at + MINUTE);
                        assert!(!lately || matches!(state, State::Gone { .. }), "kept again too soon");
                        self.kept_at = Some(self.now);
                    }
                }
                self.shown = state.is_shown_online();
            }
            assert!(self.shown || self.connections == 0, "who is connected is shown");
        }
    }

    proptest! {
        /// However somebody comes and goes: online and offline alternate, less than the grace is nothing, and a time
        /// is kept once a minute at most, but for leaving.
        #[test]
        fn nobody_flickers_and_nothing_is_kept_too_often(moves in moves()) {
            let mut life = Life::default();
            moves.into_iter().for_each(|one| life.live(one));
        }
    }
}
