//! Messages between servers as bytes: several items for one channel travel together, as one message of the bus.
//!
//! ```text
//! bundle = version u8, kind u8, server id 16 bytes, number u64, item*
//! item   = length of the header u32, length of the frame u32, header (JSON), frame (JSON)
//! ```
//!
//! Integers are little-endian. The header is JSON, so that servers of different versions understand each other; the frame
//! is the event as it goes to clients, encoded once by the server that publishes it.

use bytes::{Buf, Bytes};
use serde::{Deserialize, Serialize};

use crate::domain::id::{ConnectionId, ConversationId, Seq, ServerId, UserId};
use crate::ports::{Fact, MAX_MESSAGE_BYTES, Part};

/// Version of the format. Bundles of other versions are not understood.
const VERSION: u8 = 1;

/// Bytes before the first item.
const PREFIX: usize = 1 + 1 + 16 + 8;

/// Bytes before the header of an item.
const ITEM_PREFIX: usize = 4 + 4;

/// The kind of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Carries items, and has a number of its own: one more than that of the bundle before it on the same channel.
    Items,
    /// Tells the number of the last bundle on the channel, and that the server lives.
    Heartbeat,
}

/// The beginning of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) from: ServerId,
    pub(super) kind: Kind,
    pub(super) number: u64,
}

/// Kind of an item, and the receivers of its frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub(super) enum Header {
    /// The frame goes to the connections of these users.
    Users {
        ids: Vec<UserId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        except: Option<ConnectionId>,
        /// The conversation whose events keep their order.
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation_id: Option<ConversationId>,
    },
    /// The frame goes to the connections of members of a conversation.
    Members {
        conversation_id: ConversationId,
        fence: Seq,
        part: MembersPart,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        also: Option<UserId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        except: Option<ConnectionId>,
    },
    /// The frame goes to one connection.
    Connection {
        user_id: UserId,
        connection_id: ConnectionId,
    },
    /// No frame: a fact for the server itself.
    Server { fact: Fact },
    /// No frame: events for these users were lost; `None` if nobody knows for whom.
    Lost { user_ids: Option<Vec<UserId>> },
}

/// [`Part`] as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MembersPart {
    All,
    Seeing(Seq),
    Blind(Seq),
    Without(UserId),
}

impl From<Part> for MembersPart {
    fn from(part: Part) -> Self {
        match part {
            Part::All => Self::All,
            Part::Seeing(seq) => Self::Seeing(seq),
            Part::Blind(seq) => Self::Blind(seq),
            Part::Without(user_id) => Self::Without(user_id),
        }
    }
}

/// An item of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) header: Header,
    /// The event; empty if the header says all.
    pub(super) frame: Bytes,
}

/// The items that gather for one channel.
#[derive(Default)]
pub(super) struct Items {
    bytes: Vec<u8>,
}

impl Items {
    /// Adds an item. Returns false, and adds nothing, if the bundle would become larger than a bus carries.
    #[must_use]
    pub(super) fn push(&mut self, header: &Header, frame: &[u8]) -> bool {
        let header = serde_json::to_vec(header).expect("headers are plain data");
        let size = ITEM_PREFIX + header.len() + frame.len();
        let len = PREFIX + self.bytes.len();
        if len + size > MAX_MESSAGE_BYTES {
            return false;
        }
        let lengths = [header.len(), frame.len()].map(|len| u32::try_from(len).expect("bounded above").to_le_bytes());
        self.bytes.reserve(size);
        self.bytes.extend(lengths.as_flattened());
        self.bytes.extend(&header);
        self.bytes.extend(frame);
        true
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Makes the bundle of these items.
    pub(super) fn stamped(&self, stamp: Stamp) -> Bytes {
        let mut bytes = Vec::with_capacity(PREFIX + self.bytes.len());
        bytes.push(VERSION);
        bytes.push(match stamp.kind {
            Kind::Items => 0,
            Kind::Heartbeat => 1,
        });
        bytes.extend(stamp.from.as_bytes());
        bytes.extend(stamp.number.to_le_bytes());
        bytes.extend(&self.bytes);
        bytes.into()
    }
}

/// Bytes that are no bundle which this version understands.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    /// Another version of the program has sent it.
    #[error("a message of the unknown version {0}")]
    Version(u8),
    /// The lengths don't fit.
    #[error("a message that is cut short")]
    Truncated,
    /// Another kind of bundle than the known ones.
    #[error("a message of the unknown kind {0}")]
    Kind(u8),
}

