//! Rate limits of one request: its class, the address it counts for, and the limits checked so far.
//!
//! The middleware inspects a request and counts it for its address; `RequestContext` counts it for the user once the
//! token is verified. Login attempts are counted by address here ([`Class::Credentials`]).

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::{Method, Request, Response};
use letsapp_core::domain::id::UserId;
use letsapp_core::{
    domain::limit::{Class, Client, LimitState, Per, Verdict},
    engine::limiter::{Limiter, Subject},
};

use super::headers;
use super::{ForwardedHeader, TrustedProxies, charge_answer, class_of};
use crate::address_slots::AddressSlots;
use crate::client_connection::{ClientConnection, TooManyConnections};
use crate::error::ApiError;

/// Determines the class and the client address of requests on the public listener.
#[derive(Clone)]
pub(crate) struct RequestInspector {
    proxies: TrustedProxies,
    header: ForwardedHeader,
    /// Connections of each client, for those that trusted proxies open.
    slots: Arc<AddressSlots>,
}

/// Wait that is named to a client with too many connections: when one of them ends is not known.
const CONNECTION_WAIT: Duration = Duration::from_secs(1);

/// The rate limits of one request.
pub(crate) struct RequestLimits {
    class: Class,
    /// The address it counts for; `None` if no [`RequestInspector`] saw the request.
    address: Option<IpAddr>,
    /// The user it was counted for, if its class is limited by user.
    user_id: OnceLock<UserId>,
    /// The limits checked so far, in order, for the response headers.
    states: Mutex<Vec<LimitState>>,
}

impl RequestInspector {
    /// Creates an inspector for a server behind trusted proxies, which name the client in `header`.
    pub(crate) fn new(proxies: TrustedProxies, header: ForwardedHeader, slots: Arc<AddressSlots>) -> Self {
        Self { proxies, header, slots }
    }

    /// Counts a connection that a trusted proxy opened for the client that the request names. Any other connection was
    /// counted when it was accepted, and one whose client the proxy doesn't name is not counted.
    ///
    /// # Errors
    /// `rate_limited` if the client has too many connections.
    pub(crate) fn count_connection<B>(&self, request: &Request<B>, client: &ClientConnection) -> Result<(), ApiError> {
        let peer = client.address().ip();
        if !self.proxies.trusts(peer.to_canonical()) {
            return Ok(());
        }
        let address = self.proxies.client(peer, self.header, request.headers());
        if self.proxies.trusts(address) {
            return Ok(());
        }
        let counted = client.count_for(Client::at(address), &self.slots);
        counted.map_err(|TooManyConnections| ApiError::limited(CONNECTION_WAIT))
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
        let limits = RequestLimits::new(request.method(), path, Some(address));
        Some(Arc::new(limits))
    }
}

impl RequestLimits {
    /// Creates the limits of a request, none of them checked yet.
    pub(crate) fn new(method: &Method, path: &str, address: Option<IpAddr>) -> Self {
        Self {
            class: class_of(method, path),
            address,
            user_id: OnceLock::new(),
            states: Mutex::default(),
        }
    }

    /// Returns the client's address, if it is known.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Returns the network of the client's address, by which it is counted.
    pub(crate) fn client(&self) -> Option<Client> {
        self.address.map(Client::at)
    }

    /// Counts the request for its address, before authentication.
    ///
    /// # Errors
    /// `rate_limited` if a limit is exhausted.
    pub(crate) async fn count_client(&self, limiter: &Limiter) -> Result<(), ApiError> {
        let Some(client) = self.client().map(Subject::Client) else {
            return Ok(());
        };
        self.count(limiter, Class::Requests, client).await?;
        match self.class.per() {
            Per::Client => self.count(limiter, self.class, client).await,
            Per::User | Per::Connection => Ok(()),
        }
    }

    /// Counts the request for the authenticated user, if its class is limited by user.
    ///
    /// # Errors
    /// `rate_limited` if the limit is exhausted.
    pub(crate) async fn count_user(&self, limiter: &Limiter, user_id: UserId) -> Result<(), ApiError> {
        match self.class.per() {
            Per::User => {
                self.user_id.get_or_init(|| user_id);
                self.count(limiter, self.class, Subject::User(user_id)).await
            }
            Per::Client | Per::Connection => Ok(()),
        }
    }

    /// Charges the answer by its size to the user for whom the request was counted.
    pub(crate) fn charge_answer(&self, limiter: &Limiter, bytes: u64) {
        if let Some(user_id) = self.user_id.get() {
            charge_answer(
                limiter,
                self.class,
                *user_id,
                usize::try_from(bytes).unwrap_or(usize::MAX),
            );
        }
    }

    /// Adds the `RateLimit` headers to a response. One that a service has refused carries the exhausted limit.
    pub(crate) fn write_headers<B>(&self, response: &mut Response<B>) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.extend(response.extensions_mut().remove::<LimitState>());
        headers::write(&states, response.headers_mut());
    }

    async fn count(&self, limiter: &Limiter, class: Class, subject: Subject) -> Result<(), ApiError> {
        let Some(quota) = limiter.table().quota(class) else {
            return Ok(());
        };
        let Some(decision) = limiter.check_everywhere(class, subject, 1).await else {
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
