//! The number of store calls that a send makes, however many members and connections the group has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::domain::id::{ConnectionId, Rev, Seq, SessionId, UserId};
use crate::domain::message::Position;
use crate::domain::principal::Principal;
use crate::domain::role::Role;
use crate::engine::events::Hub;
use crate::engine::fixtures;
use crate::engine::fixtures::{CHAT, NOW, group};
use crate::engine::receipts::Receipts;
use crate::ports::{
    ManualClock, MockConversationRepository, MockMessageRepository, MockUserRepository, Outcome, Outcomes, Stores,
};
use crate::protocol::requests::SendMessage;
use crate::services::messages::MessageService;

const MEMBERS: u16 = 1_024;
const CONNECTED: u16 = 1_000;

fn member(number: u16) -> UserId {
    UserId::from_bytes(u128::from(number + 1).to_be_bytes())
}

/// Counters of the calls of each store method. Methods without a counter are not called: the mocks refuse them.
#[derive(Default)]
struct Asked {
    commits: AtomicUsize,
    rosters: AtomicUsize,
    memberships: AtomicUsize,
}

fn messages(asked: &Arc<Asked>) -> MockMessageRepository {
    let mut messages = MockMessageRepository::new();
    messages.expect_concurrent_commits().return_const(1_usize);
    let asked = Arc::clone(asked);
    messages.expect_commit().returning(move |changes| {
        assert_eq!(changes.len(), 1);
        let seq = asked.commits.fetch_add(1, Ordering::SeqCst) as u64 + 1;
        let position = Position {
            seq: Seq(seq),
            rev: Rev(seq),
            ordinal: seq,
            sent_at: fixtures::NOW,
        };
        Outcomes::ready(vec![Ok(Outcome::Committed(position))])
    });
    messages
}

fn conversations(asked: &Arc<Asked>) -> MockConversationRepository {
    let mut conversations = MockConversationRepository::new();
    let members: Vec<_> = (0..MEMBERS).map(member).collect();
    conversations.expect_rosters().returning({
        let asked = Arc::clone(asked);
        move |_| {
            asked.rosters.fetch_add(1, Ordering::SeqCst);
            Ok(vec![group(&members, 1)])
        }
    });
    conversations.expect_members().returning({
        let asked = Arc::clone(asked);
        move |of| {
            asked.memberships.fetch_add(1, Ordering::SeqCst);
            let record = |(_, user_id): &(_, UserId)| fixtures::member(*user_id, Role::Member, 1);
            Ok(of.iter().map(record).collect())
        }
    });
    conversations
}

fn service(asked: &Arc<Asked>, hub: &Arc<Hub>) -> (MessageService, Arc<Receipts>) {
    let stores = Stores {
        messages: Arc::new(messages(asked)),
        conversations: Arc::new(conversations(asked)),
        users: Arc::new(MockUserRepository::new()),
        ..fixtures::stores()
    };
    let engine = Arc::new(fixtures::engine(stores, hub.clone(), Arc::new(ManualClock::at(NOW))));
    let receipts = engine.receipts.clone();
    (MessageService::new(engine), receipts)
}

#[tokio::test]
async fn a_message_to_a_thousand_connections_is_one_write_and_one_frame_without_a_read_for_each() {
    let (asked, hub) = (Arc::new(Asked::default()), Arc::new(Hub::default()));
    let (messages, receipts) = service(&asked, &hub);
    let principal = |number| Principal {
        user_id: member(number),
        session_id: SessionId::from_bytes(*member(number).as_bytes()),
    };
    let connect = |number| hub.connect(principal(number), ConnectionId::from_bytes(*member(number).as_bytes()));
    let connections: Vec<_> = (0..CONNECTED).map(connect).collect();
    for sent in 1..=3 {
        let request = SendMessage::text("Good morning, everyone!").unwrap();
        let (message, _) = messages.send(&principal(0), CHAT, request, None).await.unwrap();
        assert_eq!(message.seq, Seq(sent));
        assert_eq!(asked.commits.load(Ordering::SeqCst) as u64, sent, "one write each");
        assert_eq!(asked.rosters.load(Ordering::SeqCst), 1, "who is in it is read once");
        let mut frames = Vec::new();
        for connection in &connections {
            let mut events = Vec::new();
            connection.drain(&mut events).await.unwrap();
            assert_eq!(events.len(), 1);
            frames.append(&mut events);
        }
        assert!(
            frames
                .iter()
                .all(|event| event.frame().as_ptr() == frames[0].frame().as_ptr()),
            "encoded once"
        );
    }
    let memberships = asked.memberships.load(Ordering::SeqCst);
    assert_eq!(memberships, 1, "the sender's, before the roster was cached");
    // Sending raises no watermark: the sender's own follows from the message.
    receipts.close().await;
}
