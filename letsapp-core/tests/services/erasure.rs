//! Erased accounts: only the username and the messages are left.

use std::collections::BTreeMap;

use letsapp_core::domain::id::Rev;
use letsapp_core::domain::member::Watermarks;
use letsapp_core::domain::principal::Principal;
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::user::{DisplayName, Email, ProfilePatch, Username};
use letsapp_core::engine::events::Closed;
use letsapp_core::protocol::requests::{
    AddMembers, CreateConversation, DeleteAccount, Login, Password, Register, SendMessage,
};
use letsapp_core::protocol::{Event, SyncRequest, SyncSince, SystemEvent};
use letsapp_core::services::users::UserError;
use letsapp_core::services::{AuthError, ConversationError, Forbidden, Made};

use crate::world::{World, limit};

fn password(text: &str) -> Password {
    Password::presented(text).unwrap()
}

fn login(name: &str) -> Login {
    Login {
        username: name.to_owned(),
        password: password("a long password"),
        device_name: None,
    }
}

async fn erase(world: &World, who: &Principal) {
    let request = DeleteAccount {
        password: password("a long password"),
    };
    world.app.erasure().delete_account(who, request).await.unwrap();
}

#[tokio::test]
async fn an_account_is_erased_once_and_only_with_its_password() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let wrong = DeleteAccount {
        password: password("x"),
    };
    let refused = world.app.erasure().delete_account(&ana, wrong).await;
    assert!(matches!(refused, Err(AuthError::WrongPassword)), "{refused:?}");
    assert!(world.app.auth().login(login("ana")).await.is_ok());
    erase(&world, &ana).await;
    let again = DeleteAccount {
        password: password("a long password"),
    };
    let again = world.app.erasure().delete_account(&ana, again).await;
    assert!(matches!(again, Err(AuthError::Unauthenticated)), "{again:?}");
}

#[tokio::test]
async fn an_erased_account_has_no_sign_in_and_its_username_stays_taken() {
    let world = World::new().await;
    let ben = world.person("ben").await;
    let address = || Email::parse("ana@example.org").unwrap();
    let register = |name: &str| {
        let mut request = Register::new(Username::parse(name).unwrap(), password("a long password"));
        request.email = Some(address());
        request.display_name = Some(DisplayName::parse("Ana the First").unwrap());
        request
    };
    let auth = world.app.auth();
    let signed_in = auth.register(register("ana")).await.unwrap();
    let ana = auth.authenticate(&signed_in.tokens.access_token).await.unwrap();
    let desk = auth.login(login("ana")).await.unwrap().tokens;
    let desk_principal = auth.authenticate(&desk.access_token).await.unwrap();
    let mut listener = world.listen(&desk_principal);
    erase(&world, &ana).await;

    let ended = listener.next().await;
    assert_eq!(
        ended,
        Event::SessionRevoked {
            reason: "account_deleted".to_owned()
        }
    );
    assert_eq!(listener.end().await, Closed::SessionEnded);
    for token in [&signed_in.tokens, &desk] {
        let refused = auth.authenticate(&token.access_token).await;
        assert!(matches!(refused, Err(AuthError::Unauthenticated)));
        let refused = auth.refresh(&token.refresh_token).await;
        assert!(matches!(refused, Err(AuthError::Unauthenticated)));
    }
    for name in ["ana", "Ana", "ana@example.org"] {
        let refused = auth.login(login(name)).await;
        assert!(matches!(refused, Err(AuthError::WrongCredentials)), "{name}");
    }
    let taken = auth.register(register("ana")).await;
    assert!(matches!(taken, Err(AuthError::UsernameTaken)));
    auth.register(register("anna")).await.expect("the address is free");

    let profile = world.app.users().find(&ben, ana.user_id).await.unwrap();
    assert_eq!(
        (
            profile.deleted,
            profile.username,
            profile.display_name.as_str(),
            profile.about.as_str()
        ),
        (true, None, "", "")
    );
    assert_eq!((profile.avatar_media_id, profile.last_seen_at), (None, None));
    let found = world.app.users().search(&ben, "ana", None, limit(9)).await.unwrap();
    let names: Vec<_> = found.items.into_iter().filter_map(|user| user.username).collect();
    assert_eq!(names, ["anna"]);
    let patch = ProfilePatch {
        display_name: Some(DisplayName::parse("Back again").unwrap()),
        ..ProfilePatch::default()
    };
    let late = world.app.users().update_me(&ana, patch).await;
    assert!(matches!(late, Err(UserError::NotFound)));
}

