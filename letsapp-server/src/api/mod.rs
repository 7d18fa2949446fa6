//! The HTTP routes, one file for each feature.
//!
//! A route reads path, then method, then body, and its handler answers whatever comes of it: only what no route knows
//! is rejected, and answered in one place. No rule of the product is here; those are the services'.

mod auth;
mod blocks;
mod body;
mod contacts;
mod conversations;
mod docs;
pub(crate) mod endpoint;
mod health;
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
mod users;
mod web_client;

pub(crate) use endpoint::{Endpoint, Route, answering, join, recover};
pub(crate) use health::health_routes;

use std::sync::Arc;

use crate::server_context::ServerContext;
use crate::ws;

/// Returns the documented endpoints in the order of the document.
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
        search::routes(server),
        sync::routes(server),
        ws::routes(server),
        health::routes(server),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns everything that the public listener serves, and what the document knows of it.
pub(crate) fn routes(server: &Arc<ServerContext>) -> (Route, Vec<(http::Method, &'static str)>) {
    let endpoints = endpoints(server);
    let served = endpoints
        .iter()
        .map(|endpoint| (endpoint.method.clone(), endpoint.template))
        .collect();
    let documents = docs::routes(&endpoints);
    let mut routes: Vec<_> = endpoints.into_iter().map(|endpoint| endpoint.route).collect();
    routes.extend(documents);
    routes.push(web_client::route());
    (recover(join(routes)), served)
}

#[cfg(test)]
mod tests;
