//! Files that an older version wrote.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{new_store, user_id};
use crate::adapters::sqlite::SqliteStore;
use crate::adapters::sqlite::schema::{APPLICATION_ID, MIGRATIONS, VERSION};
use crate::domain::contact::{Block, ContactEdge};
use crate::domain::conversation::Conversation;
use crate::domain::departure::Departure;
use crate::domain::emoji::Emoji;
use crate::domain::id::{ConversationId, Rev, Seq, UserId};
use crate::domain::message::{Content, Message, SystemEvent};
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, Adders, User};
use crate::domain::window::Window;
use crate::ports::{Range, Repositories as _};

/// Creates a file with the schema of an older version, and a user in it.
fn write(path: &Path, version: usize) {
    let connection = Connection::open(path).unwrap();
    for migration in &MIGRATIONS[..version] {
        connection.execute_batch(migration).unwrap();
    }
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    let number = i32::try_from(version).unwrap();
    connection.pragma_update(None, "user_version", number).unwrap();
    let insert = "
        INSERT INTO users (id, username, display_name, display_name_folded, about, last_seen, read_receipts, password,
            created_at)
        VALUES (?1, 'ana', 'Ana', 'ana', 'Tea.', 'contacts', 0, '$argon2id$x', 7)";
    connection.execute(insert, params![user_id(1)]).unwrap();
}

/// Returns the name and the SQL statement of each table and index of a file.
fn tables(path: &Path) -> Vec<(String, Option<String>)> {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT name, sql FROM sqlite_schema ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_file_of_any_older_version_is_brought_up_to_date_with_what_is_in_it() {
    let (directory, store) = new_store();
    store.close().await;
    let newest = tables(&directory.path().join("letsapp.db"));
    assert!(newest.iter().any(|(name, _)| name == "blocks"));
    for version in 1..VERSION {
        let path = directory.path().join(format!("version-{version}.db"));
        write(&path, version);
        let store = SqliteStore::open(&path).unwrap();
        let users = store.users().find(&[user_id(1)]).await.unwrap();
        assert_eq!(users[0].about.as_str(), "Tea.", "from version {version}");
        let block = Block {
            owner_id: user_id(1),
            user_id: user_id(2),
            blocked_at: Timestamp::from_millis(8),
        };
        store.contacts().block(block).await.unwrap();
        store.close().await;
        assert_eq!(tables(&path), newest, "from version {version}");

        let store = SqliteStore::open(&path).unwrap();
        let blocked = store
            .contacts()
            .blocked(&[ContactEdge::new(user_id(1), user_id(2))])
            .await;
        assert_eq!(blocked.unwrap().len(), 1, "it is migrated once");
        store.close().await;
    }
}

/// A file for each version of the schema, made by the program that wrote this version: see `golden/README.md`.
const GOLDEN: [&[u8]; VERSION] = [
    include_bytes!("golden/version-1.db"),
    include_bytes!("golden/version-2.db"),
    include_bytes!("golden/version-3.db"),
    include_bytes!("golden/version-4.db"),
    include_bytes!("golden/version-5.db"),
    include_bytes!("golden/version-6.db"),
    include_bytes!("golden/version-7.db"),
    include_bytes!("golden/version-8.db"),
    include_bytes!("golden/version-9.db"),
    include_bytes!("golden/version-10.db"),
    include_bytes!("golden/version-11.db"),
    include_bytes!("golden/version-12.db"),
];

/// Opens a copy of a golden file.
fn open_golden(file: &[u8]) -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letsapp.db");
    std::fs::write(&path, file).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    (directory, store)
}

async fn user_named(store: &SqliteStore, name: &str) -> User {
    let found = store.users().search(name, None, 9).await.unwrap();
    found.into_iter().find(|user| user.username.as_str() == name).unwrap()
}

