//! Results of a message search on the wire.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::protocol::message::Message;

/// A page of the messages that a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchResults {
    /// Hits, the best first.
    pub items: Vec<SearchHit>,
    /// Value of the parameter `cursor` for the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Whether not everything could be looked at in time, so that hits may be missing; omitted if nothing is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// A message that was found, with the matching parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchHit {
    /// Message in its current state.
    pub message: Message,
    /// Score: 20 if all words are in the body, 13 if some are only in the names of attachments; 10 less if the last
    /// word matches only the beginning of a word.
    pub score: u8,
    /// Matching parts, those in the body first; at most 100.
    pub highlights: Vec<Highlight>,
}

/// A matching part of a text in a message.
///
/// Positions count Unicode code points, which all languages can do: `Array.from(text).slice(start, end)` in JavaScript,
/// `text[start:end]` in Python, `text.chars().skip(start).take(end - start)` in Rust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Highlight {
    /// Name of the text, with dots between levels: `body`, or for example `attachments.0.file_name`.
    pub field: String,
    /// Position of the first code point.
    pub start: usize,
    /// Position after the last code point.
    pub end: usize,
}

impl Highlight {
    /// Converts byte ranges of a text, which must be in order and must not overlap.
    pub(crate) fn of(field: String, text: &str, ranges: Vec<Range<usize>>) -> impl Iterator<Item = Self> {
        let (mut byte, mut point) = (0, 0);
        let mut points_to = move |to: usize| {
            point += text[byte..to].chars().count();
            byte = to;
            point
        };
        ranges.into_iter().map(move |range| Self {
            field: field.clone(),
            start: points_to(range.start),
            end: points_to(range.end),
        })
    }
}
