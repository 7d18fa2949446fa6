//! Pages of lists, and the sealed cursors that lead from one to the next.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

/// How many items a page may hold: 1 to [`Limit::MAX`], and [`Limit::default`] where nobody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// The most that one page holds.
    pub const MAX: usize = 200;

    /// Checks a limit; `None` unless it is 1 to [`Limit::MAX`].
    pub const fn new(limit: usize) -> Option<Self> {
        if limit >= 1 && limit <= Self::MAX {
            Some(Self(limit))
        } else {
            None
        }
    }

    /// Returns the number.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

/// A part of a list, and where the next part begins, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, P> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// The position after the last item; `None` on the last page.
    pub next: Option<P>,
}

impl<T, P> Page<T, P> {
    /// Makes a page of at most `limit` from items of which one more than that was asked for: the surplus one tells
    /// that there is a next page.
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

/// Seals positions into opaque text and opens them again, so that a client can neither read nor make one.
///
/// ```
/// # use letsapp_core::domain::page::CursorKey;
/// let key = CursorKey::new([7; 32]);
/// let cursor = key.seal("users", &"ana");
/// assert_eq!(key.open::<String>("users", &cursor).unwrap(), "ana");
/// assert!(key.open::<String>("messages", &cursor).is_err(), "a cursor belongs to its list");
/// ```
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

/// A cursor that this key did not make for this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor was not made by this server for this list")]
pub struct InvalidCursor;

/// Bytes of the authentication code that a cursor carries: half of SHA-256, as RFC 2104 (section 5) allows.
const TAG: usize = 16;

impl CursorKey {
    /// Makes the key from 32 secret bytes.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Seals a position in the list called `list`.
    ///
    /// # Panics
    /// If the position can't be written as JSON, which is a fault of its type.
    pub fn seal<P: Serialize + ?Sized>(&self, list: &str, position: &P) -> String {
        let payload = serde_json::to_vec(position).expect("positions are plain data");
        let mut bytes = self.mac(list, &payload).finalize().into_bytes()[..TAG].to_vec();
        bytes.extend_from_slice(&payload);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Opens a cursor of the list called `list`.
    ///
    /// # Errors
    /// [`InvalidCursor`] when it was not sealed by this key for this list.
    pub fn open<P: DeserializeOwned>(&self, list: &str, cursor: &str) -> Result<P, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (tag, payload) = bytes.split_at_checked(TAG).ok_or(InvalidCursor)?;
        self.mac(list, payload)
            .verify_truncated_left(tag)
            .map_err(|_| InvalidCursor)?;
        serde_json::from_slice(payload).map_err(|_| InvalidCursor)
    }

    fn mac(&self, list: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(list.as_bytes());
        mac.update(&[0]);
        mac.update(payload);
        mac
    }
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
    fn a_page_ends_where_nothing_is_left_over() {
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