#[tokio::test]
async fn an_erased_account_leaves_its_groups_and_keeps_its_messages() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let owned = world.group(&ana, &[&ben, &cem]).await;
    let joined = world.group(&ben, &[&ana]).await;
    let alone = world.group(&ana, &[]).await;
    let promote = world
        .app
        .conversations()
        .change_role(&ana, owned, cem.user_id, Role::Admin, None);
    promote.await.unwrap();
    world.say(&ana, owned, "remember me").await;
    let mut listener = world.listen(&ben);
    erase(&world, &ana).await;

    assert_eq!(world.bodies(&ben, owned).await, ["", "", "remember me", "", ""]);
    assert_eq!(world.view(&cem, owned).await.me.role, Role::Owner);
    let left = SystemEvent::MemberLeft { user_id: ana.user_id };
    for group in [owned, joined] {
        let view = world.view(&ben, group).await;
        assert_eq!(view.head.last_message.unwrap().system, Some(left.clone()));
    }
    let mut told = 0;
    while told < 2 {
        listener
            .until(|event| match event {
                Event::MessageCreated(message) if message.system.as_ref() == Some(&left) => Some(()),
                _ => None,
            })
            .await;
        told += 1;
    }
    let late = world.app.conversations().find(&ana, alone).await.unwrap();
    assert_eq!(
        late.member_count, 0,
        "a group whose last member goes is without members"
    );
    for request in [
        CreateConversation::Direct { user_id: ana.user_id },
        CreateConversation::Group {
            id: None,
            title: Title::parse("Come back").unwrap(),
            about: None,
            member_ids: vec![ana.user_id],
        },
    ] {
        let refused = world.app.conversations().create(&ben, request, None).await;
        assert!(matches!(refused, Err(ConversationError::Invalid(_))), "{refused:?}");
    }
    let add = AddMembers {
        user_ids: vec![ana.user_id],
    };
    let refused = world.app.conversations().add_members(&ben, joined, add, None).await;
    assert!(matches!(refused, Err(ConversationError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_peer_learns_of_an_erased_account_by_an_event_or_the_next_sync() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let (chat, other) = (world.direct(&ana, &ben).await, world.direct(&ben, &cem).await);
    let seq = world.say(&ben, chat, "hello, Ana").await.seq;
    world
        .app
        .messages()
        .advance(&ana, chat, Watermarks::read(seq), None)
        .await
        .unwrap();
    world.clock.advance(std::time::Duration::from_secs(60));
    let head = world.view(&ben, chat).await.head.rev;
    let sync = async |since| {
        let request = SyncRequest {
            conversations: BTreeMap::from([(chat, head), (other, Rev(0))]),
            since,
        };
        world.sync(&ben, request).await
    };
    let before = SyncSince::Mark(sync(None).await.mark);
    world.clock.advance(std::time::Duration::from_secs(60));
    let mut listener = world.listen(&ben);
    erase(&world, &ana).await;

    let view = listener
        .until(|event| match event {
            Event::ConversationUpdated(view) => Some(view.clone()),
            _ => None,
        })
        .await;
    let peer = view.peer.clone().unwrap();
    assert_eq!(
        (view.id, peer.id, peer.deleted, peer.username),
        (chat, ana.user_id, true, None)
    );
    assert_eq!(
        view.peer_receipt, None,
        "what they would not show now, they may not have shown"
    );
    let synced = sync(Some(before)).await.conversations;
    assert_eq!(synced, [*view], "that one has changed, and no other");
    assert_eq!(world.bodies(&ben, chat).await, ["hello, Ana"], "what was written stays");
    let late = world
        .send(&ben, chat, SendMessage::text("are you there?").unwrap())
        .await;
    assert!(
        matches!(late, Err(ConversationError::Forbidden(Forbidden::Unreachable))),
        "{late:?}"
    );
    let request = CreateConversation::Direct { user_id: ana.user_id };
    let (opened, made) = world.app.conversations().create(&ben, request, None).await.unwrap();
    assert_eq!((opened.id, made), (chat, Made::Before), "opening it answers as always");
    assert!(opened.peer.unwrap().deleted);
}

#[tokio::test]
async fn of_two_concurrent_erasures_one_succeeds() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let erase = async || {
        let request = DeleteAccount {
            password: password("a long password"),
        };
        world.app.erasure().delete_account(&ana, request).await
    };
    match tokio::join!(erase(), erase()) {
        (Ok(()), Err(AuthError::Unauthenticated)) | (Err(AuthError::Unauthenticated), Ok(())) => {}
        both => panic!("{both:?}"),
    }
}
