//! `/healthz` and `/readyz`: health checks for operators and load balancers.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use warp::Filter;

use super::endpoint::{Endpoint, Route};
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::error::ApiError;
use crate::server_context::ServerContext;

/// The state of the server.
#[derive(Serialize, utoipa::ToSchema)]
struct Health {
    /// Always `ok`: a server that is not well answers with an error status.
    status: &'static str,
}

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let context = request_context(server);
    vec![
        Endpoint::new::<__path_healthz>(warp::path!("healthz").and(warp::get()).then(healthz)),
        Endpoint::new::<__path_readyz>(warp::path!("readyz").and(warp::get()).and(context).then(readyz)),
    ]
}

/// Returns the routes without their documentation, for the admin listener.
pub(crate) fn health_routes(server: &Arc<ServerContext>) -> Vec<Route> {
    routes(server).into_iter().map(|endpoint| endpoint.route).collect()
}

/// Answers 200 as long as the process runs.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = Health)))]
async fn healthz() -> Answer {
    reply::ok(&Health { status: "ok" })
}

/// Answers 200 if the server can serve requests, which is until it shuts down, and only if its store answers.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = Health),
        (status = 503, description = "The store does not answer, or the server is shutting down")))]
async fn readyz(context: RequestContext) -> Answer {
    context.app().ping().await.map_err(ApiError::from)?;
    Ok(reply::json(StatusCode::OK, &Health { status: "ok" }))
}
