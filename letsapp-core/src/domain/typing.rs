//! Typing indicator of one user in one conversation, as a state machine.
//!
//! Two durations must not be confused:
//!
//! - The *expiry* (`typing_timeout` in [`Rules`](crate::domain::rules::Rules), 6 s by default) ends the indicator when
//!   the client does not repeat [`Typing::Started`]. It is computed by the caller and arrives here as `expires_at`.
//! - The *minimum interval between notifications* (`MIN_NOTIFY_INTERVAL`, 3 s) limits how often other members are
//!   notified, however often the client repeats itself. It does not end anything.
//!
//! The machine has no clock and sends nothing: the time is an argument, and the notifications are its outputs.

use std::time::Duration;

use crate::domain::machine::Invalid;
use crate::domain::timestamp::Timestamp;

/// A client's statement about typing in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    /// The user is typing. Clients repeat this while typing goes on; repeats may come at any rate.
    Started,
    /// The user has stopped typing.
    Stopped,
}

/// Minimum time between two notifications that a user is typing. Not the expiry of the indicator, which comes from
/// [`Rules`](crate::domain::rules::Rules).
///
/// Shorter than the default expiry of 6 s, so that other clients, which hide the indicator when it expires, are
/// notified again before that. Half of it, so that one lost or late notification does no harm.
const MIN_NOTIFY_INTERVAL: Duration = Duration::from_secs(3);

/// State of the indicator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Not typing, and no recent notification.
    #[default]
    Idle,
    /// Typing, and the other members have been notified.
    Shown {
        /// Time of the next notification: set when more was typed since the last one.
        notify_again_at: Option<Timestamp>,
        /// Time of the last notification.
        notified_at: Timestamp,
        /// Time at which the indicator ends unless more is typed.
        expires_at: Timestamp,
    },
    /// Not typing, but the last notification is more recent than [`MIN_NOTIFY_INTERVAL`]. Remembered so that stopping
    /// and starting again cannot exceed the rate.
    Resting {
        /// Time of the last notification.
        notified_at: Timestamp,
    },
    /// Typing again, but too soon to notify. The notification follows when the interval is over.
    Held {
        /// Time of the last notification.
        notified_at: Timestamp,
        /// Time at which the indicator ends unless more is typed.
        expires_at: Timestamp,
    },
}

/// Event that the machine reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The user is typing.
    Typed {
        /// Time at which the indicator ends unless more is typed.
        expires_at: Timestamp,
    },
    /// The user stopped typing.
    Stopped,
    /// The user sent the message. Other clients hide the indicator when the message arrives, so no notification is
    /// needed.
    Sent,
    /// The time returned by [`State::deadline`] has come.
    Elapsed,
}

/// Notification for the other members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// The user is typing.
    Show,
    /// The user is no longer typing.
    Hide,
}

impl State {
    /// Returns the next state and the notifications to send.
    ///
    /// # Errors
    /// Returns [`Invalid`] for [`Input::Elapsed`] before the deadline.
    pub(crate) fn step(self, input: Input, now: Timestamp) -> Result<(Self, Vec<Output>), Invalid> {
        let is_due = self.deadline().is_some_and(|deadline| deadline <= now);
        let show = |expires_at| {
            let shown = Self::Shown {
                notify_again_at: None,
                notified_at: now,
                expires_at,
            };
            (shown, vec![Output::Show])
        };
        match (self, input) {
            (Self::Idle, Input::Typed { expires_at }) => Ok(show(expires_at)),
            (
                Self::Shown { notified_at, .. } | Self::Resting { notified_at } | Self::Held { notified_at, .. },
                Input::Typed { expires_at },
            ) if notified_at.plus(MIN_NOTIFY_INTERVAL) <= now => Ok(show(expires_at)),
            // Too soon to notify again. Extends the indicator and schedules the notification.
            (Self::Shown { notified_at, .. }, Input::Typed { expires_at }) => {
                let notify_again_at = Some(notified_at.plus(MIN_NOTIFY_INTERVAL));
                let shown = Self::Shown {
                    notify_again_at,
                    notified_at,
                    expires_at,
                };
                Ok((shown, Vec::new()))
            }
            (Self::Resting { notified_at } | Self::Held { notified_at, .. }, Input::Typed { expires_at }) => Ok((
                Self::Held {
                    notified_at,
                    expires_at,
                },
                Vec::new(),
            )),
            (Self::Shown { notified_at, .. }, Input::Stopped) => {
                Ok((Self::Resting { notified_at }, vec![Output::Hide]))
            }
            (Self::Shown { notified_at, .. }, Input::Sent)
            | (Self::Held { notified_at, .. }, Input::Stopped | Input::Sent) => {
                Ok((Self::Resting { notified_at }, Vec::new()))
            }
            (Self::Idle | Self::Resting { .. }, Input::Stopped | Input::Sent) => Ok((self, Vec::new())),
            // The expiry is checked before a due notification: an indicator that has ended must not be shown again.
            (
                Self::Shown {
                    expires_at,
                    notified_at,
                    ..
                },
                Input::Elapsed,
            ) if expires_at <= now => Ok((Self::Resting { notified_at }, vec![Output::Hide])),
            (
                Self::Held {
                    expires_at,
                    notified_at,
                },
                Input::Elapsed,
            ) if expires_at <= now => Ok((Self::Resting { notified_at }, Vec::new())),
            (Self::Shown { expires_at, .. } | Self::Held { expires_at, .. }, Input::Elapsed) if is_due => {
                Ok(show(expires_at))
            }
            (Self::Resting { .. }, Input::Elapsed) if is_due => Ok((Self::Idle, Vec::new())),
            (_, Input::Elapsed) => Err(Invalid),
        }
    }

