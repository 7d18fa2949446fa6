//! Facts about a file that a message tells which carries it.

use crate::domain::media::{Attachment, Media, MediaStatus};

impl Media {
    /// Returns what a message that carries the file tells of it.
    pub(crate) fn attachment(&self) -> Attachment {
        Attachment {
            id: self.id,
            file_name: self.file_name.clone(),
            content_type: self.content_type.clone(),
            size: self.size,
            width: self.facts.width,
            height: self.facts.height,
            duration: self.facts.duration,
            waveform: self.facts.waveform,
            thumbnail: self.facts.thumbnail.as_ref().map(|stored| stored.thumbnail.clone()),
            is_processing: self.status == MediaStatus::Processing,
        }
    }
}
