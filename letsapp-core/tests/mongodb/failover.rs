//! Failover: the primary is killed while two servers write.
//!
//! Every acknowledged message must be stored afterwards, exactly once and at the acknowledged place.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::domain::id::{ConversationId, MessageId, Seq};
use letsapp_core::domain::message::{Message, Position};
use letsapp_core::ports::{Outcome, Repositories, RepositoryError};
use letsapp_testkit::mongodb::ReplicaSet;
use letsapp_testkit::until;
use tokio::task::JoinSet;

use crate::world::{append, audit, close, commit_one, direct, edit, text, two};

/// Number of conversations, each written to by both servers.
const CONVERSATIONS: u64 = 6;
/// Number of times that the primary is killed.
const KILLS: usize = 2;

/// Progress of all writers together.
#[derive(Default)]
struct Progress {
    /// Set by the test when the writers are to stop.
    stop: AtomicBool,
    /// Number of messages acknowledged so far.
    acknowledged: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledged_messages_survive_a_failover_and_are_stored_once() {
    let Some(mongodb) = ReplicaSet::of(3) else { return };
    let uri = mongodb.uri().unique_database_uri();
    let stores = two(&uri).await;
    let mut conversations = Vec::new();
    for n in 0..CONVERSATIONS {
        conversations.push(direct(&stores[0], 2 * n, 2 * n + 1).await);
    }
    let progress = Arc::new(Progress::default());
    let mut writers = JoinSet::new();
    for id in &conversations {
        for store in &stores {
            writers.spawn(write(Arc::clone(store), *id, Arc::clone(&progress)));
        }
    }
    // Waits for more acknowledgements, so that writes are under way before, during and after each failover.
    let go_on = async |by: usize| {
        let goal = progress.acknowledged.load(Ordering::SeqCst) + by;
        until(Duration::from_secs(60), async || {
            progress.acknowledged.load(Ordering::SeqCst) >= goal
        })
        .await;
    };
    go_on(300).await;
    for _ in 0..KILLS {
        let killed = mongodb.kill_primary().await;
        go_on(300).await;
        mongodb.restart(killed).await;
    }
    go_on(100).await;
    progress.stop.store(true, Ordering::SeqCst);
    let acknowledged: HashMap<MessageId, Position> = writers.join_all().await.into_iter().flatten().collect();

    let (mut found, mut doubled, mut misplaced) = (HashMap::new(), 0, 0);
    for id in &conversations {
        for message in audit(&stores[0], &uri, *id).await {
            misplaced += usize::from(acknowledged.get(&message.id).is_some_and(|at| at.seq != message.seq));
            doubled += usize::from(found.insert(message.id, message).is_some());
        }
    }
    let lost = acknowledged.keys().filter(|id| !found.contains_key(id)).count();
    println!(
        "{KILLS} primaries killed: {} acknowledged, {} found, {doubled} doubled, {lost} lost, {misplaced} misplaced",
        acknowledged.len(),
        found.len(),
    );
    assert_eq!((lost, doubled, misplaced), (0, 0, 0));
    assert_eq!(
        found.len(),
        acknowledged.len(),
        "nothing was offered that was not acknowledged in the end"
    );
    close(stores).await;
}

/// Sends messages one after the other, each until it is acknowledged, and edits every third. Returns the acknowledged
/// positions.
async fn write(store: Arc<MongoStore>, id: ConversationId, progress: Arc<Progress>) -> Vec<(MessageId, Position)> {
    let mut acknowledged = Vec::new();
    while !progress.stop.load(Ordering::SeqCst) {
        let message = text(id, 1, &format!("message {}", acknowledged.len()));
        let stored = persist(&store, &message).await;
        let place = Position {
            seq: stored.seq,
            rev: stored.rev,
            ordinal: stored.ordinal,
            sent_at: stored.sent_at,
        };
        acknowledged.push((message.id, place));
        progress.acknowledged.fetch_add(1, Ordering::SeqCst);
        if acknowledged.len().is_multiple_of(3) {
            revise(&store, stored).await;
        }
    }
    acknowledged
}

/// Retries a message until it is acknowledged, as a client does.
async fn persist(store: &MongoStore, message: &Message) -> Message {
    loop {
        match commit_one(store, append(message.clone(), Seq::ZERO)).await {
            Ok(Outcome::Committed(position)) => return message.clone().at(position),
            Ok(Outcome::Duplicate(stored)) => return *stored,
            Err(RepositoryError::Unavailable(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Retries an edit until the message has it.
async fn revise(store: &MongoStore, mut message: Message) {
    loop {
        match commit_one(store, edit(&message, "edited", Seq::ZERO)).await {
            Ok(Outcome::Committed(_)) => return,
            Err(RepositoryError::Unavailable(_)) => {}
            // An earlier attempt may have been carried out without a reply, so the stored message decides.
            Ok(Outcome::Outdated) => match store.messages().find_by_id(message.conversation_id, message.id).await {
                Ok(Some(stored)) if stored.body() == "edited" => return,
                Ok(stored) => message = stored.expect("it was acknowledged"),
                Err(_) => {}
            },
            other => panic!("{other:?}"),
        }
    }
}
