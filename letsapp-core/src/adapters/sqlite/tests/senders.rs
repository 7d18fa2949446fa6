//! The senders of spans, which are kept in blocks of messages.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{append, commit, conversation, message, new_store, place, user_id};
use crate::adapters::sqlite::SqliteStore;
use crate::domain::emoji::Emoji;
use crate::domain::id::{Seq, UserId};
use crate::domain::message::Reaction;
use crate::domain::window::Span;
use crate::ports::{Repositories as _, SenderQuery};

/// Number of messages: three blocks, and the beginning of a fourth.
const MESSAGES: u64 = 3 * 256 + 10;

/// Returns the sender of a message. The first user sends every other one, the others each have a block without any.
fn sender(seq: u64) -> UserId {
    user_id(match seq {
        _ if seq.is_multiple_of(2) => 0,
        1..300 => 1,
        300..400 => 2,
        400..700 => 3,
        _ => 1,
    })
}

#[tokio::test]
async fn the_senders_of_a_span_are_exact_wherever_it_begins_and_ends() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    let sent = (1..=MESSAGES).map(|seq| {
        let mut message = message(id, seq, "text");
        message.sender_id = sender(seq);
        append(message)
    });
    for outcome in commit(&store, sent.collect()).await {
        outcome.unwrap();
    }
    let edges = [
        0, 1, 2, 254, 255, 256, 257, 299, 300, 401, 511, 512, 513, 699, 700, 767, 768, MESSAGES,
    ];
    let spans = edges
        .iter()
        .flat_map(|after| edges.iter().map(move |through| (*after, *through)));
    let spans: Vec<_> = spans.filter(|(after, through)| after <= through).collect();
    let among: Vec<_> = (0..=4).map(user_id).collect();
    let asked = spans.iter().map(|(after, through)| SenderQuery {
        span: Span {
            conversation_id: id,
            after: Seq(*after),
            through: Seq(*through),
        },
        among: among.clone(),
    });
    let answers = store.messages().senders(&asked.collect::<Vec<_>>()).await.unwrap();
    for ((after, through), senders) in spans.into_iter().zip(answers) {
        let expected: BTreeSet<_> = (after + 1..=through).map(sender).collect();
        assert_eq!(
            BTreeSet::from_iter(senders),
            expected,
            "after {after}, through {through}"
        );
    }
}

#[tokio::test]
async fn a_message_that_was_rolled_back_is_not_sent() {
    let (directory, store) = new_store();
    let id = conversation(&store, 1).await;
    store.close().await;
    let path = directory.path().join("letsapp.db");
    // Reactions are written after the message, so the step has got that far when it fails.
    let trigger = "CREATE TRIGGER poison AFTER INSERT ON reactions BEGIN SELECT raise(ABORT, 'poisoned'); END";
    Connection::open(&path).unwrap().execute_batch(trigger).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let mut failing = message(id, 2, "of another user, with a reaction");
    failing.sender_id = user_id(1);
    failing.reactions = vec![Reaction {
        user_id: user_id(0),
        emoji: Emoji::parse("👍").unwrap(),
    }];
    let outcomes = commit(&store, vec![append(message(id, 1, "text")), append(failing)]).await;
    assert_eq!(outcomes.iter().map(place).collect::<Vec<_>>(), [Some(1), None]);
    let both = [(id, user_id(0)), (id, user_id(1))];
    let last_sent = store.messages().last_sent(&both).await.unwrap();
    assert_eq!(last_sent, [((id, user_id(0)), Seq(1))]);
}
