//! Records of uploaded files.

use super::Trial;
use super::fixtures::{at, blob_id, media_id, user_id};
use super::hostile::texts;
use super::media_fixtures::{facts, hash, ids, media, media_in_full, sorted};
use super::steps::at_once;
use crate::domain::media::{Media, MediaFacts, MediaState, MediaStatus, StoredThumbnail, Thumbnail, Usage};
use crate::domain::timestamp::Timestamp;
use crate::ports::MediaInserted;

pub async fn a_file_is_found_as_stored(trial: Trial) {
    let (bare, full) = (media(1, 1), media_in_full(2, 1));
    let processing = Media {
        status: MediaStatus::Processing,
        state: MediaState::Deleting,
        ..media(3, 2)
    };
    for media in [&bare, &full, &processing] {
        trial.add_media(media).await;
    }
    let asked = [full.id, media_id(4), bare.id, full.id, processing.id];
    let mut found = trial.media().find(&asked).await.unwrap();
    found.sort_by_key(|media| media.created_at);
    assert_eq!(found, [bare, full, processing]);
    assert_eq!(trial.media().find(&[]).await.unwrap(), []);
}

pub async fn an_id_of_a_file_is_taken_once_in_any_state(trial: Trial) {
    let first = media_in_full(1, 1);
    trial.add_media(&first).await;
    let second = Media {
        id: first.id,
        ..media(2, 2)
    };
    let exists = |state, check_at| {
        MediaInserted::Exists(Box::new(Media {
            state,
            check_at,
            ..first.clone()
        }))
    };
    let again = trial.media().insert(&second).await.unwrap();
    assert_eq!(again, exists(MediaState::Live, first.check_at));
    trial.remove_media(1).await;
    assert_eq!(
        trial.media().insert(&second).await.unwrap(),
        exists(MediaState::Removed, None)
    );
    trial.media().remove(first.id).await.unwrap();
    trial.add_media(&second).await;
    assert_eq!(trial.media_if_any(1).await, Some(second));
}

pub async fn of_concurrent_insertions_of_a_file_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        let inserted = at_once((1..11).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            let media = Media {
                id: media_id(round),
                ..media(n, n)
            };
            async move { trial.media().insert(&media).await.unwrap() }
        }));
        let inserted = inserted.await;
        let stored = trial.media_if_any(round).await.unwrap();
        let (won, lost): (Vec<_>, Vec<_>) = (1..)
            .zip(inserted)
            .partition(|(_, inserted)| *inserted == MediaInserted::Inserted);
        assert_eq!(won.len(), 1);
        assert_eq!(stored.owner_id, user_id(won[0].0));
        let exists = MediaInserted::Exists(Box::new(stored));
        assert!(lost.iter().all(|(_, inserted)| *inserted == exists), "{lost:?}");
    }
}

pub async fn a_removed_file_is_found_by_nobody(trial: Trial) {
    let media = Media {
        status: MediaStatus::Processing,
        ..media(1, 1)
    };
    trial.add_media(&media).await;
    trial.remove_media(1).await;
    let store = trial.media();
    assert_eq!(trial.media_if_any(1).await, None);
    assert_eq!(store.sibling(user_id(1), &media.sha256).await.unwrap(), None);
    assert_eq!(store.usage(user_id(1)).await.unwrap(), Usage::default());
    assert_eq!(store.of_owner(user_id(1), None, 9).await.unwrap(), []);
    assert_eq!(store.all(None, 9).await.unwrap(), []);
    assert_eq!(store.unprocessed(None, 9).await.unwrap(), []);
    assert_eq!(store.process(media.id, &facts(1)).await.unwrap(), None);
    assert!(!store.holds_blob(media.blob).await.unwrap());
}

pub async fn the_oldest_live_file_with_the_same_bytes_is_the_sibling(trial: Trial) {
    let same = |n, owner, millis| Media {
        sha256: hash(99),
        created_at: at(millis),
        ..media(n, owner)
    };
    for media in [
        same(1, 1, 30),
        same(2, 1, 20),
        same(3, 1, 10),
        same(4, 2, 5),
        media(5, 1),
    ] {
        trial.add_media(&media).await;
    }
    let sibling = async |owner, n| {
        let found = trial.media().sibling(user_id(owner), &hash(n)).await.unwrap();
        found.map(|media| media.id)
    };
    assert_eq!(sibling(1, 99).await, Some(media_id(3)));
    let store = trial.media();
    let deleting = store.set_state(media_id(3), MediaState::Live, MediaState::Deleting, None);
    assert!(deleting.await.unwrap());
    assert_eq!(sibling(1, 99).await, Some(media_id(2)), "one that may go is none");
    assert_eq!(sibling(2, 99).await, Some(media_id(4)));
    assert_eq!(sibling(1, 5).await, Some(media_id(5)));
    assert_eq!((sibling(2, 5).await, sibling(3, 99).await), (None, None));
}

