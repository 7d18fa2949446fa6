//! Minimal HTTP client for JSON requests.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Time limit for a response. Covers the outages that tests cause, such as the election of a new primary in MongoDB.
const REPLY_TIMEOUT: Duration = Duration::from_secs(40);

/// HTTP client of one server.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// Response to a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Body of the response; null if it is empty or not JSON.
    pub(crate) body: Value,
}

/// Error of a connection that failed or was lost. The request may or may not have been processed.
#[derive(Debug)]
pub(crate) struct Lost;

impl Http {
    /// Creates a client of the server at `base`, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Returns the host and port of the server.
    pub(crate) fn authority(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Sends a request, with `token` as bearer token if given.
    ///
    /// # Panics
    /// If no response arrives within [`REPLY_TIMEOUT`].
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, Lost> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let headers = [("content-type", "application/json")];
        let response = self.exchange(method, path, token, &headers, body.into()).await?;
        Ok(Answer {
            status: response.status().as_u16(),
            body: serde_json::from_slice(response.body()).unwrap_or_default(),
        })
    }

    /// Sends a request with these headers and bytes.
    ///
    /// # Panics
    /// If no response arrives within [`REPLY_TIMEOUT`].
    pub(crate) async fn exchange(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response<Bytes>, Lost> {
        let mut request = Request::builder().method(&method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::from(body)).expect("the address is one");
        let exchange = async {
            let (head, body) = self.client.request(request).await.map_err(|_| Lost)?.into_parts();
            let bytes = body.collect().await.map_err(|_| Lost)?.to_bytes();
            Ok(Response::from_parts(head, bytes))
        };
        let answer = tokio::time::timeout(REPLY_TIMEOUT, exchange).await;
        answer.unwrap_or_else(|_| panic!("{method} {path} is not answered within {REPLY_TIMEOUT:?}"))
    }
}

impl Answer {
    /// Returns the error code; empty if the response is not an error.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Returns the body of a successful response.
    ///
    /// # Panics
    /// If the response is an error.
    #[track_caller]
    pub(crate) fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }
}

/// Returns a number from a response.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().expect("it is a number")
}
