//! Parsing of one emoji, as used in reactions.
//!
//! The rule is the grammar of [UTS #51](https://www.unicode.org/reports/tr51/#EBNF_and_Regex) over character
//! properties, not a list of the sequences recommended for interchange (RGI). A list is outdated as soon as a phone is
//! updated, and apps send sequences that are on no list: couples of mixed skin tones before they were recommended,
//! flags of Texas or Quebec. A device without a picture for a well-formed sequence draws its parts, which the sender
//! sees as well. For the same reason, code points that Unicode reserves for future pictographs are accepted. The rule
//! is stricter than the grammar only for what no device draws as an emoji: a digit, `#` or `*` without a keycap, and
//! half a flag.
//!
//! Names, shortcodes and an order of emoji are left to clients.

use std::{
    borrow::Cow,
    cmp::Ordering,
    hash::{Hash, Hasher},
    iter::Peekable,
};

use serde::{Deserialize, Deserializer, de::Error as _};
use unicode_properties::{GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;

use crate::domain::text::{TextError, text_type};

/// Emoji, as sent.
///
/// Spellings that differ only in variation selectors are equal, and share their [`key`](Self::key).
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::emoji::Emoji;
///
/// let heart = Emoji::parse("❤️")?;
/// assert_eq!(heart, Emoji::parse("❤")?);
/// assert_eq!(heart.key(), "❤");
/// assert!(Emoji::parse("👨‍👩‍👧‍👦").is_ok());
/// assert!(Emoji::parse("ok").is_err());
/// # Ok::<(), letsapp_core::domain::text::TextError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Emoji(Box<str>);

impl Emoji {
    /// Maximum number of bytes. The largest recommended sequence takes 41; a bound is needed since the grammar allows
    /// joining any number of emoji.
    pub const MAX_BYTES: usize = 64;

    /// Parses exactly one emoji.
    ///
    /// # Errors
    ///
    /// Returns [`TextError::Malformed`] for anything else.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if text.len() <= Self::MAX_BYTES && is_one_emoji(text) {
            Ok(Self(text.into()))
        } else {
            Err(TextError::Malformed {
                expected: "exactly one emoji",
            })
        }
    }

    /// Returns the emoji without variation selectors, which is the same for all its spellings.
    #[must_use]
    pub fn key(&self) -> Cow<'_, str> {
        if self.0.contains(is_selector) {
            Cow::Owned(self.folded().collect())
        } else {
            Cow::Borrowed(&self.0)
        }
    }

    fn folded(&self) -> impl Iterator<Item = char> {
        self.0.chars().filter(|&c| !is_selector(c))
    }
}

text_type!(Emoji);

impl PartialEq for Emoji {
    fn eq(&self, other: &Self) -> bool {
        self.folded().eq(other.folded())
    }
}

impl Eq for Emoji {}

impl Ord for Emoji {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl PartialOrd for Emoji {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Emoji {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|c| c.hash(state));
    }
}

impl<'de> Deserialize<'de> for Emoji {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Reports whether an emoji can start with this character or consist of it. Excludes ASCII, whose characters need a
/// keycap.
pub(crate) fn is_emoji(c: char) -> bool {
    match c {
        '\0'..='\u{A8}' => false,
        // Reserved by Unicode for future pictographs.
        '\u{1F000}'..='\u{1FAFF}' if c.general_category() == GeneralCategory::Unassigned => true,
        _ => c.is_emoji_char(),
    }
}

/// Reports whether a character distinguishes one emoji from another: no variation selector, no stray accent.
pub(crate) fn is_emoji_part(c: char) -> bool {
    is_emoji(c) || matches!(c, ZWJ | KEYCAP | '\u{E0020}'..=CANCEL_TAG)
}

/// Returns the number of bytes of a keycap at the start of a text: `1️⃣`, or `1⃣` without its selector.
pub(crate) fn keycap_len(text: &str) -> Option<usize> {
    let mut chars = text.chars();
    let _key = chars.next().filter(|c| matches!(c, '0'..='9' | '#' | '*'))?;
    let next = chars.next()?;
    let mark = if is_selector(next) { chars.next()? } else { next };
    (mark == KEYCAP).then(|| text.len() - chars.as_str().len())
}

/// Zero-width joiner, which joins pictographs into one.
const ZWJ: char = '\u{200D}';
/// Combining enclosing keycap.
const KEYCAP: char = '\u{20E3}';
/// End of a tag sequence.
const CANCEL_TAG: char = '\u{E007F}';

/// Reports whether a character is a variation selector: text or picture.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE0E}' | '\u{FE0F}')
}

