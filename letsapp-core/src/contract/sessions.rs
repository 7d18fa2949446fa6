//! Sessions, refresh tokens and the keys of the server.

use super::Trial;
use super::fixtures::{at, generation, in_the_far_future, key, session, session_id, token, user_id};
use super::steps::at_once;
use crate::domain::id::SessionId;
use crate::domain::key::{KeyPurpose, Kid};
use crate::domain::session::Session;
use crate::ports::Revoke;

pub async fn a_session_is_found_as_stored(trial: Trial) {
    let bare = session(1, user_id(1));
    let mut full = Session {
        device_name: Some("Zoë’s 📱".to_owned()),
        last_used_at: at(77),
        previous: Some(token(200)),
        ..session(2, user_id(1))
    };
    full.refresh.used_at = Some(at(78));
    full.refresh.number = u32::MAX;
    full.refresh.kid = Kid("another".to_owned());
    trial.sign_in(&bare).await;
    trial.sign_in(&full).await;
    let mut found = trial.sessions().find(&[full.id, session_id(3), bare.id]).await.unwrap();
    found.sort_by_key(|session| session.created_at);
    assert_eq!(found, [bare, full]);
    assert_eq!(trial.sessions().find(&[]).await.unwrap(), []);
}

pub async fn sessions_of_a_user_come_newest_first(trial: Trial) {
    for n in [3, 1, 4, 2] {
        trial.sign_in(&session(n, user_id(1))).await;
    }
    trial.sign_in(&session(5, user_id(2))).await;
    let expected: Vec<_> = [4, 3, 2, 1].into_iter().map(|n| session(n, user_id(1))).collect();
    assert_eq!(trial.sessions().of_user(user_id(1)).await.unwrap(), expected);
    assert_eq!(trial.sessions().of_user(user_id(3)).await.unwrap(), []);
}

pub async fn rotation_replaces_the_refresh_token(trial: Trial) {
    let mut expected = session(1, user_id(1));
    expected.refresh.used_at = Some(at(5));
    trial.sign_in(&expected).await;
    trial.sign_in(&session(2, user_id(1))).await;
    for number in 2..5 {
        let from = expected.refresh.hash;
        let to = generation(number, u8::try_from(100 + number).unwrap());
        let expires_at = in_the_far_future(i64::from(number));
        assert!(
            trial
                .sessions()
                .rotate(expected.id, from, to.clone(), expires_at)
                .await
                .unwrap()
        );
        expected.last_used_at = to.issued_at;
        expected.expires_at = expires_at;
        expected.previous = Some(from);
        expected.refresh = to;
        assert_eq!(trial.session(1).await, Some(expected.clone()));
    }
    assert_eq!(
        trial.session(2).await,
        Some(session(2, user_id(1))),
        "no other session is touched"
    );
}

pub async fn rotation_from_any_other_token_changes_nothing(trial: Trial) {
    trial.sign_in(&session(1, user_id(1))).await;
    let rotate = async |n, from, to| {
        let sessions = trial.sessions();
        let rotated = sessions
            .rotate(session_id(n), token(from), generation(2, to), in_the_far_future(1))
            .await;
        rotated.unwrap()
    };
    assert!(!rotate(1, 99, 50).await, "a token never seen");
    assert!(!rotate(2, 1, 50).await, "no such session");
    assert_eq!(trial.session(1).await, Some(session(1, user_id(1))));
    assert!(rotate(1, 1, 50).await);
    let rotated = trial.session(1).await;
    assert!(!rotate(1, 1, 51).await, "the one just replaced");
    assert_eq!(trial.session(1).await, rotated);
}

pub async fn of_concurrent_rotations_from_one_token_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        trial.sign_in(&session(round, user_id(1))).await;
        let from = session(round, user_id(1)).refresh.hash;
        let rotations = at_once((0..12).map(|n| {
            let sessions = if n % 2 == 0 {
                trial.sessions()
            } else {
                another.sessions()
            };
            async move {
                let to = generation(2, 100 + n);
                sessions
                    .rotate(session_id(round), from, to, in_the_far_future(1))
                    .await
                    .unwrap()
            }
        }));
        let rotations = rotations.await;
        let winners: Vec<_> = (0..).zip(&rotations).filter(|(_, won)| **won).map(|(n, _)| n).collect();
        assert_eq!(winners.len(), 1, "{rotations:?}");
        let session = trial.session(round).await.unwrap();
        assert_eq!(
            (session.refresh.hash, session.previous),
            (token(100 + winners[0]), Some(from))
        );
    }
}

