//! Delivery of an event to many sessions, beside a loop that pushes shared bytes into queues.
//!
//! Both encode the event once, push it into every queue, and empty the queues again. LetsApp also looks up the queues of
//! the recipients, leaves out one connection, counts bytes, and wakes the connections that wait.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::FutureExt;
use letsapp_core::{
    domain::{
        id::{ConnectionId, ConversationId, MessageId, Rev, Seq, SessionId, UserId},
        principal::Principal,
        timestamp::Timestamp,
    },
    engine::events::{Connection, Delivery, Hub},
    ports::{BoxError, Envelope, EventSink},
    protocol::{Event, Message, MessageKind},
};

use crate::{
    compare::{Costs, compare_costs},
    report::Row,
    sample::{Sample, SplitMix},
    scale::Scale,
    subjects::{Run, Server, Subject, with_commas},
};

pub(super) const SUBJECT: Subject = Subject {
    name: "fanout",
    question: "Cost of delivering an event, per session that gets it",
    server: Server::NotNeeded,
    run,
};

fn run(Run { scale, mut report, .. }: Run) -> Result<(), BoxError> {
    for sessions in [1, 100, 1_000] {
        let costs = fan_out(scale, sessions);
        let each = |cost: std::time::Duration| cost.as_secs_f64() * 1e9 / f64::from(sessions);
        let label = match sessions {
            1 => "event to 1 session, beside a queue".to_owned(),
            _ => format!(
                "event to {} sessions, beside as many queues",
                with_commas(sessions.into())
            ),
        };
        let row = Row::new(label, "ns/delivery").letsapp(each(costs.letsapp));
        report.row(row.baseline(each(costs.baseline)))?;
    }
    Ok(())
}

fn fan_out(scale: Scale, sessions: u32) -> Costs {
    let mut random = SplitMix::new(1);
    let (hub, event) = (Arc::new(Hub::default()), created(&mut random));
    let mut connect = || {
        let principal = Principal {
            user_id: UserId::from_uuid(random.uuid_v4()),
            session_id: SessionId::from_uuid(random.uuid_v4()),
        };
        hub.connect(principal, ConnectionId::from_uuid(random.uuid_v4()))
    };
    let connections: Vec<Connection> = (0..sessions).map(|_| connect()).collect();
    let recipients: Arc<[UserId]> = connections
        .iter()
        .map(|connection| connection.principal().user_id)
        .collect();
    // The sender's connection, which gets a reply instead: none of those that receive.
    let excluded = Some(ConnectionId::from_uuid(random.uuid_v4()));
    let queues: Vec<Mutex<VecDeque<Bytes>>> = (0..sessions).map(|_| Mutex::default()).collect();

    let (mut taken, mut popped) = (Vec::<Delivery>::new(), Vec::<Bytes>::new());
    let letsapp = || {
        hub.publish(Envelope::to_users(Arc::clone(&recipients), excluded, event.clone()));
        for connection in &connections {
            let drained = connection.drain(&mut taken).now_or_never();
            drained.expect("an event is queued").expect("the queue is open");
        }
        assert_eq!(taken.len(), connections.len());
        taken.clear();
    };
    let baseline = || {
        let frame = Bytes::from(serde_json::to_vec(&event).expect("events are plain data"));
        for queue in &queues {
            queue.lock().expect("no thread panics").push_back(frame.clone());
        }
        for queue in &queues {
            popped.extend(queue.lock().expect("no thread panics").drain(..));
        }
        assert_eq!(popped.len(), queues.len());
        popped.clear();
    };
    compare_costs(scale.measure(), letsapp, baseline)
}

fn created(random: &mut SplitMix) -> Event {
    Event::MessageCreated(Message {
        id: MessageId::from_uuid(random.uuid_v4()),
        conversation_id: ConversationId::from_uuid(random.uuid_v4()),
        seq: Seq(1_234),
        rev: Rev(1_240),
        sender_id: UserId::from_uuid(random.uuid_v4()),
        kind: MessageKind::User,
        body: Sample::new().text(0).body.clone(),
        reply_to: None,
        forwarded: false,
        mentions: Vec::new(),
        attachments: Vec::new(),
        reactions: Vec::new(),
        my_reaction: None,
        sent_at: Timestamp::from_millis(1_795_338_000_000),
        edited_at: None,
        deleted_at: None,
        system: None,
    })
}
