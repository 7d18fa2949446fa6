//! JSON of every type of the protocol, field by field.

use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::domain::conversation::Kind;
use crate::domain::emoji::Emoji;
use crate::domain::id::{CallId, ConnectionId, ConversationId, Epoch, MediaId, MessageId, Rev, Seq, SessionId, UserId};
use crate::domain::mark::Mark;
use crate::domain::media::{Attachment, Thumbnail};
use crate::domain::message::{Content, Fingerprint, Reaction, SystemEvent};
use crate::domain::role::Role;
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{About, DisplayName, Username};
use crate::domain::{member, message, user};

const ANA: UserId = UserId::from_bytes([1; 16]);
const BEN: UserId = UserId::from_bytes([2; 16]);
const CHAT: ConversationId = ConversationId::from_bytes([3; 16]);
const AT: Timestamp = Timestamp::from_millis(1_795_338_000_000);

const ANA_TEXT: &str = "01010101-0101-0101-0101-010101010101";
const BEN_TEXT: &str = "02020202-0202-0202-0202-020202020202";
const CHAT_TEXT: &str = "03030303-0303-0303-0303-030303030303";
const AT_TEXT: &str = "2026-11-22T09:00:00.000Z";

fn wire(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn stored() -> message::Message {
    message::Message {
        conversation_id: CHAT,
        id: MessageId::from_bytes([4; 16]),
        seq: Seq(7),
        rev: Rev(9),
        ordinal: 5,
        sender_id: ANA,
        content: Content::Text("Grüße 👋🏽".to_owned()),
        reply_to: None,
        forwarded: false,
        mentions: vec![BEN],
        attachments: Vec::new(),
        reactions: [(BEN, "❤"), (ANA, "👍")]
            .map(|(user_id, emoji)| Reaction {
                user_id,
                emoji: Emoji::parse(emoji).unwrap(),
            })
            .to_vec(),
        sent_at: AT,
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint::SYSTEM,
    }
}

fn message_on_wire() -> Value {
    json!({
        "id": "04040404-0404-0404-0404-040404040404",
        "conversation_id": CHAT_TEXT,
        "seq": 7,
        "rev": 9,
        "sender_id": ANA_TEXT,
        "kind": "user",
        "body": "Grüße 👋🏽",
        "reply_to": null,
        "forwarded": false,
        "mentions": [BEN_TEXT],
        "attachments": [],
        "reactions": [
            {"emoji": "❤", "count": 1, "user_ids": [BEN_TEXT]},
            {"emoji": "👍", "count": 1, "user_ids": [ANA_TEXT]},
        ],
        "sent_at": AT_TEXT,
        "edited_at": null,
        "deleted_at": null,
    })
}

fn with(mut value: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut value, more) else {
        panic!("not objects")
    };
    fields.extend(more);
    value
}

fn person() -> user::User {
    let username = Username::parse("ana").unwrap();
    user::User {
        id: ANA,
        display_name: DisplayName::from(&username),
        username,
        about: About::parse("here").unwrap(),
        email: Some(user::Email::parse("ana@example.org").unwrap()),
        avatar_media_id: None,
        settings: user::Settings::default(),
        created_at: AT,
        last_seen_at: Some(AT),
        deleted_at: None,
    }
}

fn user_on_wire() -> Value {
    json!({
        "id": ANA_TEXT,
        "username": "ana",
        "display_name": "ana",
        "about": "here",
        "avatar_media_id": null,
        "created_at": AT_TEXT,
        "last_seen_at": AT_TEXT,
    })
}

fn conversation() -> Conversation {
    Conversation {
        id: CHAT,
        kind: Kind::Group,
        title: Some("Trip".to_owned()),
        about: String::new(),
        avatar_media_id: None,
        created_by: ANA,
        created_at: AT,
        member_count: 2,
        head: ConversationHead::default(),
        me: Me {
            role: Role::Owner,
            joined_at: AT,
            left_at: None,
            read_seq: Seq(1),
            delivered_seq: Seq(2),
            unread: 3,
            muted_until: None,
            archived: false,
            pinned: true,
        },
        peer: None,
        peer_receipt: None,
    }
}

