//! Removal of deleted text from files of older versions, which left it in free space.
//!
//! Only a rewrite of the whole file reaches all of it. It is done once, before the file is migrated to the first version
//! that leaves nothing; a crash in between repeats it.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

/// Maximum size of a file that is rewritten when it is opened, in bytes. Rewriting takes a few seconds per gigabyte, and
/// twice the size of the file on the disk meanwhile. For a larger file that is left to its owner.
const MAX_WIPED_BYTES: u64 = 4 << 30;

/// Rewrites the file, so that its free space holds nothing.
///
/// A failure, such as a full disk, is only logged: the file is as good as before, and everything deleted from now on is
/// wiped.
pub(super) fn wipe(path: &Path, connection: &Connection) {
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    let file = path.display();
    if bytes > MAX_WIPED_BYTES {
        return tracing::warn!(
            bytes,
            "{file} may contain text that was deleted before, and is too large to be rewritten at a start; stop the \
             program and run `sqlite3 {file} VACUUM` to remove it"
        );
    }
    tracing::info!(bytes, "rewriting {file} once, to remove text that was deleted before");
    if let Err(error) = connection.execute_batch("VACUUM") {
        tracing::warn!(
            %error,
            "{file} was not rewritten, and may contain text that was deleted before; stop the program and run \
             `sqlite3 {file} VACUUM` to remove it"
        );
    }
}
