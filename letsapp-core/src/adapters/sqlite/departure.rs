//! The type of the JSON column `departure` in the table `members`.
//!
//! Separate from the domain's type, which may change while existing files keep their format.

use serde::{Deserialize, Serialize};

use crate::domain::departure::Departure;
use crate::domain::id::{MediaId, Rev, Seq};
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;

/// Value of the column `departure`: the state of a conversation that a former member continues to see.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredDeparture {
    /// Milliseconds since 1970, in UTC.
    at: i64,
    seq: Seq,
    rev: Rev,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar_media_id: Option<MediaId>,
    member_count: usize,
    listed: bool,
}

impl From<&Departure> for StoredDeparture {
    fn from(departure: &Departure) -> Self {
        Self {
            at: departure.at.as_millis(),
            seq: departure.seq,
            rev: departure.rev,
            title: departure.title.as_ref().map(ToString::to_string),
            about: departure.about.to_string(),
            avatar_media_id: departure.avatar_media_id,
            member_count: departure.member_count,
            listed: departure.listed,
        }
    }
}

impl From<StoredDeparture> for Departure {
    fn from(stored: StoredDeparture) -> Self {
        Self {
            at: Timestamp::from_millis(stored.at),
            seq: stored.seq,
            rev: stored.rev,
            title: stored.title.map(Title::from_stored),
            about: About::from_stored(stored.about),
            avatar_media_id: stored.avatar_media_id,
            member_count: stored.member_count,
            listed: stored.listed,
        }
    }
}
