//! Rate limits of signing in and other requests with a password.

use std::time::Duration;

use letsapp_core::domain::limit::{Class, Quota};
use letsapp_server::Config;
use serde_json::json;

use crate::common::{exchange, header, status};
use crate::{HOME, PASSWORD, World, waits};

#[tokio::test]
async fn guesses_at_an_account_are_slowed_down_and_the_right_password_works_after_the_wait() {
    let world = World::with(&[]).await;
    world.server.person("ana").await;
    world.server.person("ben").await;
    for _ in 0..5 {
        assert_eq!(status(&world.login(HOME, "ana", "a wrong password").await), 401);
    }
    assert_eq!(waits(&world.login(HOME, "ana", "a wrong password").await), 1);
    assert_eq!(
        waits(&world.login(HOME, "ANA", PASSWORD).await),
        1,
        "however right it is"
    );
    assert_eq!(
        status(&world.login(HOME, "ben", PASSWORD).await),
        200,
        "another account"
    );
    assert_eq!(
        status(&world.login("203.0.113.9", "ana", PASSWORD).await),
        200,
        "another address"
    );
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&world.login(HOME, "ana", "a wrong password").await), 401);
    assert_eq!(
        waits(&world.login(HOME, "ana", PASSWORD).await),
        2,
        "each failure doubles it"
    );
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(status(&world.login(HOME, "ana", PASSWORD).await), 200);
    for _ in 0..5 {
        assert_eq!(
            status(&world.login(HOME, "ana", "a wrong password").await),
            401,
            "all is forgiven"
        );
    }
}

#[tokio::test]
async fn whether_there_is_an_account_makes_no_difference() {
    let world = World::with(&[]).await;
    for _ in 0..5 {
        assert_eq!(status(&world.login(HOME, "nobody", "a wrong password").await), 401);
    }
    assert_eq!(waits(&world.login(HOME, "nobody", "a wrong password").await), 1);
}

#[tokio::test]
async fn distributed_guesses_are_slowed_down_but_a_known_address_can_sign_in() {
    let world = World::with(&[]).await;
    world.server.person("ana").await;
    assert_eq!(status(&world.login(HOME, "ana", PASSWORD).await), 200);
    for host in 0..20 {
        let stranger = format!("203.0.113.{host}");
        assert_eq!(status(&world.login(&stranger, "ana", "a wrong password").await), 401);
    }
    assert_eq!(waits(&world.login("203.0.113.99", "ana", PASSWORD).await), 1);
    assert_eq!(status(&world.login(HOME, "ana", PASSWORD).await), 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(
        status(&world.login("203.0.113.99", "ana", PASSWORD).await),
        200,
        "soon elsewhere, too"
    );
}

#[tokio::test]
async fn one_address_can_try_few_accounts_and_further_bodies_are_not_read() {
    let world = World::with(&[(Class::Credentials, 8, 80)]).await;
    world.server.person("ana").await;
    for account in 0..8 {
        let answer = world.login(HOME, &format!("user_{account}"), "password123").await;
        assert_eq!(status(&answer), 401);
    }
    let answer = world.login(HOME, "ana", PASSWORD).await;
    assert_eq!(waits(&answer), 10);
    assert_eq!(
        header(&answer, "ratelimit-policy"),
        Some("\"requests\";q=12000;w=60, \"credentials\";q=8;w=80")
    );
    assert_eq!(
        header(&answer, "ratelimit").unwrap().split(", ").last(),
        Some("\"credentials\";r=0;t=10")
    );
    // The server answers after the headers: it does not ask for the body, and no password is hashed.
    let head = "POST /v1/auth/register/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: 198.51.100.1\r\n\
                content-type: application/json\r\ncontent-length: 9999\r\nexpect: 100-continue\r\n\r\n";
    assert_eq!(waits(&exchange(world.server.address, head).await), 10);
    assert_eq!(
        status(&world.login("198.51.100.2", "ana", PASSWORD).await),
        200,
        "another address"
    );
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(status(&world.login(HOME, "ana", PASSWORD).await), 200);
    assert_eq!(waits(&world.login(HOME, "ana", PASSWORD).await), 10);
}

#[tokio::test]
async fn an_ipv6_network_counts_as_one_address() {
    let world = World::with(&[(Class::Credentials, 2, 60)]).await;
    let login = async |from: &str| status(&world.login(from, "nobody", "x").await);
    assert_eq!(login("2001:db8:0:1::1").await, 401);
    assert_eq!(login("2001:db8:0:1:ffff::2").await, 401);
    assert_eq!(login("[2001:db8:0:1::3]:4711").await, 429);
    assert_eq!(login("2001:db8:0:2::1").await, 401);
}

#[tokio::test]
async fn forwarded_addresses_are_ignored_unless_the_proxy_is_trusted() {
    let mut config = Config::default();
    config
        .limit_table
        .set(Class::Credentials, Quota::new(2, Duration::from_secs(60)));
    let world = World::configured(config).await;
    for (host, expected) in [(1, 401), (2, 401), (3, 429), (4, 429)] {
        let answer = world.login(&format!("198.51.100.{host}"), "nobody", "x").await;
        assert_eq!(status(&answer), expected, "{host}");
    }
}

#[tokio::test]
async fn guesses_of_the_password_with_a_stolen_session_are_limited() {
    let world = World::with(&[]).await;
    let ana = world.server.person("ana").await;
    let change = json!({"current_password": "a wrong password", "new_password": "another password"});
    for _ in 0..5 {
        assert_eq!(status(&world.ask(&ana, "POST /v1/auth/password", &change).await), 403);
    }
    let right = json!({"current_password": PASSWORD, "new_password": "another password"});
    assert_eq!(waits(&world.ask(&ana, "POST /v1/auth/password", &right).await), 1);
    assert_eq!(
        status(&world.login(HOME, "ana", PASSWORD).await),
        200,
        "signing in is another matter"
    );
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&world.ask(&ana, "POST /v1/auth/password", &right).await), 204);
}
