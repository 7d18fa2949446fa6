//! Files through the real binary: a client of tus that dies and resumes, and the memory that parallel transfers take.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use letsapp_testkit::{node, server::Running};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::Http;
use crate::people::Person;
use crate::server;

/// Time for one transfer, far longer than any takes.
const TIMEOUT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tus_js_client_resumes_an_upload_that_it_died_in() {
    let directory = tempfile::tempdir().unwrap();
    let server = server::in_directory(directory.path()).start().await;
    let ana = Person::sign_up(&Http::new(server.url()), "ana").await;
    let path = directory.path().join("words.txt");
    let words: String = (0..2_000_000).map(|n| format!("{n} ")).collect();
    std::fs::write(&path, &words).unwrap();

    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let storage = directory.path().join("uploads.json");
    let arguments = [
        &server.url(),
        &ana.token,
        path.to_str().unwrap(),
        storage.to_str().unwrap(),
    ]
    .map(String::from);
    let run = async |mode: &'static str| {
        let (package, arguments) = (package.clone(), arguments.clone());
        let run = move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).chain([mode]).collect();
            node::run(&package, "tus-js-client", "tests/tus/upload.js", &arguments)
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let Some(cut) = run("cut").await else { return };
    assert!(!cut.status.success() && cut.stdout.is_empty(), "{cut:?}");
    let finished = run("finish").await.unwrap();
    assert!(finished.status.success(), "{finished:?}");
    let told: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(told["created"], 0, "no second upload: {told}");
    let resumed_at = told["offsets"].as_array().unwrap().last().unwrap().as_u64().unwrap();
    assert!(resumed_at > 0 && resumed_at < words.len() as u64, "{told}");

    let id = told["mediaId"].as_str().unwrap();
    let found = ana.ask(Method::GET, &format!("/v1/media/{id}"), None).await;
    let media = found.unwrap().good();
    assert_eq!(
        (&media["sha256"], &media["file_name"]),
        (&told["sha256"], &Value::from("words.txt"))
    );
    assert_eq!(media["size"].as_u64(), Some(words.len() as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_transfers_take_bounded_memory() {
    const FILES: u64 = 8;
    const SIZE: usize = 64 << 20;
    /// Far less than one of the files has.
    const GROWTH: u64 = 16 << 20;
    const SMALL: usize = 1 << 20;
    let directory = tempfile::tempdir().unwrap();
    let server = server::in_directory(directory.path()).start().await;
    let ana = Person::sign_up(&Http::new(server.url()), "ana").await;
    // What the first transfers allocate for good: threads, and a heap for each.
    let first = join_all((1..=FILES).map(|n| upload(&server, &ana, SMALL, n))).await;
    join_all(first.iter().map(|id| download(&server, &ana, id, SMALL))).await;
    let before = memory(&server, "VmRSS:");
    // Not the peak of the sign-up, which hashed a password.
    std::fs::write(format!("/proc/{}/clear_refs", server.id()), "5").unwrap();
    let ids = join_all((1..=FILES).map(|n| upload(&server, &ana, SIZE, FILES + n))).await;
    let up = memory(&server, "VmHWM:").saturating_sub(before);
    join_all(ids.iter().map(|id| download(&server, &ana, id, SIZE))).await;
    let both = memory(&server, "VmHWM:").saturating_sub(before);
    assert!(
        both < GROWTH,
        "{FILES} files of {SIZE} bytes take {up} bytes up, {both} bytes up and down"
    );
}

/// Uploads a file of zeros after a number, and returns its id.
async fn upload(server: &Running, who: &Person, size: usize, number: u64) -> String {
    let head = format!(
        "POST /v1/media HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-length: {size}\r\n\r\n",
        who.token
    );
    let transfer = async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_u64(number).await.unwrap();
        let piece = vec![0; 64 << 10];
        let mut left = size - 8;
        while left > 0 {
            let length = left.min(piece.len());
            stream.write_all(&piece[..length]).await.unwrap();
            left -= length;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::time::timeout(TIMEOUT, transfer)
        .await
        .expect("an answer in time");
    let body = answer.split_once("\r\n\r\n").expect("an answer").1;
    let media: Value = serde_json::from_str(body).unwrap();
    media["id"].as_str().unwrap_or_else(|| panic!("{media}")).to_owned()
}

/// Downloads a file and drops what it gets.
async fn download(server: &Running, who: &Person, id: &str, size: usize) {
    let link = who.ask(Method::POST, &format!("/v1/media/{id}/url"), None).await;
    let link = link.unwrap().good()["url"].as_str().unwrap().to_owned();
    let transfer = async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!("GET {link} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut piece, mut received) = (vec![0; 64 << 10], 0);
        while let read @ 1.. = stream.read(&mut piece).await.unwrap() {
            received += read;
        }
        received
    };
    let received = tokio::time::timeout(TIMEOUT, transfer).await.expect("an end in time");
    assert!(received > size, "{received} bytes with the head");
}

/// Returns a number of bytes from the state of the server's process.
fn memory(server: &Running, name: &str) -> u64 {
    let state = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = state.lines().find(|line| line.starts_with(name)).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024
}
