//! References to uploaded files.

use super::Trial;
use super::fixtures::{at, conversation_id, media_id, message_id, user_id};
use super::media_fixtures::{media, media_in_full, message_holder, reference, sorted_refs};
use super::steps::at_once;
use crate::domain::id::{ConversationId, MessageId, UserId};
use crate::domain::media::{Holder, MediaState};

pub async fn references_are_found_by_their_files(trial: Trial) {
    let refs = [
        reference(1, message_holder(1, 1), 1),
        reference(1, message_holder(1, 2), 2),
        reference(1, message_holder(2, 1), 3),
        reference(2, message_holder(1, 1), 4),
        reference(1, Holder::Profile(user_id(1)), 5),
        reference(1, Holder::Group(conversation_id(1)), 6),
    ];
    let store = trial.media();
    store.refer(&refs).await.unwrap();
    store.refer(&[]).await.unwrap();
    let of = |n| {
        refs.into_iter()
            .filter(move |reference| reference.media_id == media_id(n))
    };
    assert_eq!(trial.refs_of(1).await, sorted_refs(of(1).collect()));
    assert_eq!(trial.refs_of(2).await, of(2).collect::<Vec<_>>());
    assert_eq!(trial.refs_of(3).await, []);
    let asked = [media_id(2), media_id(3), media_id(1), media_id(2)];
    let found = store.refs(&asked).await.unwrap();
    assert_eq!(sorted_refs(found), sorted_refs(refs.to_vec()));
    assert_eq!(store.refs(&[]).await.unwrap(), []);
}

pub async fn the_time_of_a_reference_only_rises(trial: Trial) {
    let holder = message_holder(1, 1);
    for (millis, expected) in [(50, 50), (40, 50), (60, 60)] {
        trial.media().refer(&[reference(1, holder, millis)]).await.unwrap();
        assert_eq!(trial.refs_of(1).await, [reference(1, holder, expected)]);
    }
    let several = [80, 90, 70].map(|millis| reference(1, holder, millis));
    trial.media().refer(&several).await.unwrap();
    assert_eq!(trial.refs_of(1).await, [reference(1, holder, 90)]);
}

pub async fn holders_of_different_kinds_are_different(trial: Trial) {
    for bits in [[0; 16], [0xff; 16], [0x24; 16]] {
        let conversation_id = ConversationId::from_bytes(bits);
        let holders = [
            Holder::Message {
                conversation_id,
                message_id: MessageId::from_bytes(bits),
            },
            Holder::Profile(UserId::from_bytes(bits)),
            Holder::Group(conversation_id),
        ];
        let refs = holders.map(|holder| reference(1, holder, 1));
        let store = trial.media();
        store.refer(&refs).await.unwrap();
        assert_eq!(trial.refs_of(1).await, sorted_refs(refs.to_vec()));
        for gone in 0..holders.len() {
            let rest = sorted_refs(refs[gone + 1..].to_vec());
            store.release(&[(media_id(1), holders[gone])], at(1)).await.unwrap();
            assert_eq!(trial.refs_of(1).await, rest);
        }
    }
}

pub async fn references_in_a_conversation_are_those_of_its_messages_and_its_own(trial: Trial) {
    // A user whose id is that of the conversation, too.
    let user = UserId::from_bytes(*conversation_id(1).as_bytes());
    let inside = [
        reference(1, message_holder(1, 1), 1),
        reference(2, message_holder(1, 1), 2),
        reference(2, message_holder(1, 2), 3),
        reference(3, Holder::Group(conversation_id(1)), 4),
    ];
    let outside = [
        reference(1, message_holder(2, 1), 1),
        reference(1, Holder::Group(conversation_id(2)), 1),
        reference(1, Holder::Profile(user), 1),
    ];
    let store = trial.media();
    store.refer(&[&inside[..], &outside[..]].concat()).await.unwrap();
    let found = store.refs_in(conversation_id(1), 9).await.unwrap();
    assert_eq!(sorted_refs(found), sorted_refs(inside.to_vec()));
    assert_eq!(store.refs_in(conversation_id(3), 9).await.unwrap(), []);
    assert_eq!(store.refs_in(conversation_id(1), 0).await.unwrap(), []);
    let mut seen = Vec::new();
    loop {
        let page = store.refs_in(conversation_id(1), 3).await.unwrap();
        let gone: Vec<_> = page.iter().map(|found| (found.media_id, found.holder)).collect();
        store.release(&gone, at(9)).await.unwrap();
        seen.extend(page);
        if gone.len() < 3 {
            break;
        }
    }
    assert_eq!(
        sorted_refs(seen),
        sorted_refs(inside.to_vec()),
        "page by page, as they are removed"
    );
    assert_eq!(trial.refs_of(1).await.len(), 3);
}

