//! The one record that describes a store as a whole.

use crate::domain::id::Epoch;
use crate::domain::search::ANALYSIS_VERSION;

/// Description of a store, made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Random id of this history of the data. Replaced when the store is restored from a backup, so that clients know
    /// that what they hold may not be there any more.
    pub epoch: Epoch,
    /// Version of the store's tables or documents, counted from 1 by each store for itself. A store refuses to open data
    /// of a version that is newer than its own.
    pub schema: u32,
    /// [`ANALYSIS_VERSION`] of the program that made the search index: the rules by which its terms were computed.
    pub analysis: u32,
}

impl Meta {
    /// Returns a warning that names both versions, if the search index was made by other rules than this program's.
    pub(crate) fn search_warning(&self) -> Option<String> {
        let Self { analysis, .. } = self;
        (*analysis != ANALYSIS_VERSION).then(|| {
            format!(
                "the search index was made by version {analysis} of the search rules, and this program has version \
                 {ANALYSIS_VERSION}: searches may miss messages that were stored before"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_of_other_rules_is_reported_with_both_versions() {
        let of = |analysis| Meta {
            epoch: Epoch::from_bytes([1; 16]),
            schema: 1,
            analysis,
        };
        assert_eq!(of(ANALYSIS_VERSION).search_warning(), None);
        for other in [ANALYSIS_VERSION - 1, ANALYSIS_VERSION + 1] {
            let warning = of(other).search_warning().expect("the versions differ");
            let named = [
                format!("made by version {other}"),
                format!("has version {ANALYSIS_VERSION}"),
            ];
            assert!(named.iter().all(|version| warning.contains(version)), "{warning}");
        }
    }
}
