//! What does it cost to read a `message.send` and to write a `message.created`, beside serde_json of the same struct?
//!
//! Ours also checks what it reads by every rule of the contract (characters, limits, ids of the right version), and
//! writes from the message as it is kept.

use std::{borrow::Cow, hint::black_box};

use letsapp_benches::{
    report::{Report, Row},
    sample::{Sample, SplitMix, unix_milliseconds, uuid_v7},
    scale::Scale,
    turns::{Costs, cost_by_turns},
};
use letsapp_core::{
    event::{Event, Shared},
    id::{ConversationId, MessageId, Rev, Seq, UserId},
    messages::{Content, Fingerprint, Message},
    protocol::{
        self, Op,
        fields::FromFields,
        requests::{InConversation, SendMessage},
    },
    storage::BoxError,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

fn main() -> Result<(), BoxError> {
    let scale = Scale::from_env();
    let mut report = Report::new("frames")?;
    let sample = Sample::new();
    let body = &sample.text(3).body;
    report.row(&row("reading message.send", decode(scale, body)))?;
    report.row(&row("writing message.created", encode(scale, body)))?;
    Ok(())
}

fn decode(scale: Scale, body: &str) -> Costs {
    let (conversation, id) = (SplitMix::new(1).uuid_v4(), uuid_v7(unix_milliseconds(), 1, 2));
    let frame = format!(
        r#"{{"id":1000,"op":"message.send","data":{{"conversation_id":"{conversation}","id":"{id}","body":"{body}"}}}}"#
    );
    let ours = || {
        let request: Frame<Op, &RawValue> = serde_json::from_str(black_box(&frame)).expect("a good frame");
        let sent = InConversation::<SendMessage>::parse_json(request.data.get()).expect("a good request");
        (request.id, request.op, sent)
    };
    let bare = || -> Frame<&str, Sent<'_>> { serde_json::from_str(black_box(&frame)).expect("a good frame") };
    let (parsed, plain) = (ours().2, bare().data);
    assert_eq!(
        (parsed.request.body.as_str(), parsed.conversation_id.as_uuid()),
        (body, &plain.conversation_id)
    );
    cost_by_turns(scale.measure(), ours, bare)
}

fn encode(scale: Scale, body: &str) -> Costs {
    let mut random = SplitMix::new(1);
    let message = Message {
        conversation_id: ConversationId::from_uuid(random.uuid_v4()),
        id: MessageId::from_uuid(random.uuid_v4()),
        seq: Seq(1_234),
        rev: Rev(1_240),
        ordinal: 1_230,
        sender_id: UserId::from_uuid(random.uuid_v4()),
        content: Content::Text(body.to_owned()),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        sent_at: Timestamp::from_millis(1_795_338_000_123),
        edited_at: None,
        deleted_at: None,
        fingerprint: Fingerprint {
            version: 1,
            hash: [7; 32],
        },
    };
    let sent_at = message.sent_at.to_string();
    let ours = || {
        let event = Event::MessageCreated(protocol::Message::from(black_box(&message)));
        Shared::new(event).frame().clone()
    };
    let bare = || {
        let data = Created {
            id: *message.id.as_uuid(),
            conversation_id: *message.conversation_id.as_uuid(),
            seq: message.seq.0,
            rev: message.rev.0,
            sender_id: *message.sender_id.as_uuid(),
            kind: "user",
            body,
            reply_to: None,
            forwarded: false,
            mentions: &[],
            attachments: &[],
            reactions: &[],
            sent_at: &sent_at,
            edited_at: None,
            deleted_at: None,
        };
        let event = "message.created";
        serde_json::to_vec(black_box(&Told { event, data })).expect("plain data")
    };
    assert_eq!(ours(), bare(), "the same bytes");
    cost_by_turns(scale.measure(), ours, bare)
}

fn row(name: &str, costs: Costs) -> Row {
    let nanos = |cost: std::time::Duration| cost.as_secs_f64() * 1e9;
    Row::new(format!("{name} · serde_json"), "ns")
        .ours(nanos(costs.ours))
        .bare(nanos(costs.bare))
}

#[derive(Deserialize)]
struct Frame<O, D> {
    id: u64,
    op: O,
    data: D,
}

#[derive(Deserialize)]
struct Sent<'a> {
    conversation_id: Uuid,
    #[expect(dead_code, reason = "read, as ours reads it")]
    id: Option<Uuid>,
    #[expect(dead_code, reason = "read, as ours reads it")]
    #[serde(borrow)]
    body: Cow<'a, str>,
}

#[derive(Serialize)]
struct Told<'a> {
    event: &'static str,
    data: Created<'a>,
}

#[derive(Serialize)]
struct Created<'a> {
    id: Uuid,
    conversation_id: Uuid,
    seq: u64,
    rev: u64,
    sender_id: Uuid,
    kind: &'static str,
    body: &'a str,
    reply_to: Option<u64>,
    forwarded: bool,
    mentions: &'a [Uuid],
    attachments: &'a [Uuid],
    reactions: &'a [Uuid],
    sent_at: &'a str,
    edited_at: Option<&'a str>,
    deleted_at: Option<&'a str>,
}
