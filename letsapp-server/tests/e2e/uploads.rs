//! Server that is killed repeatedly while files are uploaded: what was acknowledged is complete, what was begun goes on,
//! and nothing else stays.
#![allow(clippy::print_stdout, reason = "a run is repeated with the seed in its log")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::{join, join_all};
use http::{Method, Response};
use letsapp_core::LetsApp;
use letsapp_core::adapters::sqlite::SqliteStore;
use letsapp_core::domain::timestamp::Timestamp;
use letsapp_core::ports::{ManualClock, Repositories};
use letsapp_testkit::server::Binary;
use letsapp_testkit::{mongodb, until};
use serde_json::json;
use tokio::time::Instant;

use crate::http::{Http, Lost};
use crate::people::Person;
use crate::{random, server};

/// Transfers that begin in each round.
const TRANSFERS: u64 = 9;

/// Most kills until one has hit an upload.
const MAX_KILLS: u64 = 20;

/// Time in which the sweeper does its work, far longer than it takes.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(60);

/// Time after which nothing is kept that is not sent.
const DAY: Duration = Duration::from_secs(25 * 3600);

/// Numbers that follow from a seed.
struct Dice {
    seed: u64,
    state: u64,
}

/// Way in which a file is uploaded.
#[derive(Clone, Copy, Debug)]
enum Way {
    Bare,
    Form,
    Resumable,
}

