//! The HTTP routes, one file for each feature.
//!
//! A route reads path, then method, then body, and its handler answers whatever comes of it: only what no route knows
//! is rejected, and answered in one place. No rule of the product is here; those are the services'.

mod auth;
mod blocks;
mod body;
pub(crate) mod call;
mod contacts;
mod conversations;
mod docs;
pub(crate) mod endpoint;
mod members;
mod messages;
mod operations;
mod presence;
mod query;
mod reactions;
mod receipts;
pub(crate) mod reply;
mod search;
mod site;
mod sync;
mod users;

pub(crate) use endpoint::{Endpoint, Route, answering, join, recover};
pub(crate) use operations::health;

use std::sync::Arc;

use crate::context::Context;
use crate::ws;

/// Returns the documented endpoints in the order of the document.
pub(crate) fn endpoints(context: &Arc<Context>) -> Vec<Endpoint> {
    [
        auth::routes(context),
        users::routes(context),
        contacts::routes(context),
        blocks::routes(context),
        presence::routes(context),
        conversations::routes(context),
        members::routes(context),
        messages::routes(context),
        reactions::routes(context),
        receipts::routes(context),
        search::routes(context),
        sync::routes(context),
        ws::routes(context),
        operations::routes(context),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns everything that the public listener serves, and what the document knows of it.
pub(crate) fn routes(context: &Arc<Context>) -> (Route, Vec<(http::Method, &'static str)>) {
    let endpoints = endpoints(context);
    let served = endpoints
        .iter()
        .map(|endpoint| (endpoint.method.clone(), endpoint.template))
        .collect();
    let documents = docs::routes(&endpoints);
    let mut routes: Vec<_> = endpoints.into_iter().map(|endpoint| endpoint.route).collect();
    routes.extend(documents);
    routes.push(site::route());
    (recover(join(routes)), served)
}

#[cfg(test)]
mod tests;