pub async fn the_time_of_last_use_only_rises(trial: Trial) {
    let mut expected = session(1, user_id(1));
    trial.sign_in(&expected).await;
    let used = async |number, millis| trial.sessions().used(session_id(1), number, at(millis)).await.unwrap();
    used(7, 100).await;
    expected.last_used_at = at(100);
    assert_eq!(
        trial.session(1).await,
        Some(expected.clone()),
        "another generation's use is the session's"
    );
    used(1, 300).await;
    expected.last_used_at = at(300);
    expected.refresh.used_at = Some(at(300));
    assert_eq!(trial.session(1).await, Some(expected.clone()));
    used(1, 200).await;
    assert_eq!(
        trial.session(1).await,
        Some(expected.clone()),
        "nothing falls, and the first use stays"
    );
    used(1, 400).await;
    expected.last_used_at = at(400);
    assert_eq!(trial.session(1).await, Some(expected.clone()));

    let to = generation(2, 50);
    assert!(
        trial
            .sessions()
            .rotate(session_id(1), token(1), to.clone(), in_the_far_future(1))
            .await
            .unwrap()
    );
    used(1, 9_000).await;
    let session = trial.session(1).await.unwrap();
    assert_eq!(session.refresh.used_at, None, "the new generation is unused yet");
    assert_eq!(session.last_used_at, at(9_000));
}

pub async fn only_a_users_own_sessions_are_revoked(trial: Trial) {
    for n in 1..=4 {
        trial.sign_in(&session(n, user_id(1))).await;
    }
    trial.sign_in(&session(5, user_id(2))).await;
    let revoke = async |user, which| {
        let mut revoked = trial.sessions().revoke(user_id(user), which).await.unwrap();
        revoked.sort_unstable();
        revoked
    };
    assert_eq!(revoke(1, Revoke::One(session_id(5))).await, [], "another's");
    assert_eq!(
        revoke(1, Revoke::One(session_id(9))).await,
        [],
        "a session that does not exist"
    );
    assert_eq!(trial.remaining(1).await, sorted([1, 2, 3, 4]));
    assert_eq!(revoke(1, Revoke::One(session_id(3))).await, sorted([3]));
    assert_eq!(revoke(1, Revoke::One(session_id(3))).await, [], "it is gone already");
    assert_eq!(trial.remaining(1).await, sorted([1, 2, 4]));
    assert_eq!(revoke(1, Revoke::AllBut(session_id(2))).await, sorted([1, 4]));
    assert_eq!(trial.remaining(1).await, sorted([2]));
    assert_eq!(revoke(1, Revoke::All).await, sorted([2]));
    assert_eq!(revoke(1, Revoke::All).await, []);
    assert_eq!(trial.remaining(2).await, sorted([5]));
}

pub async fn a_revoked_session_stays_gone(trial: Trial) {
    trial.sign_in(&session(1, user_id(1))).await;
    trial.sessions().revoke(user_id(1), Revoke::All).await.unwrap();
    let sessions = trial.sessions();
    let rotated = sessions
        .rotate(session_id(1), token(1), generation(2, 50), in_the_far_future(1))
        .await;
    assert!(!rotated.unwrap());
    sessions.used(session_id(1), 1, at(100)).await.unwrap();
    assert_eq!(trial.session(1).await, None);
    assert_eq!(trial.sessions().of_user(user_id(1)).await.unwrap(), []);
}

