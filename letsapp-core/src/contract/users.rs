//! Users: unique names and addresses, profiles and credentials.

use super::Trial;
use super::fixtures::{at, display_name, email, media_id, password, user, user_id, user_in_full, username};
use super::steps::at_once;
use crate::domain::user::{About, Adders, Audience, ProfilePatch, User};
use crate::ports::{Claim, Login, Update};

pub async fn a_user_is_found_as_stored(trial: Trial) {
    let users = trial.users();
    let (ana, ben) = (user_in_full(1, "ana"), user(2, "ben"));
    trial.sign_up(&ana).await;
    trial.sign_up(&ben).await;
    let mut found = users.find(&[user_id(3), ben.id, ana.id]).await.unwrap();
    found.sort_by(|a, b| a.username.cmp(&b.username));
    assert_eq!(found, [ana, ben]);
    assert_eq!(users.find(&[user_id(3)]).await.unwrap(), []);
    assert_eq!(users.find(&[]).await.unwrap(), []);
}

pub async fn an_address_is_kept_as_it_was_spelt(trial: Trial) {
    let spelt = User {
        email: Some(email("Ana.Maria@example.org")),
        ..user(1, "ana")
    };
    trial.sign_up(&spelt).await;
    let found = trial.users().find(&[spelt.id]).await.unwrap().remove(0);
    assert_eq!(found.email.unwrap().as_str(), "Ana.Maria@example.org");
}

pub async fn a_username_is_claimed_once(trial: Trial) {
    let users = trial.users();
    trial.sign_up(&user(1, "ana")).await;
    let claim = users.create(user(2, "ana"), password("second")).await.unwrap();
    assert_eq!(claim, Claim::UsernameTaken);
    assert_eq!(users.find(&[user_id(2)]).await.unwrap(), [], "nothing was stored");
    let credential = users
        .credential(&Login::Username(username("ana")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((credential.user_id, credential.password), (user_id(1), password("ana")));
}

pub async fn an_address_is_claimed_once_whatever_its_case(trial: Trial) {
    let users = trial.users();
    trial.sign_up(&user_in_full(1, "ana")).await;
    let second = User {
        email: Some(email("ANA@Example.org")),
        ..user(2, "ben")
    };
    let claim = users.create(second.clone(), password("ben")).await.unwrap();
    assert_eq!(claim, Claim::EmailTaken);
    assert_eq!(users.find(&[second.id]).await.unwrap(), [], "nothing was stored");
    assert_eq!(
        users
            .credential(&Login::Username(second.username.clone()))
            .await
            .unwrap(),
        None
    );
    trial.sign_up(&User { email: None, ..second }).await;
}

pub async fn of_concurrent_claims_of_a_username_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    for round in 0..5 {
        let claims = at_once((0..12).map(|n| {
            let users = if n % 2 == 0 { trial.users() } else { another.users() };
            let claimant = user(100 * round + n, &format!("name_{round}"));
            async move { users.create(claimant, password("x")).await.unwrap() }
        }));
        let claims = claims.await;
        let done: Vec<_> = (0..).zip(&claims).filter(|(_, claim)| **claim == Claim::Done).collect();
        assert_eq!(done.len(), 1, "{claims:?}");
        let login = Login::Username(username(&format!("name_{round}")));
        let winner = trial.users().credential(&login).await.unwrap().unwrap().user_id;
        assert_eq!(winner, user_id(100 * round + done[0].0));
        let ids: Vec<_> = (0..12).map(|n| user_id(100 * round + n)).collect();
        assert_eq!(
            trial.users().find(&ids).await.unwrap().len(),
            1,
            "the others stored nothing"
        );
    }
}

pub async fn of_concurrent_claims_of_an_address_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    for n in 0..6 {
        trial.sign_up(&user(n, &format!("old_{n}"))).await;
    }
    // Half of the tasks sign up with the address, the others change to it.
    let claims = at_once((0..12).map(|n| {
        let users = if n % 4 < 2 { trial.users() } else { another.users() };
        let claimant = User {
            email: Some(email("wanted@example.org")),
            ..user(n, &format!("new_{n}"))
        };
        async move {
            if n < 6 {
                let update = users
                    .update(claimant.id, patch_email(Some("wanted@example.org")))
                    .await
                    .unwrap();
                assert!(matches!(update, Update::Done(_) | Update::EmailTaken));
                matches!(update, Update::Done(_))
            } else {
                let claim = users.create(claimant, password("x")).await.unwrap();
                assert_ne!(claim, Claim::UsernameTaken);
                claim == Claim::Done
            }
        }
    }));
    let claims = claims.await;
    let winners: Vec<_> = (0..)
        .zip(&claims)
        .filter(|(_, won)| **won)
        .map(|(n, _)| user_id(n))
        .collect();
    assert_eq!(winners.len(), 1, "{claims:?}");
    let credential = trial
        .users()
        .credential(&Login::Email(email("wanted@example.org")))
        .await
        .unwrap();
    assert_eq!(credential.unwrap().user_id, winners[0]);
    let everyone: Vec<_> = (0..12).map(user_id).collect();
    let having = trial.users().find(&everyone).await.unwrap();
    assert_eq!(having.iter().filter(|user| user.email.is_some()).count(), 1);
}

