//! Ranges of messages: windows that a member may read, and spans in which messages are counted.

use crate::domain::id::{ConversationId, Seq};

/// Range of messages that a member may read, both ends included. A member who leaves and is added again has one window
/// for each stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First message: the system message that reports the member's joining; 1 in a direct conversation.
    pub from: Seq,
    /// Last message: the system message that reports the member's leaving; `None` while the user is a member.
    pub to: Option<Seq>,
}

impl Window {
    /// Window over all messages, for the users of a direct conversation.
    pub const WHOLE: Self = Self { from: Seq(1), to: None };

    /// Reports whether `seq` is within the window.
    pub fn contains(&self, seq: Seq) -> bool {
        self.from <= seq && self.to.is_none_or(|to| seq <= to)
    }
}

/// Cheapest way to read the changes that lie in some windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesPlan {
    /// Walk through the changes in order of `rev`, skipping those outside the windows.
    ByRev,
    /// Read all messages in the windows, and sort those that have changed.
    BySeq,
}

impl ChangesPlan {
    /// Chooses a plan for windows that hold `visible` messages of a conversation in which `revs` changes follow the
    /// last known one, of which `limit` are wanted.
    ///
    /// Reading by `seq` costs `visible` messages. Walking by `rev` ends after `limit` visible changes, which takes about
    /// `limit * revs / visible` steps if the visible ones lie evenly. Without the choice, somebody who may see few
    /// messages of a long conversation would have all of it read.
    pub fn choose(visible: u64, revs: u64, limit: usize) -> Self {
        if visible.saturating_mul(visible) <= revs.saturating_mul(limit as u64) {
            Self::BySeq
        } else {
            Self::ByRev
        }
    }
}

/// Returns how many messages lie in the windows, in a conversation whose newest message is `newest`.
pub fn visible_count(windows: &[Window], newest: Seq) -> u64 {
    let count = |window: &Window| {
        let last = window.to.map_or(newest, |to| to.min(newest));
        (last.0 + 1).saturating_sub(window.from.0.max(1))
    };
    windows.iter().map(count).sum()
}

/// Range of messages of a conversation, excluding the lower end and including the upper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Conversation to which the messages belong.
    pub conversation_id: ConversationId,
    /// Seq of the message before the first.
    pub after: Seq,
    /// Seq of the last message; never greater than the head.
    pub through: Seq,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_in_windows_are_counted_up_to_the_newest() {
        let window = |from, to: Option<u64>| Window {
            from: Seq(from),
            to: to.map(Seq),
        };
        let count = |windows: &[Window]| visible_count(windows, Seq(10));
        assert_eq!(count(&[Window::WHOLE]), 10);
        assert_eq!(count(&[window(3, Some(5)), window(8, None)]), 6);
        assert_eq!(count(&[window(9, Some(12))]), 2);
        assert_eq!(count(&[window(11, None)]), 0);
        assert_eq!(count(&[]), 0);
    }

    #[test]
    fn few_visible_messages_are_read_by_seq_and_many_by_rev() {
        assert_eq!(ChangesPlan::choose(6, 500_000, 50), ChangesPlan::BySeq);
        assert_eq!(ChangesPlan::choose(250_000, 500_000, 50), ChangesPlan::ByRev);
        assert_eq!(ChangesPlan::choose(250_000, 10, 50), ChangesPlan::ByRev);
        assert_eq!(
            ChangesPlan::choose(u64::MAX, u64::MAX, 1),
            ChangesPlan::BySeq,
            "no overflow"
        );
    }
}
