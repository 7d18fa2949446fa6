//! Stores of bytes: in memory, in files and in a bucket of S3. The one on GridFS is part of the MongoDB store.

#[cfg(feature = "sqlite")]
mod files;
mod memory;
mod read;
#[cfg(feature = "s3")]
mod s3;
mod upload;

#[cfg(feature = "sqlite")]
pub use self::files::FileBlobs;
pub use self::memory::MemoryBlobs;
#[cfg(feature = "mongodb")]
pub(in crate::adapters) use self::read::{CHUNK, within};
#[cfg(feature = "s3")]
pub use self::s3::S3Blobs;
#[cfg(feature = "mongodb")]
pub(in crate::adapters) use self::upload::{Upload, store};
