//! Watchers of each user's presence: what each may see, and what each already knows.
//!
//! Whether a viewer may see a user is read from stores, which takes time; such a read is called a *check*. While a
//! check is pending, the watcher is notified of nothing. When it is settled, the watcher is notified of the result if
//! it differs from what the watcher already knows.
//!
//! The module does no input or output: it records checks that the caller carries out.

use std::collections::HashMap;

use super::{Presence, Status};
use crate::domain::id::UserId;
use crate::domain::visibility::{ViewerPair, Visibility};

/// All watched users, with their watchers.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    watched: HashMap<UserId, HashMap<UserId, Watch>>,
    last: CheckId,
}

/// Reason for which a viewer watches a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The viewer lists the user as a contact.
    Listed,
    /// A connection of the viewer asked for the user's presence.
    Asked,
}

/// Number of a check. A check with a higher number was started later, and reads newer data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CheckId(u64);

/// Watch of one user by one viewer.
#[derive(Clone, Copy, Debug)]
struct Watch {
    listed: bool,
    /// Number of the viewer's connections that asked for it.
    asked: u32,
    /// Result of the last check; `None` while one is pending.
    visibility: Option<Visibility>,
    /// Newest check of this watch. Results of older checks are ignored.
    check: CheckId,
    known: Known,
}

/// Knowledge of a watcher about the user, from what was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing was sent yet, and the client may have read the presence before it began to watch: the status was this at
    /// that time.
    NothingSent(Status),
    /// The user is online.
    Online,
    /// The user is offline, with the time of the last connection.
    Offline,
    /// The user is offline, without a time: the actual presence is hidden.
    Nothing,
}

impl Watchers {
    /// Adds a reason for which a viewer watches a user. Returns true if a check is needed or pending, and so what the
    /// viewer may see is not known.
    pub(crate) fn add(&mut self, pair: ViewerPair, cause: Cause, status: Status) -> bool {
        let viewers = self.watched.entry(pair.user_id).or_default();
        let watch = viewers.entry(pair.viewer).or_insert(Watch {
            listed: false,
            asked: 0,
            visibility: None,
            check: CheckId::default(),
            known: Known::NothingSent(status),
        });
        match cause {
            Cause::Listed => watch.listed = true,
            Cause::Asked => watch.asked += 1,
        }
        watch.visibility.is_none()
    }

    /// Removes a reason. The watch ends with its last reason.
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

    /// Returns the watches of a user.
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

    /// Returns the number of watched users.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.watched.len()
    }

    /// Reports whether the viewer watches the user.
    pub(crate) fn contains(&self, pair: ViewerPair) -> bool {
        self.of(pair).is_some()
    }

    /// Reports whether a check of this watch is pending.
    pub(crate) fn is_check_pending(&self, pair: ViewerPair) -> bool {
        self.of(pair).is_some_and(|watch| watch.visibility.is_none())
    }

    /// Returns those of the watches for which `check` is pending and no later check was started.
    pub(crate) fn still_pending(&self, pairs: &[ViewerPair], check: CheckId) -> Vec<ViewerPair> {
        let is_pending = |watch: &Watch| watch.visibility.is_none() && watch.check == check;
        let pending = pairs.iter().filter(|pair| self.of(**pair).is_some_and(is_pending));
        pending.copied().collect()
    }

    /// Starts a check of these watches and returns its number. Pairs without a watch are ignored.
    pub(crate) fn start_check(&mut self, pairs: &[ViewerPair]) -> CheckId {
        self.last = CheckId(self.last.0 + 1);
        let check = self.last;
        for pair in pairs {
            if let Some(watch) = self.watch(*pair) {
                watch.visibility = None;
                watch.check = check;
            }
        }
        check
    }

    /// Records the result of a check, unless a later one was started. Returns the presence with which to notify the
    /// viewer, if it differs from what the viewer knows.
    pub(crate) fn settle(
        &mut self,
        pair: ViewerPair,
        check: CheckId,
        visibility: Visibility,
        present: Presence,
    ) -> Option<Presence> {
        let watch = self.watch(pair).filter(|watch| watch.check == check)?;
        watch.visibility = Some(visibility);
        let known = Known::of(visibility, present.status);
        // A client that was sent nothing yet is notified only if the status changed since it began to watch. A hidden
        // presence looks the same to it as no notification.
        let is_news = match std::mem::replace(&mut watch.known, known) {
            Known::NothingSent(status) => visibility == Visibility::Visible && status != present.status,
            before => before != known,
        };
        is_news.then(|| shown(visibility, present))
    }

    /// Returns the presence with which to answer a viewer who asks, and records that the viewer knows it.
    pub(crate) fn answer(&mut self, pair: ViewerPair, present: Presence) -> Presence {
        let Some(watch) = self.watch(pair) else {
            return shown(Visibility::Hidden, present);
        };
        // While a check is pending, the user is shown as hidden; a notification follows when it is settled.
        let visibility = watch.visibility.unwrap_or(Visibility::Hidden);
        watch.known = Known::of(visibility, present.status);
        shown(visibility, present)
    }

    /// Returns the viewers to notify of a user's new presence, and records that they know it.
    pub(crate) fn notify(&mut self, present: Presence) -> Vec<UserId> {
        let Some(viewers) = self.watched.get_mut(&present.user_id) else {
            return Vec::new();
        };
        let known = Known::of(Visibility::Visible, present.status);
        let seeing = viewers
            .iter_mut()
            .filter(|(_, watch)| watch.visibility == Some(Visibility::Visible));
        seeing
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
    /// Returns the knowledge of a watcher to whom a presence with this status was sent.
    const fn of(visibility: Visibility, status: Status) -> Self {
        match (visibility, status) {
            (Visibility::Hidden, _) => Self::Nothing,
            (Visibility::Visible, Status::Online) => Self::Online,
            (Visibility::Visible, Status::Offline) => Self::Offline,
        }
    }
}

