//! The HTTP routes, one file per feature.
//!
//! A route matches the path, then the method, then takes the body; its handler calls a service and answers errors
//! itself. Requests that no route matches are answered by [`recover`]. The rules of the product are in the services.

mod auth;
mod blocks;
mod body;
mod contacts;
mod conversations;
mod docs;
pub(crate) mod endpoint;
mod health;
mod media;
mod members;
mod messages;
mod presence;
mod query;
mod reactions;
mod receipts;
pub(crate) mod reply;
pub(crate) mod request_context;
mod search;
mod sync;
pub(crate) mod uploads;
mod users;
mod web_client;

pub(crate) use endpoint::{Endpoint, Route, answering, join, recover};
pub(crate) use health::health_routes;

use std::sync::Arc;

use crate::server_context::ServerContext;
use crate::ws;

/// Returns the documented endpoints, in the order in which the OpenAPI document lists them.
pub(crate) fn endpoints(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    [
        auth::routes(server),
        users::routes(server),
        contacts::routes(server),
        blocks::routes(server),
        presence::routes(server),
        conversations::routes(server),
        members::routes(server),
        messages::routes(server),
        reactions::routes(server),
        receipts::routes(server),
        media::routes(server),
        uploads::routes(server),
        search::routes(server),
        sync::routes(server),
        ws::routes(server),
        health::routes(server),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the routes of the public listener, and the methods and path templates of the documented ones.
pub(crate) fn routes(server: &Arc<ServerContext>) -> (Route, Vec<(http::Method, &'static str)>) {
    let endpoints = endpoints(server);
    let served = endpoints
        .iter()
        .map(|endpoint| (endpoint.method.clone(), endpoint.template))
        .collect();
    let documents = docs::routes(&endpoints);
    let mut routes: Vec<_> = endpoints.into_iter().map(|endpoint| endpoint.route).collect();
    routes.extend(documents);
    routes.push(web_client::route(server));
    (recover(join(routes)), served)
}

#[cfg(test)]
mod tests;
