//! Pages of lists, and the sealed cursors from one page to the next.

use std::{fmt, io};

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

/// Maximum size of an answer in bytes, as JSON. An answer has to be in memory as a whole, and a limit on the number of
/// items does not bound it: two hundred long messages are tens of megabytes.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Part of a list, with the position at which the next part begins. Bounded in bytes: the constructors count the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, P> {
    /// Items, in the order of the list.
    pub items: Vec<T>,
    /// Position of the last item, after which the next page begins; `None` on the last page.
    pub next: Option<P>,
    /// Private, so that no other module can make a page without counting its items.
    counted: Counted,
}

/// Proof that the items of a page were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted;

impl<T, P> Page<T, P> {
    /// Returns the page of an empty list.
    pub const fn empty() -> Self {
        Self {
            items: Vec::new(),
            next: None,
            counted: Counted,
        }
    }

    /// Converts the items. They should not become much larger, since the former ones were counted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U, P> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            next: self.next,
            counted: Counted,
        }
    }
}

impl<T: Serialize, P> Page<T, P> {
    /// Returns a page of at most `limit` items, and of fewer if these are more than [`MAX_ANSWER_BYTES`]. The first
    /// item is always in it, whatever its size.
    ///
    /// Items come with their positions, as they are sent. Callers read one item more than `limit`: the extra item shows
    /// that there is a next page, without counting the list.
    ///
    /// ```
    /// # use letsapp_core::domain::page::{Limit, Page};
    /// let page = Page::cut([(7, "ana"), (8, "ben"), (9, "cem")], Limit::new(2).unwrap());
    /// assert_eq!((page.items, page.next), (vec!["ana", "ben"], Some(8)));
    /// ```
    ///
    /// # Panics
    /// Panics if an item cannot be written as JSON, which is a bug in its type.
    pub fn cut(items: impl IntoIterator<Item = (P, T)>, limit: Limit) -> Self {
        Self::collect(items, limit.get())
    }

    /// Returns as many items as [`MAX_ANSWER_BYTES`] allows, for lists that have no limit on their number.
    ///
    /// # Panics
    /// Panics if an item cannot be written as JSON, which is a bug in its type.
    pub fn fit(items: impl IntoIterator<Item = (P, T)>) -> Self {
        Self::collect(items, usize::MAX)
    }

    fn collect(items: impl IntoIterator<Item = (P, T)>, limit: usize) -> Self {
        let mut page = Self::empty();
        let (mut last, mut bytes) = (None, 0);
        for (position, item) in items {
            // One more for the comma.
            bytes += json_bytes(&item) + 1;
            if page.items.len() == limit || (bytes > MAX_ANSWER_BYTES && !page.items.is_empty()) {
                page.next = last;
                break;
            }
            page.items.push(item);
            last = Some(position);
        }
        page
    }
}

impl<T, P> Page<Option<T>, P> {
    /// Leaves out the items that are `None`: those which turned out not to be shown. They still count for the position.
    pub fn flatten(self) -> Page<T, P> {
        Page {
            items: self.items.into_iter().flatten().collect(),
            next: self.next,
            counted: Counted,
        }
    }
}

/// Returns the number of bytes of a value as JSON.
///
/// # Panics
/// Panics if the value cannot be written as JSON, which is a bug in its type.
pub(crate) fn json_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    /// Writer that counts.
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).expect("answers are plain data, and counting never fails");
    count.0
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

    fn numbered<T: Clone>(item: T, count: usize) -> impl Iterator<Item = (usize, T)> {
        (1..=count).map(move |position| (position, item.clone()))
    }

    #[test]
    fn a_page_has_a_next_position_only_if_there_are_more_items() {
        let limit = Limit::new(2).unwrap();
        let page = Page::cut(numbered("x", 3), limit);
        assert_eq!((page.items.len(), page.next), (2, Some(2)));
        let page = Page::cut(numbered("x", 2), limit);
        assert_eq!((page.items.len(), page.next), (2, None));
        let page = Page::cut(numbered("x", 0), limit);
        assert_eq!((page.items.len(), page.next), (0, None));
    }

    #[test]
    fn a_page_of_long_items_ends_before_its_limit() {
        // Control characters take six bytes as JSON, so the size in memory would not do.
        let long = "\u{1}".repeat(MAX_ANSWER_BYTES / 6 / 10);
        let page = Page::cut(numbered(long.clone(), 50), Limit::default());
        assert_eq!(
            (page.items.len(), page.next),
            (9, Some(9)),
            "the quotes leave no room for the tenth"
        );
        assert!(json_bytes(&page.items) <= MAX_ANSWER_BYTES);
        let page = Page::fit(numbered(long, 9));
        assert_eq!((page.items.len(), page.next), (9, None));
    }

    #[test]
    fn every_page_has_an_item_so_that_the_list_goes_on() {
        let huge = "x".repeat(MAX_ANSWER_BYTES + 1);
        let page = Page::cut(numbered(huge, 2), Limit::default());
        assert_eq!((page.items.len(), page.next), (1, Some(1)));
    }

    #[test]
    fn items_that_are_not_shown_count_for_the_position() {
        let items = [(1, None), (2, Some("x")), (3, None), (4, Some("x"))];
        let page = Page::cut(items, Limit::new(3).unwrap()).flatten();
        assert_eq!((page.items, page.next), (vec!["x"], Some(3)));
    }

    #[test]
    fn json_is_counted_to_the_byte() {
        let value = serde_json::json!({"body": "Grüße \u{0} \"👩\"", "seq": 7, "none": null});
        assert_eq!(json_bytes(&value), value.to_string().len());
    }
}
