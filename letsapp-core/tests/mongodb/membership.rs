//! A change of membership that is interrupted at any point is carried out completely or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use letsapp_core::domain::member::Member;
use letsapp_core::ports::Repositories;
use letsapp_testkit::mongodb::shared;
use mongodb::event::command::CommandEvent;
use tokio::sync::Notify;

use crate::world::{addition, audit, commit_one, create_group, head, open, open_with, user_id};

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_change_of_members_is_done_completely_or_not_at_all() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let watcher = open(&uri).await;
    let group = create_group(&watcher, 1).await;
    let mut newcomers = Vec::new();
    for cut in 1..=8 {
        let (sent, reached) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (count, reach) = (Arc::clone(&sent), Arc::clone(&reached));
        let store = open_with(&uri, move |event| {
            let CommandEvent::Started(event) = event else { return };
            let one = ["insert", "find", "update", "commitTransaction"].contains(&event.command_name.as_str());
            if one && count.fetch_add(1, Ordering::SeqCst) + 1 == cut {
                reach.notify_one();
            }
        })
        .await;
        let fence = head(&watcher, group).await.fence;
        sent.store(0, Ordering::SeqCst);
        let newcomer = 100 + cut as u64;
        newcomers.push(newcomer);
        tokio::select! {
            biased;
            () = reached.notified() => {}
            _ = commit_one(&store, addition(group, newcomer, fence)) => {}
        }
        store.close().await;
    }
    // The next change succeeds, even if an interrupted one has left documents behind.
    let fence = head(&watcher, group).await.fence;
    commit_one(&watcher, addition(group, 99, fence))
        .await
        .expect("the store is there");

    let told = audit(&watcher, &uri, group).await.len();
    let rosters = watcher
        .conversations()
        .rosters(&[group])
        .await
        .expect("the store is there");
    assert_eq!(
        rosters[0].members.len(),
        told,
        "the owner and one for each message behind the first"
    );
    let counts = watcher
        .conversations()
        .member_counts(&[group])
        .await
        .expect("the store is there");
    assert_eq!(counts, [(group, told)]);
    for newcomer in newcomers {
        let memberships = watcher.conversations().memberships(user_id(newcomer)).await;
        let listed = rosters[0].member(user_id(newcomer)).cloned();
        let listed: Vec<Member> = listed.into_iter().collect();
        assert_eq!(memberships.expect("the store is there"), listed);
    }
    watcher.close().await;
}
