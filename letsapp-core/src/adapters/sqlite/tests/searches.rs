//! Searches beside other reads, and their ends when their time is up.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use super::{append, commit, conversation, message, new_store, user_id};
use crate::adapters::sqlite::SqliteStore;
use crate::adapters::sqlite::open::SEARCHERS;
use crate::domain::id::ConversationId;
use crate::domain::search::{Found, Query, Scope, Search};
use crate::domain::window::Window;
use crate::ports::{Repositories as _, RepositoryError};

/// Holds up all threads that search, until the returned senders are dropped.
async fn hold_up_searches(store: &SqliteStore) -> Vec<mpsc::Sender<()>> {
    let mut held_up = Vec::new();
    for _ in 0..SEARCHERS {
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let database = Arc::clone(&store.database);
        tokio::spawn(async move {
            let wait = move |_: &rusqlite::Connection| {
                begin.send(()).unwrap();
                let _released = released.recv();
                Ok(())
            };
            database.searchers.read(wait).await.unwrap();
        });
        begun.await.unwrap();
        held_up.push(release);
    }
    held_up
}

fn search(id: ConversationId, words: &str, budget: Duration) -> Search {
    Search {
        query: Query::parse(words),
        within: vec![Scope {
            conversation_id: id,
            windows: vec![Window::WHOLE],
        }],
        from: None,
        after: None,
        before: None,
        past: None,
        limit: 50,
        budget,
    }
}

/// Starts a search that waits for its thread.
fn start(store: &SqliteStore, search: Search) -> tokio::task::JoinHandle<Result<Found, RepositoryError>> {
    let messages = store.messages();
    tokio::spawn(async move { messages.search(search).await })
}

#[tokio::test]
async fn no_other_read_waits_for_a_search() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    commit(&store, vec![append(message(id, 1, "tea"))]).await;
    let held_up = hold_up_searches(&store).await;
    let minute = Duration::from_secs(60);
    // More than there are threads of any kind.
    let waiting: Vec<_> = (0..20).map(|_| start(&store, search(id, "tea", minute))).collect();
    for _ in 0..20 {
        let reads = async {
            store.users().find(&[user_id(1)]).await.unwrap();
            store.conversations().memberships(user_id(1)).await.unwrap()
        };
        let read = tokio::time::timeout(minute, reads).await;
        assert_eq!(read.expect("searches hold up nothing else").len(), 1);
    }
    assert!(waiting.iter().all(|search| !search.is_finished()));
    drop(held_up);
    for search in waiting {
        let found = search.await.unwrap().unwrap();
        assert_eq!((found.hits.len(), found.partial), (1, false));
    }
}

#[tokio::test]
async fn a_search_that_waited_for_its_whole_time_is_partial() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    commit(&store, vec![append(message(id, 1, "tea"))]).await;
    let held_up = hold_up_searches(&store).await;
    let waiting = start(&store, search(id, "tea", Duration::ZERO));
    drop(held_up);
    let found = waiting.await.unwrap().unwrap();
    assert!(found.partial && found.hits.is_empty());
}

#[tokio::test]
async fn a_search_that_is_ended_anywhere_returns_what_it_found() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    let said = (0..3_000)
        .map(|n| append(message(id, n, &format!("water number{n}"))))
        .collect();
    commit(&store, said).await;
    let hour = Duration::from_secs(3_600);
    let all = store.messages().search(search(id, "wat", hour)).await.unwrap();
    assert_eq!((all.hits.len(), all.partial), (50, false));
    let mut budget = Duration::from_micros(10);
    loop {
        let found = store.messages().search(search(id, "wat", budget)).await.unwrap();
        if !found.partial {
            assert_eq!(found, all);
            break;
        }
        assert!(found.hits.iter().all(|hit| hit.message.body().starts_with("water")));
        budget = budget * 5 / 4;
    }
    let again = store.messages().search(search(id, "wat", hour)).await.unwrap();
    assert_eq!(again, all, "an end in between leaves no trace");
}
