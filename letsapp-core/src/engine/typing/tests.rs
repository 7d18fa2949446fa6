//! Tests of typing events, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::domain::contact::ContactEdge;
use crate::domain::conversation::{Head, Roster};
use crate::domain::id::{Seq, SessionId, UserId};
use crate::domain::principal::Principal;
use crate::domain::timestamp::Timestamp;
use crate::domain::typing::Typing;
use crate::domain::window::Window;
use crate::engine::error::{ConversationError, Forbidden};
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, CHAT, NOW, Recorder, direct, group};
use crate::engine::rosters::Rosters;
use crate::engine::typing::TypingTracker;
use crate::ports::{Clock, MockContactRepository, MockConversationRepository, Stores, TokioClock};
use crate::protocol::Event;
use crate::services::typing::*;

const CEM: UserId = UserId::from_bytes([3; 16]);
const TIMEOUT: Duration = Duration::from_secs(6);
const INTERVAL: Duration = Duration::from_secs(3);

struct Chat {
    service: TypingService,
    tracker: Arc<TypingTracker>,
    rosters: Arc<Rosters>,
    sink: Arc<Recorder>,
    clock: Arc<TokioClock>,
    driver: JoinHandle<()>,
}

impl Chat {
    /// A store with one conversation of this roster and nothing else.
    fn with(roster: Roster) -> Self {
        Self::behind(Vec::new(), roster)
    }

    /// The same store with these blocks.
    fn behind(blocks: Vec<ContactEdge>, roster: Roster) -> Self {
        let mut conversations = MockConversationRepository::new();
        conversations.expect_heads().returning(|ids| {
            let begun = Head {
                seq: Seq(1),
                ..Head::default()
            };
            Ok(ids.iter().map(|id| (*id, begun)).collect())
        });
        conversations.expect_members().returning({
            let mut members = roster.members.clone();
            // Cem is a former member.
            let mut cem = members[0].clone();
            cem.user_id = CEM;
            cem.windows = vec![Window {
                from: Seq(1),
                to: Some(Seq(2)),
            }];
            members.push(cem);
            move |asked| {
                let asked = asked
                    .iter()
                    .filter_map(|(_, user_id)| members.iter().rev().find(|member| member.user_id == *user_id).cloned());
                Ok(asked.collect())
            }
        });
        conversations
            .expect_rosters()
            .returning(move |_| Ok(vec![roster.clone()]));
        let (sink, clock) = (Arc::new(Recorder::default()), Arc::new(TokioClock::at(NOW)));
        let mut contacts = MockContactRepository::new();
        contacts.expect_blocked().returning(move |_| Ok(blocks.clone()));
        let stores = Stores {
            conversations: Arc::new(conversations),
            contacts: Arc::new(contacts),
            ..fixtures::stores()
        };
        let engine = Arc::new(fixtures::engine(stores, sink.clone(), clock.clone()));
        Self {
            driver: engine.start_driver(),
            tracker: engine.typing.clone(),
            rosters: engine.rosters.clone(),
            service: TypingService::new(engine),
            sink,
            clock,
        }
    }

    async fn says(&self, user_id: UserId, typing: Typing) -> Result<(), ConversationError> {
        let principal = Principal {
            user_id,
            session_id: SessionId::from_bytes([9; 16]),
        };
        self.service.set(&principal, CHAT, typing).await
    }

    /// Lets time pass in small steps and returns the published events: milliseconds since the start, receivers, and
    /// whether the user is shown.
    async fn pass(&self, time: Duration) -> Vec<(u128, Vec<UserId>, bool)> {
        const STEP: Duration = Duration::from_millis(100);
        let start = self.clock.now();
        let mut notified = self.notified(start);
        while self.clock.now() < start.plus(time) {
            tokio::time::advance(STEP).await;
            tokio::task::yield_now().await;
            notified.extend(self.notified(start));
        }
        notified
    }

