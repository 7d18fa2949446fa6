//! Standings: what a sync reads of all conversations of a user.

use super::Trial;
use super::fixtures::{at, conversation_id, text, user_id};
use super::steps::append;
use crate::domain::departure::Departure;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::mark::{Mark, Since};
use crate::domain::member::{MemberChange, PreferencesPatch, Watermarks};
use crate::domain::role::Role;
use crate::ports::{Advance, Standing, Standings};

pub async fn every_membership_has_a_standing(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let pair = trial.direct(ana, ben).await;
    let group = trial.group(1, &[ana, ben]).await;
    let left = trial.group(2, &[ana, ben]).await;
    trial.tell(left, 3, &[MemberChange::Left(ben)], 1).await;
    trial.direct(ana, user_id(3)).await;
    let standings = trial.standings(ben, Since::Beginning).await;
    let mut found: Vec<_> = standings
        .memberships
        .iter()
        .map(|s| (s.conversation_id, s.is_in))
        .collect();
    found.sort_unstable();
    let mut expected = vec![(pair, true), (group, true), (left, false)];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(standings.memberships.iter().all(|standing| standing.moved.is_some()));
    assert_eq!(trial.standings(user_id(9), Since::Beginning).await.memberships, []);
}

pub async fn every_change_of_a_members_record_takes_a_greater_mark(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let group = trial.group(1, &[ana, ben]).await;
    let mut seen = trial.standings(ben, Since::Beginning).await;
    let mut last = seen.moved(group).unwrap();
    for step in 0..5 {
        match step {
            0 => trial.reads(group, ben, 1).await,
            // Dated before the last change, as by a clock that was set back.
            1 => {
                let patch = PreferencesPatch {
                    pinned: Some(true),
                    ..PreferencesPatch::default()
                };
                let changed = trial
                    .conversations()
                    .update_preferences(group, ben, patch, at(-9))
                    .await;
                assert!(changed.unwrap().is_some());
            }
            2 => drop(trial.tell(group, 2, &[MemberChange::Role(ben, Role::Admin)], 1).await),
            3 => drop(trial.tell(group, 3, &[MemberChange::Left(ben)], 2).await),
            _ => {
                let left = trial.member(group, ben).await.departure.expect("ben has left");
                let unlisted = Departure { listed: false, ..*left };
                let put = trial.conversations().put_departure(group, ben, unlisted).await;
                put.expect("the store works");
            }
        }
        let after = trial.standings(ben, Since::Mark(seen.mark)).await;
        let moved = after.moved(group).expect("the change is after the mark");
        assert!(moved > last, "step {step}: {moved:?} after {last:?}");
        assert!(after.mark >= seen.mark);
        (seen, last) = (after, moved);
    }
}

pub async fn a_mark_covers_what_its_answer_shows(trial: Trial) {
    if trial.store.is_shared() {
        // Changes of the last seconds may count again there.
        return;
    }
    let (ana, ben) = (user_id(1), user_id(2));
    let (pair, group) = (trial.direct(ana, ben).await, trial.group(1, &[ana, ben]).await);
    trial.store(append(text(pair, 1, ana), Seq::ZERO)).await;
    trial.reads(group, ana, 1).await;
    trial.reads(pair, ben, 1).await;
    let first = trial.standings(ana, Since::Mark(Mark::ZERO)).await;
    assert_eq!(first.moved(pair), Some(first.mark), "the last change, of the peer");
    let second = trial.standings(ana, Since::Mark(first.mark)).await;
    assert_eq!((second.moved(pair), second.moved(group)), (None, None));
    trial.reads(pair, ana, 1).await;
    let third = trial.standings(ana, Since::Mark(first.mark)).await;
    assert_eq!((third.moved(pair), third.moved(group)), (Some(third.mark), None));
}

pub async fn a_departure_that_is_not_stored_is_no_change(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let group = trial.group(1, &[ana, ben]).await;
    trial.tell(group, 2, &[MemberChange::Left(ben)], 1).await;
    let before = trial.standings(ben, Since::Beginning).await.moved(group);
    let left = trial.member(group, ben).await.departure.expect("ben has left");
    let earlier = Departure { seq: Seq(1), ..*left };
    let put = trial.conversations().put_departure(group, ben, earlier).await;
    put.expect("the store works");
    assert_eq!(trial.standings(ben, Since::Beginning).await.moved(group), before);
}

