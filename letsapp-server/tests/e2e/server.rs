//! Configurations of the server binary under test.

use std::path::Path;

use letsapp_testkit::free_port;
use letsapp_testkit::server::Binary;

/// Returns the binary without any settings.
pub(crate) fn bare() -> Binary {
    Binary::new(env!("CARGO_BIN_EXE_letsapp-server"))
}

/// Returns the binary on free ports, with its keys and files in `directory` and without rate limits.
pub(crate) fn in_directory(directory: &Path) -> Binary {
    bare()
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--limits", "off"])
        .current_dir(directory)
}

/// Like [`in_directory`], but on the same address after each restart, so that clients can reconnect.
pub(crate) fn at_one_address(directory: &Path) -> Binary {
    bare()
        .args(["--listen", &format!("127.0.0.1:{}", free_port())])
        .args(["--admin-listen", "127.0.0.1:0"])
        .args(["--limits", "off"])
        .current_dir(directory)
}
