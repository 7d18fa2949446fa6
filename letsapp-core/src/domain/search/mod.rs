//! Text analysis for message search, the same for all stores.
//!
//! A body becomes [`index_terms`], which a store indexes as opaque words; a search text becomes a [`Query`], whose
//! terms are compared with them. Since both are computed here, all stores find the same messages, whatever their own
//! tokenizers do with Chinese, ❤ or a minus sign.
//!
//! A message is ranked by one of four [`Score`]s. The number of occurrences of a word does not count, since stores
//! would not agree on it. The analysis knows no language: no stemming, stop words or synonyms.

mod analysis;
mod evaluation;
mod highlight;
mod terms;
#[cfg(test)]
mod tests;
mod text;

use std::ops::{ControlFlow, Range};

use crate::domain::search::analysis::{Kind, tokenize};

pub use evaluation::{Found, Hit, Rank, Scope, Score, Search};
pub use terms::IndexTerms;
pub use text::SearchText;

/// Version of the rules in this module. Raised with every change by which a text gets other terms, so that an index
/// made by older rules is recognised.
pub const ANALYSIS_VERSION: u32 = 1;

/// Token of a text, folded, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Text for comparison: normalised, without case and accents, at most 64 bytes.
    pub text: String,
    /// Byte range in the original text. The ranges of neighbouring ideographs overlap.
    pub range: Range<usize>,
}

/// Splits a text into its tokens, in order of appearance.
///
/// - Letters, digits and their marks form words: compatibility forms, case and accents are folded, everything else
///   separates words. `Don't` becomes `don` and `t`, in the index and in a query.
/// - Scripts written without spaces (Han, kana, Hangul, Thai and others) form overlapping pairs of characters. The last
///   character of a run is also a token, so that each character begins one.
/// - Each emoji is a token, without variation selectors.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::search::analyze;
///
/// let tokens: Vec<_> = analyze("Grüße aus 東京都 ❤️").map(|token| token.text).collect();
/// assert_eq!(tokens, ["grusse", "aus", "東京", "京都", "都", "❤"]);
/// ```
pub fn analyze(text: &str) -> impl Iterator<Item = Token> + use<> {
    let mut tokens = Vec::new();
    let _never = tokenize(text, |_, token, range| {
        tokens.push(Token {
            text: token.to_owned(),
            range,
        });
        ControlFlow::Continue(())
    });
    tokens.into_iter()
}

/// Returns the texts of the tokens.
pub fn tokens(text: &str) -> impl Iterator<Item = String> + use<> {
    analyze(text).map(|token| token.text)
}

/// Encodes a token so that every store's tokenizer takes it as one word: a letter, followed by the hexadecimal digits
/// of its UTF-8 bytes.
///
/// The encoded form of a prefix is a prefix of the encoded form.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::search::encode;
///
/// assert_eq!(encode("hi"), "t6869");
/// assert!(encode("hill").starts_with(&encode("hi")));
/// ```
#[must_use]
pub fn encode(token: &str) -> String {
    let mut encoded = Vec::with_capacity(1 + 2 * token.len());
    push_encoded(&mut encoded, token.as_bytes());
    ascii(encoded)
}

/// Returns the encoded tokens of a text, separated by spaces, in order and with repetitions, for the text index of a
/// store.
///
/// At most 256 KiB; tokens beyond that cannot be found.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::search::index_terms;
///
/// assert_eq!(index_terms("Hi, hi!"), "t6869 t6869");
/// assert_eq!(index_terms("…"), "");
/// ```
#[must_use]
pub fn index_terms(text: &str) -> String {
    if text.is_ascii() && text.len() * 2 + 2 <= MAX_INDEX_BYTES {
        return ascii_index_terms(text.as_bytes());
    }
    let mut terms = Vec::with_capacity((text.len() * 3).min(MAX_INDEX_BYTES));
    let _full = tokenize(text, |_, token, _| {
        if terms.len() + 2 + 2 * token.len() > MAX_INDEX_BYTES {
            return ControlFlow::Break(());
        }
        if !terms.is_empty() {
            terms.push(b' ');
        }
        push_encoded(&mut terms, token.as_bytes());
        ControlFlow::Continue(())
    });
    ascii(terms)
}

