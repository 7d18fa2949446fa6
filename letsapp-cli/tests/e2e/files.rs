//! Tests of files: uploaded, sent, listed and downloaded, by the client and by the program.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use letsapp_cli::protocol::{Code, Media, Tokens};
use letsapp_cli::requests::SendMessage;
use letsapp_cli::{
    Client, ClientError, Download, Existing, MemoryTokens, Progress, TokenStore, Update, Upload, Variant,
};
use letsapp_testkit::until;

use crate::support::{Cli, Pair, Server, TEST_TIMEOUT, ana_and_ben, connect, registration, sign_up, wait_for};

/// A size that takes several pieces to send and to receive.
const LARGE: usize = 1_000_001;

/// Writes a text of some length, no two parts of which are the same.
fn large_text(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    let words = (0_u64..).flat_map(|n| format!("{n} ").into_bytes());
    fs::write(&path, words.take(LARGE).collect::<Vec<_>>()).unwrap();
    path
}

/// A picture that the server makes a preview of.
fn picture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../letsapp-core/tests/media/orientation1.jpg")
}

async fn upload(client: &Client, path: &Path) -> Media {
    client.upload(&Upload::new(path), |_| {}).await.unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_is_uploaded_once_however_often_it_is_sent() {
    let server = Server::start().await;
    let ana = sign_up(&server.url(), "ana").await;
    let directory = tempfile::tempdir().unwrap();
    let file = Upload::new(large_text(directory.path(), "notes.txt")).named("Grüße \"1\".txt");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let reports = Arc::clone(&seen);
    let watch = move |progress: Progress| reports.lock().unwrap().push((progress.done, progress.total));
    let media = ana.upload(&file, watch).await.unwrap();
    assert_eq!((media.id, media.size), (file.id(), LARGE as u64));
    assert_eq!(media.file_name, "Grüße \"1\".txt");
    assert_eq!(media.content_type, "text/plain");
    let seen = seen.lock().unwrap().clone();
    assert!(seen.len() > 3 && seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last(), Some(&(LARGE as u64, LARGE as u64)));
    let again = ana.upload(&file, |_| {}).await.unwrap();
    assert_eq!(again.created_at, media.created_at);
    assert_eq!(ana.media(media.id).await.unwrap().sha256, media.sha256);
    ana.delete_media(media.id).await.unwrap();
    assert_eq!(ana.media(media.id).await.unwrap_err().code(), Some(Code::NotFound));
}

#[tokio::test]
async fn an_upload_renews_an_expired_token() {
    let server = Server::start().await;
    let store: Arc<dyn TokenStore> = Arc::new(MemoryTokens::default());
    let client = || {
        Client::builder(server.url())
            .tokens(Arc::clone(&store))
            .build()
            .unwrap()
    };
    client().register(&registration("ana")).await.unwrap();
    let access_token = "stale".to_owned();
    let fresh = store.load().unwrap().unwrap();
    store.save(&Tokens { access_token, ..fresh }).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let media = upload(&client(), &large_text(directory.path(), "a.txt")).await;
    assert_eq!(media.size, LARGE as u64);
}

#[tokio::test]
async fn a_download_is_complete_or_absent_and_replaces_nothing() {
    let server = Server::start().await;
    let Pair { ana, ben, chat } = Pair::sign_up(&server, None).await;
    let directory = tempfile::tempdir().unwrap();
    let original = large_text(directory.path(), "notes.txt");
    let media = upload(&ana, &original).await;
    let to = tempfile::tempdir().unwrap();
    let download = Download::new(media.id, to.path().join("copy.txt"));
    let refused = ben.download(&download, |_| {}).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::NotFound), "not sent yet");
    assert_eq!(names(to.path()), [""; 0]);

    let message = SendMessage {
        attachments: vec![media.id],
        ..SendMessage::text("Look!").unwrap()
    };
    ben.send(chat, message.clone()).await.unwrap_err();
    let sent = ana.send(chat, message).await.unwrap();
    assert_eq!(sent.attachments[0].file_name, "notes.txt");
    assert_eq!(ben.download(&download, |_| {}).await.unwrap(), LARGE as u64);
    assert_eq!(names(to.path()), ["copy.txt"]);
    let bytes = fs::read(&original).unwrap();
    assert_eq!(fs::read(download.path()).unwrap(), bytes);
    let link = ben.media_url(media.id, Variant::Original).await.unwrap();
    assert!(
        link.url.starts_with(&format!("{}/v1/media/", server.url())),
        "{}",
        link.url
    );

    fs::write(download.path(), "mine").unwrap();
    let taken = ben.download(&download, |_| {}).await.unwrap_err();
    assert!(matches!(taken, ClientError::File { .. }), "{taken}");
    assert_eq!(fs::read(download.path()).unwrap(), b"mine");
    let replacing = download.clone().existing(Existing::Replace);
    ben.download(&replacing, |_| {}).await.unwrap();
    assert_eq!(fs::read(download.path()).unwrap(), bytes);

    let nowhere = Download::new(media.id, to.path().join("missing/copy.txt"));
    let error = ben.download(&nowhere, |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("missing/"), "{error}");
}

