//! `/healthz` and `/readyz`: for those who run the server.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use warp::Filter;

use super::call::{Call, call};
use super::endpoint::{Endpoint, Route};
use super::reply::{self, Answer};
use crate::context::Context;
use crate::error::ApiError;

/// How the server is.
#[derive(Serialize, utoipa::ToSchema)]
struct Health {
    /// Always `ok`; what is not well has another status.
    status: &'static str,
}

/// Returns the endpoints of this file.
pub(super) fn routes(context: &Arc<Context>) -> Vec<Endpoint> {
    let call = call(context);
    vec![
        Endpoint::new::<__path_healthz>(warp::path!("healthz").and(warp::get()).then(healthz)),
        Endpoint::new::<__path_readyz>(warp::path!("readyz").and(warp::get()).and(call).then(readyz)),
    ]
}

/// Returns the routes alone, for the admin listener.
pub(crate) fn health(context: &Arc<Context>) -> Vec<Route> {
    routes(context).into_iter().map(|endpoint| endpoint.route).collect()
}

/// Tells that the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, body = Health)))]
async fn healthz() -> Answer {
    reply::ok(&Health { status: "ok" })
}

/// Tells whether the server can serve: the store is within reach, and it is not going away.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, body = Health), (status = 503, description = "Not now")))]
async fn readyz(call: Call) -> Answer {
    call.app().ping().await.map_err(ApiError::from)?;
    Ok(reply::json(StatusCode::OK, &Health { status: "ok" }))
}
