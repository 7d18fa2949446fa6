//! What tells a retry of a send from another request with the same id.

use sha2::{Digest, Sha256};

use crate::domain::id::{MediaId, Seq, UserId};
use crate::domain::message::Fingerprint;

/// A send, parsed, with defaults filled in: what a fingerprint is taken of.
pub(crate) struct Fingerprinted<'a> {
    pub(crate) sender_id: UserId,
    pub(crate) body: &'a str,
    pub(crate) reply_to: Option<Seq>,
    pub(crate) forwarded: bool,
    /// Sorted.
    pub(crate) mentions: &'a [UserId],
    pub(crate) attachments: &'a [MediaId],
}

/// The way fingerprints are computed now. What was computed another way can't be compared, and counts as equal if
/// the sender is: better to answer a retry with the first message than to refuse it for an upgrade of ours.
const VERSION: u8 = 1;

impl Fingerprinted<'_> {
    /// Computes the fingerprint: SHA-256 over the fields in order, each of variable length behind its length.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update([VERSION, u8::from(self.forwarded)]);
        hash.update(self.sender_id.as_bytes());
        hash.update(self.reply_to.map_or(0, |seq| seq.0).to_be_bytes());
        hash.update((self.body.len() as u64).to_be_bytes());
        hash.update(self.body.as_bytes());
        hash.update((self.mentions.len() as u64).to_be_bytes());
        for user_id in self.mentions {
            hash.update(user_id.as_bytes());
        }
        for media_id in self.attachments {
            hash.update(media_id.as_bytes());
        }
        Fingerprint {
            version: VERSION,
            hash: hash.finalize().into(),
        }
    }
}

impl Fingerprint {
    /// Tells whether two requests were the same.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.version != other.version || self.hash == other.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Fingerprinted<'static> {
        Fingerprinted {
            sender_id: UserId::from_bytes([1; 16]),
            body: "hi",
            reply_to: None,
            forwarded: false,
            mentions: &[],
            attachments: &[],
        }
    }

    #[test]
    fn every_field_counts() {
        let other = [
            Fingerprinted {
                sender_id: UserId::from_bytes([2; 16]),
                ..base()
            },
            Fingerprinted { body: "hi!", ..base() },
            Fingerprinted {
                reply_to: Some(Seq(1)),
                ..base()
            },
            Fingerprinted {
                forwarded: true,
                ..base()
            },
            Fingerprinted {
                mentions: &[UserId::from_bytes([1; 16])],
                ..base()
            },
            Fingerprinted {
                attachments: &[MediaId::from_bytes([1; 16])],
                ..base()
            },
        ];
        assert!(base().fingerprint().matches(&base().fingerprint()));
        for other in other {
            assert!(!base().fingerprint().matches(&other.fingerprint()));
        }
    }
}
