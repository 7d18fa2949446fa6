//! Contention: two servers write to the same conversations at the same time.

use std::sync::Arc;

use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::domain::id::{ConversationId, Seq};
use letsapp_core::domain::member::Member;
use letsapp_core::domain::message::Message;
use letsapp_core::ports::{Outcome, Repositories};
use letsapp_testkit::mongodb::shared;
use tokio::task::JoinSet;

use crate::world::{addition, append, audit, close, commit_one, create_group, direct, edit, head, text, two, user_id};

/// Number of writers on each server.
const WRITERS: u64 = 3;
/// Number of batches of one writer.
const ROUNDS: u64 = 12;
/// Number of conversations, each written to by all writers.
const CONVERSATIONS: u64 = 5;
/// Number of messages of one writer in one conversation in one batch.
const BURST: u64 = 3;

/// Committed messages and revisions of one writer, by the outcomes that it received.
#[derive(Default)]
struct Ledger {
    /// Messages in order of sending, each in its newest state.
    messages: Vec<Message>,
    /// Number of committed edits.
    revisions: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_and_edits_of_two_servers_are_stored_once_and_without_gaps() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let stores = two(&uri).await;
    let mut conversations = Vec::new();
    for n in 0..CONVERSATIONS {
        conversations.push(direct(&stores[0], 2 * n + 100, 2 * n + 101).await);
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        for store in &stores {
            writers.spawn(write(Arc::clone(store), conversations.clone(), writer));
        }
    }
    let ledgers = writers.join_all().await;

    let mut committed: Vec<Message> = ledgers.iter().flat_map(|ledger| ledger.messages.clone()).collect();
    committed.sort_by_key(|message| (message.conversation_id, message.seq));
    let revisions: u64 = ledgers.iter().map(|ledger| ledger.revisions).sum();
    let (mut found, mut changes) = (Vec::new(), 0);
    conversations.sort_unstable();
    for id in conversations {
        found.extend(audit(&stores[1], &uri, id).await);
        changes += head(&stores[1], id).await.rev.0;
    }
    let places =
        |messages: &[Message]| -> Vec<_> { messages.iter().map(|message| (message.id, message.seq)).collect() };
    assert_eq!(
        places(&found),
        places(&committed),
        "what was acknowledged is what there is, where it was said to be"
    );
    assert_eq!(committed.len() as u64, 2 * WRITERS * ROUNDS * CONVERSATIONS * BURST);
    assert_eq!(changes, committed.len() as u64 + revisions);
    close(stores).await;
}

/// Writes to all conversations in each batch, and edits half of the messages of the batch before.
async fn write(store: Arc<MongoStore>, conversations: Vec<ConversationId>, writer: u64) -> Ledger {
    let mut ledger = Ledger::default();
    for round in 0..ROUNDS {
        let mut changes = Vec::new();
        for id in &conversations {
            let burst = (0..BURST).map(|n| append(text(*id, writer, &format!("{round} {n}")), Seq::ZERO));
            changes.extend(burst);
        }
        let appended = changes.len();
        let earlier = ledger.messages.len().saturating_sub(appended);
        let before = ledger.messages.clone();
        let edited: Vec<_> = (earlier..before.len()).step_by(2).collect();
        changes.extend(
            edited
                .iter()
                .map(|n| edit(&before[*n], &format!("edited in {round}"), Seq::ZERO)),
        );

        let offered = changes.clone();
        let outcomes = store.messages().commit(changes).in_order(offered.len()).await;
        for (n, (change, outcome)) in offered.iter().zip(outcomes).enumerate() {
            let Ok(Outcome::Committed(position)) = outcome else {
                panic!("no other writer changes these messages: {outcome:?}");
            };
            let message = Message::clone(change.message()).at(position);
            match n.checked_sub(appended) {
                None => ledger.messages.push(message),
                Some(n) => {
                    ledger.messages[edited[n]] = message;
                    ledger.revisions += 1;
                }
            }
        }
    }
    ledger
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_members_by_two_servers_are_each_carried_out_once_and_as_a_whole() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let stores = two(&uri).await;
    let mut groups = Vec::new();
    for n in 0..3 {
        groups.push(create_group(&stores[0], n).await);
    }
    let mut writers = JoinSet::new();
    for (group, id) in (0..).zip(&groups) {
        for (server, store) in (0..).zip(&stores) {
            let newcomers = 1_000 * (2 * group + server + 1)..;
            writers.spawn(add(Arc::clone(store), *id, newcomers.take(8).collect()));
            writers.spawn(talk(Arc::clone(store), *id));
        }
    }
    let joined: Vec<(ConversationId, u64, Seq)> = writers.join_all().await.concat();

    for id in &groups {
        audit(&stores[0], &uri, *id).await;
        let rosters = stores[1]
            .conversations()
            .rosters(&[*id])
            .await
            .expect("the store is there");
        assert_eq!(rosters[0].members.len(), 1 + 2 * 8);
        let newest = joined
            .iter()
            .filter(|(group, ..)| group == id)
            .map(|(.., seq)| *seq)
            .max();
        assert_eq!(Some(rosters[0].fence), newest);
    }
    assert_eq!(joined.len(), 3 * 2 * 8);
    for (id, newcomer, seq) in joined {
        let memberships = stores[0].conversations().memberships(user_id(newcomer)).await;
        let windows = |member: &Member| (member.conversation_id, member.windows[0].from, member.windows.len());
        let memberships: Vec<_> = memberships.expect("the store is there").iter().map(windows).collect();
        assert_eq!(
            memberships,
            [(id, seq, 1)],
            "members read from the message about their joining"
        );
    }
    close(stores).await;
}

/// Adds members one after the other, and decides again whenever the fence has moved. Returns the `seq` at which each
/// joined.
async fn add(store: Arc<MongoStore>, id: ConversationId, newcomers: Vec<u64>) -> Vec<(ConversationId, u64, Seq)> {
    let mut joined = Vec::new();
    for newcomer in newcomers {
        let position = loop {
            let fence = head(&store, id).await.fence;
            match commit_one(&store, addition(id, newcomer, fence)).await {
                Ok(Outcome::Committed(position)) => break position,
                Ok(Outcome::Outdated) => {}
                other => panic!("{other:?}"),
            }
        };
        joined.push((id, newcomer, position.seq));
    }
    joined
}

/// Sends messages while members are added, each with the fence of the moment.
async fn talk(store: Arc<MongoStore>, id: ConversationId) -> Vec<(ConversationId, u64, Seq)> {
    for n in 0..20 {
        let message = text(id, 0, &format!("message {n}"));
        loop {
            let fence = head(&store, id).await.fence;
            match commit_one(&store, append(message.clone(), fence)).await {
                Ok(Outcome::Committed(_)) => break,
                Ok(Outcome::Outdated) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    Vec::new()
}
