//! Writing one blob: in parts of one size, and without leaving anything behind when it fails.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::ports::{BlobError, ByteStream};

/// A blob that is being written to a store.
pub(in crate::adapters) trait Upload: Send + Sized + 'static {
    /// Size in bytes of each part but the last.
    const PART: usize;

    /// Writes the next part, which has [`PART`](Self::PART) bytes.
    fn write(&mut self, part: Bytes) -> impl Future<Output = Result<(), BlobError>> + Send;

    /// Writes the rest, which is shorter than a part and may be empty, and makes the blob durable and visible.
    fn finish(&mut self, rest: Bytes) -> impl Future<Output = Result<(), BlobError>> + Send;

    /// Removes what was written, finished or not. A failure is logged: nobody could do anything about it.
    fn discard(self) -> impl Future<Output = ()> + Send;
}

/// Writes all bytes of a stream to the upload that `begin` makes, and returns their number.
///
/// The work is done by a task of its own. If the returned future is dropped, the task ends the step that it is at and
/// discards the upload; a step that was dropped half-way could take effect after its removal.
///
/// # Errors
/// [`BlobError`] of the stream, or of the store. The upload is discarded by then.
pub(in crate::adapters) async fn store<U: Upload>(
    begin: impl Future<Output = Result<U, BlobError>> + Send + 'static,
    bytes: ByteStream,
) -> Result<u64, BlobError> {
    let (answer, receiver) = oneshot::channel();
    tokio::spawn(carry_out(begin, bytes, answer));
    Waiting(receiver).await
}

/// An upload that is finished.
struct Stored<U> {
    upload: U,
    size: u64,
}

type Outcome<U> = Result<Stored<U>, BlobError>;

/// The caller's side. The upload comes with the answer, so that one that arrives too late can still be discarded.
struct Waiting<U: Upload>(oneshot::Receiver<Outcome<U>>);

impl<U: Upload> Future for Waiting<U> {
    type Output = Result<u64, BlobError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(match outcome {
            Ok(stored) => stored.map(|stored| stored.size),
            Err(_) => Err(BlobError::internal(
                "the task that wrote the blob has ended without a result",
            )),
        })
    }
}

impl<U: Upload> Drop for Waiting<U> {
    fn drop(&mut self) {
        self.0.close();
        if let Ok(Ok(stored)) = self.0.try_recv()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(stored.upload.discard());
        }
    }
}

async fn carry_out<U: Upload>(
    begin: impl Future<Output = Result<U, BlobError>>,
    bytes: ByteStream,
    mut answer: oneshot::Sender<Outcome<U>>,
) {
    let outcome = match begin.await {
        Ok(mut upload) => match copy(&mut upload, bytes, &mut answer).await {
            Ok(size) => Ok(Stored { upload, size }),
            Err(error) => {
                upload.discard().await;
                Err(error)
            }
        },
        Err(error) => Err(error),
    };
    if let Err(Ok(stored)) = answer.send(outcome) {
        stored.upload.discard().await;
    }
}

/// Copies the bytes until their end, or until nobody waits for the answer any more.
async fn copy<U: Upload>(
    upload: &mut U,
    bytes: ByteStream,
    answer: &mut oneshot::Sender<Outcome<U>>,
) -> Result<u64, BlobError> {
    let mut parts = Parts::new(bytes, U::PART);
    let mut size = 0;
    loop {
        let part = tokio::select! {
            biased;
            () = answer.closed() => return Err(BlobError::internal("nobody waits for the blob any more")),
            part = parts.next() => part?,
        };
        match part {
            Part::Full(part) => {
                size += part.len() as u64;
                upload.write(part).await?;
            }
            Part::Rest(rest) => {
                size += rest.len() as u64;
                upload.finish(rest).await?;
                return Ok(size);
            }
        }
    }
}

/// A stream cut into parts of one size.
struct Parts {
    bytes: ByteStream,
    size: usize,
    /// Rest of the last chunk of the stream.
    chunk: Bytes,
    /// Beginning of the next part.
    part: BytesMut,
}

#[derive(Debug, PartialEq)]
enum Part {
    Full(Bytes),
    /// The end, shorter than a part.
    Rest(Bytes),
}

impl Parts {
    fn new(bytes: ByteStream, size: usize) -> Self {
        Self {
            bytes,
            size,
            chunk: Bytes::new(),
            part: BytesMut::new(),
        }
    }

