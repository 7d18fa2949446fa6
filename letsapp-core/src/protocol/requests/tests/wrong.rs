//! Requests in which every field is invalid.

use super::*;

/// Name of a request, function that reads it and returns the errors, invalid JSON, and the expected errors.
type Wrong = (
    &'static str,
    fn(&Value) -> Vec<(String, String)>,
    Value,
    &'static [(&'static str, &'static str)],
);

#[test]
fn every_request_lists_all_invalid_fields_at_once() {
    let long = "x".repeat(5_000);
    let table: &[Wrong] = &[
        (
            "register",
            faults::<Register>,
            json!({"username": "a b", "password": "short", "display_name": "\u{7}", "email": "x", "device_name": long}),
            &[
                ("username", "invalid_character"),
                ("password", "too_short"),
                ("display_name", "control_character"),
                ("email", "invalid_format"),
                ("device_name", "too_long"),
            ],
        ),
        (
            "login",
            faults::<Login>,
            json!({"username": 7, "password": long, "device_name": "a\nb"}),
            &[
                ("username", "invalid_type"),
                ("password", "too_long"),
                ("device_name", "control_character"),
            ],
        ),
        (
            "refresh",
            faults::<Refresh>,
            json!({"refresh_token": 7}),
            &[("refresh_token", "invalid_type")],
        ),
        (
            "password",
            faults::<ChangePassword>,
            json!({"current_password": null, "new_password": long}),
            &[("current_password", "required"), ("new_password", "too_long")],
        ),
        (
            "me",
            faults::<UpdateMe>,
            json!({"display_name": " ", "about": long, "email": 7, "avatar_media_id": "x",
                "settings": {"last_seen": "friends", "read_receipts": "no", "groups": "nobody"}}),
            &[
                ("display_name", "too_short"),
                ("about", "too_long"),
                ("email", "invalid_type"),
                ("avatar_media_id", "invalid_uuid"),
                ("settings.last_seen", "invalid_value"),
                ("settings.read_receipts", "invalid_type"),
                ("settings.groups", "invalid_value"),
            ],
        ),
        (
            "create, of no kind",
            faults::<CreateConversation>,
            json!({"kind": "party", "user_id": 7, "id": V5, "title": "", "about": 7, "member_ids": [V4, "x"]}),
            &[
                ("kind", "invalid_value"),
                ("user_id", "invalid_type"),
                ("id", "invalid_uuid"),
                ("title", "too_short"),
                ("about", "invalid_type"),
                ("member_ids.1", "invalid_uuid"),
            ],
        ),
        (
            "create, direct",
            faults::<CreateConversation>,
            json!({"kind": "direct", "user_id": "x"}),
            &[("user_id", "invalid_uuid")],
        ),
        (
            "create, group",
            faults::<CreateConversation>,
            json!({"kind": "group", "id": "x", "title": long, "about": "\u{0}", "member_ids": 7}),
            &[
                ("id", "invalid_uuid"),
                ("title", "too_long"),
                ("about", "control_character"),
                ("member_ids", "invalid_type"),
            ],
        ),
        (
            "update",
            faults::<UpdateConversation>,
            json!({"title": null, "about": null, "avatar_media_id": 7}),
            &[
                ("title", "invalid_type"),
                ("about", "invalid_type"),
                ("avatar_media_id", "invalid_type"),
            ],
        ),
        (
            "update mine",
            faults::<UpdateMyConversation>,
            json!({"muted_until": "soon", "archived": null, "pinned": 1}),
            &[
                ("muted_until", "invalid_time"),
                ("archived", "invalid_type"),
                ("pinned", "invalid_type"),
            ],
        ),
        (
            "add members",
            faults::<AddMembers>,
            json!({"user_ids": ["x", null]}),
            &[("user_ids.0", "invalid_uuid"), ("user_ids.1", "invalid_type")],
        ),
        (
            "change role",
            faults::<ChangeRole>,
            json!({"role": "king"}),
            &[("role", "invalid_value")],
        ),
        (
            "send",
            faults::<InConversation<SendMessage>>,
            json!({"conversation_id": 7, "id": V5, "body": long, "reply_to": 1.5, "forwarded": "no", "mentions": [7],
                "attachments": "x"}),
            &[
                ("conversation_id", "invalid_type"),
                ("id", "invalid_uuid"),
                ("reply_to", "invalid_type"),
                ("forwarded", "invalid_type"),
                ("mentions.0", "invalid_type"),
                ("attachments", "invalid_type"),
                ("body", "too_long"),
            ],
        ),
        (
            "edit",
            faults::<AtMessage<EditMessage>>,
            json!({"seq": -1, "body": "\u{7}", "mentions": {}, "attachments": ["x"]}),
            &[
                ("conversation_id", "required"),
                ("seq", "invalid_type"),
                ("body", "control_character"),
                ("mentions", "invalid_type"),
                ("attachments.0", "invalid_uuid"),
            ],
        ),
        (
            "delete",
            faults::<AtMessage<Nothing>>,
            json!({"conversation_id": "x"}),
            &[("conversation_id", "invalid_uuid"), ("seq", "required")],
        ),
        (
            "react",
            faults::<AtMessage<React>>,
            json!({"conversation_id": V4, "seq": "1", "emoji": "x", "remove": 1}),
            &[
                ("seq", "invalid_type"),
                ("emoji", "invalid_format"),
                ("remove", "invalid_type"),
            ],
        ),
        (
            "receipt",
            faults::<InConversation<ReceiptRequest>>,
            json!({"delivered": "1", "read": -1}),
            &[
                ("conversation_id", "required"),
                ("delivered", "invalid_type"),
                ("read", "invalid_type"),
            ],
        ),
        (
            "sync",
            faults::<SyncRequest>,
            json!({"conversations": {"x": 1, V4: "2"}, "since": 7}),
            &[
                ("conversations.8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10", "invalid_type"),
                ("conversations.x", "invalid_uuid"),
                ("since", "invalid_type"),
            ],
        ),
    ];
    for (request, read, wrong, expected) in table {
        assert_eq!(read(wrong), pairs(expected), "{request}");
    }
}
