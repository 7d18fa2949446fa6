//! Checkpoints of the write-ahead log.

use std::fs;
use std::time::Duration;

use super::{append, commit, conversation, message, new_store, place};

#[tokio::test]
async fn the_log_is_copied_while_the_store_is_open() {
    let (directory, store) = new_store();
    let id = conversation(&store, 1).await;
    let body = "long ".repeat(2_000);
    for batch in 0..40 {
        let changes = (0..32).map(|n| append(message(id, batch * 32 + n, &body))).collect();
        assert!(
            commit(&store, changes)
                .await
                .iter()
                .all(|outcome| place(outcome).is_some())
        );
    }
    // 12 MiB of messages are three times the threshold for a checkpoint.
    let file = directory.path().join("letsapp.db");
    let copied = async || fs::metadata(&file).unwrap().len() > 4 * 1024 * 1024;
    letsapp_testkit::until(Duration::from_secs(30), copied).await;
}

#[tokio::test]
async fn the_log_is_restarted_before_it_is_too_long() {
    let (directory, store) = new_store();
    let id = conversation(&store, 1).await;
    let body = "long ".repeat(200_000);
    let log = directory.path().join("letsapp.db-wal");
    let mut longest = 0;
    for n in 0..160 {
        assert!(place(&commit(&store, vec![append(message(id, n, &body))]).await[0]).is_some());
        longest = longest.max(fs::metadata(&log).unwrap().len());
    }
    // A checkpoint may be running when 64 MiB are reached; the log grows on until it ends.
    assert!(longest < 120 * 1024 * 1024, "{longest} bytes of 160 MiB");
}
