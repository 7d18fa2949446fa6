//! Routes of the admin listener: `/metrics`, `/healthz` and `/readyz`.

use std::sync::Arc;

use http::{Method, StatusCode};
use warp::Filter;

use crate::api::reply::Answer;
use crate::api::{Route, answering, health_routes, join, recover};
use crate::response;
use crate::server_context::ServerContext;
use crate::telemetry;

/// Returns the routes of the admin listener, and no documented endpoints: OpenAPI describes the public listener only.
pub(crate) fn routes(server: &Arc<ServerContext>) -> (Route, Vec<(Method, &'static str)>) {
    let mut routes = vec![answering(
        "/metrics",
        warp::path!("metrics").and(warp::get()).map(metrics),
    )];
    routes.extend(health_routes(server));
    (recover(join(routes)), Vec::new())
}

fn metrics() -> Answer {
    let handle = telemetry::metrics();
    handle.run_upkeep();
    Ok(response::bytes(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        handle.render(),
    ))
}
