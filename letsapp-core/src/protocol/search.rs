//! Messages that were found.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::protocol::message::Message;

/// A message that was found, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SearchHit {
    /// The message.
    pub message: Message,
    /// How well it answers: 20 where all words are in the body, 13 where some are only in the names of attachments, and
    /// 10 less where the last one is only the beginning of a word.
    pub score: u8,
    /// What of it answers, the body first; at most 100 stretches.
    pub highlights: Vec<Highlight>,
}

/// A stretch of a text in a message.
///
/// Positions count Unicode code points, which every language can: `Array.from(text).slice(start, end)` in JavaScript,
/// `text[start:end]` in Python, `text.chars().skip(start).take(end - start)` in Rust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Highlight {
    /// Which text: `body`, or as `attachments.0.file_name`, with dots between levels.
    pub field: String,
    /// The first code point of it.
    pub start: usize,
    /// The one behind the last.
    pub end: usize,
}

impl Highlight {
    /// Names stretches of a text, given as byte ranges in order that do not overlap.
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