fn conversation_on_wire() -> Value {
    json!({
        "id": CHAT_TEXT,
        "kind": "group",
        "title": "Trip",
        "about": "",
        "avatar_media_id": null,
        "created_by": ANA_TEXT,
        "created_at": AT_TEXT,
        "member_count": 2,
        "head": {"seq": 0, "rev": 0, "last_message": null},
        "me": {
            "role": "owner",
            "joined_at": AT_TEXT,
            "left_at": null,
            "read_seq": 1,
            "delivered_seq": 2,
            "unread": 3,
            "muted_until": null,
            "archived": false,
            "pinned": true,
        },
    })
}

#[test]
fn my_reaction_is_in_replies_and_not_in_events() {
    let message = stored();
    assert_eq!(wire(&Message::from(&message)), message_on_wire());
    let seen_by = |viewer| wire(&Message::seen_by(&message, viewer));
    assert_eq!(seen_by(BEN), with(message_on_wire(), json!({"my_reaction": "❤"})));
    let stranger = UserId::from_bytes([9; 16]);
    assert_eq!(
        seen_by(stranger),
        with(message_on_wire(), json!({"my_reaction": null})),
        "null, and not missing"
    );
    let read: Message = serde_json::from_value(seen_by(stranger)).unwrap();
    assert_eq!(read.my_reaction, Some(None));
    let read: Message = serde_json::from_value(message_on_wire()).unwrap();
    assert_eq!(read.my_reaction, None);
}

#[test]
fn a_reaction_counts_all_users_and_lists_the_latest_twenty() {
    let users: Vec<_> = (0..25).map(|n| UserId::from_bytes([n; 16])).collect();
    let reactions = users.iter().map(|user_id| Reaction {
        user_id: *user_id,
        emoji: Emoji::parse("👍").unwrap(),
    });
    let message = message::Message {
        reactions: reactions.collect(),
        ..stored()
    };
    let shown = Message::from(&message).reactions;
    assert_eq!((shown.len(), shown[0].count), (1, 25));
    assert_eq!(shown[0].user_ids, users[5..]);
}

#[test]
fn an_attachment_omits_fields_that_do_not_apply() {
    let attachment = |thumbnail: bool| Attachment {
        id: MediaId::from_bytes([5; 16]),
        file_name: "photo.jpg".to_owned(),
        content_type: "image/jpeg".to_owned(),
        size: 1_000,
        width: thumbnail.then_some(40),
        height: thumbnail.then_some(30),
        duration: None,
        waveform: None,
        is_processing: false,
        thumbnail: thumbnail.then(|| Thumbnail {
            width: 4,
            height: 3,
            blurhash: "L0".to_owned(),
        }),
    };
    let plain = json!({
        "id": "05050505-0505-0505-0505-050505050505",
        "file_name": "photo.jpg",
        "content_type": "image/jpeg",
        "size": 1_000,
    });
    assert_eq!(wire(&crate::protocol::Attachment::from(attachment(false))), plain);
    let picture = json!({"width": 40, "height": 30, "thumbnail": {"width": 4, "height": 3, "blurhash": "L0"}});
    assert_eq!(
        wire(&crate::protocol::Attachment::from(attachment(true))),
        with(plain, picture)
    );
}

