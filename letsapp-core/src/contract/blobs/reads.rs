//! Reading: whole or in part, by any number of readers.

use futures_util::{StreamExt as _, TryStreamExt as _, future};

use super::BlobTrial;
use super::fixtures::{Sample, blob_id};
use crate::ports::BlobError;

pub async fn a_range_may_begin_and_end_anywhere(trial: BlobTrial) {
    let sample = Sample::new(1, 700_001);
    trial.put(1, sample).await.unwrap();
    let size = sample.size;
    let ranges = [
        0..1,
        0..size,
        size - 1..size,
        350_000..350_001,
        1..size - 1,
        65_535..65_537,
        65_536..131_072,
        261_119..261_121,
        261_120..522_240,
        522_240..size,
        0..0,
        400_000..400_000,
        261_120..261_120,
        size..size,
    ];
    for range in ranges {
        let read = trial.store.get(blob_id(1), Some(range.clone())).await.unwrap();
        assert_eq!(read.size, size, "the size of the whole");
        let found: Vec<_> = read.bytes.try_collect().await.unwrap();
        assert!(found.concat() == sample.bytes(range.clone()), "{range:?}");
    }
}

pub async fn a_range_that_is_not_within_the_blob_names_its_size(trial: BlobTrial) {
    let sample = Sample::new(1, 300_000);
    trial.put(1, sample).await.unwrap();
    let size = sample.size;
    let backwards = std::ops::Range { start: 10, end: 5 };
    for range in [
        0..size + 1,
        size - 1..size + 1,
        size..size + 1,
        size + 1..size + 2,
        size + 1..size + 1,
        0..u64::MAX,
        u64::MAX - 1..u64::MAX,
        backwards,
    ] {
        match trial.store.get(blob_id(1), Some(range.clone())).await {
            Err(BlobError::OutOfRange { size }) => assert_eq!(size, sample.size),
            other => panic!("{range:?}: {other:?}"),
        }
    }
}

pub async fn chunks_are_small_whatever_the_blob(trial: BlobTrial) {
    let sample = Sample::new(1, 16 << 20);
    trial.store.put(blob_id(1), sample.stream(8 << 20)).await.unwrap();
    let read = trial.store.get(blob_id(1), None).await.unwrap();
    let sizes: Vec<_> = read.bytes.map_ok(|chunk| chunk.len()).try_collect().await.unwrap();
    assert!(sizes.iter().all(|size| (1..=1 << 20).contains(size)), "{sizes:?}");
}

pub async fn concurrent_readers_get_each_their_own_bytes(trial: BlobTrial) {
    let samples = [Sample::new(1, 2_000_000), Sample::new(2, 2_000_000)];
    for (n, sample) in (0..).zip(samples) {
        trial.put(n, sample).await.unwrap();
    }
    let readers = (0..24_u64).map(|reader| {
        let trial = trial.clone();
        tokio::spawn(async move {
            let n = reader % 2;
            let sample = samples[usize::try_from(n).unwrap()];
            let range = reader * 50_000..sample.size - reader * 10_000;
            let found = trial.read(n, Some(range.clone())).await.unwrap();
            assert!(found == sample.bytes(range), "reader {reader}");
            trial.assert_holds(n, sample).await;
        })
    });
    for reader in future::join_all(readers).await {
        reader.unwrap();
    }
}

pub async fn a_reader_that_stops_half_way_disturbs_nobody(trial: BlobTrial) {
    let sample = Sample::new(1, 3_000_000);
    trial.put(1, sample).await.unwrap();
    let mut patient = trial.store.get(blob_id(1), None).await.unwrap().bytes;
    let first = patient.next().await.unwrap().unwrap();
    for _ in 0..20 {
        let mut hasty = trial.store.get(blob_id(1), None).await.unwrap().bytes;
        hasty.next().await.unwrap().unwrap();
    }
    let rest: Vec<_> = patient.try_collect().await.unwrap();
    assert!([first, rest.concat().into()].concat() == sample.bytes(0..sample.size));
}

pub async fn an_unknown_id_is_not_found(trial: BlobTrial) {
    for range in [None, Some(0..0), Some(0..1)] {
        assert!(matches!(trial.read(1, range).await, Err(BlobError::NotFound)));
    }
}
