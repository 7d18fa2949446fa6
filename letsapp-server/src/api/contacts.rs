//! `/v1/contacts`: the contact list of the current user.

use std::sync::Arc;

use letsapp_core::domain::id::UserId;
use letsapp_core::protocol::requests::PutContact;
use letsapp_core::protocol::{Contact, List};
use warp::Filter;

use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::server_context::ServerContext;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let all = || warp::path!("v1" / "contacts");
    let one = || warp::path!("v1" / "contacts" / UserId);
    let (context, json) = (request_context(server), json());
    vec![
        Endpoint::new::<__path_list>(all().and(warp::get()).and(context.clone()).then(list)),
        Endpoint::new::<__path_put>(one().and(warp::put()).and(context.clone()).and(json).then(put)),
        Endpoint::new::<__path_remove>(one().and(warp::delete()).and(context).then(remove)),
    ]
}

/// Lists the contacts of the current user, ordered by user id.
#[utoipa::path(get, path = "/v1/contacts", tag = "contacts",
    params(("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<Contact>)), security(("bearer" = [])))]
async fn list(context: RequestContext) -> Answer {
    const LIST: &str = "contacts";
    let principal = context.principal().await?;
    let mut query = context.query();
    let limit = query.limit();
    let after = query.cursor(context.app().cursor_key(), LIST)?;
    let page = context.app().contacts().list(&principal, after, limit).await?;
    reply::page(&context, LIST, page)
}

/// Adds a user to the contacts, or changes their alias; they are not notified.
#[utoipa::path(put, path = "/v1/contacts/{user_id}", tag = "contacts", params(("user_id" = UserId, Path)),
    request_body = Option<PutContact>, responses((status = 200, body = Contact), (status = 404)),
    security(("bearer" = [])))]
async fn put(user_id: UserId, context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read_if_any::<PutContact>().await?;
    reply::ok(&context.app().contacts().put(&principal, user_id, request.alias).await?)
}

/// Removes a user from the contacts.
#[utoipa::path(delete, path = "/v1/contacts/{user_id}", tag = "contacts", params(("user_id" = UserId, Path)),
    responses((status = 204, description = "The user is not a contact")), security(("bearer" = [])))]
async fn remove(user_id: UserId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context.app().contacts().remove(&principal, user_id).await?;
    reply::done()
}