#[test]
fn system_messages_carry_their_event() {
    let call_id = CallId::from_bytes([6; 16]);
    let call_text = "06060606-0606-0606-0606-060606060606";
    let text = |text: &str| text.to_owned();
    let both = || vec![ANA, BEN];
    let table = [
        (
            SystemEvent::GroupCreated { user_ids: both() },
            json!({"type": "group_created", "user_ids": [ANA_TEXT, BEN_TEXT]}),
        ),
        (
            SystemEvent::TitleChanged { title: text("Trip") },
            json!({"type": "title_changed", "title": "Trip"}),
        ),
        (
            SystemEvent::AboutChanged { about: text("x") },
            json!({"type": "about_changed", "about": "x"}),
        ),
        (
            SystemEvent::PictureChanged { avatar_media_id: None },
            json!({"type": "picture_changed", "avatar_media_id": null}),
        ),
        (
            SystemEvent::MembersAdded { user_ids: both() },
            json!({"type": "members_added", "user_ids": [ANA_TEXT, BEN_TEXT]}),
        ),
        (
            SystemEvent::MemberRemoved { user_id: BEN },
            json!({"type": "member_removed", "user_id": BEN_TEXT}),
        ),
        (
            SystemEvent::MemberLeft { user_id: BEN },
            json!({"type": "member_left", "user_id": BEN_TEXT}),
        ),
        (
            SystemEvent::RoleChanged {
                user_id: BEN,
                role: Role::Admin,
            },
            json!({"type": "role_changed", "user_id": BEN_TEXT, "role": "admin"}),
        ),
        (SystemEvent::GroupDeleted, json!({"type": "group_deleted"})),
        (
            SystemEvent::Call {
                call_id,
                media: text("video"),
                outcome: text("missed"),
                duration_ms: 0,
            },
            json!({"type": "call", "call_id": call_text, "media": "video", "outcome": "missed", "duration_ms": 0}),
        ),
    ];
    for (event, expected) in table {
        let message = message::Message {
            content: Content::System(event),
            ..stored()
        };
        let shown = with(
            message_on_wire(),
            json!({"kind": "system", "body": "", "system": expected}),
        );
        assert_eq!(wire(&Message::from(&message)), shown);
        let read: Message = serde_json::from_value(shown.clone()).unwrap();
        assert_eq!(wire(&read), shown);
    }
}

#[test]
fn an_old_client_reads_messages_with_unknown_events() {
    for newer in [
        json!({"type": "anthem_changed", "media_id": BEN_TEXT}),
        json!({"type": "role_changed", "user_id": BEN_TEXT, "role": "jester"}),
        json!(7),
    ] {
        let told = with(
            message_on_wire(),
            json!({"kind": "system", "body": "", "system": newer}),
        );
        let read: Message = serde_json::from_value(told.clone()).unwrap();
        assert_eq!((read.kind, &read.system), (MessageKind::System, &None));
        let event = json!({"event": "message.created", "data": told});
        let frame: Frame = serde_json::from_value(event).unwrap();
        assert!(matches!(frame, Frame::Event(Event::MessageCreated(_))), "{frame:?}");
    }
}

#[test]
fn a_profile_shows_what_its_owner_permits() {
    let ana = person();
    assert_eq!(wire(&User::new(&ana, LastSeen::Shown)), user_on_wire());
    assert_eq!(
        wire(&MyProfile::from(&ana)),
        with(
            user_on_wire(),
            json!({
                "email": "ana@example.org",
                "settings": {"last_seen": "everyone", "read_receipts": true, "groups": "everyone"},
            })
        )
    );
    let mut discreet = person();
    discreet.settings.last_seen = user::Audience::Nobody;
    assert_eq!(
        wire(&User::new(&discreet, LastSeen::Hidden)),
        with(user_on_wire(), json!({"last_seen_at": null}))
    );
    assert_eq!(wire(&MyProfile::from(&discreet))["last_seen_at"], AT_TEXT);
    let mut erased = person();
    erased.deleted_at = Some(AT);
    let expected = json!({
        "id": ANA_TEXT, "deleted": true, "username": null, "display_name": "", "about": "",
        "avatar_media_id": null, "created_at": AT_TEXT, "last_seen_at": null,
    });
    assert_eq!(wire(&User::new(&erased, LastSeen::Shown)), expected);
}