/// Returns the presence as it is shown to a viewer with this visibility.
pub(crate) const fn shown(visibility: Visibility, present: Presence) -> Presence {
    match visibility {
        Visibility::Visible => present,
        Visibility::Hidden => Presence::offline(present.user_id, None),
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

    /// Returns watchers with one watch: Ana watches Ben, who was offline when it began, and the check is pending.
    fn watched() -> (Watchers, CheckId) {
        let mut watchers = Watchers::default();
        assert!(watchers.add(ANA_OF_BEN, Cause::Listed, Status::Offline));
        let check = watchers.start_check(&[ANA_OF_BEN]);
        (watchers, check)
    }

    /// Returns watchers with one watch: Ana watches Ben, and may see him.
    fn seeing() -> Watchers {
        let (mut watchers, check) = watched();
        assert_eq!(watchers.settle(ANA_OF_BEN, check, Visibility::Visible, AWAY), None);
        watchers
    }

    #[test]
    fn only_viewers_who_may_see_are_notified() {
        let mut watchers = seeing();
        watchers.add(CEM_OF_BEN, Cause::Asked, Status::Offline);
        assert_eq!(
            watchers.notify(THERE),
            [ANA],
            "no notification while a check is pending"
        );
        let check = watchers.start_check(&[CEM_OF_BEN]);
        assert_eq!(watchers.settle(CEM_OF_BEN, check, Visibility::Hidden, THERE), None);
        assert_eq!(watchers.notify(AWAY), [ANA]);
        assert_eq!(
            watchers.notify(Presence::online(CEM, AT)),
            [],
            "a user without watchers"
        );
    }

    #[test]
    fn a_watch_ends_with_its_last_reason() {
        let mut watchers = seeing();
        for _ in 0..2 {
            assert!(
                !watchers.add(ANA_OF_BEN, Cause::Asked, Status::Offline),
                "it is settled"
            );
        }
        watchers.remove(ANA_OF_BEN, Cause::Listed);
        watchers.remove(ANA_OF_BEN, Cause::Asked);
        assert_eq!(watchers.notify(THERE), [ANA]);
        watchers.remove(ANA_OF_BEN, Cause::Asked);
        watchers.remove(ANA_OF_BEN, Cause::Asked);
        assert_eq!(watchers.notify(AWAY), []);
        assert!(watchers.watched.is_empty(), "the watch is removed");
    }

    #[test]
    fn a_settled_check_notifies_only_of_changes() {
        use Visibility::{Hidden, Visible};
        // Presence that Ana knew before the check, its result, and the expected notification.
        let table = [
            (AWAY, (Visible, AWAY), None),
            (AWAY, (Visible, THERE), Some(THERE)),
            (AWAY, (Hidden, AWAY), Some(NOTHING)),
            (AWAY, (Hidden, THERE), Some(NOTHING)),
            (THERE, (Visible, THERE), None),
            (THERE, (Visible, AWAY), Some(AWAY)),
            (THERE, (Hidden, THERE), Some(NOTHING)),
        ];
        for (before, (visibility, present), expected) in table {
            let mut watchers = seeing();
            assert_eq!(watchers.answer(ANA_OF_BEN, before), before);
            let check = watchers.start_check(&[ANA_OF_BEN]);
            let notified = watchers.settle(ANA_OF_BEN, check, visibility, present);
            assert_eq!(notified, expected, "{before:?}, then {visibility:?} {present:?}");
        }
        let mut watchers = seeing();
        let mut settle = |visibility, present| {
            let check = watchers.start_check(&[ANA_OF_BEN]);
            watchers.settle(ANA_OF_BEN, check, visibility, present)
        };
        assert_eq!(settle(Hidden, AWAY), Some(NOTHING));
        assert_eq!(settle(Hidden, THERE), None, "a hidden user's changes are not notified");
        assert_eq!(settle(Visible, THERE), Some(THERE));
    }

    #[test]
    fn the_first_check_notifies_only_of_changes_since_the_watch_began() {
        let first = |visibility, present| {
            let (mut watchers, check) = watched();
            watchers.settle(ANA_OF_BEN, check, visibility, present)
        };
        assert_eq!(first(Visibility::Visible, AWAY), None);
        assert_eq!(
            first(Visibility::Visible, THERE),
            Some(THERE),
            "Ben connected in the meantime"
        );
        assert_eq!(first(Visibility::Hidden, THERE), None);
    }

    #[test]
    fn an_answer_hides_the_presence_while_a_check_is_pending() {
        let (mut watchers, check) = watched();
        assert_eq!(watchers.answer(ANA_OF_BEN, THERE), NOTHING);
        assert_eq!(
            watchers.settle(ANA_OF_BEN, check, Visibility::Visible, THERE),
            Some(THERE),
            "and is notified when it is settled"
        );
        assert_eq!(watchers.answer(ANA_OF_BEN, AWAY), AWAY);
        assert_eq!(watchers.answer(CEM_OF_BEN, THERE), NOTHING);
    }

    #[test]
    fn an_outdated_check_is_ignored() {
        let (mut watchers, older) = watched();
        let newer = watchers.start_check(&[ANA_OF_BEN]);
        assert_eq!(watchers.settle(ANA_OF_BEN, newer, Visibility::Hidden, AWAY), None);
        assert_eq!(watchers.settle(ANA_OF_BEN, older, Visibility::Visible, THERE), None);
        assert_eq!(watchers.notify(THERE), []);
    }
}
