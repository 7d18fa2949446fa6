//! Lists the files of the web client for `src/web/mod.rs` to embed, so that nobody has to keep such a list by hand.
//!
//! Writes two files into `OUT_DIR`: `web_files.rs`, a slice of names and contents, and `index.html`, the client's page with a
//! `modulepreload` link for each module. Without the links the browser would discover the modules one import after the other, each
//! level a round trip later.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const CLIENT: &str = "src/web/client";
const PRELOADS: &str = "<!-- modulepreload links -->";

fn main() -> io::Result<()> {
    // Cargo watches the whole folder, so a new file is embedded by the next build.
    println!("cargo::rerun-if-changed={CLIENT}");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut names = Vec::new();
    collect(Path::new(CLIENT), "", &mut names)?;
    // The order of a folder differs from one file system to the next; builds are to be the same.
    names.sort();
    fs::write(out.join("index.html"), page(&names)?)?;
    fs::write(out.join("web_files.rs"), list(&names))
}

/// Collects the names of the files to serve, relative to the client's folder.
fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .expect("the client's file names are UTF-8");
        if is_ignored(&name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), names)?;
        } else {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// Returns `true` for files that are not part of the client: type declarations, which are for the type checker only, and the
/// hidden files and backups that editors and file managers leave behind.
fn is_ignored(name: &str) -> bool {
    name.ends_with(".d.ts") || name.starts_with('.') || name.ends_with('~')
}

/// Returns the client's page with the links in place of their marker.
fn page(names: &[String]) -> io::Result<String> {
    let source = fs::read_to_string(Path::new(CLIENT).join("index.html"))?;
    assert!(source.contains(PRELOADS), "index.html has no {PRELOADS}");
    let links: Vec<_> = names
        .iter()
        .filter(|name| name.ends_with(".js"))
        .map(|name| format!("<link rel=\"modulepreload\" href=\"/{name}\">"))
        .collect();
    Ok(source.replace(PRELOADS, &links.join("\n    ")))
}

/// Returns a Rust slice of names and contents. The compiler is given the paths; only the contents end up in the binary.
fn list(names: &[String]) -> String {
    let entries: String = names
        .iter()
        .map(|name| {
            let place = if name == "index.html" {
                r#"concat!(env!("OUT_DIR"), "/index.html")"#.to_owned()
            } else {
                format!(r#"concat!(env!("CARGO_MANIFEST_DIR"), "/{CLIENT}/{name}")"#)
            };
            format!("    (\"{name}\", include_bytes!({place})),\n")
        })
        .collect();
    format!("&[\n{entries}]\n")
}
