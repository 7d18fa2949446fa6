//! Restarts: everything that was acknowledged is there afterwards.

use super::Trial;
use super::fixtures::{
    at, deleted, direct, generation, in_the_far_future, key, password, session, session_id, text, token, user, user_id,
    user_in_full,
};
use super::message_search_fixtures::search;
use super::steps::{ALL, append, at_once, duplicate, position, revise};
use crate::domain::id::Seq;
use crate::domain::key::KeyPurpose;
use crate::domain::member::{MemberChange, PreferencesPatch, Watermarks};
use crate::domain::role::Role;
use crate::domain::user::ProfilePatch;
use crate::domain::window::Span;
use crate::ports::{Advance, Claim, Creation, Login, Outcome, RepositoryError, Revoke};

pub async fn accounts_survive_a_restart(mut trial: Trial) {
    trial.sign_up(&user_in_full(1, "ana")).await;
    trial.sign_up(&user(2, "ben")).await;
    let patch = ProfilePatch {
        email: Some(None),
        ..ProfilePatch::default()
    };
    trial.users().update(user_id(1), patch).await.unwrap();
    let replaced = trial
        .users()
        .replace_password(user_id(2), &password("ben"), password("new"))
        .await;
    assert!(replaced.unwrap());
    let before = trial.users().find(&[user_id(1)]).await.unwrap();
    trial.restart().await;
    assert_eq!(trial.users().find(&[user_id(1)]).await.unwrap(), before);
    let credential = trial.users().credential(&Login::Id(user_id(2))).await.unwrap().unwrap();
    assert_eq!(credential.password, password("new"));
    assert_eq!(trial.found("zoe").await, ["ana"]);
    let claim = trial.users().create(user(3, "ben"), password("x")).await;
    assert_eq!(claim.unwrap(), Claim::UsernameTaken);
    trial.sign_up(&user_in_full(4, "ana2")).await;
}

pub async fn sessions_and_keys_survive_a_restart(mut trial: Trial) {
    let keys = trial
        .keys()
        .keys(KeyPurpose::Refresh, key("first", KeyPurpose::Refresh))
        .await
        .unwrap();
    for n in 1..=3 {
        trial.sessions().create(session(n, user_id(1))).await.unwrap();
    }
    trial
        .sessions()
        .revoke(user_id(1), Revoke::One(session_id(2)))
        .await
        .unwrap();
    let rotated = trial
        .sessions()
        .rotate(session_id(1), token(1), generation(2, 50), in_the_far_future(5))
        .await;
    assert!(rotated.unwrap());
    trial.sessions().used(session_id(1), 2, at(7_000)).await.unwrap();
    let before = trial.sessions().of_user(user_id(1)).await.unwrap();
    trial.restart().await;
    assert_eq!(trial.sessions().of_user(user_id(1)).await.unwrap(), before);
    assert_eq!(trial.sessions().find(&[session_id(2)]).await.unwrap(), []);
    let again = trial
        .keys()
        .keys(KeyPurpose::Refresh, key("second", KeyPurpose::Refresh))
        .await;
    assert_eq!(again.unwrap(), keys);
}

pub async fn conversations_survive_a_restart(mut trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let pair = trial.direct(ana, ben).await;
    let group = trial.group(1, &[ana, ben]).await;
    trial.tell(group, 2, &[MemberChange::Left(ben)], 1).await;
    trial.tell(group, 3, &[MemberChange::Joined(ben, Role::Admin)], 2).await;
    let first = trial.store(append(text(pair, 1, ana), Seq::ZERO)).await;
    let second = trial.store(append(text(pair, 2, ben), Seq::ZERO)).await;
    trial.edit(&first, "edited", Seq::ZERO).await;
    trial.store(revise(deleted(&second, 9), Seq::ZERO)).await;
    let advance = Advance {
        conversation_id: pair,
        user_id: ana,
        to: Watermarks::read(Seq(2)),
        at: at(10),
    };
    trial.conversations().advance(vec![advance]).await.unwrap();
    let patch = PreferencesPatch {
        muted_until: Some(Some(at(99))),
        ..PreferencesPatch::default()
    };
    trial
        .conversations()
        .update_preferences(group, ben, patch, at(11))
        .await
        .unwrap();

    let before = (trial.roster(pair).await, trial.roster(group).await);
    let heads = (trial.head(pair).await, trial.head(group).await);
    let messages = (trial.audit(pair).await, trial.audit(group).await);
    trial.restart().await;
    assert_eq!((trial.roster(pair).await, trial.roster(group).await), before);
    assert_eq!((trial.head(pair).await, trial.head(group).await), heads);
    assert_eq!((trial.audit(pair).await, trial.audit(group).await), messages);
    let span = Span {
        conversation_id: pair,
        after: Seq::ZERO,
        through: Seq(2),
    };
    assert_eq!(trial.messages().count_unread(&[span]).await.unwrap(), [1]);
    let memberships = trial.conversations().memberships(ben).await.unwrap();
    assert_eq!(memberships.len(), 2);
    assert!(memberships.contains(&trial.member(group, ben).await));
}

