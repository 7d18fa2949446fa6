//! Server that is killed repeatedly while users write.

use letsapp_testkit::mongodb;
use letsapp_testkit::server::Binary;

use crate::http::Http;
use crate::load::Load;
use crate::{random, server, verdict};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_on_sqlite_keeps_every_acknowledged_message() {
    let directory = tempfile::tempdir().unwrap();
    let gaps = kill_repeatedly("kill -9, SQLite", &server::at_one_address(directory.path()), 20).await;
    assert_eq!(gaps, 0, "live events leave nothing out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_on_mongodb_keeps_every_acknowledged_message() {
    let Some(mongodb) = mongodb::shared() else { return };
    let directory = tempfile::tempdir().unwrap();
    let binary = server::at_one_address(directory.path()).args(["--store", &mongodb.unique_database_uri()]);
    kill_repeatedly("kill -9, MongoDB", &binary, 6).await;
}

/// Kills the server this many times under load, and checks that no acknowledged message is lost. Returns the number of
/// gaps that a listener found in its live events.
async fn kill_repeatedly(run: &str, binary: &Binary, times: u32) -> u64 {
    let mut server = binary.start().await;
    let mut load = Load::start(&Http::new(server.url())).await;
    for _ in 0..times {
        load.progress(50 + random::below(150)).await;
        random::pause().await;
        server.kill9();
        server = binary.start().await;
    }
    load.progress(50).await;
    let (ledgers, followed) = load.finish().await;
    let acknowledged = verdict::settle(run, &ledgers, &followed).await;
    assert!(acknowledged > 50 * times as usize, "there was a load");
    assert!(followed.live > 0, "there were live events");
    assert!(server.terminate().await.success());
    followed.gaps
}