pub async fn files_count_for_their_owner_until_they_are_removed(trial: Trial) {
    for n in 1..=4 {
        trial.add_media(&media(n, n % 2)).await;
    }
    let usage = async |owner| trial.media().usage(user_id(owner)).await.unwrap();
    let both = Usage {
        count: 2,
        bytes: 1_001 + 1_003,
    };
    assert_eq!(usage(1).await, both);
    let store = trial.media();
    let move_on = async |from, to| store.set_state(media_id(1), from, to, None).await.unwrap();
    assert!(move_on(MediaState::Live, MediaState::Deleting).await);
    assert_eq!(usage(1).await, both, "it may come back");
    assert!(move_on(MediaState::Deleting, MediaState::Removed).await);
    assert_eq!(usage(1).await, Usage { count: 1, bytes: 1_003 });
    assert_eq!(usage(0).await.count, 2);
    assert_eq!(usage(7).await, Usage::default());
}

pub async fn files_are_listed_by_id_to_the_last_page(trial: Trial) {
    for n in 1..=9 {
        trial.add_media(&media(n, n % 3)).await;
    }
    trial.remove_media(5).await;
    let store = trial.media();
    let mut all = Vec::new();
    loop {
        let page = store.all(all.last().copied(), 3).await.unwrap();
        all.extend(ids(&page));
        if page.len() < 3 {
            break;
        }
    }
    assert_eq!(all, sorted([1, 2, 3, 4, 6, 7, 8, 9].map(media_id).to_vec()));
    let own = sorted([1, 4, 7].map(media_id).to_vec());
    let of_owner = async |after, limit| ids(&store.of_owner(user_id(1), after, limit).await.unwrap());
    assert_eq!(of_owner(None, 2).await, own[..2]);
    assert_eq!(of_owner(Some(own[1]), 2).await, own[2..]);
    assert_eq!(of_owner(None, 0).await, []);
    assert_eq!(store.all(None, 0).await.unwrap(), []);
    assert_eq!(of_owner(Some(own[2]), 9).await, []);
}

pub async fn a_file_gets_its_facts_once(trial: Trial) {
    let mut expected = Media {
        status: MediaStatus::Processing,
        ..media(1, 1)
    };
    trial.add_media(&expected).await;
    trial.add_media(&media(2, 1)).await;
    let store = trial.media();
    assert_eq!(ids(&store.unprocessed(None, 9).await.unwrap()), [media_id(1)]);
    expected.status = MediaStatus::Ready;
    expected.facts = facts(1);
    let processed = store.process(media_id(1), &facts(1)).await.unwrap();
    assert_eq!(processed.as_ref(), Some(&expected));
    assert_eq!(trial.media_if_any(1).await, Some(expected.clone()));
    assert_eq!(store.unprocessed(None, 9).await.unwrap(), []);
    for n in [1, 2, 3] {
        let again = store.process(media_id(n), &MediaFacts::default()).await.unwrap();
        assert_eq!(again, None);
    }
    assert_eq!(trial.media_if_any(1).await, Some(expected));
}

pub async fn of_concurrent_results_for_a_file_one_is_stored(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        let unprocessed = Media {
            status: MediaStatus::Processing,
            ..media(round, 1)
        };
        trial.add_media(&unprocessed).await;
        let processed = at_once((0..8).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            async move { trial.media().process(media_id(round), &facts(n)).await.unwrap() }
        }));
        let processed: Vec<_> = processed.await.into_iter().flatten().collect();
        assert_eq!(processed.len(), 1);
        assert_eq!(trial.media_if_any(round).await.as_ref(), processed.first());
    }
}

pub async fn files_that_are_processing_are_listed_by_id(trial: Trial) {
    for n in 1..=6 {
        let status = if n % 2 == 0 {
            MediaStatus::Ready
        } else {
            MediaStatus::Processing
        };
        trial.add_media(&Media { status, ..media(n, 1) }).await;
    }
    let expected = sorted([1, 3, 5].map(media_id).to_vec());
    let unprocessed = async |after, limit| ids(&trial.media().unprocessed(after, limit).await.unwrap());
    assert_eq!(unprocessed(None, 9).await, expected);
    assert_eq!(unprocessed(None, 2).await, expected[..2]);
    assert_eq!(unprocessed(Some(expected[0]), 9).await, expected[1..]);
}