pub async fn the_record_of_the_peer_counts_in_direct_conversations_only(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let (pair, group) = (trial.direct(ana, ben).await, trial.group(1, &[ana, ben]).await);
    trial.store(append(text(pair, 1, ana), Seq::ZERO)).await;
    let first = trial.standings(ana, Since::Mark(Mark::ZERO)).await;
    let (in_pair, in_group) = (first.moved(pair), first.moved(group));
    trial.reads(pair, ben, 1).await;
    trial.reads(group, ben, 1).await;
    let second = trial.standings(ana, Since::Mark(Mark::ZERO)).await;
    assert!(second.moved(pair) > in_pair);
    assert_eq!(second.moved(group), in_group);
    assert!(
        trial
            .standings(ana, Since::Mark(first.mark))
            .await
            .moved(pair)
            .is_some()
    );
}

pub async fn an_advance_that_raises_nothing_is_no_change(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let group = trial.group(1, &[ana, ben]).await;
    trial.reads(group, ben, 1).await;
    let before = trial.standings(ben, Since::Beginning).await.moved(group);
    trial.reads(group, ben, 1).await;
    assert_eq!(trial.standings(ben, Since::Beginning).await.moved(group), before);
}

pub async fn standings_since_a_time_go_by_the_dates_of_changes(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let pair = trial.direct(ana, ben).await;
    trial.store(append(text(pair, 1, ana), Seq::ZERO)).await;
    let moved = async |time| trial.standings(ana, Since::Time(at(time))).await.moved(pair).is_some();
    assert!(moved(0).await);
    assert!(!moved(1).await);
    let to = Watermarks::read(Seq(1));
    trial.raise(pair, ben, to, 50).await;
    assert!(moved(50).await, "the peer has read");
    assert!(!moved(51).await);
}

pub async fn a_deleted_group_has_no_standing(trial: Trial) {
    let ana = user_id(1);
    let group = trial.group(1, &[ana]).await;
    trial.delete_group(group, 2, &[ana], 1).await;
    assert_eq!(trial.standings(ana, Since::Beginning).await.memberships, []);
}

pub async fn standings_and_marks_survive_a_restart(mut trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let pair = trial.direct(ana, ben).await;
    trial.store(append(text(pair, 1, ana), Seq::ZERO)).await;
    let before = trial.standings(ana, Since::Beginning).await;
    trial.restart().await;
    let first = before.moved(pair);
    assert_eq!(trial.standings(ana, Since::Beginning).await.moved(pair), first);
    trial.reads(pair, ana, 1).await;
    assert!(trial.standings(ana, Since::Mark(before.mark)).await.moved(pair) > first);
}

pub async fn the_newest_revs_of_conversations_come_at_once(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let (pair, group) = (trial.direct(ana, ben).await, trial.group(1, &[ana, ben]).await);
    let first = trial.store(append(text(pair, 1, ana), Seq::ZERO)).await;
    trial.edit(&first, "edited", Seq::ZERO).await;
    let empty = trial.direct(ana, user_id(3)).await;
    let ids = [pair, group, empty, conversation_id(99)];
    let mut revs = trial.conversations().revs(&ids).await.unwrap();
    revs.retain(|(_, rev)| *rev > Rev::ZERO);
    revs.sort_unstable();
    let mut expected = vec![(pair, Rev(2)), (group, Rev(1))];
    expected.sort_unstable();
    assert_eq!(revs, expected);
    assert_eq!(trial.conversations().revs(&[]).await.unwrap(), []);
}

impl Trial {
    async fn standings(&self, user_id: UserId, since: Since) -> Standings {
        self.conversations().standings(user_id, since).await.unwrap()
    }

    async fn reads(&self, id: ConversationId, user_id: UserId, seq: u64) {
        self.raise(id, user_id, Watermarks::read(Seq(seq)), 0).await;
    }

    async fn raise(&self, conversation_id: ConversationId, user_id: UserId, to: Watermarks, millis: i64) {
        let advance = Advance {
            conversation_id,
            user_id,
            to,
            at: at(millis),
        };
        assert!(self.conversations().advance(vec![advance]).await.unwrap()[0].is_some());
    }
}

impl Standings {
    fn moved(&self, id: ConversationId) -> Option<Mark> {
        let is_it = |standing: &&Standing| standing.conversation_id == id;
        self.memberships.iter().find(is_it).expect("there is a standing").moved
    }
}
