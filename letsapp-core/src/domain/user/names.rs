//! Usernames, display names, descriptions and email addresses: validated on input, otherwise kept as typed.
//!
//! Whether a username is taken is checked by the store; whether an email address exists is not checked at all.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use crate::domain::text::{TextError, fold, has_control, many_lines, one_line, text_type};

/// Name to sign in with: 3–32 of `a`–`z`, `0`–`9`, `_` and `.`. Upper case is converted to lower case.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::user::Username;
///
/// assert_eq!(Username::parse("Ada.Lovelace")?.as_str(), "ada.lovelace");
/// assert_eq!(Username::parse("al").unwrap_err().code(), "too_short");
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(Box<str>);

impl Username {
    /// Minimum number of characters.
    pub const MIN: usize = 3;
    /// Maximum number of characters.
    pub const MAX: usize = 32;

    /// Parses a username.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it has other characters, too few, or too many.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        let text = text.as_ref();
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
        {
            Err(TextError::Charset {
                allowed: "the letters a to z, digits, `_` and `.`",
            })
        } else if text.len() < Self::MIN {
            Err(TextError::TooShort { min: Self::MIN })
        } else if text.len() > Self::MAX {
            Err(TextError::TooLong { max: Self::MAX })
        } else {
            Ok(Self(text.to_ascii_lowercase().into()))
        }
    }
}

text_type!(Username);

/// Name shown to other users: one line of 1–64 characters, trimmed, at least one of them visible.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::user::DisplayName;
///
/// let name = DisplayName::parse(" Zoë 🦄 ")?;
/// assert_eq!(name.as_str(), "Zoë 🦄");
/// assert!(name.folded().starts_with("zoe"));
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DisplayName(Box<str>);

impl DisplayName {
    /// Maximum number of characters, as a reader counts them (extended grapheme clusters).
    pub const MAX: usize = 64;

    /// Parses a display name.
    ///
    /// # Errors
    ///
    /// [`TextError`] if nothing visible is left after trimming, if it is too long, or if it has control characters or
    /// line breaks.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        one_line(text.as_ref(), Self::MAX).map(|name| Self(name.into()))
    }

    /// Returns the name [folded](fold), for prefix search.
    #[must_use]
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

text_type!(DisplayName);

impl From<&Username> for DisplayName {
    /// Converts a username into the display name of a user who did not choose one.
    fn from(username: &Username) -> Self {
        Self(username.0.clone())
    }
}

/// Short description of a user or a group: up to 500 characters, trimmed, newlines and tabs allowed.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::user::About;
///
/// assert_eq!(About::parse("At the beach 🏖️\nBack on Monday ")?.as_str(), "At the beach 🏖️\nBack on Monday");
/// assert_eq!(About::parse("")?, About::default());
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct About(Box<str>);

impl About {
    /// Maximum number of characters, as a reader counts them (extended grapheme clusters).
    pub const MAX: usize = 500;

    /// Parses a description, which may be empty.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is too long, or has control characters other than newline and tab.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        many_lines(text.as_ref(), Self::MAX).map(|about| Self(about.into()))
    }
}

text_type!(About);

/// Email address, with the domain in lower case and the rest as typed.
///
/// Addresses that differ only in case are equal and share their [`key`](Self::key): no common provider distinguishes
/// them, and people do not always type their address the same way.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::user::Email;
///
/// let email = Email::parse("Ada@Example.ORG")?;
/// assert_eq!(email.as_str(), "Ada@example.org");
/// assert_eq!(email.key(), "ada@example.org");
/// assert!(Email::parse("ada at example.org").is_err());
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Email(Box<str>);

impl Email {
    /// Maximum number of bytes: what a mail server must accept (RFC 5321, with its erratum 1690).
    pub const MAX_BYTES: usize = 254;

    /// Parses an email address.
    ///
    /// Follows the rule for HTML's email fields, but requires a dot in the domain and allows letters of all scripts.
    /// The quoted and commented forms of RFC 5322 are refused.
    ///
    /// # Errors
    ///
    /// [`TextError`] if it is too long or does not look like an address.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, TextError> {
        let text = text.as_ref().trim();
        if text.len() > Self::MAX_BYTES {
            return Err(TextError::TooLarge { max: Self::MAX_BYTES });
        }
        if has_control(text) {
            return Err(TextError::Control);
        }
        match text.rsplit_once('@') {
            Some((local, domain)) if is_local_part(local) && is_domain(domain) => {
                Ok(Self(format!("{local}@{}", domain.to_lowercase()).into()))
            }
            _ => Err(TextError::Malformed {
                expected: "an email address, like name@example.org",
            }),
        }
    }

    /// Returns the address in lower case, by which addresses are compared and kept unique.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

text_type!(Email);

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Email {}

