//! Files that messages carry.

use crate::domain::id::MediaId;

/// A file that a message carries, with what a client needs to lay it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Which file.
    pub id: MediaId,
    /// What it is called.
    pub file_name: String,
    /// What it is.
    pub content_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Duration in milliseconds.
    pub duration: Option<u64>,
    /// A small picture of it.
    pub thumbnail: Option<Thumbnail>,
}

/// A small picture of a larger one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What to show until it is there.
    pub blurhash: String,
}