/// Reports whether a text is exactly one emoji.
fn is_one_emoji(text: &str) -> bool {
    let mut chars = text.chars().filter(|&c| !is_selector(c)).peekable();
    // A single grapheme cluster has all parts joined and each selector behind the character that it selects; the
    // grammar then needs to check only the order of the parts.
    text.graphemes(true).nth(1).is_none() && is_sequence(&mut chars)
}

/// Parses `key keycap | flag | modifier | element (ZWJ element)*`.
fn is_sequence(chars: &mut Peekable<impl Iterator<Item = char>>) -> bool {
    let Some(first) = chars.next() else { return false };
    match first {
        '0'..='9' | '#' | '*' => chars.next() == Some(KEYCAP) && chars.next().is_none(),
        _ if is_regional_indicator(first) => chars.next().is_some_and(is_regional_indicator) && chars.next().is_none(),
        _ if is_modifier(first) => chars.next().is_none(),
        _ => {
            let mut pictograph = Some(first);
            loop {
                if !(pictograph.is_some_and(is_pictograph) && skip_modification(chars)) {
                    return false;
                }
                match chars.next() {
                    None => return true,
                    Some(ZWJ) => pictograph = chars.next(),
                    Some(_) => return false,
                }
            }
        }
    }
}

/// Skips the skin tone or the tags that may follow a pictograph. Returns false if the tag sequence is not terminated.
fn skip_modification(chars: &mut Peekable<impl Iterator<Item = char>>) -> bool {
    if chars.next_if(|&c| is_modifier(c)).is_some() || chars.next_if(|&c| is_tag(c)).is_none() {
        return true;
    }
    while chars.next_if(|&c| is_tag(c)).is_some() {}
    chars.next() == Some(CANCEL_TAG)
}

/// Reports whether a character can be an element of a joined sequence.
fn is_pictograph(c: char) -> bool {
    is_emoji(c) && !is_modifier(c) && !is_regional_indicator(c)
}

