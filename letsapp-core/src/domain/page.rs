//! Pages of lists, and the sealed cursors from one page to the next.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// Maximum number of items in a page: 1 to [`Limit::MAX`], 50 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// Maximum that a client can ask for. Bounds the work and the memory of one request.
    pub const MAX: usize = 200;

    /// Returns the limit; `None` unless it is 1 to [`Limit::MAX`].
    pub const fn new(limit: usize) -> Option<Self> {
        if limit >= 1 && limit <= Self::MAX {
            Some(Self(limit))
        } else {
            None
        }
    }

    /// Returns the number of items.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// Part of a list, with the position at which the next part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, P> {
    /// Items, in the order of the list.
    pub items: Vec<T>,
    /// Position of the last item, after which the next page begins; `None` on the last page.
    pub next: Option<P>,
}

impl<T, P> Page<T, P> {
    /// Returns a page of at most `limit` items. Callers read one item more than `limit`: the extra item shows that
    /// there is a next page, without counting the list.
    pub fn cut(mut items: Vec<T>, limit: Limit, position: impl FnOnce(&T) -> P) -> Self {
        let more = items.len() > limit.get();
        items.truncate(limit.get());
        let next = if more { items.last().map(position) } else { None };
        Self { items, next }
    }

    /// Converts the items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U, P> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            next: self.next,
        }
    }
}

/// Key that seals positions in lists into opaque cursors and opens them again.
///
/// A cursor carries a message authentication code, so that clients can neither forge one nor use it for another list.
/// The position in it is encoded, not encrypted.
///
/// ```
/// # use letsapp_core::domain::page::CursorKey;
/// let key = CursorKey::new([7; 32]);
/// let cursor = key.seal("users", &"ana");
/// assert_eq!(key.open::<String>("users", &cursor).unwrap(), "ana");
/// assert!(key.open::<String>("messages", &cursor).is_err(), "a cursor belongs to its list");
/// ```
#[derive(Clone)]
pub struct CursorKey {
    secret: [u8; 32],
    /// Secrets of former keys, whose cursors are still opened.
    former: Vec<[u8; 32]>,
}

/// Error for a cursor that was not sealed by this key for this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor was not made by this server for this list")]
pub struct InvalidCursor;

/// Number of bytes of the message authentication code in a cursor: half of SHA-256's, as RFC 2104 (section 5) allows,
/// to keep cursors short.
const TAG_BYTES: usize = 16;

impl CursorKey {
    /// Returns the key with these 32 secret bytes.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            former: Vec::new(),
        }
    }

    /// Returns the key with the secrets of former keys, whose cursors it opens as well, so that a rotation does not break
    /// lists that are being read.
    #[must_use]
    pub fn also_opening(mut self, former: impl IntoIterator<Item = [u8; 32]>) -> Self {
        self.former.extend(former);
        self
    }

    /// Seals a position in the list named `list`.
    ///
    /// # Panics
    /// Panics if the position cannot be written as JSON, which is a bug in its type.
    pub fn seal<P: Serialize + ?Sized>(&self, list: &str, position: &P) -> String {
        let payload = serde_json::to_vec(position).expect("positions are plain data");
        let mut bytes = mac(&self.secret, list, &payload).finalize().into_bytes()[..TAG_BYTES].to_vec();
        bytes.extend_from_slice(&payload);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Opens a cursor of the list named `list`.
    ///
    /// # Errors
    /// [`InvalidCursor`] when it was not sealed by this key for this list.
    pub fn open<P: DeserializeOwned>(&self, list: &str, cursor: &str) -> Result<P, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (tag, payload) = bytes.split_at_checked(TAG_BYTES).ok_or(InvalidCursor)?;
        // Compares in constant time.
        let made_with = |secret| mac(secret, list, payload).verify_truncated_left(tag).is_ok();
        if ![&self.secret].into_iter().chain(&self.former).any(made_with) {
            return Err(InvalidCursor);
        }
        serde_json::from_slice(payload).map_err(|_| InvalidCursor)
    }
}

fn mac(secret: &[u8; 32], list: &str, payload: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(list.as_bytes());
    // Separates the name from the payload, so that no other name and payload have the same bytes.
    mac.update(&[0]);
    mac.update(payload);
    mac
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tampered_cursor_is_refused() {
        let key = CursorKey::new([1; 32]);
        let cursor = key.seal("list", &42u64);
        for i in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            assert!(key.open::<u64>("list", &forged).is_err(), "altered at {i}");
        }
        assert!(CursorKey::new([2; 32]).open::<u64>("list", &cursor).is_err());
        assert_eq!(key.open::<u64>("list", &cursor), Ok(42));
    }

    #[test]
    fn a_page_has_a_next_position_only_if_there_are_more_items() {
        let limit = Limit::new(2).unwrap();
        assert_eq!(
            Page::cut(vec![1, 2, 3], limit, |n| *n),
            Page {
                items: vec![1, 2],
                next: Some(2)
            }
        );
        assert_eq!(
            Page::cut(vec![1, 2], limit, |n| *n),
            Page {
                items: vec![1, 2],
                next: None
            }
        );
    }
}