#[tokio::test]
async fn an_interrupted_download_asks_only_for_the_rest() {
    let server = Server::start().await;
    let ana = sign_up(&server.url(), "ana").await;
    let directory = tempfile::tempdir().unwrap();
    let original = large_text(directory.path(), "notes.txt");
    let media = upload(&ana, &original).await;
    let to = tempfile::tempdir().unwrap();
    let download = Download::new(media.id, to.path().join("copy.txt"));
    let partial = to.path().join(format!(".{}-original.part", media.id));
    // Other bytes than those of the file, to see that these are not requested again.
    fs::write(&partial, vec![b'x'; LARGE / 2]).unwrap();
    let first = Arc::new(Mutex::new(None));
    let reported = Arc::clone(&first);
    let watch = move |progress: Progress| {
        reported.lock().unwrap().get_or_insert(progress);
    };
    assert_eq!(ana.download(&download, watch).await.unwrap(), LARGE as u64);
    let (done, total) = ((LARGE / 2) as u64, LARGE as u64);
    assert_eq!(*first.lock().unwrap(), Some(Progress { done, total }));
    let (bytes, copy) = (fs::read(&original).unwrap(), fs::read(download.path()).unwrap());
    assert_eq!(copy[..LARGE / 2], vec![b'x'; LARGE / 2]);
    assert_eq!(copy[LARGE / 2..], bytes[LARGE / 2..]);

    // A partial file that is too long can't be of this file, and is made anew.
    fs::write(&partial, vec![b'x'; LARGE + 1]).unwrap();
    let download = download.existing(Existing::Replace);
    ana.download(&download, |_| {}).await.unwrap();
    assert_eq!(fs::read(download.path()).unwrap(), bytes);
    assert_eq!(names(to.path()), ["copy.txt"]);
}

#[tokio::test]
async fn a_live_connection_tells_when_a_preview_is_there() {
    let server = Server::start().await;
    let ana = sign_up(&server.url(), "ana").await;
    let (_live, mut updates) = connect(&ana).await;
    let media = upload(&ana, &picture()).await;
    let ready = wait_for(&mut updates, |update| matches!(update, Update::MediaReady(_))).await;
    let Update::MediaReady(ready) = ready else {
        unreachable!("it matched")
    };
    assert_eq!(ready.id, media.id);
    assert!(ready.thumbnail.is_some());
    let to = tempfile::tempdir().unwrap();
    let download = Download::new(media.id, to.path().join("small")).variant(Variant::Thumbnail);
    ana.download(&download, |_| {}).await.unwrap();
    let mut start = [0; 2];
    fs::File::open(download.path()).unwrap().read_exact(&mut start).unwrap();
    assert!([*b"RI", [0xff, 0xd8]].contains(&start), "{start:?}: WebP or JPEG");
}

