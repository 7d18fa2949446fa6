//! Consistency of the full-text index and the reactions with the messages.

use std::sync::Arc;

use super::{append, commit, conversation, message, new_store, place, user_id};
use crate::adapters::sqlite::SqliteStore;
use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, Epoch, Rev, Seq};
use crate::domain::member::MemberChange;
use crate::domain::message::{Content, Message, Reaction, SystemEvent};
use crate::domain::search::{ANALYSIS_VERSION, index_terms};
use crate::domain::timestamp::Timestamp;
use crate::ports::{Change, Repositories as _, TermsChange};

/// Returns the number of messages with a word that starts with `prefix`.
async fn found(store: &SqliteStore, prefix: &str) -> i64 {
    let prefix = format!("{}*", index_terms(prefix));
    let count = move |connection: &rusqlite::Connection| {
        connection.query_row(
            "SELECT count(*) FROM message_terms JOIN messages ON docid = message_terms.rowid
             WHERE message_terms MATCH ?1",
            [prefix],
            |row| row.get(0),
        )
    };
    store.database.readers.read(count).await.unwrap()
}

async fn revise(store: &SqliteStore, message: Message, terms: TermsChange) {
    let change = Change::Revise {
        message: Arc::new(message),
        terms,
        fence: Seq::ZERO,
    };
    assert!(place(&commit(store, vec![change]).await[0]).is_some());
}

/// Returns the message with another text.
fn saying(body: &str, message: Message) -> Message {
    Message {
        content: Content::Text(body.to_owned()),
        ..message
    }
}

/// Returns the first message of a conversation.
async fn stored(store: &SqliteStore, id: ConversationId) -> Message {
    store.messages().find(&[(id, Seq(1))]).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_message_is_found_by_its_current_terms_only() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    commit(&store, vec![append(message(id, 1, "abc def"))]).await;
    assert_eq!(found(&store, "ab").await, 1);

    let edited = saying("def xyz", stored(&store, id).await);
    revise(&store, edited, TermsChange::Replace).await;
    assert_eq!((found(&store, "ab").await, found(&store, "xy").await), (0, 1));

    let reacted_to = stored(&store, id).await;
    revise(&store, reacted_to, TermsChange::Keep).await;
    assert_eq!(found(&store, "xy").await, 1);

    let deleted = Message {
        deleted_at: Some(Timestamp::from_millis(9)),
        ..saying("", stored(&store, id).await)
    };
    revise(&store, deleted, TermsChange::Replace).await;
    assert_eq!((found(&store, "def").await, found(&store, "d").await), (0, 0));
    assert_eq!(stored(&store, id).await.rev, Rev(4));
}

#[tokio::test]
async fn an_index_made_by_other_rules_is_made_anew_when_the_file_is_opened() {
    let (directory, store) = new_store();
    let path = directory.path().join("letsapp.db");
    let id = conversation(&store, 1).await;
    commit(
        &store,
        vec![append(message(id, 1, "abc def")), append(message(id, 2, ""))],
    )
    .await;
    store.close().await;
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "INSERT INTO message_terms (message_terms) VALUES ('delete-all');
         INSERT INTO message_terms (rowid, body, attachments) SELECT docid, 'stale', '' FROM messages;
         UPDATE meta SET analysis = 0",
    )
    .unwrap();
    drop(file);

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!((found(&store, "ab").await, found(&store, "de").await), (1, 1));
    let stale = |connection: &rusqlite::Connection| {
        let sql = "SELECT count(*) FROM message_terms WHERE message_terms MATCH 'stale'";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0))
    };
    assert_eq!(store.database.readers.read(stale).await.unwrap(), 0);
    let meta = store.meta().meta(Epoch::from_bytes([1; 16])).await.unwrap();
    assert_eq!(meta.analysis, ANALYSIS_VERSION);
    // What is deleted leaves the index, which knows it by the present rules.
    let deleted = Message {
        deleted_at: Some(Timestamp::from_millis(9)),
        ..saying("", stored(&store, id).await)
    };
    revise(&store, deleted, TermsChange::Replace).await;
    assert_eq!(found(&store, "ab").await, 0);
}

