//! State of a conversation when a member left, within a document of `memberships`.

use mongodb::bson::{DateTime, Uuid};
use serde::{Deserialize, Serialize};

use crate::adapters::mongodb::fields::{Id, count, date, limited, long, moment};
use crate::domain::departure::Departure;
use crate::domain::id::{Rev, Seq};
use crate::domain::text::Title;
use crate::domain::user::About;

/// State of a conversation when a member left, embedded in a membership.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::adapters::mongodb) struct DepartureDocument {
    at: DateTime,
    seq: i64,
    rev: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    about: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar_media_id: Option<Uuid>,
    member_count: i64,
    listed: bool,
}

impl From<&Departure> for DepartureDocument {
    fn from(departure: &Departure) -> Self {
        Self {
            at: date(departure.at),
            seq: long(departure.seq.0),
            rev: long(departure.rev.0),
            title: departure.title.as_ref().map(|title| title.as_str().to_owned()),
            about: departure.about.as_str().to_owned(),
            avatar_media_id: departure.avatar_media_id.map(Id::to_bson),
            member_count: limited(departure.member_count),
            listed: departure.listed,
        }
    }
}

impl From<DepartureDocument> for Departure {
    fn from(document: DepartureDocument) -> Self {
        Self {
            at: moment(document.at),
            seq: Seq(count(document.seq)),
            rev: Rev(count(document.rev)),
            title: document.title.map(Title::from_stored),
            about: About::from_stored(document.about),
            avatar_media_id: document.avatar_media_id.map(Id::from_bson),
            member_count: usize::try_from(document.member_count).unwrap_or(0),
            listed: document.listed,
        }
    }
}
