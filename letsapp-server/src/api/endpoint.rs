//! Endpoints: a route together with its place in the OpenAPI document, so that neither is without the other.

use http::{Method, StatusCode};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::reply::Answer;

/// A filter that answers.
pub(crate) type Route = BoxedFilter<(Response,)>;

/// A route that is documented.
pub(crate) struct Endpoint {
    /// What it is asked with.
    pub(crate) method: Method,
    /// Where it is, with its parameters in braces.
    pub(crate) template: &'static str,
    /// What the document says of it.
    pub(crate) operation: Operation,
    /// The schemas that it names.
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
    /// What answers.
    pub(crate) route: Route,
}

/// The template of the route that answered, left in the answer for logs and metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatchedRoute(pub(crate) &'static str);

impl Endpoint {
    /// Makes the endpoint that `P` documents: `P` is what `utoipa::path` made beside the handler.
    ///
    /// # Panics
    /// If the documented operation has not exactly one method, which is a fault of its annotation.
    pub(crate) fn new<P: utoipa::Path + SchemaReferences + for<'t> Tags<'t>>(
        filter: impl Filter<Extract = (Answer,), Error = Rejection> + Clone + Send + Sync + 'static,
    ) -> Self {
        let [method] = <[HttpMethod; 1]>::try_from(P::methods())
            .ok()
            .expect("an operation has one method");
        // Made once for each route of a server, and kept as long as it lives.
        let template: &'static str = String::leak(P::path());
        let mut schemas = Vec::new();
        P::schemas(&mut schemas);
        let mut operation = P::operation();
        operation.tags = Some(P::tags().into_iter().map(str::to_owned).collect());
        Self {
            method: method_of(&method),
            template,
            operation,
            schemas,
            route: answering(template, filter),
        }
    }
}

/// Makes a route of a filter whose handler may fail.
pub(crate) fn answering(
    template: &'static str,
    filter: impl Filter<Extract = (Answer,), Error = Rejection> + Clone + Send + Sync + 'static,
) -> Route {
    filter
        .map(move |answer: Answer| {
            let mut response = answer.unwrap_or_else(|error| error.into_response());
            response.extensions_mut().insert(MatchedRoute(template));
            response
        })
        .boxed()
}

/// Joins routes, tried in this order; none is more than a few steps deep.
///
/// # Panics
/// If there are none.
pub(crate) fn join(mut routes: Vec<Route>) -> Route {
    while routes.len() > 1 {
        let mut pairs = Vec::with_capacity(routes.len().div_ceil(2));
        let mut rest = routes.into_iter();
        while let Some(first) = rest.next() {
            pairs.push(match rest.next() {
                Some(second) => first.or(second).unify().boxed(),
                None => first,
            });
        }
        routes = pairs;
    }
    routes.pop().expect("there are routes")
}

/// Answers what no route answered.
pub(crate) fn recover(routes: Route) -> Route {
    routes
        .recover(|rejection: Rejection| async move { Ok::<_, Rejection>(refusal(&rejection)) })
        .unify()
        .boxed()
}

fn refusal(rejection: &Rejection) -> Response {
    use crate::error::ApiError;
    use letsapp_core::protocol::Code;
    let code = if rejection.is_not_found() {
        Code::NotFound
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        Code::MethodNotAllowed
    } else {
        tracing::error!(?rejection, "a route rejected a request instead of answering it");
        Code::Internal
    };
    let response = ApiError::new(code).into_response();
    debug_assert_ne!(response.status(), StatusCode::OK);
    response
}

fn method_of(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Patch => Method::PATCH,
        _ => unreachable!("no route uses another method"),
    }
}
