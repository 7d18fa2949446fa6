//! Decisions of one server, which take effect on the others at once.

use letsapp_core::domain::user::{Audience, ProfilePatch};
use letsapp_core::engine::events::Closed;
use letsapp_core::protocol::requests::{Login, Password};
use letsapp_core::protocol::{Event, PresenceStatus};
use letsapp_core::services::{AuthError, ConversationError, Forbidden};

use crate::servers::{Person, eventually, servers};

#[tokio::test]
async fn a_session_revoked_on_one_server_ends_on_the_others() {
    let Some([east, west]) = servers().await else { return };
    let ana = Person::on(&east, "ana").await;
    let login = Login {
        username: "ana".to_owned(),
        password: Password::parse("a long password").unwrap(),
        device_name: None,
    };
    let tokens = west.auth().login(login).await.unwrap().tokens;
    let desk = west.auth().authenticate(&tokens.access_token).await.unwrap();
    let mut socket = Person::connect(&west, desk).await;
    let revoked = east.auth().revoke_session(&ana.principal, desk.session_id).await;
    revoked.unwrap();
    socket
        .until(|event| matches!(event, Event::SessionRevoked { .. }).then_some(()))
        .await;
    assert_eq!(socket.end().await, Closed::SessionEnded);
    let refused = west.auth().authenticate(&tokens.access_token).await;
    assert!(
        matches!(refused, Err(AuthError::Unauthenticated)),
        "its cache knows too"
    );
}

#[tokio::test]
async fn a_block_on_one_server_holds_on_the_others() {
    let Some([east, west]) = servers().await else { return };
    let (mut ana, ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    let chat = ben.direct(&ana).await;
    ben.say(chat, "hello").await;
    ana.hear().await;
    east.contacts()
        .block(&ana.principal, ben.principal.user_id)
        .await
        .unwrap();
    eventually("the block is known", async || {
        let said = ben.try_say(chat, "still there?").await;
        matches!(said, Err(ConversationError::Forbidden(Forbidden::Unreachable)))
    })
    .await;
}

#[tokio::test]
async fn a_privacy_setting_changed_on_one_server_hides_on_the_others() {
    let Some([east, west]) = servers().await else { return };
    let (mut ana, ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    ana.list(ben.principal.user_id).await;
    let shown = async || {
        east.presence()
            .find(&ana.principal, &[ben.principal.user_id])
            .await
            .unwrap()[0]
            .status
    };
    eventually("Ben is online", async || shown().await == PresenceStatus::Online).await;
    // Through the server that Ben is not connected to.
    let hide = ProfilePatch {
        last_seen: Some(Audience::Nobody),
        ..ProfilePatch::default()
    };
    west.users().update_me(&ben.principal, hide).await.unwrap();
    let hidden = ana.until(|event| match event {
        Event::Presence(presence) if presence.status == PresenceStatus::Offline => Some(presence.last_seen_at),
        _ => None,
    });
    assert_eq!(hidden.await, None);
}

#[tokio::test]
async fn a_contact_added_through_one_server_is_watched_on_the_others() {
    let Some([east, west]) = servers().await else { return };
    let mut ana = Person::on(&east, "ana").await;
    let ben = west.sign_up("ben", "a long password").await.unwrap();
    // Through the server that Ana is not connected to.
    west.contacts().put(&ana.principal, ben.user_id, None).await.unwrap();
    let _phone = Person::connect(&west, ben).await;
    let online = ana.until(|event| match event {
        Event::Presence(presence) => Some((presence.user_id, presence.status)),
        _ => None,
    });
    assert_eq!(online.await, (ben.user_id, PresenceStatus::Online));
}
