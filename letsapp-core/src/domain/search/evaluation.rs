//! Evaluation of a query: matching, scoring and ordering of messages, the same for all stores.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::search::terms::IndexTerms;
use crate::domain::search::{Query, QueryTerm};
use crate::domain::timestamp::Timestamp;
use crate::domain::window::Window;

/// Search for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Terms, all of which must be found.
    pub query: Query,
    /// Conversations and windows to search, each conversation at most once.
    pub within: Vec<Scope>,
    /// Sender to which the search is limited.
    pub from: Option<UserId>,
    /// Time after which the messages were sent, exclusive.
    pub after: Option<Timestamp>,
    /// Time before which the messages were sent, exclusive.
    pub before: Option<Timestamp>,
    /// Rank of the last hit of the previous page. Only messages after it are returned.
    pub past: Option<Rank>,
    /// Maximum number of messages.
    pub limit: usize,
}

/// A conversation, with the messages in it that may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Conversation to search.
    pub conversation_id: ConversationId,
    /// Windows of messages, without overlaps, oldest first.
    pub windows: Vec<Window>,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Message in its current state.
    pub message: Message,
    /// Score of the message.
    pub score: Score,
}

/// Score of a message for a query: that of the term with the lowest score.
///
/// A term in the body counts 10, in the name of an attachment 3; a whole word counts 10 more than the beginning of a
/// word. Of several occurrences of a term the best one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Beginning of a word in the name of an attachment.
    NameStart = 3,
    /// Beginning of a word in the body.
    BodyStart = 10,
    /// Whole word in the name of an attachment.
    NameWord = 13,
    /// Whole word in the body.
    BodyWord = 20,
}

/// Position of a hit in the result, highest first.
///
/// Ordered by score, then by the time of sending, newest first. Conversation id and seq make the order total, so that
/// pages neither skip nor repeat a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank {
    /// Score of the message.
    pub score: Score,
    /// Time at which the message was sent.
    pub sent_at: Timestamp,
    /// Conversation of the message.
    pub conversation_id: ConversationId,
    /// Seq of the message.
    pub seq: Seq,
}

impl Score {
    /// Returns the number of points, between 3 and 20.
    #[must_use]
    pub const fn points(self) -> u8 {
        self as u8
    }

    /// Returns the score with this number of points; `None` if there is none.
    #[must_use]
    pub const fn from_points(points: u8) -> Option<Self> {
        Some(match points {
            3 => Self::NameStart,
            10 => Self::BodyStart,
            13 => Self::NameWord,
            20 => Self::BodyWord,
            _ => return None,
        })
    }
}

impl Hit {
    /// Returns the position in the result.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        Rank::of(&self.message, self.score)
    }
}

impl Rank {
    /// Returns the position of a message with this score in the result.
    #[must_use]
    pub const fn of(message: &Message, score: Score) -> Self {
        Self {
            score,
            sent_at: message.sent_at,
            conversation_id: message.conversation_id,
            seq: message.seq,
        }
    }
}

impl Scope {
    /// Reports whether the message at `seq` may be found.
    pub fn contains(&self, seq: Seq) -> bool {
        self.windows.iter().any(|window| window.contains(seq))
    }
}

impl Search {
    /// Reports whether sender and time match the search.
    pub fn passes(&self, sender_id: UserId, sent_at: Timestamp) -> bool {
        self.from.is_none_or(|from| sender_id == from)
            && self.after.is_none_or(|after| sent_at > after)
            && self.before.is_none_or(|before| sent_at < before)
    }
}

impl Query {
    /// Returns the score of a message with these index terms; `None` if a term is missing or the query is empty.
    ///
    /// ```
    /// use letsapp_core::domain::search::{IndexTerms, Query, Score, index_terms};
    ///
    /// let terms = IndexTerms { body: index_terms("Budget attached"), attachments: index_terms("report.pdf") };
    /// assert_eq!(Query::parse("budget").score(&terms), Some(Score::BodyWord));
    /// assert_eq!(Query::parse("budget rep").score(&terms), Some(Score::NameStart));
    /// assert_eq!(Query::parse("rep budget").score(&terms), None, "only the last word may be unfinished");
    /// ```
    #[must_use]
    pub fn score(&self, terms: &IndexTerms) -> Option<Score> {
        let mut worst = None;
        for term in &self.terms {
            let score = term.score(terms)?;
            worst = Some(worst.map_or(score, |worst: Score| worst.min(score)));
        }
        worst
    }

    /// Returns the scores that messages can have for this query, best first.
    pub fn scores(&self) -> &'static [Score] {
        if self.terms.iter().any(|term| term.prefix) {
            &[Score::BodyWord, Score::NameWord, Score::BodyStart, Score::NameStart]
        } else {
            &[Score::BodyWord, Score::NameWord]
        }
    }
}

impl QueryTerm {
    fn score(&self, terms: &IndexTerms) -> Option<Score> {
        let wanted = self.encoded();
        // A whole word in an attachment's name scores higher than the beginning of a word in the body.
        let in_body = self.found_in(&terms.body, &wanted);
        match (in_body, self.found_in(&terms.attachments, &wanted)) {
            (Some(Found::Whole), _) => Some(Score::BodyWord),
            (_, Some(Found::Whole)) => Some(Score::NameWord),
            (Some(Found::Start), _) => Some(Score::BodyStart),
            (None, Some(Found::Start)) => Some(Score::NameStart),
            (None, None) => None,
        }
    }

    fn found_in(&self, terms: &str, wanted: &str) -> Option<Found> {
        let mut found = None;
        for term in terms.split(' ') {
            if term == wanted {
                return Some(Found::Whole);
            }
            if self.prefix && term.starts_with(wanted) {
                found = Some(Found::Start);
            }
        }
        found
    }
}

/// Kind of an occurrence of a term.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Whole,
    Start,
}
