//! Index terms of a message.

use crate::domain::message::Message;
use crate::domain::search::index_terms;

/// Terms by which a message is found: encoded tokens separated by spaces, as returned by [`index_terms`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexTerms {
    /// Terms of the body, which score higher.
    pub body: String,
    /// Terms of the names of attachments.
    pub attachments: String,
}

impl IndexTerms {
    /// Returns the terms of a message in its current state. A deleted message and a system message have none.
    ///
    /// Stores call this when they write a message.
    pub fn of(message: &Message) -> Self {
        if !message.is_from_user() {
            return Self::default();
        }
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

    /// Reports whether there are no terms.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty() && self.attachments.is_empty()
    }
}
