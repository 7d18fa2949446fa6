//! The numbers of the bundles that arrive: which are new, and whether any was lost. Without time and IO of its own.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::id::ServerId;
use crate::domain::steady_time::SteadyTime;
use crate::engine::cluster::bundle::{Kind, Stamp};

/// Time without a bundle after which a server counts as silent: three of its heartbeats.
pub(super) const SILENCE: Duration = Duration::from_millis(3_500);

/// A channel as its receiver sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Line {
    /// The receiver's own inbox. Every bundle on it was for this server, so the first one has the number 1.
    Inbox,
    /// The channel for everyone. A server that starts hears it from some number on.
    Everyone,
}

/// Conclusion from the number of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observation {
    /// The bundle is the next one, or a heartbeat that confirms the last one.
    Next,
    /// The bundle was here before.
    Repeated,
    /// At least one bundle before this one was lost.
    Gap,
}

/// The servers that were heard, with the last number on each channel.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    servers: HashMap<ServerId, Heard>,
}

#[derive(Debug)]
struct Heard {
    inbox: Option<u64>,
    everyone: Option<u64>,
    last: SteadyTime,
    is_silent: bool,
}

impl Sequences {
    /// Returns whether this server was heard before.
    pub(super) fn knows(&self, server_id: ServerId) -> bool {
        self.servers.contains_key(&server_id)
    }

    /// Notes a bundle.
    pub(super) fn observe(&mut self, line: Line, stamp: Stamp, now: SteadyTime) -> Observation {
        let heard = self.servers.entry(stamp.from).or_insert(Heard {
            inbox: Some(0),
            everyone: None,
            last: now,
            is_silent: false,
        });
        heard.last = now;
        heard.is_silent = false;
        let last = match line {
            Line::Inbox => &mut heard.inbox,
            Line::Everyone => &mut heard.everyone,
        };
        let expected = last.map(|last| match stamp.kind {
            Kind::Items => last + 1,
            Kind::Heartbeat => last,
        });
        match expected {
            Some(expected) if stamp.number < expected => Observation::Repeated,
            Some(expected) if stamp.number > expected => {
                *last = Some(stamp.number);
                Observation::Gap
            }
            Some(_) | None => {
                *last = Some(stamp.number);
                Observation::Next
            }
        }
    }

    /// Accepts whatever comes next, because everything may have been lost and is made up for.
    pub(super) fn restart(&mut self) {
        for heard in self.servers.values_mut() {
            (heard.inbox, heard.everyone) = (None, None);
        }
    }

    /// Returns the servers that have fallen silent since the last call.
    pub(super) fn fallen_silent(&mut self, now: SteadyTime) -> Vec<ServerId> {
        let silent = self
            .servers
            .iter_mut()
            .filter(|(_, heard)| !heard.is_silent && now.since(heard.last) > SILENCE);
        silent
            .map(|(server_id, heard)| {
                heard.is_silent = true;
                *server_id
            })
            .collect()
    }

    /// Forgets a server that is gone.
    pub(super) fn forget(&mut self, server_id: ServerId) {
        self.servers.remove(&server_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: ServerId = ServerId::from_bytes([1; 16]);

    fn at(millis: i64) -> SteadyTime {
        SteadyTime::from_millis(millis)
    }

    fn items(number: u64) -> Stamp {
        Stamp {
            from: PEER,
            kind: Kind::Items,
            number,
        }
    }

    fn heartbeat(number: u64) -> Stamp {
        Stamp {
            kind: Kind::Heartbeat,
            ..items(number)
        }
    }

    #[test]
    fn every_number_on_every_line() {
        use Observation::{Gap, Next, Repeated};
        let table: &[(Line, &[(Stamp, Observation)])] = &[
            (
                Line::Inbox,
                &[
                    (items(1), Next),
                    (items(2), Next),
                    (heartbeat(2), Next),
                    (items(3), Next),
                ],
            ),
            (Line::Inbox, &[(items(2), Gap), (items(3), Next)]),
            (
                Line::Inbox,
                &[(heartbeat(0), Next), (heartbeat(1), Gap), (items(2), Next)],
            ),
            (
                Line::Inbox,
                &[
                    (items(1), Next),
                    (items(1), Repeated),
                    (items(2), Next),
                    (items(1), Repeated),
                ],
            ),
            (
                Line::Inbox,
                &[
                    (items(1), Next),
                    (heartbeat(3), Gap),
                    (heartbeat(3), Next),
                    (items(3), Repeated),
                ],
            ),
            (
                Line::Everyone,
                &[
                    (items(7), Next),
                    (items(8), Next),
                    (items(10), Gap),
                    (items(9), Repeated),
                ],
            ),
            (
                Line::Everyone,
                &[(heartbeat(7), Next), (items(8), Next), (heartbeat(9), Gap)],
            ),
        ];
        for (line, steps) in table {
            let mut sequences = Sequences::default();
            for (n, (stamp, expected)) in steps.iter().enumerate() {
                assert_eq!(
                    sequences.observe(*line, *stamp, at(0)),
                    *expected,
                    "step {n} of {steps:?}"
                );
            }
        }
    }

    #[test]
    fn lines_are_counted_apart_and_start_anew_after_a_restart() {
        let mut sequences = Sequences::default();
        assert_eq!(sequences.observe(Line::Everyone, items(5), at(0)), Observation::Next);
        assert_eq!(sequences.observe(Line::Inbox, items(1), at(0)), Observation::Next);
        sequences.restart();
        assert_eq!(sequences.observe(Line::Inbox, items(9), at(0)), Observation::Next);
        assert_eq!(sequences.observe(Line::Inbox, items(11), at(0)), Observation::Gap);
    }

    #[test]
    fn a_silent_server_is_reported_once_until_it_is_heard_again() {
        let mut sequences = Sequences::default();
        sequences.observe(Line::Everyone, heartbeat(1), at(0));
        assert!(sequences.fallen_silent(at(3_500)).is_empty());
        assert_eq!(sequences.fallen_silent(at(3_501)), [PEER]);
        assert!(sequences.fallen_silent(at(9_000)).is_empty());
        sequences.observe(Line::Everyone, heartbeat(1), at(9_000));
        assert_eq!(sequences.fallen_silent(at(13_000)), [PEER]);
        sequences.forget(PEER);
        assert!(!sequences.knows(PEER));
    }
}
