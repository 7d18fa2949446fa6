//! The server under test.

use std::path::Path;

use letsapp_testkit::free_port;
use letsapp_testkit::server::Binary;

/// The binary, as it is without any setting.
pub(crate) fn bare() -> Binary {
    Binary::new(env!("CARGO_BIN_EXE_letsapp-server"))
}

/// The binary on ports that nobody else has, its keys and files in `directory`, its load not limited.
pub(crate) fn in_directory(directory: &Path) -> Binary {
    bare()
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--limits", "off"])
        .current_dir(directory)
}

/// As [`in_directory`], but at the same address again each time it is started, so that clients find it again.
pub(crate) fn at_one_address(directory: &Path) -> Binary {
    bare()
        .args(["--listen", &format!("127.0.0.1:{}", free_port())])
        .args(["--admin-listen", "127.0.0.1:0"])
        .args(["--limits", "off"])
        .current_dir(directory)
}