    /// Returns the time at which [`Input::Elapsed`] is due; `None` if the state changes only with the next input.
    pub(crate) fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Idle => None,
            Self::Shown {
                notify_again_at,
                expires_at,
                ..
            } => Some(notify_again_at.map_or(expires_at, |notify_again_at| notify_again_at.min(expires_at))),
            Self::Resting { notified_at } => Some(notified_at.plus(MIN_NOTIFY_INTERVAL)),
            Self::Held {
                notified_at,
                expires_at,
            } => Some(notified_at.plus(MIN_NOTIFY_INTERVAL).min(expires_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIMEOUT: i64 = 6_000;
    const MIN_INTERVAL: i64 = 3_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn shown(notified_at: i64, expires_at: i64) -> State {
        State::Shown {
            notify_again_at: None,
            notified_at: at(notified_at),
            expires_at: at(expires_at),
        }
    }

    fn renewed(notified_at: i64, expires_at: i64) -> State {
        State::Shown {
            notify_again_at: Some(at(notified_at + MIN_INTERVAL)),
            notified_at: at(notified_at),
            expires_at: at(expires_at),
        }
    }

    fn resting(notified_at: i64) -> State {
        State::Resting {
            notified_at: at(notified_at),
        }
    }

    fn held(notified_at: i64, expires_at: i64) -> State {
        State::Held {
            notified_at: at(notified_at),
            expires_at: at(expires_at),
        }
    }

    #[test]
    fn every_input_in_every_state() {
        use Input::{Elapsed, Sent, Stopped};
        use Output::{Hide, Show};
        const NOW: i64 = 100_000;
        const END: i64 = NOW + TIMEOUT;
        const LATELY: i64 = NOW - MIN_INTERVAL + 1;
        const BEFORE: i64 = NOW - MIN_INTERVAL;
        const TYPED: Input = Input::Typed {
            expires_at: Timestamp::from_millis(END),
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
            4 => (0..MIN_INTERVAL).prop_map(Move::Wait),
            1 => (0..3 * TIMEOUT).prop_map(Move::Wait)
        ];
        prop::collection::vec(one, 0..80)
    }

    /// A typing user, and the view of another client that hides the indicator after the expiry, as the protocol
    /// requires.
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
                    let expires_at = at(self.now + TIMEOUT);
                    self.feed(Input::Typed { expires_at });
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
                        assert!(self.typed_at.is_some(), "shown without typing");
                        let before = self.shown_at.replace(self.now);
                        assert!(
                            before.is_none_or(|before| self.now >= before + MIN_INTERVAL),
                            "shown too often"
                        );
                        self.seen_until = self.now + TIMEOUT;
                    }
                    Output::Hide => self.seen_until = self.now,
                }
            }
            let lately = self.shown_at.is_some_and(|shown_at| self.now < shown_at + MIN_INTERVAL);
            let seen = self.now < self.seen_until;
            match self.typed_at {
                Some(_) => assert!(seen || lately, "typing is not shown"),
                None => assert!(!seen, "shown after typing ended"),
            }
        }
    }

    proptest! {
        /// For any sequence of inputs: other members see that a user is typing while it lasts, except within the
        /// minimum interval after the last notification, and are notified at most once per interval.
        #[test]
        fn typing_is_shown_while_it_lasts_and_notified_at_most_once_per_interval(moves in moves()) {
            let mut chat = Chat::default();
            moves.into_iter().for_each(|one| chat.live(one));
        }
    }
}
