//! The last-seen times of users.

use super::Trial;
use super::fixtures::{at, user, user_id, user_in_full};
use super::steps::at_once;
use crate::domain::id::UserId;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, ProfilePatch, User};

/// Returns the last-seen time of a user.
async fn last_seen(trial: &Trial, id: UserId) -> Option<Timestamp> {
    trial.users().find(&[id]).await.unwrap()[0].last_seen_at
}

pub async fn last_seen_is_the_latest_time_stored(trial: Trial) {
    let users = trial.users();
    trial.sign_up(&user(1, "ana")).await;
    assert_eq!(last_seen(&trial, user_id(1)).await, None);
    for (noted, expected) in [(50, 50), (30, 50), (51, 51), (51, 51), (7_000_000, 7_000_000)] {
        users.seen(&[(user_id(1), at(noted))]).await.unwrap();
        assert_eq!(last_seen(&trial, user_id(1)).await, Some(at(expected)), "after {noted}");
    }
}

pub async fn one_call_stores_the_times_of_many_users(trial: Trial) {
    let users = trial.users();
    for n in 0..50 {
        trial.sign_up(&user(n, &format!("user_{n}"))).await;
    }
    let time = |n: u64| at(i64::try_from(n).unwrap());
    let times: Vec<_> = (0..40).map(|n| (user_id(n), time(n))).collect();
    users.seen(&times).await.unwrap();
    users.seen(&[]).await.unwrap();
    for n in 0..50 {
        assert_eq!(
            last_seen(&trial, user_id(n)).await,
            (n < 40).then(|| time(n)),
            "user {n}"
        );
    }
}

pub async fn of_several_times_of_a_user_in_one_call_the_latest_stays(trial: Trial) {
    trial.sign_up(&user(1, "ana")).await;
    let times = [3, 9, 5].map(|millis| (user_id(1), at(millis)));
    trial.users().seen(&times).await.unwrap();
    assert_eq!(last_seen(&trial, user_id(1)).await, Some(at(9)));
}

pub async fn unknown_and_erased_users_get_no_last_seen_time(trial: Trial) {
    let users = trial.users();
    let erased = User {
        deleted_at: Some(at(5)),
        ..user(1, "gone")
    };
    trial.sign_up(&erased).await;
    trial.sign_up(&user(2, "ana")).await;
    let times = [user_id(1), user_id(3), user_id(2)].map(|id| (id, at(9)));
    users.seen(&times).await.unwrap();
    assert_eq!(users.find(&[erased.id, user_id(3)]).await.unwrap(), [erased]);
    assert_eq!(last_seen(&trial, user_id(2)).await, Some(at(9)), "others are");
}

pub async fn storing_last_seen_changes_nothing_else(trial: Trial) {
    let users = trial.users();
    let ana = user_in_full(1, "ana");
    trial.sign_up(&ana).await;
    users.seen(&[(ana.id, at(9))]).await.unwrap();
    let seen = User {
        last_seen_at: Some(at(9)),
        ..ana.clone()
    };
    assert_eq!(users.find(&[ana.id]).await.unwrap(), [seen.clone()]);
    let about = About::from_stored("new");
    let patch = ProfilePatch {
        about: Some(about.clone()),
        ..ProfilePatch::default()
    };
    users.update(ana.id, patch).await.unwrap();
    assert_eq!(users.find(&[ana.id]).await.unwrap(), [User { about, ..seen }]);
}

pub async fn of_times_stored_concurrently_the_latest_stays(trial: Trial) {
    let another = trial.another().await;
    trial.sign_up(&user(1, "ana")).await;
    trial.sign_up(&user(2, "ben")).await;
    at_once((0..40).map(|n| {
        let users = if n % 2 == 0 { trial.users() } else { another.users() };
        // Two servers name the same users in different orders, which may make a store deadlock.
        let mut times = [(user_id(1), at(n * 7 % 40)), (user_id(2), at(n * 11 % 40))];
        if n % 2 == 0 {
            times.reverse();
        }
        async move { users.seen(&times).await.unwrap() }
    }))
    .await;
    assert_eq!(last_seen(&trial, user_id(1)).await, Some(at(39)));
    assert_eq!(last_seen(&trial, user_id(2)).await, Some(at(39)));
}
