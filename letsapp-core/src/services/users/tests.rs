//! Every method that returns users hides the last-seen time from callers who may not see it.

use crate::adapters::memory::MemoryStore;
use crate::app::LetsApp;
use crate::domain::credential::PasswordHash;
use crate::domain::id::{SessionId, UserId};
use crate::domain::page::Limit;
use crate::domain::principal::Principal;
use crate::domain::role::Role;
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, Audience, DisplayName, Settings, User, Username};
use crate::engine::error::ConversationError;
use crate::ports::{Claim, Repositories};
use crate::protocol;
use crate::protocol::SyncRequest;
use crate::protocol::requests::{AddMembers, CreateConversation};
use crate::services::users::*;

const SEEN: Timestamp = Timestamp::from_millis(77);

/// An application whose users have a last-seen time and show it to their contacts.
struct World {
    app: LetsApp,
    store: MemoryStore,
}

impl World {
    async fn new() -> Self {
        let store = MemoryStore::new();
        let app = LetsApp::builder().store(store.another()).build().await.unwrap();
        Self { app, store }
    }

    async fn person(&self, n: u8) -> Principal {
        let username = Username::parse(format!("person{n}")).unwrap();
        let user = User {
            id: UserId::from_bytes([n; 16]),
            display_name: DisplayName::from(&username),
            username,
            about: About::default(),
            email: None,
            avatar_media_id: None,
            settings: Settings {
                last_seen: Audience::Contacts,
                ..Settings::default()
            },
            created_at: Timestamp::from_millis(1),
            last_seen_at: Some(SEEN),
            deleted_at: None,
        };
        let password = PasswordHash::from_phc("not used to sign in");
        let claim = self.store.users().create(user, password).await.unwrap();
        assert_eq!(claim, Claim::Done);
        Principal {
            user_id: UserId::from_bytes([n; 16]),
            session_id: SessionId::from_bytes([n; 16]),
        }
    }

    async fn group(&self, owner: &Principal, member_ids: Vec<UserId>) -> protocol::Conversation {
        let request = CreateConversation::Group {
            id: None,
            title: Title::parse("A group").unwrap(),
            about: None,
            member_ids,
        };
        let (group, _) = self.app.conversations().create(owner, request, None).await.unwrap();
        group
    }

    /// Returns `whom` as `viewer` sees them, once for each method that returns users.
    async fn everywhere(&self, viewer: &Principal, whom: UserId) -> Vec<(&'static str, protocol::User)> {
        let (conversations, users, contacts) = (self.app.conversations(), self.app.users(), self.app.contacts());
        let all = Limit::default();
        let direct = CreateConversation::Direct { user_id: whom };
        let (chat, _) = conversations.create(viewer, direct, None).await.unwrap();
        let found = conversations.find(viewer, chat.id).await.unwrap();
        let list = conversations.list(viewer, None, all).await.unwrap().items;
        let listed = list
            .into_iter()
            .find(|conversation| conversation.id == chat.id)
            .unwrap();
        let sync = conversations.sync(viewer, SyncRequest::default()).await.unwrap();
        let synced = sync
            .conversations
            .into_iter()
            .find(|conversation| conversation.id == chat.id);
        let peer = |conversation: protocol::Conversation| conversation.peer.unwrap();
        let username = format!("person{}", whom.as_bytes()[0]);
        let search = users
            .search(viewer, &username, None, all)
            .await
            .unwrap()
            .items
            .remove(0);

        let group = self.group(viewer, Vec::new()).await.id;
        let add = AddMembers { user_ids: vec![whom] };
        let mut in_group = Vec::new();
        match conversations.add_members(viewer, group, add, None).await {
            Ok(mut added) => {
                let role = Role::Admin;
                let changed = conversations.change_role(viewer, group, whom, role, None).await;
                let mut members = conversations.members(viewer, group, None, all).await.unwrap().items;
                members.retain(|member| member.user.id == whom);
                in_group.extend([
                    ("members that were added", added.remove(0).user),
                    ("a member whose role changed", changed.unwrap().user),
                    ("a list of members", members.remove(0).user),
                ]);
            }
            // A block by that user allows nothing of the kind.
            Err(ConversationError::NotAddable(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let put = contacts.put(viewer, whom, None).await.unwrap();
        let contact = contacts.list(viewer, None, all).await.unwrap().items.remove(0);
        contacts.remove(viewer, whom).await.unwrap();
        let mut everywhere = vec![
            ("the one of a pair", peer(chat)),
            ("a conversation", peer(found)),
            ("a list of conversations", peer(listed)),
            ("a sync", peer(synced.unwrap())),
            ("a profile", users.find(viewer, whom).await.unwrap()),
            ("a search", search),
            ("a contact that was put", put.user),
            ("a list of contacts", contact.user),
        ];
        everywhere.extend(in_group);
        everywhere
    }
}

#[tokio::test]
async fn last_seen_follows_settings_and_blocks_in_every_method() {
    let world = World::new().await;
    let (ana, ben) = (world.person(1).await, world.person(2).await);
    let shown = async |expected: bool, when: &str| {
        for (place, user) in world.everywhere(&ana, ben.user_id).await {
            assert_eq!(user.id, ben.user_id);
            assert_eq!(user.last_seen_at.is_some(), expected, "{when}, in {place}");
        }
    };
    let audience = async |last_seen| {
        let patch = ProfilePatch {
            last_seen: Some(last_seen),
            ..ProfilePatch::default()
        };
        world.app.users().update_me(&ben, patch).await.unwrap();
    };
    let contacts = world.app.contacts();
    shown(false, "to a stranger").await;
    contacts.put(&ben, ana.user_id, None).await.unwrap();
    shown(true, "to a contact").await;
    contacts.block(&ana, ben.user_id).await.unwrap();
    shown(false, "to a contact who blocks").await;
    contacts.unblock(&ana, ben.user_id).await.unwrap();
    contacts.block(&ben, ana.user_id).await.unwrap();
    shown(false, "to a contact who is blocked").await;
    contacts.unblock(&ben, ana.user_id).await.unwrap();
    audience(Audience::Nobody).await;
    shown(false, "to a contact, with the audience nobody").await;
    contacts.remove(&ben, ana.user_id).await.unwrap();
    audience(Audience::Everyone).await;
    shown(true, "to a stranger, with the audience everyone").await;
}

#[tokio::test]
async fn a_list_of_blocks_shows_no_presence() {
    let world = World::new().await;
    let (ana, ben) = (world.person(1).await, world.person(2).await);
    world.app.contacts().put(&ben, ana.user_id, None).await.unwrap();
    world.app.contacts().block(&ana, ben.user_id).await.unwrap();
    let page = world.app.contacts().blocks(&ana, None, Limit::default()).await.unwrap();
    assert_eq!(
        (page.items[0].user.id, page.items[0].user.last_seen_at),
        (ben.user_id, None)
    );
}

#[tokio::test]
async fn users_see_their_own_last_seen_time() {
    let world = World::new().await;
    let ana = world.person(1).await;
    let group = world.group(&ana, Vec::new()).await.id;
    let members = world
        .app
        .conversations()
        .members(&ana, group, None, Limit::default())
        .await
        .unwrap();
    assert_eq!(members.items[0].user.last_seen_at, Some(SEEN));
    let profile = world.app.users().find(&ana, ana.user_id).await.unwrap();
    assert_eq!(profile.last_seen_at, Some(SEEN));
}
