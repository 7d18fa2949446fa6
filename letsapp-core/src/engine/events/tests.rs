use std::sync::Arc;

use bytes::Bytes;

use crate::domain::id::{ConnectionId, ConversationId, Rev, SessionId, UserId};
use crate::domain::principal::Principal;
use crate::engine::events::*;
use crate::ports::{Audience, Envelope, EventSink as _, Payload as _};
use crate::protocol::Event;

const ANA: UserId = UserId::from_bytes([1; 16]);
const BEN: UserId = UserId::from_bytes([2; 16]);

fn hub() -> Arc<Hub> {
    Arc::new(Hub::default())
}

fn on_device(user_id: UserId, session: u8) -> Principal {
    Principal {
        user_id,
        session_id: SessionId::from_bytes([session; 16]),
    }
}

fn connection_id(n: u8) -> ConnectionId {
    ConnectionId::from_bytes([n; 16])
}

fn event(n: u64) -> Event {
    Event::ConversationRev {
        conversation_id: ConversationId::from_bytes([0; 16]),
        rev: Rev(n),
    }
}

/// Returns the queued events of a connection, without waiting.
fn drained(connection: &Connection) -> Result<Vec<Delivery>, Closed> {
    let mut events = Vec::new();
    let outcome = {
        let mut drain = std::pin::pin!(connection.drain(&mut events));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        drain.as_mut().poll(&mut context)
    };
    match outcome {
        std::task::Poll::Ready(Err(closed)) => Err(closed),
        std::task::Poll::Ready(Ok(())) | std::task::Poll::Pending => Ok(events),
    }
}

fn waiting(connection: &Connection) -> Result<Vec<Event>, Closed> {
    let events = drained(connection)?;
    Ok(events.iter().map(|event| event.event().unwrap()).collect())
}

#[test]
fn an_event_reaches_every_connection_of_its_users_but_the_excluded_one() {
    let hub = hub();
    let phone = hub.connect(on_device(ANA, 1), connection_id(1));
    let desk = hub.connect(on_device(ANA, 2), connection_id(2));
    let peer = hub.connect(on_device(BEN, 3), connection_id(3));
    let stranger = hub.connect(on_device(UserId::from_bytes([9; 16]), 4), connection_id(4));
    hub.publish(Envelope::to_users([ANA, BEN], Some(connection_id(1)), event(1)));
    hub.publish(Envelope::to_users([ANA], None, event(2)));
    assert_eq!(waiting(&phone), Ok(vec![event(2)]));
    assert_eq!(waiting(&desk), Ok(vec![event(1), event(2)]));
    assert_eq!(waiting(&peer), Ok(vec![event(1)]));
    assert_eq!(waiting(&stranger), Ok(vec![]));
    assert_eq!(waiting(&desk), Ok(vec![]), "each is taken once");
}

#[test]
fn the_end_of_a_session_closes_its_connections_after_earlier_events() {
    let hub = hub();
    let ended = hub.connect(on_device(ANA, 1), connection_id(1));
    let also = hub.connect(on_device(ANA, 1), connection_id(2));
    let other = hub.connect(on_device(ANA, 2), connection_id(3));
    hub.publish(Envelope::to_users([ANA], None, event(1)));
    hub.publish(Envelope::end_of_session(ANA, SessionId::from_bytes([1; 16]), "revoked"));
    hub.publish(Envelope::to_users([ANA], None, event(2)));
    let reason = "revoked".to_owned();
    for connection in [&ended, &also] {
        assert_eq!(
            waiting(connection),
            Ok(vec![event(1), Event::SessionRevoked { reason: reason.clone() }])
        );
        assert_eq!(waiting(connection), Err(Closed::SessionEnded));
    }
    assert_eq!(waiting(&other), Ok(vec![event(1), event(2)]));
}

#[test]
fn an_event_that_does_not_fit_closes_the_connection_and_frees_its_queue() {
    let size = EncodedEvent::new(event(1)).frame().len();
    let hub = Arc::new(Hub::with_capacity(3 * size));
    let slow = hub.connect(on_device(ANA, 1), connection_id(1));
    let publish = |n| hub.publish(Envelope::to_users([ANA], None, event(n)));
    (1..=3).for_each(publish);
    assert_eq!(waiting(&slow).map(|events| events.len()), Ok(3), "exactly full");
    (1..=3).for_each(publish);
    assert_eq!(
        waiting(&slow).map(|events| events.len()),
        Ok(3),
        "what was taken makes room"
    );
    (1..=4).for_each(publish);
    assert_eq!(waiting(&slow), Err(Closed::TooSlow));
    publish(5);
    hub.publish(Envelope::end_of_session(ANA, SessionId::from_bytes([1; 16]), "revoked"));
    assert_eq!(waiting(&slow), Err(Closed::TooSlow), "the first reason stays");

    let narrow = Arc::new(Hub::with_capacity(1));
    let connection = narrow.connect(on_device(ANA, 1), connection_id(1));
    narrow.publish(Envelope::to_users([ANA], None, event(1)));
    assert_eq!(waiting(&connection), Ok(vec![event(1)]), "one event always fits");
}

