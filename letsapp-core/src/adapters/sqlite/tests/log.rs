//! The write-ahead log.

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
    // 12 MiB of messages are three times what is worth copying.
    let file = directory.path().join("letsapp.db");
    let copied = async || fs::metadata(&file).unwrap().len() > 4 * 1024 * 1024;
    letsapp_testkit::until(Duration::from_secs(30), copied).await;
}
