//! Servers that share a store and hear nothing of each other, in virtual time: decisions of one take effect on the other
//! within five seconds.

use std::sync::Arc;
use std::time::Duration;

use letsapp_core::LetsApp;
use letsapp_core::adapters::memory::MemoryStore;
use letsapp_core::domain::role::Role;
use letsapp_core::domain::text::Title;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::domain::user::{Audience, ProfilePatch};
use letsapp_core::engine::events::Closed;
use letsapp_core::ports::{Clock, TokioClock};
use letsapp_core::protocol::PresenceStatus;
use letsapp_core::protocol::requests::{ChangePassword, DeleteAccount, Login, Password, UpdateConversation};
use letsapp_core::services::{AuthError, ConversationError, Forbidden};

use crate::servers::Person;

/// Starts two servers without a bus.
async fn servers() -> [LetsApp; 2] {
    let store = MemoryStore::new();
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::at(Timestamp::from_millis(1_795_338_000_000)));
    let server = || LetsApp::builder().clock(clock.clone()).store(store.another()).build();
    [server().await.unwrap(), server().await.unwrap()]
}

/// Lets five seconds pass, in steps in which tasks do what is due.
async fn five_seconds() {
    for _ in 0..50 {
        tokio::time::advance(Duration::from_millis(100)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

fn password() -> Password {
    Password::parse("a long password").unwrap()
}

/// Signs a user in on a server, and returns their access token and their connection.
async fn sign_in(app: &LetsApp, name: &str) -> (String, Person) {
    let login = Login {
        username: name.to_owned(),
        password: password(),
        device_name: None,
    };
    let tokens = app.auth().login(login).await.unwrap().tokens;
    let principal = app.auth().authenticate(&tokens.access_token).await.unwrap();
    (tokens.access_token, Person::connect(app, principal).await)
}

async fn is_refused(app: &LetsApp, token: &str) -> bool {
    matches!(app.auth().authenticate(token).await, Err(AuthError::Unauthenticated))
}

#[tokio::test(start_paused = true)]
async fn a_revoked_session_ends() {
    let [east, west] = servers().await;
    let ana = east.sign_up("ana", "a long password").await.unwrap();
    let (token, mut desk) = sign_in(&west, "ana").await;
    east.auth()
        .revoke_session(&ana, desk.principal.session_id)
        .await
        .unwrap();
    assert!(
        !is_refused(&west, &token).await,
        "the other server knows nothing of it yet"
    );
    five_seconds().await;
    assert!(is_refused(&west, &token).await);
    assert_eq!(desk.end().await, Closed::SessionEnded);
}

#[tokio::test(start_paused = true)]
async fn a_changed_password_ends_the_other_sessions() {
    let [east, west] = servers().await;
    let ana = east.sign_up("ana", "a long password").await.unwrap();
    let (token, mut desk) = sign_in(&west, "ana").await;
    let change = ChangePassword {
        current_password: password(),
        new_password: Password::parse("another long password").unwrap(),
    };
    east.auth().change_password(&ana, change).await.unwrap();
    five_seconds().await;
    assert!(is_refused(&west, &token).await);
    assert_eq!(desk.end().await, Closed::SessionEnded);
}

#[tokio::test(start_paused = true)]
async fn an_erased_account_is_gone() {
    let [east, west] = servers().await;
    let ana = east.sign_up("ana", "a long password").await.unwrap();
    let (token, mut desk) = sign_in(&west, "ana").await;
    let ben = Person::on(&west, "ben").await;
    let chat = ben.direct(&desk).await;
    ben.say(chat, "hello").await;
    let erasure = DeleteAccount { password: password() };
    east.erasure().delete_account(&ana, erasure).await.unwrap();
    five_seconds().await;
    assert!(is_refused(&west, &token).await);
    assert_eq!(desk.end().await, Closed::SessionEnded);
    let said = ben.try_say(chat, "still there?").await;
    assert!(matches!(said, Err(ConversationError::Forbidden(_))), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_block_holds() {
    let [east, west] = servers().await;
    let (ana, ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    let chat = ben.direct(&ana).await;
    ben.say(chat, "hello").await;
    ana.list(ben.principal.user_id).await;
    east.contacts()
        .block(&ana.principal, ben.principal.user_id)
        .await
        .unwrap();
    five_seconds().await;
    let said = ben.try_say(chat, "still there?").await;
    assert!(
        matches!(said, Err(ConversationError::Forbidden(Forbidden::Unreachable))),
        "{said:?}"
    );
    let _phone = sign_in(&west, "ana").await;
    let seen = west
        .presence()
        .find(&ben.principal, &[ana.principal.user_id])
        .await
        .unwrap();
    assert_eq!(seen[0].status, PresenceStatus::Offline, "a block hides presence");
}

#[tokio::test(start_paused = true)]
async fn a_privacy_setting_hides() {
    let [east, west] = servers().await;
    let (ana, ben) = (Person::on(&west, "ana").await, Person::on(&west, "ben").await);
    let shown = async || {
        let found = west.presence().find(&ana.principal, &[ben.principal.user_id]).await;
        found.unwrap()[0].status
    };
    assert_eq!(shown().await, PresenceStatus::Online);
    let hide = ProfilePatch {
        last_seen: Some(Audience::Nobody),
        ..ProfilePatch::default()
    };
    east.users().update_me(&ben.principal, hide).await.unwrap();
    five_seconds().await;
    assert_eq!(shown().await, PresenceStatus::Offline);
}

#[tokio::test(start_paused = true)]
async fn a_role_and_a_removal_count() {
    let [east, west] = servers().await;
    let (ana, ben) = (Person::on(&east, "ana").await, Person::on(&west, "ben").await);
    let chat = ana.group(&[&ben]).await;
    let rename = async |title: &str| {
        let update = UpdateConversation {
            title: Some(Title::parse(title).unwrap()),
            ..UpdateConversation::default()
        };
        west.conversations().update(&ben.principal, chat, update, None).await
    };
    let set_role = async |role| {
        let changed = east
            .conversations()
            .change_role(&ana.principal, chat, ben.principal.user_id, role, None);
        changed.await.unwrap();
    };
    assert!(rename("by a member").await.is_err());
    set_role(Role::Admin).await;
    five_seconds().await;
    rename("by an admin").await.unwrap();
    set_role(Role::Member).await;
    let refused = rename("by a member again").await;
    assert!(
        matches!(refused, Err(ConversationError::Forbidden(_))),
        "at once: {refused:?}"
    );
    let removed = east
        .conversations()
        .remove_member(&ana.principal, chat, ben.principal.user_id, None);
    removed.await.unwrap();
    let said = ben.try_say(chat, "still here?").await;
    assert!(
        matches!(said, Err(ConversationError::Forbidden(_))),
        "at once: {said:?}"
    );
}