#[test]
fn only_a_direct_conversation_has_a_peer() {
    assert_eq!(wire(&conversation()), conversation_on_wire());
    let direct = Conversation {
        kind: Kind::Direct,
        title: None,
        peer: Some(User::new(&person(), LastSeen::Shown)),
        peer_receipt: Some(Watermarks {
            delivered_seq: Seq(2),
            read_seq: Seq(1),
        }),
        head: ConversationHead {
            seq: Seq(7),
            rev: Rev(9),
            last_message: Some(Message::seen_by(&stored(), ANA)),
        },
        ..conversation()
    };
    let expected = json!({
        "kind": "direct",
        "title": null,
        "peer": user_on_wire(),
        "peer_receipt": {"delivered_seq": 2, "read_seq": 1},
        "head": {"seq": 7, "rev": 9, "last_message": with(message_on_wire(), json!({"my_reaction": "👍"}))},
    });
    assert_eq!(wire(&direct), with(conversation_on_wire(), expected));
}

#[test]
fn events_carry_their_name_and_data() {
    let receipt = Receipt {
        user_id: BEN,
        watermarks: member::Watermarks::read(Seq(4)).into(),
    };
    let hello = Hello {
        connection_id: ConnectionId::from_bytes([7; 16]),
        session_id: SessionId::from_bytes([8; 16]),
        user_id: ANA,
        server_time: AT,
        epoch: Epoch::from_bytes([9; 16]),
        heartbeat_ms: 30_000,
        max_frame_bytes: 1_024,
    };
    let table = [
        (
            Event::Hello(hello),
            "hello",
            json!({
                "connection_id": "07070707-0707-0707-0707-070707070707",
                "session_id": "08080808-0808-0808-0808-080808080808",
                "user_id": ANA_TEXT,
                "server_time": AT_TEXT,
                "epoch": "09090909-0909-0909-0909-090909090909",
                "heartbeat_ms": 30_000,
                "max_frame_bytes": 1_024,
            }),
        ),
        (
            Event::MessageCreated(Message::from(&stored())),
            "message.created",
            message_on_wire(),
        ),
        (
            Event::MessageUpdated(Message::from(&stored())),
            "message.updated",
            message_on_wire(),
        ),
        (
            Event::ReceiptUpdated {
                conversation_id: CHAT,
                items: vec![receipt],
            },
            "receipt.updated",
            json!({
                "conversation_id": CHAT_TEXT,
                "items": [{"user_id": BEN_TEXT, "delivered_seq": 4, "read_seq": 4}],
            }),
        ),
        (
            Event::ConversationCreated(Box::new(conversation())),
            "conversation.created",
            conversation_on_wire(),
        ),
        (
            Event::ConversationUpdated(Box::new(conversation())),
            "conversation.updated",
            conversation_on_wire(),
        ),
        (
            Event::ConversationRemoved { id: CHAT },
            "conversation.removed",
            json!({"id": CHAT_TEXT}),
        ),
        (
            Event::ConversationRev {
                conversation_id: CHAT,
                rev: Rev(5),
            },
            "conversation.rev",
            json!({"conversation_id": CHAT_TEXT, "rev": 5}),
        ),
        (
            Event::Typing {
                conversation_id: CHAT,
                user_id: BEN,
                typing: true,
            },
            "typing",
            json!({"conversation_id": CHAT_TEXT, "user_id": BEN_TEXT, "typing": true}),
        ),
        (
            Event::Presence(Presence::online(BEN, AT)),
            "presence",
            json!({"user_id": BEN_TEXT, "status": "online", "last_seen_at": AT_TEXT}),
        ),
        (
            Event::Presence(Presence::offline(BEN, None)),
            "presence",
            json!({"user_id": BEN_TEXT, "status": "offline", "last_seen_at": null}),
        ),
        (Event::Resync {}, "resync", json!({})),
        (
            Event::SessionRevoked {
                reason: "logged_out".to_owned(),
            },
            "session.revoked",
            json!({"reason": "logged_out"}),
        ),
    ];
    for (event, name, data) in table {
        let frame = json!({"event": name, "data": data});
        assert_eq!(wire(&event), frame);
        let read: Frame = serde_json::from_value(frame).unwrap();
        assert_eq!(read, Frame::Event(event));
    }
}

