//! Starting and stopping the server, and its error messages when it can't start.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use letsapp_testkit::free_port;
use letsapp_testkit::mongodb::Standalone;
use letsapp_testkit::server::{Binary, Ended};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::http::Http;
use crate::load::Load;
use crate::people::{Person, password};
use crate::socket::{End, Socket};
use crate::{random, server, verdict};

/// Time limit for a shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_server_starts_in_an_empty_directory() {
    let directory = directory();
    let mut server = server::in_directory(directory.path()).start().await;
    let ready = format!(
        "letsapp-server listening on http://{}, admin on http://{}\n",
        server.address, server.admin_address
    );
    assert!(server.address.port() > 0 && server.admin_address.port() > 0, "{ready}");

    let http = Http::new(server.url());
    let ana = Person::sign_up(&http, "ana").await;
    for path in ["/", "/healthz", "/readyz", "/openapi.json", "/asyncapi.json", "/docs"] {
        let answer = http.ask(Method::GET, path, None, None).await.unwrap();
        assert!(answer.status < 400, "{path}: {}", answer.status);
    }
    let admin = Http::new(server.admin_url());
    assert_eq!(
        admin.ask(Method::GET, "/metrics", None, None).await.unwrap().status,
        200
    );
    assert_eq!(http.ask(Method::GET, "/metrics", None, None).await.unwrap().status, 404);
    assert_eq!(server.terminate().await.code(), Some(0));
    assert_eq!(server.stdout(), ready, "one line, and nothing else");

    let data = directory.path().join("letsapp-data");
    assert_eq!(names(directory.path()), ["letsapp-data"]);
    let keys = files(&data.join("keys"));
    assert!(!keys.is_empty(), "it has made its keys");
    for secret in keys.iter().chain([&data.join("letsapp.db")]) {
        let mode = fs::metadata(secret).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", secret.display());
    }

    // Keys and accounts survive a restart, so tokens stay valid.
    let mut again = server::in_directory(directory.path()).start().await;
    ana.through(&again).post("/v1/sync", json!({"conversations": {}})).await;
    Person::sign_in(&Http::new(again.url()), "ana").await;
    assert!(again.terminate().await.success());
    assert_eq!(files(&data.join("keys")), keys);
}

#[tokio::test]
async fn without_arguments_it_listens_on_the_documented_address() {
    let directory = directory();
    let binary = server::bare().current_dir(directory.path());
    // On a machine where another program listens on that port, the server reports that instead.
    let holders = [8080, 8081].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let taken = holders.iter().position(Result::is_err);
    drop(holders);
    match taken {
        None => {
            let mut server = binary.start().await;
            assert!(server.terminate().await.success());
            let ready = "letsapp-server listening on http://127.0.0.1:8080, admin on http://127.0.0.1:8081\n";
            assert_eq!(server.stdout(), ready);
        }
        Some(place) => refused(&binary, 1, &[&format!("cannot listen on 127.0.0.1:808{place}")]).await,
    }
}

#[tokio::test]
async fn bad_settings_are_named_and_have_an_exit_code_of_their_own() {
    let directory = directory();
    let bare = || server::in_directory(directory.path());
    let configured = |name: &str, text: &str| {
        let file = directory.path().join(name);
        fs::write(&file, text).unwrap();
        bare().args(["--config".into(), file])
    };
    refused(&bare().args(["--colour", "red"]), 2, &["--colour"]).await;
    refused(&bare().args(["--store", "paper:"]), 2, &["--store", "paper:"]).await;
    refused(
        &bare().args(["--store", "postgres://db"]),
        2,
        &["--store", "postgres://db"],
    )
    .await;
    refused(&bare().args(["--store", "mongodb://localhost"]), 2, &["--store"]).await;
    let variable = bare().env("LETSAPP_CALLS_RING_TIMEOUT", "soon");
    refused(&variable, 2, &["LETSAPP_CALLS_RING_TIMEOUT", "soon"]).await;
    refused(&configured("key.toml", "color = \"red\""), 2, &["color", "key.toml"]).await;
    refused(
        &configured("section.toml", "[calls]\nring = \"1s\""),
        2,
        &["calls", "ring", "section.toml"],
    )
    .await;
    refused(
        &configured("value.toml", "[messages]\nedit_window = \"long\""),
        2,
        &["edit_window", "long"],
    )
    .await;
    refused(&configured("broken.toml", "listen = "), 2, &["broken.toml"]).await;
    let missing = directory.path().join("missing.toml");
    refused(&bare().args(["--config".into(), missing]), 2, &["missing.toml"]).await;
    assert!(!directory.path().join("letsapp-data").exists(), "nothing was made");
}

#[tokio::test]
async fn an_unusable_file_is_named_and_left_unchanged() {
    let directory = directory();
    let file = directory.path().join("chat.db");
    let on_file = || server::in_directory(directory.path()).args(["--store", &format!("sqlite:{}", file.display())]);
    fs::write(
        &file,
        "This is no database, but long enough to be looked at twice.\n".repeat(100),
    )
    .unwrap();
    let before = fs::read(&file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&on_file(), 1, &["chmod 600", "chat.db"]).await;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    refused(&on_file(), 1, &["chat.db", "damaged"]).await;
    assert_eq!(fs::read(&file).unwrap(), before);

    fs::remove_file(&file).unwrap();
    assert!(on_file().start().await.terminate().await.success());
    // The schema version in the file's header.
    let mut newer = fs::read(&file).unwrap();
    newer[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&file, &newer).unwrap();
    refused(&on_file(), 1, &["chat.db", "newer", "9999"]).await;
    assert_eq!(fs::read(&file).unwrap(), newer);

    // A file of LetsApp with damaged content.
    fs::remove_file(&file).unwrap();
    assert!(on_file().start().await.terminate().await.success());
    let mut garbled = fs::read(&file).unwrap();
    for byte in garbled.iter_mut().skip(100).step_by(3) {
        *byte ^= 0x55;
    }
    fs::write(&file, &garbled).unwrap();
    refused(&on_file(), 1, &["chat.db"]).await;

    // A file that another server has open: two writers would assign the same numbers twice.
    fs::remove_file(&file).unwrap();
    let mut first = on_file().start().await;
    refused(&on_file(), 1, &["chat.db", "in use"]).await;
    assert!(first.terminate().await.success());

    // The same for the default file.
    let mut first = server::in_directory(directory.path()).start().await;
    refused(&server::in_directory(directory.path()), 1, &["in use"]).await;
    assert!(first.terminate().await.success());
}