/// A file that is uploaded until the server has acknowledged it.
#[derive(Debug)]
struct Transfer {
    id: String,
    way: Way,
    bytes: Bytes,
    /// Bytes that are sent at once, if the upload is resumable.
    piece: usize,
    /// Offset that the server has acknowledged.
    kept: usize,
    is_acknowledged: bool,
    is_given_up: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_on_sqlite_keeps_every_acknowledged_file_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let sent = kill_repeatedly(&server::at_one_address(directory.path()), 6).await;
    let data = directory.path().join("letsapp-data");
    let store = Arc::new(SqliteStore::open(data.join("letsapp.db")).unwrap());
    nothing_else_is_left(store, &sent, || blobs(&data.join("letsapp.db-media"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_on_mongodb_keeps_every_acknowledged_file_and_no_other() {
    let Some(mongodb) = mongodb::shared() else { return };
    let (directory, uri) = (tempfile::tempdir().unwrap(), mongodb.unique_database_uri());
    let folder = directory.path().join("media");
    let binary = server::at_one_address(directory.path()).args(["--store", &uri]);
    let binary = binary.args(["--blobs", &format!("file:{}", folder.display())]);
    let sent = kill_repeatedly(&binary, 3).await;
    let store = letsapp_core::adapters::mongodb::MongoStore::connect(&uri)
        .await
        .unwrap();
    let blobs = || blobs(&folder);
    let media = letsapp_core::adapters::blobs::FileBlobs::open(&folder).unwrap();
    nothing_else_is_left_in(Arc::new(store), Some(Arc::new(media)), &sent, blobs).await;
}

/// Files that were acknowledged and sent, and the time of the server by then.
struct Sent {
    seed: u64,
    files: usize,
    at: Timestamp,
}

/// Kills the server this many times while files are uploaded, and checks what was acknowledged.
async fn kill_repeatedly(binary: &Binary, times: u64) -> Sent {
    let mut dice = Dice::roll();
    let seed = dice.seed;
    let mut server = binary.start().await;
    let http = Http::new(server.url());
    let (ana, ben) = (Person::sign_up(&http, "ana").await, Person::sign_up(&http, "ben").await);
    let chat = ana.talk_to(&ben).await;
    // The first are uploaded without a kill, which tells how long they take.
    let mut transfers: Vec<_> = (0..TRANSFERS).map(|n| Transfer::new(&mut dice, n)).collect();
    let since = Instant::now();
    join_all(transfers.iter_mut().map(|transfer| transfer.go_on(&ana, seed))).await;
    let duration = u64::try_from(since.elapsed().as_micros()).unwrap();
    let (mut interrupted, mut round) = (0, 0);
    // On a fast machine some kills come too late.
    while round < times || (interrupted == 0 && round < MAX_KILLS) {
        round += 1;
        transfers.extend((0..TRANSFERS).map(|n| Transfer::new(&mut dice, round * TRANSFERS + n)));
        let delay = Duration::from_micros(dice.below(duration));
        let uploads = join_all(transfers.iter_mut().map(|transfer| transfer.go_on(&ana, seed)));
        let kill = async {
            // So that each kill hits another point of the work. Not a wait for anything.
            tokio::time::sleep(delay).await;
            server.kill9();
        };
        join(uploads, kill).await;
        server = binary.start().await;
        for transfer in transfers.iter_mut().filter(|transfer| !transfer.is_acknowledged) {
            interrupted += 1;
            transfer.is_given_up |= dice.below(4) == 0;
        }
    }
    let begun = transfers
        .iter()
        .filter(|transfer| !transfer.is_acknowledged && transfer.kept > 0);
    println!(
        "seed {seed}: {interrupted} were interrupted, {} resumed at last",
        begun.count()
    );
    assert!(interrupted > 0, "a kill hits uploads, seed {seed}");
    join_all(transfers.iter_mut().map(|transfer| transfer.go_on(&ana, seed))).await;

    let (done, open): (Vec<_>, Vec<_>) = transfers.iter().partition(|transfer| transfer.is_acknowledged);
    assert!(
        open.iter().all(|transfer| transfer.is_given_up),
        "all others are done, seed {seed}"
    );
    assert!(done.len() > TRANSFERS as usize, "there were uploads, seed {seed}");
    for transfer in &done {
        let read = ana.download(&transfer.id).await;
        assert!(
            read == transfer.bytes,
            "{:?} {}, seed {seed}",
            transfer.way,
            transfer.id
        );
    }
    for some in done.chunks(10) {
        let ids: Vec<_> = some.iter().map(|transfer| &transfer.id).collect();
        let message = json!({"body": "see", "attachments": ids});
        ana.post(&format!("/v1/conversations/{chat}/messages"), message).await;
    }
    let newest = ana.history(&chat).await.pop().unwrap();
    assert!(server.terminate().await.success());
    Sent {
        seed,
        files: done.len(),
        at: newest["sent_at"].as_str().unwrap().parse().unwrap(),
    }
}

async fn nothing_else_is_left(store: Arc<dyn Repositories>, sent: &Sent, blobs: impl Fn() -> usize) {
    nothing_else_is_left_in(store, None, sent, blobs).await;
}

/// Waits until, a day later, nothing is left but what was sent.
async fn nothing_else_is_left_in(
    store: Arc<dyn Repositories>,
    place: Option<Arc<dyn letsapp_core::ports::BlobStore>>,
    sent: &Sent,
    blobs: impl Fn() -> usize,
) {
    let media = store.media();
    let clock = Arc::new(ManualClock::at(sent.at.plus(DAY)));
    let builder = LetsApp::builder().shared_store(store).clock(clock);
    let builder = match place {
        Some(place) => builder.blobs(place),
        None => builder,
    };
    let app = builder.build().await.unwrap();
    let counts = async || {
        let records = media.all(None, 1_000).await.unwrap().len();
        let uploads = media.expired_uploads(sent.at.plus(2 * DAY), 1_000).await.unwrap();
        (records, uploads.len(), blobs())
    };
    let expected = (sent.files, 0, sent.files);
    let counts = &counts;
    let settled = until(2 * SWEEP_TIMEOUT, || async move { counts().await == expected });
    let settled = tokio::time::timeout(SWEEP_TIMEOUT, settled).await;
    assert!(
        settled.is_ok(),
        "{:?} instead of {expected:?}, seed {}",
        counts().await,
        sent.seed
    );
    app.shutdown().await;
}

impl Dice {
    /// Begins with the seed in `LETSAPP_TEST_SEED`, or a random one.
    fn roll() -> Self {
        let given = std::env::var("LETSAPP_TEST_SEED").ok();
        let seed = given.map_or_else(|| random::below(u64::MAX), |seed| seed.parse().unwrap());
        println!("seed {seed}");
        Self { seed, state: seed | 1 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // Xorshift, whose numbers are the same everywhere.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % bound
    }
}

impl Transfer {
    fn new(dice: &mut Dice, number: u64) -> Self {
        let words = format!("file {number} of seed {} ", dice.seed);
        let size = usize::try_from(1_000 + dice.below(400_000)).unwrap();
        let mut bytes = words.repeat(size / words.len() + 1);
        bytes.truncate(size);
        Self {
            id: random::fresh_id().to_string(),
            way: [Way::Bare, Way::Form, Way::Resumable][usize::try_from(number % 3).unwrap()],
            bytes: bytes.into(),
            piece: usize::try_from(5_000 + dice.below(60_000)).unwrap(),
            kept: 0,
            is_acknowledged: false,
            is_given_up: false,
        }
    }

    /// Uploads until the server acknowledges the file or is gone.
    async fn go_on(&mut self, who: &Person, seed: u64) {
        if self.is_acknowledged || self.is_given_up {
            return;
        }
        let went = match self.way {
            Way::Bare => self.bare(who).await,
            Way::Form => self.form(who).await,
            Way::Resumable => self.resume(who, seed).await,
        };
        self.is_acknowledged = went.is_ok();
    }

    async fn bare(&self, who: &Person) -> Result<(), Lost> {
        let path = format!("/v1/media?id={}", self.id);
        let headers = [("content-disposition", "attachment; filename=a.txt")];
        let answer = who.exchange(Method::POST, &path, &headers, self.bytes.clone()).await?;
        made(&answer);
        Ok(())
    }

    async fn form(&self, who: &Person) -> Result<(), Lost> {
        let mut form = format!(
            "--edge\r\ncontent-disposition: form-data; name=id\r\n\r\n{}\r\n",
            self.id
        )
        .into_bytes();
        form.extend_from_slice(b"--edge\r\ncontent-disposition: form-data; name=file; filename=a.txt\r\n\r\n");
        form.extend_from_slice(&self.bytes);
        form.extend_from_slice(b"\r\n--edge--\r\n");
        let headers = [("content-type", "multipart/form-data; boundary=edge")];
        let answer = who.exchange(Method::POST, "/v1/media", &headers, form).await?;
        made(&answer);
        Ok(())
    }

    async fn resume(&mut self, who: &Person, seed: u64) -> Result<(), Lost> {
        let path = format!("/v1/uploads/{}", self.id);
        let tus = ("tus-resumable", "1.0.0");
        let state = who.exchange(Method::HEAD, &path, &[tus], "").await?;
        let state = if state.status() == 404 {
            assert_eq!(self.kept, 0, "an upload is not forgotten, seed {seed}");
            let metadata = format!("filename YS50eHQ=,id {}", STANDARD.encode(&self.id));
            let length = self.bytes.len().to_string();
            let headers = [tus, ("upload-length", &length), ("upload-metadata", &metadata)];
            who.exchange(Method::POST, "/v1/uploads", &headers, "").await?
        } else {
            state
        };
        assert!(state.status().is_success(), "{}, seed {seed}", state.status());
        let mut last = state;
        loop {
            let offset: usize = header(&last, "upload-offset").unwrap().parse().unwrap();
            assert!(
                (self.kept..=self.bytes.len()).contains(&offset),
                "{} bytes were acknowledged, not {offset}, seed {seed}",
                self.kept
            );
            self.kept = offset;
            if let Some(id) = header(&last, "upload-media-id") {
                assert_eq!((id, offset), (&*self.id, self.bytes.len()));
                return Ok(());
            }
            let end = (offset + self.piece).min(self.bytes.len());
            let offset_header = offset.to_string();
            let headers = [
                tus,
                ("content-type", "application/offset+octet-stream"),
                ("upload-offset", &offset_header),
            ];
            let piece = self.bytes.slice(offset..end);
            last = who.exchange(Method::PATCH, &path, &headers, piece).await?;
            assert_eq!(last.status(), 204, "at {offset}, seed {seed}");
        }
    }
}

/// Asserts that a file was made, now or before.
fn made(answer: &Response<Bytes>) {
    assert!(matches!(answer.status().as_u16(), 200 | 201), "{answer:?}");
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

/// Returns the number of files below a folder of blobs, with those that interrupted writes have left.
fn blobs(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: &Path| {
        if path.is_dir() {
            blobs(path)
        } else {
            usize::from(!is_lock(path))
        }
    };
    entries.map(|path| count(&path)).sum()
}

fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lock")
}
