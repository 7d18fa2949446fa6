//! How index terms stand in a message's document, so that one index answers what begins with a term and where it is.

use crate::domain::search::IndexTerms;

/// What stands behind a term of the body.
pub(super) const IN_BODY: &str = ":b";
/// What stands behind a term of an attachment's name.
pub(super) const IN_NAME: &str = ":n";

/// Writes index terms, each once, with where it is behind it: so what begins with a term lies side by side in the index,
/// wherever in a message it is.
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