    fn notified(&self, start: Timestamp) -> Vec<(u128, Vec<UserId>, bool)> {
        let at = self.clock.now().since(start).as_millis();
        let notified = self.sink.take().into_iter().map(|(to, except, event)| match event {
            Event::Typing {
                conversation_id: CHAT,
                user_id: ANA,
                typing,
            } => {
                assert_eq!(except, None);
                (at, to, typing)
            }
            other => panic!("not of Ana's typing: {other:?}"),
        });
        notified.collect()
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn continuous_typing_makes_one_event_in_three_seconds_until_it_stops() {
    let chat = Chat::with(group(&[ANA, BEN, CEM], 1));
    let mut notified = Vec::new();
    for tenth in 0..80 {
        chat.says(ANA, Typing::Started).await.unwrap();
        let now = chat.pass(Duration::from_millis(100)).await;
        notified.extend(now.into_iter().map(|(at, to, typing)| (tenth * 100 + at, to, typing)));
    }
    let others = || vec![BEN, CEM];
    let at: Vec<_> = notified.iter().map(|(at, ..)| at / 1_000).collect();
    assert_eq!(at, [0, 3, 6], "{notified:?}");
    assert!(notified.iter().all(|(_, to, typing)| *to == others() && *typing));
    chat.says(ANA, Typing::Stopped).await.unwrap();
    assert_eq!(
        chat.pass(TIMEOUT).await,
        [(0, others(), false)],
        "at once, and nothing more"
    );
}

#[tokio::test(start_paused = true)]
async fn typing_ends_by_itself_without_further_input() {
    let chat = Chat::with(direct());
    chat.says(ANA, Typing::Started).await.unwrap();
    let notified = chat.pass(TIMEOUT * 2).await;
    assert_eq!(notified[0], (0, vec![BEN], true));
    assert_eq!((notified.len(), notified[1].2), (2, false));
    assert!((6_000..7_000).contains(&notified[1].0), "{notified:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sent_message_ends_typing_without_an_event() {
    let chat = Chat::with(direct());
    chat.says(ANA, Typing::Started).await.unwrap();
    chat.tracker.sent(CHAT, ANA);
    assert_eq!(chat.pass(TIMEOUT * 2).await, [(0, vec![BEN], true)]);
    chat.tracker.sent(CHAT, BEN);
    assert_eq!(
        chat.pass(TIMEOUT).await,
        [],
        "of one who was not typing nothing is noted"
    );
}

#[tokio::test(start_paused = true)]
async fn typing_again_after_a_stop_is_shown_when_it_is_not_too_soon() {
    let chat = Chat::with(direct());
    for typing in [Typing::Started, Typing::Stopped, Typing::Started] {
        chat.says(ANA, typing).await.unwrap();
    }
    let notified = chat.pass(INTERVAL + Duration::from_millis(500)).await;
    let typing: Vec<_> = notified.iter().map(|(at, _, typing)| (at / 1_000, *typing)).collect();
    assert_eq!(typing, [(0, true), (0, false), (3, true)]);
}

#[tokio::test(start_paused = true)]
async fn only_members_are_shown_as_typing() {
    let chat = Chat::with(direct());
    let former = chat.says(CEM, Typing::Started).await;
    assert!(matches!(
        former,
        Err(ConversationError::Forbidden(Forbidden::NotAMember))
    ));
    let stranger = chat.says(UserId::from_bytes([9; 16]), Typing::Started).await;
    assert!(matches!(stranger, Err(ConversationError::NotFound)));
    assert_eq!(chat.pass(TIMEOUT).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_later_event_goes_to_the_members_cached_at_that_time() {
    let chat = Chat::with(direct());
    chat.says(ANA, Typing::Started).await.unwrap();
    assert_eq!(chat.pass(Duration::from_secs(1)).await.len(), 1);
    // The block removed the cached roster. Only the next request reads it again, and there was none.
    chat.rosters.forget(CHAT);
    assert_eq!(chat.pass(TIMEOUT).await, []);
}

#[tokio::test(start_paused = true)]
async fn behind_a_block_typing_reaches_nobody_and_is_no_error() {
    for block in [ContactEdge::new(ANA, BEN), ContactEdge::new(BEN, ANA)] {
        let chat = Chat::behind(vec![block], direct());
        chat.says(ANA, Typing::Started).await.unwrap();
        chat.says(ANA, Typing::Stopped).await.unwrap();
        assert_eq!(chat.pass(TIMEOUT * 2).await, []);
    }
}
