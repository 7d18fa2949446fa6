//! HTTP requests to one server. A request whose access token has expired is repeated once with a new one.

use std::sync::Arc;
use std::time::Duration;

use letsapp_core::protocol::requests::{Refresh, RefreshToken};
use letsapp_core::protocol::{Code, Problem, Tokens};
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, RANGE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::session::Session;
use super::transfer::{Activity, FileBody, TRANSFER_TIMEOUT, read_failure};
use super::{ClientError, Server, TokenStore, tls};

/// Limit for opening a connection. Even on a slow mobile network, the TCP and TLS handshakes take only a few seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Limit for a request and its response. Longer than any request takes on a loaded server, so that a timeout means that
/// the connection is broken.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Connection pool and session of one user at one server.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) server: Server,
    pub(crate) session: Session,
    pub(crate) user_agent: String,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    inner: reqwest::Client,
}

/// A request under construction.
pub(crate) struct ApiRequest<'a> {
    http: &'a Http,
    method: Method,
    url: Url,
    body: Option<Payload>,
    auth: Auth,
}

/// Body of a request.
enum Payload {
    Json(Vec<u8>),
    File(FileBody),
}

/// Whether a request carries an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auth {
    Required,
    None,
}

impl Http {
    pub(crate) fn new(server: Server, user_agent: String, store: Arc<dyn TokenStore>) -> Result<Self, ClientError> {
        let tls = tls::config(&server);
        let inner = reqwest::Client::builder()
            .user_agent(&user_agent)
            .tls_backend_preconfigured(rustls::ClientConfig::clone(&tls))
            // Following a redirect could send the access token to another server.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|error| ClientError::unreachable(&server, error))?;
        Ok(Self {
            server,
            session: Session::new(store),
            user_agent,
            tls,
            inner,
        })
    }

    /// Starts a request that carries the access token.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> ApiRequest<'_> {
        ApiRequest {
            http: self,
            method,
            url: self.server.route(path),
            body: None,
            auth: Auth::Required,
        }
    }

    pub(crate) fn get(&self, path: &[&str]) -> ApiRequest<'_> {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &[&str], body: &impl Serialize) -> ApiRequest<'_> {
        self.request(Method::POST, path).json(body)
    }

    /// Starts a request whose body is a file.
    pub(crate) fn post_file(&self, path: &[&str], file: FileBody) -> ApiRequest<'_> {
        ApiRequest {
            body: Some(Payload::File(file)),
            ..self.request(Method::POST, path)
        }
    }

    pub(crate) fn patch(&self, path: &[&str], body: &impl Serialize) -> ApiRequest<'_> {
        self.request(Method::PATCH, path).json(body)
    }

    pub(crate) fn put(&self, path: &[&str], body: &impl Serialize) -> ApiRequest<'_> {
        self.request(Method::PUT, path).json(body)
    }

    pub(crate) fn delete(&self, path: &[&str]) -> ApiRequest<'_> {
        self.request(Method::DELETE, path)
    }

    /// Starts a deletion with a body, such as the password that confirms it.
    pub(crate) fn delete_with(&self, path: &[&str], body: &impl Serialize) -> ApiRequest<'_> {
        self.delete(path).json(body)
    }

    /// Requests the bytes behind a link from `offset` on, without a token. Returns the response before its body has
    /// arrived, and the server that answers, which need not be this one.
    pub(crate) async fn open_link(&self, link: &str, offset: u64) -> Result<(Response, String), ClientError> {
        let url = Url::parse(link).map_err(|error| ClientError::unexpected(&self.server, &error))?;
        let server = url.origin().ascii_serialization();
        let mut request = self.inner.get(url).timeout(TRANSFER_TIMEOUT);
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let sent = Activity::default().watch(request.send()).await;
        let sent = sent.ok_or_else(|| ClientError::unreachable(&server, "no response"))?;
        let response = sent.map_err(|error| ClientError::unreachable(&server, error.without_url()))?;
        if response.status().is_success() {
            Ok((response, server))
        } else {
            Err(read_problem(&server, response).await)
        }
    }

    /// Returns an access token newer than `stale`, which the server has rejected.
    pub(crate) async fn renew(&self, stale: &str) -> Result<String, ClientError> {
        self.session
            .renew(stale, async |presented| self.refresh(presented).await)
            .await
    }

    async fn refresh(&self, refresh_token: RefreshToken) -> Result<Tokens, ClientError> {
        #[derive(Deserialize)]
        struct Refreshed {
            tokens: Tokens,
        }
        let request = self.post(&["auth", "refresh"], &Refresh { refresh_token });
        match request.send_with(None).await {
            Ok(response) => Ok(parse_body::<Refreshed>(&self.server, response).await?.tokens),
            // The refresh token has been used up, revoked or has expired: the session is over.
            Err(error) if is_rejected_token(&error) => Err(ClientError::SignedOut),
            Err(error) => Err(error),
        }
    }
}

