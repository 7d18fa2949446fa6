//! What finding is, for every store alike: which messages a query finds, how well, and in which order they come.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::search::terms::IndexTerms;
use crate::domain::search::{Query, QueryTerm};
use crate::domain::timestamp::Timestamp;
use crate::domain::window::Window;

/// What is looked for among messages, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The terms, all of which must be there.
    pub query: Query,
    /// What may be found, each conversation at most once.
    pub within: Vec<Scope>,
    /// Only what this one sent.
    pub from: Option<UserId>,
    /// Only what was sent after this moment.
    pub after: Option<Timestamp>,
    /// Only what was sent before this moment.
    pub before: Option<Timestamp>,
    /// Only what ranks behind this.
    pub past: Option<Rank>,
    /// How many messages at most.
    pub limit: usize,
}

/// A conversation, and which of its messages may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// The stretches, which do not overlap, oldest first.
    pub windows: Vec<Window>,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The message, as it now stands.
    pub message: Message,
    /// How well it answers.
    pub score: Score,
}

/// How well a message answers a query: as well as the term that it answers worst.
///
/// What stands in the body counts 10, what stands in the name of an attachment 3; a whole word counts 10 more than the
/// beginning of one. Where a term can be found in several ways, the best one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Words in the name of an attachment begin so.
    NameStart = 3,
    /// Words of the body begin so.
    BodyStart = 10,
    /// They are words in the name of an attachment.
    NameWord = 13,
    /// They are words of the body.
    BodyWord = 20,
}

/// Where a hit stands in the order of hits: the greatest comes first.
///
/// The better score comes first; of those that are equal in it the one sent later; and so that the order is total, the
/// greater conversation id and then the greater seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank {
    /// How well it answers.
    pub score: Score,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// In which conversation it is.
    pub conversation_id: ConversationId,
    /// Its place there.
    pub seq: Seq,
}

impl Score {
    /// Returns what it counts, between 3 and 20.
    #[must_use]
    pub const fn points(self) -> u8 {
        self as u8
    }

    /// Returns the score that counts so much; `None` if none does.
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
    /// Returns where it stands in the order of hits.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        Rank::of(&self.message, self.score)
    }
}

impl Rank {
    /// Returns where a message with this score stands in the order of hits.
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
    /// Tells whether the message at `seq` may be found.
    pub fn contains(&self, seq: Seq) -> bool {
        self.windows.iter().any(|window| window.contains(seq))
    }
}

impl Search {
    /// Tells whether sender and time are such as are looked for.
    pub fn passes(&self, sender_id: UserId, sent_at: Timestamp) -> bool {
        self.from.is_none_or(|from| sender_id == from)
            && self.after.is_none_or(|after| sent_at > after)
            && self.before.is_none_or(|before| sent_at < before)
    }
}

impl Query {
    /// Returns how well a message with these index terms answers; `None` if it does not, as nothing answers an empty
    /// query.
    ///
    /// ```
    /// use letsapp_core::domain::search::terms::IndexTerms;
    /// use letsapp_core::domain::search::{Query, Score, index_terms};
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

    /// Returns the scores that messages can have, the best first.
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

/// How a term is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Whole,
    Start,
}
