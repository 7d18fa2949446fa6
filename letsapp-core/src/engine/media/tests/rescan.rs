//! Scanning stored files again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Bench, HOUR};
use crate::LetsApp;
use crate::domain::id::MediaId;
use crate::domain::media::Variant;
use crate::engine::media::{RescanError, RescanOutcome, sweeper::UNSENT};
use crate::ports::{BlobStore as _, Clock as _, Scan, Scanner, ScannerError, Verdict};
use crate::services::MediaError;
use crate::services::media::UrlFor;

/// A scanner that learns words.
#[derive(Default)]
struct Words {
    /// Word that files must not have, as an index.
    known: AtomicUsize,
}

const UNREACHABLE: usize = 7;
const KNOWN: [&[&str]; 3] = [&[], &["worm"], &["worm", "no verdict"]];

struct Reading(&'static [&'static str], Vec<u8>);

#[async_trait]
impl Scanner for Words {
    async fn begin(&self) -> Result<Box<dyn Scan>, ScannerError> {
        match self.known.load(Ordering::Relaxed) {
            UNREACHABLE => Err(ScannerError("gone".into())),
            known => Ok(Box::new(Reading(KNOWN[known], Vec::new()))),
        }
    }
}

#[async_trait]
impl Scan for Reading {
    async fn push(&mut self, bytes: Bytes) -> Result<(), ScannerError> {
        self.1.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Verdict, ScannerError> {
        let text = String::from_utf8(self.1).unwrap();
        match self.0.iter().find(|word| text.contains(**word)) {
            Some(&"no verdict") => Err(ScannerError("too odd".into())),
            Some(word) => Ok(Verdict::Infected {
                signature: (*word).to_owned(),
            }),
            None => Ok(Verdict::Clean),
        }
    }
}

async fn bench() -> (Bench, Arc<Words>) {
    let scanner = Arc::new(Words::default());
    (Bench::with(LetsApp::builder().scanner(scanner.clone())).await, scanner)
}

impl Bench {
    /// Scans all files that were not scanned within this time, and returns the outcomes by file.
    async fn rescan(&self, within: Duration) -> Vec<(MediaId, String)> {
        let before = self.clock.now().minus(within);
        let mut rescan = self.app.media().rescan(before).unwrap();
        let mut outcomes = Vec::new();
        while let Some(file) = rescan.next().await.unwrap() {
            let outcome = match file.outcome {
                RescanOutcome::Clean => "clean".to_owned(),
                RescanOutcome::Infected { signature } => signature,
                RescanOutcome::Missing => "missing".to_owned(),
                RescanOutcome::Failed(_) => "failed".to_owned(),
            };
            outcomes.push((file.id, outcome));
        }
        outcomes
    }
}

#[tokio::test]
async fn a_file_in_which_malware_is_found_later_is_gone_from_everywhere() {
    let (bench, scanner) = bench().await;
    let good = bench.upload(&bench.ana, "a.txt", b"some words").await;
    let bad = bench.upload(&bench.ana, "b.txt", b"a worm").await;
    let shared = bench.upload(&bench.ana, "c.txt", b"a worm").await;
    for file in [&good, &bad] {
        bench.send(&bench.ana, &[file.id]).await.unwrap();
    }
    let media = bench.app.media();
    let UrlFor::Link(link) = media.link(&bench.ben, bad.id, Variant::Original, None).await.unwrap() else {
        panic!("the store has no addresses of its own");
    };
    scanner.known.store(1, Ordering::Relaxed);
    bench.clock.advance(HOUR / 2);
    let mut outcomes = bench.rescan(Duration::ZERO).await;
    outcomes.sort();
    let mut expected = [(good.id, "clean"), (bad.id, "worm"), (shared.id, "worm")]
        .map(|(id, outcome)| (id, outcome.to_owned()))
        .to_vec();
    expected.sort();
    assert_eq!(outcomes, expected);
    assert!(matches!(media.open(&link).await.map(drop), Err(MediaError::NotFound)));
    for who in [&bench.ana, &bench.ben] {
        let link = media.link(who, bad.id, Variant::Original, None).await;
        assert!(matches!(link, Err(MediaError::NotFound)), "{link:?}");
    }
    assert!(bench.send(&bench.ana, &[shared.id]).await.is_err());
    assert_eq!(bench.blobs.len(), 1, "no bytes of it are kept");
    let scanned = media.find(&bench.ben, good.id).await.unwrap().scanned_at;
    assert_eq!(scanned, Some(bench.clock.now()));

    bench.after(2 * UNSENT).await;
    assert!(bench.exists(&bench.ben, good.id).await);
    assert_eq!(bench.blobs.len(), 1);
    let stores = &bench.app.engine().stores;
    assert!(stores.media.refs(&[bad.id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn files_that_were_scanned_since_then_are_passed_over() {
    let (bench, _) = bench().await;
    let old = bench.upload(&bench.ana, "a.txt", b"some words").await;
    bench.clock.advance(HOUR);
    let new = bench.upload(&bench.ana, "b.txt", b"other words").await;
    let minute = Duration::from_secs(60);
    assert_eq!(bench.rescan(minute).await, [(old.id, "clean".to_owned())]);
    assert_eq!(bench.rescan(minute).await, [], "it goes on where it was interrupted");
    bench.clock.advance(minute);
    assert_eq!(bench.rescan(minute).await, [], "at that time counts as since then");
    bench.clock.advance(minute);
    let mut all = [old.id, new.id].map(|id| (id, "clean".to_owned())).to_vec();
    all.sort();
    assert_eq!(bench.rescan(minute).await, all);
}

#[tokio::test]
async fn files_without_bytes_or_without_a_verdict_stop_no_other() {
    let (bench, scanner) = bench().await;
    let (good, lost, odd) = (
        bench.upload(&bench.ana, "a.txt", b"some words").await,
        bench.upload(&bench.ana, "b.txt", b"lost words").await,
        bench.upload(&bench.ana, "c.txt", b"no verdict on this").await,
    );
    let found = bench.app.engine().stores.media.find(&[lost.id]).await.unwrap();
    bench.blobs.delete(found[0].blob).await.unwrap();
    scanner.known.store(2, Ordering::Relaxed);
    bench.clock.advance(HOUR);
    let mut expected = [(good.id, "clean"), (lost.id, "missing"), (odd.id, "failed")]
        .map(|(id, outcome)| (id, outcome.to_owned()))
        .to_vec();
    expected.sort();
    assert_eq!(bench.rescan(Duration::ZERO).await, expected);
    let again = bench.rescan(Duration::ZERO).await;
    assert_eq!(again.len(), 2, "those that were not scanned");
    assert!(bench.exists(&bench.ana, lost.id).await && bench.exists(&bench.ana, odd.id).await);
}

#[tokio::test]
async fn without_a_scanner_nothing_is_scanned() {
    let bench = Bench::new().await;
    let refused = bench.app.media().rescan(bench.clock.now()).map(drop);
    assert!(matches!(refused, Err(RescanError::NoScanner)), "{refused:?}");
    let (bench, scanner) = self::bench().await;
    let file = bench.upload(&bench.ana, "a.txt", b"some words").await;
    scanner.known.store(UNREACHABLE, Ordering::Relaxed);
    bench.clock.advance(HOUR);
    let mut rescan = bench.app.media().rescan(bench.clock.now()).unwrap();
    let stopped = rescan.next().await;
    assert!(matches!(stopped, Err(RescanError::Unreachable(_))), "{stopped:?}");
    assert!(bench.exists(&bench.ana, file.id).await);
}
