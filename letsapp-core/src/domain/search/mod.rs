//! From text to search terms: the one analysis for all stores.
//!
//! A body becomes [`index_terms`], which a store indexes without looking into them; what someone types becomes a
//! [`Query`], whose terms are compared with those. Because both sides come from here, every store finds the same
//! messages, whatever its own tokenizer thinks of Chinese, of ❤, or of a minus sign.
//!
//! How well a message answers is a [`Score`], of which there are four: no store counts how often a word is there, so all
//! of them rank alike. Nothing here knows a language: no stemming, no stop words, no synonyms.

mod analysis;
mod evaluation;
mod highlight;
mod terms;
#[cfg(test)]
mod tests;
mod text;

use std::ops::{ControlFlow, Range};

use crate::domain::search::analysis::{Kind, tokenize};

pub use evaluation::{Hit, Rank, Scope, Score, Search};
pub use terms::IndexTerms;
pub use text::SearchText;

/// One token of a text, folded, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What is compared: normalised, without case and accents, at most 64 bytes.
    pub text: String,
    /// The bytes of the original text that it stands for. Those of neighbouring ideographs overlap.
    pub range: Range<usize>,
}

/// Takes a text apart into its tokens, in order of appearance.
///
/// - Letters, digits and their marks make words: compatibility forms, case and accents are folded, everything else
///   separates. `Don't` is `don` and `t`, on either side of a search.
/// - Scripts written without spaces (Han, kana, Hangul, Thai and others) make overlapping pairs of characters; the last
///   character of a run stands alone too, so that each one begins a token.
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

/// The texts of the tokens alone.
pub fn tokens(text: &str) -> impl Iterator<Item = String> + use<> {
    analyze(text).map(|token| token.text)
}

/// Encodes a token so that no store's tokenizer finds anything in it: a letter, and the hexadecimal digits of its UTF-8.
///
/// A prefix stays a prefix.
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

/// The encoded tokens of a text, separated by blanks, in order of appearance and as often as they appear: what a store
/// puts into its text index.
///
/// Never longer than 256 KiB; what does not fit is not found.
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

/// What someone looks for: every term must be there. All of it is data, nothing in it is an operator.
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

/// One term of a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryTerm {
    /// The token, not encoded.
    pub text: String,
    /// Whether tokens that only begin with it are meant too: the last word, when nothing follows it yet; a single
    /// ideograph, since tokens are pairs of them; an emoji, to which a skin tone may be added.
    pub prefix: bool,
}

impl Query {
    /// How many terms are looked at; what follows is ignored.
    pub const MAX_TERMS: usize = 16;

    /// Reads what was typed. Never fails: a query without tokens [is empty](Self::is_empty) and finds nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut terms: Vec<QueryTerm> = Vec::new();
        let _full = tokenize(text, |kind, token, range| {
            let prefix = match kind {
                Kind::Tail => return ControlFlow::Continue(()),
                Kind::Single | Kind::Emoji => true,
                Kind::Word | Kind::Pair => range.end == text.len(),
            };
            if let Some(term) = terms.iter_mut().find(|term| term.text == token) {
                // The exact term says more than the prefix.
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

    /// The terms, in the order typed, each once.
    #[must_use]
    pub fn terms(&self) -> &[QueryTerm] {
        &self.terms
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

impl QueryTerm {
    /// The term as it stands in the index, or the beginning of it if it is a prefix.
    #[must_use]
    pub fn encoded(&self) -> String {
        encode(&self.text)
    }

    /// Whether a token of [`analyze`] is what this term means.
    #[must_use]
    pub fn matches(&self, token: &str) -> bool {
        if self.prefix {
            token.starts_with(&self.text)
        } else {
            token == self.text
        }
    }
}

const MAX_INDEX_BYTES: usize = 256 * 1024;

const HEX: &[u8; 16] = b"0123456789abcdef";

fn push_encoded(out: &mut Vec<u8>, token: &[u8]) {
    out.push(b't');
    out.extend(token.iter().flat_map(|&byte| hex(byte)));
}

fn hex(byte: u8) -> [u8; 2] {
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

/// What [`tokenize`] and [`push_encoded`] make of ASCII, in one pass: most chat lines are.
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