/// Reports whether a character is a skin tone.
fn is_modifier(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

/// Reports whether a character is half a flag.
fn is_regional_indicator(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// Reports whether a character is a lower-case letter or digit of a tag sequence, which spells the code of a region.
fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_emoji_is_accepted_and_kept_as_sent() {
        for text in [
            "😀",
            "👍🏽",
            "🏽",
            "❤",
            "❤\u{FE0F}",
            "❤\u{FE0E}",
            "☎",
            "©",
            "™",
            "🇩🇪",
            "🇺🇳",
            "1\u{FE0F}\u{20E3}",
            "#\u{20E3}",
            "🦰",
            "👨‍👩‍👧‍👦",
            "👩🏻‍❤️‍💋‍👨🏿",
            "👩🏻‍❤‍💋‍👨🏿",
            "🏳️‍🌈",
            "🏳‍🌈",
            "🏴‍☠️",
            "🐈‍⬛",
            "🏃🏽‍♀️‍➡️",
            "✌\u{FE0F}🏽",
            "❤️‍🔥",
            // England; Texas, which is on no list of recommended ones.
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            "🏴\u{E0075}\u{E0073}\u{E0074}\u{E0078}\u{E007F}",
            // Well-formed, but on no list of recommended ones.
            "🐧‍🔧",
            // Reserved for pictographs to come, alone and joined.
            "\u{1FAFF}",
            "👩‍\u{1FAFF}",
        ] {
            assert_eq!(Emoji::parse(text).as_ref().map(Emoji::as_str), Ok(text), "{text:?}");
        }
    }

    #[test]
    fn a_text_other_than_one_emoji_is_refused() {
        for text in [
            "",
            " ",
            "a",
            "ok",
            "1",
            "#",
            "*",
            "é",
            "漢",
            "½",
            "😀😀",
            "😀 ",
            " 😀",
            "😀a",
            "🇩",
            "🇩🇪🇫",
            "🇩🇪🇫🇷",
            "\u{FE0F}",
            "\u{FE0F}❤",
            "\u{200D}",
            "😀\u{200D}",
            "\u{200D}😀",
            "😀\u{200D}a",
            "👨\u{200D}\u{200D}👩",
            "1\u{FE0F}",
            "\u{20E3}",
            "a\u{20E3}",
            "12\u{20E3}",
            "😀\u{301}",
            "😀\u{20E3}",
            "👍🏽🏽",
            "🏽\u{200D}👩",
            "🏴\u{E0067}",
            "🏴\u{E007F}",
            "🇩🇪\u{200D}👩",
            "→",
            "♪",
            "\n",
            "\u{0}",
            "🀀",
        ] {
            assert_eq!(
                Emoji::parse(text).map_err(|e| e.code()),
                Err("invalid_format"),
                "{text:?}"
            );
        }
        assert!(Emoji::parse(&["👩"; 9].join("\u{200D}")).is_ok());
        assert!(
            Emoji::parse(&["👩"; 10].join("\u{200D}")).is_err(),
            "longer than any that is drawn"
        );
    }

    #[test]
    fn every_emoji_that_unicode_recommends_is_accepted_in_every_spelling() {
        let mut count = 0;
        for emoji in emojis::iter().flat_map(|e| std::iter::once(e).chain(e.skin_tones().into_iter().flatten())) {
            let sent = Emoji::parse(emoji.as_str()).unwrap_or_else(|error| panic!("{emoji}: {error}"));
            let bare = Emoji::parse(&sent.key()).unwrap_or_else(|error| panic!("{emoji}: {error}"));
            assert_eq!(sent, bare);
            count += 1;
        }
        assert!(count > 3_000, "{count}");
    }

    #[test]
    fn spellings_that_differ_in_selectors_are_one_and_others_are_not() {
        let set: HashSet<_> = ["❤", "❤\u{FE0F}", "❤\u{FE0E}", "🧡", "👍", "👍🏽"]
            .map(|e| Emoji::parse(e).expect(e))
            .into_iter()
            .collect();
        assert_eq!(set.len(), 4);
        assert_eq!(Emoji::parse("1\u{FE0F}\u{20E3}").expect("keycap").key(), "1\u{20E3}");
    }

    #[test]
    fn json_is_the_string_and_is_checked_on_the_way_in() {
        let heart: Emoji = serde_json::from_str("\"\\u2764\\ufe0f\"").expect("an emoji");
        assert_eq!(serde_json::to_string(&heart).expect("a string"), "\"❤\u{FE0F}\"");
        let error = serde_json::from_str::<Emoji>("\"ok\"").expect_err("not an emoji");
        assert!(error.to_string().starts_with("must be exactly one emoji"), "{error}");
    }

    proptest! {
        #[test]
        fn plain_text_is_never_an_emoji(text in "[\\p{L}\\p{P}\\p{N}\\s]{0,4}") {
            prop_assume!(!text.chars().any(is_emoji));
            prop_assert!(Emoji::parse(&text).is_err());
        }

        #[test]
        fn an_accepted_emoji_and_its_key_are_one_cluster(text in "[😀👍❤👩🏽🇩🇪1#\u{200D}\u{FE0F}\u{20E3}]{1,5}") {
            if let Ok(emoji) = Emoji::parse(&text) {
                prop_assert_eq!(text.graphemes(true).count(), 1);
                prop_assert_eq!(Emoji::parse(&emoji.key()), Ok(emoji));
            }
        }
    }
}
