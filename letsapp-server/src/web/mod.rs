//! The web client's files, embedded in the binary, with the headers to serve them with.
//!
//! `build.rs` lists the files of `client/`. They are served byte for byte; only the page gets links that preload the modules.
//! This module knows no HTTP framework: the routes are in `api/web_client.rs`.

use std::{collections::HashMap, sync::LazyLock};

/// Returns the value of `Content-Security-Policy` for every file. A page of the client may load its own files and talk to this
/// server; it may run nothing inline, evaluate nothing, and make no markup from text. It shows pictures, sound and videos of this
/// server, and of the origin `files_at` where a bucket serves them; it never fetches those itself.
pub(crate) fn content_security_policy(files_at: Option<&str>) -> String {
    let bucket = files_at.map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:{bucket}; \
         media-src 'self' blob:{bucket}; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// A file of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset {
    /// The file's bytes.
    pub(crate) body: &'static [u8],
    /// The value of `Content-Type`.
    pub(crate) content_type: &'static str,
    /// The value of `ETag`, quotes included.
    pub(crate) etag: &'static str,
    /// The value of `Cache-Control`.
    pub(crate) cache_control: &'static str,
}

/// Returns the client's file at `path`, if there is one. `/` is the page.
pub(crate) fn asset(path: &str) -> Option<Asset> {
    let name = match path.strip_prefix('/').unwrap_or(path) {
        "" => "index.html",
        name => name,
    };
    ASSETS.get(name).copied()
}

/// Lets a browser keep a file, but makes it ask each time whether the file has changed: the name of a changed file is the same.
const REVALIDATED: &str = "no-cache";

static ASSETS: LazyLock<HashMap<&'static str, Asset>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|&(name, body)| {
            let asset = Asset {
                body,
                content_type: content_type(name),
                etag: String::leak(format!("\"{:016x}\"", fingerprint(body))),
                cache_control: REVALIDATED,
            };
            (name, asset)
        })
        .collect()
});

/// Name and content of each file, the page with its links included.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/web_files.rs"));

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}

/// Returns the FNV-1a hash of a file. An `ETag` only has to tell one version of a file from another; nobody gains by a collision.
fn fingerprint(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_of_the_client_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/client");
        let mut on_disk = BTreeSet::new();
        collect(&root, &root, &mut on_disk);
        let embedded: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(embedded, on_disk);
    }

    #[test]
    fn the_page_loads_nothing_that_is_missing() {
        let page = text("/");
        let addresses = page.split('"').filter(|part| part.starts_with('/'));
        let missing: Vec<_> = addresses.filter(|address| asset(address).is_none()).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn every_module_is_preloaded() {
        let page = text("/");
        let late: Vec<_> = FILES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| name.ends_with(".js") && !page.contains(&format!("\"/{name}\"")))
            .collect();
        assert_eq!(late, Vec::<&str>::new());
    }

    #[test]
    fn the_page_loads_every_style_sheet() {
        let page = text("/");
        let unused: Vec<_> = FILES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| name.ends_with(".css") && !page.contains(&format!("\"/{name}\"")))
            .collect();
        assert_eq!(unused, Vec::<&str>::new());
    }

    #[test]
    fn type_declarations_are_not_served() {
        assert_eq!(asset("/vendor/htm-preact.d.ts"), None);
        assert!(asset("/vendor/htm-preact.js").is_some());
    }

    #[test]
    fn the_page_has_nothing_that_its_policy_forbids() {
        let page = text("/");
        let lines_with_code = page
            .lines()
            .filter(|line| line.contains("<script") && !line.contains(" src="));
        assert_eq!(lines_with_code.count(), 0);
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onload="));
    }

    #[test]
    fn a_bucket_may_show_files_and_nothing_else() {
        let (own, with_bucket) = (
            content_security_policy(None),
            content_security_policy(Some("https://b.example")),
        );
        let named: Vec<_> = with_bucket
            .split("; ")
            .filter(|part| part.contains("b.example"))
            .collect();
        assert_eq!(
            named,
            [
                "img-src 'self' data: blob: https://b.example",
                "media-src 'self' blob: https://b.example"
            ]
        );
        assert_eq!(with_bucket.replace(" https://b.example", ""), own);
    }

    #[test]
    fn an_unknown_path_has_no_asset() {
        assert_eq!(asset("/nothing.js"), None);
        assert_eq!(asset("/../mod.rs"), None);
    }

    #[test]
    fn different_files_have_different_etags() {
        let etags: BTreeSet<_> = ASSETS.values().map(|asset| asset.etag).collect();
        assert_eq!(etags.len(), FILES.len());
        assert_eq!(asset("/"), asset("/index.html"));
    }

    fn text(path: &str) -> &'static str {
        std::str::from_utf8(asset(path).expect("it is embedded").body).expect("it is UTF-8")
    }

    fn collect(root: &Path, folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let entry = entry.expect("the entry can be read");
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_str().expect("it is UTF-8");
            if name.starts_with('.') || name.ends_with('~') || name.ends_with(".d.ts") {
                continue;
            }
            if path.is_dir() {
                collect(root, &path, names);
            } else {
                let name = path.strip_prefix(root).expect("it lies in the folder");
                names.insert(name.to_str().expect("it is UTF-8").replace('\\', "/"));
            }
        }
    }
}