#[tokio::test]
async fn a_message_without_terms_can_be_edited() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    commit(&store, vec![append(message(id, 1, ""))]).await;
    let edited = saying("abc", stored(&store, id).await);
    revise(&store, edited, TermsChange::Replace).await;
    assert_eq!(found(&store, "abc").await, 1);
}

#[tokio::test]
async fn changing_reactions_writes_only_rows_that_differ() {
    let (_directory, store) = new_store();
    let id = conversation(&store, 1).await;
    commit(&store, vec![append(message(id, 1, "hello"))]).await;
    let reaction = |n, emoji| Reaction {
        user_id: user_id(n),
        emoji: Emoji::parse(emoji).unwrap(),
    };
    let steps: [&[Reaction]; 5] = [
        &[reaction(1, "👍"), reaction(2, "👍"), reaction(3, "🎉")],
        &[
            reaction(1, "👍"),
            reaction(2, "👍"),
            reaction(3, "🎉"),
            reaction(4, "❤️"),
        ],
        &[
            reaction(1, "👍"),
            reaction(3, "🎉"),
            reaction(4, "❤️"),
            reaction(2, "🎉"),
        ],
        &[reaction(4, "❤"), reaction(1, "👍")],
        &[],
    ];
    let mut written = Vec::new();
    for reactions in steps {
        let message = Message {
            reactions: reactions.to_vec(),
            ..stored(&store, id).await
        };
        let count =
            |transaction: &mut super::super::transaction::Transaction<'_>| Ok(transaction.connection().total_changes());
        let before = store.database.writer.write(count).await.unwrap();
        revise(&store, message, TermsChange::Keep).await;
        let after = store.database.writer.write(count).await.unwrap();
        // One of the rows written is the message itself.
        written.push(after - before - 1);
        let kept: Vec<_> = stored(&store, id)
            .await
            .reactions
            .iter()
            .map(|r| (r.user_id, r.emoji.to_string()))
            .collect();
        let wanted: Vec<_> = reactions.iter().map(|r| (r.user_id, r.emoji.to_string())).collect();
        assert_eq!(kept, wanted);
    }
    assert_eq!(written, [3, 1, 1, 4, 2]);
}

#[tokio::test]
async fn purging_removes_terms_and_reactions() {
    let (_directory, store) = new_store();
    let (id, other) = (conversation(&store, 1).await, conversation(&store, 2).await);
    for id in [id, other] {
        commit(&store, vec![append(message(id, 1, "abc"))]).await;
        let reaction = Reaction {
            user_id: user_id(1),
            emoji: Emoji::parse("👍").unwrap(),
        };
        let message = Message {
            reactions: vec![reaction],
            ..stored(&store, id).await
        };
        revise(&store, message, TermsChange::Keep).await;
    }
    let conversation = store.conversations().find(&[id]).await.unwrap().remove(0);
    let end = Change::UpdateGroup {
        conversation: Some(Box::new(conversation.deleted(Timestamp::from_millis(9)))),
        members: [0, 1].map(|n| MemberChange::Left(user_id(n))).to_vec(),
        preceding: Vec::new(),
        message: Arc::new(Message {
            content: Content::System(SystemEvent::GroupDeleted),
            ..message(id, 2, "")
        }),
        fence: Seq::ZERO,
    };
    assert!(place(&commit(&store, vec![end]).await[0]).is_some());
    while !store.conversations().purge(id, 1).await.unwrap() {}

    let left = |connection: &rusqlite::Connection| {
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let filed = format!(
            "SELECT count(*) FROM message_terms WHERE message_terms MATCH '{}'",
            index_terms("abc")
        );
        Ok((
            count(&filed)?,
            count("SELECT count(*) FROM reactions")?,
            count("SELECT count(*) FROM members")?,
        ))
    };
    assert_eq!(store.database.readers.read(left).await.unwrap(), (1, 1, 2));
}