#[test]
fn requests_and_replies_of_the_socket_carry_their_number() {
    let request = json!({"id": 7, "op": "message.send", "data": {"conversation_id": CHAT_TEXT, "body": "hi"}});
    let read: Request = serde_json::from_value(request.clone()).unwrap();
    assert_eq!((read.id, read.op), (7, Op::MessageSend));
    assert_eq!(wire(&read), request);
    let words = [
        (Op::MessageSend, "message.send"),
        (Op::MessageEdit, "message.edit"),
        (Op::MessageDelete, "message.delete"),
        (Op::MessageReact, "message.react"),
        (Op::Receipt, "receipt"),
        (Op::Typing, "typing"),
        (Op::PresenceWatch, "presence.watch"),
        (Op::Sync, "sync"),
        (Op::Ping, "ping"),
    ];
    for (op, word) in words {
        assert_eq!(wire(&op), word);
    }
    let bare: Request = serde_json::from_value(json!({"id": 1, "op": "ping"})).unwrap();
    assert_eq!(bare.data, Value::Null);

    let ok = Reply {
        id: 7,
        result: ReplyResult::Ok(json!({"x": 1})),
    };
    assert_eq!(wire(&ok), json!({"id": 7, "ok": {"x": 1}}));
    let problem = Problem {
        errors: vec![FieldError::new("body", "too_short", "must have words")],
        ..Problem::new(Code::ValidationFailed)
    };
    let error: Reply<Value> = Reply {
        id: 8,
        result: ReplyResult::Error(problem),
    };
    let expected = json!({"id": 8, "error": {
        "type": "about:blank",
        "title": Code::ValidationFailed.title(),
        "status": 422,
        "code": "validation_failed",
        "detail": Code::ValidationFailed.title(),
        "errors": [{"field": "body", "code": "too_short", "detail": "must have words"}],
    }});
    assert_eq!(wire(&error), expected);
    for frame in [wire(&ok), expected] {
        let read: Frame = serde_json::from_value(frame.clone()).unwrap();
        assert!(matches!(&read, Frame::Reply(_)), "{read:?}");
        assert_eq!(wire(&read), frame);
    }
}

#[test]
fn every_code_has_its_status() {
    let statuses = [
        ("invalid_request", 400),
        ("unauthenticated", 401),
        ("token_expired", 401),
        ("forbidden", 403),
        ("not_found", 404),
        ("conflict", 409),
        ("method_not_allowed", 405),
        ("payload_too_large", 413),
        ("unsupported_media_type", 415),
        ("range_not_satisfiable", 416),
        ("validation_failed", 422),
        ("infected", 422),
        ("upload_conflict", 409),
        ("checksum_mismatch", 460),
        ("rate_limited", 429),
        ("internal", 500),
        ("unavailable", 503),
    ];
    assert_eq!(Code::ALL.len(), statuses.len());
    for (word, status) in statuses {
        let code = Code::ALL.iter().find(|code| code.as_str() == word).unwrap();
        assert_eq!((code.status(), wire(code)), (status, json!(word)));
    }
    let missing = json!({
        "type": "about:blank", "title": Code::NotFound.title(), "status": 404, "code": "not_found",
        "detail": Code::NotFound.title(), "errors": [],
    });
    assert_eq!(wire(&Problem::new(Code::NotFound)), missing);
    let limited = Problem {
        retry_after: Some(3),
        ..Problem::new(Code::RateLimited).with_detail("slow down")
    };
    let limited = wire(&limited);
    assert_eq!(
        (&limited["retry_after"], &limited["detail"]),
        (&json!(3), &json!("slow down"))
    );
}

#[test]
fn signing_in_returns_user_and_tokens() {
    let signed_in = SignedIn {
        user: User::new(&person(), LastSeen::Shown),
        tokens: Tokens {
            access_token: "a".to_owned(),
            refresh_token: "r".to_owned(),
            token_type: TokenType::Bearer,
            expires_in: 900,
        },
    };
    let tokens = json!({"access_token": "a", "refresh_token": "r", "token_type": "Bearer", "expires_in": 900});
    assert_eq!(wire(&signed_in), json!({"user": user_on_wire(), "tokens": tokens}));
    assert!(!format!("{signed_in:?}").contains("\"r\""), "tokens are never printed");
    let session = SessionInfo {
        id: SessionId::from_bytes([8; 16]),
        device_name: None,
        created_at: AT,
        last_used_at: AT,
        current: true,
    };
    let expected = json!({
        "id": "08080808-0808-0808-0808-080808080808",
        "device_name": null,
        "created_at": AT_TEXT,
        "last_used_at": AT_TEXT,
        "current": true,
    });
    assert_eq!(wire(&session), expected);
}

