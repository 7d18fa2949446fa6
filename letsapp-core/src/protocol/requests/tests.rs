mod wrong;

use serde_json::{Value, json};

use super::*;
use crate::domain::id::Seq;
use crate::domain::member::{PreferencesPatch, Watermarks};
use crate::domain::user::ProfilePatch;
use crate::protocol::fields::{FromFields, Unreadable};
use crate::protocol::sync::SyncRequest;

const V4: &str = "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10";
const V5: &str = "8c5f1b1e-0b1d-5d6e-9a51-6b4c1f1f0a10";
const V7: &str = "01935a00-0000-7000-8000-000000000001";

fn faults<T: FromFields + std::fmt::Debug>(value: &Value) -> Vec<(String, String)> {
    T::parse(value)
        .expect_err("at fault")
        .into_iter()
        .map(|fault| (fault.field, fault.code))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(field, code)| ((*field).to_owned(), (*code).to_owned()))
        .collect()
}

#[test]
fn every_invalid_field_is_listed() {
    assert_eq!(
        faults::<SendMessage>(&json!({"id": V5, "reply_to": -1, "forwarded": "no", "mentions": [V4, 7, "x"]})),
        pairs(&[
            ("id", "invalid_uuid"),
            ("body", "required"),
            ("reply_to", "invalid_type"),
            ("forwarded", "invalid_type"),
            ("mentions.1", "invalid_type"),
            ("mentions.2", "invalid_uuid"),
        ])
    );
    assert_eq!(
        faults::<UpdateMe>(&json!({"display_name": null, "settings": {"last_seen": "friends", "read_receipts": 1}})),
        pairs(&[
            ("display_name", "invalid_type"),
            ("settings.last_seen", "invalid_value"),
            ("settings.read_receipts", "invalid_type"),
        ])
    );
    assert_eq!(
        faults::<SyncRequest>(&json!({"conversations": {"x": 1}, "since": "yesterday"})),
        pairs(&[("conversations.x", "invalid_uuid"), ("since", "invalid_value")])
    );
    assert_eq!(
        faults::<SearchMessages>(&json!({"q": " ", "conversation_id": "x", "from": V7, "before": 7})),
        pairs(&[
            ("q", "too_short"),
            ("conversation_id", "invalid_uuid"),
            ("before", "invalid_type"),
        ])
    );
    assert_eq!(faults::<Login>(&json!([])), pairs(&[("", "invalid_type")]));
}

#[test]
fn an_alias_may_be_missing_or_null_and_is_one_visible_line() {
    for none in [json!({}), json!({"alias": null})] {
        assert_eq!(PutContact::parse(&none).unwrap(), PutContact::default());
    }
    let named = PutContact::parse(&json!({"alias": " Mum 💛 "})).unwrap();
    assert_eq!(
        named.alias.as_ref().map(crate::domain::contact::Alias::as_str),
        Some("Mum 💛")
    );
    assert_eq!(serde_json::to_value(&named).unwrap(), json!({"alias": "Mum 💛"}));
    let code = |alias: Value| faults::<PutContact>(&json!({"alias": alias}));
    assert_eq!(code(json!("\u{200B}")), pairs(&[("alias", "too_short")]));
    assert_eq!(code(json!("x".repeat(65))), pairs(&[("alias", "too_long")]));
    assert_eq!(code(json!("a\nb")), pairs(&[("alias", "control_character")]));
    assert_eq!(code(json!(7)), pairs(&[("alias", "invalid_type")]));
}

#[test]
fn a_whole_number_may_be_written_with_a_point() {
    let reply_to = |number: Value| SendMessage::parse(&json!({"body": "x", "reply_to": number}));
    for number in [json!(7), json!(7.0), json!(0.7e1)] {
        assert_eq!(reply_to(number).unwrap().reply_to, Some(Seq(7)));
    }
    for number in [json!(7.5), json!(-7.0), json!(1e20), json!("7")] {
        let code = reply_to(number).unwrap_err().remove(0).code;
        assert_eq!(code, "invalid_type");
    }
}

#[test]
fn each_fault_has_a_readable_detail() {
    let wrong = json!({"username": "a b", "device_name": "x".repeat(101)});
    let details: Vec<_> = Register::parse(&wrong)
        .unwrap_err()
        .into_iter()
        .map(|fault| fault.detail)
        .collect();
    assert_eq!(
        details,
        [
            "may contain only the letters a to z, digits, `_` and `.`",
            "is missing",
            "must have at most 100 characters"
        ]
    );
}

#[test]
fn a_device_may_be_called_nothing() {
    let name = |name: &str| Login::parse(&json!({"username": "ana", "password": "x", "device_name": name})).unwrap();
    assert_eq!(name(" Ana's phone ").device_name.as_deref(), Some("Ana's phone"));
    assert_eq!(name(" ").device_name, None);
    assert_eq!(
        name(&"é".repeat(100)).device_name.map(|name| name.chars().count()),
        Some(100)
    );
}

