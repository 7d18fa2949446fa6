//! Who watches whom, what of it they may see, and what they know of it.
//!
//! Pure: whether somebody may see somebody is worked out elsewhere, and takes time. A watch that is in doubt meanwhile
//! tells nothing; once it is settled, it tells what has come of it, if that is not known already.

use std::collections::HashMap;

use super::{Presence, Status};
use crate::domain::id::UserId;
use crate::domain::visibility::{Sight, ViewerPair};

/// Everyone who is watched by somebody.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    watched: HashMap<UserId, HashMap<UserId, Watch>>,
    last: CheckId,
}

/// Why somebody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// They list the user as a contact.
    Listed,
    /// One of their sockets asked for it.
    Asked,
}

/// A question about who may see whom. What is asked later is answered by what is newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CheckId(u64);

/// One who watches one user.
#[derive(Clone, Copy, Debug)]
struct Watch {
    listed: bool,
    /// How many of their sockets asked for it.
    asked: u32,
    /// What they may see; none while it is in doubt, since this was asked.
    sight: Option<Sight>,
    check: CheckId,
    known: Known,
}

/// What somebody knows of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// What they have asked for themselves, if they did; it was this when they began to watch.
    Unsaid(Status),
    /// That the user is there.
    Online,
    /// That the user is not there, and when they were.
    Offline,
    /// That the user is not there; nothing more is shown to them.
    Nothing,
}

impl Watchers {
    /// Has somebody watch a user for one more reason; true if it is in doubt what they may see.
    pub(crate) fn add(&mut self, pair: ViewerPair, cause: Cause, status: Status) -> bool {
        let viewers = self.watched.entry(pair.user_id).or_default();
        let watch = viewers.entry(pair.viewer).or_insert(Watch {
            listed: false,
            asked: 0,
            sight: None,
            check: CheckId::default(),
            known: Known::Unsaid(status),
        });
        match cause {
            Cause::Listed => watch.listed = true,
            Cause::Asked => watch.asked += 1,
        }
        watch.sight.is_none()
    }