pub async fn the_time_of_a_scan_only_rises(trial: Trial) {
    let media = media(1, 1);
    trial.add_media(&media).await;
    for (millis, expected) in [(50, 50), (40, 50), (60, 60)] {
        trial.media().scanned(media.id, at(millis)).await.unwrap();
        let expected = Media {
            scanned_at: Some(at(expected)),
            ..media.clone()
        };
        assert_eq!(trial.media_if_any(1).await, Some(expected));
    }
    trial.media().scanned(media_id(2), at(50)).await.unwrap();
    assert_eq!(trial.media_if_any(2).await, None);
}

pub async fn the_time_of_a_check_is_only_lowered(trial: Trial) {
    trial.add_media(&media(1, 1)).await;
    trial.add_media(&media_in_full(2, 1)).await;
    let schedule = async |millis| {
        let both = [media_id(1), media_id(2), media_id(3), media_id(1)];
        trial.media().schedule(&both, at(millis)).await.unwrap();
        let check = async |n| trial.media_if_any(n).await.unwrap().check_at;
        (check(1).await, check(2).await)
    };
    assert_eq!(schedule(90).await, (Some(at(90)), Some(at(80))));
    assert_eq!(schedule(85).await, (Some(at(85)), Some(at(80))));
    assert_eq!(schedule(70).await, (Some(at(70)), Some(at(70))));
    assert_eq!(schedule(71).await, (Some(at(70)), Some(at(70))));
    trial.media().schedule(&[], at(0)).await.unwrap();
    assert_eq!(trial.media_if_any(3).await, None);
}

pub async fn files_to_be_checked_come_in_the_order_of_their_times(trial: Trial) {
    for (n, millis) in [(1, 30), (2, 10), (3, 20), (4, 41), (5, 20)] {
        let check_at = Some(at(millis));
        trial
            .add_media(&Media {
                check_at,
                ..media(n, 1)
            })
            .await;
    }
    trial.add_media(&media(6, 1)).await;
    let store = trial.media();
    let gone = Some(at(15));
    let deleting = store.set_state(media_id(1), MediaState::Live, MediaState::Deleting, gone);
    assert!(deleting.await.unwrap());
    let removed = store.set_state(media_id(1), MediaState::Deleting, MediaState::Removed, gone);
    assert!(removed.await.unwrap());
    let same_time = sorted(vec![media_id(3), media_id(5)]);
    let expected = [media_id(2), media_id(1), same_time[0], same_time[1]];
    let due = async |millis, limit| ids(&store.due(at(millis), limit).await.unwrap());
    assert_eq!(due(40, 9).await, expected);
    assert_eq!(due(40, 3).await, expected[..3]);
    assert_eq!(due(10, 9).await, expected[..1], "it is time");
    assert_eq!(due(9, 9).await, []);
    assert_eq!(due(40, 0).await, []);
    assert_eq!(store.due(at(40), 2).await.unwrap()[1].state, MediaState::Removed);
}

pub async fn a_file_moves_only_from_the_state_it_is_in(trial: Trial) {
    let mut expected = media_in_full(1, 1);
    trial.add_media(&expected).await;
    let store = trial.media();
    let check_at = [Some(at(500)), None];
    for (from, check_at) in MediaState::ALL.into_iter().zip(check_at.into_iter().cycle()) {
        for to in MediaState::ALL {
            let moved = store.set_state(media_id(1), from, to, check_at).await.unwrap();
            let possible = expected.state == from;
            assert_eq!(moved, possible, "{from:?} to {to:?}");
            if possible {
                (expected.state, expected.check_at) = (to, check_at);
            }
            let visible = (expected.state != MediaState::Removed).then(|| expected.clone());
            assert_eq!(trial.media_if_any(1).await, visible);
        }
    }
    let unknown = store.set_state(media_id(2), MediaState::Live, MediaState::Deleting, None);
    assert!(!unknown.await.unwrap());
}

pub async fn of_concurrent_moves_of_a_file_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    trial.add_media(&media(1, 1)).await;
    let mut states = [MediaState::Live, MediaState::Deleting];
    for _ in 0..6 {
        let [from, to] = states;
        let moved = at_once((0..8).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            async move {
                trial
                    .media()
                    .set_state(media_id(1), from, to, Some(at(n)))
                    .await
                    .unwrap()
            }
        }));
        let moved = moved.await;
        let winners: Vec<_> = (0..).zip(&moved).filter(|(_, moved)| **moved).collect();
        assert_eq!(winners.len(), 1, "{moved:?}");
        let stored = trial.media_if_any(1).await.unwrap();
        assert_eq!((stored.state, stored.check_at), (to, Some(at(winners[0].0))));
        states.reverse();
    }
}

