//! The context of a request for its handler: authentication, the query string, and the limits on login attempts.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use letsapp_core::LetsApp;
use letsapp_core::domain::limit::Wait;
use letsapp_core::engine::limiter::{self, Proof};
use letsapp_core::protocol::Code;
use letsapp_core::{domain::principal::Principal, services::AuthError};
use warp::path::FullPath;
use warp::{Filter, Rejection};

use super::query::Query;
use crate::error::ApiError;
use crate::rate_limits::RequestLimits;
use crate::security_log::{Account, Outcome, SecurityEvent, record};
use crate::server_context::ServerContext;

/// The context of a request. Nothing in it is verified yet: [`principal`](Self::principal) authenticates the client.
pub(crate) struct RequestContext {
    server: Arc<ServerContext>,
    /// Header `Authorization`, as it was sent.
    authorization: Option<HeaderValue>,
    /// Query string without `?`; empty if there is none.
    query: String,
    limits: Arc<RequestLimits>,
}

impl RequestContext {
    /// Returns the application.
    pub(crate) fn app(&self) -> &LetsApp {
        &self.server.app
    }

    /// Returns the state that all requests share.
    pub(crate) fn server(&self) -> &Arc<ServerContext> {
        &self.server
    }

    /// Authenticates the client by the token in `Authorization`, and counts the request for its user.
    ///
    /// # Errors
    /// `unauthenticated`, `token_expired` or `rate_limited`.
    pub(crate) async fn principal(&self) -> Result<Principal, ApiError> {
        self.authenticate(self.bearer()?).await
    }

    /// Authenticates the client by an access token, and counts the request for its user.
    ///
    /// # Errors
    /// `unauthenticated`, `token_expired` or `rate_limited`.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Principal, ApiError> {
        let principal = self.app().auth().authenticate(token).await?;
        tracing::Span::current().record("user.id", tracing::field::display(principal.user_id));
        self.limits.count_user(&self.server.limiter, principal.user_id).await?;
        Ok(principal)
    }

    /// Runs `proof`, which is a login or another check of a password, unless too many attempts for the account failed.
    ///
    /// The attempt counts as failed from its beginning until `proof` says otherwise, so that parallel guesses can't get
    /// around the limit. An attempt that fails for another reason than a wrong password is not counted. The outcome is
    /// logged as `event`.
    ///
    /// # Errors
    /// `rate_limited` if the client has to wait, or the error of `proof`.
    pub(crate) async fn check_password<T>(
        &self,
        event: SecurityEvent,
        account: Account<'_>,
        proof: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, ApiError> {
        let limiter = &self.server.limiter;
        let counted = match account {
            Account::Id(id) => limiter::Account::of(id),
            // Names are counted whether or not there is such an account.
            Account::Named(name) => limiter.account(name),
            Account::Unknown => limiter.account(""),
        };
        let attempt = limiter.attempt(counted, self.limits.client()).map_err(|Wait(wait)| {
            record(event, &account, Outcome::LockedOut(wait));
            Wait(wait)
        })?;
        let outcome = proof.await;
        let (proof, logged) = match &outcome {
            Ok(_) => (Proof::Right, Outcome::Done),
            Err(AuthError::WrongCredentials | AuthError::WrongPassword) => (Proof::Wrong, Outcome::Refused),
            Err(
                AuthError::Unauthenticated
                | AuthError::TokenExpired
                | AuthError::UsernameTaken
                | AuthError::EmailTaken
                | AuthError::NotFound
                | AuthError::Store(_),
            ) => (Proof::Missing, Outcome::Failed),
        };
        limiter.settle(attempt, proof);
        record(event, &account, logged);
        Ok(outcome?)
    }

    /// Returns the parameters of the query string.
    pub(crate) fn query(&self) -> Query<'_> {
        Query::parse(&self.query)
    }

    fn bearer(&self) -> Result<&str, ApiError> {
        let missing = || {
            ApiError::with_detail(
                Code::Unauthenticated,
                "an access token is required: Authorization: Bearer …",
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

/// Returns a filter that extracts the context. It never rejects a request.
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
            // The address is unknown outside of `/v1/`, and without the middleware, as in tests of the routes.
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

/// Turns a rejection into `None`.
fn optional<T: Send + 'static>(
    filter: impl Filter<Extract = (T,), Error = Rejection> + Clone + Send,
) -> impl Filter<Extract = (Option<T>,), Error = Infallible> + Clone {
    filter.map(Some).or_else(|_| async { Ok::<_, Infallible>((None,)) })
}
