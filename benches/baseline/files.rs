//! Bare HTTP endpoint over a store of files: hyper as in LetsApp's server, and the same blob store.
//!
//! `POST /` streams a body into the store and answers with its id; `GET /ID` streams it back; `DELETE /ID` removes it.
//! Nothing is checked, hashed or recorded, and nobody signs in.
//!
//! The endpoint runs in a process of its own, like the relay.

use std::{
    io::{self, Write},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyStream, Either, Full};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use letsapp_core::{
    adapters::{blobs::FileBlobs, mongodb::MongoStore},
    domain::id::BlobId,
    ports::{BlobStore, BoxError, ByteStream},
};
use tokio::net::TcpListener;

use crate::sample::{unix_milliseconds, uuid_v7};

/// Listens on a free port of the loopback interface, announces it on standard output, and serves until that fails.
///
/// `place` is the URI of a MongoDB database, or the path of a folder.
///
/// # Errors
/// Fails if the store can't be opened, there is no free port, or connections can't be accepted any more.
#[tokio::main]
pub async fn run(place: &str) -> Result<(), BoxError> {
    let blobs: Arc<dyn BlobStore> = if place.starts_with("mongodb://") {
        MongoStore::connect(place).await?.blobs()
    } else {
        Arc::new(FileBlobs::open(place)?)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "files listening on http://{}", listener.local_addr()?)?;
    serve(listener, blobs).await
}

/// Serves until the listener fails.
///
/// # Errors
/// Fails if connections can't be accepted any more.
pub async fn serve(listener: TcpListener, blobs: Arc<dyn BlobStore>) -> Result<(), BoxError> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let blobs = Arc::clone(&blobs);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&*blobs, request));
            // A failed connection needs no report here: the load client notices.
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

type Answer = Response<Either<Full<Bytes>, Streamed>>;

async fn answer(blobs: &dyn BlobStore, request: Request<Incoming>) -> Result<Answer, BoxError> {
    match *request.method() {
        Method::POST => {
            let id = BlobId::from_uuid(uuid_v7(unix_milliseconds(), rand(), rand()));
            let chunks = BodyStream::new(request.into_body()).filter_map(async |frame| {
                frame
                    .map_err(BoxError::from)
                    .map(|frame| frame.into_data().ok())
                    .transpose()
            });
            blobs.put(id, chunks.boxed()).await?;
            let body = format!(r#"{{"id":"{id}"}}"#);
            let mut response = Response::new(Either::Left(Full::from(body)));
            *response.status_mut() = StatusCode::CREATED;
            Ok(response)
        }
        Method::DELETE => {
            blobs.delete(id(&request)?).await?;
            Ok(Response::new(Either::Left(Full::default())))
        }
        _ => {
            let read = blobs.get(id(&request)?, None).await?;
            let streamed = Streamed {
                bytes: read.bytes,
                size: read.size,
            };
            Ok(Response::new(Either::Right(streamed)))
        }
    }
}

fn id(request: &Request<Incoming>) -> Result<BlobId, BoxError> {
    Ok(request.uri().path().trim_start_matches('/').parse()?)
}

fn rand() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

/// Body of a known size.
struct Streamed {
    bytes: ByteStream,
    size: u64,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = self.bytes.as_mut().poll_next(context);
        next.map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size)
    }
}

#[cfg(test)]
mod tests {
    use letsapp_core::adapters::blobs::MemoryBlobs;

    use super::*;
    use crate::load::{Content, Transfer};

    #[tokio::test]
    async fn a_file_comes_back_until_it_is_deleted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(serve(listener, Arc::new(MemoryBlobs::new())));
        let mut client = Transfer::connect(address, String::new())
            .await
            .expect("the endpoint accepts everyone");
        let posted = client
            .post("/", &Content::new(), 7, 300_000)
            .await
            .expect("it is stored");
        let path = format!("/{}", posted.json().expect("an object")["id"].as_str().expect("an id"));
        let got = client.request("GET", &path).await.expect("it is there");
        assert_eq!((got.length, &got.start[8..16]), (300_000, &7_u64.to_be_bytes()[..]));
        client.request("DELETE", &path).await.expect("it is deleted");
        assert!(client.request("GET", &path).await.is_err());
    }
}