pub async fn bytes_are_held_while_a_file_has_them(trial: Trial) {
    let shared = |n| Media {
        blob: blob_id(50),
        ..media_in_full(n, 1)
    };
    trial.add_media(&shared(1)).await;
    trial.add_media(&shared(2)).await;
    let holds = async |n| trial.media().holds_blob(blob_id(n)).await.unwrap();
    assert!(holds(50).await && holds(1_001).await && holds(1_002).await);
    assert!(!holds(1).await);
    trial.remove_media(1).await;
    assert!(holds(50).await, "the other has it");
    assert!(!holds(1_001).await, "the preview is its own");
    let store = trial.media();
    let deleting = store.set_state(media_id(2), MediaState::Live, MediaState::Deleting, None);
    assert!(deleting.await.unwrap());
    assert!(holds(50).await && holds(1_002).await, "it may come back");
    let removed = store.set_state(media_id(2), MediaState::Deleting, MediaState::Removed, None);
    assert!(removed.await.unwrap());
    assert!(!holds(50).await && !holds(1_002).await);
}

pub async fn bytes_of_a_new_preview_are_held(trial: Trial) {
    let unprocessed = Media {
        status: MediaStatus::Processing,
        ..media(1, 1)
    };
    trial.add_media(&unprocessed).await;
    assert!(!trial.media().holds_blob(blob_id(1_001)).await.unwrap());
    trial.media().process(media_id(1), &facts(1)).await.unwrap();
    assert!(trial.media().holds_blob(blob_id(1_001)).await.unwrap());
}

pub async fn texts_of_files_are_kept_to_the_byte(trial: Trial) {
    for (n, hostile) in (1..).zip(texts()) {
        let mut media = Media {
            file_name: hostile.clone(),
            content_type: hostile.clone(),
            ..media_in_full(n, 1)
        };
        media.facts.thumbnail = Some(StoredThumbnail {
            thumbnail: Thumbnail {
                width: 1,
                height: 1,
                blurhash: hostile.clone(),
            },
            blob: blob_id(n),
            content_type: hostile,
            size: 1,
        });
        trial.add_media(&media).await;
        assert_eq!(trial.media_if_any(n).await, Some(media));
    }
}

pub async fn numbers_of_files_are_kept_at_their_limits(trial: Trial) {
    const LARGEST: u64 = i64::MAX as u64;
    let mut largest = media_in_full(1, 1);
    largest.size = LARGEST;
    largest.facts.width = Some(u32::MAX);
    largest.facts.height = Some(u32::MAX);
    largest.facts.duration = Some(LARGEST);
    let thumbnail = largest.facts.thumbnail.as_mut().unwrap();
    (thumbnail.size, thumbnail.thumbnail.width, thumbnail.thumbnail.height) = (LARGEST, u32::MAX, 0);
    let times = [Timestamp::from_millis(-5), Timestamp::from_millis(253_402_300_799_999)];
    (largest.created_at, largest.scanned_at, largest.check_at) = (times[0], Some(times[1]), Some(times[0]));
    let mut smallest = media_in_full(2, 2);
    smallest.size = 0;
    (smallest.facts.width, smallest.facts.duration) = (Some(0), Some(0));
    for media in [largest, smallest] {
        trial.add_media(&media).await;
        let usage = Usage {
            count: 1,
            bytes: media.size,
        };
        assert_eq!(trial.media().usage(media.owner_id).await.unwrap(), usage);
        assert_eq!(trial.media().find(&[media.id]).await.unwrap(), [media]);
    }
    let everything = trial.media().all(None, usize::MAX).await.unwrap();
    assert_eq!(everything.len(), 2);
}

pub async fn files_survive_a_restart(mut trial: Trial) {
    let unprocessed = Media {
        status: MediaStatus::Processing,
        check_at: Some(at(9)),
        ..media(1, 1)
    };
    trial.add_media(&unprocessed).await;
    trial.add_media(&media_in_full(2, 1)).await;
    trial.add_media(&media(3, 1)).await;
    trial.remove_media(3).await;
    let before = trial.media().all(None, 9).await.unwrap();
    trial.restart().await;
    assert_eq!(trial.media().all(None, 9).await.unwrap(), before);
    assert_eq!(before.len(), 2);
    assert_eq!(trial.media().unprocessed(None, 9).await.unwrap(), [unprocessed.clone()]);
    assert_eq!(trial.media().due(at(9), 9).await.unwrap(), [unprocessed]);
    let taken = trial.media().insert(&media(3, 1)).await.unwrap();
    assert!(
        matches!(taken, MediaInserted::Exists(_)),
        "a removed file is there still"
    );
}
