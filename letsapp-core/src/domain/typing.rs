//! Whether others are to see somebody typing: one machine for each user and conversation.
//!
//! It takes every key press, shows it once in three seconds at most, and ends by itself when nothing more is heard. It
//! knows no clock, and nobody who is told.

use std::time::Duration;

use crate::domain::machine::Invalid;
use crate::domain::timestamp::Timestamp;

/// Whether somebody types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// They do; to be said again while it lasts, as often as one likes.
    Goes,
    /// They don't any more.
    Stopped,
}

/// Others are told that somebody types, or still types, no more often than this.
const INTERVAL: Duration = Duration::from_secs(3);

/// Where somebody stands in one conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Not typing, and nothing has to be remembered.
    #[default]
    Idle,
    /// Others see that they type.
    Shown {
        /// When others are to be told again, as more was typed since they were told last.
        again_at: Option<Timestamp>,
        /// When others were told.
        told_at: Timestamp,
        /// When it ends, unless more is typed.
        ends_at: Timestamp,
    },
    /// Not typing, and shown so lately that it is too soon to show it again.
    Resting {
        /// When others were told last that they type.
        told_at: Timestamp,
    },
    /// Typing again; others see it when it is not too soon any more.
    Held {
        /// When others were told last that they type.
        told_at: Timestamp,
        /// When it ends, unless more is typed.
        ends_at: Timestamp,
    },
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Something is being typed; unless more is, it ends then.
    Typed {
        /// When it ends.
        ends_at: Timestamp,
    },
    /// Nothing is being typed any more.
    Stopped,
    /// What was typed was sent: the message itself tells others that it is typed no more.
    Sent,
    /// The deadline has come.
    Elapsed,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Tell the others that somebody types.
    Show,
    /// Tell them that they don't any more.
    Hide,
}

impl State {
    /// Takes an input.
    ///
    /// # Errors
    /// [`Invalid`] when the deadline is said to have come and has not.
    pub(crate) fn step(self, input: Input, now: Timestamp) -> Result<(Self, Vec<Output>), Invalid> {
        let is_due = self.deadline().is_some_and(|deadline| deadline <= now);
        let show = |ends_at| {
            let shown = Self::Shown {
                again_at: None,
                told_at: now,
                ends_at,
            };
            (shown, vec![Output::Show])
        };
        match (self, input) {
            (Self::Idle, Input::Typed { ends_at }) => Ok(show(ends_at)),
            (
                Self::Shown { told_at, .. } | Self::Resting { told_at } | Self::Held { told_at, .. },
                Input::Typed { ends_at },
            ) if told_at.plus(INTERVAL) <= now => Ok(show(ends_at)),
            (Self::Shown { told_at, .. }, Input::Typed { ends_at }) => {
                let again_at = Some(told_at.plus(INTERVAL));
                let shown = Self::Shown {
                    again_at,
                    told_at,
                    ends_at,
                };
                Ok((shown, Vec::new()))
            }
            (Self::Resting { told_at } | Self::Held { told_at, .. }, Input::Typed { ends_at }) => {
                Ok((Self::Held { told_at, ends_at }, Vec::new()))
            }
            (Self::Shown { told_at, .. }, Input::Stopped) => Ok((Self::Resting { told_at }, vec![Output::Hide])),
            (Self::Shown { told_at, .. }, Input::Sent) | (Self::Held { told_at, .. }, Input::Stopped | Input::Sent) => {
                Ok((Self::Resting { told_at }, Vec::new()))
            }
            (Self::Idle | Self::Resting { .. }, Input::Stopped | Input::Sent) => Ok((self, Vec::new())),
            (Self::Shown { ends_at, told_at, .. }, Input::Elapsed) if ends_at <= now => {
                Ok((Self::Resting { told_at }, vec![Output::Hide]))
            }
            (Self::Held { ends_at, told_at }, Input::Elapsed) if ends_at <= now => {
                Ok((Self::Resting { told_at }, Vec::new()))
            }
            (Self::Shown { ends_at, .. } | Self::Held { ends_at, .. }, Input::Elapsed) if is_due => Ok(show(ends_at)),
            (Self::Resting { .. }, Input::Elapsed) if is_due => Ok((Self::Idle, Vec::new())),
            (_, Input::Elapsed) => Err(Invalid),
        }
    }

