//! The gate of the public listener, and what is noted of a request that has passed it.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Method, Request};
use letsapp_core::domain::id::UserId;
use letsapp_core::{
    domain::limit::{Class, Client, Per, Verdict},
    engine::limiter::{Limiter, Subject},
};

use super::headers::{self, LimitState};
use super::{ForwardedHeader, TrustedProxies, class_of};
use crate::client_connection::ClientConnection;
use crate::error::ApiError;

/// Lets requests in as far as their address may ask.
#[derive(Clone, Debug)]
pub(crate) struct RequestInspector {
    proxies: TrustedProxies,
    header: ForwardedHeader,
}

/// A request at the edge: of which class it is, from where it comes, and how its client stands.
pub(crate) struct RequestLimits {
    class: Class,
    /// From where, where there is a network.
    client: Option<Client>,
    states: Mutex<Vec<LimitState>>,
}

impl RequestInspector {
    /// Makes the gate of a server behind these proxies.
    pub(crate) fn new(proxies: TrustedProxies, header: ForwardedHeader) -> Self {
        Self { proxies, header }
    }

    /// Notes a request of the API, before anything of it is read; the other pages cost nothing to speak of.
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
    /// Notes a request.
    pub(crate) fn new(method: &Method, path: &str, client: Option<Client>) -> Self {
        Self {
            class: class_of(method, path),
            client,
            states: Mutex::default(),
        }
    }

    /// Returns from where it comes, where that is known.
    pub(crate) fn client(&self) -> Option<Client> {
        self.client
    }

    /// Counts it for its address, whoever asks.
    ///
    /// # Errors
    /// `rate_limited`.
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

    /// Counts it for the user who turned out to ask.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(crate) fn count_user(&self, limiter: &Limiter, user_id: UserId) -> Result<(), ApiError> {
        match self.class.per() {
            Per::User => self.count(limiter, self.class, Subject::User(user_id)),
            Per::Client | Per::Connection => Ok(()),
        }
    }

    /// Says in an answer how the client stands.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers::write(&self.states.lock().unwrap_or_else(PoisonError::into_inner), headers);
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
