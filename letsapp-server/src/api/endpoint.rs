//! Endpoints: routes together with their OpenAPI documentation, so that none is served without being documented.

use http::{Method, StatusCode};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::reply::Answer;

/// A filter that returns a response.
pub(crate) type Route = BoxedFilter<(Response,)>;

/// A route with its documentation.
pub(crate) struct Endpoint {
    /// HTTP method.
    pub(crate) method: Method,
    /// Path with parameters in braces, such as `/v1/users/{id}`.
    pub(crate) template: &'static str,
    /// OpenAPI operation.
    pub(crate) operation: Operation,
    /// Schemas that the operation refers to, by name.
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
    /// Filter that answers requests.
    pub(crate) route: Route,
}

/// The path template of the route that answered: a response extension that the middleware logs and counts. The path
/// itself would make a metric per user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatchedRoute(pub(crate) &'static str);

impl Endpoint {
    /// Creates an endpoint from `P`, the documentation that `utoipa::path` generates for a handler, and the handler's
    /// filter.
    ///
    /// # Panics
    /// If the annotation of the handler does not have exactly one method.
    pub(crate) fn new<P: utoipa::Path + SchemaReferences + for<'t> Tags<'t>>(
        filter: impl Filter<Extract = (Answer,), Error = Rejection> + Clone + Send + Sync + 'static,
    ) -> Self {
        let [method] = <[HttpMethod; 1]>::try_from(P::methods())
            .ok()
            .expect("an operation has one method");
        // Leaked once per route and server: metric labels are `&'static str`.
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

/// Returns a route that answers the handler's errors, too, and notes its template in the response.
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

/// Joins routes, which are tried in order. Joins them pairwise: a chain of `or` would nest as deep as there are routes,
/// and each level costs a call.
///
/// # Panics
/// If `routes` is empty.
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

/// Answers requests that no route has answered, with 404 or 405.
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
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Options => Method::OPTIONS,
        _ => unreachable!("no route uses another method"),
    }
}
