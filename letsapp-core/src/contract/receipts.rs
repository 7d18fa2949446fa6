//! Watermarks and preferences, which members change in their own records.

use super::Trial;
use super::fixtures::{at, conversation_id, user_id};
use super::steps::at_once;
use crate::domain::id::{ConversationId, Seq, UserId};
use crate::domain::member::{Member, MemberChange, Preferences, PreferencesPatch, Watermarks};
use crate::domain::role::Role;
use crate::ports::{Advance, Advanced};

pub async fn watermarks_only_rise(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let steps = [
        ((5, 0), (0, 0), (5, 0)),
        ((3, 0), (5, 0), (5, 0)),
        ((0, 4), (5, 0), (5, 4)),
        ((5, 4), (5, 4), (5, 4)),
        ((9, 2), (5, 4), (9, 4)),
    ];
    for (millis, (to, before, after)) in (1..).zip(steps) {
        let advanced = trial.advance(vec![advance(id, ana, to, millis)]).await;
        assert_eq!(advanced, [Some(advanced_from(before, after))]);
        assert_eq!(trial.member(id, ana).await.watermarks, marks(after));
    }
    assert_eq!(
        trial.member(id, user_id(2)).await.watermarks,
        Watermarks::default(),
        "the other's stay"
    );
}

pub async fn reading_raises_the_delivered_watermark(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    trial.advance(vec![advance(id, ana, (2, 0), 1)]).await;
    let advanced = trial.advance(vec![advance(id, ana, (0, 7), 2)]).await;
    assert_eq!(advanced, [Some(advanced_from((2, 0), (7, 7)))]);
    let advanced = trial.advance(vec![advance(id, ana, (3, 8), 3)]).await;
    assert_eq!(advanced, [Some(advanced_from((7, 7), (8, 8)))]);
}

pub async fn several_advances_of_a_member_in_one_call_all_count(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let (one, two) = (trial.direct(ana, ben).await, trial.group(1, &[ana, ben]).await);
    let advanced = trial.advance(vec![
        advance(one, ana, (4, 0), 1),
        advance(one, ana, (2, 2), 2),
        advance(two, ana, (1, 0), 3),
        advance(one, ben, (1, 1), 4),
        advance(conversation_id(9), ana, (9, 9), 5),
        advance(one, ana, (6, 1), 6),
        advance(one, user_id(3), (9, 9), 7),
        advance(one, ana, (5, 0), 8),
    ]);
    let expected = [
        Some(advanced_from((0, 0), (4, 0))),
        Some(advanced_from((4, 0), (4, 2))),
        Some(advanced_from((0, 0), (1, 0))),
        Some(advanced_from((0, 0), (1, 1))),
        None,
        Some(advanced_from((4, 2), (6, 2))),
        None,
        Some(advanced_from((6, 2), (6, 2))),
    ];
    assert_eq!(advanced.await, expected);
    let member = trial.member(one, ana).await;
    assert_eq!((member.watermarks, member.changed_at), (marks((6, 2)), at(6)));
    assert_eq!(
        trial.conversations().members(&[(one, user_id(3))]).await.unwrap(),
        [],
        "no member was created"
    );
    assert_eq!(trial.advance(Vec::new()).await, []);
}

pub async fn an_advance_changes_the_time_only_if_it_raises_a_watermark(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let before = trial.member(id, ana).await;
    trial.advance(vec![advance(id, ana, (3, 3), 10)]).await;
    let expected = Member {
        watermarks: marks((3, 3)),
        changed_at: at(10),
        ..before
    };
    assert_eq!(trial.member(id, ana).await, expected);
    trial.advance(vec![advance(id, ana, (3, 2), 20)]).await;
    assert_eq!(trial.member(id, ana).await, expected);
    let listed = trial.conversations().memberships(ana).await.unwrap();
    assert_eq!(listed, [expected.clone()], "wherever it is kept");
    // An earlier time stored after a later one, in another call and in the same.
    trial.advance(vec![advance(id, ana, (5, 4), 9)]).await;
    let expected = Member {
        watermarks: marks((5, 4)),
        ..expected
    };
    assert_eq!(trial.member(id, ana).await, expected, "the time does not go back");
    trial
        .advance(vec![advance(id, ana, (6, 4), 12), advance(id, ana, (7, 4), 11)])
        .await;
    let expected = Member {
        watermarks: marks((7, 4)),
        changed_at: at(12),
        ..expected
    };
    assert_eq!(trial.member(id, ana).await, expected, "the time does not go back");
    let patch = PreferencesPatch {
        pinned: Some(true),
        ..PreferencesPatch::default()
    };
    let mut pinned = expected;
    patch.apply(&mut pinned.preferences);
    for patch in [patch, PreferencesPatch::default()] {
        let preferred = trial
            .conversations()
            .update_preferences(id, ana, patch, at(8))
            .await
            .unwrap();
        assert_eq!(preferred, Some(pinned.clone()));
    }
    assert_eq!(trial.member(id, ana).await, pinned);
}

