//! Connection state of one user across all devices, as a state machine.
//!
//! The machine counts connections, keeps the user online for a grace period after the last one closes, and limits how
//! often the time of the last connection is written. The grace period comes from the caller. The machine has no clock
//! and no store: the time is an argument, and writes and notifications are its outputs.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::domain::machine::Invalid;
use crate::domain::timestamp::Timestamp;

/// Minimum time between two writes of the last-seen time while a user stays online. A minute is precise enough for
/// display and limits the write load to one write per user and minute.
const LAST_SEEN_RESOLUTION: Duration = Duration::from_secs(60);

/// Connection state of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Offline, with nothing to remember.
    #[default]
    Absent,
    /// Online.
    Online {
        /// Number of open connections.
        connections: NonZeroUsize,
        /// Time of the last write of the last-seen time.
        written_at: Timestamp,
    },
    /// The last connection has closed, but the user is still shown as online during the grace period, so that a short
    /// interruption is not visible.
    Leaving {
        /// Time at which the last connection closed.
        left_at: Timestamp,
        /// End of the grace period.
        until: Timestamp,
        /// Time of the last write of the last-seen time.
        written_at: Timestamp,
    },
    /// Offline. Remembered until [`LAST_SEEN_RESOLUTION`] after the last write, so that a user who reconnects soon
    /// causes no other write.
    Gone {
        /// Time at which the last connection closed.
        left_at: Timestamp,
        /// Time of the last write of the last-seen time.
        written_at: Timestamp,
    },
}

/// Event that the machine reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A connection was opened.
    Connected,
    /// A connection was closed.
    Disconnected {
        /// End of the grace period, if it was the last connection.
        until: Timestamp,
    },
    /// The time returned by [`State::deadline`] has come.
    Elapsed,
}

/// Action for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Notify watchers that the user is online.
    Online,
    /// Notify watchers that the user is offline, and was last connected at this time.
    Offline(Timestamp),
    /// Write this as the user's last-seen time.
    WriteLastSeen(Timestamp),
}

impl State {
    /// Returns the next state and the actions to carry out.
    ///
    /// # Errors
    /// Returns [`Invalid`] for [`Input::Disconnected`] without an open connection, and for [`Input::Elapsed`] before
    /// the deadline.
    pub(crate) fn step(self, input: Input, now: Timestamp) -> Result<(Self, Vec<Output>), Invalid> {
        let is_due = self.deadline().is_some_and(|deadline| deadline <= now);
        let online = |connections, written_at| Self::Online {
            connections,
            written_at,
        };
        match (self, input) {
            (Self::Absent, Input::Connected) => Ok((
                online(NonZeroUsize::MIN, now),
                vec![Output::Online, Output::WriteLastSeen(now)],
            )),
            (
                Self::Online {
                    connections,
                    written_at,
                },
                Input::Connected,
            ) => Ok((online(connections.saturating_add(1), written_at), Vec::new())),
            // Back within the grace period: nobody noticed, so there is nothing to notify.
            (Self::Leaving { written_at, .. }, Input::Connected) => {
                Ok((online(NonZeroUsize::MIN, written_at), Vec::new()))
            }
            (Self::Gone { written_at, .. }, Input::Connected) => {
                Ok((online(NonZeroUsize::MIN, written_at), vec![Output::Online]))
            }
            (
                Self::Online {
                    connections,
                    written_at,
                },
                Input::Disconnected { until },
            ) => {
                let left = NonZeroUsize::new(connections.get() - 1);
                let leaving = Self::Leaving {
                    left_at: now,
                    until,
                    written_at,
                };
                Ok((left.map_or(leaving, |left| online(left, written_at)), Vec::new()))
            }
            (Self::Online { connections, .. }, Input::Elapsed) if is_due => {
                Ok((online(connections, now), vec![Output::WriteLastSeen(now)]))
            }
            (Self::Leaving { left_at, .. }, Input::Elapsed) if is_due => Ok((
                Self::Gone {
                    left_at,
                    written_at: now,
                },
                vec![Output::Offline(left_at), Output::WriteLastSeen(left_at)],
            )),
            (Self::Gone { .. }, Input::Elapsed) if is_due => Ok((Self::Absent, Vec::new())),
            (Self::Absent | Self::Leaving { .. } | Self::Gone { .. }, Input::Disconnected { .. })
            | (_, Input::Elapsed) => Err(Invalid),
        }
    }

