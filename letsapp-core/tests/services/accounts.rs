use std::time::Duration;

use letsapp_core::domain::user::Username;
use letsapp_core::protocol::Event;
use letsapp_core::protocol::requests::{ChangePassword, Login, Password, Register};
use letsapp_core::services::AuthError;

use crate::world::World;

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

fn login(username: &str, text: &str) -> Login {
    Login {
        username: username.to_owned(),
        password: password(text),
        device_name: None,
    }
}

#[tokio::test]
async fn a_username_is_given_out_once() {
    let world = World::new().await;
    world.person("ana").await;
    let again = Register::new(Username::parse("ANA").unwrap(), password("another password"));
    assert!(matches!(
        world.app.auth().register(again).await,
        Err(AuthError::UsernameTaken)
    ));
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_the_same_refusal() {
    let world = World::new().await;
    world.person("ana").await;
    let auth = world.app.auth();
    assert!(
        auth.login(login("Ana", "a long password")).await.is_ok(),
        "names are compared without regard to case"
    );
    for wrong in [
        login("ana", "a wrong password"),
        login("bob", "a long password"),
        login("??", "a long password"),
    ] {
        assert!(matches!(auth.login(wrong).await, Err(AuthError::WrongCredentials)));
    }
}

#[tokio::test]
async fn an_access_token_expires_and_a_refresh_token_gives_the_next() {
    let world = World::new().await;
    world.person("ana").await;
    let auth = world.app.auth();
    let tokens = auth.login(login("ana", "a long password")).await.unwrap().tokens;
    assert_eq!(tokens.expires_in, 900);
    world.clock.advance(Duration::from_secs(901));
    assert!(matches!(
        auth.authenticate(&tokens.access_token).await,
        Err(AuthError::TokenExpired)
    ));
    let next = auth.refresh(&tokens.refresh_token).await.unwrap();
    assert!(auth.authenticate(&next.access_token).await.is_ok());
    assert!(matches!(auth.refresh("made up").await, Err(AuthError::Unauthenticated)));
}

#[tokio::test]
async fn a_replaced_refresh_token_gets_the_same_successor_until_that_was_used_and_ten_seconds_more() {
    let world = World::new().await;
    world.person("ana").await;
    let auth = world.app.auth();
    let first = auth.login(login("ana", "a long password")).await.unwrap().tokens;
    let second = auth.refresh(&first.refresh_token).await.unwrap();
    world.clock.advance(Duration::from_secs(3_600));
    let lost = auth.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(
        lost.refresh_token, second.refresh_token,
        "the reply was lost; the successor is the same"
    );

    auth.authenticate(&lost.access_token).await.unwrap();
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(
        auth.refresh(&first.refresh_token).await.unwrap().refresh_token,
        second.refresh_token
    );
    world.clock.advance(Duration::from_secs(1));
    assert!(matches!(
        auth.refresh(&first.refresh_token).await,
        Err(AuthError::Unauthenticated)
    ));
    assert!(
        matches!(
            auth.refresh(&second.refresh_token).await,
            Err(AuthError::Unauthenticated)
        ),
        "session revoked"
    );
}

#[tokio::test]
async fn a_successor_used_as_refresh_token_leaves_its_predecessor_ten_seconds() {
    let world = World::new().await;
    world.person("ana").await;
    let auth = world.app.auth();
    let first = auth.login(login("ana", "a long password")).await.unwrap().tokens;
    let second = auth.refresh(&first.refresh_token).await.unwrap();
    let third = auth.refresh(&second.refresh_token).await.unwrap();
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(
        auth.refresh(&first.refresh_token).await.unwrap().refresh_token,
        second.refresh_token
    );
    assert_eq!(
        auth.refresh(&second.refresh_token).await.unwrap().refresh_token,
        third.refresh_token
    );
    world.clock.advance(Duration::from_secs(1));
    assert!(matches!(
        auth.refresh(&first.refresh_token).await,
        Err(AuthError::Unauthenticated)
    ));
    assert!(matches!(
        auth.authenticate(&third.access_token).await,
        Err(AuthError::Unauthenticated)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_refreshes_at_once_get_the_same_successor() {
    let world = World::new().await;
    world.person("ana").await;
    let auth = world.app.auth().clone();
    let first = auth.login(login("ana", "a long password")).await.unwrap().tokens;
    let refreshes: Vec<_> = (0..8)
        .map(|_| {
            let (auth, token) = (auth.clone(), first.refresh_token.clone());
            tokio::spawn(async move { auth.refresh(&token).await.unwrap().refresh_token })
        })
        .collect();
    let mut successors = Vec::new();
    for refresh in refreshes {
        successors.push(refresh.await.unwrap());
    }
    successors.dedup();
    assert_eq!(successors.len(), 1);
}

#[tokio::test]
async fn revoking_a_session_ends_it_at_once_and_closes_its_connections() {
    let world = World::new().await;
    let phone = world.person("ana").await;
    let auth = world.app.auth();
    let desk_tokens = auth.login(login("ana", "a long password")).await.unwrap().tokens;
    let desk = auth.authenticate(&desk_tokens.access_token).await.unwrap();
    let mut listener = world.listen(&desk);
    assert_eq!(auth.sessions(&phone).await.unwrap().len(), 2);
    auth.revoke_session(&phone, desk.session_id).await.unwrap();
    assert!(matches!(
        auth.authenticate(&desk_tokens.access_token).await,
        Err(AuthError::Unauthenticated)
    ));
    assert_eq!(
        listener.next().await,
        Event::SessionRevoked {
            reason: "revoked".to_owned()
        }
    );
    assert!(matches!(
        auth.revoke_session(&phone, desk.session_id).await,
        Err(AuthError::NotFound)
    ));
    let ben = world.person("ben").await;
    assert!(
        matches!(
            auth.revoke_session(&ben, phone.session_id).await,
            Err(AuthError::NotFound)
        ),
        "another's"
    );
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let world = World::new().await;
    let phone = world.person("ana").await;
    let auth = world.app.auth();
    let desk = auth.login(login("ana", "a long password")).await.unwrap().tokens;
    let change = |current: &str| ChangePassword {
        current_password: password(current),
        new_password: password("a new password"),
    };
    let refused = auth.change_password(&phone, change("a wrong password")).await;
    assert!(matches!(refused, Err(AuthError::WrongPassword)));
    auth.change_password(&phone, change("a long password")).await.unwrap();
    assert!(auth.authenticate(&desk.access_token).await.is_err());
    let left: Vec<_> = auth
        .sessions(&phone)
        .await
        .unwrap()
        .into_iter()
        .map(|session| session.id)
        .collect();
    assert_eq!(left, [phone.session_id]);
    assert!(auth.login(login("ana", "a long password")).await.is_err());
    assert!(auth.login(login("ana", "a new password")).await.is_ok());
}

#[tokio::test]
async fn confirm_closes_a_connection_whose_session_ended_before_it_connected() {
    use letsapp_core::domain::id::ConnectionId;
    use letsapp_core::engine::events::Closed;
    let world = World::new().await;
    let ana = world.person("ana").await;
    let alive = world.app.hub().connect(ana, ConnectionId::from_bytes([1; 16]));
    world.app.auth().confirm(&ana).await.unwrap();
    drop(alive);
    world.app.auth().logout(&ana).await.unwrap();
    let late = world.app.hub().connect(ana, ConnectionId::from_bytes([2; 16]));
    let refused = world.app.auth().confirm(&ana).await;
    assert!(matches!(refused, Err(AuthError::Unauthenticated)));
    let mut events = Vec::new();
    late.drain(&mut events).await.unwrap();
    assert!(matches!(events[0].event().unwrap(), Event::SessionRevoked { .. }));
    assert_eq!(late.drain(&mut events).await, Err(Closed::SessionEnded));
}
