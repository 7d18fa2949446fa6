//! Sharding: queries and writes name their shard key, because without it a sharded cluster asks every shard.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use letsapp_core::adapters::mongodb::MongoStore;
use letsapp_core::domain::contact::{Block, Contact};
use letsapp_core::domain::conversation::Conversation;
use letsapp_core::domain::credential::PasswordHash;
use letsapp_core::domain::id::{ConversationId, Rev, Seq, SessionId};
use letsapp_core::domain::mark::Since;
use letsapp_core::domain::media::{Holder, MediaFacts, MediaRef, MediaState, Upload, UploadPart};
use letsapp_core::domain::member::{MemberChange, PreferencesPatch, Watermarks};
use letsapp_core::domain::search::{Query, Rank, Scope, Score, Search};
use letsapp_core::domain::window::{Span, Window};
use letsapp_core::ports::{Advance, Change, Range, Repositories, SenderQuery};
use letsapp_testkit::mongodb::shared;
use mongodb::bson::{Bson, Document};
use mongodb::event::command::CommandEvent;

use crate::world::{
    addition, append, at, commit_one, create_group, direct, edit, file, fresh_message_id, head, land, open_with, text,
    user_id,
};

/// Returns the shard key of a collection; `None` for collections that are not sharded.
fn shard_key(collection: &str) -> Option<&'static str> {
    match collection {
        "messages" | "members" => Some("conversation_id"),
        "memberships" => Some("user_id"),
        "contacts" | "blocks" => Some("owner_id"),
        "media_refs" => Some("media_id"),
        "users" | "sessions" | "conversations" | "pairs" | "media" | "uploads" => Some("_id"),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_on_the_hot_path_names_its_shard_key() {
    let Some(server) = shared() else { return };
    let heard: Arc<Mutex<Vec<Document>>> = Arc::default();
    let hear = Arc::clone(&heard);
    let store = open_with(&server.unique_database_uri(), move |event| {
        if let CommandEvent::Started(event) = event {
            hear.lock().unwrap().push(event.command);
        }
    })
    .await;
    heard.lock().unwrap().clear();
    walk(&store).await;

    let commands = std::mem::take(&mut *heard.lock().unwrap());
    let mut judged = 0;
    for command in &commands {
        let scattered = scattered(command, &mut judged);
        assert!(scattered.is_empty(), "{scattered:?} ask every shard: {command}");
    }
    assert!(judged > 40, "only {judged} filters and documents were looked at");
    store.close().await;
}

/// Calls the methods that are used often, so that their commands are recorded.
async fn walk(store: &MongoStore) {
    let (group, chat) = (create_group(store, 1).await, direct(store, 1, 2).await);
    let first = land(store, append(text(chat, 1, "first"), Seq::ZERO)).await;
    land(store, edit(&first, "edited", Seq::ZERO)).await;
    let again = append(first.clone(), Seq::ZERO);
    commit_one(store, again).await.expect("the store is there");
    let outdated = edit(&first, "too late", Seq::ZERO);
    commit_one(store, outdated).await.expect("the store is there");
    let fence = head(store, group).await.fence;
    land(store, addition(group, 5, fence)).await;
    let fence = head(store, group).await.fence;
    land(store, leaving(group, 5, fence)).await;

    let both: [ConversationId; 2] = [group, chat];
    let conversations = store.conversations();
    conversations.find(&both).await.expect("the store is there");
    conversations.rosters(&both).await.expect("the store is there");
    conversations.member_counts(&both).await.expect("the store is there");
    let members = [(group, user_id(0)), (chat, user_id(1))];
    conversations.members(&members).await.expect("the store is there");
    conversations.memberships(user_id(1)).await.expect("the store is there");
    let pair = Conversation::pair_of(user_id(1), user_id(2));
    conversations.direct(&[pair]).await.expect("the store is there");
    let with = [user_id(2), user_id(3)];
    conversations
        .acquainted(user_id(1), &with)
        .await
        .expect("the store is there");
    let group_now = conversations
        .find(&[group])
        .await
        .expect("the store is there")
        .remove(0);
    let departure = group_now.departure(first.position(), 1);
    conversations
        .put_departure(group, user_id(0), departure)
        .await
        .expect("the store is there");
    let beginning = conversations.standings(user_id(1), Since::Beginning).await;
    let mark = beginning.expect("the store is there").mark;
    for since in [Since::Mark(mark), Since::Time(at(0))] {
        let standings = conversations.standings(user_id(1), since).await;
        standings.expect("the store is there");
    }
    // A former member of a group, whose conversation may be deleted.
    let former = conversations.standings(user_id(5), Since::Mark(mark)).await;
    former.expect("the store is there");
    conversations.revs(&both).await.expect("the store is there");
    conversations.activity(&both).await.expect("the store is there");
    let advance = Advance {
        conversation_id: chat,
        user_id: user_id(2),
        to: Watermarks::read(Seq(1)),
        at: at(3),
    };
    conversations.advance(vec![advance]).await.expect("the store is there");
    let patch = PreferencesPatch {
        pinned: Some(true),
        ..PreferencesPatch::default()
    };
    conversations
        .update_preferences(chat, user_id(1), patch, at(4))
        .await
        .expect("the store is there");

    let messages = store.messages();
    let span = |conversation_id| Span {
        conversation_id,
        after: Seq::ZERO,
        through: Seq(1),
    };
    let windows = [Window::WHOLE];
    messages
        .find(&[(group, Seq(1)), (chat, Seq(1))])
        .await
        .expect("the store is there");
    messages.find_by_id(chat, first.id).await.expect("the store is there");
    messages
        .history(chat, &windows, Range::Newest, 10)
        .await
        .expect("the store is there");
    messages
        .changes(chat, &windows, Rev::ZERO, 10)
        .await
        .expect("the store is there");
    messages
        .announcements(group, Seq::ZERO, 10)
        .await
        .expect("the store is there");
    let scope = |conversation_id| Scope {
        conversation_id,
        windows: vec![
            Window {
                from: Seq(1),
                to: Some(Seq(2)),
            },
            Window { from: Seq(4), to: None },
        ],
    };
    let search = Search {
        query: Query::parse("first words"),
        within: both.map(scope).to_vec(),
        from: Some(user_id(1)),
        after: Some(at(0)),
        before: Some(at(9)),
        past: Some(Rank::of(&first, Score::BodyWord)),
        limit: 10,
        budget: Duration::from_secs(60),
    };
    messages.search(search).await.expect("the store is there");
    messages
        .count_unread(&both.map(span))
        .await
        .expect("the store is there");
    let query = |id| SenderQuery {
        span: span(id),
        among: vec![user_id(1), user_id(2)],
    };
    messages.senders(&both.map(query)).await.expect("the store is there");
    let pairs = [
        (group, user_id(0)),
        (chat, user_id(1)),
        (chat, user_id(2)),
        (group, user_id(2)),
    ];
    messages.last_sent(&pairs).await.expect("the store is there");
    contacts(store).await;
    media(store, chat).await;
    let gone = create_group(store, 2).await;
    let group = conversations.find(&[gone]).await.expect("the store is there").remove(0);
    let fence = head(store, gone).await.fence;
    let end = match addition(gone, 0, fence) {
        Change::UpdateGroup { message, fence, .. } => Change::UpdateGroup {
            conversation: Some(Box::new(group.deleted(at(6)))),
            members: vec![MemberChange::Left(user_id(0))],
            preceding: Vec::new(),
            message,
            fence,
        },
        _ => unreachable!("that is what it makes"),
    };
    land(store, end).await;
    conversations
        .members(&[(gone, user_id(0))])
        .await
        .expect("the store is there");
    while !conversations.purge(gone, 10).await.expect("the store is there") {}

    store.users().find(&[user_id(1)]).await.expect("the store is there");
    let proven = PasswordHash::from_phc("x");
    store
        .users()
        .erase(user_id(1), &proven, at(7))
        .await
        .expect("the store is there");
    let session = SessionId::from_bytes([1; 16]);
    store.sessions().find(&[session]).await.expect("the store is there");
    store
        .sessions()
        .used(session, 1, at(5))
        .await
        .expect("the store is there");
}

/// Makes the change by which a user leaves a group.
fn leaving(id: ConversationId, n: u64, fence: Seq) -> Change {
    match addition(id, n, fence) {
        Change::UpdateGroup { message, fence, .. } => Change::UpdateGroup {
            conversation: None,
            members: vec![MemberChange::Left(user_id(n))],
            preceding: Vec::new(),
            message,
            fence,
        },
        _ => unreachable!("that is what it makes"),
    }
}

/// Adds, blocks and looks up a contact.
async fn contacts(store: &MongoStore) {
    let contacts = store.contacts();
    let (owner_id, user_id) = (user_id(1), user_id(2));
    let contact = Contact {
        owner_id,
        user_id,
        alias: None,
        added_at: at(1),
    };
    let block = Block {
        owner_id,
        user_id,
        blocked_at: at(1),
    };
    let edge = contact.edge();
    contacts.put(contact).await.expect("the store is there");
    contacts.block(block).await.expect("the store is there");
    let asked = [edge, edge.reversed()];
    assert_eq!(contacts.listed(&asked).await.expect("the store is there"), [edge]);
    assert_eq!(contacts.blocked(&asked).await.expect("the store is there"), [edge]);
    let listed = contacts.contacts(owner_id, Some(owner_id), 10).await;
    listed.expect("the store is there");
    contacts.blocks(owner_id, None, 10).await.expect("the store is there");
    contacts.remove(edge).await.expect("the store is there");
    contacts.unblock(edge).await.expect("the store is there");
    contacts.forget(owner_id).await.expect("the store is there");
}

/// Uploads, refers to, releases and removes a file.
async fn media(store: &MongoStore, conversation_id: ConversationId) {
    let media = store.media();
    let file = file(1);
    let upload = Upload {
        id: file.id,
        owner_id: file.owner_id,
        file_name: file.file_name.clone(),
        content_type: None,
        length: None,
        offset: 0,
        parts: Vec::new(),
        reserved: Vec::new(),
        created_at: at(1),
        expires_at: at(2),
    };
    let part = UploadPart {
        blob: file.blob,
        size: 1,
    };
    media.start_upload(&upload).await.expect("the store is there");
    media.start_upload(&upload).await.expect("the store is there");
    let reserved = media.reserve_part(file.id, part.blob).await;
    assert!(reserved.expect("the store is there").is_some());
    let added = media.add_part(file.id, 0, part, at(3)).await;
    assert!(added.expect("the store is there").is_some());
    media.upload(file.id).await.expect("the store is there");
    let retired = media.retire_upload(file.id, at(4)).await;
    assert!(retired.expect("the store is there").is_some());
    let released = media.release_parts(file.id, &[file.blob]).await;
    released.expect("the store is there");
    media.end_upload(file.id).await.expect("the store is there");

    media.insert(&file).await.expect("the store is there");
    media.insert(&file).await.expect("the store is there");
    let holder = Holder::Message {
        conversation_id,
        message_id: fresh_message_id(),
    };
    let reference = MediaRef {
        media_id: file.id,
        holder,
        at: at(1),
    };
    media.refer(&[reference]).await.expect("the store is there");
    assert_eq!(media.find(&[file.id]).await.expect("the store is there").len(), 1);
    assert_eq!(media.refs(&[file.id]).await.expect("the store is there"), [reference]);
    media.expire(&[reference], at(2)).await.expect("the store is there");
    media
        .release(&[(file.id, holder)], at(2))
        .await
        .expect("the store is there");
    media.schedule(&[file.id], at(1)).await.expect("the store is there");
    media.scanned(file.id, at(1)).await.expect("the store is there");
    let processed = media.process(file.id, &MediaFacts::default()).await;
    assert!(processed.expect("the store is there").is_some());
    let moved = media.set_state(file.id, MediaState::Live, MediaState::Removed, None);
    assert!(moved.await.expect("the store is there"));
    media.remove(file.id).await.expect("the store is there");
}

/// Returns the filters and documents of a command that do not name their shard key, and counts all of them in `judged`.
fn scattered(command: &Document, judged: &mut usize) -> Vec<Bson> {
    let Some((name, Bson::String(collection))) = command.iter().next() else {
        return Vec::new();
    };
    let Some(key) = shard_key(collection) else {
        return Vec::new();
    };
    let array = |field: &str| command.get_array(field).cloned().unwrap_or_default();
    let document = |field: &str| command.get_document(field).cloned().unwrap_or_default();
    let filters: Vec<Bson> = match name.as_str() {
        "find" => vec![document("filter").into()],
        "insert" => array("documents"),
        "update" => array("updates").iter().map(|update| inner(update, "q")).collect(),
        "delete" => array("deletes").iter().map(|delete| inner(delete, "q")).collect(),
        "findAndModify" => vec![document("query").into()],
        "aggregate" => matches(&array("pipeline")),
        other => panic!("no rule for the command `{other}`"),
    };
    *judged += filters.len();
    filters.into_iter().filter(|filter| !names(filter, key)).collect()
}

/// Returns the filters by which a pipeline, and those in union with it, begin.
fn matches(pipeline: &[Bson]) -> Vec<Bson> {
    let mut filters = vec![inner(&pipeline[0], "$match")];
    for stage in pipeline {
        if let Bson::Document(union) = inner(stage, "$unionWith") {
            filters.extend(matches(union.get_array("pipeline").expect("a union has a pipeline")));
        }
    }
    filters
}

/// Tells whether a filter restricts the field to one or several values, in each branch of an `$or` if it has one.
fn names(filter: &Bson, key: &str) -> bool {
    let Bson::Document(filter) = filter else { return false };
    let pinned = match filter.get(key) {
        Some(Bson::Document(condition)) => {
            condition.contains_key("$in") || condition.keys().all(|field| !field.starts_with('$'))
        }
        value => value.is_some(),
    };
    let branches = filter.get_array("$or").ok();
    pinned || branches.is_some_and(|branches| branches.iter().all(|branch| names(branch, key)))
}

/// Returns a field of a document, or null.
fn inner(document: &Bson, field: &str) -> Bson {
    let document = document.as_document().expect("it is a document");
    document.get(field).cloned().unwrap_or(Bson::Null)
}
