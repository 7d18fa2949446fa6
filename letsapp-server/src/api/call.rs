//! What a handler is told of a request: who asks, and with which query.

use std::convert::Infallible;
use std::sync::Arc;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use letsapp_core::LetsApp;
use letsapp_core::auth::Principal;
use letsapp_core::protocol::Code;
use warp::{Filter, Rejection};

use super::query::Query;
use crate::context::Context;
use crate::error::ApiError;

/// A request, before anything of it is believed.
pub(crate) struct Call {
    context: Arc<Context>,
    authorization: Option<HeaderValue>,
    query: String,
}

impl Call {
    /// Returns the application.
    pub(crate) fn app(&self) -> &LetsApp {
        &self.context.app
    }

    /// Returns what every request can reach.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Tells who asks, by the token in `Authorization`.
    ///
    /// # Errors
    /// `unauthenticated` or `token_expired`.
    pub(crate) async fn principal(&self) -> Result<Principal, ApiError> {
        self.authenticate(self.bearer()?).await
    }

    /// Tells who asks, by a token.
    ///
    /// # Errors
    /// `unauthenticated` or `token_expired`.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Principal, ApiError> {
        let principal = self.app().auth().authenticate(token).await?;
        tracing::Span::current().record("user.id", tracing::field::display(principal.user_id));
        Ok(principal)
    }

    /// Returns the query.
    pub(crate) fn query(&self) -> Query<'_> {
        Query::parse(&self.query)
    }

    fn bearer(&self) -> Result<&str, ApiError> {
        let missing = || {
            ApiError::because(
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
pub(crate) fn call(context: &Arc<Context>) -> impl Filter<Extract = (Call,), Error = Infallible> + Clone + use<> {
    let context = Arc::clone(context);
    let authorization = optional(warp::header::value(AUTHORIZATION.as_str()));
    let query = optional(warp::query::raw());
    authorization
        .and(query)
        .map(move |authorization, query: Option<String>| Call {
            context: Arc::clone(&context),
            authorization,
            query: query.unwrap_or_default(),
        })
}

/// Makes `None` of a rejection.
fn optional<T: Send + 'static>(
    filter: impl Filter<Extract = (T,), Error = Rejection> + Clone + Send,
) -> impl Filter<Extract = (Option<T>,), Error = Infallible> + Clone {
    filter.map(Some).or_else(|_| async { Ok::<_, Infallible>((None,)) })
}
