//! The web client, embedded in the binary: its files as plain data, for whoever routes requests to serve.
//!
//! This module knows no HTTP framework. The files are those of `client/`, byte for byte; there is no build step.

use std::{collections::HashMap, sync::LazyLock};

/// What a page of the client may load and do: its own files and this server, nothing inline, nothing evaluated, and no markup
/// made from text.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// One file of the client.
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

/// Returns the file that the client has at `path` (`/` is its page), if there is one.
pub(crate) fn asset(path: &str) -> Option<Asset> {
    let name = match path.strip_prefix('/').unwrap_or(path) {
        "" => "index.html",
        name => name,
    };
    ASSETS.get(name).copied()
}

/// The names don't change with the content, so a browser keeps a file and asks each time whether it still stands.
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

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("client/", $name)))),*]
    };
}

const FILES: &[(&str, &[u8])] = embedded![
    "account.js",
    "acknowledger.js",
    "activity.js",
    "api.js",
    "backoff.js",
    "body.js",
    "client.js",
    "contacts.js",
    "drafts.js",
    "emoji.js",
    "explain.js",
    "groups.js",
    "history.js",
    "http.js",
    "icons/clear.svg",
    "icons/logo.svg",
    "ids.js",
    "index.html",
    "live.js",
    "locks.js",
    "main.js",
    "manifest.webmanifest",
    "mentions.js",
    "notices.js",
    "outbox.js",
    "people.js",
    "presence.js",
    "route.js",
    "session.js",
    "socket.js",
    "state/conversations.js",
    "state/people.js",
    "state/permissions.js",
    "state/receipts.js",
    "state/reduce.js",
    "state/revs.js",
    "state/timeline.js",
    "store.js",
    "styles/base.css",
    "styles/bubble.css",
    "styles/chat.css",
    "styles/composer.css",
    "styles/controls.css",
    "styles/lists.css",
    "styles/message.css",
    "styles/messenger.css",
    "styles/overlays.css",
    "styles/panels.css",
    "styles/sign-in.css",
    "text.js",
    "typing.js",
    "vendor/LICENSE-htm",
    "vendor/LICENSE-preact",
    "vendor/README.md",
    "vendor/htm-preact.js",
    "views/account-menu.js",
    "views/bindings.js",
    "views/body.js",
    "views/chat-head.js",
    "views/chat-search.js",
    "views/chat.js",
    "views/composer-note.js",
    "views/composer.js",
    "views/contacts.js",
    "views/conversation-item.js",
    "views/conversation-menu.js",
    "views/drawer.js",
    "views/elements.js",
    "views/emoji.js",
    "views/form.js",
    "views/forward.js",
    "views/found-messages.js",
    "views/found.js",
    "views/group-panel.js",
    "views/help.js",
    "views/icons.js",
    "views/member-list.js",
    "views/mention-list.js",
    "views/message-tools.js",
    "views/message.js",
    "views/messenger.js",
    "views/new-group.js",
    "views/panel.js",
    "views/people-search.js",
    "views/person-panel.js",
    "views/popover.js",
    "views/quote.js",
    "views/reactions.js",
    "views/settings/blocked.js",
    "views/settings/delete-account.js",
    "views/settings/devices.js",
    "views/settings/drawer.js",
    "views/settings/password.js",
    "views/settings/privacy.js",
    "views/settings/profile.js",
    "views/shortcuts.js",
    "views/sidebar.js",
    "views/sign-in.js",
    "views/tick.js",
    "views/timeline.js",
    "views/toasts.js",
];

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

/// FNV-1a: enough to tell one version of a file from another, which is all that an `ETag` is for.
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
    fn every_module_is_fetched_ahead_of_its_import() {
        let page = text("/");
        let late: Vec<_> = FILES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| name.ends_with(".js") && !page.contains(&format!("\"/{name}\"")))
            .collect();
        assert_eq!(late, Vec::<&str>::new());
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
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                collect(root, &path, names);
            } else {
                let name = path.strip_prefix(root).expect("it lies in the folder");
                names.insert(name.to_str().expect("it is UTF-8").replace('\\', "/"));
            }
        }
    }
}