/// Reads the stamp of a bundle, and its items one after the other. An item whose header this version does not know is an
/// error of its own: the others can still be used.
pub(super) fn read(
    mut bytes: Bytes,
) -> Result<(Stamp, impl Iterator<Item = Result<Item, serde_json::Error>>), BundleError> {
    if bytes.len() < PREFIX {
        return Err(BundleError::Truncated);
    }
    let version = bytes.get_u8();
    if version != VERSION {
        return Err(BundleError::Version(version));
    }
    let kind = match bytes.get_u8() {
        0 => Kind::Items,
        1 => Kind::Heartbeat,
        other => return Err(BundleError::Kind(other)),
    };
    let mut from = [0; 16];
    bytes.copy_to_slice(&mut from);
    let stamp = Stamp {
        from: ServerId::from_bytes(from),
        kind,
        number: bytes.get_u64_le(),
    };
    check_lengths(&bytes)?;
    let items = std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let (header, frame) = (bytes.get_u32_le() as usize, bytes.get_u32_le() as usize);
        let header = bytes.split_to(header);
        let frame = bytes.split_to(frame);
        Some(serde_json::from_slice(&header).map(|header| Item { header, frame }))
    });
    Ok((stamp, items))
}

/// Checks that the items end where the bundle ends, before any of them is used.
fn check_lengths(mut rest: &[u8]) -> Result<(), BundleError> {
    while !rest.is_empty() {
        let mut length = || {
            let (length, after) = rest.split_first_chunk()?;
            rest = after;
            usize::try_from(u32::from_le_bytes(*length)).ok()
        };
        let (header, frame) = (length(), length());
        let size = header.zip(frame).and_then(|(header, frame)| header.checked_add(frame));
        rest = size.and_then(|size| rest.get(size..)).ok_or(BundleError::Truncated)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(kind: Kind, number: u64) -> Stamp {
        Stamp {
            from: ServerId::from_bytes([7; 16]),
            kind,
            number,
        }
    }

    fn users(n: u8) -> Header {
        Header::Users {
            ids: vec![UserId::from_bytes([n; 16])],
            except: None,
            conversation_id: None,
        }
    }

    fn read_all(bytes: Bytes) -> Option<(Stamp, Vec<Result<Item, String>>)> {
        let (stamp, items) = read(bytes).ok()?;
        let items = items.map(|item| item.map_err(|error| error.to_string()));
        Some((stamp, items.collect()))
    }

    #[test]
    fn what_is_written_is_read() {
        let mut items = Items::default();
        assert!(items.push(&users(1), b"{}"));
        assert!(items.push(&Header::Lost { user_ids: None }, b""));
        let members = Header::Members {
            conversation_id: ConversationId::from_bytes([3; 16]),
            fence: Seq(4),
            part: MembersPart::Without(UserId::from_bytes([5; 16])),
            also: Some(UserId::from_bytes([8; 16])),
            except: Some(ConnectionId::from_bytes([6; 16])),
        };
        assert!(items.push(&members, b"{\"event\":1}"));
        let (read_stamp, read_items) = read_all(items.stamped(stamp(Kind::Items, 42))).unwrap();
        assert_eq!(read_stamp, stamp(Kind::Items, 42));
        let item = |header, frame: &'static [u8]| {
            Ok(Item {
                header,
                frame: frame.into(),
            })
        };
        let expected = [
            item(users(1), b"{}"),
            item(Header::Lost { user_ids: None }, b""),
            item(members, b"{\"event\":1}"),
        ];
        assert_eq!(read_items, expected);
        let heartbeat = Items::default().stamped(stamp(Kind::Heartbeat, 42));
        assert_eq!(read_all(heartbeat), Some((stamp(Kind::Heartbeat, 42), vec![])));
    }

    #[test]
    fn an_item_of_a_newer_version_spoils_no_other() {
        let mut items = Items::default();
        assert!(items.push(&users(1), b"a"));
        let mut bytes = items.stamped(stamp(Kind::Items, 1)).to_vec();
        let unknown = br#"{"to":"somebody_else"}"#;
        bytes.extend((u32::try_from(unknown.len()).unwrap()).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(unknown);
        bytes.push(b'b');
        let (_, read_items) = read_all(bytes.into()).unwrap();
        assert!(read_items[0].is_ok() && read_items[1].is_err(), "{read_items:?}");
    }

    #[test]
    fn a_bundle_stays_within_what_a_bus_carries() {
        let mut items = Items::default();
        let frame = vec![b'x'; MAX_MESSAGE_BYTES / 2];
        assert!(items.push(&users(1), &frame));
        assert!(!items.push(&users(1), &frame));
        assert!(items.stamped(stamp(Kind::Items, 1)).len() <= MAX_MESSAGE_BYTES);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(bytes.into());
        }

        #[test]
        fn a_bundle_that_is_cut_short_is_refused_or_loses_its_last_items(cut in 0_usize..400) {
            let mut items = Items::default();
            for n in 0..3 {
                assert!(items.push(&users(n), b"{\"event\":{}}"));
            }
            let whole = items.stamped(stamp(Kind::Items, 9));
            let cut = cut.min(whole.len());
            if let Some((_, read_items)) = read_all(whole.slice(..cut)) {
                prop_assert!(read_items.iter().all(Result::is_ok));
            }
        }
    }
}
