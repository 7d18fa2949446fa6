//! Decoding of `message.send` and encoding of `message.created`, beside serde_json on structs with the same fields.
//!
//! LetsApp also checks every field that it decodes (characters, lengths, versions of ids), and encodes from the message
//! as it is stored.

use std::{borrow::Cow, hint::black_box};

use letsapp_core::{
    domain::{
        id::{ConversationId, MessageId, Rev, Seq, UserId},
        message::{Content, Fingerprint, Message},
        timestamp::Timestamp,
    },
    engine::events::EncodedEvent,
    ports::{BoxError, Payload as _},
    protocol::{
        self, Event, Op,
        fields::FromFields,
        requests::{InConversation, SendMessage},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    compare::{Costs, compare_costs},
    report::Row,
    sample::{Sample, SplitMix, unix_milliseconds, uuid_v7},
    scale::Scale,
    subjects::{Run, Server, Subject},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "frames",
    question: "Cost of decoding a request and encoding an event",
    server: Server::NotNeeded,
    run,
};

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    let sample = Sample::new();
    let body = &sample.text(3).body;
    report.row(row(
        "message.send decoded and checked, beside serde_json",
        decode(scale, body),
    ))?;
    report.row(row("message.created encoded, beside serde_json", encode(scale, body)))?;
    Ok(())
}

fn decode(scale: Scale, body: &str) -> Costs {
    let (conversation, id) = (SplitMix::new(1).uuid_v4(), uuid_v7(unix_milliseconds(), 1, 2));
    let frame = format!(
        r#"{{"id":1000,"op":"message.send","data":{{"conversation_id":"{conversation}","id":"{id}","body":"{body}"}}}}"#
    );
    let letsapp = || {
        let request: Frame<Op, &RawValue> = serde_json::from_str(black_box(&frame)).expect("a good frame");
        let sent = InConversation::<SendMessage>::parse_json(request.data.get()).expect("a good request");
        (request.id, request.op, sent)
    };
    let baseline = || -> Frame<&str, SendData<'_>> { serde_json::from_str(black_box(&frame)).expect("a good frame") };
    let (parsed, plain) = (letsapp().2, baseline().data);
    assert_eq!(
        (parsed.request.body.as_str(), parsed.conversation_id.as_uuid()),
        (body, &plain.conversation_id)
    );
    compare_costs(scale.measure(), letsapp, baseline)
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
    let letsapp = || {
        let event = Event::MessageCreated(protocol::Message::from(black_box(&message)));
        EncodedEvent::new(event).frame().clone()
    };
    let baseline = || {
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
        serde_json::to_vec(black_box(&EventFrame { event, data })).expect("plain data")
    };
    assert_eq!(letsapp(), baseline(), "both encode the same bytes");
    compare_costs(scale.measure(), letsapp, baseline)
}

fn row(label: &str, costs: Costs) -> Row {
    let nanos = |cost: std::time::Duration| cost.as_secs_f64() * 1e9;
    Row::new(label, "ns")
        .letsapp(nanos(costs.letsapp))
        .baseline(nanos(costs.baseline))
}

#[derive(Deserialize)]
struct Frame<O, D> {
    id: u64,
    op: O,
    data: D,
}

#[derive(Deserialize)]
struct SendData<'a> {
    conversation_id: Uuid,
    #[expect(dead_code, reason = "decoded, as LetsApp decodes it")]
    id: Option<Uuid>,
    #[expect(dead_code, reason = "decoded, as LetsApp decodes it")]
    #[serde(borrow)]
    body: Cow<'a, str>,
}

#[derive(Serialize)]
struct EventFrame<'a> {
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
