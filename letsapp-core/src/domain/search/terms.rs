//! What a message is found by.

use crate::domain::message::Message;
use crate::domain::search::index_terms;

/// What a message is found by: encoded tokens separated by blanks, as [`index_terms`] makes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexTerms {
    /// Of the body; weighs most.
    pub body: String,
    /// Of the names of attachments.
    pub attachments: String,
}

impl IndexTerms {
    /// Makes the terms of a message as it now stands; there are none of a tombstone, nor of a system message.
    ///
    /// A store calls this for what it indexes, when it writes.
    pub fn of(message: &Message) -> Self {
        let attachments = match message.attachments.as_slice() {
            [] => String::new(),
            files => {
                let names: Vec<_> = files.iter().map(|file| file.file_name.as_str()).collect();
                index_terms(&names.join(" "))
            }
        };
        Self {
            body: index_terms(message.body()),
            attachments,
        }
    }

    /// Tells whether there is nothing by which the message is found.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty() && self.attachments.is_empty()
    }
}
