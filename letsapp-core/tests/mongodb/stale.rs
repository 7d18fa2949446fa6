//! A server whose cached state of a conversation is outdated.

use letsapp_core::domain::id::{Rev, Seq};
use letsapp_core::ports::Outcome;
use letsapp_testkit::mongodb::shared;

use crate::world::{append, audit, close, commit_one, direct, edit, land, text, two};

#[tokio::test(flavor = "multi_thread")]
async fn a_former_rev_of_a_message_is_never_given_out_again() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let stores = two(&uri).await;
    let [here, there] = &stores;
    let id = direct(here, 1, 2).await;
    let first = land(here, append(text(id, 1, "first"), Seq::ZERO)).await;
    // From here on, the cache of this server has the conversation at rev 2.
    let second = land(there, append(text(id, 1, "second"), Seq::ZERO)).await;

    let mut moving = first;
    for n in 0..3 {
        moving = land(here, edit(&moving, &format!("edit {n}"), Seq::ZERO)).await;
    }
    assert_eq!(moving.rev, Rev(5), "it was at 1, 3 and 4 before");

    let revised = land(there, edit(&second, "revised", Seq::ZERO)).await;
    assert_eq!(revised.rev, Rev(6));
    moving = land(here, edit(&moving, "and again", Seq::ZERO)).await;
    moving = land(here, edit(&moving, "and again", Seq::ZERO)).await;
    assert_eq!(moving.rev, Rev(8));
    let third = land(there, append(text(id, 1, "third"), Seq::ZERO)).await;
    assert_eq!((third.seq, third.rev), (Seq(3), Rev(9)));
    audit(here, &uri, id).await;
    close(stores).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_missed_a_message_revises_it_under_the_next_number() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let stores = two(&uri).await;
    let [here, there] = &stores;
    let id = direct(here, 1, 2).await;
    land(there, append(text(id, 1, "first"), Seq::ZERO)).await;
    let missed = land(here, append(text(id, 1, "second"), Seq::ZERO)).await;
    let revised = land(there, edit(&missed, "revised", Seq::ZERO)).await;
    assert_eq!(revised.rev, Rev(3));

    let unheard_of = edit(
        &letsapp_core::domain::message::Message { rev: Rev(9), ..revised },
        "?",
        Seq::ZERO,
    );
    assert!(matches!(commit_one(there, unheard_of).await, Ok(Outcome::Outdated)));
    audit(here, &uri, id).await;
    close(stores).await;
}
