//! Queries and messages for the cases of message search.

use std::sync::Arc;
use std::time::Duration;

use super::Trial;
use super::fixtures::{media_id, text, user_id};
use super::steps::{ALL, append};
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::media::Attachment;
use crate::domain::message::{Content, Message};
use crate::domain::search::{Hit, Query, Scope, Score, Search};
use crate::domain::window::Window;
use crate::ports::Change;

/// Makes a search for words in some windows, with a limit that no case reaches.
pub(super) fn search(words: &str, within: &[(ConversationId, &[Window])]) -> Search {
    let scope = |(conversation_id, windows): &(ConversationId, &[Window])| Scope {
        conversation_id: *conversation_id,
        windows: windows.to_vec(),
    };
    Search {
        query: Query::parse(words),
        within: within.iter().map(scope).collect(),
        from: None,
        after: None,
        before: None,
        past: None,
        limit: 1_000,
        budget: Duration::from_secs(60),
    }
}

/// Makes a message with these words.
pub(super) fn saying(id: ConversationId, n: u64, sender_id: UserId, words: &str) -> Message {
    Message {
        content: Content::Text(words.to_owned()),
        ..text(id, n, sender_id)
    }
}

/// Makes a change that appends a message with a file. An empty `name` leaves the file out.
pub(super) fn carrying(message: Message, body: &str, name: &str) -> Change {
    let attachment = |name: &str| Attachment {
        id: media_id(1),
        file_name: name.to_owned(),
        content_type: "text/plain".to_owned(),
        size: 1,
        width: None,
        height: None,
        duration: None,
        waveform: None,
        is_processing: false,
        thumbnail: None,
    };
    let attachments = [name]
        .into_iter()
        .filter(|name| !name.is_empty())
        .map(attachment)
        .collect();
    Change::Append {
        message: Arc::new(Message {
            content: Content::Text(body.to_owned()),
            attachments,
            ..message
        }),
        fence: Seq::ZERO,
    }
}

/// Replaces the fence of an append.
pub(super) fn under(mut change: Change, other: Seq) -> Change {
    if let Change::Append { fence, .. } = &mut change {
        *fence = other;
    }
    change
}

impl Trial {
    /// Creates a direct conversation with these messages.
    pub(super) async fn talk(&self, said: &[&str]) -> ConversationId {
        let ana = user_id(1);
        let id = self.direct(ana, user_id(2)).await;
        for (n, words) in (1..).zip(said) {
            self.store(append(saying(id, n, ana, words), Seq::ZERO)).await;
        }
        id
    }

    pub(super) async fn hits(&self, search: Search) -> Vec<Hit> {
        let found = self.messages().search(search).await.unwrap();
        assert!(!found.partial, "no case has too much for a minute");
        found.hits
    }

    /// Returns the `seq` of each hit in a conversation, the best first.
    pub(super) async fn seen(&self, id: ConversationId, words: &str) -> Vec<u64> {
        let hits = self.hits(search(words, &[(id, ALL)])).await;
        hits.iter().map(|hit| hit.message.seq.0).collect()
    }

    pub(super) async fn scored(&self, id: ConversationId, words: &str) -> Vec<(u64, Score)> {
        let hits = self.hits(search(words, &[(id, ALL)])).await;
        hits.iter().map(|hit| (hit.message.seq.0, hit.score)).collect()
    }
}
