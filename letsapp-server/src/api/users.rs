//! `/v1/me` and `/v1/users`: the profiles of the current user and of others.

use std::sync::Arc;

use letsapp_core::domain::id::UserId;
use letsapp_core::domain::user::{NamePosition, ProfilePatch};
use letsapp_core::protocol::requests::{DeleteAccount, UpdateMe};
use letsapp_core::protocol::{List, MyProfile, User};
use letsapp_core::services::users::UserError;
use warp::Filter;

use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::security_log::{Account, Outcome, SecurityEvent, record};
use crate::server_context::ServerContext;

/// Maximum length of the text to search users by, in characters: that of a search for messages, and far longer than
/// any name.
const MAX_QUERY_CHARS: usize = 256;

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let me = || warp::path!("v1" / "me");
    let context = request_context(server);
    vec![
        Endpoint::new::<__path_me>(me().and(warp::get()).and(context.clone()).then(self::me)),
        Endpoint::new::<__path_update_me>(me().and(warp::patch()).and(context.clone()).and(json()).then(update_me)),
        Endpoint::new::<__path_delete_me>(
            me().and(warp::delete())
                .and(context.clone())
                .and(json())
                .then(delete_me),
        ),
        Endpoint::new::<__path_find>(
            warp::path!("v1" / "users" / UserId)
                .and(warp::get())
                .and(context.clone())
                .then(find),
        ),
        Endpoint::new::<__path_search>(warp::path!("v1" / "users").and(warp::get()).and(context).then(search)),
    ]
}

/// Returns the profile of the current user.
#[utoipa::path(get, path = "/v1/me", tag = "users", responses((status = 200, body = MyProfile)),
    security(("bearer" = [])))]
async fn me(context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    reply::ok(&context.app().users().me(&principal).await?)
}

/// Changes the profile of the current user.
#[utoipa::path(patch, path = "/v1/me", tag = "users", request_body = UpdateMe,
    responses((status = 200, body = MyProfile), (status = 409, description = "The email is taken")),
    security(("bearer" = [])))]
async fn update_me(context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<UpdateMe>().await?;
    let is_about_email = request.email.is_some();
    let updated = context
        .app()
        .users()
        .update_me(&principal, ProfilePatch::from(request))
        .await;
    if is_about_email {
        let outcome = match &updated {
            Ok(_) => Outcome::Done,
            Err(UserError::Store(_)) => Outcome::Failed,
            Err(_) => Outcome::Refused,
        };
        record(SecurityEvent::EmailChange, &Account::Id(principal.user_id), outcome);
    }
    reply::ok(&updated?)
}

/// Deletes the account of the current user.
///
/// Ends all its sessions and leaves all its groups. The username is never assigned again. Its messages remain, from a
/// deleted user.
#[utoipa::path(delete, path = "/v1/me", tag = "users", request_body = DeleteAccount,
    responses((status = 204), (status = 403, description = "The password is wrong")), security(("bearer" = [])))]
async fn delete_me(context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<DeleteAccount>().await?;
    let deleted = context.app().erasure().delete_account(&principal, request);
    let account = Account::Id(principal.user_id);
    context
        .check_password(SecurityEvent::AccountDeletion, account, deleted)
        .await?;
    reply::done()
}

/// Returns the profile of a user.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", params(("id" = UserId, Path)),
    responses((status = 200, body = User), (status = 404)), security(("bearer" = [])))]
async fn find(id: UserId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    reply::ok(&context.app().users().find(&principal, id).await?)
}

/// Searches users whose username or display name begins with the query.
#[utoipa::path(get, path = "/v1/users", tag = "users",
    params(("query" = String, Query, max_length = 256), ("limit" = Option<u64>, Query, minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<User>)), security(("bearer" = [])))]
async fn search(context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    let mut query = context.query();
    let (prefix, limit) = (query.required_at_most("query", MAX_QUERY_CHARS), query.limit());
    let list = format!("users:{prefix}");
    let after: Option<NamePosition> = query.cursor(context.app().cursor_key(), &list)?;
    let page = context
        .app()
        .users()
        .search(&principal, &prefix, after.as_ref(), limit)
        .await?;
    reply::page(&context, &list, page)
}