    /// Takes a reason away. Who has none left watches no more.
    pub(crate) fn remove(&mut self, pair: ViewerPair, cause: Cause) {
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
    pub(crate) fn pairs_of(&self, user_id: UserId) -> Vec<ViewerPair> {
        let viewers = self.watched.get(&user_id).into_iter().flat_map(HashMap::keys);
        viewers
            .map(|viewer| ViewerPair {
                viewer: *viewer,
                user_id,
            })
            .collect()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Tells whether somebody watches a user.
    pub(crate) fn contains(&self, pair: ViewerPair) -> bool {
        self.of(pair).is_some()
    }

    /// Tells whether it is not known what one who watches may see.
    pub(crate) fn is_in_doubt(&self, pair: ViewerPair) -> bool {
        self.of(pair).is_some_and(|watch| watch.sight.is_none())
    }

    /// Returns those of the watches in doubt that this check is still to settle, and no later one.
    pub(crate) fn still_asked(&self, pairs: &[ViewerPair], check: CheckId) -> Vec<ViewerPair> {
        let waits = |watch: &Watch| watch.sight.is_none() && watch.check == check;
        let asked = pairs.iter().filter(|pair| self.of(**pair).is_some_and(waits));
        asked.copied().collect()
    }

    /// Puts watches in doubt: what they may see is to be asked now. Those that are none are passed over.
    pub(crate) fn doubt(&mut self, pairs: &[ViewerPair]) -> CheckId {
        self.last = CheckId(self.last.0 + 1);
        let check = self.last;
        for pair in pairs {
            if let Some(watch) = self.watch(*pair) {
                watch.sight = None;
                watch.check = check;
            }
        }
        check
    }

    /// Takes what was found out, unless it was asked again since; returns what is to be told to the one who watches.
    pub(crate) fn settle(
        &mut self,
        pair: ViewerPair,
        check: CheckId,
        sight: Sight,
        present: Presence,
    ) -> Option<Presence> {
        let watch = self.watch(pair).filter(|watch| watch.check == check)?;
        watch.sight = Some(sight);
        let known = Known::of(sight, present.status);
        let is_news = match std::mem::replace(&mut watch.known, known) {
            Known::Unsaid(status) => sight == Sight::Visible && status != present.status,
            before => before != known,
        };
        is_news.then(|| shown(sight, present))
    }

    /// Returns what somebody who asks is answered; they know it then.
    pub(crate) fn answer(&mut self, pair: ViewerPair, present: Presence) -> Presence {
        let Some(watch) = self.watch(pair) else {
            return shown(Sight::Hidden, present);
        };
        // In doubt, nothing is shown; what comes of it is told when it is settled.
        let sight = watch.sight.unwrap_or(Sight::Hidden);
        watch.known = Known::of(sight, present.status);
        shown(sight, present)
    }

    /// Returns who is to be told that a user came or went.
    pub(crate) fn tell(&mut self, present: Presence) -> Vec<UserId> {
        let Some(viewers) = self.watched.get_mut(&present.user_id) else {
            return Vec::new();
        };
        let known = Known::of(Sight::Visible, present.status);
        let clear = viewers
            .iter_mut()
            .filter(|(_, watch)| watch.sight == Some(Sight::Visible));
        clear
            .map(|(viewer, watch)| {
                watch.known = known;
                *viewer
            })
            .collect()
    }

    fn of(&self, pair: ViewerPair) -> Option<&Watch> {
        self.watched.get(&pair.user_id)?.get(&pair.viewer)
    }

    fn watch(&mut self, pair: ViewerPair) -> Option<&mut Watch> {
        self.watched.get_mut(&pair.user_id)?.get_mut(&pair.viewer)
    }
}

impl Known {
    const fn of(sight: Sight, status: Status) -> Self {
        match (sight, status) {
            (Sight::Hidden, _) => Self::Nothing,
            (Sight::Visible, Status::Online) => Self::Online,
            (Sight::Visible, Status::Offline) => Self::Offline,
        }
    }
}

/// Shows as much as may be seen.
pub(crate) const fn shown(sight: Sight, present: Presence) -> Presence {
    match sight {
        Sight::Visible => present,
        Sight::Hidden => Presence::offline(present.user_id, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timestamp::Timestamp;

    const ANA: UserId = UserId::from_bytes([1; 16]);
    const BEN: UserId = UserId::from_bytes([2; 16]);
    const CEM: UserId = UserId::from_bytes([3; 16]);
    const ANA_OF_BEN: ViewerPair = ViewerPair {
        viewer: ANA,
        user_id: BEN,
    };
    const CEM_OF_BEN: ViewerPair = ViewerPair {
        viewer: CEM,
        user_id: BEN,
    };
    const AT: Timestamp = Timestamp::from_millis(7);
    const THERE: Presence = Presence::online(BEN, AT);
    const AWAY: Presence = Presence::offline(BEN, Some(AT));
    const NOTHING: Presence = Presence::offline(BEN, None);

    /// Ana watches Ben, who was away when she began to; nothing is settled.
    fn watched() -> (Watchers, CheckId) {
        let mut watchers = Watchers::default();
        assert!(watchers.add(ANA_OF_BEN, Cause::Listed, Status::Offline));
        let check = watchers.doubt(&[ANA_OF_BEN]);
        (watchers, check)
    }

    /// Ana watches Ben, and may see him.
    fn seeing() -> Watchers {
        let (mut watchers, check) = watched();
        assert_eq!(watchers.settle(ANA_OF_BEN, check, Sight::Visible, AWAY), None);
        watchers
    }

    #[test]
    fn only_those_are_told_who_may_see() {
        let mut watchers = seeing();
        watchers.add(CEM_OF_BEN, Cause::Asked, Status::Offline);
        assert_eq!(watchers.tell(THERE), [ANA], "in doubt, nobody is told");
        let check = watchers.doubt(&[CEM_OF_BEN]);
        assert_eq!(watchers.settle(CEM_OF_BEN, check, Sight::Hidden, THERE), None);
        assert_eq!(watchers.tell(AWAY), [ANA]);
        assert_eq!(watchers.tell(Presence::online(CEM, AT)), [], "whom nobody watches");
    }

    #[test]
    fn a_watch_lasts_as_long_as_there_is_a_reason() {
        let mut watchers = seeing();
        for _ in 0..2 {
            assert!(
                !watchers.add(ANA_OF_BEN, Cause::Asked, Status::Offline),
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
        use Sight::{Hidden, Visible};
        // What Ana was told before the doubt, what is so after it, and what she is told then.
        let table = [
            (AWAY, (Visible, AWAY), None),
            (AWAY, (Visible, THERE), Some(THERE)),
            (AWAY, (Hidden, AWAY), Some(NOTHING)),
            (AWAY, (Hidden, THERE), Some(NOTHING)),
            (THERE, (Visible, THERE), None),
            (THERE, (Visible, AWAY), Some(AWAY)),
            (THERE, (Hidden, THERE), Some(NOTHING)),
        ];
        for (before, (sight, present), expected) in table {
            let mut watchers = seeing();
            assert_eq!(watchers.answer(ANA_OF_BEN, before), before);
            let check = watchers.doubt(&[ANA_OF_BEN]);
            let told = watchers.settle(ANA_OF_BEN, check, sight, present);
            assert_eq!(told, expected, "{before:?}, then {sight:?} {present:?}");
        }
        let mut watchers = seeing();
        let mut settle = |sight, present| {
            let check = watchers.doubt(&[ANA_OF_BEN]);
            watchers.settle(ANA_OF_BEN, check, sight, present)
        };
        assert_eq!(settle(Hidden, AWAY), Some(NOTHING));
        assert_eq!(settle(Hidden, THERE), None, "hidden is hidden");
        assert_eq!(settle(Visible, THERE), Some(THERE));
    }

    #[test]
    fn who_has_asked_for_nothing_yet_is_told_of_changes_alone() {
        let first = |sight, present| {
            let (mut watchers, check) = watched();
            watchers.settle(ANA_OF_BEN, check, sight, present)
        };
        assert_eq!(first(Sight::Visible, AWAY), None);
        assert_eq!(first(Sight::Visible, THERE), Some(THERE), "Ben came meanwhile");
        assert_eq!(first(Sight::Hidden, THERE), None);
    }

    #[test]
    fn an_answer_shows_nothing_of_what_is_in_doubt() {
        let (mut watchers, check) = watched();
        assert_eq!(watchers.answer(ANA_OF_BEN, THERE), NOTHING);
        assert_eq!(
            watchers.settle(ANA_OF_BEN, check, Sight::Visible, THERE),
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
        assert_eq!(watchers.settle(ANA_OF_BEN, older, Sight::Visible, THERE), None);
        assert_eq!(watchers.tell(THERE), []);
    }
}
