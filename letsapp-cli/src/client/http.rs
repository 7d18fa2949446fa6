//! HTTP requests to one server. A request whose access token has expired is repeated once with a new one.

use std::sync::Arc;
use std::time::Duration;

use letsapp_core::protocol::requests::{Refresh, RefreshToken};
use letsapp_core::protocol::{Code, Problem, Tokens};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::session::Session;
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
    body: Option<Vec<u8>>,
    auth: Auth,
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
            body: Some(body),
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
        if let Some(body) = &self.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let sent = request.send().await;
        let response = sent.map_err(|error| ClientError::unreachable(&self.http.server, error.without_url()))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(read_problem(&self.http.server, response).await)
        }
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
async fn read_problem(server: &Server, response: Response) -> ClientError {
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
