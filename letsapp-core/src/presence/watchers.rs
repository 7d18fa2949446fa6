//! Who watches whom, what of it they may see, and what they know of it.
//!
//! Pure: whether somebody may see somebody is worked out elsewhere, and takes time. A watch that is in doubt meanwhile
//! tells nothing; once it is settled, it tells what has come of it, if that is not known already.

use std::collections::HashMap;

use crate::id::UserId;
use crate::protocol::{Presence, PresenceStatus};

/// Everyone who is watched by somebody.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    watched: HashMap<UserId, HashMap<UserId, Watch>>,
    last: Inquiry,
}

/// Somebody who watches a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pair {
    pub(super) viewer: UserId,
    pub(super) user_id: UserId,
}

/// Why somebody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// They list the user as a contact.
    Listed,
    /// One of their sockets asked for it.
    Asked,
}

/// A question about who may see whom. What is asked later is answered by what is newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inquiry(u64);

/// What was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// They may see it.
    Clear,
    /// They may not.
    Hidden,
}

/// One who watches one user.
#[derive(Clone, Copy, Debug)]
struct Watch {
    listed: bool,
    /// How many of their sockets asked for it.
    asked: u32,
    /// What they may see; none while it is in doubt, since this was asked.
    sight: Option<Sight>,
    inquiry: Inquiry,
    known: Known,
}

/// What somebody knows of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// What they have asked for themselves, if they did; it was this when they began to watch.
    Unsaid(PresenceStatus),
    /// That the user is there.
    Online,
    /// That the user is not there, and when they were.
    Offline,
    /// That the user is not there; nothing more is shown to them.
    Nothing,
}

impl Watchers {
    /// Has somebody watch a user for one more reason; true if it is in doubt what they may see.
    pub(super) fn add(&mut self, pair: Pair, cause: Cause, status: PresenceStatus) -> bool {
        let viewers = self.watched.entry(pair.user_id).or_default();
        let watch = viewers.entry(pair.viewer).or_insert(Watch {
            listed: false,
            asked: 0,
            sight: None,
            inquiry: Inquiry::default(),
            known: Known::Unsaid(status),
        });
        match cause {
            Cause::Listed => watch.listed = true,
            Cause::Asked => watch.asked += 1,
        }
        watch.sight.is_none()
    }

    /// Takes a reason away. Who has none left watches no more.
    pub(super) fn remove(&mut self, pair: Pair, cause: Cause) {
        let Some(viewers) = self.watched.get_mut(&pair.user_id) else {
            return;
        };
        let Some(watch) = viewers.get_mut(&pair.viewer) else {
            return;
        };
        match cause {
            Cause::Listed => watch.listed = false,
            Cause::Asked => watch.asked = watch.asked.saturating_sub(1),
        }
        if !watch.listed && watch.asked == 0 {
            viewers.remove(&pair.viewer);
        }
        if viewers.is_empty() {
            self.watched.remove(&pair.user_id);
        }
    }

