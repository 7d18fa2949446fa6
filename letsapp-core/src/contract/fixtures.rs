//! Users, conversations and messages to try things on.

use uuid::Builder;

use crate::auth::PasswordHash;
use crate::id::{MediaId, UserId};
use crate::time::Timestamp;
use crate::users::{About, Audience, DisplayName, Email, Settings, User, Username};

/// Returns the same id for the same number, and ids that do not sort as their numbers do.
fn scattered(kind: u8, n: u64) -> uuid::Uuid {
    let mut bytes = [kind; 16];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    bytes[8] = kind;
    Builder::from_random_bytes(bytes).into_uuid()
}

pub(super) fn user_id(n: u64) -> UserId {
    UserId::from_uuid(scattered(1, n))
}

pub(super) fn media_id(n: u64) -> MediaId {
    MediaId::from_uuid(scattered(5, n))
}

/// Returns a moment that many milliseconds after one in 2026.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_338_000_000 + millis)
}

/// Makes a user with nothing but what there must be.
pub(super) fn user(n: u64, username: &str) -> User {
    let username = Username::parse(username).expect("a fixture's username is valid");
    User {
        id: user_id(n),
        display_name: DisplayName::from(&username),
        username,
        about: About::from_stored(""),
        email: None,
        avatar_media_id: None,
        settings: Settings::default(),
        created_at: at(0),
        last_seen_at: None,
        deleted_at: None,
    }
}

/// Makes a user with everything that there may be.
pub(super) fn user_in_full(n: u64, username: &str) -> User {
    User {
        display_name: display_name("Zoë 🦄 Müller"),
        about: About::from_stored("Hello,\nworld"),
        email: Some(email(&format!("{username}@example.org"))),
        avatar_media_id: Some(media_id(n)),
        settings: Settings {
            last_seen: Audience::Contacts,
            read_receipts: false,
        },
        created_at: at(1),
        last_seen_at: Some(at(2)),
        ..user(n, username)
    }
}

pub(super) fn username(text: &str) -> Username {
    Username::parse(text).expect("a fixture's username is valid")
}

pub(super) fn display_name(text: &str) -> DisplayName {
    DisplayName::from_stored(text)
}

pub(super) fn email(text: &str) -> Email {
    Email::parse(text).expect("a fixture's address is valid")
}

pub(super) fn password(text: &str) -> PasswordHash {
    PasswordHash::from_phc(format!("$argon2id$v=19${text}"))
}
