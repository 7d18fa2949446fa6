//! Unfinished uploads.

use super::Trial;
use super::fixtures::{at, blob_id, media_id, user_id};
use super::hostile::texts;
use super::media_fixtures::{media, part, sorted, upload};
use super::steps::at_once;
use crate::domain::media::Upload;
use crate::ports::UploadStarted;

pub async fn an_upload_is_found_as_it_began(trial: Trial) {
    let bare = upload(1);
    let full = Upload {
        content_type: Some("image/png".to_owned()),
        length: Some(i64::MAX as u64),
        offset: 12,
        parts: vec![part(1, 5), part(2, 7)],
        reserved: vec![blob_id(3), blob_id(4)],
        ..upload(2)
    };
    for upload in [&bare, &full] {
        trial.begin(upload).await;
        assert_eq!(trial.media().upload(upload.id).await.unwrap().as_ref(), Some(upload));
    }
    assert_eq!(trial.media().upload(media_id(3)).await.unwrap(), None);
    for (n, hostile) in (10..).zip(texts()) {
        let upload = Upload {
            file_name: hostile.clone(),
            content_type: Some(hostile),
            ..upload(n)
        };
        trial.begin(&upload).await;
        assert_eq!(trial.media().upload(upload.id).await.unwrap(), Some(upload));
    }
}

pub async fn an_upload_begins_once(trial: Trial) {
    trial.add_media(&media(1, 1)).await;
    trial.begin(&upload(1)).await;
    let again = Upload {
        owner_id: user_id(2),
        ..upload(1)
    };
    let added = trial
        .media()
        .add_part(media_id(1), 0, part(1, 5), at(2_000))
        .await
        .unwrap();
    let exists = UploadStarted::Exists(Box::new(added.unwrap()));
    assert_eq!(trial.media().start_upload(&again).await.unwrap(), exists);
    trial.media().end_upload(media_id(1)).await.unwrap();
    trial.begin(&again).await;
}

pub async fn of_concurrent_beginnings_of_an_upload_one_succeeds(trial: Trial) {
    let another = trial.another().await;
    for round in 1..6 {
        let begun = at_once((0..8).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            let upload = Upload {
                owner_id: user_id(n),
                ..upload(round)
            };
            async move { trial.media().start_upload(&upload).await.unwrap() }
        }));
        let begun = begun.await;
        let stored = trial.media().upload(media_id(round)).await.unwrap().unwrap();
        let winners: Vec<_> = (0..)
            .zip(&begun)
            .filter(|(_, begun)| **begun == UploadStarted::Started)
            .collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(stored.owner_id, user_id(winners[0].0));
        let exists = UploadStarted::Exists(Box::new(stored));
        assert_eq!(begun.iter().filter(|begun| **begun == exists).count(), 7);
    }
}

pub async fn a_part_is_added_at_the_offset_and_is_no_longer_reserved(trial: Trial) {
    let mut expected = upload(1);
    trial.begin(&expected).await;
    trial.begin(&upload(2)).await;
    let store = trial.media();
    for blob in [blob_id(1), blob_id(2), blob_id(1)] {
        let reserved = store.reserve_part(media_id(1), blob).await.unwrap();
        expected.reserve(blob);
        assert_eq!(reserved.as_ref(), Some(&expected));
    }
    assert_eq!(expected.reserved, [blob_id(1), blob_id(2)]);
    let steps = [(0, 2, 10), (10, 3, 5), (15, 1, 1)];
    for (millis, (offset, n, size)) in (2_000..).zip(steps) {
        for wrong in [offset + 1, u64::MAX, 7] {
            let refused = store.add_part(media_id(1), wrong, part(n, size), at(9_000)).await;
            assert_eq!(refused.unwrap(), None, "at {wrong}");
        }
        let added = store
            .add_part(media_id(1), offset, part(n, size), at(millis))
            .await
            .unwrap();
        expected.append(part(n, size));
        expected.expires_at = at(millis);
        assert_eq!(added.as_ref(), Some(&expected));
        assert_eq!(store.upload(media_id(1)).await.unwrap(), added);
    }
    assert_eq!(
        (expected.offset, expected.reserved.len(), expected.parts.len()),
        (16, 0, 3)
    );
    assert_eq!(store.upload(media_id(2)).await.unwrap(), Some(upload(2)));
    let unknown = store.add_part(media_id(3), 0, part(1, 1), at(1)).await;
    assert_eq!(unknown.unwrap(), None);
    assert_eq!(store.reserve_part(media_id(3), blob_id(1)).await.unwrap(), None);
}