#[test]
fn the_items_of_a_list_that_is_too_long_are_not_examined() {
    let many = vec![0; 250_000];
    assert_eq!(
        faults::<AddMembers>(&json!({"user_ids": many})),
        pairs(&[("user_ids", "too_many")])
    );
    assert_eq!(
        faults::<EditMessage>(&json!({"body": "x", "mentions": many})),
        pairs(&[("mentions", "too_many")])
    );
    assert_eq!(
        faults::<SendMessage>(&json!({"body": "x", "mentions": many, "attachments": many})),
        pairs(&[("mentions", "too_many"), ("attachments", "too_many")])
    );
    let conversations: Value = (0..30_000)
        .map(|n| (n.to_string(), json!(1)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(
        faults::<SyncRequest>(&json!({"conversations": conversations})),
        pairs(&[("conversations", "too_many")])
    );
}

#[test]
fn unknown_fields_are_ignored() {
    let request = Refresh::parse(&json!({"refresh_token": "r", "colour": "blue"})).unwrap();
    assert_eq!(request.refresh_token.expose(), "r");
}

#[test]
fn ids_of_versions_4_and_7_are_the_clients_to_choose() {
    for (id, good) in [(V4, true), (V7, true), (V5, false)] {
        let send = json!({"id": id, "body": "hi"});
        assert_eq!(SendMessage::parse(&send).is_ok(), good, "{id}");
        assert_eq!(SendMessage::quick(&send.to_string()).is_some(), good, "{id}");
        let create = json!({"kind": "group", "id": id, "title": "Tea", "member_ids": []});
        assert_eq!(CreateConversation::parse(&create).is_ok(), good, "{id}");
    }
}

#[test]
fn the_fast_path_reads_the_same_as_the_slow_one() {
    let sends = [
        json!({"conversation_id": V4, "body": "hi"}),
        json!({"conversation_id": V4, "id": V7, "body": "a \"quoted\" word\n", "reply_to": 3, "forwarded": true,
            "mentions": [V4], "attachments": [V7], "colour": "blue"}),
    ];
    for send in sends {
        let (_, quick) = InConversation::<SendMessage>::quick(&send.to_string()).expect("the usual case");
        assert_eq!(Ok(quick), InConversation::<SendMessage>::parse(&send));
    }
    let receipt = json!({"conversation_id": V4, "read": 7});
    let (_, quick) = InConversation::<ReceiptRequest>::quick(&receipt.to_string()).expect("the usual case");
    assert_eq!(Ok(quick), InConversation::<ReceiptRequest>::parse(&receipt));
}

#[test]
fn errors_on_the_fast_path_are_listed_by_the_slow_one() {
    let Err(Unreadable::Invalid(faults)) = InConversation::<SendMessage>::parse_json(r#"{"body": 1}"#) else {
        panic!("it is at fault");
    };
    assert_eq!(faults.len(), 2);
    assert!(matches!(
        SendMessage::parse_json("{\"body\":"),
        Err(Unreadable::Syntax(_))
    ));
    let nulls = r#"{"body": "hi", "forwarded": null, "mentions": null}"#;
    assert!(SendMessage::parse_json(nulls).is_ok());
}

#[test]
fn null_removes_and_missing_leaves_unchanged() {
    let patch = ProfilePatch::from(UpdateMe::parse(&json!({"email": null})).unwrap());
    assert_eq!(patch.email, Some(None));
    assert_eq!(patch.avatar_media_id, None);
    let patch = PreferencesPatch::from(UpdateMyConversation::parse(&json!({"muted_until": null})).unwrap());
    assert_eq!(
        patch,
        PreferencesPatch {
            muted_until: Some(None),
            ..PreferencesPatch::default()
        }
    );
}

#[test]
fn a_receipt_has_at_least_one_field_and_read_implies_delivered() {
    assert_eq!(faults::<ReceiptRequest>(&json!({})), pairs(&[("read", "required")]));
    let request = ReceiptRequest::parse(&json!({"read": 9, "delivered": 4})).unwrap();
    assert_eq!(
        Watermarks::from(request),
        Watermarks {
            delivered: Seq(9),
            read: Seq(9)
        }
    );
}

#[test]
fn lists_are_bounded() {
    let users = vec![V4; 1025];
    assert_eq!(
        faults::<AddMembers>(&json!({"user_ids": users})),
        pairs(&[("user_ids", "too_many")])
    );
    assert_eq!(
        faults::<WatchPresence>(&json!({"user_ids": users})),
        pairs(&[("user_ids", "too_many")])
    );
    assert_eq!(faults::<WatchPresence>(&json!({})), pairs(&[("user_ids", "required")]));
    let send = json!({"body": "hi", "mentions": users});
    assert_eq!(faults::<SendMessage>(&send), pairs(&[("mentions", "too_many")]));
    assert!(SendMessage::quick(&send.to_string()).is_none());
}

#[test]
fn a_new_password_has_8_to_128_characters_and_a_presented_one_may_be_wrong() {
    let change =
        |current: &str, new: &str| ChangePassword::parse(&json!({"current_password": current, "new_password": new}));
    assert!(change("x", &"é".repeat(8)).is_ok());
    assert!(change("x", &"é".repeat(128)).is_ok());
    assert!(change("x", &"é".repeat(129)).is_err());
    assert!(change("x", "1234567").is_err());
    assert!(change(&"x".repeat(129), "12345678").is_err());
    assert!(DeleteAccount::parse(&json!({"password": "x"})).is_ok());
    assert_eq!(faults::<DeleteAccount>(&json!({})), pairs(&[("password", "required")]));
}

#[test]
fn servers_read_the_requests_that_clients_write() {
    let create = CreateConversation::parse(&json!({"kind": "group", "title": "Tea", "member_ids": [V4]})).unwrap();
    assert_eq!(
        CreateConversation::parse(&serde_json::to_value(&create).unwrap()),
        Ok(create)
    );
    let me = UpdateMe::parse(&json!({"email": null, "settings": {"last_seen": "nobody"}})).unwrap();
    let written = serde_json::to_value(&me).unwrap();
    assert_eq!(written, json!({"email": null, "settings": {"last_seen": "nobody"}}));
    assert_eq!(UpdateMe::parse(&written), Ok(me));
}
