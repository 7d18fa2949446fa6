//! As much of an HTTP client as it takes to ask for JSON.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// No request under test may take longer, whatever goes on.
const PATIENCE: Duration = Duration::from_secs(40);

/// A client of one server.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Null where the body is none, or no JSON.
    pub(crate) body: Value,
}

/// The connection was lost, or never made: the request may have been carried out or not.
#[derive(Debug)]
pub(crate) struct Lost;

impl Http {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The host and port of the server.
    pub(crate) fn authority(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Sends a request, as the holder of `token` if there is one.
    ///
    /// # Panics
    /// When there is no answer for longer than any request may take.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, Lost> {
        let mut request = Request::builder()
            .method(&method)
            .uri(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::from(body)).expect("the address is one");
        let exchange = async {
            let response = self.client.request(request).await.map_err(|_| Lost)?;
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await.map_err(|_| Lost)?.to_bytes();
            let body = serde_json::from_slice(&bytes).unwrap_or_default();
            Ok(Answer { status, body })
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        answer.unwrap_or_else(|_| panic!("{method} {path} is not answered within {PATIENCE:?}"))
    }
}

impl Answer {
    /// The stable word of an error; empty if it is none.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The body of an answer that is good.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub(crate) fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }
}

/// A number in an answer.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().expect("it is a number")
}
