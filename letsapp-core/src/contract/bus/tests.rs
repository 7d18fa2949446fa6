//! Tests of the suite itself.

use std::fs;
use std::path::Path;

use super::suite::NAMES;

#[test]
fn every_case_that_is_written_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/contract/bus");
    for (file, listed) in NAMES {
        let source = fs::read_to_string(folder.join(format!("{file}.rs"))).expect("each list is named after its file");
        let written = source.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("pub async fn ")?.split_once('(')?;
            Some(name)
        });
        assert_eq!(written.collect::<Vec<_>>(), *listed, "the cases of {file}.rs, in order");
    }
}
