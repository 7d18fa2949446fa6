//! The first word of each paragraph of documentation: the thing itself or a verb, never a question word or a pronoun.
//!
//! "What somebody wants" has to be read twice; "A request to change a group" does not.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Words that no documentation begins with.
const REFUSED: &[&str] = &[
    "What",
    "Who",
    "Whom",
    "Whose",
    "Which",
    "Where",
    "When",
    "Why",
    "How",
    "Whoever",
    "Whatever",
    "Wherever",
    "It",
    "Its",
    "They",
    "Their",
    "Them",
    "He",
    "She",
    "We",
    "You",
    "That",
    "This",
    "These",
    "Those",
    "There",
    "One",
    "One's",
    "Somebody",
    "Someone",
    "Nobody",
    "Anybody",
    "Everybody",
];

#[test]
fn documentation_begins_with_the_thing_or_a_verb() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for member in [
        "letsapp-core",
        "letsapp-server",
        "letsapp-cli",
        "testkit",
        "examples",
        "benches",
    ] {
        collect(&workspace.join(member), &mut files);
    }
    assert!(files.len() > 100, "the sources were not found");
    let mut refused = String::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("the file can be read");
        for (line, sentence) in refused_openings(&text) {
            let file = file.strip_prefix(&workspace).expect("the file lies in the workspace");
            writeln!(refused, "{}:{line}: {sentence}", file.display()).expect("a string takes anything");
        }
    }
    assert!(
        refused.is_empty(),
        "documentation that begins with a question word or a pronoun:\n{refused}"
    );
}

#[test]
fn openings_are_found_in_headers_and_documentation_alone() {
    let text = [
        "//! What is here.",
        "//! Who reads it.",
        "",
        "/// A user.",
        "///",
        "/// How it works.",
        "struct User;",
        "// It is a comment.",
        "    /// Which one.",
        "    id: u8,",
        "/// Whether it is whole.",
        "fn f() { let text = \"/// What\"; }",
    ]
    .join("\n");
    let found: Vec<_> = refused_openings(&text).collect();
    assert_eq!(found, [(1, "What is here."), (6, "How it works."), (9, "Which one.")]);
}

/// Returns the number and the text of each line that begins a paragraph of documentation with a refused word.
fn refused_openings(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let before = std::iter::once("").chain(text.lines());
    let lines = text.lines().zip(before).enumerate();
    lines.filter_map(|(place, (line, before))| {
        let begins = documentation(before).is_none_or(str::is_empty);
        let sentence = documentation(line).filter(|_| begins)?;
        let word = sentence.split([' ', ',', ':', '.', ';']).next()?;
        REFUSED.contains(&word).then_some((place + 1, sentence))
    })
}

/// Returns the text of a line of documentation.
fn documentation(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"))?;
    (!text.starts_with('/')).then(|| text.trim())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && name != "node_modules" {
            collect(&path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}