pub async fn of_concurrent_parts_at_one_offset_one_is_added(trial: Trial) {
    let another = trial.another().await;
    trial.begin(&upload(1)).await;
    let mut offset = 0;
    for round in 0..6 {
        let added = at_once((0..8).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            let part = part(100 * round + n, 1 + n);
            async move {
                let reserved = trial.media().reserve_part(media_id(1), part.blob).await.unwrap();
                assert!(reserved.is_some());
                trial
                    .media()
                    .add_part(media_id(1), offset, part, at(2_000))
                    .await
                    .unwrap()
            }
        }));
        let added: Vec<_> = added.await.into_iter().flatten().collect();
        assert_eq!(added.len(), 1);
        let stored = trial.media().upload(media_id(1)).await.unwrap().unwrap();
        let winner = added[0].parts.last().copied().unwrap();
        assert_eq!(stored.parts.len() as u64, round + 1);
        assert_eq!(stored.parts.last(), Some(&winner));
        assert_eq!(stored.offset, offset + winner.size);
        let lost = (0..8)
            .map(|n| blob_id(100 * round + n))
            .filter(|blob| *blob != winner.blob);
        let kept = lost.filter(|blob| stored.reserved.contains(blob));
        assert_eq!(kept.count(), 7, "their bytes are not forgotten");
        offset = stored.offset;
    }
}

pub async fn an_id_is_reserved_until_its_part_is_added_or_it_is_released(trial: Trial) {
    let mut expected = upload(1);
    trial.begin(&expected).await;
    let store = trial.media();
    for n in 1..6 {
        store.reserve_part(media_id(1), blob_id(n)).await.unwrap();
    }
    store.add_part(media_id(1), 0, part(5, 9), at(2_000)).await.unwrap();
    for released in [vec![2, 4, 2, 77], vec![], vec![5], vec![2]] {
        let released: Vec<_> = released.into_iter().map(blob_id).collect();
        store.release_parts(media_id(1), &released).await.unwrap();
    }
    expected.append(part(5, 9));
    expected.reserved = vec![blob_id(1), blob_id(3)];
    expected.expires_at = at(2_000);
    assert_eq!(store.upload(media_id(1)).await.unwrap(), Some(expected));
    store.release_parts(media_id(2), &[blob_id(1)]).await.unwrap();
    assert_eq!(store.upload(media_id(2)).await.unwrap(), None);
}

pub async fn a_retired_upload_keeps_its_offset_and_reserves_the_ids_of_its_parts(trial: Trial) {
    let full = Upload {
        length: Some(12),
        offset: 12,
        parts: vec![part(1, 5), part(2, 7)],
        reserved: vec![blob_id(3)],
        ..upload(1)
    };
    trial.begin(&full).await;
    trial.begin(&upload(2)).await;
    let store = trial.media();
    let expected = Upload {
        parts: Vec::new(),
        reserved: vec![blob_id(3), blob_id(1), blob_id(2)],
        expires_at: at(7_000),
        ..full
    };
    let retired = store.retire_upload(media_id(1), at(7_000)).await.unwrap();
    assert_eq!(retired.as_ref(), Some(&expected));
    assert!(expected.is_over() && expected.is_complete());
    assert_eq!(store.upload(media_id(1)).await.unwrap(), retired);
    let again = store.retire_upload(media_id(1), at(6_000)).await.unwrap();
    let expires_at = at(6_000);
    assert_eq!(again, Some(Upload { expires_at, ..expected }), "earlier too");
    assert_eq!(store.upload(media_id(2)).await.unwrap(), Some(upload(2)));
    assert_eq!(store.retire_upload(media_id(3), at(1)).await.unwrap(), None);
    let expired = store.expired_uploads(at(6_000), 9).await.unwrap();
    assert_eq!(expired.last(), again.as_ref());
}