#[tokio::test]
async fn files_are_sent_listed_and_downloaded() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    let notes = large_text(ana.path(), "notes.txt");
    let (notes, picture) = (notes.to_str().unwrap(), picture());
    let send = [
        "send",
        "ben",
        "--file",
        notes,
        "--file",
        picture.to_str().unwrap(),
        "two",
        "files",
    ];
    assert_eq!(ana.ok(&send).await, "✓ #1\n");
    assert_eq!(ana.ok(&["send", "ben", "--file", notes]).await, "✓ #2\n");

    let message = &ben.json(&["history", "ana"]).await[0];
    let id = |place: usize| message["attachments"][place]["id"].as_str().unwrap().to_owned();
    let shown = ben.ok(&["history", "ana"]).await;
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].ends_with("#1 ana: two files"), "{shown}");
    assert_eq!(lines[1], format!("    [notes.txt] 1.0 MB {}", id(0)));
    assert!(lines[2].starts_with("    [orientation1.jpg] "), "{shown}");
    assert!(lines[2].ends_with(&id(1)), "{shown}");
    assert!(lines[3].ends_with("#2 ana:"), "{shown}");
    let chats = ben.ok(&["chats"]).await;
    assert!(chats.contains("[notes.txt]"), "{chats}");

    let to = tempfile::tempdir().unwrap();
    let directory = to.path().to_str().unwrap();
    let saved = to.path().join("notes.txt");
    let download = ["download", &id(0), "--out", directory];
    assert_eq!(ben.ok(&download).await, format!("{} (1.0 MB)\n", saved.display()));
    assert_eq!(fs::read(&saved).unwrap(), fs::read(notes).unwrap());
    let again = ben.run(&download, "").await;
    let line = format!("letsapp: {}: there is a file already\n", saved.display());
    assert_eq!((again.code, again.stderr), (5, line));
    let forced = ben.json(&[&download[..], &["--force"]].concat()).await;
    assert_eq!(forced[0]["size"], LARGE);
    assert_eq!(forced[0]["path"], saved.to_str().unwrap());

    let missing = ben.run(&["download", &id(0), "--thumbnail"], "").await;
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.starts_with("letsapp: notes.txt has no preview"),
        "{}",
        missing.stderr
    );
    let elsewhere = to.path().join("small.img");
    let thumbnail = ["download", &id(1), "--thumbnail", "--out", elsewhere.to_str().unwrap()];
    until(TEST_TIMEOUT, async || ben.run(&thumbnail, "").await.code == 0).await;
    assert!(fs::metadata(&elsewhere).unwrap().len() > 0);
    let named = ben.ok(&["download", &id(1), "--thumbnail", "--out", directory]).await;
    assert!(named.contains("orientation1.thumbnail."), "{named}");
    assert_eq!(names(to.path()).len(), 3, "no partial files");
}

#[tokio::test]
async fn refusals_name_the_file() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (good, bad, missing) = (path("good.txt"), path("bad.png"), path("missing.txt"));
    fs::write(&good, "words").unwrap();
    fs::write(&bad, "MZ is not how a picture begins").unwrap();
    let eleven = [&good[..]; 11].map(|path| ["--file", path]).concat();
    let table: [(&[&str], i32, &str); 5] = [
        (&["--file", &good, "--file", &missing], 5, &missing),
        (&["--file", directory.path().to_str().unwrap()], 5, "is a directory"),
        (&["--file", &good, "--file", &bad], 1, &bad),
        (&eleven, 2, "at most 10 files"),
        (&["--file", &good, "--reply-to", "7"], 1, ""),
    ];
    for (arguments, code, text) in table {
        let ended = ana.run(&[&["send", "ben"][..], arguments].concat(), "").await;
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(text), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(ben.ok(&["chats"]).await, "", "nothing was sent");

    let unknown = "0198a5b8-0000-7000-8000-000000000001";
    let ended = ben.run(&["download", unknown], "").await;
    let line = format!("letsapp: there is no file {unknown} for you\n");
    assert_eq!((ended.code, ended.stderr), (1, line));
    assert_eq!(ben.run(&["download", "cat.jpg"], "").await.code, 2);
    let signed_out = Cli::at(&server.url()).run(&["download", unknown], "").await;
    assert_eq!(signed_out.code, 3, "{}", signed_out.stderr);
}

#[tokio::test]
async fn a_chat_shows_the_files_of_a_message() {
    let server = Server::start().await;
    let (ana, ben) = ana_and_ben(&server).await;
    let notes = large_text(ana.path(), "notes.txt");
    ana.ok(&["send", "ben", "hello"]).await;
    let mut chat = ben.start(&["chat", "ana"]);
    chat.shows("#1 ana: hello").await;
    ana.ok(&["send", "ben", "--file", notes.to_str().unwrap(), "read this"])
        .await;
    chat.shows("#2 ana: read this").await;
    chat.shows("    [notes.txt] 1.0 MB ").await;
    assert_eq!(chat.end().await, 0);
}
