//! Users, sessions, conversations and messages for the cases.

use uuid::{Builder, Uuid};

use crate::domain::conversation::{Conversation, Kind};
use crate::domain::credential::PasswordHash;
use crate::domain::id::{BlobId, CallId, ConversationId, MediaId, MessageId, Rev, Seq, SessionId, UserId};
use crate::domain::key::{Key, KeyPurpose, Kid};
use crate::domain::message::{Content, Fingerprint, Message, SystemEvent};
use crate::domain::session::{Generation, Session, TokenHash};
use crate::domain::text::Title;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, Adders, Audience, DisplayName, Email, Settings, User, Username};

/// Derives 16 bytes of an id from a number. The ids do not sort in the order of their numbers, so that a case which
/// confuses the two orders fails.
fn scattered(kind: u8, n: u64) -> Uuid {
    let mut bytes = [kind; 16];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[9..].copy_from_slice(&n.to_be_bytes()[1..]);
    Builder::from_random_bytes(bytes).into_uuid()
}

pub(super) fn user_id(n: u64) -> UserId {
    UserId::from_uuid(scattered(1, n))
}

pub(super) fn session_id(n: u64) -> SessionId {
    SessionId::from_uuid(scattered(2, n))
}

pub(super) fn conversation_id(n: u64) -> ConversationId {
    ConversationId::from_uuid(scattered(3, n))
}

pub(super) fn message_id(n: u64) -> MessageId {
    MessageId::from_uuid(scattered(4, n))
}

pub(super) fn media_id(n: u64) -> MediaId {
    MediaId::from_uuid(scattered(5, n))
}

pub(super) fn blob_id(n: u64) -> BlobId {
    BlobId::from_uuid(scattered(7, n))
}

/// Returns the time `millis` after a fixed moment in 2026.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_338_000_000 + millis)
}

/// Returns a time so late that a store which removes expired data does not remove it during the test.
pub(super) fn in_the_far_future(millis: i64) -> Timestamp {
    Timestamp::from_millis(4_000_000_000_000 + millis)
}

/// Makes a user with the required fields only.
pub(super) fn user(n: u64, name: &str) -> User {
    let username = username(name);
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

/// Makes a user with every optional field.
pub(super) fn user_in_full(n: u64, name: &str) -> User {
    User {
        display_name: display_name("Zoë 🦄 Müller"),
        about: About::from_stored("Hello,\nworld"),
        email: Some(email(&format!("{name}@example.org"))),
        avatar_media_id: Some(media_id(n)),
        settings: Settings {
            last_seen: Audience::Contacts,
            read_receipts: false,
            groups: Adders::Contacts,
        },
        created_at: at(1),
        last_seen_at: Some(at(2)),
        ..user(n, name)
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

pub(super) fn token(n: u8) -> TokenHash {
    TokenHash([n; 32])
}

pub(super) fn generation(number: u32, hash: u8) -> Generation {
    Generation {
        number,
        hash: token(hash),
        kid: Kid("refresh-1".to_owned()),
        issued_at: at(i64::from(number) * 1000),
        used_at: None,
    }
}

pub(super) fn session(n: u64, user_id: UserId) -> Session {
    let created_at = at(i64::try_from(n).expect("fixtures are few") * 10);
    Session {
        id: session_id(n),
        user_id,
        device_name: None,
        created_at,
        last_used_at: created_at,
        expires_at: in_the_far_future(0),
        refresh: generation(1, u8::try_from(n).expect("fixtures are few")),
        previous: None,
    }
}

pub(super) fn key(name: &str, purpose: KeyPurpose) -> Key {
    Key {
        kid: Kid(name.to_owned()),
        purpose,
        secret: [name.len().to_le_bytes()[0]; 32],
        created_at: at(0),
    }
}

/// Makes the direct conversation of two users, with an id that only depends on the pair.
pub(super) fn direct(a: UserId, b: UserId) -> Conversation {
    let (a_bits, b_bits) = (a.as_uuid().as_u128(), b.as_uuid().as_u128());
    let bits = a_bits.min(b_bits).rotate_left(32) ^ a_bits.max(b_bits);
    Conversation {
        id: ConversationId::from_uuid(Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()),
        kind: Kind::Direct,
        title: None,
        about: About::from_stored(""),
        avatar_media_id: None,
        created_by: a,
        created_at: at(0),
        pair: Some(Conversation::pair_of(a, b)),
        fingerprint: None,
        deleted_at: None,
    }
}

/// Makes the record of a group; members are added by the change that creates it.
pub(super) fn group(n: u64, owner: UserId) -> Conversation {
    Conversation {
        id: conversation_id(n),
        kind: Kind::Group,
        title: Some(Title::from_stored(format!("Group {n}"))),
        about: About::from_stored("Some words,\non two lines"),
        avatar_media_id: Some(media_id(n)),
        created_by: owner,
        created_at: at(0),
        pair: None,
        fingerprint: Some([7; 32]),
        deleted_at: None,
    }
}

/// Makes a message before its commit: without `seq`, `rev` and `ordinal`.
pub(super) fn text(conversation_id: ConversationId, n: u64, sender_id: UserId) -> Message {
    Message {
        conversation_id,
        id: message_id(n),
        seq: Seq::ZERO,
        rev: Rev::ZERO,
        ordinal: 0,
        sender_id,
        content: Content::Text(format!("message {n}")),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: at(i64::try_from(n).unwrap_or(i64::MAX / 2) % 1_000_000_000),
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint {
            version: 1,
            hash: [n.to_le_bytes()[0]; 32],
        },
    }
}

/// Makes a system message before its commit.
pub(super) fn system(conversation_id: ConversationId, n: u64, actor: UserId, event: SystemEvent) -> Message {
    Message {
        content: Content::System(event),
        fingerprint: Fingerprint::SYSTEM,
        ..text(conversation_id, n, actor)
    }
}

/// Makes a system message about a call, before its commit.
pub(super) fn call(conversation_id: ConversationId, n: u64, caller: UserId) -> Message {
    let event = SystemEvent::Call {
        call_id: CallId::from_uuid(scattered(6, n)),
        media: "audio".to_owned(),
        outcome: "completed".to_owned(),
        duration_ms: n,
    };
    system(conversation_id, n, caller, event)
}

/// Returns a message as it is after an edit.
pub(super) fn edited(message: &Message, body: &str, millis: i64) -> Message {
    Message {
        content: Content::Text(body.to_owned()),
        edited_at: Some(at(millis)),
        ..message.clone()
    }
}

/// Returns a message as it is after its deletion.
pub(super) fn deleted(message: &Message, millis: i64) -> Message {
    Message {
        content: Content::Text(String::new()),
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        deleted_at: Some(at(millis)),
        ..message.clone()
    }
}