pub async fn a_patch_changes_what_it_names_and_nothing_else(trial: Trial) {
    let users = trial.users();
    let mut ana = user_in_full(1, "ana");
    trial.sign_up(&ana).await;
    let patches = [
        ProfilePatch::default(),
        ProfilePatch {
            display_name: Some(display_name("Ana B.")),
            ..ProfilePatch::default()
        },
        ProfilePatch {
            about: Some(About::from_stored("busy")),
            ..ProfilePatch::default()
        },
        ProfilePatch {
            avatar_media_id: Some(None),
            last_seen: Some(Audience::Nobody),
            ..ProfilePatch::default()
        },
        ProfilePatch {
            avatar_media_id: Some(Some(media_id(9))),
            read_receipts: Some(true),
            groups: Some(Adders::Everyone),
            ..ProfilePatch::default()
        },
        patch_email(Some("ana.b@example.org")),
        patch_email(None),
    ];
    for patch in patches {
        patch.apply(&mut ana);
        assert_eq!(users.update(ana.id, patch).await.unwrap(), Update::Done(ana.clone()));
        assert_eq!(users.find(&[ana.id]).await.unwrap(), [ana.clone()]);
    }
}

pub async fn patches_of_different_fields_at_once_all_stay(trial: Trial) {
    let another = trial.another().await;
    trial.sign_up(&user(1, "ana")).await;
    for round in 0..10 {
        let about = About::from_stored(format!("about {round}"));
        let name = display_name(&format!("Name {round}"));
        let patches = [
            ProfilePatch {
                about: Some(about.clone()),
                ..ProfilePatch::default()
            },
            ProfilePatch {
                display_name: Some(name.clone()),
                ..ProfilePatch::default()
            },
            patch_email(Some(&format!("mail{round}@example.org"))),
        ];
        let updates = at_once(
            patches
                .into_iter()
                .zip([&trial, &another, &trial])
                .map(|(patch, trial)| {
                    let users = trial.users();
                    async move { users.update(user_id(1), patch).await.unwrap() }
                }),
        );
        assert!(updates.await.iter().all(|update| matches!(update, Update::Done(_))));
        let ana = trial.users().find(&[user_id(1)]).await.unwrap().remove(0);
        assert_eq!((ana.about, ana.display_name), (about, name));
        assert_eq!(ana.email, Some(email(&format!("mail{round}@example.org"))));
    }
}

pub async fn an_address_is_free_once_its_user_has_another(trial: Trial) {
    let users = trial.users();
    trial.sign_up(&user_in_full(1, "ana")).await;
    trial.sign_up(&user_in_full(2, "ben")).await;
    let to_anas = || patch_email(Some("ana@example.org"));
    assert_eq!(users.update(user_id(2), to_anas()).await.unwrap(), Update::EmailTaken);
    let ben = users.find(&[user_id(2)]).await.unwrap().remove(0);
    assert_eq!(ben, user_in_full(2, "ben"), "nothing was changed");

    // The user who has the address may set it again, also in another spelling.
    assert!(matches!(
        users.update(user_id(1), to_anas()).await.unwrap(),
        Update::Done(_)
    ));
    let respelt = users
        .update(user_id(1), patch_email(Some("Ana@example.org")))
        .await
        .unwrap();
    assert!(matches!(respelt, Update::Done(ana) if ana.email.as_ref().unwrap().as_str() == "Ana@example.org"));

    let moved = users
        .update(user_id(1), patch_email(Some("ana@example.com")))
        .await
        .unwrap();
    assert!(matches!(moved, Update::Done(_)));
    assert_eq!(
        users.credential(&Login::Email(email("ana@example.org"))).await.unwrap(),
        None
    );
    assert!(matches!(
        users.update(user_id(2), to_anas()).await.unwrap(),
        Update::Done(_)
    ));
    let credential = users
        .credential(&Login::Email(email("ana@example.org")))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(credential.user_id, user_id(2));

    assert!(matches!(
        users.update(user_id(1), patch_email(None)).await.unwrap(),
        Update::Done(_)
    ));
    assert_eq!(
        users.credential(&Login::Email(email("ana@example.com"))).await.unwrap(),
        None
    );
    let newcomer = User {
        email: Some(email("ana@example.com")),
        ..user(3, "eve")
    };
    trial.sign_up(&newcomer).await;
}