impl Ord for Email {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Email {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Reports whether a text is a valid part before the `@`: atoms separated by dots, at most 64 characters.
fn is_local_part(text: &str) -> bool {
    // The characters that RFC 5322 calls `atext`, beside letters and digits.
    const ATOM: &str = "!#$%&'*+-/=?^_`{|}~";
    (1..=64).contains(&text.len())
        && text
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(|c| c.is_alphanumeric() || ATOM.contains(c)))
}

/// Reports whether a text is a domain name with at least one dot.
fn is_domain(text: &str) -> bool {
    text.contains('.') && text.split('.').all(is_label)
}

/// Reports whether a text is a part of a domain name.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        // Letters of all scripts, since internationalised domain names are accepted as typed.
        && text.chars().all(|c| c.is_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn codes<'t, T>(parse: impl Fn(&'t str) -> Result<T, TextError>, texts: &[&'t str]) -> Vec<&'static str> {
        texts
            .iter()
            .map(|text| parse(text).map_or_else(|error| error.code(), |_| "ok"))
            .collect()
    }

    #[test]
    fn usernames_are_short_plain_and_without_case() {
        let longest = "a".repeat(32);
        let longer = "a".repeat(33);
        assert_eq!(
            codes(Username::parse, &["abc", "A_b.9", "...", &longest, "ab", "", &longer]),
            ["ok", "ok", "ok", "ok", "too_short", "too_short", "too_long"]
        );
        for text in ["a b", "zoë", "a-b", "a@b", "abc\n", " abc", "аbс", "ab\u{200D}c"] {
            assert_eq!(codes(Username::parse, &[text]), ["invalid_character"], "{text:?}");
        }
        assert_eq!(Username::parse("ADA"), Username::parse("ada"));
    }

    #[test]
    fn display_names_are_one_visible_line() {
        let longest = "👨‍👩‍👧‍👦".repeat(40);
        let (fits, over) = ("é".repeat(64), "é".repeat(65));
        let tower = format!("a{}", "\u{301}".repeat(600));
        assert_eq!(
            codes(
                DisplayName::parse,
                &["x", "\u{202B}نور", "李", &fits, &over, &tower, &longest]
            ),
            ["ok", "ok", "ok", "ok", "too_long", "too_long", "ok"]
        );
        for text in ["", "  ", "\u{200B}", "\u{3164}", "\u{2800}\u{FE0F}", "\u{200F}\u{2060}"] {
            assert_eq!(codes(DisplayName::parse, &[text]), ["too_short"], "{text:?}");
        }
        for text in ["a\nb", "a\tb", "a\0", "a\u{85}b", "a\u{2028}b", "\u{7F}x"] {
            assert_eq!(codes(DisplayName::parse, &[text]), ["control_character"], "{text:?}");
        }
    }

    #[test]
    fn a_user_without_a_display_name_is_shown_by_username() {
        let username = Username::parse("Ada").expect("a username");
        assert_eq!(DisplayName::from(&username).as_str(), "ada");
    }

    #[test]
    fn descriptions_have_lines_and_may_be_empty() {
        let (fits, over) = ("ü".repeat(500), "ü".repeat(501));
        assert_eq!(
            codes(About::parse, &["", " \n", "a\n\tb", &fits, &over, "a\r\nb"]),
            ["ok", "ok", "ok", "ok", "too_long", "control_character"]
        );
    }

    #[test]
    fn addresses_look_like_addresses() {
        for text in [
            "a@b.co",
            "a.b+c@d-e.example.org",
            "o'brien@x.org",
            " a@b.co ",
            "用户@例子.公司",
            "ü@müller.de",
            "1@2.3",
        ] {
            assert_eq!(codes(Email::parse, &[text]), ["ok"], "{text:?}");
        }
        for text in [
            "",
            "@",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b c.de",
            "a@b..de",
            "a@.b.de",
            "a@b.de.",
            ".a@b.de",
            "a.@b.de",
            "a..b@c.de",
            "a@b@c.de",
            "a@-b.de",
            "a@b-.de",
            "<a@b.de>",
            "a@[127.0.0.1]",
            "\"a b\"@c.de",
            "a,b@c.de",
        ] {
            assert_eq!(codes(Email::parse, &[text]), ["invalid_format"], "{text:?}");
        }
        let (long_local, long_label) = (format!("{}@b.de", "a".repeat(65)), format!("a@{}.de", "b".repeat(64)));
        let long = format!("a@{}de", "b.".repeat(126));
        assert_eq!(
            codes(Email::parse, &[&long_local, &long_label, &long, "a\0@b.de"]),
            ["invalid_format", "invalid_format", "too_long", "control_character"]
        );
    }

    #[test]
    fn addresses_are_compared_without_case_and_kept_as_typed() {
        let (typed, other) = (Email::parse("Ada@EXAMPLE.org"), Email::parse("aDA@example.ORG"));
        assert_eq!(typed, other);
        assert_eq!(typed.expect("an address").as_str(), "Ada@example.org");
    }

    proptest! {
        #[test]
        fn parsing_again_changes_nothing(text in "\\PC{0,70}") {
            if let Ok(name) = DisplayName::parse(&text) {
                prop_assert_eq!(DisplayName::parse(name.as_str()), Ok(name));
            }
            if let Ok(about) = About::parse(&text) {
                prop_assert_eq!(About::parse(about.as_str()), Ok(about));
            }
        }

        #[test]
        fn an_address_of_plain_parts_is_accepted(text in "[a-zA-Z0-9_+-]{1,20}@([a-z0-9]{1,10}\\.){1,3}[a-z]{2,5}") {
            prop_assert_eq!(Email::parse(&text).map(|email| email.key()), Ok(text.to_lowercase()));
        }
    }
}
