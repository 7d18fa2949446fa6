//! What a handler is told of a request: who asks, and with which query.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use letsapp_core::LetsApp;
use letsapp_core::engine::limiter::{Account, Proof};
use letsapp_core::protocol::Code;
use letsapp_core::{domain::principal::Principal, services::AuthError};
use warp::path::FullPath;
use warp::{Filter, Rejection};

use super::query::Query;
use crate::error::ApiError;
use crate::rate_limits::RequestLimits;
use crate::server_context::ServerContext;

/// A request, before anything of it is believed.
pub(crate) struct RequestContext {
    server: Arc<ServerContext>,
    authorization: Option<HeaderValue>,
    query: String,
    limits: Arc<RequestLimits>,
}

impl RequestContext {
    /// Returns the application.
    pub(crate) fn app(&self) -> &LetsApp {
        &self.server.app
    }

    /// Returns what every request can reach.
    pub(crate) fn server(&self) -> &Arc<ServerContext> {
        &self.server
    }

    /// Tells who asks, by the token in `Authorization`, and lets them in as far as they may ask.
    ///
    /// # Errors
    /// `unauthenticated`, `token_expired` or `rate_limited`.
    pub(crate) async fn principal(&self) -> Result<Principal, ApiError> {
        self.authenticate(self.bearer()?).await
    }

    /// Tells who asks, by a token, and lets them in as far as they may ask.
    ///
    /// # Errors
    /// `unauthenticated`, `token_expired` or `rate_limited`.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Principal, ApiError> {
        let principal = self.app().auth().authenticate(token).await?;
        tracing::Span::current().record("user.id", tracing::field::display(principal.user_id));
        self.limits.count_user(&self.server.limiter, principal.user_id)?;
        Ok(principal)
    }

    /// Names the account that somebody wants to sign in to.
    pub(crate) fn account(&self, name: &str) -> Account {
        self.server.limiter.account(name)
    }

    /// Finds out by `proof` whether an account is whose they say it is, unless there were too many failures already.
    ///
    /// # Errors
    /// `rate_limited`, or what `proof` says.
    pub(crate) async fn prove<T>(
        &self,
        account: Account,
        proof: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, ApiError> {
        let limiter = &self.server.limiter;
        let attempt = limiter.attempt(account, self.limits.client())?;
        let outcome = proof.await;
        let proof = match &outcome {
            Ok(_) => Proof::Right,
            Err(AuthError::WrongCredentials | AuthError::WrongPassword) => Proof::Wrong,
            Err(_) => Proof::Missing,
        };
        limiter.settle(attempt, proof);
        Ok(outcome?)
    }

    /// Returns the query.
    pub(crate) fn query(&self) -> Query<'_> {
        Query::parse(&self.query)
    }

    fn bearer(&self) -> Result<&str, ApiError> {
        let missing = || {
            ApiError::with_detail(
                Code::Unauthenticated,
                "an access token is needed: Authorization: Bearer …",
            )
        };
        let header = self
            .authorization
            .as_ref()
            .and_then(|value| value.to_str().ok())
            .ok_or_else(missing)?;
        match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
            _ => Err(missing()),
        }
    }
}

/// Gathers what a handler is told; never rejects.
pub(crate) fn request_context(
    server: &Arc<ServerContext>,
) -> impl Filter<Extract = (RequestContext,), Error = Infallible> + Clone + use<> {
    let server = Arc::clone(server);
    let authorization = optional(warp::header::value(AUTHORIZATION.as_str()));
    let query = optional(warp::query::raw());
    let limits = warp::ext::optional::<Arc<RequestLimits>>()
        .and(warp::method())
        .and(warp::path::full())
        .map(|limits: Option<Arc<RequestLimits>>, method: Method, path: FullPath| {
            // Without a gate there is no address.
            limits.unwrap_or_else(|| Arc::new(RequestLimits::new(&method, path.as_str(), None)))
        });
    authorization
        .and(query)
        .and(limits)
        .map(move |authorization, query: Option<String>, limits| RequestContext {
            server: Arc::clone(&server),
            authorization,
            query: query.unwrap_or_default(),
            limits,
        })
}

/// Makes `None` of a rejection.
fn optional<T: Send + 'static>(
    filter: impl Filter<Extract = (T,), Error = Rejection> + Clone + Send,
) -> impl Filter<Extract = (Option<T>,), Error = Infallible> + Clone {
    filter.map(Some).or_else(|_| async { Ok::<_, Infallible>((None,)) })
}