impl ApiRequest<'_> {
    /// Adds `name=value` to the query string, if there is a value.
    pub(crate) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        self
    }

    /// Makes the request without an access token.
    pub(crate) fn without_auth(self) -> Self {
        Self {
            auth: Auth::None,
            ..self
        }
    }

    /// Sends the request and parses the response's body.
    pub(crate) async fn reply<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        parse_body(&self.http.server, self.send().await?).await
    }

    /// Sends a request whose response has no body of interest.
    pub(crate) async fn no_content(self) -> Result<(), ClientError> {
        self.send().await.map(drop)
    }

    fn json(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("requests are plain data");
        Self {
            body: Some(Payload::Json(body)),
            ..self
        }
    }

    async fn send(&self) -> Result<Response, ClientError> {
        if self.auth == Auth::None {
            return self.send_with(None).await;
        }
        let access = self.http.session.access_token()?;
        match self.send_with(Some(&access)).await {
            Err(error) if is_rejected_token(&error) => {
                let access = self.http.renew(&access).await?;
                self.send_with(Some(&access)).await
            }
            result => result,
        }
    }

    async fn send_with(&self, access: Option<&str>) -> Result<Response, ClientError> {
        let mut request = self.http.inner.request(self.method.clone(), self.url.clone());
        if let Some(access) = access {
            request = request.bearer_auth(access);
        }
        let server = &self.http.server;
        let response = match &self.body {
            Some(Payload::File(file)) => send_file(server, request, file).await?,
            body => {
                if let Some(Payload::Json(json)) = body {
                    request = request.header(CONTENT_TYPE, "application/json").body(json.clone());
                }
                let sent = request.send().await;
                sent.map_err(|error| ClientError::unreachable(server, error.without_url()))?
            }
        };
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(read_problem(server, response).await)
        }
    }
}

/// Sends a request with a file. Takes as long as it makes progress.
async fn send_file(server: &Server, request: RequestBuilder, file: &FileBody) -> Result<Response, ClientError> {
    let fault = |error| ClientError::file(&file.path, error);
    let open = file.open().await.map_err(fault)?;
    let request = request
        .timeout(TRANSFER_TIMEOUT)
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_DISPOSITION, file.disposition())
        // Known in advance, so that a server can refuse what is too large before it has arrived.
        .header(CONTENT_LENGTH, open.size)
        .body(open.body);
    match open.activity.watch(request.send()).await {
        Some(Ok(response)) => Ok(response),
        Some(Err(error)) => Err(match read_failure(&error) {
            Some(error) => fault(error),
            None => ClientError::unreachable(server, error.without_url()),
        }),
        None => Err(ClientError::unreachable(server, "the upload has stopped")),
    }
}

async fn parse_body<T: DeserializeOwned>(server: &Server, response: Response) -> Result<T, ClientError> {
    let body = response
        .bytes()
        .await
        .map_err(|error| ClientError::unreachable(server, error.without_url()))?;
    serde_json::from_slice(&body).map_err(|error| ClientError::unexpected(server, &error))
}

fn is_rejected_token(error: &ClientError) -> bool {
    matches!(error.code(), Some(Code::Unauthenticated | Code::TokenExpired))
}

/// Converts a response that reports an error.
async fn read_problem(server: &impl ToString, response: Response) -> ClientError {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let Ok(body) = response.bytes().await else {
        return ClientError::unreachable(server, "the response was cut off");
    };
    match problem(status, &body) {
        Some(problem) => {
            let retry_after = problem.retry_after.or(retry_after);
            ClientError::from(Problem { retry_after, ..problem })
        }
        None => ClientError::unexpected(server, &format_args!("status {status}")),
    }
}

/// Parses the problem in a response's body, or derives one from the status.
///
/// Responses without a problem come from proxies in front of the server, and from the server itself if it rejects a
/// request before parsing it. A newer server may also send codes that this version does not know.
fn problem(status: StatusCode, body: &[u8]) -> Option<Problem> {
    if let Ok(problem) = serde_json::from_slice(body) {
        return Some(problem);
    }
    let code = match status.as_u16() {
        // Sent by proxies only, so no [`Code`] has these statuses.
        502 | 504 => Code::Unavailable,
        status => *Code::ALL.iter().find(|code| code.status() == status)?,
    };
    Some(Problem::new(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_newer_servers_and_proxies_are_understood() {
        let known = serde_json::to_vec(&Problem::new(Code::Conflict).with_detail("taken")).unwrap();
        assert_eq!(
            problem(StatusCode::CONFLICT, &known).unwrap().detail.as_deref(),
            Some("taken")
        );
        let newer = br#"{"type":"about:blank","title":"?","status":403,"code":"from_the_future"}"#;
        assert_eq!(problem(StatusCode::FORBIDDEN, newer).unwrap().code, Code::Forbidden);
        assert_eq!(
            problem(StatusCode::BAD_GATEWAY, b"<html>").unwrap().code,
            Code::Unavailable
        );
        assert_eq!(problem(StatusCode::IM_A_TEAPOT, b""), None);
    }
}