#[tokio::test]
async fn unusable_paths_and_addresses_are_named() {
    let directory = directory();
    let in_the_way = directory.path().join("file");
    fs::write(&in_the_way, "").unwrap();
    let bare = || server::in_directory(directory.path());
    refused(
        &bare().args(["--data-dir".into(), in_the_way.join("data")]),
        1,
        &["cannot write", "file/data"],
    )
    .await;
    let occupied = bare().args(["--data-dir".into(), in_the_way.clone()]);
    refused(&occupied, 1, &["file"]).await;
    let store = format!("sqlite:{}", in_the_way.join("chat.db").display());
    refused(&bare().args(["--store", &store]), 1, &["cannot write", "file/chat.db"]).await;

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let on = |flag: &str| {
        let ports = ["--listen", "--admin-listen"].map(|each| if each == flag { &*address } else { "127.0.0.1:0" });
        let flags = ["--listen", ports[0], "--admin-listen", ports[1], "--store", "memory:"];
        server::bare().args(flags).current_dir(directory.path())
    };
    for flag in ["--listen", "--admin-listen"] {
        refused(&on(flag), 1, &["cannot listen", &address]).await;
    }
}

#[tokio::test]
async fn an_unusable_database_is_named() {
    let directory = directory();
    let on = |store: &str| server::in_directory(directory.path()).args(["--store", store]);
    let nobody = format!("127.0.0.1:{}", free_port());
    let since = Instant::now();
    refused(
        &on(&format!("mongodb://{nobody}/letsapp")),
        1,
        &["MongoDB", &nobody, "can't be reached"],
    )
    .await;
    assert!(since.elapsed() < Duration::from_secs(20), "it doesn't try for ever");

    let Some(standalone) = Standalone::start() else { return };
    let uri = standalone.uri().database_uri("letsapp");
    refused(
        &on(&uri),
        1,
        &[
            "neither a replica set nor a sharded cluster",
            "--replSet",
            "rs.initiate()",
        ],
    )
    .await;
}

#[tokio::test]
async fn logs_can_be_read_by_machines_and_hold_no_password() {
    let directory = directory();
    let binary = server::in_directory(directory.path())
        .args(["--store", "memory:"])
        .env("LETSAPP_LOG_FORMAT", "json");
    let mut running = binary.start().await;
    Person::sign_up(&Http::new(running.url()), "ana").await;
    assert!(running.terminate().await.success());
    let logs = running.stderr();
    let line = logs.lines().find(|line| line.contains("answered"));
    let line: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("no line: {logs}"))).unwrap();
    assert_eq!(
        (&line["route"], &line["status"]),
        (&json!("/v1/auth/register"), &json!(201))
    );
    assert!(
        line["duration_ms"].is_number() && line["span"]["request_id"].is_string(),
        "{line}"
    );
    assert!(!logs.contains(&password("ana")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_server_closes_its_sockets_and_has_everything_on_disk() {
    let directory = directory();
    let binary = server::at_one_address(directory.path());
    let mut server = binary.start().await;
    let http = Http::new(server.url());
    let mut load = Load::start(&http).await;
    let idle = Person::sign_up(&http, "idle").await;
    for _ in 0..3 {
        let (mut socket, _events) = Socket::open(&idle).await.unwrap();
        load.progress(50 + random::below(50)).await;
        let since = Instant::now();
        assert_eq!(server.terminate().await.code(), Some(0));
        assert!(since.elapsed() < SHUTDOWN_TIMEOUT, "it took {:?}", since.elapsed());
        assert_eq!(socket.ended(SHUTDOWN_TIMEOUT).await, End::Closed(1001));
        // Acknowledged messages are on disk, so a server on a copy of the files must have them.
        server = binary.start().await;
    }
    let (ledgers, followed) = load.finish().await;
    verdict::settle("SIGTERM, SQLite", &ledgers, &followed).await;
    assert_eq!(followed.gaps, 0, "live events leave nothing out");
    let message = json!({"body": "Good morning"});
    let path = format!("/v1/conversations/{}/messages", followed.conversation);
    followed.person.post(&path, message).await;
    assert!(server.terminate().await.success());
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs a server that can't start, and checks its exit code and that its error message contains all of `named`.
async fn refused(binary: &Binary, code: i32, named: &[&str]) {
    let Ended { status, stdout, stderr } = binary.run().await;
    let first = stderr.lines().next().unwrap_or_default();
    for word in named {
        assert!(first.contains(word), "{word:?} is not named first: {stderr}");
    }
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert_eq!(stdout, "", "it never was ready");
    if code == 1 {
        assert_eq!(stderr.lines().count(), 1, "one line, and nothing else: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

fn names(directory: &Path) -> Vec<String> {
    let names = files(directory)
        .into_iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    names.collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}
