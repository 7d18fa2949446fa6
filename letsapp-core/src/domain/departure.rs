//! The state of a conversation that a former member continues to see.

use crate::domain::id::{MediaId, Rev, Seq};
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::About;

/// State of a group when a member left or was removed. Whatever changes afterwards does not concern that member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Time at which the member left, set by the server's clock: the time of the message that reports it.
    pub at: Timestamp,
    /// Seq of the message that reports it, which is the last one that the member sees.
    pub seq: Seq,
    /// Rev of the conversation with that message.
    pub rev: Rev,
    /// Title; `None` also if it is not known any more.
    pub title: Option<Title>,
    /// Description.
    pub about: About,
    /// Picture, as the id of an uploaded file.
    pub avatar_media_id: Option<MediaId>,
    /// Number of the members who stayed.
    pub member_count: usize,
    /// Whether the conversation is in the former member's list, which it is until they remove it.
    pub listed: bool,
}
