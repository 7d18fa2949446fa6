//! The program: what it prints, what it refuses, and how it ends.

mod common;

use std::fs;
use std::path::Path;

use common::{exchange, status};
use letsapp_testkit::server::Binary;
use serde_json::{Value, json};

fn server(directory: &Path) -> Binary {
    Binary::new(env!("CARGO_BIN_EXE_letsapp-server"))
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .current_dir(directory)
}

/// Asks for something with a JSON body, and returns the status and the answer.
async fn post(address: std::net::SocketAddr, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(address, request).await;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status(&answer), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Insists that a start is refused in one line that holds `named`.
async fn refused(binary: Binary, code: i32, named: &str) {
    let ended = binary.run().await;
    assert_eq!(ended.status.code(), Some(code), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    let first = ended.stderr.lines().next().unwrap_or_default();
    assert!(first.contains(named), "{named} is not in: {}", ended.stderr);
    if code == 1 {
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

#[tokio::test]
async fn with_nothing_said_it_keeps_everything_across_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = server(directory.path()).start().await;
    let account = json!({"username": "ana", "password": "a long password"});
    let (status, signed_in) = post(first.address, "/v1/auth/register", "", &account).await;
    assert_eq!(status, 201);
    let token = signed_in["tokens"]["access_token"].as_str().unwrap();
    assert!(first.terminate().await.success());
    assert!(directory.path().join("letsapp-data/letsapp.db").is_file());

    let mut second = server(directory.path()).start().await;
    let (status, _) = post(second.address, "/v1/sync", token, &json!({"conversations": {}})).await;
    assert_eq!(status, 200, "the token is as good as it was");
    assert!(second.terminate().await.success());
}

#[tokio::test]
async fn a_flag_or_value_that_cannot_be_is_named_and_is_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let at = || server(directory.path());
    refused(at().args(["--colour", "blue"]), 2, "--colour").await;
    refused(at().args(["--store", "paper:"]), 2, "--store").await;
    refused(
        at().env("LETSAPP_CALLS_RING_TIMEOUT", "soon"),
        2,
        "LETSAPP_CALLS_RING_TIMEOUT",
    )
    .await;
    fs::write(directory.path().join("letsapp.toml"), "[calls]\nring_tone = 'none'\n").unwrap();
    refused(at().args(["--config", "letsapp.toml"]), 2, "[calls] ring_tone").await;
}

#[tokio::test]
async fn a_file_that_is_no_store_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chat.db");
    let store = format!("sqlite:{}", path.display());
    let at = || server(directory.path()).args(["--store", &store]);
    assert!(at().start().await.terminate().await.success());

    // The version of the schema stands in the header, at byte 60.
    let mut bytes = fs::read(&path).unwrap();
    let sound = bytes.clone();
    bytes[60..64].copy_from_slice(&9_999u32.to_be_bytes());
    fs::write(&path, &bytes).unwrap();
    refused(at(), 1, "newer").await;

    let mut bytes = sound;
    for byte in bytes.iter_mut().skip(100).step_by(3) {
        *byte ^= 0x55;
    }
    fs::write(&path, &bytes).unwrap();
    refused(at(), 1, "chat.db").await;
    fs::write(&path, "Dear diary,").unwrap();
    refused(at(), 1, "chat.db").await;
}

#[tokio::test]
async fn a_file_serves_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = server(directory.path()).start().await;
    refused(server(directory.path()), 1, "in use").await;
    assert!(first.terminate().await.success());
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let binary = Binary::new(env!("CARGO_BIN_EXE_letsapp-server")).current_dir(directory.path());
    let binary = binary.args([
        "--store",
        "memory:",
        "--admin-listen",
        "127.0.0.1:0",
        "--listen",
        &address,
    ]);
    refused(binary, 1, &address).await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_to_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("occupied"), "by a file").unwrap();
    refused(server(directory.path()).args(["--data-dir", "occupied"]), 1, "occupied").await;
}

#[cfg(feature = "mongodb")]
#[tokio::test]
async fn a_mongodb_that_is_not_there_is_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("mongodb://127.0.0.1:{}/letsapp", letsapp_testkit::free_port());
    refused(server(directory.path()).args(["--store", &store]), 1, "MongoDB").await;
}

#[tokio::test]
async fn logs_can_be_read_by_machines() {
    let directory = tempfile::tempdir().unwrap();
    let binary = server(directory.path())
        .args(["--store", "memory:"])
        .env("LETSAPP_LOG_FORMAT", "json");
    let mut running = binary.start().await;
    post(
        running.address,
        "/v1/auth/register",
        "",
        &json!({"username": "ana", "password": "a long password"}),
    )
    .await;
    assert!(running.terminate().await.success());
    let logs = running.stderr();
    let line = logs
        .lines()
        .find(|line| line.contains("answered"))
        .unwrap_or_else(|| panic!("no line: {logs}"));
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["route"], &line["status"]),
        (&json!("/v1/auth/register"), &json!(201))
    );
    assert!(
        line["duration_ms"].is_number() && line["span"]["request_id"].is_string(),
        "{line}"
    );
    assert!(!logs.contains("a long password"));
}
