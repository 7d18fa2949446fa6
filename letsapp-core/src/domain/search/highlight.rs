//! Ranges of a text that match a query.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::domain::search::{Query, QueryTerm, Token, analyze, tokens};

impl Query {
    /// Returns the byte ranges of a text that match the query, in order; adjacent and overlapping ranges are joined.
    ///
    /// If only the beginning of a word matches, only that is marked, in whole characters as a reader counts them
    /// (extended grapheme clusters).
    ///
    /// # Examples
    ///
    /// ```
    /// use letsapp_core::domain::search::Query;
    ///
    /// let text = "Grüße aus 東京都";
    /// let marked: Vec<_> = Query::parse("東京 GRU").highlights(text).into_iter().map(|range| &text[range]).collect();
    /// assert_eq!(marked, ["Grü", "東京"]);
    /// ```
    #[must_use]
    pub fn highlights(&self, text: &str) -> Vec<Range<usize>> {
        let mut marked: Vec<Range<usize>> = Vec::new();
        for token in analyze(text) {
            let longest = self
                .terms
                .iter()
                .filter(|term| term.matches(&token.text))
                .map(|term| term.part_of(&token, text))
                .max_by_key(|part| part.end);
            match (longest, marked.last_mut()) {
                (Some(part), Some(last)) if part.start <= last.end => last.end = last.end.max(part.end),
                (Some(part), _) => marked.push(part),
                (None, _) => {}
            }
        }
        marked
    }
}

impl QueryTerm {
    /// Returns the part of a matching token that makes it match.
    fn part_of(&self, token: &Token, text: &str) -> Range<usize> {
        let Range { start, end } = token.range;
        if self.text == token.text {
            return start..end;
        }
        let matches = |beginning: &str| tokens(beginning).next().is_some_and(|token| self.matches(&token));
        start..start + shortest(&text[start..end], matches)
    }
}

/// Returns the end of the shortest beginning that is enough, in whole characters (extended grapheme clusters); the end
/// of the text if none is.
///
/// Searches by bisection, since a longer beginning is enough as well: for the longest body seventeen attempts are
/// sufficient. Trying every beginning would take quadratic time.
pub(super) fn shortest(text: &str, mut is_enough: impl FnMut(&str) -> bool) -> usize {
    let ends = text.grapheme_indices(true).map(|(at, grapheme)| at + grapheme.len());
    let ends: Vec<_> = ends.collect();
    let shortest = ends.partition_point(|end| !is_enough(&text[..*end]));
    ends.get(shortest).copied().unwrap_or(text.len())
}
