//! The steps around every route: request id, rate limits by address, log line, metrics and security headers.
//!
//! A handler that panics answers 500 and harms no other request on the connection.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use letsapp_core::protocol::Code;
use tokio::time::Instant;
use tracing::Instrument;
use warp::reply::Response;

use crate::admin_hosts::AdminHosts;
use crate::api::endpoint::{MatchedRoute, Route};
use crate::api::uploads;
use crate::client_connection::ClientConnection;
use crate::error::ApiError;
use crate::rate_limits::RequestInspector;
use crate::request_check::Refusal;
use crate::server_context::ServerContext;
use crate::streamed_body::AnswerBody;
use crate::unread_body::RequestBody;
use crate::{request_check, streamed_body, telemetry, unread_body, ws};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum length of a client's `X-Request-Id` in bytes. Longer ids are replaced: they go into every log line.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The routes of a listener with the steps around them.
#[derive(Clone)]
pub(crate) struct Middleware {
    routes: Arc<dyn Fn(Request<RequestBody>) -> BoxFuture<'static, Response> + Send + Sync>,
    served: Arc<[(Method, &'static str)]>,
    server: Arc<ServerContext>,
    inspector: Option<Arc<RequestInspector>>,
    hosts: Option<Arc<AdminHosts>>,
}

impl Middleware {
    /// Wraps routes. `served` lists the methods and path templates of the documented ones, for the header `Allow`.
    pub(crate) fn new(server: &Arc<ServerContext>, routes: Route, served: Vec<(Method, &'static str)>) -> Self {
        let service = TowerToHyperService::new(warp::service(routes));
        let routes = move |request| -> BoxFuture<'static, Response> {
            let answer = service.call(request);
            Box::pin(async move { answer.await.unwrap_or_else(|never: Infallible| match never {}) })
        };
        Self {
            routes: Arc::new(routes),
            served: served.into(),
            server: Arc::clone(server),
            inspector: None,
            hosts: None,
        }
    }

    /// Answers requests for these hosts only. The public listener answers for any: proxies name it as they like.
    pub(crate) fn with_hosts(self, hosts: AdminHosts) -> Self {
        Self {
            hosts: Some(Arc::new(hosts)),
            ..self
        }
    }

    /// Counts each request of the API against rate limits. The admin listener does without.
    pub(crate) fn with_rate_limits(self, inspector: RequestInspector) -> Self {
        Self {
            inspector: Some(Arc::new(inspector)),
            ..self
        }
    }

    /// Answers a request of `client`.
    pub(crate) async fn answer(
        self,
        request: Request<Incoming>,
        client: ClientConnection,
    ) -> http::Response<AnswerBody> {
        let started = Instant::now();
        let (mut request, unread) = unread_body::watch(request);
        let id = self.request_id(request.headers());
        let method = request.method().clone();
        let path = without_slash(request.uri().path()).to_owned();
        if method == Method::HEAD && path != ws::PATH && !path.starts_with(uploads::PATH) {
            // Routed as GET; hyper leaves the body out of the response, since it knows the original method.
            *request.method_mut() = Method::GET;
        }
        let limits = self
            .inspector
            .as_ref()
            .and_then(|inspector| inspector.inspect(&request, &client));
        let count_connection = |inspector: &Arc<RequestInspector>| inspector.count_connection(&request, &client);
        let connection_counted = self.inspector.as_ref().map_or(Ok(()), count_connection);
        let address = limits.as_ref().and_then(|limits| limits.address());
        let address = address.unwrap_or_else(|| client.address().ip());
        request.extensions_mut().insert(client.clone());
        // `user.id` is filled in once the token is verified, in `RequestContext::authenticate`.
        let span = tracing::info_span!(
            "request", request_id = id.to_str().unwrap_or_default(), %method, client = %address,
            "user.id" = tracing::field::Empty
        );
        // Counted by address before routing, so that a refused request costs nothing more.
        let counted = match (connection_counted, &limits) {
            (Ok(()), Some(limits)) => limits.count_client(&self.server.limiter).await,
            (counted, _) => counted,
        };
        let check_host = || {
            self.hosts
                .as_ref()
                .map_or(Ok(()), |hosts| hosts.check(request.headers()))
        };
        let checked = counted
            .map_err(Refusal::Error)
            .and_then(|()| request_check::check(&request))
            .and_then(|()| check_host());
        let mut response = match checked {
            Err(refusal) => {
                // Its body, if any, is then unread.
                drop(request);
                refusal.into_response()
            }
            Ok(()) => {
                if let Some(limits) = &limits {
                    request.extensions_mut().insert(Arc::clone(limits));
                }
                let answer = AssertUnwindSafe((self.routes)(request))
                    .catch_unwind()
                    .instrument(span.clone())
                    .await;
                answer.unwrap_or_else(|_| ApiError::new(Code::Internal).into_response())
            }
        };
        let route = response
            .extensions()
            .get::<MatchedRoute>()
            .map_or("unmatched", |matched| matched.0);
        let status = response.status();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, self.allowed(&path));
        }
        harden(response.headers_mut());
        // An answer to a client that is still sending is the last one on its connection.
        if !unread.finish().await {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
            client.answered_early();
        }
        if let Some(limits) = &limits {
            limits.charge_answer(&self.server.limiter, response.body().size_hint().lower());
            limits.write_headers(&mut response);
        }
        response.headers_mut().insert(X_REQUEST_ID, id);
        let took = started.elapsed();
        telemetry::count_request(&method, route, status.as_u16(), took);
        let duration_ms = took.as_micros() as f64 / 1_000.0;
        span.in_scope(|| tracing::info!(route, status = status.as_u16(), duration_ms, "request answered"));
        streamed_body::take(response)
    }