pub async fn revoking_while_others_rotate_and_use_leaves_nothing(trial: Trial) {
    let another = trial.another().await;
    for round in 1..9 {
        trial.sign_in(&session(round, user_id(1))).await;
        let from = session(round, user_id(1)).refresh.hash;
        at_once((0..6).map(|n| {
            let sessions = if n % 2 == 0 {
                trial.sessions()
            } else {
                another.sessions()
            };
            async move {
                match n {
                    0 => drop(sessions.revoke(user_id(1), Revoke::All).await.unwrap()),
                    1 | 2 => drop(
                        sessions
                            .rotate(session_id(round), from, generation(2, 50 + n), in_the_far_future(1))
                            .await,
                    ),
                    _ => sessions.used(session_id(round), 1, at(i64::from(n))).await.unwrap(),
                }
            }
        }))
        .await;
        assert_eq!(trial.session(round).await, None);
        assert_eq!(trial.sessions().of_user(user_id(1)).await.unwrap(), []);
    }
}

pub async fn expired_sessions_are_removed_those_that_ended_first(trial: Trial) {
    // Far ahead, because a store may remove sessions that have ended by its own clock.
    for n in 1..=6 {
        let expires_at = in_the_far_future(i64::try_from(7 - n).expect("it is small"));
        trial
            .sign_in(&Session {
                expires_at,
                ..session(n, user_id(n % 2))
            })
            .await;
    }
    let sessions = trial.sessions();
    let before = in_the_far_future(5);
    assert!(!sessions.remove_expired(before, 2).await.unwrap(), "there are more");
    assert_eq!(trial.remaining(0).await, sorted([2, 4]));
    assert_eq!(trial.remaining(1).await, sorted([1, 3]));
    while !sessions.remove_expired(before, 2).await.unwrap() {}
    assert_eq!(
        trial.remaining(0).await,
        sorted([2]),
        "one that ends at that time stays"
    );
    assert_eq!(trial.remaining(1).await, sorted([1]));
    let rotated = sessions
        .rotate(
            session_id(2),
            session(2, user_id(0)).refresh.hash,
            generation(2, 50),
            in_the_far_future(9),
        )
        .await;
    assert!(rotated.unwrap(), "the others are as they were");
    assert!(sessions.remove_expired(in_the_far_future(9), 2).await.unwrap());
    assert_eq!(trial.remaining(0).await, sorted([2]), "what was refreshed ends later");
    assert_eq!(trial.remaining(1).await, sorted([]));
}

pub async fn the_first_key_of_a_purpose_is_kept(trial: Trial) {
    let keys = trial.keys();
    for purpose in KeyPurpose::ALL {
        let first = key(&format!("{}-1", purpose.as_str()), purpose);
        assert_eq!(keys.keys(purpose, first.clone()).await.unwrap(), [first.clone()]);
        let second = key(&format!("{}-second", purpose.as_str()), purpose);
        assert_eq!(keys.keys(purpose, second).await.unwrap(), [first]);
    }
}

pub async fn concurrent_first_reads_of_a_key_get_the_same_key(trial: Trial) {
    let another = trial.another().await;
    for purpose in KeyPurpose::ALL {
        let found = at_once((0..12).map(|n| {
            let keys = if n % 2 == 0 { trial.keys() } else { another.keys() };
            let candidate = key(&format!("{}{}", purpose.as_str(), "+".repeat(n)), purpose);
            async move { keys.keys(purpose, candidate).await.unwrap() }
        }));
        let found = found.await;
        assert_eq!(found[0].len(), 1);
        assert!(found.iter().all(|keys| *keys == found[0]), "{found:?}");
    }
}

fn sorted<const N: usize>(numbers: [u64; N]) -> Vec<SessionId> {
    let mut ids: Vec<_> = numbers.into_iter().map(session_id).collect();
    ids.sort_unstable();
    ids
}

impl Trial {
    async fn sign_in(&self, session: &Session) {
        self.sessions().create(session.clone()).await.unwrap();
    }

    async fn session(&self, n: u64) -> Option<Session> {
        self.sessions().find(&[session_id(n)]).await.unwrap().pop()
    }

    async fn remaining(&self, user: u64) -> Vec<SessionId> {
        let sessions = self.sessions().of_user(user_id(user)).await.unwrap();
        let mut ids: Vec<_> = sessions.into_iter().map(|session| session.id).collect();
        ids.sort_unstable();
        ids
    }
}
