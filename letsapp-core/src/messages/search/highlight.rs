//! Where in a text a query is found.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::{Query, QueryTerm, Token, analyze, tokens};

impl Query {
    /// Returns the stretches of a text that answer the query, as byte ranges in order; those that touch are one.
    ///
    /// Of a word of which only the beginning is asked for, only the beginning is marked, in whole characters as a person
    /// counts them.
    ///
    /// # Examples
    ///
    /// ```
    /// use letsapp_core::messages::search::Query;
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
    /// Returns the part of a token, which matches, that makes it match.
    fn part_of(&self, token: &Token, text: &str) -> Range<usize> {
        let Range { start, end } = token.range;
        if self.text == token.text {
            return start..end;
        }
        let written = &text[start..end];
        let ends = written.grapheme_indices(true).map(|(at, grapheme)| at + grapheme.len());
        let enough = |end: &usize| {
            tokens(&written[..*end])
                .next()
                .is_some_and(|token| self.matches(&token))
        };
        start..start + ends.into_iter().find(enough).unwrap_or(written.len())
    }
}
