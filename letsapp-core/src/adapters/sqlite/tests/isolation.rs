//! Steps that share a transaction, and their isolation from each other's failures.

use std::num::NonZero;
use std::pin::Pin;
use std::sync::mpsc;

use futures_util::FutureExt as _;
use rusqlite::Connection;
use tokio::task::JoinSet;

use super::{append, commit, conversation, message, new_store, place};
use crate::adapters::sqlite::transaction::Transaction;
use crate::adapters::sqlite::{SqliteOptions, SqliteStore};
use crate::domain::conversation::Head;
use crate::domain::id::{ConversationId, Rev, Seq};
use crate::domain::window::Window;
use crate::ports::{Range, Repositories as _, RepositoryError};

/// Opens a store on a file with a trigger that fails the insert of every message with the text "poison".
async fn poisoned() -> (tempfile::TempDir, SqliteStore, ConversationId) {
    let (directory, store) = new_store();
    let id = conversation(&store, 1).await;
    store.close().await;
    let path = directory.path().join("letsapp.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER poison AFTER INSERT ON messages WHEN new.body = 'poison'
             BEGIN SELECT raise(ABORT, 'poisoned'); END",
        )
        .unwrap();
    (directory, SqliteStore::open(&path).unwrap(), id)
}

/// Blocks the writer until the returned sender is used or dropped. Steps that arrive meanwhile form one transaction.
async fn hold_up(store: &SqliteStore) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let mut begin = Some(begin);
    let inner = std::sync::Arc::clone(&store.database);
    tokio::spawn(async move {
        let wait = move |_: &mut Transaction<'_>| {
            if let Some(begin) = begin.take() {
                begin.send(()).unwrap();
            }
            let _released = released.recv();
            Ok(())
        };
        inner.writer.write(wait).await.unwrap();
    });
    begun.await.unwrap();
    release
}

/// Returns the texts of all messages, and checks that `seq` has no gaps.
async fn bodies(store: &SqliteStore, id: ConversationId) -> Vec<String> {
    let messages = store.messages();
    let history = messages.history(id, &[Window::WHOLE], Range::After(Seq::ZERO), 1_000);
    let found = history.await.unwrap();
    assert!(
        found.iter().map(|message| message.seq.0).eq(1..=found.len() as u64),
        "dense"
    );
    found.iter().map(|message| message.body().to_owned()).collect()
}

/// Counts the stored keys.
async fn keys(store: &SqliteStore) -> i64 {
    let count = |connection: &Connection| connection.query_row("SELECT count(*) FROM keys", [], |row| row.get(0));
    store.database.readers.read(count).await.unwrap()
}

#[tokio::test]
async fn waiting_steps_share_one_transaction() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    let held_up = hold_up(&store).await;
    let before = store.transactions();
    let mut running = JoinSet::new();
    for n in 0..100 {
        let messages = store.messages();
        running.spawn(async move {
            messages
                .commit(vec![append(message(id, n, "hello"))])
                .in_order(1)
                .await
                .remove(0)
        });
    }
    letsapp_testkit::until(std::time::Duration::from_secs(30), async || {
        store.database.writer.waiting() == 100
    })
    .await;
    drop(held_up);
    let outcomes = running.join_all().await;
    assert!(outcomes.iter().all(|outcome| place(outcome).is_some()));
    assert_eq!(
        store.transactions() - before,
        2,
        "one that was blocked, and one for all the others"
    );
    assert_eq!(bodies(&store, id).await.len(), 100);
}

#[tokio::test]
async fn a_failed_change_leaves_the_others_of_its_batch_alone() {
    let (_directory, store, id) = poisoned().await;
    let batch = ["one", "poison", "two", "poison", "three"];
    let changes = batch
        .iter()
        .zip(0..)
        .map(|(body, n)| append(message(id, n, body)))
        .collect();
    let outcomes = commit(&store, changes).await;
    assert_eq!(
        outcomes.iter().map(place).collect::<Vec<_>>(),
        [Some(1), None, Some(2), None, Some(3)]
    );
    assert!(matches!(outcomes[1], Err(RepositoryError::Internal(_))));
    assert_eq!(bodies(&store, id).await, ["one", "two", "three"]);
    let next = commit(&store, vec![append(message(id, 9, "four"))]).await;
    assert_eq!(place(&next[0]), Some(4), "the cached heads are right after failures");
}

#[tokio::test]
async fn a_failed_step_leaves_the_others_of_its_transaction_alone() {
    let (_directory, store, id) = poisoned().await;
    let held_up = hold_up(&store).await;
    let mut running = JoinSet::new();
    for n in 0..30 {
        let messages = store.messages();
        let body = if n % 3 == 0 { "poison" } else { "food" };
        running.spawn(async move {
            (
                n,
                messages
                    .commit(vec![append(message(id, n, body))])
                    .in_order(1)
                    .await
                    .remove(0),
            )
        });
    }
    letsapp_testkit::until(std::time::Duration::from_secs(30), async || {
        store.database.writer.waiting() == 30
    })
    .await;
    let broken = store.database.writer.write(|transaction| {
        transaction
            .prepare("INSERT INTO keys VALUES ('access', 'half', x'00', 0)")?
            .execute([])?;
        transaction.prepare("SELECT * FROM nothing").map(|_| ())
    });
    drop(held_up);
    assert!(broken.await.is_err());
    for (n, outcome) in running.join_all().await {
        assert_eq!(place(&outcome).is_some(), n % 3 != 0, "message {n}");
    }
    assert_eq!(bodies(&store, id).await, ["food"; 20]);
    assert_eq!(keys(&store).await, 0, "the failed step is rolled back whole");
}

