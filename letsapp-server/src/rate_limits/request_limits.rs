//! Rate limits of one request: its class, the address it counts for, and the limits checked so far.
//!
//! The middleware inspects a request and counts it for its address; `RequestContext` counts it for the user once the
//! token is verified. Login attempts are counted by address here ([`Class::Credentials`]).

use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request, Response};
use letsapp_core::domain::id::UserId;
use letsapp_core::{
    domain::limit::{Class, Client, LimitState, Per, Verdict},
    engine::limiter::{Limiter, Subject},
};

use super::headers;
use super::{ForwardedHeader, TrustedProxies, class_of};
use crate::client_connection::ClientConnection;
use crate::error::ApiError;

/// Determines the class and the client address of requests on the public listener.
#[derive(Clone, Debug)]
pub(crate) struct RequestInspector {
    proxies: TrustedProxies,
    header: ForwardedHeader,
}

/// The rate limits of one request.
pub(crate) struct RequestLimits {
    class: Class,
    /// The address it counts for; `None` if no [`RequestInspector`] saw the request.
    client: Option<Client>,
    /// The limits checked so far, in order, for the response headers.
    states: Mutex<Vec<LimitState>>,
}

impl RequestInspector {
    /// Creates an inspector for a server behind trusted proxies, which name the client in `header`.
    pub(crate) fn new(proxies: TrustedProxies, header: ForwardedHeader) -> Self {
        Self { proxies, header }
    }

    /// Returns the limits of a request before its body is read. `None` outside of `/v1/`: documents, health checks and
    /// the web client's files cost too little to limit.
    pub(crate) fn inspect<B>(&self, request: &Request<B>, client: &ClientConnection) -> Option<Arc<RequestLimits>> {
        let path = request.uri().path();
        if !path.starts_with("/v1/") {
            return None;
        }
        let address = self
            .proxies
            .client(client.address().ip(), self.header, request.headers());
        let limits = RequestLimits::new(request.method(), path, Some(Client::at(address)));
        Some(Arc::new(limits))
    }
}

impl RequestLimits {
    /// Creates the limits of a request, none of them checked yet.
    pub(crate) fn new(method: &Method, path: &str, client: Option<Client>) -> Self {
        Self {
            class: class_of(method, path),
            client,
            states: Mutex::default(),
        }
    }

    /// Returns the client's address, if it is known.
    pub(crate) fn client(&self) -> Option<Client> {
        self.client
    }

    /// Counts the request for its address, before authentication.
    ///
    /// # Errors
    /// `rate_limited` if a limit is exhausted.
    pub(crate) fn count_client(&self, limiter: &Limiter) -> Result<(), ApiError> {
        let Some(client) = self.client.map(Subject::Client) else {
            return Ok(());
        };
        self.count(limiter, Class::Requests, client)?;
        match self.class.per() {
            Per::Client => self.count(limiter, self.class, client),
            Per::User | Per::Connection => Ok(()),
        }
    }

    /// Counts the request for the authenticated user, if its class is limited by user.
    ///
    /// # Errors
    /// `rate_limited` if the limit is exhausted.
    pub(crate) fn count_user(&self, limiter: &Limiter, user_id: UserId) -> Result<(), ApiError> {
        match self.class.per() {
            Per::User => self.count(limiter, self.class, Subject::User(user_id)),
            Per::Client | Per::Connection => Ok(()),
        }
    }

    /// Adds the `RateLimit` headers to a response. One that a service has refused carries the exhausted limit.
    pub(crate) fn write_headers<B>(&self, response: &mut Response<B>) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.extend(response.extensions_mut().remove::<LimitState>());
        headers::write(&states, response.headers_mut());
    }

    fn count(&self, limiter: &Limiter, class: Class, subject: Subject) -> Result<(), ApiError> {
        let checked = limiter.table().quota(class).zip(limiter.check(class, subject));
        let Some((quota, decision)) = checked else {
            return Ok(());
        };
        let state = LimitState { class, quota, decision };
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.push(state);
        match decision.verdict {
            Verdict::Allowed => Ok(()),
            Verdict::Denied => Err(ApiError::limited(decision.retry_after)),
        }
    }
}
