//! Erasing accounts: marking them in one atomic step, listing those whose cleanup is unfinished, and finishing it.

use super::Trial;
use super::fixtures::{at, email, password, user, user_id, user_in_full};
use super::steps::at_once;
use crate::domain::user::{About, Adders, Audience, ProfilePatch, Settings, User};
use crate::ports::{Claim, Login, Update};

pub async fn an_erased_account_leaves_its_name_and_nothing_else(trial: Trial) {
    let users = trial.users();
    trial.sign_up(&user_in_full(1, "ana")).await;
    trial.sign_up(&user_in_full(2, "ben")).await;
    assert!(users.erase(user_id(1), &password("ana"), at(9)).await.unwrap());

    let mut expected = user_in_full(1, "ana");
    expected.erase(at(9));
    assert_eq!(
        (expected.display_name.as_str(), expected.about.as_str(), &expected.email),
        ("", "", &None)
    );
    assert_eq!(
        (expected.avatar_media_id, expected.last_seen_at, expected.deleted_at),
        (None, None, Some(at(9)))
    );
    let hidden = Settings {
        last_seen: Audience::Nobody,
        read_receipts: false,
        groups: Adders::Contacts,
    };
    assert_eq!(expected.settings, hidden, "nothing comes to light that was hidden");
    assert_eq!(users.find(&[user_id(1)]).await.unwrap(), [expected]);

    for prefix in ["ana", "zoe"] {
        let found = users.search(prefix, None, 10).await.unwrap();
        assert!(found.iter().all(|user| user.id == user_id(2)), "{found:?}");
    }
    for login in [
        Login::Username(user(1, "ana").username),
        Login::Email(email("ana@example.org")),
        Login::Id(user_id(1)),
    ] {
        assert_eq!(users.credential(&login).await.unwrap(), None, "{login:?}");
    }
    let claim = users.create(user(3, "ana"), password("x")).await.unwrap();
    assert_eq!(claim, Claim::UsernameTaken, "a username is claimed for ever");
    let newcomer = User {
        email: Some(email("Ana@example.org")),
        ..user(3, "eve")
    };
    trial.sign_up(&newcomer).await;
    let ben = users.find(&[user_id(2)]).await.unwrap();
    assert_eq!(ben, [user_in_full(2, "ben")]);
}

pub async fn an_account_is_erased_only_if_the_expected_hash_is_stored(trial: Trial) {
    let users = trial.users();
    let ana = user_in_full(1, "ana");
    trial.sign_up(&ana).await;
    let erase = async |id, proven: &str, millis| users.erase(user_id(id), &password(proven), at(millis)).await.unwrap();
    assert!(!erase(1, "wrong", 5).await);
    assert!(!erase(2, "ana", 5).await, "no user has this id");
    assert_eq!(users.find(&[ana.id]).await.unwrap(), [ana.clone()]);
    assert_eq!(users.erasing(at(100), 10).await.unwrap(), []);

    assert!(erase(1, "ana", 6).await);
    for proven in ["ana", ""] {
        assert!(!erase(1, proven, 7).await, "an erased user is not erased again");
    }
    let erased = users.find(&[ana.id]).await.unwrap().remove(0);
    assert_eq!(erased.deleted_at, Some(at(6)));
}

pub async fn of_concurrent_erasures_of_an_account_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    trial.sign_up(&user_in_full(1, "ana")).await;
    let erased = at_once((0..10).map(|n| {
        let users = if n % 2 == 0 { trial.users() } else { another.users() };
        async move { users.erase(user_id(1), &password("ana"), at(n)).await.unwrap() }
    }));
    let erased = erased.await;
    let winners: Vec<_> = (0..).zip(&erased).filter(|(_, won)| **won).map(|(n, _)| n).collect();
    assert_eq!(winners.len(), 1, "{erased:?}");
    let gone = trial.users().find(&[user_id(1)]).await.unwrap().remove(0);
    assert_eq!(gone.deleted_at, Some(at(winners[0])));
}