    /// Returns the next part. Can be dropped and called again without losing bytes.
    async fn next(&mut self) -> Result<Part, BlobError> {
        loop {
            if self.part.is_empty() && self.chunk.len() >= self.size {
                return Ok(Part::Full(self.chunk.split_to(self.size)));
            }
            let missing = self.chunk.len().min(self.size - self.part.len());
            if !self.part.is_empty() && missing > 0 {
                // At once, instead of step by step: each step is a copy, and another buffer. A small blob is a chunk.
                self.part.reserve(self.size - self.part.len());
            }
            self.part.extend_from_slice(&self.chunk.split_to(missing));
            if self.part.len() == self.size {
                return Ok(Part::Full(self.part.split().freeze()));
            }
            match self.bytes.next().await {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Err(BlobError::Interrupted(error)),
                None => return Ok(Part::Rest(self.part.split().freeze())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::{FutureExt as _, stream};
    use tokio::sync::Notify;

    use super::*;
    use crate::ports::BoxError;

    /// Writes down what is done with an upload. Its end waits for `permission`.
    #[derive(Default)]
    struct Recorder {
        steps: Mutex<Vec<String>>,
        finishing: Notify,
        permission: Notify,
        discarded: Notify,
    }

    struct Recorded(Arc<Recorder>);

    impl Recorded {
        fn note(&self, step: impl Into<String>) {
            self.0.steps.lock().unwrap().push(step.into());
        }
    }

    impl Upload for Recorded {
        const PART: usize = 4;

        async fn write(&mut self, part: Bytes) -> Result<(), BlobError> {
            self.note(format!("write {}", String::from_utf8_lossy(&part)));
            Ok(())
        }

        async fn finish(&mut self, rest: Bytes) -> Result<(), BlobError> {
            self.0.finishing.notify_one();
            self.0.permission.notified().await;
            self.note(format!("finish {}", String::from_utf8_lossy(&rest)));
            Ok(())
        }

        async fn discard(self) {
            self.note("discard");
            self.0.discarded.notify_one();
        }
    }

    fn chunks(chunks: &[&'static str]) -> ByteStream {
        stream::iter(chunks.to_vec())
            .map(|chunk| Ok::<_, BoxError>(Bytes::from(chunk)))
            .boxed()
    }

    fn begin(recorder: &Arc<Recorder>) -> impl Future<Output = Result<Recorded, BlobError>> + Send + 'static {
        std::future::ready(Ok(Recorded(Arc::clone(recorder))))
    }

    #[tokio::test]
    async fn chunks_of_any_size_become_parts_of_one_size() {
        for (given, expected) in [
            (vec![], vec!["finish "]),
            (vec!["", "abc"], vec!["finish abc"]),
            (vec!["abcd"], vec!["write abcd", "finish "]),
            (
                vec!["a", "bcdefghijk", "l", "mn"],
                vec!["write abcd", "write efgh", "write ijkl", "finish mn"],
            ),
        ] {
            let recorder = Arc::new(Recorder::default());
            recorder.permission.notify_one();
            let size = store(begin(&recorder), chunks(&given)).await.unwrap();
            assert_eq!(size, given.concat().len() as u64);
            assert_eq!(*recorder.steps.lock().unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn an_upload_is_discarded_before_the_error_of_its_stream_is_returned() {
        let recorder = Arc::new(Recorder::default());
        let broken = chunks(&["abcdef"])
            .chain(stream::iter([Err("the client is gone".into())]))
            .boxed();
        let failure = store(begin(&recorder), broken).await.unwrap_err();
        assert!(matches!(failure, BlobError::Interrupted(cause) if cause.to_string() == "the client is gone"));
        assert_eq!(*recorder.steps.lock().unwrap(), ["write abcd", "discard"]);
    }

    #[tokio::test]
    async fn an_upload_whose_caller_is_gone_is_discarded_while_it_waits_for_bytes() {
        let recorder = Arc::new(Recorder::default());
        let mut writing = Box::pin(store(
            begin(&recorder),
            chunks(&["abcdef"]).chain(stream::pending()).boxed(),
        ));
        assert!((&mut writing).now_or_never().is_none());
        drop(writing);
        recorder.discarded.notified().await;
        assert_eq!(recorder.steps.lock().unwrap().last().unwrap(), "discard");
    }

    #[tokio::test]
    async fn an_upload_whose_caller_goes_while_it_is_finished_is_discarded_after_that() {
        let recorder = Arc::new(Recorder::default());
        let mut writing = Box::pin(store(begin(&recorder), chunks(&["ab"])));
        assert!((&mut writing).now_or_never().is_none());
        recorder.finishing.notified().await;
        drop(writing);
        recorder.permission.notify_one();
        recorder.discarded.notified().await;
        assert_eq!(*recorder.steps.lock().unwrap(), ["finish ab", "discard"]);
    }

    #[tokio::test]
    async fn an_upload_whose_caller_goes_before_the_answer_is_read_is_discarded() {
        let recorder = Arc::new(Recorder::default());
        let mut writing = Box::pin(store(begin(&recorder), chunks(&["ab"])));
        assert!((&mut writing).now_or_never().is_none());
        recorder.permission.notify_one();
        let finished = || recorder.steps.lock().unwrap().len() == 1;
        while !finished() {
            tokio::task::yield_now().await;
        }
        // Nobody has polled the future since, although the answer is there.
        tokio::task::yield_now().await;
        drop(writing);
        recorder.discarded.notified().await;
        assert_eq!(*recorder.steps.lock().unwrap(), ["finish ab", "discard"]);
    }
}
