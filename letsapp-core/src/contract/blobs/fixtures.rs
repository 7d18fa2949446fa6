//! Bytes whose every position can be told from every other, streams of them, and steps that many cases share.

use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Builder;

use super::BlobTrial;
use crate::domain::id::BlobId;
use crate::ports::{BlobError, BlobStore, ByteStream};

/// Size in bytes of a block, the unit in which samples are made and checked.
const BLOCK: usize = 64 * 1024;

/// Bytes of which each block of a sample is a copy, except for its first eight bytes.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // A generator of Lehmer's kind: bytes without a period that a size of chunks could hide.
    let mut state = 0x1234_5678_9abc_def1_u64;
    let next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(BLOCK).collect()
});

pub(super) fn blob_id(n: u64) -> BlobId {
    let mut bytes = [6; 16];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[9..].copy_from_slice(&n.to_be_bytes()[1..]);
    BlobId::from_uuid(Builder::from_random_bytes(bytes).into_uuid())
}

/// Content of a blob, made up from a seed. Different seeds have different bytes in every block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) seed: u32,
    pub(super) size: u64,
}

impl Sample {
    pub(super) const fn new(seed: u32, size: u64) -> Self {
        Self { seed, size }
    }

    /// Returns the bytes of a range. For ranges that fit into memory.
    pub(super) fn bytes(self, range: Range<u64>) -> Bytes {
        let mut bytes = BytesMut::new();
        let block = BLOCK as u64;
        for index in range.start / block..range.end.div_ceil(block) {
            let whole = self.block(index);
            let start = range.start.saturating_sub(index * block).min(block) as usize;
            let end = range.end.saturating_sub(index * block).min(block) as usize;
            bytes.extend_from_slice(&whole[start..end.max(start)]);
        }
        bytes.freeze()
    }

    /// Returns a stream of chunks of this many bytes, each made when it is asked for.
    pub(super) fn stream(self, chunk: u64) -> ByteStream {
        let starts = stream::iter((0..self.size.div_ceil(chunk)).map(move |n| n * chunk));
        starts
            .map(move |start| Ok(self.bytes(start..self.size.min(start + chunk))))
            .boxed()
    }

    fn block(self, index: u64) -> Vec<u8> {
        let mut block = PATTERN.clone();
        block[..8].copy_from_slice(&((u64::from(self.seed) << 32) | index).to_be_bytes());
        block[BLOCK / 2..BLOCK / 2 + 4].copy_from_slice(&self.seed.to_be_bytes());
        block
    }
}

impl BlobTrial {
    pub(super) async fn put(&self, n: u64, sample: Sample) -> Result<u64, BlobError> {
        self.store.put(blob_id(n), sample.stream(100_000)).await
    }

    /// Asserts that a blob holds a sample, without holding it in memory.
    pub(super) async fn assert_holds(&self, n: u64, sample: Sample) {
        assert_holds(&*self.store, n, sample).await;
    }

    /// Reads a range that fits into memory.
    pub(super) async fn read(&self, n: u64, range: Option<Range<u64>>) -> Result<Bytes, BlobError> {
        let read = self.store.get(blob_id(n), range).await?;
        let chunks: Vec<Bytes> = read.bytes.try_collect().await.map_err(BlobError::Internal)?;
        Ok(chunks.concat().into())
    }

    pub(super) async fn is_there(&self, n: u64) -> bool {
        match self.store.get(blob_id(n), None).await {
            Ok(_) => true,
            Err(BlobError::NotFound) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Returns the footprint; 0 if nobody can tell.
    pub(super) async fn footprint(&self) -> usize {
        self.subject.footprint().await.unwrap_or(0)
    }

    /// Waits until the footprint is the expected one, since some removals go on in the background.
    pub(super) async fn until_footprint_is(&self, expected: usize) {
        eventually("the footprint", async || self.footprint().await == expected).await;
    }
}

pub(super) async fn assert_holds(store: &dyn BlobStore, n: u64, sample: Sample) {
    let mut read = store.get(blob_id(n), None).await.unwrap();
    assert_eq!(read.size, sample.size);
    let mut at = 0;
    while let Some(chunk) = read.bytes.try_next().await.unwrap() {
        let end = at + chunk.len() as u64;
        assert!(chunk == sample.bytes(at..end), "other bytes at {at}..{end} of blob {n}");
        at = end;
    }
    assert_eq!(at, sample.size);
}

/// Time for something to happen in the background.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until a condition holds.
pub(super) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let mut poll = tokio::time::interval(Duration::from_millis(5));
    let holds = async {
        while !condition().await {
            poll.tick().await;
        }
    };
    let outcome = tokio::time::timeout(DEADLINE, holds).await;
    assert!(outcome.is_ok(), "still waiting for {what} after {DEADLINE:?}");
}
