//! Marks of a sync on the wire.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::id::ConversationId;
use crate::domain::mark::Mark;
use crate::domain::timestamp::Timestamp;

/// Point up to which a client is synced: opaque text for the client, which returns it in the next sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SyncMark {
    /// Mark that covers everything listed so far.
    pub mark: Mark,
    /// Last conversation of those changed before `mark` that has been listed, if not all of them fitted into the
    /// answer. They are listed in the order of their changes, then of their ids.
    pub listed: Option<(Mark, ConversationId)>,
}

/// Point from which a client asks for changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SyncSince {
    /// The `mark` of an earlier sync.
    Mark(SyncMark),
    /// The `server_time` of an earlier sync, from a client that knows no marks.
    Time(Timestamp),
}

/// Text that is no [`SyncMark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the mark of a sync")]
pub struct InvalidMark;

impl From<Mark> for SyncMark {
    fn from(mark: Mark) -> Self {
        Self { mark, listed: None }
    }
}

impl fmt::Display for SyncMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A letter in front, so that no mark is ever taken for a time.
        write!(f, "m{:x}", self.mark.0)?;
        match self.listed {
            Some((mark, id)) => write!(f, ".{:x}.{}", mark.0, id.as_uuid().simple()),
            None => Ok(()),
        }
    }
}

impl FromStr for SyncMark {
    type Err = InvalidMark;

    fn from_str(text: &str) -> Result<Self, InvalidMark> {
        let mut parts = text.strip_prefix('m').ok_or(InvalidMark)?.split('.');
        let mark = number(parts.next())?;
        let listed = match parts.next() {
            None => None,
            listed => {
                let id = parts.next().filter(|id| id.len() == 32).ok_or(InvalidMark)?;
                Some((number(listed)?, id.parse().map_err(|_| InvalidMark)?))
            }
        };
        match parts.next() {
            None => Ok(Self { mark, listed }),
            Some(_) => Err(InvalidMark),
        }
    }
}

fn number(digits: Option<&str>) -> Result<Mark, InvalidMark> {
    // `from_str_radix` would accept a sign.
    let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let number = u64::from_str_radix(digits.ok_or(InvalidMark)?, 16);
    number.map(Mark).map_err(|_| InvalidMark)
}

impl From<SyncMark> for String {
    fn from(mark: SyncMark) -> Self {
        mark.to_string()
    }
}

impl TryFrom<String> for SyncMark {
    type Error = InvalidMark;

    fn try_from(text: String) -> Result<Self, InvalidMark> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let id = ConversationId::from_bytes([0xab; 16]);
        for (mark, text) in [
            (SyncMark::from(Mark(0)), "m0"),
            (SyncMark::from(Mark(u64::MAX)), "mffffffffffffffff"),
            (
                SyncMark {
                    mark: Mark(31),
                    listed: Some((Mark(16), id)),
                },
                "m1f.10.abababababababababababababababab",
            ),
        ] {
            assert_eq!(mark.to_string(), text);
            assert_eq!(text.parse(), Ok(mark));
        }
    }

    #[test]
    fn other_text_is_no_mark() {
        let many = "m1.1.abababababababababababababababab.1";
        for text in [
            "",
            "m",
            "1",
            "m+1",
            "mg",
            "m1.",
            "m1.2",
            "m1.2.x",
            many,
            "m10000000000000000",
            "2026-11-22T09:00:00.000Z",
        ] {
            assert_eq!(text.parse::<SyncMark>(), Err(InvalidMark), "{text}");
        }
    }
}