pub async fn numbers_go_on_after_a_restart(mut trial: Trial) {
    let (ana, ben) = (user_id(1), user_id(2));
    let pair = trial.direct(ana, ben).await;
    let group = trial.group(1, &[ana, ben]).await;
    let first = trial.store(append(text(pair, 1, ana), Seq::ZERO)).await;
    let first = trial.edit(&first, "edited", Seq::ZERO).await;
    trial.restart().await;
    let again = trial.commit_one(append(text(pair, 1, ana), Seq::ZERO)).await;
    assert_eq!(duplicate(again), first, "a retry over a restart");
    let outcomes = trial.commit(vec![
        append(text(pair, 2, ben), Seq::ZERO),
        append(text(group, 2, ben), Seq::ZERO),
        append(text(group, 2, ben), Seq(1)),
    ]);
    assert_eq!(
        outcomes.await,
        [position(2, 3, 2), Outcome::Outdated, position(2, 2, 1)]
    );
    trial.restart().await;
    trial.tell(group, 3, &[MemberChange::Left(ben)], 1).await;
    assert_eq!(trial.edit(&first, "again", Seq::ZERO).await.rev.0, 4);
    trial.restart().await;
    trial.audit(pair).await;
    trial.audit(group).await;
    let made = trial
        .conversations()
        .create_direct(direct(ana, ben), at(50))
        .await
        .unwrap();
    assert!(matches!(made, Creation::Existing(_)));
}

pub async fn concurrent_commits_survive_a_restart(mut trial: Trial) {
    let id = trial.direct(user_id(1), user_id(2)).await;
    for round in 0..3 {
        at_once((0..8).map(|task| {
            let trial = trial.clone();
            async move {
                for n in 0..5 {
                    let message = text(id, 10_000 * round + 100 * task + n, user_id(1));
                    trial.store(append(message, Seq::ZERO)).await;
                }
            }
        }))
        .await;
        let before = trial.audit(id).await;
        trial.restart().await;
        assert_eq!(trial.audit(id).await, before);
        assert_eq!(before.len() as u64, 40 * (round + 1));
    }
}

pub async fn a_closed_store_returns_errors(mut trial: Trial) {
    let id = trial.direct(user_id(1), user_id(2)).await;
    let closed = trial.clone();
    trial.restart().await;
    trial.store.ping().await.unwrap();
    let unavailable = |error: &RepositoryError| matches!(error, RepositoryError::Unavailable(_));
    assert!(closed.store.ping().await.is_err_and(|error| unavailable(&error)));
    assert!(
        closed
            .users()
            .find(&[user_id(1)])
            .await
            .is_err_and(|error| unavailable(&error))
    );
    assert!(
        closed
            .users()
            .create(user(1, "ana"), password("x"))
            .await
            .is_err_and(|error| unavailable(&error))
    );
    assert!(
        closed
            .sessions()
            .of_user(user_id(1))
            .await
            .is_err_and(|error| unavailable(&error))
    );
    assert!(
        closed
            .contacts()
            .blocks(user_id(1), None, 1)
            .await
            .is_err_and(|error| unavailable(&error))
    );
    assert!(
        closed
            .conversations()
            .rosters(&[id])
            .await
            .is_err_and(|error| unavailable(&error))
    );
    assert!(
        closed
            .conversations()
            .heads(&[id])
            .await
            .is_err_and(|error| unavailable(&error))
    );
    assert!(
        closed
            .messages()
            .search(search("tea", &[(id, ALL)]))
            .await
            .is_err_and(|error| unavailable(&error))
    );
    let messages = closed.messages();
    let outcomes = messages.commit(vec![
        append(text(id, 1, user_id(1)), Seq::ZERO),
        append(text(id, 2, user_id(1)), Seq::ZERO),
    ]);
    let outcomes = outcomes.in_order(2).await;
    assert!(
        outcomes
            .into_iter()
            .all(|outcome| outcome.is_err_and(|error| unavailable(&error)))
    );
    closed.store.close().await;
    assert_eq!(trial.audit(id).await, [], "nothing was carried out");
}