pub async fn former_members_have_watermarks_too(trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    trial.tell(id, 2, &[MemberChange::Left(ben)], 1).await;
    let advanced = trial.advance(vec![advance(id, ben, (2, 2), 9)]).await;
    assert_eq!(advanced, [Some(advanced_from((0, 0), (2, 2)))]);
    assert!(!trial.member(id, ben).await.is_in());
}

pub async fn of_concurrent_advances_the_highest_stays(trial: Trial) {
    let another = trial.another().await;
    let users: Vec<_> = (1..=3).map(user_id).collect();
    let id = trial.group(1, &users).await;
    at_once((0..30).map(|n| {
        let conversations = if n % 2 == 0 {
            trial.conversations()
        } else {
            another.conversations()
        };
        let users = users.clone();
        async move {
            let rises = users.iter().zip([7, 11, 13]).map(|(user, step)| {
                let to = (n * step) % 31;
                advance(id, *user, (to, to / 2), i64::try_from(n).unwrap())
            });
            let rises: Vec<_> = rises.collect();
            let advanced = conversations.advance(rises.clone()).await.unwrap();
            for (rise, advanced) in rises.iter().zip(advanced) {
                let advanced = advanced.unwrap();
                assert_eq!(advanced.to, advanced.to.merge(rise.to), "at least what was offered");
                assert_eq!(advanced.to, advanced.to.merge(advanced.from), "nothing fell");
            }
        }
    }))
    .await;
    for (user, step) in users.iter().zip([7, 11, 13]) {
        let highest = (0..30).map(|n| (n * step) % 31).max().unwrap();
        assert_eq!(trial.member(id, *user).await.watermarks, marks((highest, highest / 2)));
    }
}

pub async fn preferences_change_only_in_the_given_fields(trial: Trial) {
    let ana = user_id(1);
    let id = trial.direct(ana, user_id(2)).await;
    let patches = [
        PreferencesPatch {
            archived: Some(true),
            ..PreferencesPatch::default()
        },
        PreferencesPatch {
            pinned: Some(true),
            muted_until: Some(Some(at(99))),
            ..PreferencesPatch::default()
        },
        PreferencesPatch {
            muted_until: Some(None),
            archived: Some(false),
            ..PreferencesPatch::default()
        },
    ];
    let mut expected = trial.member(id, ana).await;
    for (millis, patch) in (1..).zip(patches) {
        patch.apply(&mut expected.preferences);
        expected.changed_at = at(millis);
        let preferred = trial
            .conversations()
            .update_preferences(id, ana, patch, at(millis))
            .await
            .unwrap();
        assert_eq!(preferred, Some(expected.clone()));
        assert_eq!(trial.member(id, ana).await, expected);
        assert_eq!(
            trial.conversations().memberships(ana).await.unwrap(),
            [expected.clone()]
        );
    }
    assert_eq!(trial.member(id, user_id(2)).await.preferences, Preferences::default());
    let unknown = trial
        .conversations()
        .update_preferences(id, user_id(3), PreferencesPatch::default(), at(9))
        .await;
    assert_eq!(unknown.unwrap(), None);
    assert_eq!(trial.conversations().members(&[(id, user_id(3))]).await.unwrap(), []);
}

pub async fn concurrent_changes_of_one_record_all_stay(trial: Trial) {
    let another = trial.another().await;
    let (ana, ben) = (user_id(1), user_id(2));
    let id = trial.group(1, &[ana, ben]).await;
    for round in 1..=15 {
        let (advancing, preferring, governing) = (trial.conversations(), another.conversations(), trial.clone());
        let role = if round % 2 == 0 { Role::Member } else { Role::Admin };
        let change = [MemberChange::Role(ben, role)];
        let pinned = round % 3 == 0;
        let millis = i64::try_from(round).unwrap();
        let patch = PreferencesPatch {
            pinned: Some(pinned),
            ..PreferencesPatch::default()
        };
        tokio::join!(
            async {
                advancing
                    .advance(vec![advance(id, ben, (round, round), millis)])
                    .await
                    .unwrap()
            },
            async { preferring.update_preferences(id, ben, patch, at(millis)).await.unwrap() },
            governing.tell(id, 1 + round, &change, round),
        );
        let member = trial.member(id, ben).await;
        assert_eq!(
            (member.role, member.watermarks, member.preferences.pinned),
            (role, marks((round, round)), pinned)
        );
        assert_eq!(trial.conversations().memberships(ben).await.unwrap(), [member]);
    }
}

fn marks((delivered, read): (u64, u64)) -> Watermarks {
    Watermarks {
        delivered: Seq(delivered),
        read: Seq(read),
    }
}

fn advance(conversation_id: ConversationId, user_id: UserId, to: (u64, u64), millis: i64) -> Advance {
    Advance {
        conversation_id,
        user_id,
        to: marks(to),
        at: at(millis),
    }
}

fn advanced_from(from: (u64, u64), to: (u64, u64)) -> Advanced {
    Advanced {
        from: marks(from),
        to: marks(to),
    }
}

impl Trial {
    async fn advance(&self, advances: Vec<Advance>) -> Vec<Option<Advanced>> {
        self.conversations().advance(advances).await.unwrap()
    }
}
