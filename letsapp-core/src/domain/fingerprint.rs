//! Fingerprints of sent messages, which distinguish a retry from a different request with the same id.

use sha2::{Digest, Sha256};

use crate::domain::id::{MediaId, Seq, UserId};
use crate::domain::message::Fingerprint;

/// Fields of a parsed request to send a message, with defaults filled in, over which a fingerprint is computed.
pub(crate) struct Fingerprinted<'a> {
    pub(crate) sender_id: UserId,
    pub(crate) body: &'a str,
    pub(crate) reply_to: Option<Seq>,
    pub(crate) forwarded: bool,
    /// Mentioned users, sorted by id: their order in the request does not matter.
    pub(crate) mentions: &'a [UserId],
    pub(crate) attachments: &'a [MediaId],
}

/// Current version of the algorithm. Fingerprints of different versions cannot be compared and count as equal: it is
/// better to answer a retry with the first message than to refuse it because the server was upgraded in between.
const VERSION: u8 = 1;

impl Fingerprinted<'_> {
    /// Computes the fingerprint: SHA-256 over the fields in order, with each field of variable length preceded by its
    /// length, except for the last.
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
    /// Reports whether two requests are the same, as far as their fingerprints can be compared.
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
