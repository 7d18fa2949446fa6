//! Search tokens of a message's document.
//!
//! A token is an index term followed by the place where it occurs. One index over the tokens finds both exact terms and
//! prefixes, and the place is used for the score.

use crate::domain::search::IndexTerms;

/// Suffix of a term in the body.
pub(super) const IN_BODY: &str = ":b";
/// Suffix of a term in an attachment's file name.
pub(super) const IN_NAME: &str = ":n";

/// Returns the tokens of a message, sorted and without duplicates. The place is a suffix rather than a prefix, so that
/// all tokens that begin with a term are neighbours in the index, whatever their place.
pub(super) fn tokens(terms: &IndexTerms) -> Vec<String> {
    let places = [(&terms.body, IN_BODY), (&terms.attachments, IN_NAME)];
    let words = places.into_iter().flat_map(|(terms, place)| {
        let words = terms.split(' ').filter(|word| !word.is_empty());
        words.map(move |word| [word, place].concat())
    });
    let mut tokens: Vec<_> = words.collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}
