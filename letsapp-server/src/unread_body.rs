//! Bodies of requests that were answered before they were read.
//!
//! Hyper closes a connection when it has answered a request whose body was not read. If the client is still sending,
//! its system discards the answer with the connection. Here the rest of a small body is read, so that the connection
//! goes on; after a larger one the answer says `Connection: close`, and `lingering.rs` closes without loss.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// Size up to which the rest of a body is read for the sake of the connection: that of nearly all JSON bodies, and less
/// than a new connection costs.
const MAX_REST_BYTES: u64 = 64 * 1024;

/// Time that the rest of a body has to arrive. A small one is in the same packets as its head, so that it is there
/// already; longer waits would delay the answer.
const REST_TIMEOUT: Duration = Duration::from_millis(100);

/// The body of a request, which leaves its rest to an [`UnreadBody`] when it is dropped before its end.
pub(crate) struct RequestBody {
    body: Option<Incoming>,
    ended: bool,
    rest: Option<Arc<Mutex<Option<Incoming>>>>,
}

/// The rest of a request's body, once its [`RequestBody`] is dropped.
pub(crate) struct UnreadBody {
    rest: Option<Arc<Mutex<Option<Incoming>>>>,
    /// Whether the client waits for `100 Continue`, which reading the body would send.
    is_awaited: bool,
}

/// Separates what will be left of a request's body.
pub(crate) fn watch(request: Request<Incoming>) -> (Request<RequestBody>, UnreadBody) {
    // Most requests have no body, and need nothing shared.
    let rest = (!request.body().is_end_stream()).then(Arc::default);
    let unread = UnreadBody {
        rest: rest.clone(),
        is_awaited: request.headers().contains_key(EXPECT),
    };
    let request = request.map(|body| RequestBody {
        ended: body.is_end_stream(),
        body: Some(body),
        rest,
    });
    (request, unread)
}

impl UnreadBody {
    /// Reads what is left of the body if it is small and already there. Returns whether the body is at its end, so that
    /// the connection can go on.
    pub(crate) async fn finish(self) -> bool {
        let rest = self.rest.and_then(|rest| lock(&rest).take());
        let Some(mut rest) = rest else { return true };
        if self.is_awaited || rest.size_hint().lower() > MAX_REST_BYTES {
            return false;
        }
        let read = async {
            let mut length = 0;
            while let Some(frame) = rest.frame().await {
                let Ok(frame) = frame else { return false };
                length += frame.data_ref().map_or(0, |data| data.len() as u64);
                if length > MAX_REST_BYTES {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(REST_TIMEOUT, read).await.unwrap_or(false)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.ended = true;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.ended
            && !self.is_end_stream()
            && let Some(rest) = &self.rest
        {
            *lock(rest) = self.body.take();
        }
    }
}

/// Locks the place of the rest. Nothing panics while it is locked.
fn lock(rest: &Mutex<Option<Incoming>>) -> std::sync::MutexGuard<'_, Option<Incoming>> {
    rest.lock().unwrap_or_else(PoisonError::into_inner)
}