pub async fn unknown_and_erased_users_are_not_updated(trial: Trial) {
    let users = trial.users();
    let erased = User {
        deleted_at: Some(at(5)),
        ..user(1, "gone")
    };
    trial.sign_up(&erased).await;
    let patch = ProfilePatch {
        about: Some(About::from_stored("back")),
        ..ProfilePatch::default()
    };
    assert_eq!(users.update(erased.id, patch.clone()).await.unwrap(), Update::Missing);
    assert_eq!(users.update(user_id(2), patch).await.unwrap(), Update::Missing);
    assert_eq!(users.find(&[erased.id, user_id(2)]).await.unwrap(), [erased]);
}

pub async fn an_erased_user_is_found_by_id_alone(trial: Trial) {
    let users = trial.users();
    let erased = User {
        email: Some(email("gone@example.org")),
        deleted_at: Some(at(5)),
        ..user(1, "gone")
    };
    trial.sign_up(&erased).await;
    assert_eq!(users.search("gone", None, 10).await.unwrap(), []);
    for login in [
        Login::Username(username("gone")),
        Login::Email(email("gone@example.org")),
        Login::Id(erased.id),
    ] {
        assert_eq!(users.credential(&login).await.unwrap(), None, "{login:?}");
    }
    let claim = users.create(user(2, "gone"), password("x")).await.unwrap();
    assert_eq!(claim, Claim::UsernameTaken, "usernames are claimed for ever");
    assert_eq!(users.find(&[erased.id]).await.unwrap(), [erased]);
}

pub async fn a_credential_is_found_by_username_address_and_id(trial: Trial) {
    let users = trial.users();
    trial.sign_up(&user_in_full(1, "ana")).await;
    trial.sign_up(&user_in_full(2, "ben")).await;
    for login in [
        Login::Username(username("ANA")),
        Login::Email(email("Ana@example.org")),
        Login::Id(user_id(1)),
    ] {
        let credential = users.credential(&login).await.unwrap().unwrap();
        assert_eq!(
            (credential.user_id, credential.password),
            (user_id(1), password("ana")),
            "{login:?}"
        );
    }
    for login in [
        Login::Username(username("an_")),
        Login::Email(email("an@example.org")),
        Login::Id(user_id(3)),
    ] {
        assert_eq!(users.credential(&login).await.unwrap(), None, "{login:?}");
    }
}

pub async fn a_password_is_replaced_only_if_the_expected_hash_is_stored(trial: Trial) {
    let users = trial.users();
    trial.sign_up(&user(1, "ana")).await;
    let replace = async |id, from: &str, to: &str| {
        let replaced = users.replace_password(user_id(id), &password(from), password(to)).await;
        replaced.unwrap()
    };
    assert!(replace(1, "ana", "second").await);
    assert!(!replace(1, "ana", "third").await, "it is not the first any more");
    assert!(!replace(2, "ana", "third").await, "no user has this id");
    let present = async || {
        users
            .credential(&Login::Id(user_id(1)))
            .await
            .unwrap()
            .unwrap()
            .password
    };
    assert_eq!(present().await, password("second"));

    let another = trial.another().await;
    let attempts = at_once((0..10).map(|n| {
        let users = if n % 2 == 0 { trial.users() } else { another.users() };
        let to = password(&format!("attempt {n}"));
        async move {
            users
                .replace_password(user_id(1), &password("second"), to)
                .await
                .unwrap()
        }
    }));
    let attempts = attempts.await;
    let winners: Vec<_> = (0..).zip(&attempts).filter(|(_, won)| **won).map(|(n, _)| n).collect();
    assert_eq!(winners.len(), 1, "{attempts:?}");
    assert_eq!(present().await, password(&format!("attempt {}", winners[0])));
}

fn patch_email(to: Option<&str>) -> ProfilePatch {
    ProfilePatch {
        email: Some(to.map(email)),
        ..ProfilePatch::default()
    }
}

impl Trial {
    /// Creates a user whose password is their username.
    pub(super) async fn sign_up(&self, user: &User) {
        let password = password(user.username.as_str());
        let claim = self.users().create(user.clone(), password).await;
        assert_eq!(claim.unwrap(), Claim::Done);
    }
}
