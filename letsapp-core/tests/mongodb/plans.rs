//! Query plans: the store's queries use the indexes as intended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::domain::credential::PasswordHash;
use letsapp_core::domain::id::{ConversationId, Seq};
use letsapp_core::domain::media::{Media, MediaStatus};
use letsapp_core::domain::search::{Query, Scope, Search};
use letsapp_core::domain::user::{About, DisplayName, NamePosition, Settings, User, Username};
use letsapp_core::domain::window::{Span, Window};
use letsapp_core::ports::{Claim, Repositories, SenderQuery};
use letsapp_testkit::mongodb::shared;
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::event::command::CommandEvent;

use crate::world::{append, at, direct, file, open_with, text, user_id};

#[tokio::test(flavor = "multi_thread")]
async fn reading_heads_looks_at_one_index_entry_per_conversation() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let (store, heard) = overheard(&uri).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let id = direct(&store, 2 * n, 2 * n + 1).await;
        let messages = (0..20).map(|n| append(text(id, 1, &format!("message {n}")), Seq::ZERO));
        assert!(
            store
                .messages()
                .commit(messages.collect())
                .in_order(20)
                .await
                .iter()
                .all(Result::is_ok)
        );
        ids.push(id);
    }
    let heads = store.conversations().heads(&ids).await.expect("the store is there");
    assert_eq!(heads.len(), ids.len());

    let asked = heard
        .lock()
        .expect("nothing panics while it holds the lock")
        .take()
        .expect("heads are an aggregation");
    let plan = explained(&uri, &asked).await;
    assert!(holds(&plan, "stage", &"DISTINCT_SCAN".into()), "{plan}");
    let looked_at = number(&plan, "totalKeysExamined").expect("the plan was executed");
    assert!(looked_at <= 2 * 20 + 1, "{looked_at} entries for 20 conversations");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_activity_looks_at_one_index_entry_per_conversation() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let (store, heard) = overheard(&uri).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let id = direct(&store, 2 * n, 2 * n + 1).await;
        let messages = (0..20).map(|n| append(text(id, 1, &format!("message {n}")), Seq::ZERO));
        let outcomes = store.messages().commit(messages.collect()).in_order(20).await;
        assert!(outcomes.iter().all(Result::is_ok));
        ids.push(id);
    }
    let latest = store.conversations().activity(&ids).await.expect("the store is there");
    assert_eq!(latest.len(), ids.len());

    let asked = heard.lock().unwrap().take().expect("activity is an aggregation");
    let plan = explained(&uri, &asked).await;
    assert!(holds(&plan, "stage", &"DISTINCT_SCAN".into()), "{plan}");
    let looked_at = number(&plan, "totalKeysExamined").expect("the plan was executed");
    assert!(looked_at <= 2 * 20 + 1, "{looked_at} entries for 20 conversations");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_revs_looks_at_one_index_entry_per_conversation_and_at_no_message() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let (store, heard) = overheard(&uri).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let id = direct(&store, 2 * n, 2 * n + 1).await;
        let messages = (0..20).map(|n| append(text(id, 1, &format!("message {n}")), Seq::ZERO));
        let outcomes = store.messages().commit(messages.collect()).in_order(20).await;
        assert!(outcomes.iter().all(Result::is_ok));
        ids.push(id);
    }
    let revs = store.conversations().revs(&ids).await.expect("the store is there");
    assert_eq!(revs.len(), ids.len());

    let asked = heard.lock().unwrap().take().expect("revs are an aggregation");
    let plan = explained(&uri, &asked).await;
    assert!(holds(&plan, "stage", &"DISTINCT_SCAN".into()), "{plan}");
    assert!(!holds(&plan, "stage", &"FETCH".into()), "{plan}");
    let looked_at = number(&plan, "totalKeysExamined").expect("the plan was executed");
    assert!(looked_at <= 2 * 20 + 1, "{looked_at} entries for 20 conversations");
    assert_eq!(number(&plan, "totalDocsExamined"), Some(0), "{plan}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_users_reads_no_more_of_either_index_than_a_page() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let queries: Arc<Mutex<Vec<Document>>> = Arc::default();
    let hear = Arc::clone(&queries);
    let store = open_with(&uri, move |event| {
        if let CommandEvent::Started(event) = event
            && event.command_name == "find"
        {
            hear.lock().expect("nothing panics with it").push(event.command);
        }
    });
    let store = store.await;
    for n in 0..300 {
        // A hundred are found by the username, and two hundred by display names, which are all the same.
        let username = if n % 3 == 0 {
            format!("ana{n:03}")
        } else {
            format!("user{n:03}")
        };
        let claim = store
            .users()
            .create(account(n, &username, "Ana"), PasswordHash::from_phc("x"))
            .await;
        assert!(matches!(claim, Ok(Claim::Done)));
    }
    let mut after: Option<NamePosition> = None;
    for _ in 0..10 {
        queries.lock().unwrap().clear();
        let page = store
            .users()
            .search("an", after.as_ref(), 20)
            .await
            .expect("the store is there");
        assert_eq!(page.len(), 20);
        after = page.last().and_then(|user| NamePosition::of(user, "an"));
        let asked = std::mem::take(&mut *queries.lock().unwrap());
        assert_eq!(asked.len(), 2, "one for each index");
        for query in asked {
            let plan = explained(&uri, &query).await;
            assert!(!holds(&plan, "stage", &"SORT".into()), "{plan}");
            let looked_at = number(&plan, "totalKeysExamined").expect("the plan was executed");
            assert!(looked_at <= 52, "{looked_at} entries for a page of 20: {plan}");
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_reads_only_the_messages_with_its_longest_word_in_its_conversations() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let (store, heard) = overheard(&uri).await;
    let mut within = Vec::new();
    for n in 0..20 {
        let id = direct(&store, 2 * n, 2 * n + 1).await;
        let words = |n: u64| if n.is_multiple_of(10) { "rarely so" } else { "often so" };
        let changes = (0..50).map(|n| append(text(id, 1, words(n)), Seq::ZERO));
        let outcomes = store.messages().commit(changes.collect()).in_order(50).await;
        assert!(outcomes.iter().all(Result::is_ok));
        // In half of the conversations the first message is hidden. Such a window must not make the server use another
        // index than that of the tokens.
        within.push(Scope {
            conversation_id: id,
            windows: vec![Window {
                from: Seq(1 + n % 2),
                to: None,
            }],
        });
    }
    within.truncate(10);
    let search = Search {
        query: Query::parse("so rar"),
        within,
        from: None,
        after: None,
        before: None,
        past: None,
        limit: 20,
        budget: Duration::from_secs(60),
    };
    let found = store.messages().search(search).await.expect("the store is there");
    assert_eq!((found.hits.len(), found.partial), (20, false));

    let asked = heard.lock().unwrap().take().expect("a search is an aggregation");
    assert!(asked.contains_key("hint"), "a search says which index to take: {asked}");
    let plan = explained(&uri, &asked).await;
    assert!(
        !holds(&plan, "stage", &"OR".into()),
        "one look through the index, and no choice to take one for each window: {plan}"
    );
    let looked_at = number(&plan, "totalDocsExamined").expect("the plan was executed");
    assert!(
        looked_at <= 50,
        "{looked_at} messages for the 50 that have the longer word: {plan}"
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_found_by_what_is_asked_of_them() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let queries: Arc<Mutex<Vec<Document>>> = Arc::default();
    let hear = Arc::clone(&queries);
    let store = open_with(&uri, move |event| {
        if let CommandEvent::Started(event) = event
            && ["find", "aggregate"].contains(&event.command_name.as_str())
        {
            hear.lock().expect("nothing panics with it").push(event.command);
        }
    });
    let store = store.await;
    let media = store.media();
    for n in 0..300 {
        // A third each are processing, ready, and to be checked.
        let status = if n % 3 == 0 {
            MediaStatus::Processing
        } else {
            MediaStatus::Ready
        };
        let file = Media {
            owner_id: user_id(n % 10),
            status,
            check_at: (n % 3 == 1).then(|| at(1)),
            ..file(n)
        };
        media.insert(&file).await.expect("the store is there");
    }
    queries.lock().unwrap().clear();
    let (file, owner) = (file(9), user_id(9));
    assert!(media.holds_blob(file.blob).await.expect("the store is there"));
    let sibling = media.sibling(owner, &file.sha256).await.expect("the store is there");
    assert_eq!(sibling.map(|media| media.id), Some(file.id));
    assert_eq!(media.usage(owner).await.expect("the store is there").count, 30);
    let own = media
        .of_owner(owner, Some(file.id), 5)
        .await
        .expect("the store is there");
    assert!(own.len() <= 5);
    assert_eq!(media.all(None, 5).await.expect("the store is there").len(), 5);
    assert_eq!(media.unprocessed(None, 5).await.expect("the store is there").len(), 5);
    assert_eq!(media.due(at(1), 5).await.expect("the store is there").len(), 5);
    media.refs_in(group(), 5).await.expect("the store is there");
    media.expired_uploads(at(1), 5).await.expect("the store is there");
    media.unfinished(owner).await.expect("the store is there");

    let asked = std::mem::take(&mut *queries.lock().unwrap());
    let most = [2, 1, 31, 6, 5, 5, 5, 0, 0, 0];
    assert_eq!(asked.len(), most.len());
    for (query, most) in asked.into_iter().zip(most) {
        let plan = explained(&uri, &query).await;
        for refused in ["COLLSCAN", "SORT"] {
            assert!(!holds(&plan, "stage", &refused.into()), "{plan}");
        }
        let looked_at = number(&plan, "totalKeysExamined").expect("the plan was executed");
        assert!(looked_at <= most, "{looked_at} entries: {plan}");
        if query.contains_key("aggregate") {
            assert_eq!(
                number(&plan, "totalDocsExamined"),
                Some(0),
                "the index has all that is counted: {plan}"
            );
        }
    }
    store.close().await;
}

/// Returns the id of a conversation.
fn group() -> ConversationId {
    ConversationId::from_bytes([7; 16])
}

/// Makes a user, without storing it.
fn account(n: u64, username: &str, display_name: &str) -> User {
    User {
        id: user_id(n),
        username: Username::from_stored(username),
        display_name: DisplayName::from_stored(display_name),
        about: About::from_stored(""),
        email: None,
        avatar_media_id: None,
        settings: Settings::default(),
        created_at: at(0),
        last_seen_at: None,
        deleted_at: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_users_have_sent_is_found_without_reading_the_messages_around_it() {
    let Some(server) = shared() else { return };
    let uri = server.unique_database_uri();
    let (store, heard) = overheard(&uri).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        let id = direct(&store, 0, n + 1).await;
        let messages = (0..100).map(|k| append(text(id, if k % 2 == 0 { 0 } else { n + 1 }, "hello"), Seq::ZERO));
        let outcomes = store.messages().commit(messages.collect()).in_order(100).await;
        assert!(outcomes.iter().all(Result::is_ok));
        ids.push(id);
    }
    let peers = ids.iter().zip(1..).map(|(id, n)| (*id, user_id(n)));
    let pairs: Vec<_> = ids.iter().map(|id| (*id, user_id(0))).chain(peers).collect();
    let last_sent = store.messages().last_sent(&pairs).await.expect("the store is there");
    assert_eq!(last_sent.len(), pairs.len());
    seeks_only(&uri, &heard, pairs.len()).await;

    let query = |id: &ConversationId| SenderQuery {
        span: Span {
            conversation_id: *id,
            after: Seq(10),
            through: Seq(90),
        },
        among: (0..11).map(user_id).collect(),
    };
    let asked: Vec<_> = ids.iter().map(query).collect();
    let senders = store.messages().senders(&asked).await.expect("the store is there");
    assert!(senders.iter().all(|senders| senders.len() == 2), "{senders:?}");
    seeks_only(&uri, &heard, asked.len() * 11).await;
    store.close().await;
}

/// Checks that the last aggregation looks at two entries of an index at most for each user asked about.
async fn seeks_only(uri: &str, heard: &Mutex<Option<Document>>, users: usize) {
    let asked = heard
        .lock()
        .expect("nothing panics while it holds the lock")
        .take()
        .expect("it is an aggregation");
    let plan = explained(uri, &asked).await;
    assert!(holds(&plan, "stage", &"DISTINCT_SCAN".into()), "{plan}");
    for scan in ["IXSCAN", "COLLSCAN", "FETCH", "SORT"] {
        assert!(!holds(&plan, "stage", &scan.into()), "{plan}");
    }
    let looked_at = sum(&plan, "keysExamined");
    assert!(
        (1..=2 * users).contains(&looked_at),
        "{looked_at} entries for {users} users: {plan}"
    );
}

/// Opens the store, and records the last aggregation that it sends.
async fn overheard(uri: &str) -> (MongoStore, Arc<Mutex<Option<Document>>>) {
    let heard: Arc<Mutex<Option<Document>>> = Arc::default();
    let hear = Arc::clone(&heard);
    let store = open_with(uri, move |event| {
        if let CommandEvent::Started(event) = event
            && event.command_name == "aggregate"
        {
            *hear.lock().expect("nothing panics with it") = Some(event.command);
        }
    });
    (store.await, heard)
}

/// Returns the server's execution statistics for a recorded query.
async fn explained(uri: &str, asked: &Document) -> Bson {
    let mut query = doc! {};
    for field in [
        "aggregate",
        "pipeline",
        "cursor",
        "find",
        "filter",
        "sort",
        "limit",
        "min",
        "max",
        "hint",
    ] {
        if let Some(value) = asked.get(field) {
            query.insert(field, value);
        }
    }
    let client = Client::with_uri_str(uri).await.expect("the kit's addresses are valid");
    let database = client.default_database().expect("the address names one");
    let explain = doc! {"explain": query, "verbosity": "executionStats"};
    Bson::Document(database.run_command(explain).await.expect("it can be explained"))
}

/// Tells whether a plan has a field of this value at any depth.
fn holds(plan: &Bson, field: &str, value: &Bson) -> bool {
    match plan {
        Bson::Document(document) => {
            document.get(field) == Some(value) || document.values().any(|inner| holds(inner, field, value))
        }
        Bson::Array(array) => array.iter().any(|inner| holds(inner, field, value)),
        _ => false,
    }
}

/// Returns the first number under a field's name, at any depth.
fn number(plan: &Bson, field: &str) -> Option<i64> {
    match plan {
        Bson::Document(document) => {
            let here = document
                .get(field)
                .and_then(|value| value.as_i64().or(value.as_i32().map(i64::from)));
            here.or_else(|| document.values().find_map(|inner| number(inner, field)))
        }
        Bson::Array(array) => array.iter().find_map(|inner| number(inner, field)),
        _ => None,
    }
}

/// Returns the sum of the numbers under a field's name, at any depth.
fn sum(plan: &Bson, field: &str) -> usize {
    let number = |value: &Bson| value.as_i64().or(value.as_i32().map(i64::from));
    match plan {
        Bson::Document(document) => document
            .iter()
            .map(|(name, value)| match number(value) {
                Some(here) if name == field => usize::try_from(here).expect("it counts"),
                _ => sum(value, field),
            })
            .sum(),
        Bson::Array(array) => array.iter().map(|inner| sum(inner, field)).sum(),
        _ => 0,
    }
}
