//! `/healthz` and `/readyz`: for those who run the server.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use warp::Filter;

use super::endpoint::{Endpoint, Route};
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::error::ApiError;
use crate::server_context::ServerContext;

/// How the server is.
#[derive(Serialize, utoipa::ToSchema)]
struct Health {
    /// Always `ok`; what is not well has another status.
    status: &'static str,
}

/// Returns the endpoints of this file.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let context = request_context(server);
    vec![
        Endpoint::new::<__path_healthz>(warp::path!("healthz").and(warp::get()).then(healthz)),
        Endpoint::new::<__path_readyz>(warp::path!("readyz").and(warp::get()).and(context).then(readyz)),
    ]
}

/// Returns the routes alone, for the admin listener.
pub(crate) fn health_routes(server: &Arc<ServerContext>) -> Vec<Route> {
    routes(server).into_iter().map(|endpoint| endpoint.route).collect()
}

/// Tells that the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = Health)))]
async fn healthz() -> Answer {
    reply::ok(&Health { status: "ok" })
}

/// Tells whether the server can serve: the store is within reach, and it is not going away.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = Health), (status = 503, description = "Not now")))]
async fn readyz(context: RequestContext) -> Answer {
    context.app().ping().await.map_err(ApiError::from)?;
    Ok(reply::json(StatusCode::OK, &Health { status: "ok" }))
}