#[test]
fn search_hits_have_a_score_and_highlights() {
    let hit = SearchHit {
        message: Message::seen_by(&stored(), ANA),
        score: 20,
        highlights: vec![Highlight {
            field: "body".to_owned(),
            start: 0,
            end: 5,
        }],
    };
    let expected = json!({
        "message": with(message_on_wire(), json!({"my_reaction": "👍"})),
        "score": 20,
        "highlights": [{"field": "body", "start": 0, "end": 5}],
    });
    assert_eq!(wire(&hit), expected);
    let request = SearchMessages {
        from: Some(BEN),
        after: Some(AT),
        ..SearchMessages::text("tea ").unwrap()
    };
    assert_eq!(wire(&request), json!({"q": "tea ", "from": BEN_TEXT, "after": AT_TEXT}));
}

#[test]
fn contacts_and_blocks_show_a_user() {
    let contact = |alias: Option<&str>| Contact {
        user: User::new(&person(), LastSeen::Hidden),
        alias: alias.map(str::to_owned),
        added_at: AT,
    };
    let user = with(user_on_wire(), json!({"last_seen_at": null}));
    assert_eq!(
        wire(&contact(None)),
        json!({"user": user, "alias": null, "added_at": AT_TEXT})
    );
    assert_eq!(wire(&contact(Some("Annie")))["alias"], "Annie");
    let block = Block {
        user: User::new(&person(), LastSeen::Hidden),
        blocked_at: AT,
    };
    assert_eq!(wire(&block), json!({"user": user, "blocked_at": AT_TEXT}));
}

#[test]
fn lists_and_changes() {
    let member = Member {
        user: User::new(&person(), LastSeen::Shown),
        role: Role::Member,
        joined_at: AT,
    };
    let list = List {
        items: vec![member],
        next_cursor: None,
    };
    let expected = json!({
        "items": [{"user": user_on_wire(), "role": "member", "joined_at": AT_TEXT}],
        "next_cursor": null,
    });
    assert_eq!(wire(&list), expected);
    let changes = Changes {
        items: vec![],
        next_cursor: Some("c".to_owned()),
        rev: Rev(4),
    };
    assert_eq!(wire(&changes), json!({"items": [], "next_cursor": "c", "rev": 4}));
    let receipt = MessageReceipt {
        user_id: BEN,
        status: ReceiptStatus::Delivered,
    };
    assert_eq!(wire(&receipt), json!({"user_id": BEN_TEXT, "status": "delivered"}));
    let reaction = UserReaction {
        user_id: BEN,
        emoji: "❤".to_owned(),
    };
    assert_eq!(wire(&reaction), json!({"user_id": BEN_TEXT, "emoji": "❤"}));
    let sync = Sync {
        conversations: vec![],
        removed: vec![CHAT],
        changes: vec![],
        positions: [(CHAT, Rev(3))].into(),
        reset: vec![],
        more: false,
        mark: Mark(31).into(),
        server_time: AT,
        epoch: Epoch::from_bytes([9; 16]),
    };
    let expected = json!({
        "conversations": [], "removed": [CHAT_TEXT], "changes": [], "positions": {CHAT_TEXT: 3},
        "reset": [], "more": false, "mark": "m1f", "server_time": AT_TEXT, "epoch": "09090909-0909-0909-0909-090909090909",
    });
    assert_eq!(wire(&sync), expected);
    let request = SyncRequest {
        conversations: [(CHAT, Rev(3))].into(),
        since: Some(SyncSince::Mark(Mark(31).into())),
    };
    assert_eq!(wire(&request), json!({"conversations": {CHAT_TEXT: 3}, "since": "m1f"}));
}