pub async fn releasing_a_file_schedules_its_check(trial: Trial) {
    trial.add_media(&media(1, 1)).await;
    trial.add_media(&media_in_full(2, 1)).await;
    let holder = message_holder(1, 1);
    let store = trial.media();
    let refs = [1, 2, 3].map(|n| reference(n, holder, 1));
    store.refer(&refs).await.unwrap();
    store.refer(&[reference(1, message_holder(1, 2), 1)]).await.unwrap();
    let released = [1, 2, 3].map(|n| (media_id(n), holder));
    // A repetition schedules nothing later.
    for millis in [90, 95] {
        store.release(&released, at(millis)).await.unwrap();
        assert_eq!(trial.refs_of(1).await, [reference(1, message_holder(1, 2), 1)]);
        assert_eq!((trial.refs_of(2).await, trial.refs_of(3).await), (vec![], vec![]));
        let check = async |n| trial.media_if_any(n).await.unwrap().check_at;
        assert_eq!((check(1).await, check(2).await), (Some(at(90)), Some(at(80))));
    }
    store.release(&[], at(0)).await.unwrap();
    assert_eq!(trial.media_if_any(3).await, None, "no file is made of a reference");
}

pub async fn a_reference_that_was_renewed_does_not_expire(trial: Trial) {
    trial.add_media(&media(1, 1)).await;
    let store = trial.media();
    let read = [1, 2, 3].map(|n| reference(1, message_holder(1, n), 10));
    store.refer(&read).await.unwrap();
    let renewed = reference(1, message_holder(1, 2), 11);
    store.refer(&[renewed]).await.unwrap();
    store.expire(&read[..2], at(70)).await.unwrap();
    assert_eq!(trial.refs_of(1).await, sorted_refs(vec![renewed, read[2]]));
    assert_eq!(trial.media_if_any(1).await.unwrap().check_at, Some(at(70)));
    store.expire(&[renewed, read[0]], at(75)).await.unwrap();
    assert_eq!(trial.refs_of(1).await, [read[2]]);
    assert_eq!(trial.media_if_any(1).await.unwrap().check_at, Some(at(70)));
    store.expire(&[], at(0)).await.unwrap();
}

pub async fn hundreds_of_references_are_made_and_removed_in_one_call(trial: Trial) {
    let refs: Vec<_> = (0..600)
        .map(|n| reference(n % 50, message_holder(n % 7, n), 1))
        .collect();
    let store = trial.media();
    store.refer(&refs).await.unwrap();
    let all: Vec<_> = (0..50).map(media_id).collect();
    let found = store.refs(&all).await.unwrap();
    assert_eq!(sorted_refs(found), sorted_refs(refs.clone()));
    let released: Vec<_> = refs[1..].iter().map(|found| (found.media_id, found.holder)).collect();
    store.release(&released, at(1)).await.unwrap();
    assert_eq!(store.refs(&all).await.unwrap(), refs[..1]);
}

pub async fn a_reference_made_concurrently_is_one(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        at_once((0..10).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            let refs = [1, 2].map(|file| reference(file, message_holder(round, 1), n));
            async move { trial.media().refer(&refs).await.unwrap() }
        }))
        .await;
        let found = trial.media().refs_in(conversation_id(round), 9).await.unwrap();
        let latest = [1, 2].map(|file| reference(file, message_holder(round, 1), 9));
        assert_eq!(sorted_refs(found), sorted_refs(latest.to_vec()));
    }
}

pub async fn only_a_removed_file_is_forgotten_with_its_references(trial: Trial) {
    let store = trial.media();
    for n in [1, 2] {
        trial.add_media(&media(n, 1)).await;
        store.refer(&[reference(n, message_holder(1, n), 1)]).await.unwrap();
    }
    let kept = trial.refs_of(1).await;
    store.remove(media_id(1)).await.unwrap();
    let deleting = store.set_state(media_id(1), MediaState::Live, MediaState::Deleting, Some(at(5)));
    assert!(deleting.await.unwrap());
    store.remove(media_id(1)).await.unwrap();
    assert_eq!(trial.media_if_any(1).await.unwrap().state, MediaState::Deleting);
    assert_eq!(trial.refs_of(1).await, kept);
    let removed = store.set_state(media_id(1), MediaState::Deleting, MediaState::Removed, Some(at(5)));
    assert!(removed.await.unwrap());
    for _ in 0..2 {
        store.remove(media_id(1)).await.unwrap();
        assert_eq!(store.due(at(9), 9).await.unwrap(), []);
        assert_eq!(trial.refs_of(1).await, []);
    }
    let other = reference(2, message_holder(1, 2), 1);
    assert_eq!(trial.refs_of(2).await, [other]);
    assert_eq!(
        store.refs_in(conversation_id(1), 9).await.unwrap(),
        [other],
        "they are gone from the conversation, too"
    );
}

pub async fn references_survive_a_restart(mut trial: Trial) {
    let refs = [
        reference(1, message_holder(1, 1), 7),
        reference(1, Holder::Profile(user_id(2)), 8),
    ];
    trial.media().refer(&refs).await.unwrap();
    let gone = Holder::Message {
        conversation_id: conversation_id(1),
        message_id: message_id(2),
    };
    trial.media().refer(&[reference(1, gone, 9)]).await.unwrap();
    trial.media().release(&[(media_id(1), gone)], at(9)).await.unwrap();
    trial.restart().await;
    assert_eq!(trial.refs_of(1).await, sorted_refs(refs.to_vec()));
}