    /// Returns all who watch a user.
    pub(super) fn pairs_of(&self, user_id: UserId) -> Vec<Pair> {
        let viewers = self.watched.get(&user_id).into_iter().flat_map(HashMap::keys);
        viewers
            .map(|viewer| Pair {
                viewer: *viewer,
                user_id,
            })
            .collect()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Tells whether somebody watches a user.
    pub(super) fn contains(&self, pair: Pair) -> bool {
        self.of(pair).is_some()
    }

    /// Tells whether it is not known what one who watches may see.
    pub(super) fn is_in_doubt(&self, pair: Pair) -> bool {
        self.of(pair).is_some_and(|watch| watch.sight.is_none())
    }

    /// Returns those of the watches in doubt that this inquiry is still to settle, and no later one.
    pub(super) fn still_asked(&self, pairs: &[Pair], inquiry: Inquiry) -> Vec<Pair> {
        let waits = |watch: &Watch| watch.sight.is_none() && watch.inquiry == inquiry;
        let asked = pairs.iter().filter(|pair| self.of(**pair).is_some_and(waits));
        asked.copied().collect()
    }

    /// Puts watches in doubt: what they may see is to be asked now. Those that are none are passed over.
    pub(super) fn doubt(&mut self, pairs: &[Pair]) -> Inquiry {
        self.last = Inquiry(self.last.0 + 1);
        let inquiry = self.last;
        for pair in pairs {
            if let Some(watch) = self.watch(*pair) {
                watch.sight = None;
                watch.inquiry = inquiry;
            }
        }
        inquiry
    }

    /// Takes what was found out, unless it was asked again since; returns what is to be told to the one who watches.
    pub(super) fn settle(&mut self, pair: Pair, inquiry: Inquiry, sight: Sight, present: Presence) -> Option<Presence> {
        let watch = self.watch(pair).filter(|watch| watch.inquiry == inquiry)?;
        watch.sight = Some(sight);
        let known = Known::of(sight, present.status);
        let is_news = match std::mem::replace(&mut watch.known, known) {
            Known::Unsaid(status) => sight == Sight::Clear && status != present.status,
            before => before != known,
        };
        is_news.then(|| shown(sight, present))
    }

    /// Returns what somebody who asks is answered; they know it then.
    pub(super) fn answer(&mut self, pair: Pair, present: Presence) -> Presence {
        let Some(watch) = self.watch(pair) else {
            return shown(Sight::Hidden, present);
        };
        // In doubt, nothing is shown; what comes of it is told when it is settled.
        let sight = watch.sight.unwrap_or(Sight::Hidden);
        watch.known = Known::of(sight, present.status);
        shown(sight, present)
    }

    /// Returns who is to be told that a user came or went.
    pub(super) fn tell(&mut self, present: Presence) -> Vec<UserId> {
        let Some(viewers) = self.watched.get_mut(&present.user_id) else {
            return Vec::new();
        };
        let known = Known::of(Sight::Clear, present.status);
        let clear = viewers
            .iter_mut()
            .filter(|(_, watch)| watch.sight == Some(Sight::Clear));
        clear
            .map(|(viewer, watch)| {
                watch.known = known;
                *viewer
            })
            .collect()
    }

    fn of(&self, pair: Pair) -> Option<&Watch> {
        self.watched.get(&pair.user_id)?.get(&pair.viewer)
    }

    fn watch(&mut self, pair: Pair) -> Option<&mut Watch> {
        self.watched.get_mut(&pair.user_id)?.get_mut(&pair.viewer)
    }
}

impl Known {
    const fn of(sight: Sight, status: PresenceStatus) -> Self {
        match (sight, status) {
            (Sight::Hidden, _) => Self::Nothing,
            (Sight::Clear, PresenceStatus::Online) => Self::Online,
            (Sight::Clear, PresenceStatus::Offline) => Self::Offline,
        }
    }
}

/// Shows as much as may be seen.
pub(super) const fn shown(sight: Sight, present: Presence) -> Presence {
    match sight {
        Sight::Clear => present,
        Sight::Hidden => Presence::offline(present.user_id, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const ANA: UserId = UserId::from_bytes([1; 16]);
    const BEN: UserId = UserId::from_bytes([2; 16]);
    const CEM: UserId = UserId::from_bytes([3; 16]);
    const ANA_OF_BEN: Pair = Pair {
        viewer: ANA,
        user_id: BEN,
    };
    const CEM_OF_BEN: Pair = Pair {
        viewer: CEM,
        user_id: BEN,
    };
    const AT: Timestamp = Timestamp::from_millis(7);
    const THERE: Presence = Presence::online(BEN, AT);
    const AWAY: Presence = Presence::offline(BEN, Some(AT));
    const NOTHING: Presence = Presence::offline(BEN, None);

    /// Ana watches Ben, who was away when she began to; nothing is settled.
    fn watched() -> (Watchers, Inquiry) {
        let mut watchers = Watchers::default();
        assert!(watchers.add(ANA_OF_BEN, Cause::Listed, PresenceStatus::Offline));
        let inquiry = watchers.doubt(&[ANA_OF_BEN]);
        (watchers, inquiry)
    }

    /// Ana watches Ben, and may see him.
    fn seeing() -> Watchers {
        let (mut watchers, inquiry) = watched();
        assert_eq!(watchers.settle(ANA_OF_BEN, inquiry, Sight::Clear, AWAY), None);
        watchers
    }

    #[test]
    fn only_those_are_told_who_may_see() {
        let mut watchers = seeing();
        watchers.add(CEM_OF_BEN, Cause::Asked, PresenceStatus::Offline);
        assert_eq!(watchers.tell(THERE), [ANA], "in doubt, nobody is told");
        let inquiry = watchers.doubt(&[CEM_OF_BEN]);
        assert_eq!(watchers.settle(CEM_OF_BEN, inquiry, Sight::Hidden, THERE), None);
        assert_eq!(watchers.tell(AWAY), [ANA]);
        assert_eq!(watchers.tell(Presence::online(CEM, AT)), [], "whom nobody watches");
    }

    #[test]
    fn a_watch_lasts_as_long_as_there_is_a_reason() {
        let mut watchers = seeing();
        for _ in 0..2 {
            assert!(
                !watchers.add(ANA_OF_BEN, Cause::Asked, PresenceStatus::Offline),
                "it is settled"
            );
        }
        watchers.remove(ANA_OF_BEN, Cause::Listed);
        watchers.remove(ANA_OF_BEN, Cause::Asked);
        assert_eq!(watchers.tell(THERE), [ANA]);
        watchers.remove(ANA_OF_BEN, Cause::Asked);
        watchers.remove(ANA_OF_BEN, Cause::Asked);
        assert_eq!(watchers.tell(AWAY), []);
        assert!(watchers.watched.is_empty(), "nothing is left of it");
    }

    #[test]
    fn what_came_of_a_doubt_is_told_if_it_is_news() {
        use Sight::{Clear, Hidden};
        // What Ana was told before the doubt, what is so after it, and what she is told then.
        let table = [
            (AWAY, (Clear, AWAY), None),
            (AWAY, (Clear, THERE), Some(THERE)),
            (AWAY, (Hidden, AWAY), Some(NOTHING)),
            (AWAY, (Hidden, THERE), Some(NOTHING)),
            (THERE, (Clear, THERE), None),
            (THERE, (Clear, AWAY), Some(AWAY)),
            (THERE, (Hidden, THERE), Some(NOTHING)),
        ];
        for (before, (sight, present), expected) in table {
            let mut watchers = seeing();
            assert_eq!(watchers.answer(ANA_OF_BEN, before), before);
            let inquiry = watchers.doubt(&[ANA_OF_BEN]);
            let told = watchers.settle(ANA_OF_BEN, inquiry, sight, present);
            assert_eq!(told, expected, "{before:?}, then {sight:?} {present:?}");
        }
        let mut watchers = seeing();
        let mut settle = |sight, present| {
            let inquiry = watchers.doubt(&[ANA_OF_BEN]);
            watchers.settle(ANA_OF_BEN, inquiry, sight, present)
        };
        assert_eq!(settle(Hidden, AWAY), Some(NOTHING));
        assert_eq!(settle(Hidden, THERE), None, "hidden is hidden");
        assert_eq!(settle(Clear, THERE), Some(THERE));
    }

    #[test]
    fn who_has_asked_for_nothing_yet_is_told_of_changes_alone() {
        let first = |sight, present| {
            let (mut watchers, inquiry) = watched();
            watchers.settle(ANA_OF_BEN, inquiry, sight, present)
        };
        assert_eq!(first(Sight::Clear, AWAY), None);
        assert_eq!(first(Sight::Clear, THERE), Some(THERE), "Ben came meanwhile");
        assert_eq!(first(Sight::Hidden, THERE), None);
    }

    #[test]
    fn an_answer_shows_nothing_of_what_is_in_doubt() {
        let (mut watchers, inquiry) = watched();
        assert_eq!(watchers.answer(ANA_OF_BEN, THERE), NOTHING);
        assert_eq!(
            watchers.settle(ANA_OF_BEN, inquiry, Sight::Clear, THERE),
            Some(THERE),
            "and tells it when it is settled"
        );
        assert_eq!(watchers.answer(ANA_OF_BEN, AWAY), AWAY);
        assert_eq!(watchers.answer(CEM_OF_BEN, THERE), NOTHING);
    }

    #[test]
    fn an_older_inquiry_settles_nothing() {
        let (mut watchers, older) = watched();
        let newer = watchers.doubt(&[ANA_OF_BEN]);
        assert_eq!(watchers.settle(ANA_OF_BEN, newer, Sight::Hidden, AWAY), None);
        assert_eq!(watchers.settle(ANA_OF_BEN, older, Sight::Clear, THERE), None);
        assert_eq!(watchers.tell(THERE), []);
    }
}