pub async fn uploads_of_which_bytes_are_missing_are_counted_by_owner(trial: Trial) {
    let of = async |owner| {
        let usage = trial.media().unfinished(user_id(owner)).await.unwrap();
        (usage.count, usage.bytes)
    };
    assert_eq!(of(1).await, (0, 0));
    for (n, owner, length, offset) in [
        (1, 1, Some(10), 4),
        (2, 1, Some(10), 0),
        (3, 1, Some(10), 10),
        (4, 1, Some(0), 0),
        (5, 1, None, 3),
        (6, 2, Some(i64::MAX as u64), 8),
    ] {
        let upload = Upload {
            owner_id: user_id(owner),
            length,
            offset,
            ..upload(n)
        };
        trial.begin(&upload).await;
    }
    assert_eq!((of(1).await, of(2).await, of(3).await), ((2, 4), (1, 8), (0, 0)));
    let store = trial.media();
    store.add_part(media_id(2), 0, part(1, 9), at(2_000)).await.unwrap();
    assert_eq!(of(1).await, (2, 13));
    store.add_part(media_id(2), 9, part(2, 1), at(2_000)).await.unwrap();
    assert_eq!(of(1).await, (1, 4));
    store.retire_upload(media_id(1), at(2_000)).await.unwrap();
    assert_eq!(of(1).await, (1, 4), "its bytes are there until it is ended");
    store.end_upload(media_id(1)).await.unwrap();
    assert_eq!(of(1).await, (0, 0));
}

pub async fn an_upload_is_ended_once_with_all_its_bytes(trial: Trial) {
    let another = trial.another().await;
    for round in 1..8 {
        trial.begin(&upload(round)).await;
        let steps = at_once((0..9).map(|n| {
            let trial = if n % 2 == 0 { trial.clone() } else { another.clone() };
            let blob = blob_id(100 * round + n);
            async move {
                match n {
                    3 | 6 => (None, trial.media().end_upload(media_id(round)).await.unwrap()),
                    _ => {
                        let reserved = trial.media().reserve_part(media_id(round), blob).await.unwrap();
                        (reserved.map(|_| blob), None)
                    }
                }
            }
        }));
        let (reserved, ended): (Vec<_>, Vec<_>) = steps.await.into_iter().unzip();
        let ended: Vec<_> = ended.into_iter().flatten().collect();
        assert_eq!(ended.len(), 1);
        assert_eq!(
            sorted(ended[0].blobs().collect()),
            sorted(reserved.into_iter().flatten().collect()),
            "whoever could reserve an id is in what was ended"
        );
        assert_eq!(trial.media().upload(media_id(round)).await.unwrap(), None);
        assert_eq!(trial.media().end_upload(media_id(round)).await.unwrap(), None);
    }
}

pub async fn uploads_expire_in_the_order_of_their_ends(trial: Trial) {
    for (n, millis) in [(1, 30), (2, 10), (3, 20), (4, 41), (5, 20)] {
        let expires_at = at(millis);
        trial
            .begin(&Upload {
                expires_at,
                ..upload(n)
            })
            .await;
    }
    let store = trial.media();
    let expired = async |millis, limit| {
        let found = store.expired_uploads(at(millis), limit).await.unwrap();
        found.into_iter().map(|upload| upload.id).collect::<Vec<_>>()
    };
    let same_time = sorted(vec![media_id(3), media_id(5)]);
    let expected = [media_id(2), same_time[0], same_time[1], media_id(1)];
    assert_eq!(expired(40, 9).await, expected);
    assert_eq!(expired(40, 2).await, expected[..2]);
    assert_eq!(expired(10, 9).await, expected[..1], "it is time");
    assert_eq!((expired(9, 9).await, expired(40, 0).await), (vec![], vec![]));
    store.add_part(media_id(2), 0, part(1, 1), at(50)).await.unwrap();
    store.end_upload(media_id(1)).await.unwrap();
    assert_eq!(expired(40, 9).await, same_time);
}

pub async fn uploads_survive_a_restart(mut trial: Trial) {
    trial.begin(&upload(1)).await;
    trial.begin(&upload(2)).await;
    trial.media().reserve_part(media_id(1), blob_id(1)).await.unwrap();
    trial.media().reserve_part(media_id(1), blob_id(2)).await.unwrap();
    let before = trial
        .media()
        .add_part(media_id(1), 0, part(1, 5), at(2_000))
        .await
        .unwrap();
    trial.media().end_upload(media_id(2)).await.unwrap();
    trial.restart().await;
    assert_eq!(trial.media().upload(media_id(1)).await.unwrap(), before);
    assert_eq!(trial.media().upload(media_id(2)).await.unwrap(), None);
    let next = trial
        .media()
        .add_part(media_id(1), 5, part(2, 5), at(3_000))
        .await
        .unwrap();
    assert_eq!(next.map(|upload| (upload.offset, upload.reserved)), Some((10, vec![])));
}
