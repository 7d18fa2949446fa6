//! Links to files: anybody who has one can read the file until it expires, and nothing else.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::id::MediaId;
use crate::domain::key::{Key, Kid};
use crate::domain::media::Variant;
use crate::domain::timestamp::Timestamp;

/// Target of a link, and the time at which it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// File that the link leads to.
    pub media_id: MediaId,
    /// The file itself, or its preview.
    pub variant: Variant,
    /// Time at which the link expires, in whole seconds.
    pub expires_at: Timestamp,
}

/// A link with the signature that proves where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedLink {
    /// Link that was signed.
    pub link: Link,
    /// Id of the key.
    pub kid: Kid,
    /// HMAC-SHA-256 over all of the above.
    pub signature: [u8; 32],
}

impl Link {
    /// Signs the link.
    pub(crate) fn sign(self, key: &Key) -> SignedLink {
        SignedLink {
            signature: self.mac(key).finalize().into_bytes().into(),
            kid: key.kid.clone(),
            link: self,
        }
    }

    fn mac(&self, key: &Key) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.secret).expect("HMAC takes a key of any length");
        // Each part has a fixed length but the last.
        mac.update(b"letsapp media 1");
        mac.update(self.media_id.as_bytes());
        mac.update(&self.expires_at.as_millis().to_be_bytes());
        mac.update(self.variant.as_str().as_bytes());
        mac
    }
}

impl SignedLink {
    /// Reports whether the key has signed this link. Takes the same time for every signature.
    pub(crate) fn is_from(&self, key: &Key) -> bool {
        key.kid == self.kid && self.link.mac(key).verify_slice(&self.signature).is_ok()
    }
}
