//! Users: claims of names and addresses, profiles, search, credentials.

use super::Trial;
use super::fixtures::{password, user, user_id, user_in_full};
use crate::users::Claim;

pub async fn a_user_is_found_as_stored(trial: Trial) {
    let users = trial.users();
    let (ana, ben) = (user_in_full(1, "ana"), user(2, "ben"));
    assert_eq!(users.create(ana.clone(), password("ana")).await.unwrap(), Claim::Done);
    assert_eq!(users.create(ben.clone(), password("ben")).await.unwrap(), Claim::Done);
    let mut found = users.find(&[user_id(3), ben.id, ana.id]).await.unwrap();
    found.sort_by(|a, b| a.username.cmp(&b.username));
    assert_eq!(found, [ana, ben]);
}