#[test]
fn a_connection_that_is_dropped_leaves_the_hub() {
    let hub = hub();
    let phone = hub.connect(on_device(ANA, 1), connection_id(1));
    let desk = hub.connect(on_device(ANA, 2), connection_id(2));
    let peer = hub.connect(on_device(BEN, 3), connection_id(3));
    assert_eq!(hub.connections(), 3);
    drop(phone);
    let mut principals = hub.principals();
    principals.sort_unstable_by_key(|principal| principal.session_id);
    assert_eq!(principals, [on_device(ANA, 2), on_device(BEN, 3)]);
    drop((desk, peer));
    assert_eq!((hub.connections(), hub.principals()), (0, vec![]));
    hub.publish(Envelope::to_users([ANA, BEN], None, event(1)));
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_an_event_and_by_the_end() {
    let hub = hub();
    let connection = Arc::new(hub.connect(on_device(ANA, 1), connection_id(1)));
    let reader = tokio::spawn({
        let connection = connection.clone();
        async move {
            let mut events = Vec::new();
            while connection.drain(&mut events).await.is_ok() {}
            events.len()
        }
    });
    for n in 0..100 {
        hub.publish(Envelope::to_users([ANA], None, event(n)));
        tokio::task::yield_now().await;
    }
    hub.publish(Envelope::end_of_session(ANA, SessionId::from_bytes([1; 16]), "revoked"));
    assert_eq!(reader.await.unwrap(), 101);
}

#[test]
fn an_event_is_encoded_once_for_all_receivers() {
    let hub = hub();
    let connections: Vec<_> = (1..=3)
        .map(|n| hub.connect(on_device(ANA, n), connection_id(n)))
        .collect();
    hub.publish(Envelope::to_users([ANA], None, event(1)));
    let frames: Vec<_> = connections
        .iter()
        .map(|connection| drained(connection).unwrap().remove(0).frame().clone())
        .collect();
    assert!(frames.iter().all(|frame| frame.as_ptr() == frames[0].as_ptr()));
}

#[test]
fn a_frame_that_is_no_known_event_is_delivered_as_it_came() {
    let hub = hub();
    let connection = hub.connect(on_device(ANA, 1), connection_id(1));
    let frame = Bytes::from_static(br#"{"event":"from.a.newer.server","data":{}}"#);
    hub.publish(Envelope {
        audience: Audience::Users {
            ids: [ANA].into(),
            except: None,
            members: None,
        },
        payload: Arc::new(frame.clone()),
    });
    let delivered = drained(&connection).unwrap();
    assert_eq!(delivered[0].frame(), &frame);
    assert!(delivered[0].event().is_err());
}

#[test]
fn the_oldest_connections_of_a_user_give_way_to_the_newest() {
    let hub = hub();
    let connections: Vec<_> = (1..=4)
        .map(|n| hub.connect(on_device(ANA, n), connection_id(n)))
        .collect();
    let peer = hub.connect(on_device(BEN, 5), connection_id(5));
    hub.keep_newest(ANA, 2);
    let open: Vec<_> = connections
        .iter()
        .map(|connection| waiting(connection).is_ok())
        .collect();
    assert_eq!(open, [false, false, true, true]);
    assert_eq!(waiting(&connections[0]), Err(Closed::TooMany));
    assert_eq!(waiting(&peer), Ok(vec![]));
    // Those that are closed count no more, although their tasks still hold them.
    hub.keep_newest(ANA, 2);
    assert_eq!(waiting(&connections[2]), Ok(vec![]));
}

#[tokio::test]
async fn an_end_is_noticed_without_reading_the_events_before_it() {
    let hub = hub();
    let connection = hub.connect(on_device(ANA, 1), connection_id(1));
    hub.publish(Envelope::to_users([ANA], None, event(1)));
    let mut closed = std::pin::pin!(connection.closed());
    assert!(futures_util::FutureExt::now_or_never(closed.as_mut()).is_none());
    hub.keep_newest(ANA, 0);
    assert_eq!(closed.await, Closed::TooMany);
    assert_eq!(waiting(&connection), Ok(vec![event(1)]));
}