pub async fn concurrent_changes_do_not_bring_back_an_erased_account(trial: Trial) {
    let another = trial.another().await;
    for round in 0..12 {
        let name = format!("ana{round}");
        let id = user_id(round);
        trial.sign_up(&user_in_full(round, &name)).await;
        let address = email(&format!("second{round}@example.org"));
        let patch = ProfilePatch {
            about: Some(About::from_stored("still here")),
            email: Some(Some(address.clone())),
            ..ProfilePatch::default()
        };
        let (first, second) = if round % 2 == 0 {
            (&trial, &another)
        } else {
            (&another, &trial)
        };
        let (known, new) = (password(&name), password("new"));
        let (users, others) = (first.users(), second.users());
        let (erased, replaced, updated) = tokio::join!(
            users.erase(id, &known, at(9)),
            others.replace_password(id, &known, new.clone()),
            others.update(id, patch),
        );
        let (erased, replaced, updated) = (erased.unwrap(), replaced.unwrap(), updated.unwrap());
        assert_ne!(erased, replaced, "either knew the password that was in force");
        let left = trial.users().find(&[id]).await.unwrap().remove(0);
        let credential = trial.users().credential(&Login::Id(id)).await.unwrap();
        if erased {
            let mut expected = user_in_full(round, &name);
            expected.erase(at(9));
            assert_eq!((left, credential), (expected, None), "{updated:?}");
            let newcomer = User {
                email: Some(address),
                ..user(1_000 + round, &format!("eve{round}"))
            };
            trial.sign_up(&newcomer).await;
        } else {
            assert!(matches!(updated, Update::Done(_)), "{updated:?}");
            assert_eq!((left.deleted_at, left.about.as_str()), (None, "still here"));
            assert_eq!(credential.map(|credential| credential.password), Some(new));
        }
    }
}

pub async fn accounts_are_listed_until_their_erasure_is_finished(trial: Trial) {
    let users = trial.users();
    for (n, millis) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        trial.sign_up(&user(n, &format!("user{n}"))).await;
        let proven = password(&format!("user{n}"));
        assert!(users.erase(user_id(n), &proven, at(millis)).await.unwrap());
    }
    let erasing = async |before, limit| users.erasing(at(before), limit).await.unwrap();
    assert_eq!(erasing(31, 10).await, [2, 3, 1].map(user_id), "the longest ago first");
    assert_eq!(erasing(30, 10).await, [2, 3].map(user_id), "before, not at");
    assert_eq!(erasing(100, 2).await, [2, 3].map(user_id));
    for _ in 0..2 {
        users.finish_erasing(user_id(3)).await.unwrap();
        users.finish_erasing(user_id(5)).await.unwrap();
    }
    assert_eq!(erasing(100, 10).await, [2, 1, 4].map(user_id));
    let finished = users.find(&[user_id(3)]).await.unwrap().remove(0);
    assert_eq!(finished.deleted_at, Some(at(20)), "it stays erased");
    let claim = users.create(user(6, "user3"), password("x")).await.unwrap();
    assert_eq!(claim, Claim::UsernameTaken);
}

pub async fn an_unfinished_erasure_survives_a_restart(mut trial: Trial) {
    trial.sign_up(&user_in_full(1, "ana")).await;
    assert!(trial.users().erase(user_id(1), &password("ana"), at(5)).await.unwrap());
    trial.restart().await;
    assert_eq!(trial.users().erasing(at(6), 10).await.unwrap(), [user_id(1)]);
    assert_eq!(trial.users().credential(&Login::Id(user_id(1))).await.unwrap(), None);
    trial.users().finish_erasing(user_id(1)).await.unwrap();
    trial.restart().await;
    assert_eq!(trial.users().erasing(at(6), 10).await.unwrap(), []);
    let claim = trial.users().create(user(2, "ana"), password("x")).await.unwrap();
    assert_eq!(claim, Claim::UsernameTaken);
}