/// A search text as terms, all of which must be found. The text has no operators: quotes and minus signs are ordinary
/// punctuation.
///
/// # Examples
///
/// ```
/// use letsapp_core::domain::search::Query;
///
/// let query = Query::parse("Café -olé \"me");
/// let terms: Vec<_> = query.terms().iter().map(|term| (term.text.as_str(), term.prefix)).collect();
/// assert_eq!(terms, [("cafe", false), ("ole", false), ("me", true)]);
/// assert!(Query::parse("?!").is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    terms: Vec<QueryTerm>,
}

/// Term of a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryTerm {
    /// Token, not encoded.
    pub text: String,
    /// Whether the term also matches tokens that begin with it. True for the last word while nothing follows it; for a
    /// single ideograph, since tokens are pairs; and for an emoji, to which a skin tone may be added.
    pub prefix: bool,
}

impl Query {
    /// Maximum number of terms; further terms are ignored. Bounds the cost of a search, since a store looks up each
    /// term.
    pub const MAX_TERMS: usize = 16;

    /// Parses a search text. Never fails: a query without tokens [is empty](Self::is_empty) and finds nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut terms: Vec<QueryTerm> = Vec::new();
        let _full = tokenize(text, |kind, token, range| {
            let prefix = match kind {
                // The pair before it contains the last character already.
                Kind::Tail => return ControlFlow::Continue(()),
                Kind::Single | Kind::Emoji => true,
                Kind::Word | Kind::Pair => range.end == text.len(),
            };
            if let Some(term) = terms.iter_mut().find(|term| term.text == token) {
                // The exact term is the stricter one, and all terms must match.
                term.prefix &= prefix;
            } else if terms.len() == Self::MAX_TERMS {
                return ControlFlow::Break(());
            } else {
                terms.push(QueryTerm {
                    text: token.to_owned(),
                    prefix,
                });
            }
            ControlFlow::Continue(())
        });
        Self { terms }
    }

    /// Returns the terms in the order of the text, without repetitions.
    #[must_use]
    pub fn terms(&self) -> &[QueryTerm] {
        &self.terms
    }

    /// Reports whether there are no terms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

impl QueryTerm {
    /// Returns the term as it is in the index; if it is a prefix, the beginning of such terms.
    #[must_use]
    pub fn encoded(&self) -> String {
        encode(&self.text)
    }

    /// Reports whether the term matches a token of [`analyze`].
    #[must_use]
    pub fn matches(&self, token: &str) -> bool {
        if self.prefix {
            token.starts_with(&self.text)
        } else {
            token == self.text
        }
    }
}

/// Maximum number of bytes of the index terms of a text. The encoding doubles the size, and scripts without spaces have
/// a pair for each character; the bound keeps the index of one message reasonable.
const MAX_INDEX_BYTES: usize = 256 * 1024;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends the encoded form of a token, see [`encode`].
fn push_encoded(out: &mut Vec<u8>, token: &[u8]) {
    out.push(b't');
    out.extend(token.iter().flat_map(|&byte| hex(byte)));
}

/// Returns the hexadecimal digits of a byte.
fn hex(byte: u8) -> [u8; 2] {
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

/// Computes the same as [`tokenize`] and [`push_encoded`] for ASCII text, in one pass: a fast path for most chat
/// messages.
fn ascii_index_terms(text: &[u8]) -> String {
    let mut terms = Vec::with_capacity(text.len() * 2 + 2);
    for word in text
        .split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        if !terms.is_empty() {
            terms.push(b' ');
        }
        terms.push(b't');
        let kept = &word[..word.len().min(analysis::MAX_TOKEN_BYTES)];
        terms.extend(kept.iter().flat_map(|byte| hex(byte.to_ascii_lowercase())));
    }
    ascii(terms)
}

fn ascii(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("only ASCII was pushed")
}