async fn all_messages(store: &SqliteStore, id: ConversationId) -> Vec<Message> {
    let windows = [Window::WHOLE];
    store
        .messages()
        .history(id, &windows, Range::After(Seq::ZERO), 99)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_direct_conversation_of_every_golden_file_is_read_as_it_was_written() {
    for (version, file) in (1..).zip(GOLDEN) {
        let (_directory, store) = open_golden(file);
        let (ana, ben) = (user_named(&store, "ana").await, user_named(&store, "ben").await);
        let pair = Conversation::pair_of(ana.id, ben.id);
        let found = store.conversations().direct(&[pair]).await.unwrap();
        let [(_, chat)] = found[..] else {
            panic!("the pair has one, version {version}: {found:?}")
        };
        let messages = all_messages(&store, chat).await;
        let bodies: Vec<_> = messages.iter().map(Message::body).collect();
        let expected = ["Grüße 👩‍👩‍👧", "An answer", "Edited", "", "Forwarded"];
        assert_eq!(bodies, expected, "version {version}");
        let revs: Vec<_> = messages.iter().map(|message| message.rev.0).collect();
        assert_eq!(revs, [8, 2, 6, 7, 5], "version {version}");
        assert_eq!(messages[0].reactions.len(), 1);
        assert_eq!(messages[0].reactions[0].emoji, Emoji::parse("❤️").unwrap());
        assert_eq!(
            (messages[1].reply_to, &messages[1].mentions),
            (Some(Seq(1)), &vec![ana.id])
        );
        assert!(messages[2].edited_at.is_some() && messages[3].deleted_at.is_some() && messages[4].forwarded);
        let file = &messages[4].attachments[0];
        assert_eq!(
            (file.file_name.as_str(), file.size, file.width),
            ("photo.jpg", 1_000, Some(40))
        );
        assert_eq!(file.thumbnail.as_ref().map(|thumbnail| thumbnail.width), Some(4));

        let member = store
            .conversations()
            .members(&[(chat, ben.id)])
            .await
            .unwrap()
            .remove(0);
        assert_eq!((member.watermarks.delivered, member.watermarks.read), (Seq(5), Seq(3)));
        assert!(member.preferences.pinned, "version {version}");
        assert_eq!(store.sessions().of_user(ana.id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_members_of_every_golden_file_know_the_other_user_of_a_direct_conversation() {
    for (version, file) in (1..).zip(GOLDEN) {
        let (_directory, store) = open_golden(file);
        let (ana, ben) = (user_named(&store, "ana").await, user_named(&store, "ben").await);
        let peers = |connection: &Connection| {
            let sql = "SELECT kind, user_id, peer_id FROM members JOIN conversations ON id = conversation_id";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<Result<Vec<(String, UserId, Option<UserId>)>, _>>()
        };
        let peers = store.database.readers.read(peers).await.unwrap();
        let (mut direct, groups): (Vec<_>, Vec<_>) = peers.into_iter().partition(|(kind, ..)| kind == "direct");
        direct.sort_by_key(|(_, user_id, _)| *user_id != ana.id);
        let expected = [(ana.id, Some(ben.id)), (ben.id, Some(ana.id))];
        let direct: Vec<_> = direct.into_iter().map(|(_, user_id, peer)| (user_id, peer)).collect();
        assert_eq!(direct, expected, "version {version}");
        assert_eq!(groups.len(), 3, "version {version}");
        assert!(groups.iter().all(|(.., peer)| peer.is_none()), "version {version}");
    }
}

#[tokio::test]
async fn the_group_of_every_golden_file_is_read_as_it_was_written() {
    for (version, file) in (1..).zip(GOLDEN) {
        let (_directory, store) = open_golden(file);
        let id = ConversationId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00aa));
        let (ana, ben) = (user_named(&store, "ana").await, user_named(&store, "ben").await);
        let cem = user_named(&store, "cem").await;
        let messages = all_messages(&store, id).await;
        let contents: Vec<_> = messages.into_iter().map(|message| message.content).collect();
        let role = |user_id, role| Content::System(SystemEvent::RoleChanged { user_id, role });
        let expected = [
            Content::System(SystemEvent::GroupCreated {
                user_ids: vec![ana.id, ben.id],
            }),
            Content::System(SystemEvent::TitleChanged {
                title: "Another title".to_owned(),
            }),
            Content::System(SystemEvent::AboutChanged {
                about: "What it is about".to_owned(),
            }),
            Content::System(SystemEvent::MembersAdded { user_ids: vec![cem.id] }),
            role(cem.id, Role::Admin),
            Content::Text("Hello, group".to_owned()),
            Content::System(SystemEvent::MemberRemoved { user_id: ben.id }),
            role(cem.id, Role::Owner),
            Content::System(SystemEvent::MemberLeft { user_id: ana.id }),
        ];
        assert_eq!(contents, expected, "version {version}");
        let roster = store.conversations().rosters(&[id]).await.unwrap().remove(0);
        assert_eq!(
            roster.conversation.title.as_ref().map(|title| title.as_str()),
            Some("Another title")
        );
        let members: Vec<_> = roster
            .members
            .iter()
            .map(|member| (member.user_id, member.role))
            .collect();
        assert_eq!(members, [(cem.id, Role::Owner)], "version {version}");
    }
}

#[tokio::test]
async fn contacts_and_blocks_are_in_the_golden_files_since_version_2() {
    for (version, file) in (1..).zip(GOLDEN) {
        let (_directory, store) = open_golden(file);
        let (ana, ben) = (user_named(&store, "ana").await, user_named(&store, "ben").await);
        let cem = user_named(&store, "cem").await;
        let contacts = store.contacts().contacts(ana.id, None, 9).await.unwrap();
        let aliases: Vec<_> = contacts.iter().filter_map(|contact| contact.alias.as_ref()).collect();
        let blocked = store
            .contacts()
            .blocked(&[ContactEdge::new(cem.id, ben.id)])
            .await
            .unwrap();
        let expected = if version == 1 { (0, 0) } else { (1, 1) };
        assert_eq!((aliases.len(), blocked.len()), expected, "version {version}");
    }
}

#[tokio::test]
async fn departures_and_the_setting_for_groups_are_in_the_golden_files_since_version_7() {
    let id = ConversationId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_00aa));
    for (version, file) in (1..).zip(GOLDEN) {
        let (_directory, store) = open_golden(file);
        let (ana, cem) = (user_named(&store, "ana").await, user_named(&store, "cem").await);
        let left = store.conversations().members(&[(id, ana.id)]).await.unwrap().remove(0);
        let departure = Departure {
            at: Timestamp::from_millis(1_795_338_018_000),
            seq: Seq(9),
            rev: Rev(9),
            title: Some(Title::from_stored("Another title")),
            about: About::from_stored("What it is about"),
            avatar_media_id: None,
            member_count: 1,
            listed: false,
        };
        let expected = if version < 7 {
            (None, Adders::Everyone)
        } else {
            (Some(Box::new(departure)), Adders::Contacts)
        };
        assert_eq!((left.departure, cem.settings.groups), expected, "version {version}");
        assert_eq!(ana.settings.groups, Adders::Everyone, "version {version}");
    }
}

#[tokio::test]
async fn the_newest_message_of_each_sender_in_every_golden_file_is_known() {
    for (version, file) in (1..).zip(GOLDEN) {
        let (_directory, store) = open_golden(file);
        let (ana, ben) = (user_named(&store, "ana").await, user_named(&store, "ben").await);
        let pair = Conversation::pair_of(ana.id, ben.id);
        let chat = store.conversations().direct(&[pair]).await.unwrap()[0].1;
        let messages = all_messages(&store, chat).await;
        for user in [ana.id, ben.id] {
            let own = messages.iter().filter(|message| message.sender_id == user);
            let newest = own.map(|message| message.seq).max().unwrap();
            let last_sent = store.messages().last_sent(&[(chat, user)]).await.unwrap();
            assert_eq!(last_sent, [((chat, user), newest)], "version {version}");
        }
    }
}
