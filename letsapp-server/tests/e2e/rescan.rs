//! The command `media rescan`, with the real scanner.

use std::fs;
use std::path::{Path, PathBuf};

use http::Method;
use letsapp_testkit::clamd::Clamd;
use letsapp_testkit::free_port;
use letsapp_testkit::server::{Binary, Ended};
use serde_json::{Value, json};

use crate::http::Http;
use crate::people::Person;
use crate::server;

/// More than follows the test file where every server knows it, so that only a scanner finds it.
const EICAR: &str = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

fn rescan(directory: &Path, scanner: &str) -> Binary {
    let binary = server::in_directory(directory).env("LETSAPP_MEDIA_SCANNER", scanner);
    binary.args(["media", "rescan"])
}

fn lines(ended: &Ended) -> Vec<Value> {
    let lines = ended.stdout.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap_or_else(|_| panic!("{ended:?}"))
}

/// Returns the files with the bytes of uploads.
fn blobs(directory: &Path) -> Vec<PathBuf> {
    let folder = directory.join("letsapp-data/letsapp.db-media");
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.filter(|path| path.is_dir() && !path.ends_with("incoming"));
    let files = folders.flat_map(|path| fs::read_dir(path).unwrap());
    files.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rescan_removes_files_in_which_the_scanner_finds_malware_by_now() {
    let Some(clamd) = Clamd::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut server = server::in_directory(directory.path()).start().await;
    let http = Http::new(server.url());
    let (ana, ben) = (Person::sign_up(&http, "ana").await, Person::sign_up(&http, "ben").await);
    let chat = ana.talk_to(&ben).await;
    let good = ana.upload("good.txt", "some words").await;
    let bad = ana
        .upload("bad.txt", format!("{EICAR}{}", " and more".repeat(100)))
        .await;
    let before = blobs(directory.path());
    let lost = ana.upload("lost.txt", "other words").await;
    let message = json!({"body": "see", "attachments": [good, bad, lost]});
    ana.post(&format!("/v1/conversations/{chat}/messages"), message).await;
    assert!(server.terminate().await.success());
    for path in blobs(directory.path()) {
        if !before.contains(&path) {
            fs::remove_file(path).unwrap();
        }
    }

    let ended = rescan(directory.path(), &clamd.url()).args(["--json"]).run().await;
    assert_eq!(ended.status.code(), Some(1), "something is wrong: {ended:?}");
    let told = lines(&ended);
    let of = |id: &str| told.iter().find(|line| line["media_id"] == id).unwrap_or(&Value::Null);
    assert_eq!(
        (&of(&bad)["outcome"], &of(&lost)["outcome"]),
        (&json!("infected"), &json!("missing"))
    );
    let finding = of(&bad)["detail"].as_str().unwrap();
    assert!(finding.starts_with("Eicar-Test-Signature"), "{finding}");
    assert_eq!(of(&bad)["owner_id"], json!(ana.id));
    let end = told.last().unwrap();
    for (name, value) in [("clean", 1), ("infected", 1), ("missing", 1), ("failed", 0)] {
        assert_eq!(end[name], value, "{end}");
    }
    assert_eq!(end["complete"], true);
    assert!(
        ended.stderr.contains("infected_file") && ended.stderr.contains(&bad),
        "it is in the log: {}",
        ended.stderr
    );
    assert_eq!(blobs(directory.path()).len(), 1);

    // As after an interruption: files that were scanned since it began are passed over.
    let since = told[0]["scanned_before"].as_str().unwrap();
    let again = rescan(directory.path(), &clamd.url()).args(["--json", "--scanned-before", since]);
    let again = again.run().await;
    let end = lines(&again).pop().unwrap();
    assert_eq!((&end["clean"], &end["missing"]), (&json!(0), &json!(1)), "{again:?}");
    let text = rescan(directory.path(), &clamd.url()).run().await;
    assert!(text.stdout.contains("scanned all: 1 clean, 0 with malware"), "{text:?}");

    let server = server::in_directory(directory.path()).start().await;
    let (ana, ben) = (ana.through(&server), ben.through(&server));
    for who in [&ana, &ben] {
        for request in [
            (Method::GET, format!("/v1/media/{bad}")),
            (Method::POST, format!("/v1/media/{bad}/url")),
        ] {
            let gone = who.ask(request.0, &request.1, None).await.unwrap();
            assert_eq!((gone.status, gone.code()), (404, "not_found"));
        }
        assert_eq!(who.download(&good).await, "some words");
    }
    let history = ben.history(&chat).await;
    assert!(
        history.iter().any(|message| message["body"] == "see"),
        "the message stays"
    );
    assert!(ana.get(&format!("/v1/media/{good}")).await["scanned_at"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rescan_that_is_not_possible_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let bare = server::in_directory(directory.path()).args(["media", "rescan"]);
    let refused = bare.run().await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(refused.stderr.contains("LETSAPP_MEDIA_SCANNER"), "{refused:?}");
    assert!(!directory.path().join("letsapp-data").exists(), "nothing was made");

    let nobody = format!("tcp://127.0.0.1:{}", free_port());
    let mut server = server::in_directory(directory.path()).start().await;
    let ana = Person::sign_up(&Http::new(server.url()), "ana").await;
    ana.upload("a.txt", "some words").await;
    let refused = rescan(directory.path(), &nobody).run().await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("in use") && refused.stderr.contains("stop the server"),
        "{refused:?}"
    );
    assert!(server.terminate().await.success());

    let stopped = rescan(directory.path(), &nobody).run().await;
    assert_eq!(stopped.status.code(), Some(1), "{stopped:?}");
    assert!(stopped.stdout.contains("scanner can't be reached"), "{stopped:?}");
    assert!(stopped.stdout.contains("--scanned-before"), "how to go on: {stopped:?}");
    assert_eq!(blobs(directory.path()).len(), 1);
}
