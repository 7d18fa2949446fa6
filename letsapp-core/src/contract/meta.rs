//! The store's description of itself.

use super::Trial;
use super::steps::at_once;
use crate::domain::id::Epoch;
use crate::domain::search::ANALYSIS_VERSION;

fn epoch(n: u8) -> Epoch {
    Epoch::from_bytes([n; 16])
}

pub async fn a_store_keeps_its_first_epoch(mut trial: Trial) {
    let first = trial.store.meta().meta(epoch(1)).await.unwrap();
    assert_eq!((first.epoch, first.analysis), (epoch(1), ANALYSIS_VERSION));
    assert!(first.schema > 0);
    assert_eq!(trial.store.meta().meta(epoch(2)).await.unwrap(), first);
    trial.restart().await;
    assert_eq!(trial.store.meta().meta(epoch(3)).await.unwrap(), first);
}

pub async fn concurrent_first_reads_of_the_epoch_get_the_same_epoch(trial: Trial) {
    let another = trial.another().await;
    let found = at_once((0..12).map(|n| {
        let meta = if n % 2 == 0 {
            trial.store.meta()
        } else {
            another.store.meta()
        };
        async move { meta.meta(epoch(n)).await.unwrap() }
    }));
    let found = found.await;
    assert!(found.iter().all(|meta| *meta == found[0]), "{found:?}");
}

pub async fn a_renewed_epoch_replaces_the_first(mut trial: Trial) {
    let first = trial.store.meta().meta(epoch(1)).await.unwrap();
    let renewed = trial.store.meta().renew_epoch(epoch(2)).await.unwrap();
    assert_eq!(renewed.epoch, epoch(2));
    assert_eq!((renewed.schema, renewed.analysis), (first.schema, first.analysis));
    trial.restart().await;
    assert_eq!(trial.store.meta().meta(epoch(3)).await.unwrap(), renewed);
}

pub async fn the_epoch_of_a_new_store_may_be_renewed_before_it_is_read(trial: Trial) {
    let renewed = trial.store.meta().renew_epoch(epoch(1)).await.unwrap();
    assert_eq!(trial.store.meta().meta(epoch(2)).await.unwrap(), renewed);
}
