use std::time::Duration;

use letsapp_core::domain::typing::Typing;
use letsapp_core::domain::user::{Audience, ProfilePatch};
use letsapp_core::ports::Clock;
use letsapp_core::protocol::{Event, Presence, PresenceStatus};

use crate::world::{Listener, World};

/// The default of [`Rules::presence_grace`](letsapp_core::Rules::presence_grace).
const PRESENCE_GRACE: Duration = Duration::from_secs(10);

/// Returns the next presence event.
async fn told(listener: &mut Listener) -> Presence {
    let presence = |event: &Event| match event {
        Event::Presence(presence) => Some(*presence),
        _ => None,
    };
    listener.until(presence).await
}

#[tokio::test]
async fn contacts_get_presence_events_and_the_store_gets_last_seen_times() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    world.app.contacts().put(&ana, ben.user_id, None).await.unwrap();
    let mut anas = world.listen(&ana);
    world.app.presence().settled(&ana).await;
    let bens = world.listen(&ben);
    let came_at = world.clock.now();
    assert_eq!(told(&mut anas).await, Presence::online(ben.user_id, came_at));
    world.clock.advance(Duration::from_secs(30));
    drop(bens);
    world.clock.advance(PRESENCE_GRACE);
    let left_at = came_at.plus(Duration::from_secs(30));
    assert_eq!(told(&mut anas).await, Presence::offline(ben.user_id, Some(left_at)));
    world.app.shutdown().await;
}

#[tokio::test]
async fn presence_follows_settings_contacts_and_blocks() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let (mut anas, _bens) = (world.listen(&ana), world.listen(&ben));
    let connection_id = anas.connection_id();
    let watched = world.app.presence().watch(&ana, connection_id, &[ben.user_id]).await;
    assert_eq!(watched.unwrap()[0].status, PresenceStatus::Online);
    let show_to = |audience| ProfilePatch {
        last_seen: Some(audience),
        ..ProfilePatch::default()
    };
    let nothing = Presence::offline(ben.user_id, None);
    let users = world.app.users();
    let contacts = world.app.contacts();

    users.update_me(&ben, show_to(Audience::Contacts)).await.unwrap();
    assert_eq!(told(&mut anas).await, nothing);
    contacts.put(&ben, ana.user_id, None).await.unwrap();
    assert_eq!(told(&mut anas).await.status, PresenceStatus::Online);
    contacts.remove(&ben, ana.user_id).await.unwrap();
    assert_eq!(told(&mut anas).await, nothing);
    users.update_me(&ben, show_to(Audience::Everyone)).await.unwrap();
    assert_eq!(told(&mut anas).await.status, PresenceStatus::Online);
    contacts.block(&ana, ben.user_id).await.unwrap();
    assert_eq!(
        told(&mut anas).await,
        nothing,
        "a block also hides the blocked user from the blocking one"
    );
    contacts.unblock(&ana, ben.user_id).await.unwrap();
    assert_eq!(told(&mut anas).await.status, PresenceStatus::Online);
    assert_eq!(
        world.app.presence().find(&ana, &[ben.user_id]).await.unwrap()[0].status,
        PresenceStatus::Online
    );
}

#[tokio::test]
async fn typing_events_go_to_the_members_at_that_moment() {
    let world = World::new().await;
    let [ana, ben, cem] = world.people(["ana", "ben", "cem"]).await;
    let group = world.group(&ana, &[&ben, &cem]).await;
    let (mut anas, mut bens, mut cems) = (world.listen(&ana), world.listen(&ben), world.listen(&cem));
    let typing = |event: &Event| match event {
        Event::Typing { user_id, typing, .. } => Some((*user_id, *typing)),
        _ => None,
    };
    let set = async |who, typing| world.app.typing().set(who, group, typing).await;
    set(&ana, Typing::Started).await.unwrap();
    assert_eq!(bens.until(typing).await, (ana.user_id, true));
    assert_eq!(cems.until(typing).await, (ana.user_id, true));
    world.remove(&ana, group, cem.user_id).await.unwrap();
    set(&cem, Typing::Started).await.unwrap_err();
    set(&ben, Typing::Started).await.unwrap();
    assert_eq!(
        anas.until(typing).await,
        (ben.user_id, true),
        "users get no event of their own typing"
    );
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(anas.until(typing).await, (ben.user_id, false));
    assert_eq!(bens.until(typing).await, (ana.user_id, false));
}

#[tokio::test]
async fn typing_reveals_no_conversation_before_its_first_message() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    let mut bens = world.listen(&ben);
    for typing in [Typing::Started, Typing::Stopped, Typing::Started] {
        world.app.typing().set(&ana, chat, typing).await.unwrap();
    }
    world.say(&ana, chat, "hello").await;
    assert!(matches!(bens.next().await, Event::ConversationCreated(_)));
    assert_eq!(hear(&mut bens).await, "hello");
    world.app.typing().set(&ana, chat, Typing::Started).await.unwrap();
    assert_eq!(hear(&mut bens).await, "typing: true");
}

/// Returns the next typing or message event as a short text.
async fn hear(listener: &mut Listener) -> String {
    match listener.next().await {
        Event::Typing { typing, .. } => format!("typing: {typing}"),
        Event::MessageCreated(message) => message.body,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sending_a_message_ends_typing() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let chat = world.direct(&ana, &ben).await;
    world.say(&ana, chat, "the first one").await;
    world.until_told(&ana, chat).await;
    let mut bens = world.listen(&ben);
    world.app.typing().set(&ana, chat, Typing::Started).await.unwrap();
    assert_eq!(hear(&mut bens).await, "typing: true");
    world.say(&ana, chat, "hello").await;
    assert_eq!(hear(&mut bens).await, "hello");
    world.clock.advance(Duration::from_secs(6));
    world.app.typing().set(&ana, chat, Typing::Started).await.unwrap();
    assert_eq!(hear(&mut bens).await, "typing: true", "its end is not told");
}
