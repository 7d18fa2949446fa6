//! Conversations that are stuck: another server has left a transaction open that holds their next number.

use std::time::Duration;

use futures_util::StreamExt;
use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::domain::id::{ConversationId, Seq};
use letsapp_core::ports::{Outcome, Repositories};
use letsapp_testkit::mongodb::shared;
use mongodb::bson::{Document, Uuid, doc};
use mongodb::{Client, ClientSession};
use tokio::time::Instant;

use crate::world::{append, audit, direct, land, open, text};

/// Number of conversations, of which one is stuck.
const CONVERSATIONS: u64 = 20;
/// Number of times that it is tried. The fastest counts, since the machine may be busy with something else.
const ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_left_open_delays_other_conversations_by_at_most_250_ms() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let store = open(&uri).await;
    let mut conversations = Vec::new();
    for n in 0..CONVERSATIONS {
        let id = direct(&store, 2 * n, 2 * n + 1).await;
        land(&store, append(text(id, 1, "first"), Seq::ZERO)).await;
        conversations.push(id);
    }
    let mut delays = Vec::new();
    for round in 0..ROUNDS {
        let stuck = round * 4;
        let transaction = occupy(&uri, conversations[stuck]).await;
        let changes = conversations.iter().map(|id| append(text(*id, 1, "next"), Seq::ZERO));
        let began = now();
        let mut outcomes = store.messages().commit(changes.collect());
        for _ in 1..CONVERSATIONS {
            let (index, outcome) = outcomes.next().await.expect("the others do not wait");
            assert_ne!(index, stuck, "its number is occupied");
            assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{outcome:?}");
        }
        delays.push(began.elapsed());

        let others = conversations.iter().filter(|id| **id != conversations[stuck]);
        let again = commit_each(&store, others.copied()).await;
        assert!(
            again < Duration::from_secs(1),
            "nobody shares a command with it: {again:?}"
        );

        release(transaction).await;
        let began = now();
        let (index, outcome) = outcomes.next().await.expect("it is not stuck any more");
        assert_eq!(index, stuck);
        assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{outcome:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(outcomes.next().await.is_none());
    }
    println!("a stuck conversation delayed {CONVERSATIONS} others by {delays:?}");
    let fastest = delays.iter().min().expect("there were rounds");
    assert!(*fastest <= Duration::from_millis(250), "{delays:?}");
    for id in conversations {
        audit(&store, &uri, id).await;
    }
    store.close().await;
}

/// Appends a message to each conversation, and returns the time that it took.
async fn commit_each(store: &MongoStore, ids: impl Iterator<Item = ConversationId>) -> Duration {
    let changes: Vec<_> = ids.map(|id| append(text(id, 1, "meanwhile"), Seq::ZERO)).collect();
    let (count, began) = (changes.len(), now());
    for outcome in store.messages().commit(changes).in_order(count).await {
        assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{outcome:?}");
    }
    began.elapsed()
}

/// Inserts a message with the conversation's next number in a transaction, and leaves it open.
async fn occupy(uri: &str, id: ConversationId) -> ClientSession {
    let client = Client::with_uri_str(uri).await.expect("the kit's addresses are valid");
    let database = client.default_database().expect("the address names a database");
    let messages = database.collection::<Document>("messages");
    let conversation = Uuid::from_bytes(*id.as_bytes());
    let newest = messages
        .find_one(doc! {"conversation_id": conversation})
        .sort(doc! {"seq": -1});
    let mut message = newest.await.expect("the server is there").expect("it has a message");
    let next = |field: &str, message: &Document| message.get_i64(field).expect("numbers are int64") + 1;
    let (seq, rev) = (next("seq", &message), next("rev", &message));
    let key = doc! {"conversation": conversation, "message": Uuid::new()};
    message.extend(doc! {"_id": key, "seq": seq, "rev": rev, "revs": [rev]});
    let mut session = client.start_session().await.expect("the server is there");
    session.start_transaction().await.expect("none is open");
    let inserted = messages.insert_one(message).session(&mut session).await;
    inserted.expect("the number is free");
    session
}

/// Ends the transaction, so that the number is free.
async fn release(mut transaction: ClientSession) {
    transaction.abort_transaction().await.expect("it is open");
}

#[expect(clippy::disallowed_methods, reason = "measures how long the database takes")]
fn now() -> Instant {
    Instant::now()
}