    /// Returns the client's `X-Request-Id` if it is short and printable, or a new id.
    fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        let kept = headers.get(X_REQUEST_ID).filter(|value| {
            let bytes = value.as_bytes();
            (1..=MAX_REQUEST_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        });
        kept.cloned().unwrap_or_else(|| {
            let id = self.server.app.ids().random().to_string();
            HeaderValue::from_str(&id).expect("a UUID is visible ASCII")
        })
    }

    /// Returns the methods that a path supports, as the header `Allow`.
    fn allowed(&self, path: &str) -> HeaderValue {
        let mut methods: Vec<_> = self
            .served
            .iter()
            .filter(|(_, template)| matches(template, path))
            .flat_map(|(method, _)| match *method {
                // A handshake is a GET with another kind of answer, so that there is none without a body.
                Method::GET if path != ws::PATH => vec!["GET", "HEAD"],
                _ => vec![method.as_str()],
            })
            .collect();
        if methods.is_empty() {
            // The path is of an undocumented route: a document or a file of the web client, all of them GET.
            methods = vec!["GET", "HEAD"];
        }
        HeaderValue::from_str(&methods.join(", ")).expect("methods are visible ASCII")
    }
}

/// Removes a trailing slash, which routes accept.
fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// Returns whether a path matches a template such as `/v1/users/{id}`.
fn matches(template: &str, path: &str) -> bool {
    let (mut expected, mut found) = (template.split('/'), path.split('/'));
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return true,
            (Some(expected), Some(found)) if expected == found || expected.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// Adds security headers. A route may set its own `Content-Security-Policy` and `Cache-Control`.
fn harden(headers: &mut HeaderMap) {
    const ALWAYS: [(HeaderName, HeaderValue); 4] = [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    headers.extend(ALWAYS);
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_matches_paths_of_its_shape() {
        assert!(matches("/v1/users/{id}", "/v1/users/7"));
        assert!(!matches("/v1/users/{id}", "/v1/users"));
        assert!(!matches("/v1/users/{id}", "/v1/users/7/x"));
        assert!(!matches("/v1/users/{id}", "/v1/chats/7"));
    }

    #[test]
    fn a_route_may_have_a_policy_of_its_own() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
        harden(&mut headers);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "default-src 'self'");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
    }
}
