//! Rules of reading that all stores of bytes share.

use std::ops::Range;

use crate::ports::BlobError;

/// Size in bytes of the chunks that are written to and read from a disk or a database. The 255 KiB of GridFS; larger
/// ones are no faster, and each write and each read holds a few of them.
#[cfg(any(feature = "mongodb", feature = "sqlite"))]
pub(in crate::adapters) const CHUNK: usize = 255 * 1024;

/// Returns the range to be read from a blob of `size` bytes: the one asked for, or all of it.
///
/// # Errors
/// [`BlobError::OutOfRange`] if the range is not within the blob.
pub(in crate::adapters) fn within(range: Option<Range<u64>>, size: u64) -> Result<Range<u64>, BlobError> {
    match range {
        None => Ok(0..size),
        Some(range) if range.start <= range.end && range.end <= size => Ok(range),
        Some(_) => Err(BlobError::OutOfRange { size }),
    }
}
