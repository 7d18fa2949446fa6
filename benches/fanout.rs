//! What does an event cost for each session that it reaches, beside a loop that pushes shared bytes into queues?
//!
//! Both encode the event once, hand it to every queue, and empty the queues again. Ours also finds out whose queues they
//! are, leaves one out, counts bytes, and wakes whoever waits.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::FutureExt;
use letsapp_benches::{
    report::{Report, Row},
    sample::{Sample, SplitMix},
    scale::Scale,
    turns::{Costs, cost_by_turns},
};
use letsapp_core::{
    auth::Principal,
    event::{Connection, Envelope, Event, EventBus, Hub, Shared},
    id::{ConnectionId, ConversationId, MessageId, Rev, Seq, SessionId, UserId},
    protocol::{Message, MessageKind},
    storage::BoxError,
    time::Timestamp,
};

fn main() -> Result<(), BoxError> {
    let scale = Scale::from_env();
    let mut report = Report::new("fanout")?;
    for sessions in [1, 100, 1_000] {
        let costs = fan_out(scale, sessions);
        let each = |cost: std::time::Duration| cost.as_secs_f64() * 1e9 / f64::from(sessions);
        let row = Row::new(format!("to {sessions} sessions · to as many queues"), "ns/delivery");
        report.row(&row.ours(each(costs.ours)).bare(each(costs.bare)))?;
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
    let everyone: Arc<[UserId]> = connections
        .iter()
        .map(|connection| connection.principal().user_id)
        .collect();
    let elsewhere = Some(ConnectionId::from_uuid(random.uuid_v4()));
    let queues: Vec<Mutex<VecDeque<Bytes>>> = (0..sessions).map(|_| Mutex::default()).collect();

    let (mut taken, mut popped) = (Vec::<Arc<Shared>>::new(), Vec::<Bytes>::new());
    let ours = || {
        hub.publish(Envelope::to_users(Arc::clone(&everyone), elsewhere, event.clone()));
        for connection in &connections {
            let drained = connection.drain(&mut taken).now_or_never();
            drained.expect("something waits").expect("the queue is open");
        }
        assert_eq!(taken.len(), connections.len());
        taken.clear();
    };
    let bare = || {
        let frame = Bytes::from(serde_json::to_vec(&event).expect("events are plain data"));
        for queue in &queues {
            queue.lock().expect("nothing panics").push_back(frame.clone());
        }
        for queue in &queues {
            popped.extend(queue.lock().expect("nothing panics").drain(..));
        }
        assert_eq!(popped.len(), queues.len());
        popped.clear();
    };
    cost_by_turns(scale.measure(), ours, bare)
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