    /// Returns when [`Input::Elapsed`] is to come.
    pub(crate) fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Idle => None,
            Self::Shown { again_at, ends_at, .. } => Some(again_at.map_or(ends_at, |again_at| again_at.min(ends_at))),
            Self::Resting { told_at } => Some(told_at.plus(INTERVAL)),
            Self::Held { told_at, ends_at } => Some(told_at.plus(INTERVAL).min(ends_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIMEOUT: i64 = 6_000;
    const PAUSE: i64 = 3_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn shown(told_at: i64, ends_at: i64) -> State {
        State::Shown {
            again_at: None,
            told_at: at(told_at),
            ends_at: at(ends_at),
        }
    }

    fn renewed(told_at: i64, ends_at: i64) -> State {
        State::Shown {
            again_at: Some(at(told_at + PAUSE)),
            told_at: at(told_at),
            ends_at: at(ends_at),
        }
    }

    fn resting(told_at: i64) -> State {
        State::Resting { told_at: at(told_at) }
    }

    fn held(told_at: i64, ends_at: i64) -> State {
        State::Held {
            told_at: at(told_at),
            ends_at: at(ends_at),
        }
    }

    #[test]
    fn every_input_in_every_state() {
        use Input::{Elapsed, Sent, Stopped};
        use Output::{Hide, Show};
        const NOW: i64 = 100_000;
        const END: i64 = NOW + TIMEOUT;
        const LATELY: i64 = NOW - PAUSE + 1;
        const BEFORE: i64 = NOW - PAUSE;
        const TYPED: Input = Input::Typed {
            ends_at: Timestamp::from_millis(END),
        };
        let table = [
            (State::Idle, TYPED, Ok((shown(NOW, END), vec![Show]))),
            (State::Idle, Stopped, Ok((State::Idle, vec![]))),
            (State::Idle, Sent, Ok((State::Idle, vec![]))),
            (State::Idle, Elapsed, Err(Invalid)),
            (shown(LATELY, NOW + 1), TYPED, Ok((renewed(LATELY, END), vec![]))),
            (shown(BEFORE, NOW + 1), TYPED, Ok((shown(NOW, END), vec![Show]))),
            (shown(LATELY, NOW + 1), Stopped, Ok((resting(LATELY), vec![Hide]))),
            (shown(LATELY, NOW + 1), Sent, Ok((resting(LATELY), vec![]))),
            (shown(LATELY, NOW + 1), Elapsed, Err(Invalid)),
            (shown(BEFORE, NOW + 1), Elapsed, Err(Invalid)),
            (shown(BEFORE, NOW), Elapsed, Ok((resting(BEFORE), vec![Hide]))),
            (renewed(LATELY, NOW + 1), TYPED, Ok((renewed(LATELY, END), vec![]))),
            (renewed(BEFORE, NOW + 1), TYPED, Ok((shown(NOW, END), vec![Show]))),
            (renewed(LATELY, NOW + 1), Stopped, Ok((resting(LATELY), vec![Hide]))),
            (renewed(LATELY, NOW + 1), Sent, Ok((resting(LATELY), vec![]))),
            (renewed(LATELY, NOW + 1), Elapsed, Err(Invalid)),
            (renewed(BEFORE, NOW + 1), Elapsed, Ok((shown(NOW, NOW + 1), vec![Show]))),
            (renewed(LATELY, NOW), Elapsed, Ok((resting(LATELY), vec![Hide]))),
            (resting(LATELY), TYPED, Ok((held(LATELY, END), vec![]))),
            (resting(BEFORE), TYPED, Ok((shown(NOW, END), vec![Show]))),
            (resting(LATELY), Stopped, Ok((resting(LATELY), vec![]))),
            (resting(LATELY), Sent, Ok((resting(LATELY), vec![]))),
            (resting(LATELY), Elapsed, Err(Invalid)),
            (resting(BEFORE), Elapsed, Ok((State::Idle, vec![]))),
            (held(LATELY, NOW + 1), TYPED, Ok((held(LATELY, END), vec![]))),
            (held(BEFORE, NOW + 1), TYPED, Ok((shown(NOW, END), vec![Show]))),
            (held(LATELY, NOW + 1), Stopped, Ok((resting(LATELY), vec![]))),
            (held(LATELY, NOW + 1), Sent, Ok((resting(LATELY), vec![]))),
            (held(LATELY, NOW + 1), Elapsed, Err(Invalid)),
            (held(BEFORE, NOW + 1), Elapsed, Ok((shown(NOW, NOW + 1), vec![Show]))),
            (held(LATELY, NOW), Elapsed, Ok((resting(LATELY), vec![]))),
        ];
        for (state, input, expected) in table {
            assert_eq!(state.step(input, at(NOW)), expected, "{state:?}, {input:?}");
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Move {
        Type,
        Stop,
        Send,
        Wait(i64),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            4 => Just(Move::Type),
            1 => Just(Move::Stop),
            1 => Just(Move::Send),
            4 => (0..PAUSE).prop_map(Move::Wait),
            1 => (0..3 * TIMEOUT).prop_map(Move::Wait)
        ];
        prop::collection::vec(one, 0..80)
    }

    /// Somebody's typing, and what another sees of it who lets it end after the timeout, as the contract says.
    #[derive(Default)]
    struct Chat {
        state: State,
        now: i64,
        typed_at: Option<i64>,
        seen_until: i64,
        shown_at: Option<i64>,
    }

    impl Chat {
        fn live(&mut self, one: Move) {
            match one {
                Move::Type => {
                    self.typed_at = Some(self.now);
                    let ends_at = at(self.now + TIMEOUT);
                    self.feed(Input::Typed { ends_at });
                }
                Move::Stop => {
                    self.typed_at = None;
                    self.feed(Input::Stopped);
                }
                Move::Send => {
                    (self.typed_at, self.seen_until) = (None, self.now);
                    self.feed(Input::Sent);
                }
                Move::Wait(millis) => {
                    let until = self.now + millis;
                    while let Some(deadline) = self.state.deadline().filter(|deadline| *deadline <= at(until)) {
                        self.now = self.now.max(deadline.as_millis());
                        self.typed_at = self.typed_at.filter(|typed_at| self.now < typed_at + TIMEOUT);
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
                    Output::Show => {
                        assert!(self.typed_at.is_some(), "somebody is shown who does not type");
                        let before = self.shown_at.replace(self.now);
                        assert!(
                            before.is_none_or(|before| self.now >= before + PAUSE),
                            "shown too often"
                        );
                        self.seen_until = self.now + TIMEOUT;
                    }
                    Output::Hide => self.seen_until = self.now,
                }
            }
            let lately = self.shown_at.is_some_and(|shown_at| self.now < shown_at + PAUSE);
            let seen = self.now < self.seen_until;
            match self.typed_at {
                Some(_) => assert!(seen || lately, "somebody types and is not seen"),
                None => assert!(!seen, "somebody is seen who does not type"),
            }
        }
    }

    proptest! {
        /// However somebody types: others see it while it is so, but for the pause after they were shown it last, and
        /// are told that it is so once in three seconds at most.
        #[test]
        fn typing_is_seen_while_it_lasts_and_told_seldom(moves in moves()) {
            let mut chat = Chat::default();
            moves.into_iter().for_each(|one| chat.live(one));
        }
    }
}