    /// Returns the time at which [`Input::Elapsed`] is due; `None` if the state changes only with the next input.
    pub(crate) fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Absent => None,
            Self::Online { written_at, .. } | Self::Gone { written_at, .. } => {
                Some(written_at.plus(LAST_SEEN_RESOLUTION))
            }
            Self::Leaving { until, .. } => Some(until),
        }
    }

    /// Reports whether watchers see the user as online.
    pub(crate) const fn is_shown_online(self) -> bool {
        matches!(self, Self::Online { .. } | Self::Leaving { .. })
    }

    /// Returns the time at which the user was last connected; `None` if it is no longer remembered and must be read
    /// from the store.
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

    fn online(connections: usize, written_at: i64) -> State {
        State::Online {
            connections: NonZeroUsize::new(connections).unwrap(),
            written_at: at(written_at),
        }
    }

    fn leaving(left_at: i64, written_at: i64) -> State {
        State::Leaving {
            left_at: at(left_at),
            until: at(left_at + GRACE),
            written_at: at(written_at),
        }
    }

    fn gone(left_at: i64, written_at: i64) -> State {
        State::Gone {
            left_at: at(left_at),
            written_at: at(written_at),
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
                Ok((online(1, NOW), vec![Output::Online, Output::WriteLastSeen(at(NOW))])),
            ),
            (State::Absent, gone_for_now, Err(Invalid)),
            (State::Absent, Elapsed, Err(Invalid)),
            (online(1, LATELY), Connected, Ok((online(2, LATELY), vec![]))),
            (online(2, LATELY), gone_for_now, Ok((online(1, LATELY), vec![]))),
            (online(1, LATELY), gone_for_now, Ok((leaving(NOW, LATELY), vec![]))),
            (
                online(3, LONG_AGO),
                Elapsed,
                Ok((online(3, NOW), vec![Output::WriteLastSeen(at(NOW))])),
            ),
            (online(3, LATELY), Elapsed, Err(Invalid)),
            (leaving(NOW - 1, LATELY), Connected, Ok((online(1, LATELY), vec![]))),
            (leaving(NOW - 1, LATELY), gone_for_now, Err(Invalid)),
            (
                leaving(NOW - GRACE, LATELY),
                Elapsed,
                Ok((
                    gone(NOW - GRACE, NOW),
                    vec![Output::Offline(at(NOW - GRACE)), Output::WriteLastSeen(at(NOW - GRACE))],
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
        assert_eq!(outputs, [Output::Offline(at(5)), Output::WriteLastSeen(at(5))]);
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

    /// Connections of a user over time, and the notifications about them.
    #[derive(Default)]
    struct Life {
        state: State,
        now: i64,
        connections: usize,
        shown: bool,
        written_at: Option<i64>,
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
                    Output::Online => assert!(!self.shown, "online is notified once"),
                    Output::Offline(left_at) => {
                        assert!(self.shown, "offline is notified once");
                        assert_eq!((left_at, self.now), (at(self.left_at), self.left_at + GRACE));
                    }
                    Output::WriteLastSeen(_) => {
                        let lately = self.written_at.is_some_and(|written_at| self.now < written_at + MINUTE);
                        assert!(!lately || matches!(state, State::Gone { .. }), "written again too soon");
                        self.written_at = Some(self.now);
                    }
                }
                self.shown = state.is_shown_online();
            }
            assert!(
                self.shown || self.connections == 0,
                "a connected user is shown as online"
            );
        }
    }

    proptest! {
        /// For any sequence of connections: online and offline alternate, an interruption shorter than the grace period
        /// is not notified, and a time is written at most once a minute, except on leaving.
        #[test]
        fn short_interruptions_are_hidden_and_writes_are_limited(moves in moves()) {
            let mut life = Life::default();
            moves.into_iter().for_each(|one| life.live(one));
        }
    }
}
