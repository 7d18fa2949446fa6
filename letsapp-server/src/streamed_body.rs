//! Responses whose body is streamed: warp has no public way to make one, so it travels beside the response.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, SizeHint};
use letsapp_core::ports::{BoxError, ByteStream};

/// A body to be streamed: an extension of a response whose own body is empty.
#[derive(Clone)]
struct Streamed(Arc<Mutex<Option<StreamedBody>>>);

/// A body of a known size that is streamed.
pub(crate) struct StreamedBody {
    bytes: ByteStream,
    /// Number of bytes that are still to come.
    left: u64,
}

/// The body of warp's responses, whose name is not public.
type WarpBody = <warp::reply::Response as HasBody>::Body;

/// The body of an answer.
pub(crate) enum AnswerBody {
    /// In memory.
    Whole(WarpBody),
    /// Streamed.
    Streamed(StreamedBody),
}

/// A response, for the type of its body.
pub(crate) trait HasBody {
    type Body;
}

impl<B> HasBody for Response<B> {
    type Body = B;
}

/// Sets the body of a response.
pub(crate) fn set(response: &mut warp::reply::Response, bytes: ByteStream, size: u64) {
    let body = StreamedBody { bytes, left: size };
    let streamed = Streamed(Arc::new(Mutex::new(Some(body))));
    response.extensions_mut().insert(streamed);
}

/// Puts the streamed body of a response in its place, if it has one.
pub(crate) fn take(mut response: warp::reply::Response) -> Response<AnswerBody> {
    let streamed = response.extensions_mut().remove::<Streamed>();
    let streamed = streamed.and_then(|Streamed(body)| body.lock().unwrap_or_else(PoisonError::into_inner).take());
    response.map(|whole| streamed.map_or(AnswerBody::Whole(whole), AnswerBody::Streamed))
}

impl Body for StreamedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = self.bytes.as_mut().poll_next(context);
        next.map(|chunk| match chunk {
            Some(Ok(chunk)) => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                Some(Ok(Frame::data(chunk)))
            }
            Some(Err(error)) => {
                tracing::warn!(error = %error, "a download was cut off");
                Some(Err(error))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(BoxError::from),
            Self::Streamed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Streamed(body) => body.size_hint(),
        }
    }
}
