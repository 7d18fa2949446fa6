//! The code map in `ARCHITECTURE.md`: each source file has an entry, and each file that the document names exists.
//!
//! A heading of the map is a folder, such as `letsapp-core/src/domain`. The first cell of each row below it has the
//! paths of one or more entries, relative to that folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders whose sources have entries. Tests need none.
const MAPPED: [&str; 6] = [
    "letsapp-core/src/",
    "letsapp-server/src/",
    "letsapp-cli/src/",
    "testkit/src/",
    "benches/",
    "examples/",
];

/// Extensions of sources.
const SOURCES: [&str; 3] = ["js", "rs", "sql"];

/// Extensions of further files that the document may name.
const OTHERS: [&str; 4] = ["css", "html", "md", "ts"];

#[test]
fn every_source_has_an_entry_in_the_code_map() {
    let entries = entries(&document());
    let paths = workspace_paths();
    let sources: Vec<_> = paths.iter().filter(|path| is_mapped_source(path)).collect();
    assert!(sources.len() > 300, "the sources were not found");
    let missing: Vec<_> = sources.into_iter().filter(|path| !entries.contains(*path)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md has no entry for {missing:#?}");
}

#[test]
fn every_entry_of_the_code_map_exists() {
    let gone: Vec<_> = entries(&document()).difference(&workspace_paths()).cloned().collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md has entries for {gone:#?}");
}

#[test]
fn every_path_in_the_text_is_the_end_of_an_existing_one() {
    let document = document();
    let paths = workspace_paths();
    let gone: Vec<_> = words_of_code(&document)
        .filter(|word| is_path(word))
        .filter(|word| !paths.iter().any(|path| is_end(word, path)))
        .collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names {gone:#?}");
}

#[test]
fn entries_are_the_first_cells_below_the_heading_of_a_folder() {
    let document = [
        "## Code map",
        "| `before.rs` | a row below no folder |",
        "### `a/src`",
        "| file | contents |",
        "|---|---|",
        "| `x.rs`, `y/z.rs` | two files, like `other.rs` |",
        "### Questions",
        "| `after.rs` | a row below no folder |",
    ]
    .join("\n");
    let expected = ["a/src/", "a/src/x.rs", "a/src/y/z.rs"].map(str::to_owned);
    assert_eq!(entries(&document), BTreeSet::from(expected));
}

#[test]
fn paths_are_words_of_code_that_end_like_files_or_folders() {
    let document = "`a/b.rs` c.rs `d/`\n```\n`e.rs`\n```\n`/docs.md` `NAME.rs` `f(x)` `g.toml`";
    let paths: Vec<_> = words_of_code(document).filter(|word| is_path(word)).collect();
    assert_eq!(paths, ["a/b.rs", "d/"]);
    assert!(is_end("b.rs", "a/b.rs") && is_end("b/", "a/b/") && is_end("a/b.rs", "a/b.rs"));
    assert!(!is_end("b.rs", "a/bb.rs"));
}

/// Returns the paths of the entries of the map, and those of the folders in its headings, relative to the workspace.
fn entries(document: &str) -> BTreeSet<String> {
    let mut entries = BTreeSet::new();
    let mut folder = None;
    for line in document.lines() {
        if line.starts_with('#') {
            folder = line.strip_prefix("### ").and_then(|heading| spans(heading).next());
            entries.extend(folder.map(|folder| format!("{folder}/")));
        } else if let (Some(folder), Some(row)) = (folder, line.strip_prefix("| ")) {
            let cell = row.split(" | ").next().unwrap_or_default();
            entries.extend(spans(cell).map(|path| format!("{folder}/{path}")));
        }
    }
    entries
}

/// Returns all words of code in the text, without the code blocks.
fn words_of_code(document: &str) -> impl Iterator<Item = &str> {
    document.split("```").step_by(2).flat_map(str::lines).flat_map(spans)
}

/// Returns the words of code in a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Reports whether a word of code is a path in this repository: no address of the server, and without a placeholder.
fn is_path(word: &str) -> bool {
    let is_file = has_extension(word, &SOURCES) || has_extension(word, &OTHERS);
    (is_file || word.ends_with('/')) && !word.starts_with('/') && !word.contains("NAME")
}

/// Reports whether a path ends with these components.
fn is_end(end: &str, path: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|start| start.is_empty() || start.ends_with('/'))
}

fn is_mapped_source(path: &str) -> bool {
    let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
    MAPPED.iter().any(|folder| path.starts_with(folder)) && has_extension(path, &SOURCES) && !is_test
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| extensions.contains(&extension))
}

fn document() -> String {
    fs::read_to_string(workspace().join("ARCHITECTURE.md")).expect("the document can be read")
}

/// Returns the paths of all files and folders, relative to the workspace. Those of folders end with a slash.
fn workspace_paths() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect(&workspace(), "", &mut paths);
    paths
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn collect(folder: &Path, prefix: &str, paths: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.is_empty() || name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            let inside = format!("{prefix}{name}/");
            collect(&path, &inside, paths);
            paths.insert(inside);
        } else {
            paths.insert(format!("{prefix}{name}"));
        }
    }
}