#[tokio::test]
async fn a_caller_that_stops_waiting_cancels_nothing() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    let held_up = hold_up(&store).await;
    let messages = store.messages();
    let sent = tokio::spawn(async move {
        messages
            .commit(vec![append(message(id, 1, "still sent"))])
            .in_order(1)
            .await
    });
    letsapp_testkit::until(std::time::Duration::from_secs(30), async || {
        store.database.writer.waiting() == 1
    })
    .await;
    sent.abort();
    assert!(sent.await.is_err());
    drop(held_up);
    store.ping().await.unwrap();
    assert_eq!(bodies(&store, id).await, ["still sent"]);
}

#[tokio::test]
async fn a_panic_in_a_step_fails_it_alone_and_the_writer_goes_on() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    let held_up = hold_up(&store).await;
    let panicking = store.database.writer.write::<(), _>(move |transaction| {
        transaction
            .prepare("INSERT INTO keys VALUES ('access', 'half', x'00', 0)")?
            .execute([])?;
        let head = transaction.head(id)?.expect("the conversation exists");
        transaction.moved(id, Head { seq: Seq(99), ..head });
        panic!("deliberate panic of a test")
    });
    let together = async {
        letsapp_testkit::until(std::time::Duration::from_secs(30), async || {
            store.database.writer.waiting() == 2
        })
        .await;
        drop(held_up);
    };
    let sending = commit(&store, vec![append(message(id, 1, "one"))]);
    let (panicked, sent, ()) = tokio::join!(panicking, sending, together);
    assert!(matches!(panicked, Err(RepositoryError::Internal(_))));
    assert_eq!(place(&sent[0]), Some(1));
    assert_eq!(keys(&store).await, 0, "the step that panicked is rolled back");
    let next = commit(&store, vec![append(message(id, 2, "two"))]).await;
    assert_eq!(place(&next[0]), Some(2), "the cached heads are right after the panic");
}

#[tokio::test]
async fn a_panic_in_a_read_fails_it_alone_and_the_readers_go_on() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    for n in 1..=20 {
        let panicked = store.database.readers.read::<(), _>(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT kid FROM keys UNION SELECT 'one' UNION SELECT 'two'")?;
            let mut rows = statement.query([])?;
            rows.next()?;
            panic!("deliberate panic of a test")
        });
        assert!(matches!(panicked.await, Err(RepositoryError::Internal(_))));
        commit(&store, vec![append(message(id, n, "next"))]).await;
        assert_eq!(
            bodies(&store, id).await.len() as u64,
            n,
            "a read after it sees what is new"
        );
    }
}

#[tokio::test]
async fn steps_are_refused_while_too_much_waits_for_the_writer() {
    const MIB: usize = 1024 * 1024;
    let (_directory, store) = new_store();
    let held_up = hold_up(&store).await;
    let step = async |mib: usize| store.database.writer.write_sized(mib * MIB, |_| Ok(())).await;
    let mut waiting = Box::pin(step(60));
    assert!((&mut waiting).now_or_never().is_none(), "it waits for the writer");
    let refused = step(10).now_or_never();
    assert!(
        matches!(refused, Some(Err(RepositoryError::Unavailable(_)))),
        "{refused:?}"
    );
    drop(held_up);
    waiting.await.unwrap();
    step(10).await.unwrap();
}

#[tokio::test]
async fn reads_are_refused_while_too_many_wait_for_a_reader() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new().readers(NonZero::new(1).unwrap());
    let store = options.open(directory.path().join("letsapp.db")).unwrap();
    let (release, released) = mpsc::channel::<()>();
    let blocked = store.database.readers.read(move |_| {
        let _released = released.recv();
        Ok(())
    });
    let mut waiting = vec![Box::pin(blocked) as Pin<Box<dyn Future<Output = Result<(), RepositoryError>>>>];
    let refused = loop {
        let last = waiting.last_mut().expect("there is one");
        if let Some(refused) = last.now_or_never() {
            break refused;
        }
        waiting.push(Box::pin(store.database.readers.read(|_| Ok(()))));
    };
    waiting.pop();
    assert!(matches!(refused, Err(RepositoryError::Unavailable(_))));
    assert!((1_000..100_000).contains(&waiting.len()), "{}", waiting.len());
    drop(release);
    for read in waiting {
        read.await.unwrap();
    }
    store.database.readers.read(|_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn heads_in_the_cache_equal_those_in_the_file_after_a_failure() {
    let (_directory, store, id) = poisoned().await;
    commit(
        &store,
        vec![append(message(id, 1, "one")), append(message(id, 2, "poison"))],
    )
    .await;
    commit(&store, vec![append(message(id, 3, "two"))]).await;
    let heads = store.conversations().heads(&[id]).await.unwrap();
    let head = Head {
        seq: Seq(2),
        rev: Rev(2),
        ordinal: 2,
        fence: Seq::ZERO,
        sent_at: message(id, 3, "two").sent_at,
    };
    assert_eq!(heads, [(id, head)]);
}
